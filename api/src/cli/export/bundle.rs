//! The whole history as a file that `mizan audit verify` needs nothing else to check.
//!
//! Event by event, in constant memory, up to the last checkpoint; what was not sealed yet is sealed first.

use super::{Failure, Output, progress_bar};
use mizan_store::seal::history::{First, Last, Line, VERSION};
use mizan_store::seal::scan::SCAN_EVENTS;
use mizan_store::seal::sealer::keys_text;
use mizan_store::seal::{Leaf, Sealer, tables};
use mizan_store::{Log, Position, pool};
use serde::Serialize;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

/// Writes the events that the last checkpoint covers, and gives back how many they are.
pub(super) async fn write(log: &Log, data_dir: &Path, output: &mut Output) -> Result<u64, Failure> {
    let mut sealer = Sealer::new(log.clone(), data_dir);
    if let Err(error) = sealer.seal().await {
        let _closed = writeln!(std::io::stderr(), "mizan: the newest events are not sealed and left out: {error}");
    }
    let mut tx = pool::transaction(log.pool()).await?;
    let keys = keys_text(&mut tx).await?.ok_or("the history was never sealed")?;
    let last = tables::last_checkpoint(&mut tx).await?.ok_or("the history has no checkpoint")?;
    let end = last.size;
    line(output, &First { mizan_history: VERSION, keys, checkpoint: last.note })?;
    let bar = progress_bar(end.number());
    let (mut after, mut written) = (Position::START, 0);
    while after < end {
        let up_to = Position::new(after.number().saturating_add(SCAN_EVENTS).min(end.number()));
        let mut failed = None;
        log.scan(&mut tx, (after, up_to), |leaf| match event(output, &leaf) {
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
    line(output, &Last { end_after: written })?;
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
