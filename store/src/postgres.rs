//! The history on PostgreSQL: one statement appends a batch, and readers follow `position > n`.
//!
//! It moves bytes: it decides nothing, and it never edits or deletes what was written.

mod history;
mod import;
mod whole;

use crate::feed::Feed;
use crate::log::{Batch, LogError, Outcome, Position, READ_EVENTS_MAX, Stored, StreamAppend};
use crate::pool;
use chrono::{DateTime, Utc};
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use sqlx::postgres::PgConnectOptions;
use sqlx::{FromRow, PgConnection, PgPool};
use std::sync::Arc;
use tokio::sync::Mutex;
use uuid::Uuid;

/// The history in PostgreSQL.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    /// The connection of [`Store::append_whole`]; none before the first one, and after a failed one.
    appending: Arc<Mutex<Option<PgConnection>>>,
    feed: Arc<Feed>,
}

const EVENT: &str = "select e.position, s.merchant_id, s.category, s.name, e.revision, e.event_id, e.kind, \
                     e.recorded_at, e.payload, e.metadata from events e";

/// Each event's stream is looked up by its number, whatever the planner believes of tables that have just grown and that
/// nobody has counted yet: `offset 0` keeps it from joining them in another order.
const ITS_STREAM: &str =
    "cross join lateral (select * from streams known where known.stream_id = e.stream_id offset 0) s";

/// A few streams, and their events.
const STREAM_FIRST: &str = "join streams s using (stream_id)";

impl Store {
    pub(crate) async fn connect(options: PgConnectOptions, connections_max: u32) -> Result<Self, LogError> {
        let pool = pool::connect(options, connections_max).await?;
        sqlx::migrate!("../migrations/log").run(&pool).await?;
        if sqlx::query_scalar("select position > 0 from esdb.head").fetch_one(&pool).await? {
            return Err(LogError::Misplaced(
                "the history of this database is kept by EventStoreDB: say where with --store esdb://...".to_owned(),
            ));
        }
        Ok(Self { pool, appending: Arc::default(), feed: Arc::default() })
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// One statement, one commit.
    pub(crate) async fn append(&self, batch: &Batch) -> Result<Vec<Outcome>, LogError> {
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

    pub(crate) async fn streams(&self, streams: &[(MerchantId, StreamName)]) -> Result<Vec<Stored>, LogError> {
        let merchants: Vec<&str> = streams.iter().map(|(merchant, _)| merchant.as_str()).collect();
        let categories: Vec<&str> = streams.iter().map(|(_, stream)| stream.category).collect();
        let names: Vec<&str> = streams.iter().map(|(_, stream)| &*stream.id).collect();
        let rows = sqlx::query_as(
            // Two walks along an index for each stream, whatever the planner believes of tables that nobody has counted.
            "select e.position, s.merchant_id, s.category, s.name, e.revision, e.event_id, e.kind, \
             e.recorded_at, e.payload, e.metadata \
             from unnest($1::text[], $2::text[], $3::text[]) as asked(merchant_id, category, name) \
             cross join lateral (select * from streams known where known.merchant_id = asked.merchant_id \
                 and known.category = asked.category and known.name = asked.name offset 0) s \
             cross join lateral (select * from events its where its.stream_id = s.stream_id \
                 order by its.revision offset 0) e",
        );
        Ok(rows.bind(merchants).bind(categories).bind(names).fetch_all(&self.pool).await?)
    }

    pub(crate) async fn read(&self, after: Position, limit: i64) -> Result<Vec<Stored>, LogError> {
        let sql =
            sqlx::AssertSqlSafe(format!("{EVENT} {ITS_STREAM} where e.position > $1 order by e.position limit $2"));
        Ok(sqlx::query_as(sql).bind(after).bind(limit.clamp(0, READ_EVENTS_MAX)).fetch_all(&self.pool).await?)
    }

    pub(crate) async fn read_kinds(
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

    pub(crate) async fn head_now(&self) -> Result<Position, LogError> {
        self.head().await
    }

    pub(crate) async fn head(&self) -> Result<Position, LogError> {
        Ok(sqlx::query_scalar("select position from log_head").fetch_one(&self.pool).await?)
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
