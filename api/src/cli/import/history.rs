//! `mizan import` of a whole history that `mizan export` has written: the same positions, ids, times and bytes, in whichever
//! store is asked for. This is how a history moves from PostgreSQL to EventStoreDB and back.
//!
//! The file is checked to its last byte before anything is written, and what was written is read back and checked again.
//! A history goes into an empty one, or into one that has the beginning of it already: an import that broke off goes on.

use crate::cli::{Outcome, grouped, per_second, say};
use crate::engine::{Place, open_log};
use chrono::DateTime;
use indicatif::{ProgressBar, ProgressStyle};
use mizan_store::seal::history::{First, Last, Line, VERSION};
use mizan_store::seal::recount::{Claim, Findings, Recount};
use mizan_store::seal::{Hash, Keys, Leaf, Sealer, VerifierKey, sealer};
use mizan_store::{Log, Position, Stored, pool};
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use uuid::Uuid;

const BUFFER_BYTES: usize = 1 << 20;
/// A line is an event, and events are far smaller.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// How many events are handed on at a time.
const CHUNK_EVENTS: usize = 1_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What an import came to.
#[derive(Serialize)]
struct Report {
    events: u64,
    /// Of them, those that were there already.
    known: u64,
    /// Over all of them, in the file and in the store.
    root: String,
    seconds: String,
    events_per_second: i64,
}

/// What the first line says, checked.
struct Promise {
    first: First,
    root: Hash,
    events: u64,
}

/// Whether a file is a whole history, and not commands.
pub(super) fn is_one(path: &Path) -> bool {
    let mut start = [0; 17];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"{\"mizan_history\":"
}

pub(super) async fn run(place: Place, path: &Path, key: Option<&VerifierKey>, json: bool) -> Outcome {
    let begun = Instant::now();
    let promise = check(path, key)?;
    let (log, cluster) = open_log(&place).await?;
    let imported = import(&log, path, &promise, &place.data_dir).await;
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    let known = imported?;
    let elapsed = begun.elapsed();
    let report = Report {
        events: promise.events,
        known,
        root: promise.root.to_string(),
        seconds: format!("{}.{:03}", elapsed.as_secs(), elapsed.subsec_millis()),
        events_per_second: per_second(i64::try_from(promise.events).unwrap_or(i64::MAX), elapsed),
    };
    if json {
        say(serde_json::to_string(&report)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (events, rate) = (grouped(i128::from(report.events)), grouped(report.events_per_second));
    say(format_args!("{events} events in {} s: {rate} events/s", report.seconds));
    say(format_args!("{} of them were there already", grouped(i128::from(report.known))));
    say(format_args!("root {}, in the file and in the store", report.root));
    Ok(ExitCode::SUCCESS)
}

/// Reads the whole file, and believes nothing of it but what its checkpoint covers.
fn check(path: &Path, key: Option<&VerifierKey>) -> Result<Promise, Failure> {
    let mut file = HistoryFile::open(path)?;
    let first: First = serde_json::from_slice(file.next()?)?;
    if first.mizan_history != VERSION {
        return Err(format!("the file has version {}, this program reads {VERSION}", first.mizan_history).into());
    }
    let keys = Keys::read(&first.keys).map_err(|error| format!("the keys of the file do not hold: {error}"))?;
    if key.is_some_and(|key| !keys.contain(key)) {
        return Err("the keys of the file do not lead to the key that was given".into());
    }
    let sealed = keys.checkpoint(&first.checkpoint).map_err(|error| format!("the file's checkpoint: {error}"))?;
    let mut recount = Recount::new();
    let by = format!("the checkpoint of {} events in the file", sealed.size);
    recount.expect(Claim { size: sealed.size, root: sealed.root, by });
    let (mut full, mut last_us) = (Vec::new(), i64::MIN);
    let bar = progress_bar(sealed.size, "checking ");
    file.each(|leaf| {
        if leaf.recorded_at_us < last_us {
            recount.findings.add("time", Some(leaf.position), format!("time goes back at position {}", leaf.position));
        }
        last_us = leaf.recorded_at_us;
        full.clear();
        bar.inc(1);
        Ok(recount.take(leaf, &mut full, |_| ()))
    })?;
    bar.finish_and_clear();
    recount.finish();
    if recount.size() != sealed.size {
        let detail = format!("the file has {} events, its checkpoint covers {}", recount.size(), sealed.size);
        recount.findings.add("unsealed", None, detail);
    }
    refuse(&recount.findings, "the file is not what it says it is, and nothing of it was imported")?;
    Ok(Promise { first, root: sealed.root, events: sealed.size })
}

/// Puts the events where they belong; gives back how many were there already.
async fn import(log: &Log, path: &Path, promise: &Promise, data_dir: &Path) -> Result<u64, Failure> {
    let head = log.head().await?;
    if head.number().unsigned_abs() > promise.events {
        return Err(format!("the store has {head} events already, the file only {}", promise.events).into());
    }
    let mut file = HistoryFile::open(path)?;
    file.next()?;
    let bar = progress_bar(promise.events, "importing");
    let mut after = Position::START;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_EVENTS);
        file.each(|leaf| {
            chunk.push(stored(leaf)?);
            let is_full = chunk.len() == CHUNK_EVENTS || chunk.last().is_some_and(|it| it.position == head);
            Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let Some(last) = chunk.last().map(|it| it.position) else { break };
        if last <= head {
            let there = log.read(after, i64::try_from(chunk.len())?).await?;
            if there != chunk {
                return Err(format!("the store has another history after position {after} than the file").into());
            }
        } else {
            log.import(after, &chunk).await?;
        }
        after = last;
        bar.set_position(last.number().unsigned_abs());
    }
    bar.finish_and_clear();
    read_back(log, promise).await?;
    sealer::adopt_keys(log, &promise.first.keys).await?;
    if let Err(error) = Sealer::new(log.clone(), data_dir).seal().await {
        let _closed =
            writeln!(std::io::stderr(), "mizan: the history is here, but cannot be sealed any further: {error}");
    }
    Ok(head.number().unsigned_abs())
}

/// The root over what the store gives now has to be the one of the file.
async fn read_back(log: &Log, promise: &Promise) -> Result<(), Failure> {
    let mut recount = Recount::new();
    let by = format!("the checkpoint of {} events in the file", promise.events);
    recount.expect(Claim { size: promise.events, root: promise.root, by });
    let mut full = Vec::new();
    let mut tx = pool::transaction(log.pool()).await?;
    let all = (Position::START, Position::new(i64::try_from(promise.events)?));
    log.scan(&mut tx, all, |leaf| {
        full.clear();
        recount.take(&leaf, &mut full, |_| ())
    })
    .await?;
    tx.rollback().await?;
    recount.finish();
    refuse(&recount.findings, "the store does not give back what was imported")
}

fn refuse(findings: &Findings, what: &str) -> Result<(), Failure> {
    match findings.first.first() {
        Some(it) => Err(format!("{what}: {}", it.detail).into()),
        None => Ok(()),
    }
}

fn stored(leaf: &Leaf<'_>) -> Result<Stored, Failure> {
    let recorded_at = DateTime::from_timestamp_micros(leaf.recorded_at_us);
    Ok(Stored {
        position: Position::new(leaf.position),
        merchant_id: leaf.merchant.to_owned(),
        category: leaf.category.to_owned(),
        name: leaf.name.to_owned(),
        revision: leaf.revision,
        event_id: Uuid::from_bytes(leaf.event_id),
        kind: leaf.kind.to_owned(),
        recorded_at: recorded_at.ok_or_else(|| format!("position {} has no time that there is", leaf.position))?,
        payload: leaf.payload.to_vec(),
        metadata: leaf.metadata.to_vec(),
    })
}

/// An exported history, line by line.
struct HistoryFile {
    path: PathBuf,
    lines: BufReader<File>,
    line: Vec<u8>,
    is_at_end: bool,
}

impl HistoryFile {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let lines = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok(Self { path: path.to_owned(), lines, line: Vec::new(), is_at_end: false })
    }

    fn next(&mut self) -> Result<&[u8], Failure> {
        self.line.clear();
        self.lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        Ok(self.line.trim_ascii_end())
    }

    /// Lends the next events, until `look` breaks or the last line has come.
    fn each(&mut self, mut look: impl FnMut(&Leaf<'_>) -> Result<ControlFlow<()>, Failure>) -> Result<(), Failure> {
        while !self.is_at_end {
            self.next()?;
            let text = self.line.trim_ascii_end();
            let bad = |error: &dyn std::fmt::Display| {
                format!("{} breaks off, or has a bad line: {error}", self.path.display())
            };
            let line = match serde_json::from_slice::<Line<'_>>(text) {
                Ok(line) => line,
                Err(error) => {
                    serde_json::from_slice::<Last>(text).map_err(|_| bad(&error))?;
                    self.is_at_end = true;
                    break;
                }
            };
            let looked = line.leaf(&mut look).ok_or_else(|| bad(&"an event has no payload, or two"))?;
            if looked?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Shown on a terminal only.
fn progress_bar(events: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(events).with_message(what);
    let style = "{msg} {bar:40} {percent:>3} %  {pos} of {len} events, {per_sec}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
