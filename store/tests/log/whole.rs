//! Batches that are taken whole: in their order, or not at all, and once however often they are sent.

use crate::database::Database;
use crate::dice::Dice;
use crate::given::{append, append_one, history, ids_of, keyed, keyed_append, merchant, stream};
use mizan_store::{Keyed, Log, Position, Stored, Taken, WholeBatch, WholeEvent, WholeStream};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinSet;
use uuid::Uuid;

/// A batch of events for streams by name, in this order; `at` says which revisions the streams have.
fn whole(at: &[(&str, i64)], order: &[&str]) -> WholeBatch {
    let mut batch = WholeBatch::default();
    let mut revisions: Vec<i64> = at.iter().map(|(_, revision)| *revision).collect();
    for (name, expected) in at {
        let count = order.iter().filter(|it| *it == name).count();
        let count = i32::try_from(count).unwrap();
        let (merchant, stream) = (merchant("m-1"), stream(name));
        batch.streams.push(WholeStream { merchant, stream, expected: *expected, count });
    }
    for name in order {
        let number = at.iter().position(|(known, _)| known == name).unwrap();
        revisions[number] += 1;
        let event_id = Uuid::now_v7();
        batch.events.push(WholeEvent {
            stream: number,
            revision: revisions[number],
            event_id,
            kind: "order-placed.v1",
            payload: format!("\0 of {event_id}").into_bytes().into(),
            metadata: Arc::from(*b"{}"),
        });
    }
    batch
}

fn with_key(mut batch: WholeBatch, stream: usize, key: Keyed) -> WholeBatch {
    batch.keys.push((stream, key));
    batch
}

fn ids(batch: &WholeBatch) -> Vec<Uuid> {
    batch.events.iter().map(|it| it.event_id).collect()
}

fn names(history: &[Stored]) -> Vec<&str> {
    history.iter().map(|it| it.name.as_str()).collect()
}

async fn taken(log: &Log, batch: &WholeBatch) -> Option<Position> {
    match log.append_whole(batch).await.unwrap() {
        Taken::Whole { first, recorded_at } => {
            assert_eq!(first.is_some(), recorded_at.is_some());
            Some(first.unwrap_or_default())
        }
        Taken::Not => None,
    }
}

#[tokio::test]
async fn events_stand_in_the_order_in_which_they_were_decided() {
    let log = Database::new().await.log().await;
    append_one(&log, append("o-5", 0, 2)).await.unwrap();
    append_one(&log, append("o-1", 0, 1)).await.unwrap();
    let order = ["o-9", "o-5", "o-9", "o-1", "a-1", "o-5"];
    let batch = whole(&[("o-9", 0), ("o-5", 2), ("o-1", 1), ("a-1", 0), ("only-a-key", 0)], &order);
    let batch = with_key(with_key(batch, 0, keyed("k-2", 1, 2)), 4, keyed("k-1", 1, 0));
    assert_eq!(taken(&log, &batch).await, Some(Position::new(4)));
    let all = history(&log).await;
    assert_eq!(names(&all[3..]), order);
    assert_eq!(ids_of(&all[3..]), ids(&batch));
    for (stored, written) in all[3..].iter().zip(&batch.events) {
        assert_eq!((&*stored.payload, &*stored.metadata), (&*written.payload, &*written.metadata));
        assert_eq!((stored.revision, stored.kind.as_str()), (written.revision, written.kind));
    }
    let known = log.keys(&merchant("m-1"), &[keyed("k-1", 0, 0).key, keyed("k-2", 0, 0).key]).await.unwrap();
    let mut known: Vec<_> = known.iter().map(|it| (it.name.as_str(), it.first_revision, it.last_revision)).collect();
    known.sort_unstable();
    assert_eq!(known, [("o-9", 1, 2), ("only-a-key", 1, 0)]);
    // The streams went on: the other way of appending sees it.
    assert!(matches!(append_one(&log, append("o-9", 2, 1)).await.unwrap(), mizan_store::Outcome::Appended { .. }));
}

#[tokio::test]
async fn where_one_stream_or_key_is_lost_nothing_is_taken() {
    let log = Database::new().await.log().await;
    append_one(&log, keyed_append("o-1", 0, 2, "used")).await.unwrap();
    let before = history(&log).await;
    let lost = [
        ("behind", whole(&[("o-2", 0), ("o-1", 1)], &["o-2", "o-1"])),
        ("ahead", whole(&[("o-2", 0), ("o-1", 3)], &["o-2", "o-1"])),
        ("not new", whole(&[("o-2", 0), ("o-1", 0)], &["o-2", "o-1"])),
        ("not there", whole(&[("o-1", 2), ("o-2", 1)], &["o-1", "o-2"])),
        ("used key", with_key(whole(&[("o-2", 0)], &["o-2"]), 0, keyed("used", 1, 1))),
        ("key twice", {
            let batch = whole(&[("o-2", 0), ("o-3", 0)], &["o-2", "o-3"]);
            with_key(with_key(batch, 0, keyed("twice", 1, 1)), 1, keyed("twice", 1, 1))
        }),
    ];
    for (why, batch) in lost {
        assert_eq!(taken(&log, &batch).await, None, "{why}");
        assert_eq!(history(&log).await, before, "{why}");
    }
    // None of them stands in the way of what is right.
    let keys = log.keys(&merchant("m-1"), &[keyed("twice", 0, 0).key]).await.unwrap();
    assert!(keys.is_empty());
    assert_eq!(taken(&log, &whole(&[("o-1", 2), ("o-2", 0)], &["o-2", "o-1"])).await, Some(Position::new(3)));
}

#[tokio::test]
async fn a_batch_sent_again_is_found_and_one_that_only_looks_like_it_is_not() {
    let database = Database::new().await;
    let (log, other) = (database.log().await, database.log().await);
    append_one(&log, append("o-1", 0, 1)).await.unwrap();
    let batch = whole(&[("o-1", 1), ("o-2", 0)], &["o-2", "o-1", "o-2"]);
    let first = log.append_whole(&batch).await.unwrap();
    append_one(&log, append("o-1", 2, 1)).await.unwrap();
    let all = history(&log).await;
    assert_eq!(log.append_whole(&batch).await.unwrap(), first);
    assert_eq!(other.append_whole(&batch).await.unwrap(), first, "by another process");
    let mut other_bytes = batch.clone();
    other_bytes.events[2].payload = Arc::from(*b"other");
    let mut longer = batch.clone();
    longer.events.push(WholeEvent { event_id: Uuid::now_v7(), revision: 3, ..batch.events[2].clone() });
    longer.streams[1].count += 1;
    for it in [other_bytes, longer] {
        assert_eq!(log.append_whole(&it).await.unwrap(), Taken::Not);
    }
    assert_eq!(history(&log).await, all);
}

#[tokio::test]
async fn nothing_asked_is_nothing_done() {
    let log = Database::new().await.log().await;
    assert_eq!(
        log.append_whole(&WholeBatch::default()).await.unwrap(),
        Taken::Whole { first: None, recorded_at: None }
    );
    assert!(history(&log).await.is_empty());
}

/// A caller that goes away in the middle leaves a connection behind that nobody uses again, and a batch that is there or is
/// not.
#[tokio::test]
async fn a_dropped_caller_leaves_all_of_a_batch_or_nothing() {
    let log = Database::new().await.log().await;
    let mut sent = Vec::new();
    for nth in 0..40 {
        let (a, b) = (format!("a-{nth}"), format!("b-{nth}"));
        let batch = whole(&[(&a, 0), (&b, 0)], &[&b, &a, &b]);
        let mut asking = Box::pin(log.append_whole(&batch));
        for _ in 0..nth % 7 {
            let _pending = futures_util::poll!(&mut asking);
            tokio::task::yield_now().await;
        }
        drop(asking);
        sent.push(batch);
    }
    // Whatever became of them: sent again, each is there once and whole.
    for batch in &sent {
        assert!(taken(&log, batch).await.is_some());
    }
    let all = history(&log).await;
    assert_eq!(all.len(), 3 * sent.len());
    for batch in &sent {
        let at = all.iter().position(|it| it.event_id == batch.events[0].event_id).unwrap();
        assert_eq!(ids_of(&all[at..at + 3]), ids(batch));
    }
}

/// Whole batches and careful ones of several processes, whose streams and keys overlap. Where two of them waited for each
/// other, PostgreSQL would end one with an error after a second.
#[tokio::test]
async fn nobody_waits_in_a_circle_for_a_whole_batch() {
    const WRITERS: usize = 6;
    const BATCHES: usize = 40;
    let database = Database::new().await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = database.log().await;
        writers.spawn(async move {
            let mut dice = Dice::new(u64::try_from(writer).unwrap());
            let mut events = 0;
            for nth in 0..BATCHES {
                let mut names: Vec<String> = (0..1 + dice.below(4)).map(|_| format!("o-{}", dice.below(8))).collect();
                names.sort_unstable();
                names.dedup();
                let keys: Vec<_> = names.iter().map(|it| (merchant("m-1"), stream(it))).collect();
                let mut at: HashMap<String, i64> = names.iter().map(|it| (it.clone(), 0)).collect();
                for it in log.streams(&keys).await.unwrap() {
                    at.insert(it.name, it.revision);
                }
                let at: Vec<(&str, i64)> = at.iter().map(|(name, revision)| (name.as_str(), *revision)).collect();
                let order: Vec<&str> = names.iter().chain(names.iter().rev()).map(String::as_str).collect();
                if nth % 4 == 3 {
                    let (name, expected) = at[0];
                    let outcome = append_one(&log, append(name, expected, 1)).await.unwrap();
                    events += usize::from(matches!(outcome, mizan_store::Outcome::Appended { .. }));
                } else if taken(&log, &whole(&at, &order)).await.is_some() {
                    events += order.len();
                }
            }
            events
        });
    }
    let events: usize = writers.join_all().await.into_iter().sum();
    let log = database.log().await;
    assert_eq!(history(&log).await.len(), events);
    assert!(events > WRITERS * BATCHES / 4, "nearly everybody lost: the test shows little");
}
