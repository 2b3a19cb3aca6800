//! How far the read models are behind while payments come in at a rate that nobody waits with.
//!
//! Looked at every 10 ms, by the database's own clock: the age of the oldest event that they do not show, counted from
//! when it was recorded, and nothing where they show everything.

use crate::effort::Effort;
use crate::history::Story;
use crate::load::{Histogram, Load, Pace};
use crate::measure::{self, Run};
use crate::report::{Table, grouped, median, millis};
use crate::requests::{Commands, Customers, What};
use crate::service::Service;
use crate::till::{CUSTOMERS, Till, Way};
use crate::{Failure, Setting};
use sqlx::PgPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const LOOK_EVERY: Duration = Duration::from_millis(10);
/// What is asked of the read models.
const LAG_P99_US_MAX: u64 = 250_000;
/// Below this part of the rate the service did not take what came.
const SUSTAINED_PART: f64 = 0.98;
const RATES: [u64; 8] = [1_000, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000, 15_000];
const RATES_QUICK: [u64; 2] = [1_000, 4_000];

const OLDEST_UNSHOWN: &str = "select coalesce((select (extract(epoch from clock_timestamp() - recorded_at) * 1e6)::bigint \
    from events where position = (select position + 1 from read.checkpoint)), 0)";

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Payments a second whose lag is measured, from low to high, 1000 to 15000 if left out; a round ends with the first
    /// that is not kept up
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    rates: Vec<u64>,
}

/// A rate, once.
struct Looked {
    rate: u64,
    run: Run,
    lag: Histogram,
}

impl Looked {
    fn is_sustained(&self) -> bool {
        self.run.seen.unsent == 0 && self.run.per_second() >= self.rate as f64 * SUSTAINED_PART
    }

    fn is_kept_up(&self) -> bool {
        self.is_sustained() && self.lag.quantile_us(990) < LAG_P99_US_MAX
    }
}

pub(crate) async fn run(setting: &Setting, effort: &Effort, args: &Args) -> Result<Vec<Table>, Failure> {
    let (service, mut disk) = setting.service("lag").await?;
    let rates = effort.choose(&args.rates, &RATES, &RATES_QUICK);
    let mut till = Till { service: &service, disk: &mut disk, next: 0 };
    till.warm_up(Way::One, &Customers::Spread(CUSTOMERS)).await?;
    let mut looked = Vec::new();
    for round in 1..=effort.rounds() {
        for rate in &rates {
            let it = at(&mut till, *rate, effort).await?;
            eprintln!(
                "round {round}: {rate} payments/s: {} done, lag p50 {} ms, p99 {} ms, max {} ms",
                grouped(it.run.per_second()),
                millis(it.lag.quantile_us(500) as f64),
                millis(it.lag.quantile_us(990) as f64),
                millis(it.lag.max_us() as f64)
            );
            let is_over = !it.is_kept_up();
            looked.push(it);
            if is_over {
                break;
            }
        }
    }
    let mut table = table(&rates, &looked);
    measure::memory_note(&mut table, &service);
    service.stop().await?;
    Ok(vec![table])
}

async fn at(till: &mut Till<'_>, rate: u64, effort: &Effort) -> Result<Looked, Failure> {
    let count = rate * effort.duration().as_secs() + 1;
    let orders = till.next..till.next + count;
    till.next = orders.end;
    till.service.history(Story::Placed, CUSTOMERS).await?.append(orders.clone()).await?;
    till.service.catch_up().await?;
    let customers = Customers::Spread(CUSTOMERS);
    let mut work = Commands::one_by_one(&till.service.key, What::ReceivePayment, customers, orders);
    let (address, duration) = (till.service.address, effort.duration());
    let pace = Pace::Open { per_second: rate };
    let load = Load { address, connections: effort.most_connections(), pace, duration };
    let looking = Looking::begin(till.service);
    let run = measure::run(till.service, till.disk, load, &mut work).await?;
    Ok(Looked { rate, run, lag: looking.end().await? })
}

/// A task that looks until it is told to end.
struct Looking {
    is_over: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Result<Histogram, Failure>>,
}

impl Looking {
    fn begin(service: &Service) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        Self { task: tokio::spawn(look(service.pool.clone(), Arc::clone(&is_over))), is_over }
    }

    async fn end(self) -> Result<Histogram, Failure> {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

/// From the first event that is not shown at once; what comes before the load is no lag.
async fn look(pool: PgPool, is_over: Arc<AtomicBool>) -> Result<Histogram, Failure> {
    let mut connection = pool.acquire().await?;
    let mut lag = Histogram::default();
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let head = "select position from log_head";
    let start: i64 = sqlx::query_scalar(head).fetch_one(&mut *connection).await?;
    let mut has_begun = false;
    while !is_over.load(Ordering::Relaxed) {
        every.tick().await;
        if !has_begun {
            has_begun = sqlx::query_scalar::<_, i64>(head).fetch_one(&mut *connection).await? > start;
            continue;
        }
        let age_us: i64 = sqlx::query_scalar(OLDEST_UNSHOWN).fetch_one(&mut *connection).await?;
        lag.record(age_us.max(0).unsigned_abs());
    }
    Ok(lag)
}

fn table(rates: &[u64], looked: &[Looked]) -> Table {
    let head = [
        "payments/s asked",
        "done/s",
        "lag p50 ms",
        "lag p99 ms",
        "lag max ms",
        "latency p99 ms",
        "CPU µs each: service",
        "PostgreSQL",
        "generator",
        "kept up in",
    ];
    let mut table = Table::new("lag", &head);
    let mut highest = 0;
    for rate in rates {
        let of: Vec<&Looked> = looked.iter().filter(|it| it.rate == *rate).collect();
        if of.is_empty() {
            continue;
        }
        let median_of = |figure: &dyn Fn(&Looked) -> f64| median(of.iter().map(|it| figure(it)));
        let kept_up = of.iter().filter(|it| it.is_kept_up()).count();
        if kept_up * 2 > of.len() {
            highest = highest.max(*rate);
        }
        table.row([
            grouped(*rate as f64),
            grouped(median_of(&|it| it.run.per_second())),
            millis(median_of(&|it| it.lag.quantile_us(500) as f64)),
            millis(median_of(&|it| it.lag.quantile_us(990) as f64)),
            millis(median_of(&|it| it.lag.max_us() as f64)),
            millis(median_of(&|it| it.run.seen.commands_latency.quantile_us(990) as f64)),
            format!("{:.1}", median_of(&|it| it.run.cpu_us_each()[0])),
            format!("{:.1}", median_of(&|it| it.run.cpu_us_each()[1])),
            format!("{:.1}", median_of(&|it| it.run.cpu_us_each()[2])),
            format!("{kept_up} of {}", of.len()),
        ]);
    }
    let limit_ms = LAG_P99_US_MAX / 1000;
    table.note(format!(
        "Kept up: done as asked, and p99 of the lag below {limit_ms} ms. The highest rate that was: **{} payments/s** of two \
         events each.",
        grouped(highest as f64)
    ));
    table
}
