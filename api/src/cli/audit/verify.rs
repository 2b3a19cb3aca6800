//! `mizan audit verify`: an exported history, checked with nothing but a verifier key and checkpoints kept outside.

use super::books::Books;
use super::lines::{self, Chunk, Reader, Said};
use super::{Failure, kept, print_findings, progress_bar};
use crate::cli::{grouped, per_second, say};
use mizan_store::seal::history::{First, VERSION};
use mizan_store::seal::recount::{Claim, Findings, Recount};
use mizan_store::seal::{Checkpoint, Keys, Tile, VerifierKey};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// What `mizan export` has written; - for standard input
    #[arg(long, value_name = "FILE")]
    history: PathBuf,
    /// A verifier key that was kept outside: today's or an older one
    #[arg(long, value_name = "VKEY")]
    key: VerifierKey,
    /// A checkpoint that was kept outside; may be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// What is known of a file.
#[derive(Serialize)]
struct Verdict {
    holds: bool,
    events: u64,
    streams: usize,
    entries: u64,
    /// How many trial balances of closed periods were summed again.
    periods: u64,
    root: String,
    /// The size of the file's own checkpoint.
    sealed: Option<u64>,
    /// The file's own, those kept outside, and those of changes of keys.
    checkpoints_true: usize,
    /// Of all accounts, by currency.
    sums: BTreeMap<String, String>,
    seconds: String,
    events_per_second: i64,
    findings: Findings,
}

/// Whether everything holds.
pub(super) fn run(args: Args) -> Result<bool, Failure> {
    let (input, bytes): (Box<dyn Read + Send>, u64) = if args.history.as_os_str() == "-" {
        (Box::new(std::io::stdin()), 0)
    } else {
        let unreadable = |error| format!("{} cannot be read: {error}", args.history.display());
        let file = File::open(&args.history).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        (Box::new(file), bytes)
    };
    let begun = Instant::now();
    let mut reader = Reader::new(input);
    let mut recount = Recount::new();
    let (keys, sealed) = first_line(&mut reader, &args, &mut recount)?;
    let mut books = Books::signed_by(Some(keys));
    events(reader, bytes, &mut recount, &mut books)?;
    recount.finish();
    if sealed.is_some_and(|size| size < recount.size()) {
        let (size, sealed) = (recount.size(), sealed.unwrap_or_default());
        recount.findings.add("unsealed", None, format!("the file has {size} events, its checkpoint covers {sealed}"));
    }
    let sums = books.sums(&mut recount.findings);
    let elapsed = begun.elapsed();
    let verdict = Verdict {
        holds: recount.findings.are_none(),
        events: recount.size(),
        streams: recount.streams(),
        entries: books.entries,
        periods: books.periods.closed,
        root: recount.root().to_string(),
        sealed,
        checkpoints_true: recount.claims_held(),
        sums,
        seconds: format!("{}.{:03}", elapsed.as_secs(), elapsed.subsec_millis()),
        events_per_second: per_second(i64::try_from(recount.size()).unwrap_or(i64::MAX), elapsed),
        findings: recount.findings,
    };
    if args.json {
        say(serde_json::to_string(&verdict)?)
    } else {
        print(&verdict)
    }
    Ok(verdict.holds)
}

/// The keys and the checkpoint of the file, held against what the auditor knows.
fn first_line(reader: &mut Reader, args: &Args, recount: &mut Recount) -> Result<(Keys, Option<u64>), Failure> {
    let first: First = serde_json::from_slice(&reader.first_line()?)
        .map_err(|error| format!("the file does not begin like an exported history: {error}"))?;
    if first.mizan_history != VERSION {
        return Err(format!("the file has version {}, this program reads {VERSION}", first.mizan_history).into());
    }
    let keys = Keys::read(&first.keys).map_err(|error| ("keys", format!("the keys of the file do not hold: {error}")));
    let keys = keys.and_then(|keys| {
        let lead = keys.contain(&args.key);
        if lead { Ok(keys) } else { Err(("keys", format!("the keys of the file do not lead to {}", args.key))) }
    });
    let keys = match keys {
        Ok(keys) => keys,
        Err((code, detail)) => {
            recount.findings.add(code, None, detail);
            Keys::of_first(args.key.clone())
        }
    };
    let own = claim(&keys, &first.checkpoint, "the file", recount);
    for path in &args.checkpoint {
        let kept = kept(path)?;
        claim(&keys, &kept.note, &kept.place, recount);
    }
    for it in keys.witnessed() {
        let by = format!("the record of the change of keys after {} events", it.size);
        recount.expect(Claim { size: it.size, root: it.root, by });
    }
    Ok((keys, own.map(|it| it.size)))
}

fn claim(keys: &Keys, note: &str, place: &str, recount: &mut Recount) -> Option<Checkpoint> {
    match keys.checkpoint(note) {
        Ok(it) => {
            let by = format!("the checkpoint of {} events in {place}", it.size);
            recount.expect(Claim { size: it.size, root: it.root, by });
            Some(it)
        }
        Err(error) => {
            recount.findings.add("signature", None, format!("{place}: {error}"));
            None
        }
    }
}

/// Counts and books every event, in order; other threads read them and find out their hashes meanwhile.
fn events(reader: Reader, bytes: u64, recount: &mut Recount, books: &mut Books) -> Result<(), Failure> {
    let bar = progress_bar(bytes, "bytes");
    let mut full = Vec::new();
    let told = lines::each(reader, &recount.counter(), |chunk| {
        bar.set_position(chunk.read);
        let mut said = std::mem::take(&mut chunk.said).into_iter().enumerate();
        said.try_for_each(|(nth, said)| take(said, (&*chunk, nth), recount, books, &mut full))
    });
    bar.finish_and_clear();
    told
}

/// Takes what a line says. It breaks at the last one, and where nothing that follows could be compared with anything.
fn take(
    said: Said,
    (chunk, nth): (&Chunk, usize),
    recount: &mut Recount,
    books: &mut Books,
    full: &mut Vec<Tile>,
) -> ControlFlow<()> {
    let number = recount.size() + 2;
    let (code, detail) = match said {
        Said::Event { position, counted, read } => {
            books.add(position, read, &mut recount.findings);
            full.clear();
            return recount.add(counted, full, |_| (), || chunk.stream(nth));
        }
        Said::End { after } if after == recount.size() => return ControlFlow::Break(()),
        Said::End { .. } => ("bad_line", format!("line {number} is no event: {}", chunk.why_no_event(nth))),
        Said::NoEvent(error) => ("bad_line", format!("line {number} is no event: {error}")),
        Said::NoPayload => ("bad_line", format!("line {number} has no payload, or two")),
        Said::Nothing => ("broken_off", format!("line {number} is missing: the file breaks off")),
    };
    recount.findings.add(code, None, detail);
    ControlFlow::Break(())
}

fn print(verdict: &Verdict) {
    let number = |it: u64| grouped(i128::from(it));
    say(format_args!(
        "{} events of {} streams, {} with an entry, in {} s: {} events/s",
        number(verdict.events),
        number(u64::try_from(verdict.streams).unwrap_or(u64::MAX)),
        number(verdict.entries),
        verdict.seconds,
        grouped(verdict.events_per_second)
    ));
    say(format_args!("root {}", verdict.root));
    say(format_args!("{} checkpoints are true of it", verdict.checkpoints_true));
    for sum in verdict.sums.values() {
        say(format_args!("{sum:>24}  all accounts together"));
    }
    let well = "\nVERDICT: YES. Complete and unchanged, as it was signed; every entry balances, and so do the books.";
    print_findings(&verdict.findings, well);
}
