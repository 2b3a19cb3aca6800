//! The contract of the event log, and the closed choice of who keeps it.
//!
//! Whatever keeps it: an append is taken whole at an exact revision or not at all, and once however often it is sent;
//! everybody reads the same events in the same order, each once; an append is answered when its events have their
//! positions and can be read. Positions are 1, 2, 3... without holes. What an append makes in one stream stands together.

mod filter;

pub use filter::{Found, HistoryFilter};

#[cfg(feature = "eventstoredb")]
use crate::esdb;
use crate::postgres;
use crate::seal::Leaf;
use crate::seal::scan::scan;
use chrono::{DateTime, Utc};
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use sqlx::{FromRow, PgConnection, PgPool};
use std::fmt;
use std::ops::ControlFlow;
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

/// The event log, in the store that keeps it.
#[derive(Debug, Clone)]
pub enum Log {
    /// PostgreSQL has everything.
    Postgres(postgres::Store),
    /// EventStoreDB has the events, PostgreSQL their positions.
    #[cfg(feature = "eventstoredb")]
    EventStoreDb(esdb::Store),
}

/// Asks whoever keeps the history. What EventStoreDB does is boxed, so that nobody on PostgreSQL carries its futures.
macro_rules! ask {
    ($log:expr, $it:ident => $asked:expr) => {
        match $log {
            Log::Postgres($it) => $asked.await,
            #[cfg(feature = "eventstoredb")]
            Log::EventStoreDb($it) => Box::pin($asked).await,
        }
    };
}

impl Log {
    /// The history on PostgreSQL: connects, and brings the log's tables up to date.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn connect(options: PgConnectOptions, connections_max: u32) -> Result<Self, LogError> {
        Ok(Self::Postgres(postgres::Store::connect(options, connections_max).await?))
    }

    /// The history on EventStoreDB (`esdb://...`), its positions and everything else on PostgreSQL. Returns when every
    /// event that is there has its position.
    ///
    /// # Errors
    /// [`LogError`]; [`LogError::Misplaced`] also from a program that was built without EventStoreDB.
    pub async fn connect_eventstoredb(
        options: PgConnectOptions,
        connections_max: u32,
        address: &str,
    ) -> Result<Self, LogError> {
        #[cfg(feature = "eventstoredb")]
        return Ok(Self::EventStoreDb(Box::pin(esdb::Store::connect(options, connections_max, address)).await?));
        #[cfg(not(feature = "eventstoredb"))]
        {
            let _ = (options, connections_max, address);
            Err(LogError::Misplaced("this program was built without EventStoreDB (feature `eventstoredb`)".into()))
        }
    }

    /// The guarded pool, for read models in the same database.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        match self {
            Self::Postgres(it) => it.pool(),
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(it) => it.pool(),
        }
    }

    /// Appends a batch; durable, and to be read by everybody, when it returns. Answers in the order of the batch.
    ///
    /// # Errors
    /// [`LogError`]; the batch, or some of its streams, may or may not be there then, and may be sent again as it is. A
    /// caller that goes away before the answer leaves it in the same doubt.
    pub async fn append(&self, batch: &Batch) -> Result<Vec<Outcome>, LogError> {
        ask!(self, it => it.append(batch))
    }

    /// The events of some streams, whole, in the order of each stream.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn streams(&self, streams: &[(MerchantId, StreamName)]) -> Result<Vec<Stored>, LogError> {
        ask!(self, it => it.streams(streams))
    }

    /// The next events after a position, in order; at most `limit` and [`READ_EVENTS_MAX`].
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn read(&self, after: Position, limit: i64) -> Result<Vec<Stored>, LogError> {
        ask!(self, it => it.read(after, limit))
    }

    /// The next events of some kinds after a position and up to another, in order.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn read_kinds(
        &self,
        range: (Position, Position),
        kinds: &[&str],
        limit: i64,
    ) -> Result<Vec<Stored>, LogError> {
        ask!(self, it => it.read_kinds(range, kinds, limit))
    }

    /// A merchant's next events between two positions, in order; at most `limit` and [`READ_EVENTS_MAX`].
    ///
    /// Where little of a long history is wanted, it gives up after some seconds with what it has found, which may be
    /// nothing; `reached` is then before the end of the range.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn history(
        &self,
        merchant: &MerchantId,
        filter: &HistoryFilter,
        range: (Position, Position),
        limit: i64,
    ) -> Result<Found, LogError> {
        ask!(self, it => it.history(merchant, filter, range, limit))
    }

    /// The last event that was recorded before a moment; the start, where none was. None where somebody has cut a hole
    /// into the history and it cannot be found.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn last_before(&self, moment: DateTime<Utc>) -> Result<Option<Position>, LogError> {
        ask!(self, it => it.last_before(moment))
    }

    /// Every merchant who has a history.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn merchants(&self) -> Result<Vec<String>, LogError> {
        ask!(self, it => it.merchants())
    }

    /// The position of the last event.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn head(&self) -> Result<Position, LogError> {
        ask!(self, it => it.head())
    }

    /// The same, from the store itself: whether it answers, and what nobody has counted yet.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn head_now(&self) -> Result<Position, LogError> {
        ask!(self, it => it.head_now())
    }

    /// How far the policies have answered the history.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn policy_checkpoint(&self) -> Result<Position, LogError> {
        Ok(sqlx::query_scalar("select position from policy_checkpoint").fetch_one(self.pool()).await?)
    }

    /// Moves the policies' checkpoint forward; never back, whoever else moves it.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn move_policy_checkpoint(&self, to: Position) -> Result<(), LogError> {
        let update = sqlx::query("update policy_checkpoint set position = $1 where position < $1");
        update.bind(to).execute(self.pool()).await?;
        Ok(())
    }

    /// What is known of some of a merchant's idempotency keys.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn keys(&self, merchant: &MerchantId, keys: &[Vec<u8>]) -> Result<Vec<KnownKey>, LogError> {
        let rows = sqlx::query_as(
            "select key, fingerprint, category, name, first_revision, last_revision \
             from command_keys where merchant_id = $1 and key = any($2)",
        );
        Ok(rows.bind(merchant.as_str()).bind(keys).fetch_all(self.pool()).await?)
    }

    /// Puts events that were recorded elsewhere behind a position, which has to be the last one, each with its own
    /// position, time and bytes. Their positions and revisions have to follow what is there.
    ///
    /// # Errors
    /// [`LogError::Misplaced`] where they do not belong there; the others as for [`Log::append`].
    pub async fn import(&self, after: Position, events: &[Stored]) -> Result<(), LogError> {
        ask!(self, it => it.import(after, events))
    }

    /// Lends every event after a position and up to another to `each`, in the order of positions, until it breaks; in
    /// bulk, and in constant memory. Holes in what PostgreSQL keeps are not noticed here.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn scan(
        &self,
        tx: &mut PgConnection,
        range: (Position, Position),
        each: impl FnMut(Leaf<'_>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        match self {
            Self::Postgres(_) => Ok(scan(tx, range, each).await?),
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(it) => {
                let mut each = each;
                it.scan(range, |stored| each(Leaf::from(stored))).await
            }
        }
    }

    /// Where the head says that the history ends, and where its last event is.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub(crate) async fn ends(&self, tx: &mut PgConnection) -> Result<(Position, Position), LogError> {
        let sql = match self {
            Self::Postgres(_) => {
                "select (select position from log_head), coalesce((select max(position) from events), 0)"
            }
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(_) => {
                "select (select position from esdb.head), coalesce((select max(position) from esdb.places), 0)"
            }
        };
        Ok(sqlx::query_as(sql).fetch_one(tx).await?)
    }
}
