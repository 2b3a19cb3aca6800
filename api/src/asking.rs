//! What clients ask, before it is a command: some commands need what only the engine has, and are completed there.
//!
//! Personal values are sealed before anything else sees them, the books of a period are taken and signed, and amounts of
//! assets get their decimals and rates. Nothing is decided here.

mod later;

use crate::engine::Engine;
use crate::write::{Context, NotDone};
use chrono::{DateTime, NaiveDate, Utc};
use mizan_domain::customer::{self, Customer, Details};
use mizan_domain::event::{Command, StreamName};
use mizan_domain::id::{CustomerId, MerchantId};
use mizan_domain::period::{self, Periods, Statement};
use mizan_domain::text::Text;
use mizan_domain::{Decider, Entry};
use mizan_projections::{Moment, accounts};
use mizan_store::Position;
use mizan_store::seal::{SealError, sealer};
use mizan_store::vault::VaultError;
use sha2::{Digest, Sha256};
use std::time::Duration;

pub use later::Later;
pub(crate) use later::{Known, Needs, RateNeeded};

/// How long a trial balance waits for the read models.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A command, or what will become one.
#[derive(Debug)]
pub enum Asking {
    /// A command as it is.
    Command(Command),
    /// Who a customer is, still to be sealed.
    Customer(PlainCustomer),
    /// A command about an asset, still to be read with what is known of it.
    Later(Box<Later>),
    /// The books up to a day, still to be taken and signed.
    Close {
        /// The last day.
        until: NaiveDate,
        /// When it was said.
        at: DateTime<Utc>,
    },
}

/// Who a customer is, in plain text: it is sealed and dropped, and never shown or logged.
pub struct PlainCustomer {
    pub(crate) customer_id: CustomerId,
    pub(crate) details: Details<Text>,
    pub(crate) at: DateTime<Utc>,
}

impl std::fmt::Debug for PlainCustomer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlainCustomer({})", self.customer_id)
    }
}

impl From<Command> for Asking {
    fn from(command: Command) -> Self {
        Self::Command(command)
    }
}

impl Asking {
    /// The stream that will decide it.
    #[must_use]
    pub fn stream(&self) -> StreamName {
        match self {
            Self::Command(it) => it.stream(),
            Self::Customer(it) => StreamName { category: Customer::CATEGORY, id: it.customer_id.as_str().into() },
            Self::Later(it) => it.stream.clone(),
            Self::Close { .. } => StreamName { category: Periods::CATEGORY, id: period::NAME.into() },
        }
    }

    /// The command.
    ///
    /// # Errors
    /// [`NotDone`]: refused, or what it needs cannot be had now.
    pub(crate) async fn complete(self, engine: &Engine, context: &mut Context) -> Result<Command, NotDone> {
        match self {
            Self::Command(command) => Ok(command),
            Self::Customer(it) => sealed(engine, context, it).await,
            Self::Later(it) => it.complete(engine, context).await,
            Self::Close { until, at } => {
                let statement = taken(engine, &context.merchant, until).await?;
                Ok(Command::Period(period::Command::Close(period::Close { until, statement, at })))
            }
        }
    }
}

async fn sealed(engine: &Engine, context: &mut Context, it: PlainCustomer) -> Result<Command, NotDone> {
    let PlainCustomer { customer_id, details, at } = it;
    let sealed = engine.vault.seal(&context.merchant, customer_id.as_str(), details).await;
    let details = sealed.map_err(|error| match error {
        VaultError::Destroyed => NotDone::Refused(customer::Refusal::Erased.into()),
        VaultError::File { .. } | VaultError::NoKey { .. } | VaultError::Damaged(_) | VaultError::Database(_) => {
            tracing::error!(%error, "a personal value was not sealed");
            NotDone::Unavailable("personal values cannot be sealed now".to_owned())
        }
    })?;
    if let Some(key) = &mut context.key {
        // A hash of what was said would say it to whoever guesses; that of the sealed values says nothing.
        let content = serde_json::to_vec(&details).map_err(|error| NotDone::Unavailable(error.to_string()))?;
        key.fingerprint = Sha256::new().chain_update(customer_id.as_str()).chain_update(content).finalize().to_vec();
    }
    Ok(Command::Customer(customer::Command::Record(customer::Record { customer_id, details, at })))
}

/// The books of all that is recorded now, up to a day, signed.
async fn taken(engine: &Engine, merchant: &MerchantId, until: NaiveDate) -> Result<Statement, NotDone> {
    let not_now = |why: String| NotDone::Unavailable(why);
    let through = engine.log.head().await.map_err(|error| not_now(error.to_string()))?;
    let reached = engine.projector.wait_for(through, WAIT_MAX).await;
    reached.map_err(|lagging| not_now(lagging.to_string()))?;
    let reads = engine.reads.at(Moment { as_of: Some(through), effective_at: None });
    let balances = accounts::balances(&reads, merchant, until).await.map_err(|error| not_now(error.to_string()))?;
    let trial_balance = Entry::of_balances(balances).map_err(not_now)?;
    let note = signed(engine, |origin| note_text(origin, merchant, until, through, &trial_balance)).await?;
    Ok(Statement { through: through.number().unsigned_abs(), trial_balance, note })
}

fn note_text(origin: &str, merchant: &MerchantId, until: NaiveDate, through: Position, books: &Entry) -> String {
    period::note_text(origin, merchant, until, through.number().unsigned_abs(), books)
}

async fn signed(engine: &Engine, text: impl Fn(&str) -> String) -> Result<String, NotDone> {
    sealer::sign_statement(&engine.log, &engine.data_dir, text).await.map_err(|error| match error {
        SealError::Halted(why) => {
            tracing::error!(%why, "a trial balance was not signed");
            NotDone::Unavailable(format!("the trial balance cannot be signed now: {why}"))
        }
        SealError::Database(error) => NotDone::Unavailable(error.to_string()),
        SealError::Log(error) => NotDone::Unavailable(error.to_string()),
    })
}
