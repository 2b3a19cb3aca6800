//! The command line: a file a subcommand. Results go to standard output, everything else to standard error.

mod audit;
mod demo;
mod doctor;
mod export;
mod import;
mod key;
mod openapi;
mod rebuild;
mod replay;
mod serve;

use crate::engine::Place;
use clap::{Parser, Subcommand};
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Some commands were refused; everything else was done.
const EXIT_REFUSED: u8 = 3;

type Outcome = Result<ExitCode, Box<dyn std::error::Error + Send + Sync>>;

/// An event-sourced ledger for orders and payments: commands append immutable events, every event that moves money
/// carries its balanced entry, read models follow, auditors replay.
///
/// Start with `mizan demo`: it needs nothing but PostgreSQL's programs on this machine.
#[derive(Parser)]
#[command(name = "mizan", version, max_term_width = 100)]
struct Cli {
    /// Where the private database and the API key live [default: /var/lib/mizan for root, else
    /// ~/.local/share/mizan]
    #[arg(long, global = true, env = "MIZAN_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A PostgreSQL server of your own, for example postgres://mizan:secret@db/mizan; without it a private cluster
    /// runs in the data directory
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// An EventStoreDB that keeps the history, for example esdb://user:secret@host:2113?tls=true; PostgreSQL then has the
    /// read models and the positions. Better in the environment: others on the machine can see a command line
    #[arg(long, global = true, env = "MIZAN_STORE", hide_env_values = true, value_name = "ADDRESS")]
    store: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve commands and queries over HTTP
    Serve(serve::Args),
    /// Serve with demonstration data, and print what to try
    Demo(serve::Args),
    /// Do the commands of a file, one JSON object a line; safe to run twice. Or take over a whole history
    Import(import::Args),
    /// Fold the whole history, check it, and print counts, balances and speed
    Replay(replay::Args),
    /// Say whether the history is complete and unchanged, the read models follow from it, and the books balance
    Audit(audit::Args),
    /// Write the history to a file: whole and sealed for `mizan audit verify`, as CloudEvents, or as a journal for tables,
    /// hledger and beancount
    Export(export::Args),
    /// Build every read model anew beside the live ones, compare, and put the new ones in their place
    Rebuild(rebuild::Args),
    /// Print the OpenAPI document
    Openapi,
    /// Look at what this machine lacks, and say what to do about it
    Doctor(doctor::Args),
    /// Print the API key of the data directory, making one if there is none; or show and rotate the key of the seal
    Key(key::Args),
}

/// Runs the command line; the exit status says how it went: 0 done, 1 failed, 2 not understood, 3 done but for
/// refusals.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let data_dir = cli.data_dir.unwrap_or_else(default_data_dir);
    let place = Place { database_url: cli.database_url, store: cli.store, data_dir };
    log_to_stderr(match cli.command {
        Command::Serve(_) => "info",
        Command::Demo(_) => "warn",
        Command::Import(_) | Command::Replay(_) | Command::Rebuild(_) => "error",
        Command::Audit(_) | Command::Export(_) => "error",
        Command::Openapi | Command::Doctor(_) | Command::Key(_) => "error",
    });
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve::run(place, args).await,
            Command::Demo(args) => demo::run(place, args).await,
            Command::Import(args) => import::run(place, args).await,
            Command::Replay(args) => replay::run(place, args).await,
            Command::Audit(args) => audit::run(place, args).await,
            Command::Export(args) => export::run(place, args).await,
            Command::Rebuild(args) => rebuild::run(place, args).await,
            Command::Openapi => openapi::run(),
            Command::Doctor(args) => doctor::run(place, args).await,
            Command::Key(args) => key::run(place, args).await,
        }
    });
    match outcome {
        Ok(code) => code,
        Err(error) => failed(&*error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    let _closed = writeln!(std::io::stderr(), "mizan: {error}");
    ExitCode::FAILURE
}

/// A line of the result. A reader that went away (`| head`) is no error.
fn say(line: impl Display) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

fn log_to_stderr(default: &str) {
    let asked = std::env::var("RUST_LOG").unwrap_or_else(|_| default.to_owned());
    // The client tells of every attempt, as an error; the store tells once.
    let filter = if asked.contains("eventstore") { asked } else { format!("{asked},eventstore=off") };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.compact().init();
    } else {
        logs.json().flatten_event(true).init();
    }
}

fn default_data_dir() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let is_root = home.as_deref() == Some(std::path::Path::new("/root")) || home.is_none();
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|it| it.is_absolute());
    match (is_root, data, home) {
        // PostgreSQL refuses to run as root, and nobody else may look into root's home.
        (true, _, _) | (_, None, None) => PathBuf::from("/var/lib/mizan"),
        (false, Some(data), _) => data.join("mizan"),
        (false, None, Some(home)) => home.join(".local/share/mizan"),
    }
}

/// A number with its thousands apart: 1,428,602.
fn grouped(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if number < 0 { format!("-{shown}") } else { shown }
}

/// Whole things per second.
fn per_second(count: i64, elapsed: std::time::Duration) -> i64 {
    let micros = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX).max(1);
    count.saturating_mul(1_000_000) / micros
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (-1_428_602, "-1,428,602")] {
            assert_eq!(grouped(number), shown);
        }
    }
}
