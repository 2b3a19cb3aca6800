//! A server that has its troubles: nothing is missed, doubled or out of order, and nobody waits for ever.

use crate::database::Database;
use crate::dice::Dice;
use crate::gap::{follow, random_batch, remember};
use crate::given::{append, append_one, batch, first, history, ids_of, is_appended};
use eventstoredb_in_process::Server;
use mizan_store::{Log, LogError, Outcome, Position};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

const PROCESSES: usize = 3;
const WRITERS: usize = 6;
const BATCHES: usize = 20;
const ATTEMPTS_MAX: usize = 50;

/// Writes, and gives back the position of every event that was acknowledged.
async fn write(log: Log, seed: usize) -> Vec<(i64, Uuid)> {
    let mut dice = Dice::new(u64::try_from(seed).unwrap());
    let (mut revisions, mut acknowledged) = (HashMap::new(), Vec::new());
    for _ in 0..BATCHES {
        let batch = random_batch(&mut dice, &revisions);
        let outcomes = send(&log, &batch).await;
        for (asked, outcome) in batch.streams.iter().zip(outcomes) {
            match outcome {
                Outcome::Appended { first, .. } => {
                    let positions = first.map_or(0, Position::number)..;
                    acknowledged.extend(positions.zip(asked.events.iter().map(|it| it.event_id)));
                    remember(&mut revisions, asked, i64::try_from(asked.events.len()).unwrap());
                }
                Outcome::Conflict | Outcome::KeyUsed => {
                    let stored = log.streams(&[(asked.merchant.clone(), asked.stream.clone())]).await.unwrap();
                    let revision = stored.last().map_or(0, |it| it.revision);
                    revisions.insert(asked.stream.id.to_string(), revision);
                }
                Outcome::TooLarge { .. } => panic!("{outcome:?}"),
            }
        }
    }
    acknowledged
}

async fn send(log: &Log, batch: &mizan_store::Batch) -> Vec<Outcome> {
    for _ in 0..ATTEMPTS_MAX {
        if let Ok(outcomes) = log.append(batch).await {
            return outcomes;
        }
    }
    panic!("no answer after {ATTEMPTS_MAX} attempts");
}

/// Everything that was acknowledged is there, where it was said to be; and what readers saw is what there is.
async fn assert_told_the_truth(database: &Database, mut acknowledged: Vec<(i64, Uuid)>) {
    let all = history(&database.log().await).await;
    acknowledged.sort_unstable();
    let there: Vec<(i64, Uuid)> = (1..).zip(ids_of(&all)).collect();
    assert_eq!(acknowledged, there);
    assert!(all.len() > WRITERS * BATCHES / 2, "most batches were in vain: {}", all.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_read_once_and_in_order_whatever_the_server_does() {
    let mut database = Database::on(Server::start()).await;
    let troubles = database.server().troubles();
    for (trouble, once_in) in [
        (&troubles.committed_without_answer, 7),
        (&troubles.refused, 11),
        (&troubles.said_twice, 5),
        (&troubles.ended_early, 3),
    ] {
        trouble.store(once_in, Ordering::Relaxed);
    }
    let logs = database.logs(PROCESSES).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for reader in 0..2 {
        readers.spawn(follow(database.log().await, reader, Arc::clone(&done)));
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(logs[writer % PROCESSES].clone(), writer));
    }
    // In the middle of it, every connection breaks, twice.
    for events in [60, 120] {
        while database.server().records().len() < events {
            tokio::task::yield_now().await;
        }
        database.server().stop();
        database.server().start_again();
    }
    let acknowledged = writers.join_all().await.into_iter().flatten().collect();
    done.store(true, Ordering::SeqCst);
    let seen = readers.join_all().await;
    assert_told_the_truth(&database, acknowledged).await;
    let all = history(&logs[0]).await;
    assert!(seen.into_iter().all(|(seen, _)| seen == all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_come_and_go() {
    let mut database = Database::on(Server::cluster(3)).await;
    let logs = database.logs(PROCESSES).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(logs[writer % PROCESSES].clone(), 100 + writer));
    }
    for (events, leader) in [(40, 1), (80, 2), (120, 0)] {
        while database.server().records().len() < events {
            tokio::task::yield_now().await;
        }
        database.server().elect(leader);
        // The one that led is gone for a while.
        let last = (leader + 2) % 3;
        database.server().stop_node(last);
        database.server().start_node((last + 2) % 3);
    }
    let acknowledged = writers.join_all().await.into_iter().flatten().collect();
    assert_told_the_truth(&database, acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_died_is_replaced() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    assert_eq!(first(&append_one(&log, append("o-1", 0, 1)).await.unwrap()), 1);
    database.server().stop();
    let begun = Instant::now();
    let unanswered = append_one(&log, append("o-1", 1, 1)).await;
    assert!(matches!(unanswered, Err(LogError::Store(_))), "{unanswered:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody waits for ever: {:?}", begun.elapsed());
    let text = unanswered.unwrap_err().to_string();
    assert!(text.contains("127.0.0.1") && !text.contains("changeit"), "{text}");
    database.server().start_again();
    assert_eq!(first(&append_one(&log, append("o-1", 1, 1)).await.unwrap()), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_waits_for_a_server_that_is_starting() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    database.server().stop();
    let appending = tokio::spawn({
        let log = log.clone();
        async move { append_one(&log, append("o-1", 0, 1)).await }
    });
    tokio::task::yield_now().await;
    database.server().start_again();
    assert_eq!(first(&appending.await.unwrap().unwrap()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_does_not_hang_us() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    append_one(&log, append("o-1", 0, 1)).await.unwrap();
    let troubles = database.server().troubles();
    troubles.hangs.store(true, Ordering::Relaxed);
    let reading = tokio::spawn({
        let log = log.clone();
        async move { log.read(Position::START, 10).await }
    });
    while troubles.hanging.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    troubles.hangs.store(false, Ordering::Relaxed);
    assert_eq!(reading.await.unwrap().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_was_committed_without_an_answer_is_taken_once() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    database.server().troubles().committed_without_answer.store(2, Ordering::Relaxed);
    for revision in 0..20 {
        let outcomes = log.append(&batch([append("o-1", revision, 1), append("o-2", 2 * revision, 2)])).await.unwrap();
        assert!(outcomes.iter().all(is_appended), "{outcomes:?}");
    }
    assert_eq!(history(&log).await.len(), 60);
}
