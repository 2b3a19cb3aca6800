//! What a long history costs: the same load at several lengths of it. What is between is appended past HTTP, by the
//! store's own append, each command with its idempotency key.

use crate::commands::BATCH_CONNECTIONS;
use crate::effort::Effort;
use crate::history::Story;
use crate::measure::Run;
use crate::report::{Table, grouped, median, millis};
use crate::requests::Customers;
use crate::service::Service;
use crate::till::{CUSTOMERS, Till, Way};
use crate::{Failure, Setting};
use std::time::Instant;

const EVENTS: u64 = 1_000_000;
const EVENTS_QUICK: u64 = 100_000;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Lengths of the history in events, from short to long, 1000000 if left out; 1000000,5000000,20000000 takes half an
    /// hour and some 50 GB of disk
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    growth: Vec<u64>,
}

/// What was measured at one length.
struct Stage {
    events: u64,
    /// Events appended in a second, on the way here.
    filled_per_second: f64,
    bytes: i64,
    /// Orders and payments one a request, then in batches; each in every round.
    runs: [Vec<Run>; 4],
}

const WORKS: [&str; 4] = ["place-order", "receive-payment", "place-order in batches", "receive-payment in batches"];

pub(crate) async fn run(setting: &Setting, effort: &Effort, args: &Args) -> Result<Vec<Table>, Failure> {
    let (service, mut disk) = setting.service("growth").await?;
    let lengths = effort.choose(&args.growth, &[EVENTS], &[EVENTS_QUICK]);
    let mut till = Till { service: &service, disk: &mut disk, next: 0 };
    let mut stages = Vec::new();
    for events in lengths {
        let filled_per_second = fill(&mut till, events).await?;
        let customers = Customers::Spread(CUSTOMERS);
        till.warm_up(Way::One, &customers).await?;
        let mut runs = [const { Vec::new() }; 4];
        for round in 1..=effort.rounds() {
            for (way, connections, at) in
                [(Way::One, effort.most_connections(), 0), (Way::Batches, BATCH_CONNECTIONS[1], 2)]
            {
                let measured = till.place_and_pay(way, &customers, connections, effort.duration()).await?;
                for (nth, run) in measured.into_iter().enumerate() {
                    let (what, rate) = (WORKS[at + nth], run.per_second());
                    eprintln!("round {round}: at {} events: {what}: {}/s", grouped(events as f64), grouped(rate));
                    runs[at + nth].push(run);
                }
            }
        }
        stages.push(Stage { events, filled_per_second, bytes: bytes(&service).await?, runs });
    }
    let mut table = table(&stages, effort.most_connections());
    crate::measure::memory_note(&mut table, &service);
    service.stop().await?;
    Ok(vec![table])
}

/// Appends until the history is so long, and the read models show it.
async fn fill(till: &mut Till<'_>, events: u64) -> Result<f64, Failure> {
    let head: i64 = sqlx::query_scalar("select position from log_head").fetch_one(&till.service.pool).await?;
    let orders = events.saturating_sub(head.unsigned_abs()) / Story::Sold.events();
    let begun = Instant::now();
    till.service.history(Story::Sold, CUSTOMERS).await?.append(till.next..till.next + orders).await?;
    till.next += orders;
    let rate = (orders * Story::Sold.events()) as f64 / begun.elapsed().as_secs_f64();
    till.service.settle().await?;
    eprintln!("filled to {} events, {} a second", grouped(events as f64), grouped(rate));
    Ok(rate)
}

async fn bytes(service: &Service) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar("select pg_database_size(current_database())").fetch_one(&service.pool).await?)
}

fn table(stages: &[Stage], connections: usize) -> Table {
    let head = [
        "events",
        "what",
        "done/s",
        "against the shortest",
        "p99 ms",
        "CPU µs each: service",
        "PostgreSQL",
        "filled events/s",
        "database GB",
    ];
    let mut table = Table::new("growth", &head);
    for (nth, what) in WORKS.iter().enumerate() {
        for stage in stages {
            let of = |stage: &Stage, figure: &dyn Fn(&Run) -> f64| median(stage.runs[nth].iter().map(figure));
            let rate = of(stage, &Run::per_second);
            let shortest = stages.first().map_or(rate, |it| of(it, &Run::per_second));
            table.row([
                grouped(stage.events as f64),
                (*what).to_owned(),
                grouped(rate),
                format!("{:.2}", rate / shortest),
                millis(of(stage, &|run| run.seen.commands_latency.quantile_us(990) as f64)),
                format!("{:.1}", of(stage, &|run| run.cpu_us_each()[0])),
                format!("{:.1}", of(stage, &|run| run.cpu_us_each()[1])),
                grouped(stage.filled_per_second),
                format!("{:.1}", stage.bytes as f64 / 1e9),
            ]);
        }
    }
    table.note(format!(
        "One a request with {connections} connections, batches with {}. The runs themselves make the history longer.",
        BATCH_CONNECTIONS[1]
    ));
    table
}
