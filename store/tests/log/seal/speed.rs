//! A measurement, not a check:
//! `cargo test --release --workspace --test log -- --ignored --nocapture seal::speed`.

use super::{Dir, Sealed};
use crate::database::{Database, Running};
use mizan_store::Position;
use mizan_store::pool;
use mizan_store::seal::scan::scan;
use mizan_store::seal::tree::TILE_WIDTH;
use mizan_store::seal::{Frontier, Leaf};
use sqlx::{AssertSqlSafe, Executor};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const EVENTS: i64 = 1_000_000;
/// Of each stream.
const EVENTS_PER_STREAM: i64 = 4;
/// As long as real ones.
const PAYLOAD_BYTES: usize = 420;
const METADATA_BYTES: usize = 256;

fn per_s(took: Duration) -> u128 {
    u128::try_from(EVENTS).unwrap() * 1_000_000 / took.as_micros()
}

/// A million events of streams that are mixed as in a shop: the events of a stream are far apart.
async fn fill(database: &Database) {
    let streams = EVENTS / EVENTS_PER_STREAM;
    let sql = format!(
        "set session_replication_role = replica;
         insert into streams overriding system value
             select it, 'local', 'order', 'order-' || it from generate_series(1, {streams}) it;
         insert into events select it, (it - 1) % 5000 + 5000 * ((it - 1) / 20000) + 1, (it - 1) / 5000 % 4 + 1,
             gen_random_uuid(), 'payment-received.v1', to_timestamp(1700000000 + it / 1000.0),
             convert_to(rpad('payload ' || it, {PAYLOAD_BYTES}, '0123456789abcdef'), 'UTF8'),
             convert_to(rpad('metadata ' || it, {METADATA_BYTES}, '0123456789abcdef'), 'UTF8')
             from generate_series(1, {EVENTS}) it;
         select setval('streams_stream_id_seq', {streams} + 1);
         update log_head set position = {EVENTS}, recorded_at = now();
         vacuum analyze events; vacuum analyze streams"
    );
    let mut connection = database.connection().await;
    for statement in sql.split(';') {
        connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }
}

/// What one core hashes when nothing else is to be done.
fn hashing() -> Duration {
    let (payload, metadata) = ([7; PAYLOAD_BYTES], [7; METADATA_BYTES]);
    let begun = Instant::now();
    let (mut frontier, mut tiles, mut scratch) = (Frontier::default(), Vec::new(), Vec::new());
    for position in 1..=EVENTS {
        let leaf = Leaf {
            position,
            revision: 1,
            recorded_at_us: position,
            event_id: [7; 16],
            merchant: "local",
            category: "order",
            name: "order-123456",
            kind: "payment-received.v1",
            payload: &payload,
            metadata: &metadata,
        };
        frontier.push(leaf.hash(&mut scratch).unwrap(), &mut tiles);
        if tiles.len() > TILE_WIDTH {
            tiles.clear();
        }
    }
    black_box(frontier.root());
    begun.elapsed()
}

#[tokio::test]
#[ignore = "it measures, which takes a minute and a machine that does nothing else"]
async fn speed() {
    static DURABLE: OnceLock<Running> = OnceLock::new();
    let database = DURABLE.get_or_init(|| Running::start(true)).database().await;
    fill(&database).await;
    let log = database.log().await;
    println!("{EVENTS} events of {PAYLOAD_BYTES} + {METADATA_BYTES} bytes, {EVENTS_PER_STREAM} a stream");
    println!("hashing alone, one core: {} events/s", per_s(hashing()));
    for round in 1..=2 {
        let mut tx = pool::transaction(log.pool()).await.unwrap();
        let begun = Instant::now();
        let (mut count, mut bytes) = (0, 0);
        scan(&mut tx, (Position::START, Position::new(EVENTS)), |leaf| {
            count += 1;
            bytes += leaf.payload.len() + leaf.metadata.len();
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
        assert_eq!(count, EVENTS);
        println!("reading alone, round {round}: {} events/s, {bytes} bytes", per_s(begun.elapsed()));
    }
    let it = Sealed { database, log, dir: Dir::new() };
    let begun = Instant::now();
    it.sealer().seal().await.unwrap();
    println!("sealing all of it, with tiles and checkpoints: {} events/s", per_s(begun.elapsed()));
    it.append("more", 10).await;
    let begun = Instant::now();
    it.sealer().seal().await.unwrap();
    println!("sealing ten more events: {:.1?}", begun.elapsed());
}
