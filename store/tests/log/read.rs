//! Reading: in order, from anywhere, of whom and what was asked.

use crate::database::Database;
use crate::given::{append, append_one, batch, event, events, first, history, ids_of, merchant, stream};
use mizan_domain::event::StreamName;
use mizan_store::log::READ_EVENTS_MAX;
use mizan_store::{HistoryFilter, Log, NewEvent, Position, StreamAppend};

#[tokio::test]
async fn a_new_log_is_empty() {
    let database = Database::new().await;
    let log = database.log().await;
    assert_eq!(log.head().await.unwrap(), Position::START);
    assert_eq!(log.read(Position::START, 10).await.unwrap(), []);
    assert_eq!(log.streams(&[(merchant("m-1"), stream("o-1"))]).await.unwrap(), []);
    assert_eq!(log.streams(&[]).await.unwrap(), []);
    assert_eq!(log.policy_checkpoint().await.unwrap(), Position::START);
}

#[tokio::test]
async fn a_read_goes_on_where_the_last_one_ended() {
    let database = Database::new().await;
    let log = database.log().await;
    let outcomes = log.append(&batch([append("o-1", 0, 4), append("o-2", 0, 3)])).await.unwrap();
    assert_eq!(outcomes.iter().map(first).collect::<Vec<_>>(), [1, 5]);
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

#[tokio::test]
async fn a_read_is_never_larger_than_its_limit() {
    let database = Database::new().await;
    let log = database.log().await;
    let count = usize::try_from(READ_EVENTS_MAX).unwrap() + 1;
    append_one(&log, append("o-1", 0, count)).await.unwrap();
    assert_eq!(log.read(Position::START, i64::MAX).await.unwrap().len(), count - 1);
    assert_eq!(history(&log).await.len(), count);
}

#[tokio::test]
async fn streams_come_whole_and_in_their_order() {
    let database = Database::new().await;
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

#[tokio::test]
async fn a_merchants_history_holds_what_was_asked_for() {
    let database = Database::new().await;
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
        let filter = HistoryFilter { category, name, kind };
        let stored = log.history(&merchant(owner), &filter, Position::new(after), limit).await.unwrap();
        ids_of(&stored).iter().map(|id| written.iter().position(|it| it == id).unwrap()).collect::<Vec<_>>()
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

#[tokio::test]
async fn kinds_are_read_between_two_positions() {
    let database = Database::new().await;
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

#[tokio::test]
async fn the_policies_checkpoint_only_moves_forward() {
    let database = Database::new().await;
    let log = database.log().await;
    for (to, is) in [(5, 5), (3, 5), (5, 5), (6, 6), (0, 6)] {
        log.move_policy_checkpoint(Position::new(to)).await.unwrap();
        assert_eq!(log.policy_checkpoint().await.unwrap(), Position::new(is));
    }
}
