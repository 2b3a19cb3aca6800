//! Many writers whose connections die under them, and readers who follow: nothing is missed, doubled or out of order.

use crate::database::Database;
use crate::dice::Dice;
use crate::given::{append, batch, history, ids_of, keyed};
use mizan_store::{Batch, Log, Outcome, Position, Stored, StreamAppend};
use sqlx::Executor;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinSet;
use uuid::Uuid;

const PROCESSES: usize = 4;
const WRITERS: usize = 12;
const BATCHES: usize = 40;
const READERS: usize = 3;
const STREAMS: usize = 30;
/// One in so many batches has its connection killed while it is under way.
const KILLED_ONE_IN: usize = 10;
/// How often a batch is sent again. Each connection can die under it, and one more stays for the killer's last victim.
const ATTEMPTS_MAX: usize = 50;

/// Kills the connection of an append that is under way, whosever it is; says whether there was one.
async fn kill_one(connection: &mut sqlx::PgConnection) -> bool {
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
                and state = 'active' and query like 'select outcome%append_batch($1%' limit 1";
    sqlx::query_scalar(kill).fetch_optional(connection).await.unwrap().unwrap_or(false)
}

/// Something of everything: several streams at revisions that may be stale, with events or without, with keys or
/// without, some of which others use too.
pub(crate) fn random_batch(dice: &mut Dice, revisions: &HashMap<String, i64>) -> Batch {
    let names: Vec<String> = (0..STREAMS).map(|nth| format!("o-{nth}")).collect();
    let count = 1 + dice.below(5);
    let streams = dice.some(&names, count).into_iter().map(|name| {
        let expected = revisions.get(&name).copied().unwrap_or(0);
        let mut append = append(&name, expected, dice.below(5));
        if dice.one_in(2) {
            let key = if dice.one_in(3) { dice.below(50).to_string() } else { Uuid::now_v7().to_string() };
            append.keys.push(keyed(&key, expected + 1, expected + i64::try_from(append.events.len()).unwrap()));
        }
        append
    });
    batch(streams.collect::<Vec<_>>())
}

/// Sends a batch until there is an answer.
async fn send(log: &Log, batch: &Batch, failures: &AtomicUsize) -> Vec<Outcome> {
    for _ in 0..ATTEMPTS_MAX {
        match log.append(batch).await {
            Ok(outcomes) => return outcomes,
            Err(_) => failures.fetch_add(1, Ordering::Relaxed),
        };
    }
    panic!("no answer after {ATTEMPTS_MAX} attempts");
}

/// Writes, and gives back the position of every event that was acknowledged.
async fn write(log: Log, mut killer: sqlx::PgConnection, seed: usize, totals: Arc<Totals>) -> Vec<(i64, Uuid)> {
    let mut dice = Dice::new(u64::try_from(seed).unwrap());
    let mut revisions = HashMap::new();
    let mut acknowledged = Vec::new();
    for _ in 0..BATCHES {
        let batch = random_batch(&mut dice, &revisions);
        let outcomes = if dice.one_in(KILLED_ONE_IN) {
            let kill = async {
                // Until it has hit somebody; this writer's own append is there to be hit, as long as it lasts.
                while !kill_one(&mut killer).await {}
                totals.kills.fetch_add(1, Ordering::Relaxed);
            };
            let mut sending = std::pin::pin!(send(&log, &batch, &totals.failures));
            tokio::select! {
                outcomes = &mut sending => outcomes,
                () = kill => sending.await,
            }
        } else {
            send(&log, &batch, &totals.failures).await
        };
        for (asked, outcome) in batch.streams.iter().zip(outcomes) {
            match outcome {
                Outcome::Appended { first, .. } => {
                    let positions = first.map_or(0, Position::number)..;
                    acknowledged.extend(positions.zip(asked.events.iter().map(|it| it.event_id)));
                    remember(&mut revisions, asked, i64::try_from(asked.events.len()).unwrap());
                }
                // Guess: somebody has appended one.
                Outcome::Conflict => remember(&mut revisions, asked, 1),
                Outcome::KeyUsed => (),
                Outcome::TooLarge { .. } => panic!("{outcome:?}"),
            }
            // Sometimes ask the log, so that the guesses do not run away.
            if dice.one_in(4) {
                let stored = log.streams(&[(asked.merchant.clone(), asked.stream.clone())]).await;
                let revision = stored.ok().and_then(|it| it.last().map(|it| it.revision)).unwrap_or(0);
                revisions.insert(asked.stream.id.to_string(), revision);
            }
        }
    }
    acknowledged
}

pub(crate) fn remember(revisions: &mut HashMap<String, i64>, asked: &StreamAppend, more: i64) {
    revisions.insert(asked.stream.id.to_string(), asked.expected + more);
}

/// Follows the log with nothing but its last position, until the writers are done and it has seen their last event.
pub(crate) async fn follow(log: Log, seed: usize, done: Arc<AtomicBool>) -> (Vec<Stored>, usize) {
    let mut dice = Dice::new(1_000 + u64::try_from(seed).unwrap());
    let mut seen: Vec<Stored> = Vec::new();
    let mut reads_with_news = 0;
    loop {
        let was_done = done.load(Ordering::SeqCst);
        let after = seen.last().map_or(Position::START, |it| it.position);
        let page = log.read(after, i64::try_from(1 + dice.below(40)).unwrap()).await.unwrap();
        if page.is_empty() && was_done {
            return (seen, reads_with_news);
        }
        reads_with_news += usize::from(!page.is_empty());
        for (stored, position) in page.iter().zip(after.number() + 1..) {
            assert_eq!(stored.position.number(), position, "a reader came past an event that was not there yet");
        }
        seen.extend(page);
    }
}

#[derive(Default)]
struct Totals {
    kills: AtomicUsize,
    failures: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_every_event_once_and_in_order() {
    let database = Database::new().await;
    let logs = database.logs(PROCESSES).await;

    // Somebody else's transaction has written and does nothing for as long as this takes. Logs that order by
    // transaction ids, and wait for the oldest one still running, stand still behind it.
    let mut idle = database.connection().await;
    idle.execute("create table elsewhere (it int)").await.unwrap();
    idle.execute("begin; insert into elsewhere values (1)").await.unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        // A pool of its own: the readers are not shot at, but would share the dead connections.
        readers.spawn(follow(database.log_with(1).await, reader, Arc::clone(&done)));
    }
    let totals = Arc::new(Totals::default());
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = logs[writer % PROCESSES].clone();
        writers.spawn(write(log, database.connection().await, writer, Arc::clone(&totals)));
    }
    let mut acknowledged: Vec<(i64, Uuid)> = writers.join_all().await.into_iter().flatten().collect();
    done.store(true, Ordering::SeqCst);
    let seen = readers.join_all().await;
    idle.execute("insert into elsewhere values (2); commit").await.unwrap();

    let all = history(&database.log().await).await;
    let (kills, failures) = (totals.kills.load(Ordering::Relaxed), totals.failures.load(Ordering::Relaxed));
    println!("{} events, {kills} connections killed, {failures} appends sent again", all.len());
    assert!(kills >= 5 && failures > 0, "the killing was in vain");

    // What was acknowledged is there, at the position that was said; and nothing else is.
    acknowledged.sort_unstable();
    let there: Vec<(i64, Uuid)> = (1..).zip(ids_of(&all)).collect();
    assert_eq!(acknowledged, there);
    assert!(all.len() > WRITERS * BATCHES / 2, "most batches were in vain: {}", all.len());
    for (seen, reads_with_news) in seen {
        assert_eq!(seen, all);
        assert!(reads_with_news > 10, "a reader that reads after the writers shows nothing");
    }
}

/// The same hazard alone: whatever is still open when events are committed, they can be read at once.
#[tokio::test]
async fn an_idle_transaction_holds_nobody_up() {
    let database = Database::new().await;
    let (log, reader) = (database.log().await, database.log().await);
    let mut idle = database.connection().await;
    idle.execute("create table elsewhere (it int)").await.unwrap();
    idle.execute("begin isolation level repeatable read; insert into elsewhere values (1)").await.unwrap();
    // One that even writes to the log, and has not come to the head.
    let mut blocked = database.connection().await;
    blocked.execute("begin; insert into streams (merchant_id, category, name) values ('m', 'c', 'n')").await.unwrap();
    for position in 1..=20 {
        crate::given::append_one(&log, append("o-1", position - 1, 1)).await.unwrap();
        let read = reader.read(Position::new(position - 1), 10).await.unwrap();
        assert_eq!(read.iter().map(|it| it.position.number()).collect::<Vec<_>>(), [position]);
    }
    blocked.execute("rollback").await.unwrap();
    idle.execute("commit").await.unwrap();
    history(&log).await;
}
