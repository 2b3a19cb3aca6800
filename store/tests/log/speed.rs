//! A measurement, not a check: `cargo test --release -p mizan-store --test log -- --ignored --nocapture speed`.

use crate::database::Running;
use crate::given::{append, batch, is_appended, keyed_append};
use mizan_store::{Batch, Log, StreamAppend};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// As long as real ones.
const PAYLOAD_BYTES: usize = 420;
const METADATA_BYTES: usize = 256;

/// Streams with so many new events each, and a key for each where asked.
fn filled(prefix: &str, streams: usize, (expected, events): (i64, usize), is_keyed: bool) -> Batch {
    let streams = (0..streams).map(|nth| {
        let name = format!("{prefix}-{nth}");
        let key = format!("{name}-{expected}");
        let mut it: StreamAppend =
            if is_keyed { keyed_append(&name, expected, events, &key) } else { append(&name, expected, events) };
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
    let fill: Vec<Batch> = (0..100).map(|nth| filled(&format!("fill-{nth}"), 1_000, (0, 2), true)).collect();
    let begun = Instant::now();
    timed(&log, fill).await;
    println!("200,000 events written before, in {:.1?}\n", begun.elapsed());
    println!(
        "| streams x events | of | median ms | best | worst | events/s at the median |\n|---|---|---|---|---|---|"
    );
    for (streams, events, rounds) in
        [(1_000, 2, 20), (500, 1, 40), (250, 2, 40), (100, 1, 60), (1, 500, 40), (1, 1, 100)]
    {
        for (what, expected, is_keyed) in [("new streams, keys", 0, true), ("the same again, keys", 1, true)] {
            let expected = if expected == 0 { 0 } else { i64::try_from(events).unwrap() };
            let prefix = |nth: usize| format!("s-{streams}-{events}-{nth}");
            let batches = (0..rounds).map(|nth| filled(&prefix(nth), streams, (expected, events), is_keyed)).collect();
            let took = timed(&log, batches).await;
            let median = took[took.len() / 2];
            let per_s = u128::try_from(streams * events).unwrap() * 1_000_000 / median.as_micros();
            let [median, best, worst] = [median, took[0], took[took.len() - 1]].map(|it| it.as_micros());
            let ms = |us: u128| format!("{}.{}", us / 1_000, us % 1_000 / 100);
            println!("| {streams} x {events} | {what} | {} | {} | {} | {per_s} |", ms(median), ms(best), ms(worst));
        }
    }
}
