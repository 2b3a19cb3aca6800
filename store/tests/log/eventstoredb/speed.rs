//! A measurement, not a check: what the way to EventStoreDB and the counting cost, without its disk. With
//! `MIZAN_TEST_ESDB` it is a real one, and its disk.

use crate::database::Database;
use crate::given::{append, batch, is_appended};
use mizan_store::seal::Sealer;
use mizan_store::{Log, Position, StreamAppend};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures, which takes a minute and a machine that does nothing else"]
async fn speed() {
    let database = Database::on_eventstoredb().await;
    let log = database.log().await;
    for (streams, events, rounds) in [(1, 1, 100), (10, 2, 50), (100, 2, 20), (1_000, 2, 10)] {
        let mut took = Vec::new();
        for round in 0..rounds {
            let name = |nth: usize| format!("s-{streams}-{round}-{nth}");
            let asked: Vec<StreamAppend> = (0..streams).map(|nth| append(&name(nth), 0, events)).collect();
            let begun = Instant::now();
            assert!(log.append(&batch(asked)).await.unwrap().iter().all(is_appended));
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        let median = took[took.len() / 2].as_micros();
        let per_s = u128::try_from(streams * events).unwrap() * 1_000_000 / median;
        println!("{streams} streams x {events} events: {median} us, {per_s} events/s");
    }
    let head = log.head().await.unwrap().number();
    let per_s = |begun: Instant| u128::try_from(head).unwrap() * 1_000 / begun.elapsed().as_millis().max(1);
    let begun = Instant::now();
    let mut after = Position::START;
    while let Some(last) = log.read(after, 10_000).await.unwrap().last() {
        after = last.position;
    }
    println!("read: {} events/s of {head}", per_s(begun));
    let begun = Instant::now();
    Sealer::new(log.clone(), &crate::seal::Dir::new()).seal().await.unwrap();
    println!("sealed: {} events/s", per_s(begun));
    let begun = Instant::now();
    let lost = Database::new().await;
    Log::connect_eventstoredb(lost.options(), 4, &database.address()).await.unwrap();
    println!("counted again: {} events/s", per_s(begun));
}
