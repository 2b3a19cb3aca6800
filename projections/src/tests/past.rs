//! The read models of earlier moments, against read models that were never any further.

use super::bazaar::{self, begin, date, noon, offer, pass_time, pay, terms};
use super::chain;
use super::support::{Ledger, id, pairs};
use super::town;
use crate::checkpoint::Guard;
use crate::fingerprint::TABLES;
use crate::past::{self, About, Moment, Room, Streams};
use crate::projector::catch_up;
use crate::reads::QueryError;
use crate::runner::{Runner, Step};
use crate::schema::{self, NEXT};
use crate::{Reads, SearchError, accounts, journal, orders, plans};
use chrono::{DateTime, Days, Utc};
use mizan_domain::event::Command;
use mizan_domain::id::MerchantId;
use mizan_store::{Log, Position};
use sqlx::{AssertSqlSafe, PgConnection};

const EVERYTHING: [Room; 12] = [
    Room::Of(Streams::Orders),
    Room::Of(Streams::Payments),
    Room::Of(Streams::Plans),
    Room::Of(Streams::Credit),
    Room::Of(Streams::Clock),
    Room::Of(Streams::Customers),
    Room::Of(Streams::Wallets),
    Room::Of(Streams::Invoices),
    Room::Of(Streams::Deposits),
    Room::Of(Streams::Holdings),
    Room::Of(Streams::Payouts),
    Room::Books,
];

fn as_of(position: i64) -> Moment {
    Moment { as_of: Some(Position::new(position)), effective_at: None }
}

fn effective(moment: DateTime<Utc>) -> Moment {
    Moment { as_of: None, effective_at: Some(moment) }
}

/// Every row of a merchant, in a fixed order.
async fn rows(connection: &mut PgConnection, prefix: &str, table: &str, merchant: &str) -> Vec<String> {
    let sql = format!("select row_to_json(it)::text from {prefix}{table} it where merchant_id = $1 order by 1");
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(merchant).fetch_all(connection).await.unwrap()
}

async fn build_until(log: &Log, position: i64) {
    schema::make_next(log.pool()).await.unwrap();
    let mut runner = Runner::new(log, NEXT, Guard::Alone, 500);
    while !matches!(runner.step(Some(Position::new(position))).await.unwrap(), Step::CaughtUp(_)) {}
}

async fn is_what_it_was(log: &Log, merchants: &[&str], positions: impl Iterator<Item = i64>) {
    for position in positions {
        build_until(log, position).await;
        for merchant in merchants {
            let owner: MerchantId = id(merchant);
            let about = About { merchant: &owner, rooms: &EVERYTHING, only: None };
            let (mut then, served) = past::open(log, as_of(position), about).await.unwrap();
            assert_eq!(served.number(), position);
            for table in TABLES.iter().map(|it| it.name) {
                let was = rows(&mut then, "read_next.", table, merchant).await;
                let is = rows(&mut then, "", table, merchant).await;
                assert_eq!(is, was, "{table} of {merchant} as of {position}");
            }
        }
    }
}

#[tokio::test]
async fn every_table_is_again_what_it_was() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 31, 40).await;
    bazaar::play(&mut ledger, 32, 12).await;
    chain::play(&mut ledger, "m-0", 33, 60).await;
    catch_up(&ledger.log).await.unwrap();
    let head = ledger.log.head().await.unwrap().number();
    let step = usize::try_from(head / 9).unwrap();
    is_what_it_was(&ledger.log, &["m-0", "m-1"], (0..=head).step_by(step).chain([1, head])).await;
}

#[tokio::test]
async fn an_answer_about_the_past_says_which_position_it_is_of_and_leaves_no_trace() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 33, 20).await;
    catch_up(&ledger.log).await.unwrap();
    let merchant: MerchantId = id("m-0");
    let reads = Reads::new(ledger.log.clone());
    let now = orders::search(&reads, &merchant, &[]).await.unwrap();
    let first = now.data.last().unwrap();
    let before = first.position.number() - 1;
    for _ in 0..20 {
        let then = reads.at(as_of(before));
        let order = orders::get(&then, &merchant, &first.order_id).await.unwrap();
        assert!(order.is_none_or(|it| it.position.number() == before && it.data.revision < first.revision));
        let page = orders::search(&then, &merchant, &pairs(&[("limit", "100")])).await.unwrap();
        assert_eq!(page.position.number(), before);
        // The same pool answers about now as ever.
        assert_eq!(orders::search(&reads, &merchant, &[]).await.unwrap(), now);
    }
    let left: i64 = sqlx::query_scalar("select count(*) from pg_class where relpersistence = 't'")
        .fetch_one(ledger.log.pool())
        .await
        .unwrap();
    assert_eq!(left, 0);
    let ahead = orders::search(&reads.at(as_of(1_000_000)), &merchant, &[]).await.unwrap_err();
    assert!(matches!(ahead, QueryError::Ahead { asked, .. } if asked.number() == 1_000_000), "{ahead}");
}

/// The story of a plan without interest whose first payment is of the 20th of February, and told then or in April.
async fn shop(is_told_late: bool) -> Ledger {
    let mut ledger = Ledger::new().await;
    let offer = offer("1", "c-1", "100.00 EUR", date("2026-02-01"), terms(4, "0", "8.00 EUR"));
    let payment = pay("p-1", "n-1", "c-1", "20.00 EUR", noon("2026-02-20"));
    let on_time = (!is_told_late).then(|| payment.clone());
    let days = ["2026-03-01", "2026-03-05", "2026-04-01", "2026-04-10"].map(|day| pass_time("n-1", noon(day)));
    let told: Vec<Command> = begin(&offer, noon("2026-02-01")).into_iter().chain(on_time).chain(days).collect();
    for command in told.into_iter().chain(is_told_late.then_some(payment)) {
        ledger.does("m-1", command).await;
    }
    catch_up(&ledger.log).await.unwrap();
    ledger
}

#[tokio::test]
async fn a_fact_that_came_late_counts_from_the_day_it_happened() {
    let (on_time, late) = (shop(false).await, shop(true).await);
    let merchant: MerchantId = id("m-1");
    assert_ne!(on_time.log.head().await.unwrap(), late.log.head().await.unwrap());
    for day in (0..80).filter_map(|days| date("2026-01-31").checked_add_days(Days::new(days))) {
        let moment = day.and_hms_opt(23, 59, 59).unwrap().and_utc();
        let mut told = Vec::new();
        for log in [&on_time.log, &late.log] {
            let reads = Reads::new(log.clone()).at(effective(moment));
            let books = accounts::trial_balance(&reads, &merchant, &[]).await.unwrap().data;
            assert!(books.is_balanced);
            let plan = plans::get(&reads, &merchant, "n-1").await.unwrap().map(|it| it.data.plan);
            let lines: Vec<_> = books.lines.into_iter().filter(|it| it.debit != it.credit).collect();
            told.push((lines, plan.map(|it| (it.principal, it.interest, it.fees, it.paid))));
        }
        assert_eq!(told.first(), told.last(), "on {day}");
    }
}

#[tokio::test]
async fn both_clocks_can_be_asked_at_once() {
    let late = shop(true).await;
    let merchant: MerchantId = id("m-1");
    let head = late.log.head().await.unwrap().number();
    let (reads, received) = (Reads::new(late.log.clone()), pairs(&[("kind", "payment-received.v1")]));
    let entries = journal::search(&reads, &merchant, &received).await.unwrap().data;
    let told = entries.iter().map(|it| it.position.number()).max().unwrap();
    let march = noon("2026-03-10");
    let known = |as_of| {
        let reads =
            Reads::new(late.log.clone()).at(Moment { as_of: Some(Position::new(as_of)), effective_at: Some(march) });
        let merchant = merchant.clone();
        async move { accounts::trial_balance(&reads, &merchant, &[]).await.unwrap().data.lines }
    };
    let clearing = |lines: Vec<accounts::TrialBalanceLine>| lines.iter().any(|it| it.account == "psp_clearing");
    assert!(clearing(known(head).await), "what March looks like today");
    assert!(!clearing(known(told - 1).await), "what March looked like before the payment was told");
}

#[tokio::test]
async fn facts_that_presuppose_later_ones_are_not_guessed_at() {
    let mut ledger = Ledger::new().await;
    let line = super::support::line("l-1", 1, "10.00 EUR");
    ledger.does("m-1", super::support::place("o-1", "c-1", vec![line], noon("2026-02-10"))).await;
    // Told as if it had happened before the order was placed.
    ledger.does("m-1", super::support::fulfil("o-1", "s-1", &[("l-1", 1)], noon("2026-02-01"))).await;
    catch_up(&ledger.log).await.unwrap();
    let reads = Reads::new(ledger.log.clone()).at(effective(noon("2026-02-05")));
    let refused = orders::get(&reads, &id("m-1"), "o-1").await.unwrap_err();
    let QueryError::Search(SearchError { code, .. }) = refused else { panic!("{refused}") };
    assert_eq!(code, "facts_out_of_order");
}
