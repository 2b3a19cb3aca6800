//! How much a rebuild and following cost: measurements, not tests.
//!
//! `CARGO_PROFILE_DEV_OPT_LEVEL=2 cargo test -p mizan-projections -- --ignored --nocapture how_fast`

use super::support::{Ledger, intent, line, place, receive};
use super::town;
use crate::checkpoint::Guard;
use crate::projector::catch_up;
use crate::runner::{Runner, Step};
use crate::schema::{self, LIVE};
use crate::{audit, rebuild};
use mizan_domain::payment::Method;
use mizan_store::{Fact, Log, PgPool, Position, Recorded};
use std::sync::Arc;
use std::time::Instant;

/// What PostgreSQL and Linux count processor time in: hundredths of a second.
const TICK_NS: u64 = 10_000_000;

/// The processor time of this process and of PostgreSQL, in ticks.
struct Spent {
    ours: u64,
    database: u64,
    begun: Instant,
}

impl Spent {
    async fn now(pool: &PgPool) -> Self {
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(pool).await.unwrap();
        let postmaster = stat(&backend.to_string()).unwrap()[1];
        let mut database = 0;
        for entry in std::fs::read_dir("/proc").unwrap() {
            let Some(fields) = stat(&entry.unwrap().file_name().to_string_lossy()) else { continue };
            // Of the postmaster also the time of its children that have ended.
            database += match (fields[0] == postmaster, fields[1] == postmaster) {
                (true, _) => fields[11..15].iter().sum(),
                (false, true) => fields[11] + fields[12],
                (false, false) => 0,
            };
        }
        Self { ours: stat("self").unwrap()[11..13].iter().sum(), database, begun: Instant::now() }
    }

    async fn tell(self, pool: &PgPool, what: &str, events: usize) {
        let elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap();
        let (now, events) = (Self::now(pool).await, u64::try_from(events).unwrap());
        let each = |ticks: u64| ticks * TICK_NS / events;
        println!(
            "{what}: {events} events, {}/s, CPU an event: ours {} ns, PostgreSQL {} ns",
            events * 1_000 / elapsed_ms.max(1),
            each(now.ours - self.ours),
            each(now.database - self.database),
        );
    }
}

/// The numbers of a process: its own, its parent's, and what follows in `/proc/<pid>/stat`.
fn stat(process: &str) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (pid, rest) = (text.split_once(' ')?.0.parse().ok()?, text.rsplit_once(") ")?.1);
    let fields = rest.split(' ').skip(1).map(|it| it.trim().parse().unwrap_or(0));
    // The fields count from the third of proc(5): utime and stime are the 14th and the 15th.
    Some([pid].into_iter().chain(fields).collect())
}

async fn facts(log: &Log, after: Position) -> Vec<Fact> {
    let (mut all, mut last) = (Vec::new(), after);
    loop {
        let stored = log.read(last, 10_000).await.unwrap();
        let Some(end) = stored.last() else { return all };
        last = end.position;
        all.extend(stored.into_iter().map(|it| {
            let (payload, metadata) = (Arc::from(it.payload.as_slice()), Arc::from(it.metadata.as_slice()));
            Fact { recorded: Arc::new(Recorded::try_from(it).unwrap()), payload, metadata }
        }));
    }
}

/// Follows facts as a service under load does: so many at a time, as soon as they are appended.
async fn follow(log: &Log, what: &str, facts: &[Fact], batch: usize) {
    let pool = log.pool();
    let mut runner = Runner::new(log, LIVE, Guard::Shared, i64::try_from(batch).unwrap());
    let spent = Spent::now(pool).await;
    for part in facts.chunks(batch) {
        log.feed().push(part.iter().cloned());
        let until = part.last().unwrap().recorded.position;
        while !matches!(runner.step(Some(until)).await.unwrap(), Step::CaughtUp(_)) {}
    }
    spent.tell(pool, &format!("{what}, {batch} at a time"), facts.len()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn how_fast_is_following() {
    const PAYMENTS: usize = 20_000;
    let mut ledger = Ledger::new().await;
    schema::prepare(ledger.log.pool()).await.unwrap();
    let log = ledger.log.clone();
    let mut after = Position::START;
    for (what, is_placed_first) in [("payments of orders that come later", false), ("an order, then its payment", true)]
    {
        for batch in [300, 2_000] {
            for nth in 0..PAYMENTS / 2 {
                let at = ledger.now();
                let (order, payment) = (format!("o-{after}-{nth}"), format!("p-{after}-{nth}"));
                let customer = format!("c-{}", nth % 1_000);
                let merchant = format!("m-{}", nth % 8);
                if is_placed_first {
                    ledger.ask(&merchant, place(&order, &customer, vec![line("l-1", 1, "10.00 EUR")], at)).unwrap();
                }
                let intent = intent(&payment, &order, &customer, Method::BankTransfer, "10.00 EUR");
                ledger.ask(&merchant, receive(intent, at)).unwrap();
                // A second's worth of commands stands between an order and its payment in the log.
                if nth % 100 == 99 {
                    ledger.flush().await;
                }
            }
            ledger.flush().await;
            let facts = facts(&log, after).await;
            follow(&log, what, &facts, batch).await;
            after = log.head().await.unwrap();
        }
    }
    assert_eq!(audit(&log, |_| ()).await.unwrap().differences, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn how_fast_is_a_rebuild() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 25, 16_000).await;
    let pool = ledger.log.pool();
    let spent = Spent::now(pool).await;
    let head = catch_up(&ledger.log).await.unwrap();
    let events = usize::try_from(head.number()).unwrap();
    spent.tell(pool, "caught up", events).await;
    for _ in 0..3 {
        let spent = Spent::now(pool).await;
        let report = rebuild(&ledger.log, |_| ()).await.unwrap();
        spent.tell(pool, "rebuilt and compared", events).await;
        println!("  the rebuild alone: {} ms, {}/s", report.elapsed_ms, report.events_per_second);
    }
}
