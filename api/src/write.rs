//! The one write path: load the state, decide, append, answer.
//!
//! One task a process gathers the commands that are waiting, decides them in order on the states it keeps at hand, and what
//! follows from them with them, and appends everything in one commit, while the next ones are decided. Nobody gets an
//! answer before that commit, whatever the answer is: a refusal may rest on an event of the same batch. Where another
//! process was first, everything is decided again, the careful way.

mod appender;
mod batch;
mod keys;
mod patience;
mod settled;
mod stage;
mod states;

use crate::commands::Fault;
use appender::Appender;
use mizan_domain::event::{Command, Event, Refusal, StreamName};
use mizan_domain::id::MerchantId;
use mizan_domain::metadata::{Metadata, event_id};
use mizan_domain::text::Text;
use mizan_domain::wire;
use mizan_store::{Log, Position, Unreadable};
pub use settled::Settled;
use states::StreamKey;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Commands that may wait; beyond it the answer is [`NotDone::Busy`].
pub const QUEUE_COMMANDS_MAX: usize = 10_000;
/// Commands that are appended in one commit.
pub const BATCH_COMMANDS_MAX: usize = 1_000;
/// Streams whose state is kept at hand.
pub const CACHE_STREAMS_MAX: usize = 20_000;

/// The circumstances of a command.
#[derive(Debug, Clone)]
pub struct Context {
    /// Whose.
    pub merchant: MerchantId,
    /// Who asks.
    pub actor: Text,
    /// Event ids derive from it.
    pub command_id: Uuid,
    /// The first command of the story.
    pub correlation_id: Uuid,
    /// The event that a policy answers.
    pub causation_id: Option<Uuid>,
    /// The W3C `traceparent`.
    pub trace: Option<Text>,
    /// The idempotency key.
    pub key: Option<Key>,
    /// The revision that the stream must have (`If-Match`).
    pub expected: Option<i64>,
    /// Decide, and append nothing.
    pub dry_run: bool,
}

/// An idempotency key, and what was said under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// SHA-256 of the key.
    pub hash: Vec<u8>,
    /// SHA-256 of the command's name and content.
    pub fingerprint: Vec<u8>,
}

/// A command was done, or had been done before.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The stream that decided.
    pub stream: StreamName,
    /// Its revision after the command.
    pub revision: i64,
    /// The position of the stream's last event then; none where there is none yet, or in a dry run.
    pub position: Option<Position>,
    /// What happened; nothing when the same had been said before.
    pub events: Vec<Happened>,
    /// Whether this is the first answer to a repeated idempotency key.
    pub replayed: bool,
    /// Whether everything that follows from it is recorded with it, so that nobody has to see to it.
    pub is_settled: bool,
}

/// An event that a command made.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// Its place in the history; none in a dry run.
    pub position: Option<Position>,
    /// Its place in the stream.
    pub revision: i64,
    /// Its id.
    pub event_id: Uuid,
    /// What happened, with its version.
    pub kind: &'static str,
    /// The exact bytes that are kept.
    pub payload: Arc<[u8]>,
    /// What happened.
    pub event: Arc<Event>,
}

impl Happened {
    /// The events of a command on a stream at a revision, written as they are kept.
    ///
    /// # Errors
    /// [`NotDone::Unavailable`] for an event that cannot be written, which no decider makes.
    pub(crate) fn all(events: Vec<Event>, before: i64, command_id: Uuid) -> Result<Vec<Self>, NotDone> {
        let numbered = events.into_iter().zip(before + 1..).enumerate();
        let happened = numbered.map(|(ordinal, (event, revision))| {
            let written = wire::write(&event).map_err(|error| NotDone::Unavailable(error.to_string()))?;
            let (kind, payload, event) = (written.kind, written.payload.into(), Arc::new(event));
            Ok(Self { position: None, revision, event_id: event_id(command_id, ordinal), kind, payload, event })
        });
        happened.collect()
    }
}

/// Why a command was not done. Nothing has happened then, except for [`NotDone::Unavailable`]: after it, the command
/// may or may not have been recorded, and is safe to send again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotDone {
    /// The rules refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be read with what is known now.
    #[error("{}", .0.message)]
    Misread(Fault),
    /// Nobody says what an asset costs.
    #[error("{0}; send the same command again, or say rate and source")]
    NoRate(String),
    /// `If-Match` names another revision.
    #[error("the stream is at revision {actual}, not {expected}; read it again and decide anew")]
    Stale {
        /// What `If-Match` said.
        expected: i64,
        /// What it is.
        actual: i64,
    },
    /// The idempotency key was used for something else.
    #[error("this idempotency key was used for another command; use a new key")]
    KeyReused,
    /// Too many commands wait.
    #[error("{QUEUE_COMMANDS_MAX} commands are waiting; send this one again in a moment")]
    Busy,
    /// The database does not answer.
    #[error("the event log does not answer; send the same command again: {0}")]
    Unavailable(String),
    /// A stored event cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The store takes no event of this size.
    #[error("the command makes {bytes} bytes of events, and the event log takes {bytes_max} at once; say it in parts")]
    TooLarge {
        /// What it makes.
        bytes: usize,
        /// What the store takes.
        bytes_max: usize,
    },
    /// Other processes changed the stream each time.
    #[error("the stream was changed by others at every attempt; send the command again")]
    Contended,
}

type Answer = Result<Done, NotDone>;

pub(crate) struct Job {
    pub(crate) command: Command,
    pub(crate) context: Context,
    pub(crate) reply: oneshot::Sender<Answer>,
    /// Whether to look up first what was hoped for: that the idempotency key is new, and the stream where it begins one.
    pub(crate) look_up: bool,
}

/// The way in. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    settled: Arc<Settled>,
}

impl Writer {
    /// Starts the appender. `appended` is called after each commit that made events.
    #[must_use]
    pub fn start(log: Log, appended: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (jobs, waiting) = mpsc::channel::<Job>(QUEUE_COMMANDS_MAX);
        let settled = Arc::new(Settled::default());
        tokio::spawn(Appender::new(log, appended, Arc::clone(&settled)).run(waiting));
        Self { jobs, settled }
    }

    /// The part of the history that needs nobody to follow it.
    #[must_use]
    pub fn settled(&self) -> &Settled {
        &self.settled
    }

    /// Decides and appends a command. A caller that goes away has lost only the answer; what then is left to do, where
    /// [`Done::is_settled`] would have said so, is the follower's.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn ask(&self, command: Command, context: Context) -> Result<Done, NotDone> {
        let (reply, answer) = oneshot::channel();
        let job = Job { command, context, reply, look_up: false };
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotDone::Busy,
            mpsc::error::TrySendError::Closed(_) => NotDone::Unavailable("the service is stopping".into()),
        })?;
        answer.await.map_err(|_| NotDone::Unavailable("the service is stopping".into()))?
    }
}

fn to_metadata(context: &Context) -> Metadata {
    Metadata {
        merchant_id: context.merchant.clone(),
        actor: context.actor.clone(),
        command_id: context.command_id,
        correlation_id: context.correlation_id,
        causation_id: context.causation_id,
        trace: context.trace.clone(),
    }
}

fn to_bytes(metadata: &Metadata) -> Result<Vec<u8>, NotDone> {
    serde_json::to_vec(metadata).map_err(|error| NotDone::Unavailable(error.to_string()))
}

fn stream_key(job: &Job) -> StreamKey {
    (job.context.merchant.clone(), job.command.stream())
}

fn send(reply: oneshot::Sender<Answer>, answer: Answer) {
    // A caller that went away has lost only the answer.
    let _gone = reply.send(answer);
}

fn answer_all(jobs: impl IntoIterator<Item = Job>, not_done: &NotDone) {
    for job in jobs {
        send(job.reply, Err(not_done.clone()));
    }
}
