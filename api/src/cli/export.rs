//! `mizan export`: the history for those who do not ask the API. Whole and sealed for auditors, as CloudEvents for other
//! programs, or its entries as a journal: a table, or a book that hledger and beancount read.
//!
//! Everything is read from the log, event by event, in constant memory; no read model is trusted.

mod accounts;
mod beancount;
mod bundle;
mod hledger;
mod output;
mod parquet;
mod selection;
mod table;
mod totals;

use super::{Outcome, grouped};
use crate::engine::{Place, open_log};
use crate::events::cloud::CloudEvent;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use mizan_domain::{Entry, wire};
use mizan_store::{Log, Position, Recorded, Stored};
use output::Output;
use selection::{Selection, Wanted};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use totals::Totals;

/// How many events are in memory at a time.
const CHUNK_EVENTS: i64 = 1_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The file to write; - for standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::History)]
    format: Format,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The whole history with its seal, which `mizan audit verify` can check anywhere
    History,
    /// Every event as a CloudEvent 1.0, one JSON object a line
    Cloudevents,
    /// The journal as a table, a posting a line
    JournalCsv,
    /// The same table as a Parquet file
    JournalParquet,
    /// The journal as a book for hledger
    Hledger,
    /// The journal as a book for beancount
    Beancount,
}

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    if args.format == Format::History && !args.selection.is_everything() {
        return Err(
            "a part of the history cannot be verified: --from, --to and --merchant need another --format".into()
        );
    }
    let (log, cluster) = open_log(&place).await?;
    let written = export(&log, &place.data_dir, &args).await;
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    let _closed = write!(std::io::stderr(), "{}", written?);
    Ok(ExitCode::SUCCESS)
}

/// Writes the file, and gives back what to say of it.
async fn export(log: &Log, data_dir: &Path, args: &Args) -> Result<String, Failure> {
    let wanted = args.selection.find(log).await?;
    if matches!(args.format, Format::Hledger | Format::Beancount) && wanted.merchants.len() > 1 {
        let names = wanted.merchants.join(", ");
        return Err(format!("a book is of one merchant: say which with --merchant ({names})").into());
    }
    let mut output = Output::open(&args.file)?;
    let told = match args.format {
        Format::History => {
            let events = bundle::write(log, data_dir, &mut output).await?;
            format!("{} events, up to the last checkpoint\n", grouped(i128::from(events)))
        }
        Format::Cloudevents => cloud_events(log, &wanted, &mut output).await?,
        Format::JournalCsv => journal(log, &wanted, Pen::Csv(Box::new(table::Pen::begin(&mut output)?))).await?,
        Format::JournalParquet => {
            journal(log, &wanted, Pen::Parquet(Box::new(parquet::Pen::begin(&mut output)?))).await?
        }
        Format::Hledger => journal(log, &wanted, Pen::Hledger(hledger::Pen::begin(&mut output, &wanted)?)).await?,
        Format::Beancount => {
            journal(log, &wanted, Pen::Beancount(beancount::Pen::begin(&mut output, &wanted)?)).await?
        }
    };
    output.finish()?;
    Ok(told)
}

async fn cloud_events(log: &Log, wanted: &Wanted, output: &mut Output) -> Result<String, Failure> {
    let mut events: i64 = 0;
    follow(log, wanted, |stored| {
        if wanted.asks_for_days() {
            let event = wire::read(&stored.kind, &stored.payload);
            let event = event.map_err(|error| format!("position {}: {error}", stored.position))?;
            if !wanted.has_day(event.effective_on()) {
                return Ok(());
            }
        }
        events += 1;
        serde_json::to_writer(&mut *output, &CloudEvent::try_from(stored)?)?;
        Ok(output.write_all(b"\n")?)
    })
    .await?;
    Ok(format!("{} events, {wanted}\n", grouped(events)))
}

/// A journal being written.
enum Pen<'a> {
    Csv(Box<table::Pen<'a>>),
    Parquet(Box<parquet::Pen<'a>>),
    Hledger(hledger::Pen<'a>),
    Beancount(beancount::Pen<'a>),
}

impl Pen<'_> {
    fn write(&mut self, recorded: &Recorded, entry: &Entry) -> Result<(), Failure> {
        match self {
            Self::Csv(pen) => pen.write(recorded, entry),
            Self::Parquet(pen) => pen.write(recorded, entry),
            Self::Hledger(pen) => pen.write(recorded, entry),
            Self::Beancount(pen) => pen.write(recorded, entry),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Csv(pen) => pen.finish(),
            Self::Parquet(pen) => pen.finish(),
            Self::Hledger(_) | Self::Beancount(_) => Ok(()),
        }
    }
}

/// Every entry of money that moved. What is only expected (an authorisation) is in no book.
async fn journal(log: &Log, wanted: &Wanted, mut pen: Pen<'_>) -> Result<String, Failure> {
    let mut totals = Totals::default();
    follow(log, wanted, |stored| {
        let recorded = Recorded::try_from(stored)?;
        let Some(entry) = recorded.event.entry().filter(|it| !it.is_empty()) else { return Ok(()) };
        if !wanted.has_day(recorded.event.effective_on()) {
            return Ok(());
        }
        totals.add(entry);
        pen.write(&recorded, entry)
    })
    .await?;
    pen.finish()?;
    totals.told(wanted)
}

/// Lends every event between the wanted positions that is of the wanted merchant. The database waits for nobody: a chunk
/// is read to its end before the first of it is written, however slow the reader at the other end of a pipe.
async fn follow(
    log: &Log,
    wanted: &Wanted,
    mut each: impl FnMut(Stored) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let bar = progress_bar(wanted.up_to.number() - wanted.after.number());
    let mut last = wanted.after;
    while last < wanted.up_to {
        let left = wanted.up_to.number() - last.number();
        let chunk = log.read(last, left.min(CHUNK_EVENTS)).await?;
        if chunk.is_empty() {
            return Err(format!("the history should go on after position {last}, and does not").into());
        }
        for stored in chunk {
            if stored.position.number() != last.number() + 1 {
                return Err(format!("after position {last} comes {}: the history has a hole", stored.position).into());
            }
            last = stored.position;
            if wanted.merchants.contains(&stored.merchant_id) {
                each(stored)?;
            }
        }
        bar.set_position((last.number() - wanted.after.number()).unsigned_abs());
    }
    bar.finish_and_clear();
    Ok(())
}

/// Shown on a terminal only.
fn progress_bar(events: i64) -> ProgressBar {
    let bar = ProgressBar::new(events.max(0).unsigned_abs());
    let style = "{bar:40} {percent:>3} %  {pos} of {len} events, {per_sec}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The first of a range of positions that begins after one.
fn first_after(after: Position) -> i64 {
    after.number().saturating_add(1)
}
