//! Reading by position: PostgreSQL says which events, EventStoreDB has them.
//!
//! What comes is held against what got the position, byte for byte. Where the two differ, somebody has changed the one or
//! the other, and nothing is read past it.

use super::index::{self, ITS_STREAM, Place, ROW, Row};
use super::sequence::PAGE_EVENTS;
use super::{Store, at_once};
use crate::log::{LogError, Position, READ_EVENTS_MAX, Stored};
use eventstore::RecordedEvent;
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use std::ops::ControlFlow;

/// Streams that are read at once.
const STREAMS_AT_ONCE: usize = 16;
/// Events that are nearer to each other than this are read in one go, with what stands between them.
const GAP_EVENTS_MAX: i64 = 64;

/// What EventStoreDB does not have after so many pages without anything new, it does not have.
const PAGES_IN_VAIN_MAX: u32 = 5;
/// A page is not shorter than this: its first record is the last of the page before it, and a few may be others'.
const PAGE_EVENTS_MIN: usize = 16;

/// Whether the bytes are held against the hash that the index has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    Checked,
    /// For an audit, which counts all hashes itself, and tells of every difference instead of the first.
    AsTheyAre,
}

impl Store {
    pub(crate) async fn read(&self, after: Position, limit: i64) -> Result<Vec<Stored>, LogError> {
        let limit = limit.clamp(0, READ_EVENTS_MAX);
        let mut rows = index::after(self.pool(), after, limit).await?;
        if rows.is_empty() && limit > 0 {
            // Whoever appended the next events may have died before they got their positions.
            self.catch_up_with_all().await?;
            rows = index::after(self.pool(), after, limit).await?;
        }
        self.fetch(rows, Bytes::Checked).await
    }

    pub(crate) async fn read_kinds(
        &self,
        (after, up_to): (Position, Position),
        kinds: &[&str],
        limit: i64,
    ) -> Result<Vec<Stored>, LogError> {
        let sql = format!(
            "{ROW} {ITS_STREAM} where e.position > $1 and e.position <= $2 and e.kind = any($3) \
             order by e.position limit $4"
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(after).bind(up_to).bind(kinds);
        let rows: Vec<Row> = rows.bind(limit.clamp(0, READ_EVENTS_MAX)).fetch_all(self.pool()).await?;
        self.fetch(rows, Bytes::Checked).await
    }

    pub(crate) async fn streams(&self, streams: &[(MerchantId, StreamName)]) -> Result<Vec<Stored>, LogError> {
        let mut rows = index::streams(self.pool(), streams).await?.into_iter().peekable();
        let mut known: Vec<Vec<Row>> = Vec::new();
        while let Some(first) = rows.next() {
            let mut one = vec![first];
            while let Some(next) = rows.next_if(|next| next.revision > 1) {
                one.push(next);
            }
            known.push(one);
        }
        let read = known.into_iter().map(|rows| self.fetch_stream(rows)).collect();
        Ok(at_once(STREAMS_AT_ONCE, read).await?.into_iter().flatten().collect())
    }

    /// Lends every event after a position and up to another, as EventStoreDB has it now, until `each` breaks.
    pub(crate) async fn scan(
        &self,
        (after, up_to): (Position, Position),
        mut each: impl FnMut(&Stored) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let mut last = after;
        while last < up_to {
            let mut rows = index::after(self.pool(), last, READ_EVENTS_MAX).await?;
            rows.retain(|it| it.position <= up_to);
            let Some(end) = rows.last().map(|it| it.position) else { return Ok(()) };
            for stored in self.fetch(rows, Bytes::AsTheyAre).await? {
                if each(&stored).is_break() {
                    return Ok(());
                }
            }
            last = end;
        }
        Ok(())
    }

    /// The events of these rows, which are in the order of positions.
    pub(super) async fn fetch(&self, rows: Vec<Row>, bytes: Bytes) -> Result<Vec<Stored>, LogError> {
        let mut found = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter().peekable();
        while let Some(first) = rows.next() {
            let mut run = vec![first];
            let mut last = run.first().map_or(Position::START, |it| it.position);
            while let Some(next) = rows.next_if(|it| it.position <= last.of_nth_after(GAP_EVENTS_MAX)) {
                last = next.position;
                run.push(next);
            }
            self.fetch_run(run, bytes, &mut found).await?;
        }
        Ok(found)
    }

    /// Events that are near to each other, from one walk along all streams.
    async fn fetch_run(&self, run: Vec<Row>, bytes: Bytes, found: &mut Vec<Stored>) -> Result<(), LogError> {
        let (Some(first), Some(end)) = (run.first().map(Row::place), run.last().map(|it| it.position)) else {
            return Ok(());
        };
        let (mut scratch, mut before) = (Vec::new(), Position::START);
        let mut wanted = run.into_iter().peekable();
        // The last record that was looked at, ours or not.
        let mut seen: Option<Place> = None;
        let mut pages_in_vain = 0;
        while let Some(next) = wanted.peek().map(|it| it.position) {
            let left = usize::try_from(end.number() - next.number()).unwrap_or(0).saturating_add(1);
            let from = seen.unwrap_or(first).to_position();
            let page = self.0.node.read_all(Some(from), left.clamp(PAGE_EVENTS_MIN, PAGE_EVENTS)).await?;
            let seen_before = seen;
            for event in page.events {
                let place = Place::of(&event);
                if seen.is_some_and(|seen| place <= seen) {
                    continue;
                }
                seen = Some(place);
                let Some(row) = wanted.peek() else { return Ok(()) };
                let is_neighbour = before == Position::START || row.position == before.of_nth_after(1);
                let is_between = place < row.place() && !is_neighbour;
                if is_between || !self.0.names.is_ours(&event.stream_id) {
                    continue;
                }
                if place != row.place() {
                    let reason = "EventStoreDB has another order of events than the positions say";
                    return Err(broken(row.position.before(), reason));
                }
                before = row.position;
                if let Some(row) = wanted.next() {
                    found.push(self.taken(row, event, bytes, &mut scratch)?);
                }
            }
            // One page without news may come from a server that is going away.
            pages_in_vain = if seen == seen_before { pages_in_vain + 1 } else { 0 };
            if let Some(row) = wanted.peek()
                && pages_in_vain >= PAGES_IN_VAIN_MAX
            {
                let reason = format!("EventStoreDB has no event for position {}", row.position);
                return Err(broken(row.position.before(), &reason));
            }
        }
        Ok(())
    }

    /// The events of one stream, from the stream.
    async fn fetch_stream(&self, rows: Vec<Row>) -> Result<Vec<Stored>, LogError> {
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let stream = self.0.names.spell(&first.merchant_id, &first.category, &first.name);
        let mut found = Vec::with_capacity(rows.len());
        let (mut scratch, mut from) = (Vec::new(), first.revision.unsigned_abs().saturating_sub(1));
        let (mut wanted, mut pages_in_vain) = (rows.into_iter(), 0);
        while !wanted.as_slice().is_empty() {
            let count = wanted.len().min(PAGE_EVENTS);
            let page = self.0.node.read_stream(&stream, from, count).await?;
            let before = from;
            for event in page.events {
                let is_next = event.revision == from;
                let Some(row) = (if is_next { wanted.next() } else { None }) else { continue };
                found.push(self.taken(row, event, Bytes::Checked, &mut scratch)?);
                from += 1;
            }
            pages_in_vain = if from == before { pages_in_vain + 1 } else { 0 };
            if pages_in_vain >= PAGES_IN_VAIN_MAX {
                let missing = wanted.next().map_or(Position::START, |it| it.position);
                return Err(broken(missing.before(), &format!("EventStoreDB has no event {from} of {stream}")));
            }
        }
        Ok(found)
    }

    /// The event of a row, if it is that.
    fn taken(&self, row: Row, event: RecordedEvent, bytes: Bytes, scratch: &mut Vec<u8>) -> Result<Stored, LogError> {
        let (payload, metadata) = (Vec::from(event.data), Vec::from(event.custom_metadata));
        let is_same = match bytes {
            Bytes::Checked => event.id == row.event_id && row.is_of(&event.event_type, &payload, &metadata, scratch),
            Bytes::AsTheyAre => true,
        };
        let stream = self.0.names.spell(&row.merchant_id, &row.category, &row.name);
        if !is_same || event.stream_id != stream {
            let position = row.position;
            return Err(broken(position.before(), &format!("EventStoreDB has another event for position {position}")));
        }
        let mut stored = row.with(payload, metadata);
        (stored.event_id, stored.kind) = (event.id, event.event_type);
        Ok(stored)
    }
}

fn broken(after: Position, reason: &str) -> LogError {
    LogError::Broken { after, reason: reason.to_owned() }
}
