//! The positions in PostgreSQL: which event has which, and where EventStoreDB has it.

use crate::log::{LogError, Position, Stored};
use crate::seal::Leaf;
use chrono::{DateTime, Utc};
use eventstore::RecordedEvent;
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use sqlx::{FromRow, PgExecutor, PgPool};
use uuid::Uuid;

/// An event's place in EventStoreDB: sparse, and in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) commit: i64,
    pub(super) prepare: i64,
}

impl Place {
    pub(super) fn of(event: &RecordedEvent) -> Self {
        // Bytes of a log: far from two to the power of 63.
        let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
        Self { commit: number(event.position.commit), prepare: number(event.position.prepare) }
    }

    pub(super) fn to_position(self) -> eventstore::Position {
        eventstore::Position { commit: self.commit.unsigned_abs(), prepare: self.prepare.unsigned_abs() }
    }
}

/// How far EventStoreDB has been read.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Head {
    pub(super) position: Position,
    pub(super) recorded_at: DateTime<Utc>,
    pub(super) commit_position: Option<i64>,
    pub(super) prepare_position: Option<i64>,
    pub(super) has_brought_times: bool,
}

impl Head {
    /// The last record that was read; none before the first.
    pub(super) fn place(&self) -> Option<Place> {
        Some(Place { commit: self.commit_position?, prepare: self.prepare_position? })
    }
}

/// An event, without its bytes.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Row {
    pub(super) position: Position,
    pub(super) merchant_id: String,
    pub(super) category: String,
    pub(super) name: String,
    pub(super) revision: i64,
    pub(super) event_id: Uuid,
    pub(super) kind: String,
    pub(super) recorded_at: DateTime<Utc>,
    pub(super) commit_position: i64,
    pub(super) prepare_position: i64,
    pub(super) leaf: Vec<u8>,
}

pub(super) const ROW: &str = "select e.position, s.merchant_id, s.category, s.name, e.revision, e.event_id, e.kind, \
                              e.recorded_at, e.commit_position, e.prepare_position, e.leaf from esdb.places e";

/// Each event's stream is looked up by its number, whatever the planner believes of tables that nobody has counted yet.
pub(super) const ITS_STREAM: &str =
    "cross join lateral (select * from esdb.streams known where known.stream_id = e.stream_id offset 0) s";

impl Row {
    pub(super) fn place(&self) -> Place {
        Place { commit: self.commit_position, prepare: self.prepare_position }
    }

    /// The event with its bytes.
    pub(super) fn with(self, payload: Vec<u8>, metadata: Vec<u8>) -> Stored {
        Stored {
            position: self.position,
            merchant_id: self.merchant_id,
            category: self.category,
            name: self.name,
            revision: self.revision,
            event_id: self.event_id,
            kind: self.kind,
            recorded_at: self.recorded_at,
            payload,
            metadata,
        }
    }

    /// Whether these bytes are those that got the position.
    pub(super) fn is_of(&self, kind: &str, payload: &[u8], metadata: &[u8], scratch: &mut Vec<u8>) -> bool {
        let leaf = Leaf {
            position: self.position.number(),
            revision: self.revision,
            recorded_at_us: self.recorded_at.timestamp_micros(),
            event_id: self.event_id.into_bytes(),
            merchant: &self.merchant_id,
            category: &self.category,
            name: &self.name,
            kind,
            payload,
            metadata,
        };
        leaf.hash(scratch).is_ok_and(|hash| hash.bytes()[..] == self.leaf)
    }
}

pub(super) async fn head(executor: impl PgExecutor<'_>) -> Result<Head, LogError> {
    let sql = "select position, recorded_at, commit_position, prepare_position, has_brought_times from esdb.head";
    Ok(sqlx::query_as(sql).fetch_one(executor).await?)
}

/// The next events after a position.
pub(super) async fn after(pool: &PgPool, after: Position, limit: i64) -> Result<Vec<Row>, LogError> {
    let sql = format!("{ROW} {ITS_STREAM} where e.position > $1 order by e.position limit $2");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(after).bind(limit).fetch_all(pool).await?)
}

/// The events of some streams, stream by stream, each in its order.
pub(super) async fn streams(pool: &PgPool, streams: &[(MerchantId, StreamName)]) -> Result<Vec<Row>, LogError> {
    let ends = streams.iter().map(|(merchant, stream)| (merchant, stream, 0, i64::MAX));
    parts_of_streams(pool, ends).await
}

/// The events of parts of streams, after a revision and up to another, stream by stream, each in its order.
pub(super) async fn parts_of_streams<'a>(
    pool: &PgPool,
    parts: impl Iterator<Item = (&'a MerchantId, &'a StreamName, i64, i64)>,
) -> Result<Vec<Row>, LogError> {
    let (mut merchants, mut categories, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut after, mut up_to) = (Vec::new(), Vec::new());
    for (merchant, stream, from, to) in parts {
        merchants.push(merchant.as_str());
        categories.push(stream.category);
        names.push(&*stream.id);
        after.push(from);
        up_to.push(to);
    }
    let rows = sqlx::query_as(
        "select e.position, s.merchant_id, s.category, s.name, e.revision, e.event_id, e.kind, e.recorded_at, \
         e.commit_position, e.prepare_position, e.leaf \
         from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) \
              as asked(merchant_id, category, name, after, up_to) \
         join esdb.streams s using (merchant_id, category, name) \
         join esdb.places e on e.stream_id = s.stream_id and e.revision > asked.after and e.revision <= asked.up_to \
         order by e.stream_id, e.revision",
    );
    let rows = rows.bind(merchants).bind(categories).bind(names).bind(after).bind(up_to);
    Ok(rows.fetch_all(pool).await?)
}

/// The revision of each stream, in their order; 0 for those without events.
pub(super) async fn revisions<'a>(
    pool: &PgPool,
    streams: impl Iterator<Item = (&'a MerchantId, &'a StreamName)>,
) -> Result<Vec<i64>, LogError> {
    let (mut merchants, mut categories, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (merchant, stream) in streams {
        merchants.push(merchant.as_str());
        categories.push(stream.category);
        names.push(&*stream.id);
    }
    let rows = sqlx::query_scalar(
        "select coalesce(s.revision, 0) \
         from unnest($1::text[], $2::text[], $3::text[]) with ordinality as asked(merchant_id, category, name, nth) \
         left join esdb.streams s using (merchant_id, category, name) order by nth",
    );
    Ok(rows.bind(merchants).bind(categories).bind(names).fetch_all(pool).await?)
}
