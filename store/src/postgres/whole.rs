//! A batch that is taken whole, in the order in which it was decided, or not at all: one round trip on a connection that
//! nobody else uses.

use super::Store;
use crate::log::{LogError, Position, READ_EVENTS_MAX, Taken, WholeBatch, WholeEvent, WholeStream};
use crate::pool;
use chrono::{DateTime, Utc};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{Connection, FromRow, PgConnection};
use uuid::Uuid;

/// Somebody else has appended to one of the streams: the error of migrations/log/0070_revisions_once.sql.
const LOST: &str = "MZ001";
/// A new stream or a key is there already.
const THERE_ALREADY: &str = "23505";

#[derive(FromRow)]
struct TakenRow {
    first_position: Option<Position>,
    recorded: Option<DateTime<Utc>>,
}

impl Store {
    /// One statement, one commit.
    pub(crate) async fn append_whole(&self, batch: &WholeBatch) -> Result<Taken, LogError> {
        let mut place = self.appending.lock().await;
        // Taken out, so that a caller who goes away in the middle of an answer leaves no half-read connection behind.
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => connect(&self.pool).await?,
        };
        match append(&mut connection, batch).await {
            Ok(row) => {
                *place = Some(connection);
                Ok(Taken::Whole { first: row.first_position, recorded_at: row.recorded })
            }
            Err(sqlx::Error::Database(error)) if is_lost(&*error) => {
                *place = Some(connection);
                self.taken_before(batch).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether exactly these events are there already: a batch sent again because its answer was lost.
    async fn taken_before(&self, batch: &WholeBatch) -> Result<Taken, LogError> {
        let Some(first) = batch.events.first() else { return Ok(Taken::Not) };
        let Some(stream) = batch.streams.get(first.stream) else { return Ok(Taken::Not) };
        let found: Option<(Position,)> = sqlx::query_as(
            "select e.position from streams s join events e using (stream_id) \
             where s.merchant_id = $1 and s.category = $2 and s.name = $3 and e.revision = $4 and e.event_id = $5",
        )
        .bind(stream.merchant.as_str())
        .bind(stream.stream.category)
        .bind(&*stream.stream.id)
        .bind(first.revision)
        .bind(first.event_id)
        .fetch_optional(&self.pool)
        .await?;
        let Some((position,)) = found else { return Ok(Taken::Not) };
        let mut recorded_at = None;
        let mut after = position.before();
        for part in batch.events.chunks(usize::try_from(READ_EVENTS_MAX).unwrap_or(usize::MAX)) {
            let stored = self.read(after, READ_EVENTS_MAX).await?;
            let is_same = |(mine, kept): (&WholeEvent, &crate::log::Stored)| {
                (mine.event_id, mine.revision, mine.kind) == (kept.event_id, kept.revision, kept.kind.as_str())
                    && (&*mine.payload, &*mine.metadata) == (&*kept.payload, &*kept.metadata)
            };
            if stored.len() < part.len() || !part.iter().zip(&stored).all(is_same) {
                return Ok(Taken::Not);
            }
            recorded_at = stored.first().map(|it| it.recorded_at);
            after = stored.get(part.len() - 1).map_or(after, |it| it.position);
        }
        Ok(Taken::Whole { first: Some(position), recorded_at })
    }
}

async fn connect(pool: &PgPool) -> sqlx::Result<PgConnection> {
    let options: PgConnectOptions = (*pool.connect_options()).clone();
    PgConnection::connect_with(&pool::with_limits(options)).await
}

fn is_lost(error: &(dyn DatabaseError + 'static)) -> bool {
    error.code().is_some_and(|code| code == LOST || code == THERE_ALREADY)
}

async fn append(connection: &mut PgConnection, batch: &WholeBatch) -> sqlx::Result<TakenRow> {
    let columns = Columns::of(batch);
    let events = &batch.events;
    let revisions: Vec<i64> = events.iter().map(|it| it.revision).collect();
    let event_ids: Vec<Uuid> = events.iter().map(|it| it.event_id).collect();
    let kinds: Vec<&str> = events.iter().map(|it| it.kind).collect();
    let payloads: Vec<&[u8]> = events.iter().map(|it| &*it.payload).collect();
    let metadatas: Vec<&[u8]> = events.iter().map(|it| &*it.metadata).collect();
    sqlx::query_as(
        "select first_position, recorded from append_whole($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
         $15, $16, $17)",
    )
    .bind(columns.known)
    .bind(columns.new)
    .bind(columns.merchants)
    .bind(columns.categories)
    .bind(columns.names)
    .bind(columns.expected)
    .bind(columns.event_streams)
    .bind(revisions)
    .bind(event_ids)
    .bind(kinds)
    .bind(payloads)
    .bind(metadatas)
    .bind(columns.key_streams)
    .bind(columns.keys)
    .bind(columns.fingerprints)
    .bind(columns.first_revisions)
    .bind(columns.last_revisions)
    .fetch_one(connection)
    .await
}

/// The streams, those that are known first, and what belongs to them by their numbers there.
#[derive(Default)]
struct Columns<'a> {
    known: i32,
    new: i32,
    merchants: Vec<&'a str>,
    categories: Vec<&'static str>,
    names: Vec<&'a str>,
    expected: Vec<i64>,
    event_streams: Vec<i32>,
    key_streams: Vec<i32>,
    keys: Vec<&'a [u8]>,
    fingerprints: Vec<&'a [u8]>,
    first_revisions: Vec<i64>,
    last_revisions: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a WholeBatch) -> Self {
        let mut columns = Self::default();
        let numbers = columns.take_streams(batch);
        let number = |stream: usize| numbers.get(stream).copied().unwrap_or(0);
        columns.event_streams = batch.events.iter().map(|it| number(it.stream)).collect();
        for (stream, it) in &batch.keys {
            columns.key_streams.push(number(*stream));
            columns.keys.push(&it.key);
            columns.fingerprints.push(&it.fingerprint);
            columns.first_revisions.push(it.first_revision);
            columns.last_revisions.push(it.last_revision);
        }
        columns
    }

    /// Puts the streams in their three parts; gives back the number of each, from 1.
    fn take_streams(&mut self, batch: &'a WholeBatch) -> Vec<i32> {
        let mut parted: Vec<(usize, &WholeStream)> = batch.streams.iter().enumerate().collect();
        parted.sort_by_key(|(_, it)| (it.count == 0, it.expected == 0));
        let mut numbers = vec![0; batch.streams.len()];
        for ((nth, it), number) in parted.into_iter().zip(1..) {
            if let Some(slot) = numbers.get_mut(nth) {
                *slot = number;
            }
            match (it.count, it.expected) {
                (0, _) => (),
                (_, 0) => self.new += 1,
                (_, _) => self.known += 1,
            }
            self.merchants.push(it.merchant.as_str());
            self.categories.push(it.stream.category);
            self.names.push(&it.stream.id);
            self.expected.push(it.expected);
        }
        numbers
    }
}
