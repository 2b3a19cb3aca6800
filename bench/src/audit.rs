//! What an auditor waits for: sealing, the audit of the database and of an exported file, and a rebuild of every read
//! model; beside the time that PostgreSQL takes to give the same events away unread.

use crate::{Failure, Outcome, history};
use futures_util::TryStreamExt;
use mizan::engine::{Place, open_log};
use mizan_store::seal::sealer::Sealer;
use mizan_store::{Log, PgPool};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use serde_json::Value;
use sqlx::postgres::PgPoolCopyExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many orders, of four events each; each number after the first is a longer history
    #[arg(long, default_value = "250000", value_delimiter = ',')]
    orders: Vec<u64>,
    /// How often each is measured; the median counts
    #[arg(long, default_value = "3")]
    rounds: usize,
}

/// What a program took: time on the clock, time of all its threads, and the most memory that any program had so far.
#[derive(Clone, Copy)]
struct Took {
    clock: Duration,
    threads: Duration,
    memory_mib: i64,
}

pub(crate) async fn run(dir: &Path, args: &Args) -> Outcome {
    let place = Place { database_url: None, data_dir: dir.to_owned() };
    let (log, cluster) = open_log(&place).await?;
    let mut sold = 0;
    println!("| events | what | events/s | events per second of one core | against the raw read | memory |");
    println!("|---|---|---|---|---|---|");
    for orders in &args.orders {
        history::sell(&log, sold, orders.saturating_sub(sold)).await?;
        sold = sold.max(*orders);
        measure(dir, &log, args.rounds).await?;
    }
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    Ok(())
}

async fn measure(dir: &Path, log: &Log, rounds: usize) -> Outcome {
    sqlx::raw_sql("vacuum analyze").execute(log.pool()).await?;
    let events = log.head().await?.number();
    let begun = Instant::now();
    Sealer::new(log.clone(), dir).seal().await?;
    let sealing = begun.elapsed();
    let file = dir.join("history.ndjson");
    let path = file.display().to_string();
    mizan(dir, &["export", &path])?;
    let key = text(dir, &["key", "show"])?;
    let (mut raw, mut audit, mut verify, mut rebuild) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Side by side, so that a slow moment of the machine is everybody's.
    for _ in 0..rounds {
        raw.push(raw_read(log.pool()).await?);
        verify.push(mizan(dir, &["audit", "verify", "--json", "--history", &path, "--key", key.trim()])?);
        audit.push(mizan(dir, &["audit", "--json"])?);
        rebuild.push(mizan(dir, &["rebuild", "--json"])?);
    }
    std::fs::remove_file(file)?;
    raw.sort_unstable();
    let raw = raw[raw.len() / 2];
    row(events, "raw read by COPY", per_second(events, raw), None, raw, raw, None);
    row(events, "sealing", per_second(events, sealing), None, sealing, raw, None);
    for (what, took) in [("audit verify, of a file", verify), ("audit, with a rebuild beside", audit), ("rebuild, without comparing", rebuild)] {
        let it = median(took);
        row(events, what, per_second(events, it.clock), Some(per_second(events, it.threads)), it.clock, raw, Some(it.memory_mib));
    }
    Ok(())
}

fn row(events: i64, what: &str, rate: f64, of_a_core: Option<f64>, took: Duration, raw: Duration, memory: Option<i64>) {
    let of_a_core = of_a_core.map_or_else(String::new, |it| format!("{it:.0}"));
    let memory = memory.map_or_else(String::new, |it| format!("{it} MiB"));
    let ratio = raw.as_secs_f64() / took.as_secs_f64();
    println!("| {events} | {what} | {rate:.0} | {of_a_core} | {ratio:.2} | {memory} |");
}

fn per_second(events: i64, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}

fn median(mut of: Vec<Took>) -> Took {
    of.sort_unstable_by_key(|it| it.clock);
    of[of.len() / 2]
}

/// The time that the database takes to hand out every event, to a reader that drops it.
async fn raw_read(pool: &PgPool) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let mut rows = pool.copy_out_raw("copy (select * from events order by position) to stdout (format binary)").await?;
    let mut bytes = 0;
    while let Some(some) = rows.try_next().await? {
        bytes += some.len();
    }
    assert!(bytes > 0, "there is nothing to read");
    Ok(begun.elapsed())
}

/// Runs this program as `mizan`, in a process of its own.
fn mizan(dir: &Path, arguments: &[&str]) -> Result<Took, Failure> {
    let (before, begun) = (getrusage(UsageWho::RUSAGE_CHILDREN)?, Instant::now());
    let run = command(dir, arguments)?.output()?;
    let (clock, after) = (begun.elapsed(), getrusage(UsageWho::RUSAGE_CHILDREN)?);
    if !run.status.success() {
        return Err(format!("mizan {arguments:?}: {}", String::from_utf8_lossy(&run.stderr)).into());
    }
    let told: Value = serde_json::from_slice(&run.stdout).unwrap_or_default();
    assert!(told["holds"] != Value::Bool(false), "the history does not hold: {told}");
    // A rebuild says itself what building took, without the comparison with the live read models.
    let building = told["elapsed_ms"].as_u64().map(Duration::from_millis);
    let (threads, memory_mib) = (threads(&after) - threads(&before), after.max_rss() / 1024);
    Ok(Took { clock: building.unwrap_or(clock), threads, memory_mib })
}

fn threads(usage: &Usage) -> Duration {
    let microseconds = |it: nix::sys::time::TimeVal| {
        Duration::from_secs(it.tv_sec().unsigned_abs()) + Duration::from_micros(it.tv_usec().unsigned_abs())
    };
    microseconds(usage.user_time()) + microseconds(usage.system_time())
}

fn text(dir: &Path, arguments: &[&str]) -> Result<String, Failure> {
    Ok(String::from_utf8(command(dir, arguments)?.output()?.stdout)?)
}

fn command(dir: &Path, arguments: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).arg("--data-dir").arg(dir).env(crate::AS_MIZAN, "1").env_remove("DATABASE_URL");
    Ok(command)
}
