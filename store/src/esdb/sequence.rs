//! Giving positions: EventStoreDB's records are read in its order, and each event of this history gets the next number.
//!
//! A page is read from where the head stands and put in one statement that moves the head, if it still stands there; so
//! it does not matter who reads, how many at a time, and when one of them dies. The same records always make the same
//! positions, times and hashes.

use super::Store;
use super::index::{self, Head, Place};
use super::names::Named;
use crate::log::{LogError, Position};
use crate::seal::Leaf;
use chrono::{DateTime, Utc};
use eventstore::RecordedEvent;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// Records that are read at a time.
pub(super) const PAGE_EVENTS: usize = 1_000;
/// The kind of the events that say when others were recorded first.
pub(super) const BROUGHT_TIMES: &str = "brought-times.v1";

/// When events that are about to be moved here had been recorded first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct BroughtTimes {
    /// Id, and microseconds since 1970.
    pub(super) times: Vec<(Uuid, i64)>,
}

/// What a page came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// There may be more behind it.
    More,
    /// It said that it was the last.
    Last,
    /// Nothing in it was new.
    Nothing,
}

/// A page on its way into the index, in columns.
#[derive(Default)]
struct Columns {
    merchants: Vec<String>,
    categories: Vec<String>,
    names: Vec<String>,
    revisions: Vec<i64>,
    event_ids: Vec<Uuid>,
    kinds: Vec<String>,
    recorded: Vec<DateTime<Utc>>,
    commits: Vec<i64>,
    prepares: Vec<i64>,
    leaves: Vec<Vec<u8>>,
    brought_ids: Vec<Uuid>,
    brought: Vec<DateTime<Utc>>,
}

impl Store {
    /// Gives positions until a page says that it is the last. A server that is going away may say so too early: whoever
    /// waits for an event looks whether it has its position, and calls again.
    pub(super) async fn catch_up(&self) -> Result<(), LogError> {
        let _counting = self.0.counting.lock().await;
        while self.count_on().await? == Counted::More {}
        Ok(())
    }

    /// Gives a position to every event that is there, until a page has nothing new.
    pub(super) async fn catch_up_with_all(&self) -> Result<(), LogError> {
        let _counting = self.0.counting.lock().await;
        while self.count_on().await? != Counted::Nothing {}
        Ok(())
    }

    /// Counts one page.
    async fn count_on(&self) -> Result<Counted, LogError> {
        let head = index::head(self.pool()).await?;
        let from = head.place();
        let page = self.0.node.read_all(from.map(Place::to_position), PAGE_EVENTS).await?;
        let mut last = from;
        let mut news = Vec::with_capacity(page.events.len());
        for event in page.events {
            let place = Place::of(&event);
            // The first one is the last of the page before it; and a server may say things twice.
            if last.is_none_or(|last| last < place) {
                last = Some(place);
                news.push(event);
            }
        }
        let (Some(to), false) = (last, news.is_empty()) else { return Ok(Counted::Nothing) };
        let columns = self.columns(&head, news).await?;
        let counted = columns.put(self.pool(), from, to).await?;
        // Where somebody else has counted on, there may be more than we have seen.
        Ok(if counted && page.is_last { Counted::Last } else { Counted::More })
    }

    async fn columns(&self, head: &Head, news: Vec<RecordedEvent>) -> Result<Columns, LogError> {
        let mut brought = self.brought_before(head, &news).await?;
        let (mut columns, mut scratch, mut last) = (Columns::default(), Vec::new(), head.recorded_at);
        for event in news {
            let position = head.position.of_nth_after(i64::try_from(columns.event_ids.len()).unwrap_or(i64::MAX) + 1);
            let broken = |reason: String| LogError::Broken { after: position.before(), reason };
            if event.stream_id.starts_with(&self.0.names.brought_times) && event.event_type == BROUGHT_TIMES {
                let times: BroughtTimes =
                    serde_json::from_slice(&event.data).map_err(|error| broken(error.to_string()))?;
                for (id, micros) in times.times {
                    let at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
                    brought.insert(id, at);
                    columns.brought_ids.push(id);
                    columns.brought.push(at);
                }
                continue;
            }
            if !self.0.names.is_ours(&event.stream_id) {
                continue;
            }
            let named = self.0.names.read(&event.stream_id).ok_or_else(|| {
                broken(format!("Mizan has not written the stream {}, which is called as if it had", event.stream_id))
            })?;
            let recorded_at = brought.get(&event.id).copied().unwrap_or_else(|| created_at(&event)).max(last);
            last = recorded_at;
            columns.push(position, named, &event, recorded_at, &mut scratch).map_err(broken)?;
        }
        Ok(columns)
    }

    /// The times that these events have brought with them, as far as that was said before.
    async fn brought_before(
        &self,
        head: &Head,
        news: &[RecordedEvent],
    ) -> Result<HashMap<Uuid, DateTime<Utc>>, LogError> {
        if !head.has_brought_times {
            return Ok(HashMap::new());
        }
        let ids: Vec<Uuid> = news.iter().map(|it| it.id).collect();
        let rows: Vec<(Uuid, DateTime<Utc>)> =
            sqlx::query_as("select event_id, recorded_at from esdb.brought_times where event_id = any($1)")
                .bind(ids)
                .fetch_all(self.pool())
                .await?;
        Ok(rows.into_iter().collect())
    }
}

impl Columns {
    fn push(
        &mut self,
        position: Position,
        named: Named,
        event: &RecordedEvent,
        recorded_at: DateTime<Utc>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), String> {
        // EventStoreDB counts from 0.
        let revision = i64::try_from(event.revision).unwrap_or(i64::MAX).saturating_add(1);
        let leaf = Leaf {
            position: position.number(),
            revision,
            recorded_at_us: recorded_at.timestamp_micros(),
            event_id: event.id.into_bytes(),
            merchant: &named.merchant,
            category: &named.category,
            name: &named.name,
            kind: &event.event_type,
            payload: &event.data,
            metadata: &event.custom_metadata,
        };
        let leaf = leaf.hash(scratch).map_err(|error| error.to_string())?;
        let place = Place::of(event);
        self.merchants.push(named.merchant);
        self.categories.push(named.category);
        self.names.push(named.name);
        self.revisions.push(revision);
        self.event_ids.push(event.id);
        self.kinds.push(event.event_type.clone());
        self.recorded.push(recorded_at);
        self.commits.push(place.commit);
        self.prepares.push(place.prepare);
        self.leaves.push(leaf.bytes().to_vec());
        Ok(())
    }

    /// Moves the head over the page, unless somebody else has moved it.
    async fn put(self, pool: &sqlx::PgPool, from: Option<Place>, to: Place) -> Result<bool, LogError> {
        let put = sqlx::query_scalar(
            "select esdb.give_positions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        );
        let put = put.bind(from.map(|it| it.commit)).bind(from.map(|it| it.prepare)).bind(to.commit).bind(to.prepare);
        let put = put.bind(self.merchants).bind(self.categories).bind(self.names).bind(self.revisions);
        let put = put.bind(self.event_ids).bind(self.kinds).bind(self.recorded).bind(self.commits);
        let put = put.bind(self.prepares).bind(self.leaves).bind(self.brought_ids).bind(self.brought);
        Ok(put.fetch_one(pool).await?)
    }
}

/// When EventStoreDB took it, to the microsecond; the client's own reading knows whole seconds only.
fn created_at(event: &RecordedEvent) -> DateTime<Utc> {
    let ticks = event.metadata.get("created").and_then(|it| it.parse::<i64>().ok());
    ticks.and_then(|ticks| DateTime::from_timestamp_micros(ticks / 10)).unwrap_or(event.created)
}
