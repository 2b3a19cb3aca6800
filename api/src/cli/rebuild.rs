//! `mizan rebuild`: every read model anew, compared with the live ones, and put in their place.

use super::{Outcome, grouped, say};
use crate::engine::{Place, open_log};
use indicatif::{ProgressBar, ProgressStyle};
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
        say(format_args!("{} events", grouped(report.position.number())));
    }
    Ok(ExitCode::SUCCESS)
}
