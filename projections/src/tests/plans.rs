//! What the rows of plans say, story by story.

use super::bazaar::{self, begin, bounce, charge_off, date, noon, offer, pass_time, pay, refund, terms, waive};
use super::support::{Ledger, id, money, pairs, text};
use crate::fingerprint::fingerprints;
use crate::plans::ageing::AgeingBucketName;
use crate::plans::{self, PlanHistoryKind, PlanView, ageing, due};
use crate::projector::{catch_up, catch_up_by};
use crate::schema::LIVE;
use crate::{
    Amount, QueryError, Reads, accounts, clocks, credit_lines, orders, payments, rebuild, statements, takings,
};
use chrono::{DateTime, Utc};
use mizan_domain::clock;
use mizan_domain::event::Command;
use mizan_domain::plan::{CancelPlan, Command as PlanCommand, ReschedulePlan, Rescheduling};
use mizan_domain::policy::plans::purchase_of;

const M: &str = "m-1";

struct Shop {
    ledger: Ledger,
    reads: Reads,
}

impl Shop {
    async fn open() -> Self {
        let ledger = Ledger::new().await;
        let reads = Reads::new(ledger.log.clone());
        Self { ledger, reads }
    }

    async fn does(&mut self, commands: impl IntoIterator<Item = Command>) {
        for command in commands {
            self.ledger.does(M, command).await;
        }
        catch_up(&self.ledger.log).await.unwrap();
    }

    async fn plan(&self, plan: &str) -> PlanView {
        plans::get(&self.reads, &id(M), plan).await.unwrap().unwrap().data
    }

    /// `kind amount balance`
    async fn statement(&self, customer: &str) -> Vec<String> {
        let statement = statements::get(&self.reads, &id(M), customer, &[]).await.unwrap().data;
        let lines = statement.currencies.iter().flat_map(|it| &it.lines);
        lines.map(|it| format!("{} {} {}", it.kind.name(), it.amount, it.balance)).collect()
    }

    async fn is_balanced(&self) -> bool {
        accounts::trial_balance(&self.reads, &id(M), &[]).await.unwrap().data.is_balanced
    }
}

fn eur(text: &str) -> Amount {
    money(&format!("{text} EUR")).into()
}

fn live() -> DateTime<Utc> {
    noon("2030-01-01")
}

/// 100.00 at 7 % over six months (Fineract's V1): 17.01 each, the last one 17.00.
fn six_months() -> Vec<Command> {
    let offer = offer("1", "c-1", "100.00 EUR", date("2026-01-01"), terms(6, "0.07", "8.00 EUR"));
    begin(&offer, noon("2026-01-01"))
}

#[tokio::test]
async fn a_plan_is_agreed_opened_paid_and_settled_and_the_statement_ends_at_zero() {
    let mut shop = Shop::open().await;
    let mut beginning = six_months();
    let opening = beginning.pop().unwrap();
    shop.does(beginning).await;
    let it = shop.plan("n-1").await;
    assert_eq!((it.plan.status.as_str(), it.plan.outstanding, it.plan.wakes_at), ("approved", eur("0.00"), None));
    assert_eq!(
        (it.plan.financed, it.plan.finance_charge, it.plan.total_cost),
        (eur("100.00"), eur("2.05"), eur("102.05"))
    );
    assert_eq!((it.plan.discount, it.plan.rate.as_str()), (eur("6.00"), "0.07"));
    assert_eq!((it.plan.apr_us.as_deref(), it.plan.product.as_deref()), (Some("7.00"), Some("pay-monthly")));
    assert_eq!((it.installments.len(), it.history_count), (0, 1));
    let credit = credit_lines::get(&shop.reads, &id(M), "c-1").await.unwrap().unwrap().data;
    assert_eq!((credit.lines[0].reserved, credit.lines[0].outstanding), (eur("100.00"), eur("0.00")));

    shop.does([opening]).await;
    let it = shop.plan("n-1").await;
    assert_eq!((it.plan.status.as_str(), it.plan.opened_at), ("open", Some(noon("2026-01-01"))));
    assert_eq!((it.plan.principal, it.plan.interest, it.plan.outstanding), (eur("100.00"), eur("2.05"), eur("102.05")));
    assert_eq!((it.plan.merchant_payable, it.plan.discount_unearned), (eur("94.00"), eur("6.00")));
    assert_eq!((it.plan.next_due_on, it.plan.revision), (Some(date("2026-02-01")), 2));
    let first = &it.installments[0];
    assert_eq!((first.number, first.due_on, first.from_on), (1, date("2026-02-01"), date("2026-01-01")));
    assert_eq!((first.principal_due, first.interest_due, first.outstanding), (eur("16.43"), eur("0.58"), eur("17.01")));
    assert_eq!((it.installments.len(), it.installments[5].outstanding), (6, eur("17.00")));
    let credit = credit_lines::get(&shop.reads, &id(M), "c-1").await.unwrap().unwrap().data;
    let line = &credit.lines[0];
    assert_eq!((line.reserved, line.outstanding, line.available), (eur("0.00"), eur("100.00"), eur("999900.00")));
    assert_eq!((line.score.as_deref(), line.source.as_deref(), credit.revision), (Some("712"), Some("bureau"), 3));
    // The purchase is a payment of the order, but no takings.
    let order = orders::get(&shop.reads, &id(M), "o-1").await.unwrap().unwrap().data;
    assert_eq!((order.allocated, order.due), (eur("100.00"), eur("0.00")));
    let of_plan = payments::search(&shop.reads, &id(M), &pairs(&[("plan_id", "n-1")])).await.unwrap().data;
    assert_eq!(of_plan.iter().map(|it| it.method.as_str()).collect::<Vec<_>>(), ["installments"]);
    assert_eq!(of_plan[0].payment_id, purchase_of(&id("n-1")).as_str());
    assert_eq!(takings::daily(&shop.reads, &id(M), &[]).await.unwrap().data, []);

    for (nth, amount) in ["17.01", "17.01", "17.01", "17.01", "17.01", "17.00"].into_iter().enumerate() {
        let at = noon(&format!("2026-0{}-01", nth + 2));
        shop.does([pay(&format!("p-{nth}"), "n-1", "c-1", &format!("{amount} EUR"), at)]).await;
    }
    let it = shop.plan("n-1").await;
    assert_eq!((it.plan.status.as_str(), it.plan.outstanding, it.plan.paid), ("settled", eur("0.00"), eur("102.05")));
    assert_eq!((it.plan.next_due_on, it.plan.wakes_at, it.plan.discount_unearned), (None, None, eur("0.00")));
    assert!(it.installments.iter().all(|it| it.is_settled));
    assert_eq!((it.installments[0].principal_paid, it.installments[0].interest_paid), (eur("16.43"), eur("0.58")));
    let days = takings::daily(&shop.reads, &id(M), &[]).await.unwrap().data;
    assert_eq!((days.len(), days[5].method.as_str(), days[5].captured), (6, "card", eur("17.01")));
    let lines = shop.statement("c-1").await;
    assert_eq!(
        lines[..6],
        [
            "order_placed 100.00 100.00",
            "payment_captured -100.00 0.00",
            "plan_opened 100.00 100.00",
            "interest_accrued 0.58 100.58",
            "payment_captured -17.01 83.57",
            "interest_accrued 0.49 84.06",
        ]
    );
    assert_eq!(lines.last().unwrap(), "payment_captured -17.00 0.00");
    assert!(shop.is_balanced().await);
}

#[tokio::test]
async fn history_says_what_happened_and_what_was_owed_after_it() {
    let mut shop = Shop::open().await;
    shop.does(six_months()).await;
    shop.does([pay("p-1", "n-1", "c-1", "17.01 EUR", noon("2026-02-01"))]).await;
    // The second one is late: a fee, which is forgiven.
    shop.does([pass_time("n-1", noon("2026-03-10")), waive("n-1", "w-1", 2, noon("2026-03-10"))]).await;
    // A payment of before comes to light, another one bounces.
    shop.does([pay("p-2", "n-1", "c-1", "17.01 EUR", noon("2026-02-20"))]).await;
    shop.does([bounce("p-1", noon("2026-03-12"))]).await;
    let reschedule = ReschedulePlan {
        plan_id: id("n-1"),
        reschedule_id: id("rs-1"),
        how: Rescheduling::ReAge { first_due_on: date("2026-04-15"), payments: 4 },
        reason: Some(text("hardship")),
        at: noon("2026-03-13"),
    };
    shop.does([bazaar::on_plan(PlanCommand::Reschedule(reschedule))]).await;

    let it = shop.plan("n-1").await;
    assert_eq!((it.plan.paid, i64::try_from(it.history.len()).unwrap()), (eur("17.01"), it.history_count));
    let latest = &it.history[0];
    assert_eq!((latest.kind, latest.fact_id.as_deref()), (PlanHistoryKind::Rescheduled, Some("rs-1")));
    assert_eq!((latest.reason.as_deref(), latest.amount), (Some("hardship"), None));
    let details = latest.details.as_ref().unwrap();
    assert_eq!((details.how.as_deref(), details.payments), (Some("re_age"), Some(4)));
    assert_eq!((latest.principal, latest.fees), (Some(it.plan.principal), Some(it.plan.fees)));
    assert_eq!(latest.revision, it.plan.revision);
    let of = |kind| it.history.iter().filter(|it| it.kind == kind).collect::<Vec<_>>();
    let waived = of(PlanHistoryKind::LateFeeWaived);
    assert_eq!((waived.last().unwrap().number, waived.last().unwrap().amount), (Some(2), Some(eur("8.00"))));
    let unwound = of(PlanHistoryKind::Unwound);
    let undone = &unwound[0].details.as_ref().unwrap().undone;
    assert!(!undone.is_empty() && undone.iter().all(|step| i64::from(*step) < it.history_count));
    let applied = of(PlanHistoryKind::PaymentApplied);
    assert_eq!(applied.iter().filter(|it| !it.is_reapplied).count(), 2);
    let first = applied.last().unwrap();
    assert_eq!((first.payment_id.as_deref(), first.effective_on), (Some("p-1"), Some(date("2026-02-01"))));
    let parts: Vec<String> = first.details.as_ref().unwrap().allocated.iter().map(|it| it.amount.to_string()).collect();
    assert_eq!(parts, ["0.58", "16.43"]);
    let interest = of(PlanHistoryKind::InstallmentDue);
    assert_eq!(interest.last().unwrap().amount, Some(eur("17.01")));

    // The same by pages, and filtered.
    let history = async |of: &[(&str, &str)]| plans::history(&shop.reads, &id(M), "n-1", &pairs(of)).await;
    let (mut walked, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut asked = vec![("limit", "3")];
        asked.extend(cursor.as_deref().map(|it| ("cursor", it)));
        let page = history(&asked).await.unwrap().unwrap();
        walked.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(walked, *it.history);
    let waived = history(&[("kind", "late_fee_waived"), ("is_reapplied", "false")]).await.unwrap().unwrap().data;
    assert_eq!(waived.len(), 1);
    assert!(plans::history(&shop.reads, &id(M), "n-9", &[]).await.unwrap().is_none());
    assert!(plans::history(&shop.reads, &id("m-2"), "n-1", &[]).await.unwrap().is_none());
    let refused = history(&[("is_reapplied", "perhaps")]).await.unwrap_err();
    assert!(matches!(&refused, QueryError::Search(it) if it.code == "bad_value"), "{refused:?}");

    // The statement owes what the plan owes, but for interest to come.
    let owed = it.plan.principal.plus(it.plan.accrued).unwrap().plus(it.plan.fees).unwrap();
    let lines = shop.statement("c-1").await;
    assert_eq!(lines.last().unwrap().rsplit(' ').next().unwrap(), owed.to_string(), "{lines:#?}");
    assert!(lines.iter().any(|it| it.starts_with("plan_recalculated")), "{lines:#?}");
}

#[tokio::test]
async fn an_agreement_is_kept_word_for_word() {
    let mut shop = Shop::open().await;
    shop.does(six_months()).await;
    let found = plans::agreement(&shop.reads, &id(M), "n-1").await.unwrap().unwrap().data;
    let text = found.agreement.get();
    let stored = shop.ledger.log.read(mizan_store::Position::START, 100).await.unwrap();
    let event = stored.iter().find(|it| it.kind == "plan-approved.v1").unwrap();
    assert_eq!((found.at, found.position), (noon("2026-01-01"), event.position));
    // The event is the agreement and when it was agreed.
    let payload = std::str::from_utf8(&event.payload).unwrap();
    assert!(payload.starts_with(text.trim_end_matches('}')), "{text}\n{payload}");
    assert!(text.contains("\"apr_us\":\"7.00\"") && text.contains("\"amount\":\"100.00 EUR\""), "{text}");
    assert!(plans::agreement(&shop.reads, &id("m-2"), "n-1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_refund_cancels_debt_and_gives_cash_back_and_the_customer_owes_nothing() {
    let mut shop = Shop::open().await;
    let offer = offer("1", "c-1", "100.00 EUR", date("2026-01-01"), terms(4, "0", "8.00 EUR"));
    shop.does(begin(&offer, noon("2026-01-01"))).await;
    for (nth, day) in ["2026-02-01", "2026-03-01"].into_iter().enumerate() {
        shop.does([pay(&format!("p-{nth}"), "n-1", "c-1", "25.00 EUR", noon(day))]).await;
    }
    // Half of it paid; the refund takes the debt first.
    shop.does([refund("n-1", "rf-1", "60.00 EUR", noon("2026-03-05"))]).await;
    let it = shop.plan("n-1").await;
    assert_eq!((it.plan.refunded, it.plan.cash_back, it.plan.status.as_str()), (eur("60.00"), eur("10.00"), "settled"));
    assert_eq!((it.plan.paid, it.installments[3].principal_cancelled), (eur("50.00"), eur("25.00")));
    let refunded = it.history.iter().find(|it| it.kind == PlanHistoryKind::Refunded).unwrap();
    let details = refunded.details.as_ref().unwrap();
    assert_eq!((details.cancelled, details.cash), (Some(eur("50.00")), Some(eur("10.00"))));
    assert_eq!(details.cash_back[0].payment_id, "p-1");
    let lines = shop.statement("c-1").await;
    assert!(lines.iter().any(|it| it.starts_with("plan_refunded -60.00")), "{lines:#?}");
    // The order became cheaper by what was refunded, so nothing is owed and nothing is to come.
    assert!(lines.last().unwrap().ends_with(" 0.00"), "{lines:#?}");
    assert!(shop.is_balanced().await);
}

#[tokio::test]
async fn what_is_due_is_summed_by_day_and_what_is_late_by_age() {
    let mut shop = Shop::open().await;
    shop.does(six_months()).await;
    let second = offer("2", "c-2", "90.00 EUR", date("2026-01-01"), terms(3, "0", "8.00 EUR"));
    shop.does(begin(&second, noon("2026-01-01"))).await;
    let yen = offer("3", "c-1", "900 JPY", date("2026-01-15"), terms(3, "0", "80 JPY"));
    shop.does(begin(&yen, noon("2026-01-15"))).await;

    let due = async |of: &[(&str, &str)]| due::get(&shop.reads, &id(M), &pairs(of), live()).await;
    let rows = |it: due::Due| -> Vec<String> {
        let row = |it: &due::DueDay| {
            format!(
                "{} {}/{} {} {} {} {} {}",
                it.due_on, it.plans, it.installments, it.principal, it.interest, it.fees, it.outstanding, it.currency
            )
        };
        it.days.iter().map(row).collect()
    };
    assert_eq!(rows(due(&[("on", "2026-02-01")]).await.unwrap().data), ["2026-02-01 2/2 46.43 0.58 0.00 47.01 EUR"]);
    assert_eq!(
        rows(due(&[("from", "2026-02-01"), ("to", "2026-03-01"), ("customer_id", "c-1")]).await.unwrap().data),
        [
            "2026-02-01 1/1 16.43 0.58 0.00 17.01 EUR",
            "2026-02-15 1/1 300 0 0 300 JPY",
            "2026-03-01 1/1 16.52 0.49 0.00 17.01 EUR"
        ]
    );
    let none = due(&[]).await.unwrap().data;
    assert_eq!((none.from, none.to, none.days.len()), (date("2030-01-01"), date("2030-01-01"), 0));
    for (of, parameter) in [
        (vec![("on", "tomorrow")], "on"),
        (vec![("on", "2026-02-01"), ("to", "2026-03-01")], "to"),
        (vec![("from", "2026-02-01")], "from"),
        (vec![("from", "2026-02-02"), ("to", "2026-02-01")], "to"),
        (vec![("from", "2026-02-02"), ("to", "2046-02-01")], "to"),
        (vec![("day", "2026-02-02")], "day"),
    ] {
        let Err(QueryError::Search(refused)) = due(&of).await else { panic!("{of:?}") };
        assert_eq!(refused.parameter, parameter, "{of:?}: {refused}");
    }
    let listed = pairs(&[("is_settled", "false"), ("customer_id", "c-1"), ("due_on[lte]", "2026-02-15")]);
    assert_eq!(plans::installments(&shop.reads, &id(M), &listed).await.unwrap().data.len(), 2);

    let aged = async |of: &[(&str, &str)]| ageing::get(&shop.reads, &id(M), &pairs(of), live()).await.unwrap().data;
    let it = aged(&[("on", "2026-04-10")]).await;
    let shown = |it: &ageing::CurrencyAgeing| -> Vec<String> {
        it.buckets
            .iter()
            .map(|it| format!("{} {}/{} {}", it.bucket.name(), it.plans, it.installments, it.outstanding))
            .collect()
    };
    assert_eq!(
        shown(&it.currencies[0]),
        ["not_due 1/3 51.02", "1-30 2/2 47.01", "31-60 2/2 47.01", "61-90 2/2 47.01", "over_90 0/0 0.00"]
    );
    assert_eq!((it.currencies[0].outstanding, it.currencies[0].past_due), (eur("192.05"), eur("141.03")));
    assert_eq!(shown(&it.currencies[1])[0..2], ["not_due 1/1 300".to_owned(), "1-30 1/1 300".to_owned()]);
    let of_second = aged(&[("on", "2026-02-01"), ("customer_id", "c-2")]).await;
    assert_eq!(shown(&of_second.currencies[0])[0..2], ["not_due 1/3 90.00".to_owned(), "1-30 0/0 0.00".to_owned()]);

    // What is given up is in no bucket; what comes in of it is told.
    shop.does([charge_off("n-2", noon("2026-04-10")), pay("p-1", "n-2", "c-2", "20.00 EUR", noon("2026-04-11"))]).await;
    let it = ageing::get(&shop.reads, &id(M), &pairs(&[("currency", "EUR"), ("customer_id", "c-2")]), live()).await;
    let it = it.unwrap().data;
    let given_up = &it.currencies[0].charged_off;
    assert_eq!((given_up.plans, given_up.principal, given_up.recovered), (1, eur("90.00"), eur("20.00")));
    assert!(it.currencies[0].buckets.iter().all(|it| it.installments == 0));
    assert_eq!((it.on, it.currencies[0].buckets[4].bucket), (date("2030-01-01"), AgeingBucketName::Over90));
    let lines = shop.statement("c-2").await;
    let last: Vec<&str> = lines.iter().rev().take(3).map(|it| it.split(' ').next().unwrap()).collect();
    assert_eq!(last, ["plan_recovered", "payment_captured", "plan_charged_off"]);
    assert!(lines.last().unwrap().ends_with(" 0.00"), "{lines:#?}");
    assert!(shop.is_balanced().await);
}

#[tokio::test]
async fn plans_wake_by_their_merchants_clock_and_the_others_by_the_worlds() {
    let mut shop = Shop::open().await;
    let log = shop.ledger.log.clone();
    let begun = noon("2026-01-01");
    for merchant in ["m-1", "m-2", "m-3"] {
        for number in ["1", "2"] {
            let amount = if number == "1" { "100.00 EUR" } else { "60.00 EUR" };
            let start = if number == "1" { "2026-01-01" } else { "2026-01-03" };
            for command in begin(&offer(number, "c-1", amount, date(start), terms(3, "0.07", "8.00 EUR")), noon(start))
            {
                shop.ledger.does(merchant, command).await;
            }
        }
    }
    shop.ledger.does("m-2", bazaar::clock(clock::Command::Start { at: begun })).await;
    catch_up(&log).await.unwrap();
    let reads = &shop.reads;
    let waking = async |until: &str, limit| -> Vec<String> {
        let found = plans::waking(reads, noon(until), limit).await.unwrap();
        found.iter().map(|it| format!("{} {} {}", it.at.date_naive(), it.merchant, it.plan_id)).collect()
    };
    assert_eq!(clocks::now(reads, &id("m-2")).await.unwrap(), Some(begun));
    assert_eq!(clocks::now(reads, &id("m-1")).await.unwrap(), None);
    assert_eq!(clocks::today(reads, &id("m-2"), live()).await.unwrap(), date("2026-01-01"));
    assert_eq!(clocks::today(reads, &id("m-1"), live()).await.unwrap(), date("2030-01-01"));
    assert!(waking("2026-01-31", 10).await.is_empty());
    assert_eq!(waking("2026-02-01", 10).await, ["2026-02-01 m-1 n-1", "2026-02-01 m-3 n-1"]);
    let (one, two) = (["2026-02-01 m-1 n-1", "2026-02-01 m-3 n-1"], ["2026-02-03 m-1 n-2", "2026-02-03 m-3 n-2"]);
    assert_eq!(waking("2026-02-20", 10).await, [one, two].concat());
    assert_eq!(waking("2026-02-20", 3).await, [&one[..], &two[..1]].concat());
    // The clock goes on: its merchant's plans wake too, whatever the world's clock says.
    shop.ledger.does("m-2", bazaar::clock(clock::Command::Advance { to: noon("2026-02-02") })).await;
    catch_up(&log).await.unwrap();
    assert_eq!(waking("2026-01-31", 10).await, ["2026-02-01 m-2 n-1"]);
    assert_eq!(clocks::get(reads, &id("m-2")).await.unwrap().unwrap().data.revision, 2);
    let of = plans::waking_of(reads, &id("m-2"), noon("2026-02-28"), 10).await.unwrap();
    assert_eq!(of.iter().map(|it| it.plan_id.as_str()).collect::<Vec<_>>(), ["n-1", "n-2"]);
    // Once it was told the time it waits for the next.
    for plan in ["n-1", "n-2"] {
        shop.ledger.does("m-2", pass_time(plan, noon("2026-02-04"))).await;
    }
    catch_up(&log).await.unwrap();
    assert!(waking("2026-01-31", 10).await.is_empty());
}

#[tokio::test]
async fn a_plan_that_is_cancelled_gives_its_part_of_the_limit_back() {
    let mut shop = Shop::open().await;
    let mut beginning = six_months();
    beginning.pop();
    shop.does(beginning).await;
    let cancel = CancelPlan { plan_id: id("n-1"), reason: Some(text("changed mind")), at: noon("2026-01-02") };
    shop.does([bazaar::on_plan(PlanCommand::Cancel(cancel))]).await;
    let it = shop.plan("n-1").await;
    assert_eq!((it.plan.status.as_str(), it.history[0].kind), ("cancelled", PlanHistoryKind::Cancelled));
    let free = credit_lines::search(&shop.reads, &id(M), &pairs(&[("available[gte]", "1000000")])).await.unwrap().data;
    assert_eq!((free.len(), free[0].customer_id.as_str()), (1, "c-1"));
    assert!(credit_lines::get(&shop.reads, &id("m-2"), "c-1").await.unwrap().is_none());
    let listed = plans::search(&shop.reads, &id(M), &pairs(&[("status", "cancelled")])).await.unwrap().data;
    assert_eq!(listed, [it.plan]);
}

#[tokio::test]
async fn a_bazaar_gives_the_same_rows_however_it_is_cut_and_when_it_is_rebuilt() {
    let mut ledger = Ledger::new().await;
    bazaar::play(&mut ledger, 31, 60).await;
    let pool = ledger.log.pool();
    let mut all = Vec::new();
    for batch in [1, 13, 2_000] {
        catch_up_by(&ledger.log, batch).await.unwrap();
        all.push(fingerprints(pool, LIVE).await.unwrap());
        if batch != 2_000 {
            sqlx::raw_sql("drop schema read cascade").execute(pool).await.unwrap();
        }
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    assert_eq!(rebuild(&ledger.log, |_| ()).await.unwrap().differences, []);
    let kinds: Vec<String> =
        sqlx::query_scalar("select distinct kind from read.plan_history order by kind").fetch_all(pool).await.unwrap();
    let missing: Vec<_> = PlanHistoryKind::NAMES.iter().filter(|it| !kinds.iter().any(|kind| kind == *it)).collect();
    assert!(missing.is_empty(), "the bazaar is too quiet: {missing:?}");
    check_sums(pool).await;
}

/// `cargo test --workspace --lib -- --ignored --nocapture how_fast_are_plans`
#[tokio::test]
#[ignore = "a measurement, not a test"]
async fn how_fast_are_plans() {
    let mut ledger = Ledger::new().await;
    bazaar::play_year(&mut ledger, 400).await;
    let begun = std::time::Instant::now();
    let head = catch_up(&ledger.log).await.unwrap();
    println!("caught up with {head} events in {:?}", begun.elapsed());
    for _ in 0..2 {
        let report = rebuild(&ledger.log, |_| ()).await.unwrap();
        println!("rebuilt {} events in {} ms: {}/s", report.events, report.elapsed_ms, report.events_per_second);
        for (table, it) in report.tables {
            println!("  {table}: {} rows", it.rows);
        }
    }
}

/// What every row must agree with, whatever happened.
async fn check_sums(pool: &mizan_store::PgPool) {
    let checks = [
        (
            "a plan owes what its installments owe",
            "select p.plan_id from read.plans p left join read.plan_installments i using (merchant_id, plan_id) \
             where p.status not in ('approved', 'cancelled') \
             group by p.merchant_id, p.plan_id having p.principal <> sum(i.principal_outstanding) \
             or p.interest <> sum(i.interest_outstanding) or p.fees <> sum(i.fee_outstanding) \
             or p.outstanding <> sum(i.outstanding) or p.next_due_on is distinct from \
             min(i.due_on) filter (where not i.is_settled)",
        ),
        (
            "outstanding is due less what answered it",
            "select plan_id from read.plan_installments where outstanding < 0 or is_settled <> (outstanding = 0) \
             or principal_outstanding <> principal_due - principal_paid - principal_cancelled - principal_waived \
             - principal_written_off or fee_outstanding <> fee_due - fee_paid - fee_cancelled - fee_waived \
             - fee_written_off",
        ),
        (
            "a plan was paid what its payments brought and did not take back",
            "select p.plan_id from read.plans p where p.opened_at is not null and p.paid <> coalesce((select sum(captured - reversed) \
             from read.payments y where y.merchant_id = p.merchant_id and y.plan_id = p.plan_id \
             and y.method <> 'installments'), 0)",
        ),
        (
            "a customer owes what the customers' accounts say",
            "select party from (select merchant_id, party, currency, sum(debit - credit) as owed from read.postings \
             where layer = 'posted' and account in ('bnpl_receivable', 'bnpl_receivable_interest', \
             'bnpl_receivable_fee', 'customer_credit') and category in ('plan', 'payment') \
             group by merchant_id, party, currency) as books \
             full join (select merchant_id, customer_id as party, currency, sum(amount) as owed \
             from read.statement_lines where kind not in ('order_placed', 'lines_added', 'lines_cancelled', \
             'lines_returned', 'allowance_granted') group by merchant_id, customer_id, currency) as said \
             using (merchant_id, party, currency) where coalesce(books.owed, 0) <> coalesce(said.owed, 0)",
        ),
        (
            "exposure is what the plans of a customer owe",
            "select customer_id from read.credit_lines c where outstanding <> coalesce((select \
             sum(greatest(principal + charged_off - recovered - refund_recovered, 0)) from read.plans p \
             where p.merchant_id = c.merchant_id and p.customer_id = c.customer_id and p.currency = c.currency \
             and status not in ('approved', 'cancelled')), 0)",
        ),
    ];
    for (what, sql) in checks {
        let wrong: Vec<String> = sqlx::query_scalar(sql).fetch_all(pool).await.unwrap();
        assert!(wrong.is_empty(), "{what}: {wrong:?}");
    }
}
