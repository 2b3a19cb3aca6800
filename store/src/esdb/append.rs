//! Appending to EventStoreDB: each stream of a batch at its exact revision, with ids that derive from the commands.
//!
//! Streams are appended side by side, each whole or not at all. What is not known to have happened is asked again with the
//! same ids at the same revision, which EventStoreDB takes once. It compares ids, not bytes: so every event of an append is
//! held against the hash that was counted for its place before anybody is told that it is there.

use super::index::{self, Row};
use super::keys::Held;
use super::names::NAME_BYTES_MAX;
use super::node::Written;
use super::{APPEND_BYTES_MAX, Store, at_once};
use crate::log::{Batch, LogError, NewEvent, Outcome, StreamAppend};
use eventstore::EventData;
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Streams that are appended at once.
const APPENDS_AT_ONCE: usize = 32;
/// How long an append waits for the positions of its events.
const POSITIONS_MAX: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(5);

/// What EventStoreDB said of a stream of the batch, before positions are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Yes,
    Conflict,
    KeyUsed,
    TooLarge(usize),
}

impl Store {
    pub(crate) async fn append(&self, batch: &Batch) -> Result<Vec<Outcome>, LogError> {
        if batch.streams.is_empty() {
            return Ok(Vec::new());
        }
        let mut order: Vec<usize> = (0..batch.streams.len()).collect();
        order.sort_by_key(|nth| batch.streams.get(*nth).map(|it| (&it.merchant, &it.stream)));
        check(batch, &order)?;
        let has_keys = batch.streams.iter().any(|it| !it.keys.is_empty());
        let _alone = if has_keys { Some(self.0.keyed.lock().await) } else { None };
        let held = Held::take(self.pool(), batch, &order).await?;
        let appends = batch.streams.iter().enumerate().map(|(nth, it)| {
            let is_barred = held.as_ref().is_some_and(|held| held.bars(nth));
            async move { if is_barred { Ok(Said::KeyUsed) } else { self.append_stream(it).await } }
        });
        let said = at_once(APPENDS_AT_ONCE, appends.collect()).await?;
        let outcomes = self.positions(batch, &said).await?;
        if let Some(held) = held {
            let appended = batch.streams.iter().zip(&outcomes);
            let appended = appended.filter(|(_, it)| matches!(it, Outcome::Appended { .. })).map(|(it, _)| it);
            held.record(appended).await?;
        }
        Ok(outcomes)
    }

    async fn append_stream(&self, it: &StreamAppend) -> Result<Said, LogError> {
        let (Ok(expected), bytes) = (u64::try_from(it.expected), size(&it.events)) else { return Ok(Said::Conflict) };
        if it.events.is_empty() {
            return Ok(Said::Yes);
        }
        if bytes > APPEND_BYTES_MAX {
            return Ok(Said::TooLarge(bytes));
        }
        let events = it.events.iter().map(|it| event_data(it.event_id, it.kind, &it.payload, &it.metadata)).collect();
        let stream = self.0.names.write(it.merchant.as_str(), &it.stream);
        // EventStoreDB counts from 0.
        Ok(match self.0.node.append(&stream, expected.checked_sub(1), events).await? {
            Written::Yes => Said::Yes,
            Written::Conflict => Said::Conflict,
        })
    }

    /// Waits until everything that was appended has its position.
    async fn positions(&self, batch: &Batch, said: &[Said]) -> Result<Vec<Outcome>, LogError> {
        let begun = Instant::now();
        loop {
            // Also for a conflict: whoever decides again must see what was there first.
            self.catch_up().await?;
            let rows = self.rows_of(batch, said).await?;
            let expected_of_empty = self.revisions_of_empty(batch, said).await?;
            let outcomes: Option<Vec<Outcome>> = batch
                .streams
                .iter()
                .zip(said)
                .map(|(it, said)| outcome(it, *said, rows.get(&(&it.merchant, &it.stream)), &expected_of_empty))
                .collect::<Result<_, _>>()?;
            if let Some(outcomes) = outcomes {
                return Ok(outcomes);
            }
            if begun.elapsed() > POSITIONS_MAX {
                return Err(LogError::Store("the events that were appended cannot be read yet".to_owned()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn rows_of<'a>(
        &self,
        batch: &'a Batch,
        said: &[Said],
    ) -> Result<HashMap<(&'a MerchantId, &'a StreamName), Vec<Row>>, LogError> {
        let appended = || {
            let streams = batch.streams.iter().zip(said);
            streams.filter(|(it, said)| **said == Said::Yes && !it.events.is_empty()).map(|(it, _)| it)
        };
        let parts = appended().map(|it| (&it.merchant, &it.stream, it.expected, last_revision(it)));
        let names: HashMap<(&str, &str, &str), (&MerchantId, &StreamName)> = appended()
            .map(|it| ((it.merchant.as_str(), it.stream.category, &*it.stream.id), (&it.merchant, &it.stream)))
            .collect();
        let mut rows: HashMap<_, Vec<Row>> = HashMap::new();
        for row in index::parts_of_streams(self.pool(), parts).await? {
            if let Some(name) = names.get(&(&*row.merchant_id, &*row.category, &*row.name)) {
                rows.entry(*name).or_default().push(row);
            }
        }
        Ok(rows)
    }

    /// Where the streams stand whose appends have keys and no events; nothing else tells whether they conflict.
    async fn revisions_of_empty<'a>(
        &self,
        batch: &'a Batch,
        said: &[Said],
    ) -> Result<HashMap<(&'a MerchantId, &'a StreamName), i64>, LogError> {
        let streams = batch.streams.iter().zip(said);
        let empty: Vec<_> = streams
            .filter(|(it, said)| **said == Said::Yes && it.events.is_empty())
            .map(|(it, _)| (&it.merchant, &it.stream))
            .collect();
        if empty.is_empty() {
            return Ok(HashMap::new());
        }
        let revisions = index::revisions(self.pool(), empty.iter().copied()).await?;
        Ok(empty.into_iter().zip(revisions).collect())
    }
}

/// What became of a stream; none where its events have no positions yet.
fn outcome(
    it: &StreamAppend,
    said: Said,
    rows: Option<&Vec<Row>>,
    expected_of_empty: &HashMap<(&MerchantId, &StreamName), i64>,
) -> Result<Option<Outcome>, LogError> {
    match said {
        Said::Conflict => return Ok(Some(Outcome::Conflict)),
        Said::KeyUsed => return Ok(Some(Outcome::KeyUsed)),
        Said::TooLarge(bytes) => return Ok(Some(Outcome::TooLarge { bytes, bytes_max: APPEND_BYTES_MAX })),
        Said::Yes => (),
    }
    if it.events.is_empty() {
        let stands = expected_of_empty.get(&(&it.merchant, &it.stream)).copied() == Some(it.expected);
        let nothing = Outcome::Appended { first: None, recorded_at: None };
        return Ok(Some(if stands { nothing } else { Outcome::Conflict }));
    }
    let Some(rows) = rows.filter(|rows| rows.len() == it.events.len()) else { return Ok(None) };
    let mut scratch = Vec::new();
    let mut pairs = rows.iter().zip(&it.events);
    let is_same = |(row, event): (&Row, &NewEvent)| {
        row.event_id == event.event_id && row.is_of(event.kind, &event.payload, &event.metadata, &mut scratch)
    };
    if !pairs.all(is_same) {
        // The ids were used for something else.
        return Ok(Some(Outcome::Conflict));
    }
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
    if last.position != first.position.of_nth_after(last.revision - first.revision) {
        let reason = format!("the events of one append to {} do not stand together", it.stream);
        return Err(LogError::Broken { after: first.position.before(), reason });
    }
    Ok(Some(Outcome::Appended { first: Some(first.position), recorded_at: Some(first.recorded_at) }))
}

/// Refuses what PostgreSQL could not count, before EventStoreDB has it.
fn check(batch: &Batch, order: &[usize]) -> Result<(), LogError> {
    let streams: Vec<_> = order.iter().filter_map(|nth| batch.streams.get(*nth)).collect();
    for pair in streams.windows(2) {
        if let [one, other] = pair
            && (&one.merchant, &one.stream) == (&other.merchant, &other.stream)
        {
            return Err(LogError::Misplaced(format!("the stream {} stands twice in the batch", one.stream)));
        }
    }
    for it in streams {
        let length = it.merchant.as_str().len() + it.stream.category.len() + it.stream.id.len();
        if length > NAME_BYTES_MAX || it.stream.id.contains('\0') {
            return Err(LogError::Misplaced("a stream's name is too long or has a NUL".to_owned()));
        }
    }
    Ok(())
}

fn last_revision(it: &StreamAppend) -> i64 {
    it.expected.saturating_add(i64::try_from(it.events.len()).unwrap_or(i64::MAX))
}

/// What EventStoreDB counts towards its limit.
fn size(events: &[NewEvent]) -> usize {
    events.iter().map(|it| it.payload.len() + it.metadata.len() + 2 * it.kind.len()).sum()
}

/// An event for EventStoreDB, to the byte. What is JSON is marked so, for people who look at it there.
pub(super) fn event_data(id: uuid::Uuid, kind: &str, payload: &[u8], metadata: &[u8]) -> EventData {
    let as_json = serde_json::from_slice::<&RawValue>(payload).ok();
    let as_json = as_json.filter(|raw| raw.get().as_bytes() == payload);
    let event = match as_json.map(|raw| EventData::json(kind, &raw)) {
        Some(Ok(event)) => event,
        Some(Err(_)) | None => EventData::binary(kind, payload.to_vec().into()),
    };
    event.id(id).metadata(metadata.to_vec().into())
}
