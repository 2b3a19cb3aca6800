//! `mizan export`: the whole history as a file that `mizan audit verify` needs nothing else to check.
//!
//! Event by event, in constant memory, up to the last checkpoint; what was not sealed yet is sealed first.

use super::{Outcome, grouped};
use crate::engine::{Place, open_log};
use indicatif::{ProgressBar, ProgressStyle};
use mizan_store::seal::history::{First, Last, Line, VERSION};
use mizan_store::seal::scan::{SCAN_EVENTS, scan};
use mizan_store::seal::sealer::keys_text;
use mizan_store::seal::{Leaf, Sealer, tables};
use mizan_store::{Log, Position, pool};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

const BUFFER_BYTES: usize = 1 << 20;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The file to write; - for standard output
    #[arg(default_value = "-")]
    file: PathBuf,
}

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    let output: Box<dyn Write + Send> = if args.file.as_os_str() == "-" {
        Box::new(std::io::stdout())
    } else {
        let file = File::create(&args.file);
        Box::new(file.map_err(|error| format!("{} cannot be written: {error}", args.file.display()))?)
    };
    let (log, cluster) = open_log(&place).await?;
    let mut sealer = Sealer::new(log.clone(), &place.data_dir);
    let exported = export(&log, &mut sealer, BufWriter::with_capacity(BUFFER_BYTES, output)).await;
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    let events = grouped(i128::from(exported?));
    let _closed = writeln!(std::io::stderr(), "{events} events, up to the last checkpoint");
    Ok(ExitCode::SUCCESS)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn export(log: &Log, sealer: &mut Sealer, mut output: impl Write) -> Result<u64, Failure> {
    if let Err(error) = sealer.seal().await {
        let _closed = writeln!(std::io::stderr(), "mizan: the newest events are not sealed and left out: {error}");
    }
    let mut tx = pool::transaction(log.pool()).await?;
    let keys = keys_text(&mut tx).await?.ok_or("the history was never sealed")?;
    let last = tables::last_checkpoint(&mut tx).await?.ok_or("the history has no checkpoint")?;
    let end = last.size;
    line(&mut output, &First { mizan_history: VERSION, keys, checkpoint: last.note })?;
    let bar = ProgressBar::new(end.number().unsigned_abs());
    let style = "{bar:40} {percent:>3} %  {pos} of {len} events, {per_sec}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (mut after, mut written) = (Position::START, 0);
    while after < end {
        let up_to = Position::new(after.number().saturating_add(SCAN_EVENTS).min(end.number()));
        let mut failed = None;
        scan(&mut tx, (after, up_to), |leaf| match event(&mut output, &leaf) {
            Ok(()) => {
                written += 1;
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })
        .await?;
        if let Some(error) = failed {
            return Err(error);
        }
        after = up_to;
        bar.set_position(after.number().unsigned_abs());
    }
    bar.finish_and_clear();
    line(&mut output, &Last { end_after: written })?;
    output.flush()?;
    Ok(written)
}

fn event(output: &mut impl Write, leaf: &Leaf<'_>) -> Result<(), Failure> {
    line(output, &Line::from(leaf))
}

fn line(output: &mut impl Write, line: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *output, line)?;
    Ok(output.write_all(b"\n")?)
}
