//! Streams, events and batches to say things with.

use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use mizan_store::{Batch, Keyed, Log, LogError, NewEvent, Outcome, Position, Stored, StreamAppend};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(crate) fn merchant(id: &str) -> MerchantId {
    MerchantId::parse(id).unwrap()
}

pub(crate) fn stream(name: &str) -> StreamName {
    StreamName { category: "order", id: name.into() }
}

/// An event that no other one equals.
pub(crate) fn event() -> NewEvent {
    let event_id = Uuid::now_v7();
    let payload = format!(r#"{{"order_id":"{event_id}","total":"12.30"}}"#).into_bytes();
    NewEvent { event_id, kind: "order-placed.v1", payload, metadata: br#"{"merchant_id":"m-1"}"#.to_vec() }
}

pub(crate) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event()).collect()
}

/// So many new events for a stream of the merchant `m-1`.
pub(crate) fn append(name: &str, expected: i64, count: usize) -> StreamAppend {
    let (merchant, stream) = (merchant("m-1"), stream(name));
    StreamAppend { merchant, stream, expected, events: events(count), keys: Vec::new() }
}

/// The same, asked under an idempotency key.
pub(crate) fn keyed_append(name: &str, expected: i64, count: usize, key: &str) -> StreamAppend {
    let mut append = append(name, expected, count);
    let last_revision = expected + i64::try_from(count).unwrap();
    append.keys.push(keyed(key, expected + 1, last_revision));
    append
}

pub(crate) fn keyed(key: &str, first_revision: i64, last_revision: i64) -> Keyed {
    Keyed { key: hash(key), fingerprint: hash(&format!("what was said under {key}")), first_revision, last_revision }
}

pub(crate) fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

pub(crate) fn batch(streams: impl Into<Vec<StreamAppend>>) -> Batch {
    Batch { streams: streams.into() }
}

/// Appends one stream alone.
pub(crate) async fn append_one(log: &Log, append: StreamAppend) -> Result<Outcome, LogError> {
    Ok(log.append(&batch([append])).await?[0])
}

/// The position of the first event that was appended; it has to be.
pub(crate) fn first(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Appended { first: Some(first), recorded_at: Some(_) } => first.number(),
        Outcome::Appended { .. } | Outcome::Conflict | Outcome::KeyUsed | Outcome::TooLarge { .. } => {
            panic!("{outcome:?}")
        }
    }
}

pub(crate) fn is_appended(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Appended { .. })
}

/// The history as it stands, whole, after a look at what every history must be: dense, in order of time, and each
/// stream counted from 1.
pub(crate) async fn history(log: &Log) -> Vec<Stored> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(Position::START, |it: &Stored| it.position);
        let page = log.read(after, i64::MAX).await.unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    assert_whole(&all);
    assert_eq!(log.head().await.unwrap().number(), i64::try_from(all.len()).unwrap(), "the head is the last event");
    all
}

pub(crate) fn assert_whole(history: &[Stored]) {
    let mut revisions = std::collections::HashMap::new();
    let mut recorded_at = None;
    for (stored, position) in history.iter().zip(1..) {
        assert_eq!(stored.position.number(), position, "positions are 1, 2, 3...");
        let revision = revisions.entry((&stored.merchant_id, &stored.category, &stored.name)).or_insert(0);
        *revision += 1;
        assert_eq!(stored.revision, *revision, "revisions of {} are 1, 2, 3... along the history", stored.name);
        assert!(recorded_at <= Some(stored.recorded_at), "time went back at {position}");
        recorded_at = Some(stored.recorded_at);
    }
}

pub(crate) fn ids_of(history: &[Stored]) -> Vec<Uuid> {
    history.iter().map(|it| it.event_id).collect()
}
