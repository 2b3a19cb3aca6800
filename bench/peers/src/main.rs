//! The same work by other event-sourcing libraries on the same PostgreSQL, in this process and without HTTP: commands
//! that each make two events in a new stream, the two that a payment makes in Mizan, with the same bytes.
//!
//! They have what Mizan has not left out: no idempotency keys, no read models, no books. Prints one line of JSON.

#![forbid(unsafe_code)]

mod cqrs;
mod facts;
#[path = "../../src/load/histogram.rs"]
mod histogram;
mod primait;

use clap::{Parser, ValueEnum};
use histogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
struct Cli {
    #[arg(long)]
    peer: Peer,
    /// The directory of PostgreSQL's socket
    #[arg(long)]
    socket: PathBuf,
    /// A database that is there
    #[arg(long)]
    database: String,
    /// Commands at a time, and connections
    #[arg(long)]
    tasks: u32,
    #[arg(long)]
    seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Peer {
    CqrsEs,
    Esrs,
}

/// Asks a library for one command after the other.
trait Asks: Send + Sync + 'static {
    fn ask(&self) -> impl Future<Output = Result<(), Failure>> + Send;
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let cli = Cli::parse();
    let options = PgConnectOptions::new_without_pgpass()
        .socket(&cli.socket)
        .username("mizan")
        .database(&cli.database)
        .ssl_mode(PgSslMode::Disable);
    let pool = PgPoolOptions::new().min_connections(cli.tasks).max_connections(cli.tasks).connect_with(options).await?;
    match cli.peer {
        Peer::CqrsEs => measure(&cli, cqrs::Shop::open(pool).await?).await,
        Peer::Esrs => measure(&cli, primait::Shop::open(pool).await?).await,
    }
}

async fn measure(cli: &Cli, shop: impl Asks) -> Result<(), Failure> {
    let (shop, duration) = (Arc::new(shop), Duration::from_secs(cli.seconds));
    let (before, begun) = (cpu()?, Instant::now());
    let tasks = (0..cli.tasks).map(|_| {
        let shop = Arc::clone(&shop);
        tokio::spawn(async move {
            let mut latencies_us = Vec::new();
            while begun.elapsed() < duration {
                let asked = Instant::now();
                shop.ask().await?;
                latencies_us.push(asked.elapsed().as_micros() as u64);
            }
            Ok::<_, Failure>(latencies_us)
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut latency = Histogram::default();
    for task in tasks {
        task.await??.into_iter().for_each(|it| latency.record(it));
    }
    let (elapsed, used) = (begun.elapsed(), cpu()?.saturating_sub(before));
    let told = serde_json::json!({
        "commands": latency.total(),
        "elapsed_us": elapsed.as_micros() as u64,
        "p50_us": latency.quantile_us(500),
        "p99_us": latency.quantile_us(990),
        "max_us": latency.max_us(),
        "cpu_us": used.as_micros() as u64,
    });
    println!("{told}");
    Ok(())
}

/// CPU of this process so far.
fn cpu() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |it: TimeVal| {
        Duration::from_secs(it.tv_sec().unsigned_abs()) + Duration::from_micros(it.tv_usec().unsigned_abs())
    };
    Ok(micros(usage.user_time()) + micros(usage.system_time()))
}
