//! A measurement, not a check: `cargo test --release -p mizan-store --test log -- --ignored --nocapture speed`.

use crate::database::Running;
use crate::given::{batch, is_appended, keyed_append};
use mizan_store::{Batch, Log};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// As long as real ones.
const PAYLOAD_BYTES: usize = 420;
const METADATA_BYTES: usize = 256;

/// Streams with so many new events and a key each.
fn filled(prefix: &str, streams: usize, (expected, events): (i64, usize)) -> Batch {
    let streams = (0..streams).map(|nth| {
        let name = format!("{prefix}-{nth}");
        let mut it = keyed_append(&name, expected, events, &format!("{name}-{expected}"));
        for event in &mut it.events {
            event.payload.resize(PAYLOAD_BYTES, b' ');
            event.metadata.resize(METADATA_BYTES, b' ');
        }
        it
    });
    batch(streams.collect::<Vec<_>>())
}

/// Appends the batches one after the other; gives back how long each took, from the shortest.
async fn timed(log: &Log, batches: Vec<Batch>) -> Vec<Duration> {
    let mut took = Vec::new();
    for batch in batches {
        let begun = Instant::now();
        let outcomes = log.append(&batch).await.unwrap();
        took.push(begun.elapsed());
        assert!(outcomes.iter().all(is_appended));
    }
    took.sort_unstable();
    took
}

#[tokio::test]
#[ignore = "it measures, which takes a minute and a machine that does nothing else"]
async fn speed() {
    static DURABLE: OnceLock<Running> = OnceLock::new();
    let database = DURABLE.get_or_init(|| Running::start(true)).database().await;
    let log = Log::connect(database.options(), 4).await.unwrap();
    let fill: Vec<Batch> = (0..100).map(|nth| filled(&format!("fill-{nth}"), 1_000, (0, 2))).collect();
    let begun = Instant::now();
    timed(&log, fill).await;
    println!("200,000 events written before, in {:.1?}\n", begun.elapsed());
    println!("| streams x events | streams | median ms | best | worst | events/s at the median |");
    println!("|---|---|---|---|---|---|");
    for (streams, events, rounds) in
        [(1_000, 2, 20), (500, 1, 40), (250, 2, 40), (100, 1, 60), (1, 500, 40), (1, 1, 100)]
    {
        for (what, expected) in [("new", 0), ("old", i64::try_from(events).unwrap())] {
            let prefix = |nth: usize| format!("s-{streams}-{events}-{nth}");
            let batches = (0..rounds).map(|nth| filled(&prefix(nth), streams, (expected, events))).collect();
            let took = timed(&log, batches).await;
            let [best, median, worst] = [0, took.len() / 2, took.len() - 1].map(|nth| took[nth].as_micros());
            let per_s = u128::try_from(streams * events).unwrap() * 1_000_000 / median;
            let ms = |us: u128| format!("{}.{}", us / 1_000, us % 1_000 / 100);
            println!("| {streams} x {events} | {what} | {} | {} | {} | {per_s} |", ms(median), ms(best), ms(worst));
        }
    }
}
