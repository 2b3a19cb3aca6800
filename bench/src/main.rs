//! Benchmarks: what Mizan reaches on this machine. They measure and print; they never pass or fail.
//!
//! Each starts a private PostgreSQL in a directory that is removed afterwards, as durable as in earnest.

mod audit;
mod history;
mod plans;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "mizan-bench", about = "Benchmarks of Mizan")]
struct Cli {
    /// Where the private cluster's data are kept while it runs; a directory of the system's temporary one, if left out
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Plans of twelve months with random payments, on a clock that is advanced to the end
    Plans(plans::Args),
    /// Sealing, auditing and rebuilding a long history, beside a raw read of it
    Audit(audit::Args),
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// With this in its environment the program is `mizan`, so that what is measured has a process of its own.
const AS_MIZAN: &str = "MIZAN_BENCH_AS_MIZAN";

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
    let cli = Cli::parse();
    let dir = cli.dir.unwrap_or_else(|| std::env::temp_dir().join(format!("mizan-bench-{}", std::process::id())));
    std::fs::create_dir_all(&dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match cli.bench {
            Bench::Plans(args) => plans::run(&dir, &args).await,
            Bench::Audit(args) => audit::run(&dir, &args).await,
        }
    });
    std::fs::remove_dir_all(&dir)?;
    outcome
}

/// The most memory that this process ever had, in MiB (Linux; 0 elsewhere).
fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
