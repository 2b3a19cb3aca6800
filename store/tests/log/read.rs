//! Reading: in order, from anywhere, of whom and what was asked.

use crate::database::{Database, contract};
use crate::given::{append, append_one, batch, event, events, first, history, ids_of, merchant, stream};
use mizan_domain::event::StreamName;
use mizan_domain::metadata::Metadata;
use mizan_domain::text::Text;
use mizan_store::log::READ_EVENTS_MAX;
use mizan_store::{HistoryFilter, Log, NewEvent, Position, StreamAppend};
use uuid::Uuid;

contract!(
    a_new_log_is_empty,
    a_read_goes_on_where_the_last_one_ended,
    a_read_is_never_larger_than_its_limit,
    streams_come_whole_and_in_their_order,
    a_merchants_history_holds_what_was_asked_for,
    a_story_is_found_by_its_first_command_and_by_its_cause,
    a_moment_is_a_place_in_the_history,
    merchants_are_named_once_each,
    kinds_are_read_between_two_positions,
    the_policies_checkpoint_only_moves_forward,
);

async fn a_new_log_is_empty(database: Database) {
    let log = database.log().await;
    assert_eq!(log.head().await.unwrap(), Position::START);
    assert_eq!(log.read(Position::START, 10).await.unwrap(), []);
    assert_eq!(log.streams(&[(merchant("m-1"), stream("o-1"))]).await.unwrap(), []);
    assert_eq!(log.streams(&[]).await.unwrap(), []);
    assert_eq!(log.policy_checkpoint().await.unwrap(), Position::START);
}

async fn a_read_goes_on_where_the_last_one_ended(database: Database) {
    let log = database.log().await;
    for (position, asked) in [(1, append("o-1", 0, 4)), (5, append("o-2", 0, 3))] {
        assert_eq!(first(&append_one(&log, asked).await.unwrap()), position);
    }
    let all = history(&log).await;
    for limit in 1..=8 {
        let (mut after, mut read) = (Position::START, Vec::new());
        loop {
            let page = log.read(after, limit).await.unwrap();
            assert!(page.len() <= usize::try_from(limit).unwrap());
            let Some(last) = page.last() else { break };
            after = last.position;
            read.extend(page);
        }
        assert_eq!(read, all, "{limit} at a time");
    }
    assert_eq!(log.read(Position::new(7), 10).await.unwrap(), []);
    assert_eq!(log.read(Position::new(i64::MAX), 10).await.unwrap(), []);
    for none in [0, -1, i64::MIN] {
        assert_eq!(log.read(Position::START, none).await.unwrap(), []);
    }
}

async fn a_read_is_never_larger_than_its_limit(database: Database) {
    let log = database.log().await;
    let count = usize::try_from(READ_EVENTS_MAX).unwrap() + 1;
    for (nth, expected) in (0..count).step_by(5_000).enumerate() {
        let expected = i64::try_from(expected).unwrap();
        append_one(&log, append("o-1", expected, (count - nth * 5_000).min(5_000))).await.unwrap();
    }
    assert_eq!(log.read(Position::START, i64::MAX).await.unwrap().len(), count - 1);
    assert_eq!(history(&log).await.len(), count);
}

async fn streams_come_whole_and_in_their_order(database: Database) {
    let log = database.log().await;
    for revision in 0..3 {
        let streams = [append("o-1", revision, 1), append("o-2", 2 * revision, 2), append("o-3", revision, 1)];
        log.append(&batch(streams)).await.unwrap();
    }
    let asked = ["o-2", "o-unknown", "o-1"].map(|name| (merchant("m-1"), stream(name)));
    let stored = log.streams(&asked).await.unwrap();
    for (name, count) in [("o-1", 3), ("o-2", 6)] {
        let revisions: Vec<i64> = stored.iter().filter(|it| it.name == name).map(|it| it.revision).collect();
        assert_eq!(revisions, (1..=count).collect::<Vec<_>>());
    }
    assert_eq!(stored.len(), 9);
    let of_another_category = StreamName { category: "payment", ..stream("o-1") };
    let of_others = [(merchant("m-2"), stream("o-1")), (merchant("m-1"), of_another_category)];
    assert_eq!(log.streams(&of_others).await.unwrap(), []);
}

async fn a_merchants_history_holds_what_was_asked_for(database: Database) {
    let log = database.log().await;
    let mut written = Vec::new();
    for (owner, category, name, kind) in [
        ("m-1", "order", "x", "order-placed.v1"),
        ("m-2", "order", "x", "order-placed.v1"),
        ("m-1", "payment", "x", "payment-captured.v1"),
        ("m-1", "order", "y", "order-placed.v1"),
        ("m-1", "order", "y", "order-closed.v1"),
    ] {
        let stream = StreamName { category, id: name.into() };
        let expected = log.streams(&[(merchant(owner), stream.clone())]).await.unwrap().len();
        let expected = i64::try_from(expected).unwrap();
        let one = NewEvent { kind, ..event() };
        written.push(one.event_id);
        let asked = StreamAppend { merchant: merchant(owner), stream, expected, events: vec![one], keys: Vec::new() };
        append_one(&log, asked).await.unwrap();
    }
    let asked = async |log: &Log, owner: &str, filter: [Option<&str>; 3], after: i64, limit: i64| {
        let [category, name, kind] = filter.map(|it| it.map(str::to_owned));
        let filter = HistoryFilter { category, name, kinds: kind.into_iter().collect(), ..HistoryFilter::default() };
        let range = (Position::new(after), log.head().await.unwrap());
        let found = log.history(&merchant(owner), &filter, range, limit).await.unwrap();
        ids_of(&found.events).iter().map(|id| written.iter().position(|it| it == id).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(asked(&log, "m-1", [None; 3], 0, 10).await, [0, 2, 3, 4]);
    assert_eq!(asked(&log, "m-1", [None; 3], 1, 2).await, [2, 3]);
    assert!(asked(&log, "m-1", [None; 3], 0, 0).await.is_empty());
    assert_eq!(asked(&log, "m-2", [None; 3], 0, 10).await, [1]);
    assert!(asked(&log, "m-3", [None; 3], 0, 10).await.is_empty());
    assert_eq!(asked(&log, "m-1", [Some("order"), None, None], 0, 10).await, [0, 3, 4]);
    assert_eq!(asked(&log, "m-1", [None, Some("x"), None], 0, 10).await, [0, 2]);
    assert_eq!(asked(&log, "m-1", [None, None, Some("order-placed.v1")], 0, 10).await, [0, 3]);
    assert_eq!(asked(&log, "m-1", [Some("order"), Some("y"), Some("order-closed.v1")], 0, 10).await, [4]);
    assert!(asked(&log, "m-1", [Some("Order"), None, None], 0, 10).await.is_empty());
}

/// The search looks at the bytes as they are written, so it holds only as long as they are written so.
async fn a_story_is_found_by_its_first_command_and_by_its_cause(database: Database) {
    let log = database.log().await;
    let id = |nth: u128| Uuid::from_u128(nth);
    for (nth, correlation, cause) in [(1, 1, None), (2, 1, Some(7)), (3, 3, Some(1)), (4, 1, Some(7))] {
        let metadata = Metadata {
            merchant_id: merchant("m-1"),
            // What looks like a field of the metadata, in a text of it, is none.
            actor: Text::parse(r#""correlation_id":"00000000-0000-0000-0000-000000000009""#).unwrap(),
            command_id: id(nth),
            correlation_id: id(correlation),
            causation_id: cause.map(id),
            trace: None,
        };
        let one = NewEvent { metadata: serde_json::to_vec(&metadata).unwrap(), ..event() };
        let name = format!("o-{nth}");
        append_one(&log, StreamAppend { events: vec![one], ..append(&name, 0, 0) }).await.unwrap();
    }
    let found = async |correlation_id: Option<u128>, causation_id: Option<u128>| {
        let (correlation_id, causation_id) = (correlation_id.map(id), causation_id.map(id));
        let filter = HistoryFilter { correlation_id, causation_id, ..HistoryFilter::default() };
        let range = (Position::START, log.head().await.unwrap());
        let found = log.history(&merchant("m-1"), &filter, range, 10).await.unwrap();
        found.events.iter().map(|it| it.position.number()).collect::<Vec<_>>()
    };
    assert_eq!(found(Some(1), None).await, [1, 2, 4]);
    assert_eq!(found(None, Some(7)).await, [2, 4]);
    assert_eq!(found(Some(1), Some(7)).await, [2, 4]);
    assert_eq!(found(Some(3), Some(1)).await, [3]);
    assert!(found(Some(9), None).await.is_empty() && found(Some(7), None).await.is_empty());
}

/// Recorded time never goes back, so a moment is a place: without an index, and to the microsecond.
async fn a_moment_is_a_place_in_the_history(database: Database) {
    let log = database.log().await;
    let early = chrono::DateTime::UNIX_EPOCH;
    assert_eq!(log.last_before(early).await.unwrap(), Some(Position::START));
    for nth in 0..7 {
        append_one(&log, append(&format!("o-{nth}"), 0, nth % 3 + 1)).await.unwrap();
    }
    let all = history(&log).await;
    let microsecond = chrono::TimeDelta::microseconds(1);
    for it in &all {
        for moment in [it.recorded_at - microsecond, it.recorded_at, it.recorded_at + microsecond] {
            let before = all.iter().filter(|other| other.recorded_at < moment).count();
            let place = log.last_before(moment).await.unwrap().unwrap();
            assert_eq!(place.number(), i64::try_from(before).unwrap(), "{moment}");
            let filter = HistoryFilter { recorded_from: Some(moment), ..HistoryFilter::default() };
            let head = log.head().await.unwrap();
            let found = log.history(&merchant("m-1"), &filter, (Position::START, head), 100).await.unwrap();
            assert_eq!((found.events.len(), found.reached), (all.len() - before, head));
            let filter = HistoryFilter { recorded_before: Some(moment), ..HistoryFilter::default() };
            let found = log.history(&merchant("m-1"), &filter, (Position::START, head), 100).await.unwrap();
            assert_eq!((found.events.len(), found.reached), (before, head));
        }
    }
    assert_eq!(log.last_before(early).await.unwrap(), Some(Position::START));
}

async fn merchants_are_named_once_each(database: Database) {
    let log = database.log().await;
    assert!(log.merchants().await.unwrap().is_empty());
    for (nth, owner) in ["m-2", "m-1", "m-10", "m-2"].into_iter().enumerate() {
        let asked = StreamAppend { merchant: merchant(owner), ..append(&format!("o-{nth}"), 0, 1) };
        append_one(&log, asked).await.unwrap();
    }
    assert_eq!(log.merchants().await.unwrap(), ["m-1", "m-10", "m-2"]);
}

async fn kinds_are_read_between_two_positions(database: Database) {
    let log = database.log().await;
    let mut asked = append("o-1", 0, 0);
    asked.events = events(9);
    for (nth, it) in asked.events.iter_mut().enumerate() {
        it.kind = ["a.v1", "b.v1", "c.v1"][nth % 3];
    }
    append_one(&log, asked).await.unwrap();
    let read = async |after, up_to, kinds: &[&str], limit| {
        let between = (Position::new(after), Position::new(up_to));
        let stored = log.read_kinds(between, kinds, limit).await.unwrap();
        stored.iter().map(|it| it.position.number()).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 9, &["a.v1", "c.v1"], 10).await, [1, 3, 4, 6, 7, 9]);
    assert_eq!(read(1, 7, &["a.v1"], 10).await, [4, 7]);
    assert_eq!(read(1, 7, &["a.v1", "b.v1"], 2).await, [2, 4]);
    assert!(read(0, 9, &[], 10).await.is_empty());
    assert!(read(0, 9, &["a.v1"], -5).await.is_empty());
}

async fn the_policies_checkpoint_only_moves_forward(database: Database) {
    let log = database.log().await;
    for (to, is) in [(5, 5), (3, 5), (5, 5), (6, 6), (0, 6)] {
        log.move_policy_checkpoint(Position::new(to)).await.unwrap();
        assert_eq!(log.policy_checkpoint().await.unwrap(), Position::new(is));
    }
}
