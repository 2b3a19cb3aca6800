//! `mizan import`: the commands of a file, the same as over HTTP; or a whole history that was exported.

mod history;

use super::serve::LOCAL_MERCHANT;
use super::{EXIT_REFUSED, Outcome, grouped, per_second, say};
use crate::commands::http::{BULK_COMMANDS_MAX, BulkOutcome, Links, bulk, lines, plain_context};
use crate::engine::{Engine, Place};
use crate::write::Context;
use indicatif::{ProgressBar, ProgressStyle};
use mizan_domain::card_number;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::secret;
use mizan_domain::text::Text;
use mizan_store::seal::VerifierKey;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The file: one {"command": "...", "data": {...}} a line; `-` reads standard input. Or a history that `mizan export`
    /// has written, which goes into an empty one, event by event and sealed as it was
    file: PathBuf,
    /// For a history: a verifier key that was kept outside, and has to have sealed it
    #[arg(long, value_name = "VKEY")]
    key: Option<VerifierKey>,
    /// Write every refused line, with its problem, to this file
    #[arg(long, value_name = "FILE")]
    refusals: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Default, Serialize)]
struct Report {
    lines: usize,
    /// Did something.
    accepted: usize,
    /// Had been said before.
    repeated: usize,
    refused: usize,
    refused_by_code: BTreeMap<String, usize>,
    /// The position of the last event.
    head: i64,
    seconds: String,
}

#[derive(Serialize)]
struct RefusedLine<'a> {
    line: usize,
    problem: &'a crate::problem::Problem,
    text: &'a str,
}

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    if history::is_one(&args.file) {
        return history::run(place, &args.file, args.key.as_ref(), args.json).await;
    }
    let open = |path: &Path| File::open(path).map_err(|error| format!("{} cannot be read: {error}", path.display()));
    let (input, bytes): (Box<dyn BufRead + Send>, u64) = if args.file.as_os_str() == "-" {
        (Box::new(BufReader::new(std::io::stdin())), 0)
    } else {
        let file = open(&args.file)?;
        let bytes = file.metadata()?.len();
        (Box::new(BufReader::new(file)), bytes)
    };
    let create =
        |path: &Path| File::create(path).map_err(|error| format!("{} cannot be written: {error}", path.display()));
    let refusals = args.refusals.as_deref().map(create).transpose()?.map(BufWriter::new);
    let engine = Engine::start(&place).await?;
    let report = import(&engine, input, bytes, refusals).await;
    let head = engine.log.head().await?;
    if let Err(lagging) = engine.projector.wait_for(head, READ_MODELS_DEADLINE).await {
        tracing::warn!(%lagging, "the read models are still following");
    }
    engine.stop().await;
    let report = Report { head: head.number(), ..report? };
    if args.json {
        say(serde_json::to_string(&report)?);
    } else {
        let (lines, accepted) = (grouped(to_number(report.lines)), grouped(to_number(report.accepted)));
        say(format_args!("{lines} commands in {} s: {accepted} accepted", report.seconds));
        say(format_args!(
            "{} had been said before, {} refused",
            grouped(to_number(report.repeated)),
            grouped(to_number(report.refused))
        ));
        for (code, count) in &report.refused_by_code {
            say(format_args!("  {:>8}  {code}", grouped(to_number(*count))));
        }
        say(format_args!("the history has {} events", grouped(report.head)));
    }
    Ok(if report.refused > 0 { ExitCode::from(EXIT_REFUSED) } else { ExitCode::SUCCESS })
}

/// How long the read models may take to follow an import.
const READ_MODELS_DEADLINE: std::time::Duration = std::time::Duration::from_secs(600);

/// How often a chunk is done again while the database does not answer.
const CHUNK_ATTEMPTS_MAX: u32 = 20;
const CHUNK_PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

async fn import(
    engine: &Engine,
    mut input: Box<dyn BufRead + Send>,
    bytes: u64,
    mut refusals: Option<BufWriter<File>>,
) -> Result<Report, Box<dyn std::error::Error + Send + Sync>> {
    let started = Instant::now();
    let bar = ProgressBar::new(bytes);
    let style = "{bar:40} {percent:>3} %  {msg}  {elapsed} elapsed, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let merchant = MerchantId::parse(LOCAL_MERCHANT)?;
    let context = plain_context(merchant, Text::parse("import")?);
    let mut report = Report::default();
    let mut links = Links::default();
    let mut lines_before = 0;
    loop {
        let mut chunk = Vec::new();
        for _ in 0..BULK_COMMANDS_MAX {
            if input.read_until(b'\n', &mut chunk)? == 0 {
                break;
            }
        }
        if chunk.is_empty() {
            break;
        }
        let outcomes = patiently(engine, &context, &chunk, &mut links).await;
        let texts = chunk.split(|byte| *byte == b'\n').enumerate().filter(|(_, text)| !text.trim_ascii().is_empty());
        for (outcome, (place, text)) in outcomes.iter().zip(texts) {
            report.count(outcome);
            let Some(problem) = &outcome.problem else { continue };
            let line = lines_before + place + 1;
            if problem.retryable {
                return Err(format!("line {line}: {problem}; run the same import again").into());
            }
            if let Some(file) = &mut refusals {
                let text = String::from_utf8_lossy(text);
                // The report is kept, and a card number or a private key is not.
                let is_secret = card_number::found_in(&text) || secret::refuse(&text).is_err();
                let text = if is_secret { "" } else { text.trim() };
                serde_json::to_writer(&mut *file, &RefusedLine { line, problem, text })?;
                file.write_all(b"\n")?;
            }
        }
        lines_before += chunk.iter().filter(|byte| **byte == b'\n').count();
        bar.inc(u64::try_from(chunk.len()).unwrap_or(0));
        let rate = per_second(i64::try_from(report.lines).unwrap_or(0), started.elapsed());
        bar.set_message(format!("{} commands, {}/s", grouped(to_number(report.lines)), grouped(rate)));
    }
    bar.finish_and_clear();
    if let Some(file) = &mut refusals {
        file.flush()?;
    }
    let elapsed = started.elapsed();
    report.seconds = format!("{}.{}", elapsed.as_secs(), elapsed.subsec_millis() / 100);
    Ok(report)
}

/// Does a chunk; what could not be done for now is tried again. What was done already does nothing then.
async fn patiently(engine: &Engine, context: &Context, chunk: &[u8], links: &mut Links) -> Vec<BulkOutcome> {
    let is_retryable = |outcome: &BulkOutcome| outcome.problem.as_ref().is_some_and(|it| it.retryable);
    let mut outcomes = bulk(engine, context, lines(chunk), links).await;
    for _ in 0..CHUNK_ATTEMPTS_MAX {
        if !outcomes.iter().any(is_retryable) {
            break;
        }
        tokio::time::sleep(CHUNK_PAUSE).await;
        let again = bulk(engine, context, lines(chunk), links).await;
        for (outcome, again) in outcomes.iter_mut().zip(again) {
            // What follows a command that was not done may have been refused for its sake.
            if outcome.problem.is_some() {
                *outcome = again;
            }
        }
    }
    outcomes
}

impl Report {
    fn count(&mut self, outcome: &BulkOutcome) {
        self.lines += 1;
        match (&outcome.answer, &outcome.problem) {
            (Some(answer), _) if answer.events.is_empty() => self.repeated += 1,
            (Some(_), _) => self.accepted += 1,
            (None, problem) => {
                self.refused += 1;
                let code = problem.as_ref().map_or("unknown", |it| it.code.as_str());
                *self.refused_by_code.entry(code.to_owned()).or_default() += 1;
            }
        }
    }
}

fn to_number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
