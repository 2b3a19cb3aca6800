//! What follows from a command: the policies' commands, done at once, and the guarantee behind it.
//!
//! The appender decides and commits what follows from a command together with it, and this is passed over here. Where it
//! could not (another process was first, or the store takes one stream at a time), whoever took the command does it before
//! it answers, and a follower reads the history behind it and does the same again: mostly nothing, because the same
//! sentence said twice is one fact, and everything after a crash in between.

use crate::write::{Context, Done, Happened, NotDone, Writer};
use mizan_domain::Invalid;
use mizan_domain::customer;
use mizan_domain::event::{Command, Event};
use mizan_domain::id::MerchantId;
use mizan_domain::metadata::reaction_id;
use mizan_domain::policy;
use mizan_domain::text::Text;
use mizan_store::vault::{Vault, VaultError};
use mizan_store::{Log, Recorded};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How often the follower looks whether something was left undone.
const FOLLOW_EVERY_MS: u64 = 500;
/// How many events it takes at a time.
const FOLLOW_EVENTS_MAX: i64 = 1_000;
/// The kind of event that ends with the destruction of a key.
pub(crate) const FORGOTTEN: &str = "customer-erased.v1";
/// The ordinal of the command that records a policy's refused command, far beyond the ordinals of the commands.
pub(crate) const ON_REFUSAL: usize = 1_000_000;

/// Who does the commands of policies: the writer for good, a preview without writing.
pub trait Ask {
    /// Does a command.
    fn ask(&mut self, command: Command, context: Context) -> impl Future<Output = Result<Done, NotDone>> + Send;
}

impl Ask for Writer {
    fn ask(&mut self, command: Command, context: Context) -> impl Future<Output = Result<Done, NotDone>> + Send {
        Writer::ask(self, command, context)
    }
}

/// An event, and the circumstances that its consequences inherit.
struct Cause {
    event: Arc<Event>,
    event_id: uuid::Uuid,
    context: Context,
}

/// Does everything that follows from a command and was not recorded with it, and gives back what happened.
///
/// # Errors
/// [`NotDone`] when the log does not answer; the follower does the rest then.
pub async fn settle(asked: &mut impl Ask, context: &Context, done: &Done) -> Result<Vec<Done>, NotDone> {
    if done.is_settled {
        return Ok(Vec::new());
    }
    let causes = done.events.iter().map(|it| to_cause(it, context)).collect();
    follow_from(asked, causes).await
}

fn to_cause(it: &Happened, context: &Context) -> Cause {
    Cause { event: Arc::clone(&it.event), event_id: it.event_id, context: context.clone() }
}

async fn follow_from(asked: &mut impl Ask, mut causes: VecDeque<Cause>) -> Result<Vec<Done>, NotDone> {
    let mut consequences = Vec::new();
    while let Some(cause) = causes.pop_front() {
        for (ordinal, command) in policy::react(&cause.event).into_iter().enumerate() {
            let mut context = reaction(&cause.context, cause.event_id, ordinal)?;
            let answer = match asked.ask(command.clone(), context.clone()).await {
                Err(NotDone::Refused(refusal)) => {
                    tracing::info!(%refusal, stream = %command.stream(), "a policy's command was refused");
                    let Some(recorded) = policy::on_refusal(&cause.event, &command) else { continue };
                    context = reaction(&cause.context, cause.event_id, ON_REFUSAL + ordinal)?;
                    asked.ask(recorded, context.clone()).await
                }
                other => other,
            };
            let done = match answer {
                Ok(done) => done,
                Err(NotDone::Refused(refusal)) => {
                    tracing::warn!(%refusal, stream = %command.stream(), "what a policy wanted to record was refused");
                    continue;
                }
                Err(not_done) => return Err(not_done),
            };
            if !done.is_settled {
                causes.extend(done.events.iter().map(|it| to_cause(it, &context)));
            }
            consequences.push(done);
        }
    }
    Ok(consequences)
}

/// The circumstances of the `ordinal`-th command that answers an event.
pub(crate) fn reaction(context: &Context, event_id: uuid::Uuid, ordinal: usize) -> Result<Context, NotDone> {
    static POLICY: LazyLock<Result<Text, Invalid>> = LazyLock::new(|| Text::parse("policy"));
    let actor = POLICY.as_ref().map_err(|error| NotDone::Unavailable(error.to_string()))?;
    Ok(Context {
        actor: actor.clone(),
        command_id: reaction_id(event_id, ordinal),
        causation_id: Some(event_id),
        key: None,
        expected: None,
        ..context.clone()
    })
}

/// Destroys the keys of customers who were erased. Where that fails, the follower does it.
pub async fn forget(vault: &Vault, merchant: &MerchantId, events: impl Iterator<Item = &Event>) {
    for it in events {
        if let Err(error) = forget_one(vault, merchant, it).await {
            tracing::warn!(%error, "the key of an erased customer is left to the follower");
        }
    }
}

async fn forget_one(vault: &Vault, merchant: &MerchantId, event: &Event) -> Result<(), VaultError> {
    match event {
        Event::Customer(customer::Event::Erased(it)) => vault.destroy(merchant, it.customer_id.as_str()).await,
        Event::Customer(customer::Event::Recorded(_))
        | Event::Order(_)
        | Event::Payment(_)
        | Event::Credit(_)
        | Event::Plan(_)
        | Event::Clock(_)
        | Event::Period(_)
        | Event::Wallet(_)
        | Event::Invoice(_)
        | Event::Deposit(_)
        | Event::Holding(_)
        | Event::Payout(_) => Ok(()),
    }
}

/// Follows the history for ever and does what was left undone.
pub async fn follow(log: Log, mut writer: Writer, vault: Vault) {
    loop {
        match catch_up(&log, &mut writer, &vault).await {
            Ok(true) => continue,
            Ok(false) => (),
            Err(error) => tracing::warn!(%error, "the policies could not follow the history; they try again"),
        }
        tokio::time::sleep(Duration::from_millis(FOLLOW_EVERY_MS)).await;
    }
}

/// Answers the next events; whether there may be more.
///
/// # Errors
/// What the log or the writer said; the checkpoint has not moved then.
pub async fn catch_up(
    log: &Log,
    writer: &mut Writer,
    vault: &Vault,
) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let from = log.policy_checkpoint().await?;
    let (settled_after, settled_up_to) = writer.settled().part();
    if settled_after <= from && from < settled_up_to {
        log.move_policy_checkpoint(settled_up_to).await?;
        return Ok(false);
    }
    let head = log.head().await?;
    if head <= from {
        return Ok(false);
    }
    // Whatever comes after that is recorded with all that follows from it.
    let head = if settled_after > from { head.min(settled_after) } else { head };
    let kinds: Vec<&str> = policy::ANSWERED.into_iter().chain([FORGOTTEN]).collect();
    let stored = log.read_kinds((from, head), &kinds, FOLLOW_EVENTS_MAX).await?;
    let is_full = i64::try_from(stored.len()).is_ok_and(|read| read == FOLLOW_EVENTS_MAX);
    let reached = stored.last().map_or(head, |last| if is_full { last.position } else { head });
    for stored in stored {
        let recorded = Recorded::try_from(stored)?;
        forget_one(vault, &recorded.metadata.merchant_id, &recorded.event).await?;
        let context = Context {
            merchant: recorded.metadata.merchant_id.clone(),
            actor: recorded.metadata.actor.clone(),
            command_id: recorded.metadata.command_id,
            correlation_id: recorded.metadata.correlation_id,
            causation_id: None,
            trace: recorded.metadata.trace.clone(),
            key: None,
            expected: None,
            dry_run: false,
        };
        let cause = Cause { event: recorded.event, event_id: recorded.event_id, context };
        follow_from(writer, VecDeque::from([cause])).await?;
    }
    log.move_policy_checkpoint(reached).await?;
    Ok(is_full)
}
