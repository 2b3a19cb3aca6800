//! The contract of the event log.
//!
//! Whatever keeps it: an append is taken whole at an exact revision or not at all, and once however often it is sent;
//! everybody reads the same events in the same order, each once; an append is answered when its events have their
//! positions and can be read. Positions are 1, 2, 3... without holes. What a [`Batch`] makes in
//! one stream stands together; a [`WholeBatch`] stands in the order in which it was decided.

mod filter;
mod stores;

pub use filter::{Found, HistoryFilter};
pub use stores::Log;

use chrono::{DateTime, Utc};
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// The most events that one read gives.
pub const READ_EVENTS_MAX: i64 = 10_000;

/// A place in the history: 1 is the first event, 0 is before it. Dense and in the order of commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, sqlx::Type)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct Position(i64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position with this number; negative ones are the start.
    #[must_use]
    pub fn new(number: i64) -> Self {
        Self(number.max(0))
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }

    /// The position before this one.
    #[must_use]
    pub fn before(self) -> Self {
        Self::new(self.0.saturating_sub(1))
    }

    /// The position of the event that is `n` events after this one in the same append.
    #[must_use]
    pub fn of_nth_after(self, n: i64) -> Self {
        Self(self.0.saturating_add(n.max(0)))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event on its way in.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Derived from its command.
    pub event_id: Uuid,
    /// For example `payment-captured.v1`.
    pub kind: &'static str,
    /// The exact bytes to keep.
    pub payload: Vec<u8>,
    /// The exact bytes to keep.
    pub metadata: Vec<u8>,
}

/// An idempotency key that one of the appended commands carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The key's hash.
    pub key: Vec<u8>,
    /// The hash of what the command said.
    pub fingerprint: Vec<u8>,
    /// The revision of its first event.
    pub first_revision: i64,
    /// The revision of its last event; one less than the first when it made none.
    pub last_revision: i64,
}

/// Events for one stream that is expected at a revision.
#[derive(Debug, Clone)]
pub struct StreamAppend {
    /// Whose.
    pub merchant: MerchantId,
    /// Which stream.
    pub stream: StreamName,
    /// The revision it was decided on; 0 for a stream without events.
    pub expected: i64,
    /// In order.
    pub events: Vec<NewEvent>,
    /// The idempotency keys of the commands behind them.
    pub keys: Vec<Keyed>,
}

/// Appends for several streams, each stream once. One that names a stream twice is refused whole.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// In any order; the answer keeps it.
    pub streams: Vec<StreamAppend>,
}

/// Events of several streams in the order in which they were decided, to be taken all together or not at all.
#[derive(Debug, Clone, Default)]
pub struct WholeBatch {
    /// Each stream once.
    pub streams: Vec<WholeStream>,
    /// In the order of the history that they become.
    pub events: Vec<WholeEvent>,
    /// The idempotency keys of the commands behind them, each with the number of its stream in `streams`.
    pub keys: Vec<(usize, Keyed)>,
}

/// A stream of a batch that is taken whole.
#[derive(Debug, Clone)]
pub struct WholeStream {
    /// Whose.
    pub merchant: MerchantId,
    /// Which stream.
    pub stream: StreamName,
    /// The revision that its first event was decided on; 0 for a stream without events.
    pub expected: i64,
    /// How many of the events are its own; none where only a key speaks of it.
    pub count: i32,
}

/// An event on its way in, in a batch that is taken whole.
#[derive(Debug, Clone)]
pub struct WholeEvent {
    /// The number of its stream in the batch, from 0.
    pub stream: usize,
    /// Its place in the stream.
    pub revision: i64,
    /// Derived from its command.
    pub event_id: Uuid,
    /// For example `payment-captured.v1`.
    pub kind: &'static str,
    /// The exact bytes to keep.
    pub payload: Arc<[u8]>,
    /// The exact bytes to keep.
    pub metadata: Arc<[u8]>,
}

/// What became of a batch that was to be taken whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Everything is durable, one event after the other; or was already, byte for byte: a batch sent again.
    Whole {
        /// The position of the first event; none for a batch without events.
        first: Option<Position>,
        /// When they were recorded.
        recorded_at: Option<DateTime<Utc>>,
    },
    /// Nothing of it was written: a stream is not where it was expected, a key was used before, or the store cannot take
    /// events of several streams together. [`Batch`] says which stream it is.
    Not,
}

/// What became of one stream of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The events are durable, or were already, byte for byte: a batch sent again.
    Appended {
        /// The position of the first event; none for an append without events.
        first: Option<Position>,
        /// When they were recorded.
        recorded_at: Option<DateTime<Utc>>,
    },
    /// Somebody else appended first: nothing of this stream was written.
    Conflict,
    /// One of the keys was used before, or by another stream of the batch: nothing of this stream was written. It is
    /// also the answer to an append without events that is sent again, since nothing but its keys tells it apart.
    KeyUsed,
    /// The store takes less in one append: nothing of this stream was written.
    TooLarge {
        /// What it would have been.
        bytes: usize,
        /// What the store takes.
        bytes_max: usize,
    },
}

/// What an idempotency key was used for.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct KnownKey {
    /// The key's hash.
    pub key: Vec<u8>,
    /// The hash of what the command said.
    pub fingerprint: Vec<u8>,
    /// The stream it spoke to.
    pub category: String,
    /// The stream it spoke to.
    pub name: String,
    /// The revision of its first event.
    pub first_revision: i64,
    /// The revision of its last event.
    pub last_revision: i64,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Stored {
    /// Its place in the history.
    pub position: Position,
    /// Whose.
    pub merchant_id: String,
    /// The stream's category.
    pub category: String,
    /// The stream's name in it.
    pub name: String,
    /// Its place in the stream, from 1.
    pub revision: i64,
    /// Derived from its command.
    pub event_id: Uuid,
    /// What happened, with its version.
    pub kind: String,
    /// When it was made durable; never goes back along the positions.
    pub recorded_at: DateTime<Utc>,
    /// The exact bytes.
    pub payload: Vec<u8>,
    /// The exact bytes.
    pub metadata: Vec<u8>,
}

/// Why the log did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The database did not answer, or refused. Whether an append happened is then not known; the same batch can be
    /// sent again and is taken once.
    #[error("the event log's database did not answer: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the event log's tables could not be made: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The function answered something that it cannot.
    #[error("the event log answered outcome {0:?}, which this version does not know")]
    UnknownOutcome(String),
    /// The store did not answer, or refused. Whether an append happened is then not known, as for
    /// [`LogError::Database`].
    #[error("EventStoreDB did not answer: {0}")]
    Store(String),
    /// What is kept is not what it was. Nothing is read past it.
    #[error("the history after position {after} is not what it was: {reason}")]
    Broken {
        /// The last good position.
        after: Position,
        /// What is wrong.
        reason: String,
    },
    /// This store cannot be used for this history, or not in this way.
    #[error("{0}")]
    Misplaced(String),
}
