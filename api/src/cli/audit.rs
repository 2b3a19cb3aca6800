//! `mizan audit`: whether the history is complete and unchanged, whether the read models follow from it, and whether the
//! books balance; told in a fresh process that believes nothing but what it computes.
//!
//! Exit status: 0 everything holds, 1 something does not, 2 it could not be found out.

mod ageing;
mod books;
mod lines;
mod online;
mod periods;
mod verify;

use super::{Outcome, grouped, say};
use crate::engine::Place;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use mizan_store::seal::VerifierKey;
use mizan_store::seal::examine::{Evidence, Kept};
use mizan_store::seal::recount::Findings;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Something does not hold.
const EXIT_NO: u8 = 1;
/// It could not be found out.
const EXIT_UNKNOWN: u8 = 2;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    kept: KeptOutside,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Check an exported history without any database or service
    Verify(verify::Args),
}

/// What an auditor brings.
#[derive(clap::Args)]
struct KeptOutside {
    /// A verifier key that was kept outside: today's or an older one
    #[arg(long, value_name = "VKEY")]
    key: Option<VerifierKey>,
    /// A checkpoint that was kept outside; may be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    let verdict = match args.what {
        Some(What::Verify(args)) => verify::run(args),
        None => online::run(place, &args.kept, args.json).await,
    };
    match verdict {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(EXIT_NO)),
        // Not known is not wrong: an auditor must be able to tell the two apart.
        Err(error) => {
            let _closed = writeln!(std::io::stderr(), "mizan: {error}");
            Ok(ExitCode::from(EXIT_UNKNOWN))
        }
    }
}

impl KeptOutside {
    fn read(&self) -> Result<Evidence, Failure> {
        let kept = self.checkpoint.iter().map(|path| kept(path)).collect::<Result<_, _>>()?;
        Ok(Evidence { key: self.key.clone(), kept })
    }
}

fn kept(path: &Path) -> Result<Kept, Failure> {
    let place = path.display().to_string();
    let note = std::fs::read_to_string(path).map_err(|error| format!("{place} cannot be read: {error}"))?;
    Ok(Kept { place, note })
}

/// Shown on a terminal only.
fn progress_bar(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(what);
    let style = "{msg} {bar:40} {percent:>3} %  {pos} of {len}, {per_sec}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// What is wrong, for people, and the last word.
fn print_findings(findings: &Findings, all_is_well: &str) {
    for it in &findings.first {
        say(format_args!("  {:<16} {}", it.code, it.detail));
    }
    let left = findings.count - findings.first.len();
    if left > 0 {
        say(format_args!("  and {} more", grouped(i128::try_from(left).unwrap_or(i128::MAX))));
    }
    if findings.are_none() { say(all_is_well) } else { say("\nVERDICT: NO. This is not what it says it is.") }
}
