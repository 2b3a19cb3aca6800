//! `mizan audit` on the database: the history against every checkpoint, the read models against the history, the books
//! against the entries.

use super::ageing::{self, Open};
use super::books::{Books, Turnover};
use super::{Failure, KeptOutside, print_findings, progress_bar};
use crate::cli::{grouped, per_second, say};
use crate::engine::{Place, open_log};
use mizan_domain::Money;
use mizan_projections::rebuild::RebuildError;
use mizan_projections::{Difference, Fingerprint};
use mizan_store::seal::examine::{Evidence, Examined, examine};
use mizan_store::seal::recount::Findings;
use mizan_store::seal::sealer;
use mizan_store::{Log, PgPool, Position, pool};
use serde::Serialize;
use sqlx::FromRow;
use std::collections::BTreeMap;
use std::time::Instant;

/// What is known of a database.
#[derive(Serialize)]
struct Verdict {
    holds: bool,
    history: Examined,
    entries: u64,
    /// How many trial balances of closed periods were summed again.
    periods: u64,
    seconds: String,
    events_per_second: i64,
    /// Of all accounts, by currency.
    sums: BTreeMap<String, String>,
    /// Where the accounts were compared with the entries.
    accounts_at: Option<i64>,
    read_models: Option<ReadModels>,
    /// Money on its way, by age.
    clearing: Vec<Open>,
    findings: Findings,
}

/// What a rebuild beside the live read models came to.
#[derive(Serialize)]
struct ReadModels {
    compared_at: Option<Position>,
    tables: BTreeMap<&'static str, Fingerprint>,
    events_per_second: u64,
}

/// The accounts as the read model has them.
struct Shown {
    at: i64,
    rows: Vec<AccountRow>,
}

#[derive(FromRow)]
struct AccountRow {
    merchant_id: String,
    account: String,
    currency: String,
    debits: String,
    credits: String,
}

/// Whether everything holds.
pub(super) async fn run(place: Place, kept: &KeptOutside, json: bool) -> Result<bool, Failure> {
    let evidence = kept.read()?;
    let (log, cluster) = open_log(&place).await?;
    let verdict = audit(&log, &evidence).await;
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    let verdict = verdict?;
    if json {
        say(serde_json::to_string(&verdict)?)
    } else {
        print(&verdict)
    }
    Ok(verdict.holds)
}

async fn audit(log: &Log, evidence: &Evidence) -> Result<Verdict, Failure> {
    let shown = shown(log.pool()).await?;
    let accounts_at = shown.as_ref().map(|it| it.at);
    let keys = sealer::keys(&mut *log.pool().acquire().await?).await?;
    let (mut books, mut books_then) = (Books::signed_by(keys), None);
    if accounts_at == Some(0) {
        books_then = Some(BTreeMap::new());
    }
    let begun = Instant::now();
    let bar = progress_bar(log.head().await?.number().unsigned_abs(), "history    ");
    let mut tx = pool::transaction(log.pool()).await?;
    let each = |leaf: &mizan_store::seal::Leaf<'_>, findings: &mut Findings| {
        books.take(leaf, findings);
        if Some(leaf.position) == accounts_at {
            books_then = Some(books.accounts.clone());
        }
    };
    let mut history = examine(log, &mut tx, evidence, each, |position, _| {
        bar.set_position(position.number().unsigned_abs());
    })
    .await?;
    tx.rollback().await?;
    bar.finish_and_clear();
    let elapsed = begun.elapsed();
    let mut findings = std::mem::take(&mut history.findings);
    let sums = books.sums(&mut findings);
    if let (Some(shown), Some(then)) = (&shown, &books_then) {
        compare(shown, then, &mut findings);
    }
    let read_models = rebuild(log, &mut findings).await?;
    let clearing = if shown.is_some() {
        pool_not_negative(log.pool(), &mut findings).await?;
        ageing::open(log.pool()).await?
    } else {
        Vec::new()
    };
    Ok(Verdict {
        holds: findings.are_none(),
        entries: books.entries,
        periods: books.periods.closed,
        seconds: format!("{}.{:03}", elapsed.as_secs(), elapsed.subsec_millis()),
        events_per_second: per_second(i64::try_from(history.events).unwrap_or(i64::MAX), elapsed),
        history,
        sums,
        accounts_at,
        read_models,
        clearing,
        findings,
    })
}

/// The accounts and the position that they show, at one moment; none where there are no read models yet.
async fn shown(pool: &PgPool) -> sqlx::Result<Option<Shown>> {
    let is_there: bool = sqlx::query_scalar("select to_regclass('read.accounts') is not null").fetch_one(pool).await?;
    if !is_there {
        return Ok(None);
    }
    let mut tx = pool::transaction(pool).await?;
    sqlx::raw_sql("set transaction isolation level repeatable read, read only").execute(&mut *tx).await?;
    let at = sqlx::query_scalar("select position from read.checkpoint").fetch_one(&mut *tx).await?;
    let sql = "select merchant_id, account, currency, debits::text, credits::text from read.accounts";
    let rows = sqlx::query_as(sql).fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    Ok(Some(Shown { at, rows }))
}

/// The read model of the accounts, against the entries up to the same position.
fn compare(shown: &Shown, books: &BTreeMap<super::books::Key, Turnover>, findings: &mut Findings) {
    let text = |minor, currency| Money::of_minor(minor, currency).to_string();
    let mut expected: BTreeMap<(String, String, String), (String, String)> = BTreeMap::new();
    for ((merchant, account, currency), it) in books {
        let key = (merchant.to_string(), account.to_string(), currency.to_string());
        expected.insert(key, (text(it.debits, *currency), text(it.credits, *currency)));
    }
    for row in &shown.rows {
        let key = (row.merchant_id.clone(), row.account.clone(), row.currency.clone());
        let said = [&row.debits, &row.credits].map(|amount| format!("{amount} {}", row.currency));
        let true_ones = expected.remove(&key).map(|(debits, credits)| [debits, credits]);
        let is_only_expected = true_ones.is_none() && [&row.debits, &row.credits].iter().all(|it| is_zero(it));
        if !is_only_expected && true_ones.as_ref() != Some(&said) {
            let [debits, credits] = true_ones.unwrap_or_else(|| ["nothing", "nothing"].map(str::to_owned));
            let [said_debits, said_credits] = said;
            let detail = format!(
                "account {} {} of {}: the read model has {said_debits} to its debit and {said_credits} to its credit, \
                 the entries {debits} and {credits}",
                row.account, row.currency, row.merchant_id
            );
            findings.add("account", None, detail);
        }
    }
    for ((merchant, account, currency), _) in expected {
        findings.add("account", None, format!("account {account} {currency} of {merchant} is not in the read model"));
    }
}

/// An account that only ever had authorisations has no money.
fn is_zero(amount: &str) -> bool {
    amount.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

/// Every read model anew, beside the live ones, and compared byte for byte.
async fn rebuild(log: &Log, findings: &mut Findings) -> Result<Option<ReadModels>, Failure> {
    let bar = progress_bar(0, "read models");
    let rebuilt = mizan_projections::audit(log, |progress| {
        bar.set_length(progress.head.number().unsigned_abs());
        bar.set_position(progress.position.number().unsigned_abs());
    })
    .await;
    bar.finish_and_clear();
    let report = match rebuilt {
        Ok(report) => report,
        Err(RebuildError::Halted(why)) => {
            findings.add("read_models", None, format!("the read models cannot be rebuilt: {why}"));
            return Ok(None);
        }
        Err(error @ (RebuildError::AlreadyRunning | RebuildError::Log(_) | RebuildError::Database(_))) => {
            return Err(error.into());
        }
    };
    for it in &report.differences {
        let detail = difference(log, it).await?;
        findings.add("read_model", position(it), detail);
    }
    Ok(Some(ReadModels {
        compared_at: report.compared_at,
        tables: report.tables,
        events_per_second: report.events_per_second,
    }))
}

/// The row that differs, and the event that should have made it.
async fn difference(log: &Log, it: &Difference) -> Result<String, Failure> {
    let row = |row: &Option<String>| row.clone().unwrap_or_else(|| "nothing".to_owned());
    let made_by = match position(it) {
        Some(position) => {
            let event = log.read(Position::new(position - 1), 1).await?.into_iter().next();
            event.map(|it| {
                format!(
                    "; its last event is the {} at position {} of {}/{}",
                    it.kind, it.position, it.category, it.name
                )
            })
        }
        None => None,
    };
    let made_by = made_by.unwrap_or_default();
    Ok(format!(
        "{} at {}: live is {}, the history makes {}{made_by}",
        it.table,
        it.key,
        row(&it.live),
        row(&it.rebuilt)
    ))
}

/// Every table has the position of the last event of its row.
fn position(it: &Difference) -> Option<i64> {
    let row: serde_json::Value = serde_json::from_str(it.rebuilt.as_ref().or(it.live.as_ref())?).ok()?;
    row.get("position")?.as_i64().filter(|it| *it > 0)
}

/// No payment gives back more than it took, except where a bank did so and the payment says so.
async fn pool_not_negative(pool: &PgPool, findings: &mut Findings) -> sqlx::Result<()> {
    let sql = "select merchant_id, payment_id, position from read.payments where refundable < 0 or \
               captured - reversed - refund_pending - refunded - disputed - dispute_lost + over_recovery < 0 \
               order by position limit 100";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(sql).fetch_all(pool).await?;
    for (merchant, payment, position) in rows {
        findings.add(
            "pool",
            Some(position),
            format!("payment {payment} of {merchant} has given back more than it took"),
        );
    }
    Ok(())
}

fn print(verdict: &Verdict) {
    let number = |it: u64| grouped(i128::from(it));
    let count = |it: usize| grouped(i128::try_from(it).unwrap_or(i128::MAX));
    let history = &verdict.history;
    say(format_args!(
        "{} events of {} streams, {} with an entry, in {} s: {} events/s",
        number(history.events),
        count(history.streams),
        number(verdict.entries),
        verdict.seconds,
        grouped(verdict.events_per_second)
    ));
    say(format_args!("root {}", history.root));
    let sealed = history.sealed.map_or("nothing is sealed".to_owned(), |it| format!("sealed up to {}", number(it)));
    let (stored, held) = (count(history.checkpoints), count(history.checkpoints_true));
    say(format_args!(
        "{sealed}: {stored} checkpoints, {held} roots were claimed and are true, {} tiles",
        count(history.tiles)
    ));
    if let Some(it) = &verdict.read_models {
        let rows: i64 = it.tables.values().map(|it| it.rows).sum();
        match it.compared_at {
            Some(position) => say(format_args!(
                "read models rebuilt beside the live ones and compared at position {position}: {} rows, {} events/s",
                grouped(rows),
                grouped(i128::from(it.events_per_second))
            )),
            None => say("the live read models are of another version and were not compared: run `mizan rebuild`"),
        }
    }
    for sum in verdict.sums.values() {
        say(format_args!("{sum:>24}  all accounts together"));
    }
    if !verdict.clearing.is_empty() {
        say("\nmoney on its way, by age of its oldest posting");
    }
    for it in &verdict.clearing {
        say(format_args!(
            "  {:<22} {:>16} {}  {} open since {}: up to 7 days {}, 30 days {}, 90 days {}, older {}",
            it.account,
            it.balance,
            it.currency,
            grouped(it.items),
            it.oldest.date_naive(),
            it.up_to_7_days,
            it.up_to_30_days,
            it.up_to_90_days,
            it.older
        ));
    }
    say("");
    let well =
        "VERDICT: YES. The history is complete and unchanged, the read models follow from it, the books balance.";
    print_findings(&verdict.findings, well);
}
