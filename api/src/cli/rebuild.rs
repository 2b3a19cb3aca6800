//! `mizan rebuild`: every read model anew, compared with the live ones, and put in their place.

use super::{Outcome, grouped, say};
use crate::engine::{Place, open_log};
use indicatif::{ProgressBar, ProgressStyle};
use mizan_projections::RebuildReport;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    let (log, cluster) = open_log(&place).await?;
    let bar = ProgressBar::new(0);
    let style = "{bar:40} {percent:>3} %  {pos} of {len} events, {per_sec}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let report = mizan_projections::rebuild(&log, |progress| {
        bar.set_length(u64::try_from(progress.head.number()).unwrap_or(0));
        bar.set_position(u64::try_from(progress.position.number()).unwrap_or(0));
    })
    .await;
    bar.finish_and_clear();
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    let report = report?;
    if args.json {
        say(serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &RebuildReport) {
    let rate = grouped(i128::from(report.events_per_second));
    say(format_args!("{} events in {} ms: {rate} events/s\n", grouped(report.events), report.elapsed_ms));
    for (table, fingerprint) in &report.tables {
        say(format_args!("  {:>12} rows  {table:<18} {}", grouped(fingerprint.rows), fingerprint.hash));
    }
    for it in &report.differences {
        say(format_args!("\n{} differs at {}", it.table, it.key));
        say(format_args!("  live     {}", it.live.as_deref().unwrap_or("nothing")));
        say(format_args!("  rebuilt  {}", it.rebuilt.as_deref().unwrap_or("nothing")));
    }
    say(match (report.compared_at, report.differences.is_empty()) {
        (Some(position), true) => {
            format!("\nAt position {position} the live read models were the same, byte for byte.")
        }
        (Some(position), false) => {
            format!("\nTHE LIVE READ MODELS DIFFERED at position {position}; the rebuilt ones are live now.")
        }
        (None, _) => "\nThe live read models were made by another version and are replaced.".to_owned(),
    });
}
