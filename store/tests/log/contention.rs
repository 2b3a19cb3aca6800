//! Many processes that want the same: one winner, and nobody waits in a circle.

use crate::database::{Database, contract};
use crate::dice::Dice;
use crate::given::{append, append_one, batch, history, is_appended, keyed_append, merchant, stream};
use mizan_store::{Log, Outcome, StreamAppend};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

contract!(one_of_many_appends_to_a_revision_wins, one_of_many_begins_a_stream,);

const ROUNDS: i64 = 20;
const SENDERS: usize = 20;

/// All append to the stream at once, on the same revision; gives back what became of each.
async fn rush(logs: &[Log], name: &str, expected: i64) -> Vec<Outcome> {
    let barrier = Arc::new(Barrier::new(SENDERS));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (log, barrier) = (logs[sender % logs.len()].clone(), Arc::clone(&barrier));
        let one = append(name, expected, 1 + sender % 3);
        senders.spawn(async move {
            barrier.wait().await;
            append_one(&log, one).await.unwrap()
        });
    }
    senders.join_all().await
}

fn assert_one_winner(outcomes: &[Outcome]) {
    assert_eq!(outcomes.iter().filter(|it| is_appended(it)).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|it| **it == Outcome::Conflict).count(), SENDERS - 1, "{outcomes:?}");
}

async fn one_of_many_appends_to_a_revision_wins(database: Database) {
    let logs = database.logs(4).await;
    for _ in 0..ROUNDS {
        let expected = logs[0].streams(&[(merchant("m-1"), stream("o-1"))]).await.unwrap().len();
        assert_one_winner(&rush(&logs, "o-1", i64::try_from(expected).unwrap()).await);
    }
    history(&logs[0]).await;
}

async fn one_of_many_begins_a_stream(database: Database) {
    let logs = database.logs(4).await;
    for round in 0..ROUNDS {
        assert_one_winner(&rush(&logs, &format!("o-{round}"), 0).await);
    }
    let streams: HashSet<String> = history(&logs[0]).await.into_iter().map(|it| it.name).collect();
    assert_eq!(streams.len(), 20);
}

/// Batches whose streams overlap, old and new ones, whose keys overlap, and which name them in any order. Where two of
/// them waited for each other, PostgreSQL would end one with an error after a second.
#[tokio::test]
async fn nobody_waits_in_a_circle() {
    const WRITERS: usize = 12;
    const BATCHES: usize = 40;
    let database = Database::new().await;
    let logs = database.logs(4).await;
    // Dictionaries and bytes disagree on the order of these.
    let names: Arc<Vec<String>> =
        Arc::new((0..24).map(|nth| format!("{}{nth}", ["o-", "O-", "p", "P.", "a_"][nth % 5])).collect());
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (log, names) = (logs[writer % logs.len()].clone(), Arc::clone(&names));
        writers.spawn(async move {
            let mut dice = Dice::new(u64::try_from(writer).unwrap());
            let mut appended = 0;
            for round in 0..BATCHES {
                let revisions =
                    "select name, max(e.revision) from streams join events e using (stream_id) group by name";
                let known: Vec<(String, i64)> = sqlx::query_as(revisions).fetch_all(log.pool()).await.unwrap();
                let known: HashMap<String, i64> = known.into_iter().collect();
                let mut asked: Vec<StreamAppend> = Vec::new();
                for name in dice.some(&names, 12) {
                    let revision = known.get(&name).copied().unwrap_or(0);
                    let key = format!("k-{}", dice.below(400));
                    asked.push(match dice.below(4) {
                        0 => append(&name, revision, 2),
                        1 => keyed_append(&name, revision, 0, &key),
                        _ => keyed_append(&name, revision, 1, &key),
                    });
                }
                // Streams that several processes begin at the same moment.
                asked.push(append(&format!("n-{round}"), 0, 1));
                asked.push(append(&format!("N-{round}"), 0, 1));
                let asked = dice.some(&asked, asked.len());
                let outcomes = log.append(&batch(asked)).await.unwrap();
                appended += outcomes.iter().filter(|it| matches!(it, Outcome::Appended { first: Some(_), .. })).count();
            }
            appended
        });
    }
    let appended: usize = writers.join_all().await.into_iter().sum();
    println!("{appended} of {} appends won", WRITERS * BATCHES * 14);
    assert!(appended >= 2 * BATCHES);
    history(&logs[0]).await;
}
