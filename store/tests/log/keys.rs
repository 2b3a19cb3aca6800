//! Idempotency keys: kept for ever, in the same commit as the events, and never used twice.

use crate::database::{Database, contract};
use crate::given::{
    append, append_one, batch, first, hash, history, is_appended, keyed, keyed_append, merchant, stream,
};
use mizan_store::{Log, Outcome, StreamAppend};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};
use tokio::task::JoinSet;

contract!(
    a_key_is_known_with_what_it_made,
    a_command_without_events_keeps_its_key,
    a_used_key_bars_its_stream_and_nothing_else,
    of_a_key_that_stands_twice_in_a_batch_the_first_stream_has_it,
    a_key_with_other_content_is_never_taken_for_the_first_one,
    of_many_that_use_a_key_at_once_one_has_it,
);

/// How many keys the log knows, of all merchants.
async fn keys_known(database: &Database) -> i64 {
    let mut connection = database.connection().await;
    sqlx::query_scalar("select count(*) from command_keys").fetch_one(&mut connection).await.unwrap()
}

/// An append of one event by another process, which has not committed yet.
async fn begin_append(database: &Database, name: &str, key: &str) -> PgConnection {
    let mut connection = database.connection().await;
    let append = format!(
        "select from append_batch('{{m-1}}', '{{order}}', '{{{name}}}', '{{0}}', '{{1}}', array[gen_random_uuid()], \
         '{{k}}', '{{x}}', '{{x}}', '{{1}}', array[sha256('{key}')], array[sha256('{key}')], '{{1}}', '{{1}}')"
    );
    connection.execute("begin").await.unwrap();
    connection.execute(AssertSqlSafe(append)).await.unwrap();
    connection
}

async fn a_key_is_known_with_what_it_made(database: Database) {
    let log = database.log().await;
    let mut asked = append("o-1", 0, 3);
    asked.keys = vec![keyed("k-1", 1, 1), keyed("k-2", 2, 3), keyed("k-nothing", 4, 3)];
    append_one(&log, asked.clone()).await.unwrap();

    let mut known = log.keys(&merchant("m-1"), &["k-1", "k-2", "k-nothing", "k-unknown"].map(hash)).await.unwrap();
    known.sort_by_key(|it| it.first_revision);
    assert_eq!(known.len(), 3);
    for (known, asked) in known.iter().zip(&asked.keys) {
        assert_eq!((&known.key, &known.fingerprint), (&asked.key, &asked.fingerprint));
        assert_eq!((known.first_revision, known.last_revision), (asked.first_revision, asked.last_revision));
        assert_eq!((&*known.category, &*known.name), ("order", "o-1"));
    }
    assert_eq!(log.keys(&merchant("m-2"), &["k-1"].map(hash)).await.unwrap(), []);
    assert_eq!(log.keys(&merchant("m-1"), &[]).await.unwrap(), []);
}

async fn a_command_without_events_keeps_its_key(database: Database) {
    let log = database.log().await;
    append_one(&log, append("o-1", 0, 2)).await.unwrap();
    let nothing = Outcome::Appended { first: None, recorded_at: None };
    let asked = keyed_append("o-1", 2, 0, "k-1");
    assert_eq!(append_one(&log, asked.clone()).await.unwrap(), nothing);
    // Sent again, it has nothing to be known by but its key.
    assert_eq!(append_one(&log, asked).await.unwrap(), Outcome::KeyUsed);
    assert_eq!(append_one(&log, keyed_append("o-2", 0, 0, "k-2")).await.unwrap(), nothing);
    assert_eq!(log.keys(&merchant("m-1"), &["k-1", "k-2"].map(hash)).await.unwrap().len(), 2);
    assert_eq!(history(&log).await.len(), 2);
    // The stream is as new as before.
    assert_eq!(first(&append_one(&log, append("o-2", 0, 1)).await.unwrap()), 3);
}

async fn a_used_key_bars_its_stream_and_nothing_else(database: Database) {
    let log = database.log().await;
    append_one(&log, keyed_append("o-1", 0, 1, "used")).await.unwrap();
    let mut barred = keyed_append("o-2", 0, 2, "fresh");
    barred.keys.push(keyed("used", 2, 2));
    let of_another = StreamAppend { merchant: merchant("m-2"), ..keyed_append("o-1", 0, 1, "used") };
    let asked = [keyed_append("o-1", 1, 1, "used"), barred.clone(), keyed_append("o-3", 0, 1, "k-3"), of_another];
    let outcomes = log.append(&batch(asked)).await.unwrap();
    assert_eq!(outcomes[..2], [Outcome::KeyUsed, Outcome::KeyUsed]);
    assert!(outcomes[2..].iter().all(is_appended), "{outcomes:?}");
    assert_eq!(history(&log).await.len(), 3);
    // Nothing of the barred stream was written, so the other key is free.
    assert_eq!(keys_known(&database).await, 3);
    barred.keys.truncate(1);
    assert!(is_appended(&append_one(&log, barred).await.unwrap()));
}

async fn of_a_key_that_stands_twice_in_a_batch_the_first_stream_has_it(database: Database) {
    let log = database.log().await;
    let of_another = StreamAppend { merchant: merchant("m-2"), ..keyed_append("o-9", 0, 1, "k-1") };
    let mut twice = keyed_append("o-4", 0, 2, "k-4");
    twice.keys.push(keyed("k-4", 2, 2));
    let asked = [
        keyed_append("o-3", 0, 1, "k-1"),
        keyed_append("o-1", 0, 1, "k-1"),
        of_another,
        keyed_append("o-2", 0, 1, "k-2"),
        twice,
    ];
    let outcomes = log.append(&batch(asked)).await.unwrap();
    assert_eq!((outcomes[0], outcomes[4]), (Outcome::KeyUsed, Outcome::KeyUsed));
    assert!([1, 2, 3].into_iter().all(|nth| is_appended(&outcomes[nth])), "{outcomes:?}");
    assert_eq!((history(&log).await.len(), keys_known(&database).await), (3, 3));
}

/// The id of an event derives from the key of its command. Two processes that get the same key with other content at
/// the same moment make events with the same id, and only one of the two may be acknowledged.
async fn a_key_with_other_content_is_never_taken_for_the_first_one(database: Database) {
    let (log, other) = (database.log().await, database.log().await);
    let mine = keyed_append("o-1", 0, 1, "k-1");
    let mut theirs = mine.clone();
    theirs.events[0].payload = br#"{"order_id":"o-1","total":"99.99"}"#.to_vec();
    assert!(is_appended(&append_one(&log, mine.clone()).await.unwrap()));
    assert_eq!(append_one(&other, theirs).await.unwrap(), Outcome::Conflict);
    assert_eq!(history(&log).await[0].payload, mine.events[0].payload);
}

#[tokio::test]
async fn a_key_that_another_process_is_using_is_waited_for() {
    for commits in [true, false] {
        let database = Database::new().await;
        let log = database.log().await;
        let mut other = begin_append(&database, "o-1", "k-1").await;
        let asked = batch([append("o-0", 0, 1), keyed_append("o-2", 0, 1, "k-1"), keyed_append("o-3", 0, 1, "k-3")]);
        let appending = tokio::spawn({
            let log = log.clone();
            async move { log.append(&asked).await.unwrap() }
        });
        database.until_waiting(1, "append_batch($1").await;
        other.execute(if commits { "commit" } else { "rollback" }).await.unwrap();
        let outcomes = appending.await.unwrap();
        assert_eq!(outcomes[1] == Outcome::KeyUsed, commits, "{outcomes:?}");
        assert!(is_appended(&outcomes[0]) && is_appended(&outcomes[2]), "{outcomes:?}");
        assert_eq!((history(&log).await.len(), keys_known(&database).await), (3, 2));
    }
}

#[tokio::test]
async fn a_stream_that_another_process_is_beginning_is_waited_for() {
    for commits in [true, false] {
        let database = Database::new().await;
        let log = database.log().await;
        let mut other = begin_append(&database, "o-1", "k-1").await;
        let asked = batch([append("o-0", 0, 1), append("o-1", 0, 2), keyed_append("o-3", 0, 1, "k-3")]);
        let appending = tokio::spawn({
            let log = log.clone();
            async move { log.append(&asked).await.unwrap() }
        });
        database.until_waiting(1, "append_batch($1").await;
        other.execute(if commits { "commit" } else { "rollback" }).await.unwrap();
        let outcomes = appending.await.unwrap();
        assert_eq!(outcomes[1] == Outcome::Conflict, commits, "{outcomes:?}");
        assert!(is_appended(&outcomes[0]) && is_appended(&outcomes[2]), "{outcomes:?}");
        assert_eq!(log.streams(&[(merchant("m-1"), stream("o-1"))]).await.unwrap().len(), if commits { 1 } else { 2 });
        assert_eq!(history(&log).await.len(), if commits { 3 } else { 4 });
    }
}

/// Two batches want the same keys for other streams, in opposite orders, and both have to stop half way.
#[tokio::test]
async fn keys_are_taken_in_one_order_whatever_the_streams() {
    let database = Database::new().await;
    let log = database.log().await;
    let mut other = begin_append(&database, "o-9", "k-2").await;
    let mut senders = JoinSet::new();
    for keys in [["k-1", "k-2", "k-3"], ["k-3", "k-2", "k-1"]] {
        let asked = batch([1, 2, 3].map(|nth| keyed_append(&format!("{}-{nth}", keys[0]), 0, 1, keys[nth - 1])));
        let log = log.clone();
        senders.spawn(async move { log.append(&asked).await.unwrap() });
    }
    database.until_waiting(2, "append_batch($1").await;
    other.execute("rollback").await.unwrap();
    let mut outcomes = senders.join_all().await;
    outcomes.sort_by_key(|it| it.contains(&Outcome::KeyUsed));
    assert!(outcomes[0].iter().all(is_appended), "{outcomes:?}");
    assert_eq!(outcomes[1], [Outcome::KeyUsed; 3]);
    assert_eq!(history(&log).await.len(), 3);
}

async fn of_many_that_use_a_key_at_once_one_has_it(database: Database) {
    let logs: Vec<Log> = database.logs(3).await;
    for round in 0..20 {
        let mut senders = JoinSet::new();
        for sender in 0..12 {
            let log = logs[sender % logs.len()].clone();
            let one = keyed_append(&format!("o-{round}-{sender}"), 0, 1, &format!("k-{round}"));
            let beside = keyed_append(&format!("p-{round}-{sender}"), 0, 1, &format!("k-{round}-{sender}"));
            senders.spawn(async move { log.append(&batch([one, beside])).await.unwrap() });
        }
        let outcomes = senders.join_all().await;
        let (ones, besides): (Vec<_>, Vec<_>) = outcomes.into_iter().map(|it| (it[0], it[1])).unzip();
        assert_eq!(ones.iter().filter(|it| is_appended(it)).count(), 1);
        assert_eq!(ones.iter().filter(|it| **it == Outcome::KeyUsed).count(), 11);
        assert!(besides.iter().all(is_appended));
    }
    assert_eq!(history(&logs[0]).await.len(), 20 * 13);
}
