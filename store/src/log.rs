//! The event log on PostgreSQL: append a batch, read in order, look up keys.

mod history;

pub use history::{Found, HistoryFilter};

use crate::pool;
use chrono::{DateTime, Utc};
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use sqlx::{FromRow, PgPool};
use std::fmt;
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
}

/// The event log.
#[derive(Debug, Clone)]
pub struct Log {
    pool: PgPool,
}

const EVENT: &str = "select e.position, s.merchant_id, s.category, s.name, e.revision, e.event_id, e.kind, \
                     e.recorded_at, e.payload, e.metadata from events e";

/// Each event's stream is looked up by its number, whatever the planner believes of tables that have just grown and that
/// nobody has counted yet: `offset 0` keeps it from joining them in another order.
const ITS_STREAM: &str =
    "cross join lateral (select * from streams known where known.stream_id = e.stream_id offset 0) s";

/// A few streams, and their events.
const STREAM_FIRST: &str = "join streams s using (stream_id)";

impl Log {
    /// Connects and brings the log's tables up to date.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn connect(options: PgConnectOptions, connections_max: u32) -> Result<Self, LogError> {
        let pool = pool::connect(options, connections_max).await?;
        sqlx::migrate!("../migrations/log").run(&pool).await?;
        Ok(Self { pool })
    }

    /// The guarded pool, for read models in the same database.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Appends a batch in one statement and one commit; durable when it returns. Answers in the order of the batch.
    ///
    /// # Errors
    /// [`LogError::Database`]; the batch may or may not be there then, and may be sent again as it is. A caller that
    /// goes away before the answer leaves it in the same doubt.
    pub async fn append(&self, batch: &Batch) -> Result<Vec<Outcome>, LogError> {
        if batch.streams.is_empty() {
            return Ok(Vec::new());
        }
        let mut sorted: Vec<usize> = (0..batch.streams.len()).collect();
        sorted.sort_by_key(|nth| batch.streams.get(*nth).map(|it| (&it.merchant, &it.stream)));
        let mut columns = Columns::default();
        for it in sorted.iter().filter_map(|nth| batch.streams.get(*nth)) {
            columns.push(it);
        }
        let rows: Vec<OutcomeRow> = sqlx::query_as(
            "select outcome, first_position, recorded \
             from append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(columns.merchants)
        .bind(columns.categories)
        .bind(columns.names)
        .bind(columns.expected)
        .bind(columns.counts)
        .bind(columns.event_ids)
        .bind(columns.kinds)
        .bind(columns.payloads)
        .bind(columns.metadatas)
        .bind(columns.key_streams)
        .bind(columns.keys)
        .bind(columns.fingerprints)
        .bind(columns.first_revisions)
        .bind(columns.last_revisions)
        .fetch_all(&self.pool)
        .await?;
        let mut outcomes = vec![Outcome::Conflict; batch.streams.len()];
        for (row, nth) in rows.into_iter().zip(sorted) {
            let (first, recorded_at) = (row.first_position, row.recorded);
            let outcome = match row.outcome.as_str() {
                "appended" | "duplicate" => Outcome::Appended { first, recorded_at },
                "conflict" => Outcome::Conflict,
                "key_used" => Outcome::KeyUsed,
                _unknown => return Err(LogError::UnknownOutcome(row.outcome)),
            };
            if let Some(slot) = outcomes.get_mut(nth) {
                *slot = outcome;
            }
        }
        Ok(outcomes)
    }

    /// The events of some streams, whole, in the order of each stream.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn streams(&self, streams: &[(MerchantId, StreamName)]) -> Result<Vec<Stored>, LogError> {
        let merchants: Vec<&str> = streams.iter().map(|(merchant, _)| merchant.as_str()).collect();
        let categories: Vec<&str> = streams.iter().map(|(_, stream)| stream.category).collect();
        let names: Vec<&str> = streams.iter().map(|(_, stream)| &*stream.id).collect();
        let rows = sqlx::query_as(
            "select e.position, s.merchant_id, s.category, s.name, e.revision, e.event_id, e.kind, \
             e.recorded_at, e.payload, e.metadata \
             from unnest($1::text[], $2::text[], $3::text[]) as asked(merchant_id, category, name) \
             join streams s using (merchant_id, category, name) join events e using (stream_id) \
             order by e.stream_id, e.revision",
        );
        Ok(rows.bind(merchants).bind(categories).bind(names).fetch_all(&self.pool).await?)
    }

    /// The next events after a position, in order; at most `limit` and [`READ_EVENTS_MAX`].
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn read(&self, after: Position, limit: i64) -> Result<Vec<Stored>, LogError> {
        let sql =
            sqlx::AssertSqlSafe(format!("{EVENT} {ITS_STREAM} where e.position > $1 order by e.position limit $2"));
        Ok(sqlx::query_as(sql).bind(after).bind(limit.clamp(0, READ_EVENTS_MAX)).fetch_all(&self.pool).await?)
    }

    /// The next events of some kinds after a position and up to another, in order.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn read_kinds(
        &self,
        (after, up_to): (Position, Position),
        kinds: &[&str],
        limit: i64,
    ) -> Result<Vec<Stored>, LogError> {
        let sql = format!(
            "{EVENT} {ITS_STREAM} where e.position > $1 and e.position <= $2 and e.kind = any($3) order by e.position limit $4"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(after).bind(up_to).bind(kinds);
        Ok(rows.bind(limit.clamp(0, READ_EVENTS_MAX)).fetch_all(&self.pool).await?)
    }

    /// How far the policies have answered the history.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn policy_checkpoint(&self) -> Result<Position, LogError> {
        Ok(sqlx::query_scalar("select position from policy_checkpoint").fetch_one(&self.pool).await?)
    }

    /// Moves the policies' checkpoint forward; never back, whoever else moves it.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn move_policy_checkpoint(&self, to: Position) -> Result<(), LogError> {
        let update = sqlx::query("update policy_checkpoint set position = $1 where position < $1");
        update.bind(to).execute(&self.pool).await?;
        Ok(())
    }

    /// The position of the last event.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn head(&self) -> Result<Position, LogError> {
        Ok(sqlx::query_scalar("select position from log_head").fetch_one(&self.pool).await?)
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
        Ok(rows.bind(merchant.as_str()).bind(keys).fetch_all(&self.pool).await?)
    }
}

#[derive(FromRow)]
struct OutcomeRow {
    outcome: String,
    first_position: Option<Position>,
    recorded: Option<DateTime<Utc>>,
}

#[derive(Default)]
struct Columns<'a> {
    merchants: Vec<&'a str>,
    categories: Vec<&'static str>,
    names: Vec<&'a str>,
    expected: Vec<i64>,
    counts: Vec<i32>,
    event_ids: Vec<Uuid>,
    kinds: Vec<&'static str>,
    payloads: Vec<&'a [u8]>,
    metadatas: Vec<&'a [u8]>,
    key_streams: Vec<i32>,
    keys: Vec<&'a [u8]>,
    fingerprints: Vec<&'a [u8]>,
    first_revisions: Vec<i64>,
    last_revisions: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, it: &'a StreamAppend) {
        self.merchants.push(it.merchant.as_str());
        self.categories.push(it.stream.category);
        self.names.push(&it.stream.id);
        self.expected.push(it.expected);
        // Arrays of PostgreSQL count from 1. A batch is far below two thousand million streams.
        let nth = i32::try_from(self.merchants.len()).unwrap_or(i32::MAX);
        self.counts.push(i32::try_from(it.events.len()).unwrap_or(i32::MAX));
        for event in &it.events {
            self.event_ids.push(event.event_id);
            self.kinds.push(event.kind);
            self.payloads.push(&event.payload);
            self.metadatas.push(&event.metadata);
        }
        for key in &it.keys {
            self.key_streams.push(nth);
            self.keys.push(&key.key);
            self.fingerprints.push(&key.fingerprint);
            self.first_revisions.push(key.first_revision);
            self.last_revisions.push(key.last_revision);
        }
    }
}
