//! Benchmarks: what Mizan reaches on this machine, beside what the machine and other programs reach on it. They measure
//! and print; they never pass or fail.
//!
//! Each starts a private PostgreSQL in a directory that is removed afterwards, as durable as in earnest. What is measured
//! has processes of its own; the load generator is one thread of this one.

#![forbid(unsafe_code)]

mod audit;
mod commands;
mod disk;
mod effort;
mod growth;
mod history;
mod lag;
mod limit;
mod load;
mod machine;
mod measure;
mod peers;
mod plans;
mod processes;
mod queries;
mod report;
mod requests;
mod runs;
mod service;
mod skew;
mod till;

use clap::{Parser, Subcommand};
use disk::Disk;
use effort::Effort;
use mimalloc::MiMalloc;
use report::Table;
use service::Service;
use sqlx::PgPool;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

#[derive(Parser)]
#[command(name = "mizan-bench", about = "Benchmarks of Mizan", max_term_width = 100)]
struct Cli {
    /// Where the private clusters' data are kept while they run, in a directory that is removed; the system's temporary
    /// directory, if left out
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    /// A document that has places for the tables, for example docs/performance.md; they are always printed
    #[arg(long, global = true, value_name = "DOCUMENT")]
    write: Option<PathBuf>,
    /// Another build of the service's program, to compare builds; this one, if left out
    #[arg(long, global = true, value_name = "PROGRAM")]
    mizan: Option<PathBuf>,
    #[command(flatten)]
    effort: Effort,
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Every part but the plans, one after the other
    All(All),
    /// What PostgreSQL alone writes of the same events
    Limit,
    /// Commands, one a request: orders placed and payments received
    Commands,
    /// Commands, a hundred a request
    Batches,
    /// Commands with queries beside them
    Mixed,
    /// Other event-sourcing libraries on the same PostgreSQL
    Peers,
    /// Queries by key from memory and from PostgreSQL, and a list
    Queries,
    /// How far the read models are behind at several rates of payments
    Lag(lag::Args),
    /// Load that is not spread: customers by Zipf's law, and one hot stream
    Skew,
    /// The same load at several lengths of the history
    Growth(growth::Args),
    /// Plans of twelve months with random payments, on a clock that is advanced to the end
    Plans(plans::Args),
    /// Sealing, auditing and rebuilding a long history, beside a raw read of it
    Audit(audit::Args),
}

#[derive(clap::Args)]
struct All {
    #[command(flatten)]
    lag: lag::Args,
    #[command(flatten)]
    growth: growth::Args,
    #[command(flatten)]
    audit: audit::Args,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// That of the service, which this program is where it measures it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// With this in its environment the program is `mizan`, so that what is measured has a process of its own.
const AS_MIZAN: &str = "MIZAN_BENCH_AS_MIZAN";

/// Where everything is measured.
struct Setting {
    dir: PathBuf,
    effort: Effort,
    /// The service's program.
    mizan: PathBuf,
    /// The version of PostgreSQL, once one has run.
    postgres: Mutex<Option<String>>,
}

impl Setting {
    /// A new service on an empty database, and the disk below it.
    async fn service(&self, name: &str) -> Result<(Service, Disk), Failure> {
        let data_dir = self.dir.join(name);
        let service = Service::start(&self.mizan, &data_dir).await?;
        self.saw(&service.pool).await?;
        Ok((service, Disk::prepare(&data_dir, self.effort.disk_look())?))
    }

    /// Notes the version of PostgreSQL.
    async fn saw(&self, pool: &PgPool) -> Outcome {
        let version: String = sqlx::query_scalar("show server_version").fetch_one(pool).await?;
        *self.postgres.lock().map_err(|_| "a thread panicked")? = Some(version);
        Ok(())
    }
}

fn main() -> ExitCode {
    if std::env::var_os(AS_MIZAN).is_some() {
        return mizan::cli::run();
    }
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mizan-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Outcome {
    let Cli { dir, write, mizan, effort, bench } = Cli::parse();
    let mizan = mizan.map_or_else(std::env::current_exe, std::path::absolute)?;
    // Of our own, whatever else is in the directory that was asked for.
    let dir = dir.unwrap_or_else(std::env::temp_dir).join(format!("mizan-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let setting = Setting { dir: dir.clone(), effort, mizan, postgres: Mutex::new(None) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run(&setting, bench, write.as_deref()) => outcome,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    });
    std::fs::remove_dir_all(&dir)?;
    outcome
}

async fn run(setting: &Setting, bench: Bench, write: Option<&Path>) -> Outcome {
    let Bench::All(All { lag, growth, audit }) = bench else { return part(setting, &bench, write).await };
    let parts = [
        ("limit", Bench::Limit),
        ("commands", Bench::Commands),
        ("batches", Bench::Batches),
        ("mixed", Bench::Mixed),
        ("peers", Bench::Peers),
        ("queries", Bench::Queries),
        ("lag", Bench::Lag(lag)),
        ("skew", Bench::Skew),
        ("audit", Bench::Audit(audit)),
        ("growth", Bench::Growth(growth)),
    ];
    let mut failed = Vec::new();
    for (name, bench) in parts {
        eprintln!("{name}");
        // Hours of the others are not thrown away for one.
        if let Err(error) = part(setting, &bench, write).await {
            eprintln!("mizan-bench: {name}: {error}");
            failed.push(name);
        }
        std::fs::remove_dir_all(&setting.dir)?;
        std::fs::create_dir_all(&setting.dir)?;
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {}", failed.join(", ")).into()) }
}

async fn part(setting: &Setting, bench: &Bench, write: Option<&Path>) -> Outcome {
    let effort = &setting.effort;
    let tables = match bench {
        Bench::Limit => limit::run(setting, effort).await?,
        Bench::Commands => commands::one_by_one(setting, effort).await?,
        Bench::Batches => commands::in_batches(setting, effort).await?,
        Bench::Mixed => commands::mixed(setting, effort).await?,
        Bench::Peers => peers::run(setting, effort).await?,
        Bench::Queries => queries::run(setting, effort).await?,
        Bench::Lag(args) => lag::run(setting, effort, args).await?,
        Bench::Skew => skew::run(setting, effort).await?,
        Bench::Growth(args) => growth::run(setting, effort, args).await?,
        Bench::Audit(args) => audit::run(setting, effort, args).await?,
        Bench::Plans(args) => return plans::run(&setting.dir, args).await,
        Bench::All(_) => return Err("everything is no part of everything".into()),
    };
    tell(setting, &tables, write)
}

/// Prints the tables with what they were measured on, and writes them where they were asked for.
fn tell(setting: &Setting, tables: &[Table], write: Option<&Path>) -> Outcome {
    let postgres = setting.postgres.lock().map_err(|_| "a thread panicked")?.clone();
    let machine = machine::describe(postgres.as_deref().unwrap_or("unknown"))?;
    let mut texts = Vec::new();
    for table in tables {
        let text = format!("{}\n{machine}\n", table.markdown());
        println!("\n{}\n\n{text}", table.name);
        texts.push((table.name, text));
    }
    write.map_or(Ok(()), |document| report::write(document, &texts))
}
