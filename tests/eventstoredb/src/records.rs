//! What the server keeps: records in one order, with the rules of EventStoreDB for revisions and ids.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};
use tonic::codegen::Bytes;
use uuid::Uuid;

/// So many records apart, the server writes one about itself.
const STATISTICS_EVERY: usize = 7;

/// A record of the transaction log.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its place: sparse, as in the real one, where it is a byte of a file.
    pub commit: u64,
    /// Never equal to the commit, so that nobody takes the one for the other.
    pub prepare: u64,
    /// The name of its stream.
    pub stream: String,
    /// Its place in the stream, from 0.
    pub revision: u64,
    /// As the writer chose it.
    pub id: Uuid,
    /// `type` and `content-type`, as the writer said, and `created` in ticks of 100 ns.
    pub metadata: HashMap<String, String>,
    /// The writer's own metadata.
    pub custom_metadata: Bytes,
    /// The content.
    pub data: Bytes,
}

/// An event that somebody wants to append.
#[derive(Debug)]
pub(crate) struct Proposed {
    pub(crate) id: Uuid,
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) custom_metadata: Bytes,
    pub(crate) data: Bytes,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is there, now or since before; the revision of its last event, and its place.
    At { revision: u64, commit: u64, prepare: u64 },
    /// The stream is at another revision; none where there is no stream.
    WrongRevision(Option<u64>),
}

/// The transaction log.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) all: Vec<Record>,
    streams: HashMap<String, Vec<usize>>,
    next: u64,
}

impl Records {
    /// Appends, if the last revision is the expected one; or finds the very same events where they would be.
    pub(crate) fn append(&mut self, stream: &str, expected: Option<u64>, events: Vec<Proposed>) -> Appended {
        let known = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let count = |number: Option<u64>| number.map_or(0, |it| it as usize + 1);
        let (expected, current) = (count(expected), known.len());
        if expected < current {
            let there = known.get(expected..expected + events.len()).unwrap_or_default();
            let is_same = there.len() == events.len()
                && there.iter().zip(&events).all(|(nth, event)| self.all[*nth].id == event.id);
            return match there.last() {
                Some(last) if is_same => at(&self.all[*last]),
                Some(_) | None => Appended::WrongRevision(Some(current as u64 - 1)),
            };
        }
        if expected > current {
            return Appended::WrongRevision(current.checked_sub(1).map(|it| it as u64));
        }
        for event in events {
            self.push(stream, event);
        }
        let last = self.streams.get(stream).and_then(|known| known.last());
        let appended = last.map_or(Appended::WrongRevision(None), |last| at(&self.all[*last]));
        if self.all.len().is_multiple_of(STATISTICS_EVERY) {
            let (id, metadata) = (Uuid::from_u128(self.next.into()), [("type".to_owned(), "$stats".to_owned())].into());
            let statistics = Proposed { id, metadata, custom_metadata: Bytes::new(), data: Bytes::from_static(b"{}") };
            self.push("$stats-0.0.0.0:2113", statistics);
        }
        appended
    }

    fn push(&mut self, stream: &str, event: Proposed) {
        let known = self.streams.entry(stream.to_owned()).or_default();
        let revision = known.len() as u64;
        known.push(self.all.len());
        let (commit, prepare) = (self.next + 80, self.next + 33);
        self.next = commit + 21 + (event.data.len() + event.custom_metadata.len()) as u64;
        let Proposed { id, mut metadata, custom_metadata, data } = event;
        metadata.insert("created".to_owned(), ticks().to_string());
        let stream = stream.to_owned();
        self.all.push(Record { commit, prepare, stream, revision, id, metadata, custom_metadata, data });
    }

    /// Forgets a record.
    pub(crate) fn lose(&mut self, nth: usize) {
        self.all.remove(nth);
        for known in self.streams.values_mut() {
            known.retain(|it| *it != nth);
            known.iter_mut().filter(|it| **it > nth).for_each(|it| *it -= 1);
        }
    }

    /// The records from a place on, that one included.
    pub(crate) fn from(&self, commit: u64, prepare: u64) -> impl Iterator<Item = &Record> {
        let first = self.all.partition_point(|it| (it.commit, it.prepare) < (commit, prepare));
        self.all[first..].iter()
    }

    /// The events of a stream from a revision on; none where there is no stream.
    pub(crate) fn of_stream(&self, stream: &str, revision: u64) -> Option<impl Iterator<Item = &Record>> {
        let known = self.streams.get(stream)?;
        Some(known.iter().skip(revision as usize).map(|nth| &self.all[*nth]))
    }
}

fn at(record: &Record) -> Appended {
    Appended::At { revision: record.revision, commit: record.commit, prepare: record.prepare }
}

fn ticks() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() / 100
}
