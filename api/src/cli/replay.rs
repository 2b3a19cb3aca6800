//! `mizan replay`: the whole history folded in a fresh process, and checked on the way.
//!
//! It reads the log alone and trusts no read model: positions without a hole, revisions without a hole, every entry
//! balanced, every balance recomputed.

use super::{Outcome, grouped, per_second, say};
use crate::engine::{Place, open_log};
use indicatif::{ProgressBar, ProgressStyle};
use mizan_domain::event::{Aggregate, StreamName};
use mizan_domain::id::MerchantId;
use mizan_domain::{Account, Currency, Money, wire};
use mizan_store::log::READ_EVENTS_MAX;
use mizan_store::{Log, Position, Recorded};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::time::Instant;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What the history says.
#[derive(Default, Serialize)]
struct Verdict {
    events: i64,
    streams: usize,
    events_by_kind: BTreeMap<String, i64>,
    /// Debit balances are positive, as text with their currency.
    balances: BTreeMap<String, String>,
    /// Zero in every currency, or the books are wrong.
    sums: BTreeMap<String, String>,
    balanced: bool,
    seconds: String,
    events_per_second: i64,
}

#[derive(Default)]
struct Fold {
    streams: HashMap<(MerchantId, StreamName), (Aggregate, i64)>,
    kinds: BTreeMap<String, i64>,
    balances: BTreeMap<(Account, Currency), i128>,
    last: Position,
}

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    let (log, cluster) = open_log(&place).await?;
    let verdict = replay(&log).await;
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    let verdict = verdict?;
    if args.json {
        say(serde_json::to_string(&verdict)?);
    } else {
        print(&verdict);
    }
    Ok(if verdict.balanced { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn replay(log: &Log) -> Result<Verdict, Box<dyn std::error::Error + Send + Sync>> {
    let head = log.head().await?;
    let bar = ProgressBar::new(u64::try_from(head.number()).unwrap_or(0));
    let style = "{bar:40} {percent:>3} %  {pos} of {len} events, {per_sec}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let started = Instant::now();
    let mut fold = Fold::default();
    while fold.last < head {
        let page = log.read(fold.last, READ_EVENTS_MAX).await?;
        if page.is_empty() {
            return Err(format!("the head is at {head}, but there is no event after position {}", fold.last).into());
        }
        for stored in page {
            fold.take(Recorded::try_from(stored)?)?;
        }
        bar.set_position(u64::try_from(fold.last.number()).unwrap_or(0));
    }
    bar.finish_and_clear();
    let elapsed = started.elapsed();
    let events = fold.last.number();
    let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
    for ((_, currency), minor) in &fold.balances {
        *sums.entry(*currency).or_default() += minor;
    }
    let text = |minor: i128, currency: Currency| Money::of_minor(minor, currency).to_string();
    Ok(Verdict {
        events,
        streams: fold.streams.len(),
        events_by_kind: fold.kinds,
        balanced: sums.values().all(|sum| *sum == 0),
        balances: fold
            .balances
            .into_iter()
            .map(|((account, currency), minor)| (format!("{account} {currency}"), text(minor, currency)))
            .collect(),
        sums: sums.into_iter().map(|(currency, sum)| (currency.to_string(), text(sum, currency))).collect(),
        seconds: format!("{}.{:03}", elapsed.as_secs(), elapsed.subsec_millis()),
        events_per_second: per_second(events, elapsed),
    })
}

impl Fold {
    fn take(&mut self, it: Recorded) -> Result<(), String> {
        if it.position.number() != self.last.number() + 1 {
            return Err(format!("after position {} comes {}: the history has a hole", self.last, it.position));
        }
        self.last = it.position;
        *self.kinds.entry(wire::kind_of(&it.event).to_owned()).or_default() += 1;
        for posting in it.event.entry().into_iter().flat_map(mizan_domain::Entry::postings) {
            let amount = posting.signed();
            *self.balances.entry((posting.account().clone(), amount.currency())).or_default() += amount.minor();
        }
        let key = (it.metadata.merchant_id.clone(), it.stream);
        let (aggregate, revision) = self.streams.entry(key).or_insert_with(|| (Aggregate::empty_of(&it.event), 0));
        if it.revision != *revision + 1 {
            return Err(format!(
                "position {}: after revision {revision} of its stream comes {}",
                it.position, it.revision
            ));
        }
        *revision = it.revision;
        aggregate.evolve(&it.event);
        Ok(())
    }
}

fn print(verdict: &Verdict) {
    let (events, streams) = (grouped(verdict.events), grouped(i64::try_from(verdict.streams).unwrap_or(i64::MAX)));
    say(format_args!(
        "{events} events of {streams} streams in {} s: {} events/s",
        verdict.seconds,
        grouped(verdict.events_per_second)
    ));
    say("\nevents");
    for (kind, count) in &verdict.events_by_kind {
        say(format_args!("  {:>12}  {kind}", grouped(*count)));
    }
    say("\nbalances (debit positive)");
    for (account, balance) in &verdict.balances {
        let account = account.rsplit_once(' ').map_or(account.as_str(), |(account, _)| account);
        say(format_args!("  {balance:>24}  {account}"));
    }
    say("\nsums");
    for sum in verdict.sums.values() {
        say(format_args!("  {sum:>24}"));
    }
    say(if verdict.balanced {
        "\nThe history has no hole, every entry balances, and so do the books."
    } else {
        "\nTHE BOOKS DO NOT BALANCE."
    });
}
