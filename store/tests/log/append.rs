//! Appending: what comes back, who loses, and that nothing is taken twice.

use crate::database::{Database, Keeper, contract};
use crate::given::{
    append, append_one, assert_whole, batch, event, events, first, history, ids_of, is_appended, keyed_append,
    merchant, stream,
};
use mizan_domain::event::StreamName;
use mizan_store::{Log, LogError, NewEvent, Outcome, Position, StreamAppend};
use sqlx::Executor;
use std::sync::Arc;
use tokio::task::JoinSet;

contract!(
    every_byte_comes_back,
    outcomes_keep_the_order_of_the_batch,
    a_stream_is_appended_only_at_its_revision,
    losers_do_not_stop_the_others,
    a_batch_sent_again_is_taken_once,
    a_batch_that_many_send_at_once_is_taken_once,
    a_batch_that_is_only_partly_there_is_a_conflict,
    nothing_asked_is_nothing_done,
    a_stream_that_stands_twice_in_a_batch_refuses_it_whole,
    names_are_told_apart_byte_by_byte,
    a_thousand_streams_are_one_batch,
    a_name_that_postgresql_cannot_keep_is_refused_and_not_shortened,
);

async fn every_byte_comes_back(database: Database) {
    let log = database.log().await;
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(300_000).collect();
    let written: Vec<NewEvent> = [b"".to_vec(), b"{ \"a\" : 1.50 }\n".to_vec(), every_byte.clone(), large]
        .into_iter()
        .map(|payload| NewEvent { payload, metadata: every_byte.clone(), ..event() })
        .collect();
    let mut asked = append("o-1", 0, 0);
    asked.events.clone_from(&written);
    let outcome = append_one(&log, asked).await.unwrap();

    let all = history(&log).await;
    assert_eq!(all.len(), written.len());
    for (stored, written) in all.iter().zip(&written) {
        assert_eq!((&stored.payload, &stored.metadata), (&written.payload, &written.metadata));
        assert_eq!((stored.event_id, &*stored.kind), (written.event_id, written.kind));
        assert_eq!((&*stored.merchant_id, &*stored.category, &*stored.name), ("m-1", "order", "o-1"));
    }
    assert!(matches!(outcome, Outcome::Appended { recorded_at: Some(at), .. } if at == all[0].recorded_at));
}

async fn outcomes_keep_the_order_of_the_batch(database: Database) {
    let log = database.log().await;
    // Neither this order nor its reverse is the one in which the log takes them.
    let names = ["o-5", "o-1", "O-9", "o-10", "o-3"];
    let asked: Vec<StreamAppend> = names.iter().zip(1..).map(|(name, count)| append(name, 0, count)).collect();
    let outcomes = log.append(&batch(asked.clone())).await.unwrap();
    let all = history(&log).await;
    assert_eq!(all.len(), 15);
    for (asked, outcome) in asked.iter().zip(&outcomes) {
        let from = usize::try_from(first(outcome)).unwrap() - 1;
        let there = &all[from..from + asked.events.len()];
        assert_eq!(ids_of(there), asked.events.iter().map(|it| it.event_id).collect::<Vec<_>>());
        assert!(there.iter().all(|it| *it.name == *asked.stream.id));
    }
}

async fn a_stream_is_appended_only_at_its_revision(database: Database) {
    let log = database.log().await;
    assert_eq!(first(&append_one(&log, append("o-1", 0, 2)).await.unwrap()), 1);
    for wrong in [-1, 0, 1, 3, i64::MAX] {
        assert_eq!(append_one(&log, append("o-1", wrong, 1)).await.unwrap(), Outcome::Conflict, "{wrong}");
    }
    for wrong in [-1, 1, 2] {
        assert_eq!(append_one(&log, append("o-new", wrong, 1)).await.unwrap(), Outcome::Conflict, "{wrong}");
    }
    assert_eq!(first(&append_one(&log, append("o-1", 2, 1)).await.unwrap()), 3);
    assert_eq!(history(&log).await.len(), 3);
}

async fn losers_do_not_stop_the_others(database: Database) {
    let log = database.log().await;
    append_one(&log, keyed_append("o-1", 0, 1, "used")).await.unwrap();
    append_one(&log, append("o-2", 0, 2)).await.unwrap();
    let asked = [
        append("o-6", 0, 2),
        append("o-2", 1, 3),              // somebody was first
        keyed_append("o-3", 0, 1, "new"), //
        keyed_append("o-4", 0, 1, "used"),
        append("o-1", 1, 1),
        append("o-5", 4, 1), // there is no such stream
    ];
    let outcomes = log.append(&batch(asked)).await.unwrap();
    assert_eq!(outcomes[1], Outcome::Conflict);
    assert_eq!(outcomes[3], Outcome::KeyUsed);
    assert_eq!(outcomes[5], Outcome::Conflict);
    let all = history(&log).await;
    assert_eq!(all.len(), 7);
    for (nth, name) in [(0, "o-6"), (2, "o-3"), (4, "o-1")] {
        assert_eq!(all[usize::try_from(first(&outcomes[nth])).unwrap() - 1].name, name);
    }
}

async fn a_batch_sent_again_is_taken_once(database: Database) {
    let (log, other) = (database.log().await, database.log().await);
    append_one(&log, append("o-2", 0, 1)).await.unwrap();
    let mut asked = batch([keyed_append("o-1", 0, 2, "k-1"), keyed_append("o-2", 1, 1, "k-2"), append("o-3", 0, 3)]);
    let outcomes = log.append(&asked).await.unwrap();
    assert!(outcomes.iter().all(is_appended));
    let once = history(&log).await;
    assert_eq!(log.append(&asked).await.unwrap(), outcomes);
    assert_eq!(other.append(&asked).await.unwrap(), outcomes, "by another process");

    // Also when the streams have gone on since, beside new streams, and in another order.
    append_one(&log, append("o-1", 2, 1)).await.unwrap();
    append_one(&log, append("o-3", 3, 1)).await.unwrap();
    asked.streams.reverse();
    asked.streams.push(append("o-4", 0, 1));
    let again = log.append(&asked).await.unwrap();
    assert_eq!(again[..3], [outcomes[2], outcomes[1], outcomes[0]]);
    assert_eq!(first(&again[3]), 10);
    let all = history(&log).await;
    assert_eq!(all[..once.len()], once);
    assert_eq!(all.len(), once.len() + 3);
}

async fn a_batch_that_many_send_at_once_is_taken_once(database: Database) {
    let logs = database.logs(3).await;
    append_one(&logs[0], append("o-old", 0, 1)).await.unwrap();
    for round in 0..10 {
        let streams = [append(&format!("o-{round}"), 0, 2), keyed_append("o-old", 1 + round, 1, &format!("k-{round}"))];
        let asked = Arc::new(batch(streams));
        let mut senders = JoinSet::new();
        for sender in 0..9 {
            let (log, asked) = (logs[sender % logs.len()].clone(), Arc::clone(&asked));
            senders.spawn(async move { log.append(&asked).await.unwrap() });
        }
        let outcomes = senders.join_all().await;
        assert!(outcomes.iter().flatten().all(is_appended), "{outcomes:?}");
        assert!(outcomes.iter().all(|it| *it == outcomes[0]), "{outcomes:?}");
    }
    assert_eq!(history(&logs[0]).await.len(), 31);
}

async fn a_batch_that_is_only_partly_there_is_a_conflict(database: Database) {
    let log = database.log().await;
    let mut asked = append("o-1", 0, 3);
    let outcome = append_one(&log, asked.clone()).await.unwrap();
    let changed = |change: &dyn Fn(&mut Vec<NewEvent>)| {
        let mut changed = asked.clone();
        change(&mut changed.events);
        changed
    };
    let partly = [
        ("another last event", changed(&|it| it[2] = event())),
        ("another first event", changed(&|it| it[0] = event())),
        ("one more", changed(&|it| it.push(event()))),
        ("swapped", changed(&|it| it.swap(0, 1))),
        ("the same id with another payload", changed(&|it| it[1].payload.push(b' '))),
        ("the same id with other metadata", changed(&|it| it[1].metadata.clear())),
        ("the same id of another kind", changed(&|it| it[1].kind = "order-closed.v1")),
        ("the same events in another stream", StreamAppend { stream: stream("o-2"), expected: 1, ..asked.clone() }),
        (
            "the same events of another merchant",
            StreamAppend { merchant: merchant("m-2"), expected: 1, ..asked.clone() },
        ),
        ("the same events one revision later", StreamAppend { expected: 1, ..asked.clone() }),
    ];
    for (what, append) in partly {
        assert_eq!(append_one(&log, append).await.unwrap(), Outcome::Conflict, "{what}");
    }
    assert_eq!(append_one(&log, asked.clone()).await.unwrap(), outcome);
    // Its beginning is wholly there.
    asked.events.truncate(2);
    assert_eq!(append_one(&log, asked).await.unwrap(), outcome);
    assert_eq!(history(&log).await.len(), 3);
}

#[tokio::test]
async fn time_never_goes_back() {
    let database = Database::new().await;
    let log = database.log().await;
    append_one(&log, append("o-1", 0, 1)).await.unwrap();
    // The clock of the machine was an hour ahead for a moment.
    let mut connection = database.connection().await;
    connection.execute("update log_head set recorded_at = now() + interval '1 hour'").await.unwrap();
    let ahead: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select recorded_at from log_head").fetch_one(&mut connection).await.unwrap();
    for revision in 1..4 {
        let outcome = append_one(&log, append("o-1", revision, 1)).await.unwrap();
        assert!(matches!(outcome, Outcome::Appended { recorded_at: Some(at), .. } if at == ahead), "{outcome:?}");
    }
    assert_eq!(history(&log).await.len(), 4);
}

async fn nothing_asked_is_nothing_done(database: Database) {
    let log = database.log().await;
    let nothing = Outcome::Appended { first: None, recorded_at: None };
    assert_eq!(append_one(&log, append("o-1", 0, 0)).await.unwrap(), nothing);
    assert_eq!(append_one(&log, append("o-1", 1, 0)).await.unwrap(), Outcome::Conflict);
    assert_eq!(log.head().await.unwrap(), Position::START);
    assert_eq!(streams_known(&database).await, 0);
    // An empty batch does not even ask the database.
    log.pool().close().await;
    assert_eq!(log.append(&batch([])).await.unwrap(), []);
}

async fn a_stream_that_stands_twice_in_a_batch_refuses_it_whole(database: Database) {
    let log = database.log().await;
    append_one(&log, append("o-old", 0, 1)).await.unwrap();
    let new = [append("o-1", 0, 1), append("o-2", 0, 1), append("o-1", 0, 1)];
    let old = [append("o-1", 0, 1), append("o-old", 1, 1), append("o-old", 1, 1)];
    for twice in [new, old] {
        let refused = log.append(&batch(twice)).await;
        assert!(matches!(refused, Err(LogError::Database(_) | LogError::Misplaced(_))), "{refused:?}");
    }
    assert_eq!(history(&log).await.len(), 1);
}

/// The function guards the density of the history itself, whoever calls it.
#[tokio::test]
async fn counts_that_do_not_add_up_are_refused() {
    let database = Database::new().await;
    let mut connection = database.connection().await;
    for counts in ["{0}", "{2}", "{-1}", "{}", "{1,1}", "{null}"] {
        let sql = "select from append_batch('{m-1}', '{order}', '{o-1}', '{0}', $1::text::int[], \
                   array[gen_random_uuid()], '{k}', '{x}', '{x}', '{}', '{}', '{}', '{}', '{}')";
        sqlx::query(sql).bind(counts).execute(&mut connection).await.unwrap_err();
    }
    assert_eq!(history(&database.log().await).await, []);
}

async fn names_are_told_apart_byte_by_byte(database: Database) {
    let (log, other) = (database.log().await, database.log().await);
    // Dictionaries and bytes disagree on the order of these; where ICU is, the test's databases follow a dictionary.
    let names =
        ["a", "B", "A", "b", "a-b", "ab", "aB", "a.b", "a_b", "a:b", "co-op", "coop", "CO-OP", "z", "Z1", "z10", "z9"];
    let long = "x".repeat(64);
    let owners = ["m", "M", "m-1", "m1"];
    let mut asked = Vec::new();
    for owner in owners {
        for name in names.iter().copied().chain([long.as_str()]) {
            for category in ["order", "payment"] {
                let stream = StreamName { category, id: name.into() };
                asked.push(StreamAppend { merchant: merchant(owner), stream, ..append(name, 0, 1) });
            }
        }
    }
    let new = log.append(&batch(asked.clone())).await.unwrap();
    assert!(new.iter().all(is_appended));
    let next: Vec<StreamAppend> =
        asked.iter().rev().map(|it| StreamAppend { expected: 1, events: events(1), ..it.clone() }).collect();
    assert!(other.append(&batch(next)).await.unwrap().iter().all(is_appended));
    assert_eq!(history(&log).await.len(), asked.len() * 2);
    for it in &asked {
        let stored = log.streams(&[(it.merchant.clone(), it.stream.clone())]).await.unwrap();
        assert_eq!(stored.len(), 2);
        assert!(stored.iter().all(|stored| stored.name == *it.stream.id && stored.merchant_id == it.merchant.as_str()));
    }
}

async fn a_thousand_streams_are_one_batch(database: Database) {
    let log = database.log().await;
    let asked: Vec<StreamAppend> =
        (0..1_000).map(|nth| keyed_append(&format!("o-{nth}"), 0, 2, &format!("k-{nth}"))).collect();
    let outcomes = log.append(&batch(asked.clone())).await.unwrap();
    assert!(outcomes.iter().all(is_appended));
    let all = history(&log).await;
    assert_eq!(all.len(), 2_000);
    if matches!(database.keeper, Keeper::Postgres) {
        assert!(all.iter().all(|it| it.recorded_at == all[0].recorded_at), "one commit, one time");
    }
    assert_eq!(log.append(&batch(asked)).await.unwrap(), outcomes);
}

/// A batch waits for others and must then see what they did; another isolation level would show it an older picture.
#[tokio::test]
async fn the_isolation_level_of_the_database_does_not_matter() {
    let database = Database::new().await;
    let strict = format!("alter database {} set default_transaction_isolation = 'serializable'", database.name);
    database.connection().await.execute(sqlx::AssertSqlSafe(strict)).await.unwrap();
    let logs = database.logs(2).await;
    for round in 0..10 {
        let mut senders = JoinSet::new();
        for sender in 0..8 {
            let log = logs[sender % logs.len()].clone();
            senders.spawn(async move { append_one(&log, append("o-1", round, 1)).await.unwrap() });
        }
        assert_eq!(senders.join_all().await.iter().filter(|it| is_appended(it)).count(), 1);
    }
    assert_whole(&history(&logs[0]).await);
}

#[tokio::test]
async fn processes_that_start_together_make_the_tables_once() {
    let database = Database::empty().await;
    let mut starting = JoinSet::new();
    for nth in 0..4 {
        let options = database.options();
        starting.spawn(async move {
            let log = Log::connect(options, 2).await.unwrap();
            append_one(&log, append(&format!("o-{nth}"), 0, 1)).await.unwrap()
        });
    }
    let mut firsts: Vec<i64> = starting.join_all().await.iter().map(first).collect();
    firsts.sort_unstable();
    assert_eq!(firsts, [1, 2, 3, 4]);
}

async fn a_name_that_postgresql_cannot_keep_is_refused_and_not_shortened(database: Database) {
    let log = database.log().await;
    let nul = StreamAppend { stream: stream("o\0-1"), ..append("", 0, 1) };
    let refused = append_one(&log, nul).await;
    assert!(matches!(refused, Err(LogError::Database(_) | LogError::Misplaced(_))), "{refused:?}");
    assert_eq!(history(&log).await, []);
}

async fn streams_known(database: &Database) -> i64 {
    let mut connection = database.connection().await;
    sqlx::query_scalar("select count(*) from streams").fetch_one(&mut connection).await.unwrap()
}
