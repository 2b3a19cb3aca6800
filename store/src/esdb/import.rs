//! Taking over a history that was recorded elsewhere: same order, same ids, same bytes, same times.
//!
//! EventStoreDB gives every event its own time, so the times that events bring are said first, in a stream beside theirs
//! that is counted with them. Everything is appended one after the other, since only that keeps the order.

use super::append::event_data;
use super::node::Written;
use super::sequence::{BROUGHT_TIMES, BroughtTimes};
use super::{APPEND_BYTES_MAX, Store, index};
use crate::log::{LogError, Position, Stored};
use crate::seal::Leaf;
use eventstore::EventData;
use uuid::Uuid;

impl Store {
    pub(crate) async fn import(&self, after: Position, events: &[Stored]) -> Result<(), LogError> {
        let head = self.head().await?;
        if head != after {
            return Err(LogError::Misplaced(format!("events after {after} cannot be put behind position {head}")));
        }
        self.say_times(events).await?;
        let mut left = events;
        while !left.is_empty() {
            let (run, rest) = left.split_at(run_of_one_stream(left));
            self.append_run(run).await?;
            left = rest;
        }
        self.catch_up().await?;
        self.compare(after, events).await
    }

    async fn say_times(&self, events: &[Stored]) -> Result<(), LogError> {
        let times = events.iter().map(|it| (it.event_id, it.recorded_at.timestamp_micros())).collect();
        let said = serde_json::to_vec(&BroughtTimes { times }).map_err(|error| LogError::Store(error.to_string()))?;
        // The same times, the same stream: said again, they are there.
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &said);
        let stream = format!("{}{id}", self.0.names.brought_times);
        match self.0.node.append(&stream, None, vec![event_data(id, BROUGHT_TIMES, &said, b"{}")]).await? {
            Written::Yes => Ok(()),
            Written::Conflict => Err(LogError::Misplaced(format!("{stream} has something else in it"))),
        }
    }

    async fn append_run(&self, run: &[Stored]) -> Result<(), LogError> {
        let Some(first) = run.first() else { return Ok(()) };
        let too_large = run.iter().find(|it| size(it) > APPEND_BYTES_MAX);
        if let Some(it) = too_large {
            let (position, bytes) = (it.position, size(it));
            return Err(LogError::Misplaced(format!(
                "the event at position {position} has {bytes} bytes; EventStoreDB takes {APPEND_BYTES_MAX} in one append"
            )));
        }
        let stream = self.0.names.spell(&first.merchant_id, &first.category, &first.name);
        let events: Vec<EventData> =
            run.iter().map(|it| event_data(it.event_id, &it.kind, &it.payload, &it.metadata)).collect();
        // EventStoreDB counts from 0, and is told what stands before the first.
        let expected = u64::try_from(first.revision - 2).ok();
        match self.0.node.append(&stream, expected, events).await? {
            Written::Yes => Ok(()),
            Written::Conflict => Err(LogError::Misplaced(format!(
                "{stream} has other events already: a history is imported into an empty one, by nobody else at a time"
            ))),
        }
    }

    /// Whether everything got its position, its time and its hash.
    async fn compare(&self, after: Position, events: &[Stored]) -> Result<(), LogError> {
        let limit = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let rows = index::after(self.pool(), after, limit).await?;
        let mut scratch = Vec::new();
        let same = rows.iter().zip(events).take_while(|(row, event)| {
            let hash = Leaf::from(*event).hash(&mut scratch);
            hash.is_ok_and(|hash| hash.bytes()[..] == row.leaf)
        });
        let count = same.count();
        if count == events.len() {
            return Ok(());
        }
        let after = after.of_nth_after(i64::try_from(count).unwrap_or(0));
        Err(LogError::Broken { after, reason: "EventStoreDB made another event of the next one".to_owned() })
    }
}

/// How many of the next events are of one stream and fit into one append.
fn run_of_one_stream(events: &[Stored]) -> usize {
    let Some(first) = events.first() else { return 0 };
    let stream = |it: &Stored| (it.merchant_id.clone(), it.category.clone(), it.name.clone());
    let name = stream(first);
    let mut bytes = 0;
    let fitting = events.iter().take_while(|it| {
        bytes += size(it);
        bytes <= APPEND_BYTES_MAX && stream(it) == name
    });
    // One that does not fit alone is refused by whoever appends it.
    fitting.count().max(1)
}

fn size(it: &Stored) -> usize {
    it.payload.len() + it.metadata.len() + 2 * it.kind.len()
}
