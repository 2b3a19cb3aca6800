//! What the rows say, story by story.

use super::support::{
    Ledger, authorise, cancel, capture, fulfil, id, intent, line, money, pairs, place, receive, take_back, text,
};
use crate::orders::{OrderPaymentStatus as Paid, OrderRow, OrderStatus};
use crate::payments::{DisputeState, PaymentRow, PaymentStatus, RefundState};
use crate::projector::catch_up;
use crate::statements::Statement;
use crate::{Amount, Reads, accounts, journal, orders, payments, statements, takings};
use mizan_domain::event::Command;
use mizan_domain::id::{PaymentId, RefundId};
use mizan_domain::order::LineKind;
use mizan_domain::payment::{self, Attempt, FeeDirection, Method, PayoutDirection, RefundOrigin};
use rust_decimal::Decimal;

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

    async fn does(&mut self, command: impl Into<Command>) {
        self.ledger.does(M, command).await;
    }

    async fn order(&self, order: &str) -> OrderRow {
        catch_up(&self.ledger.log).await.unwrap();
        orders::get(&self.reads, &id(M), order).await.unwrap().unwrap().data
    }

    async fn payment(&self, payment: &str) -> PaymentRow {
        catch_up(&self.ledger.log).await.unwrap();
        payments::get(&self.reads, &id(M), payment).await.unwrap().unwrap().data
    }

    async fn statement(&self, customer: &str, of: &[(&str, &str)]) -> Statement {
        catch_up(&self.ledger.log).await.unwrap();
        statements::get(&self.reads, &id(M), customer, &pairs(of)).await.unwrap().data
    }

    /// Balances that are not zero, as `account: amount`.
    async fn balances(&self) -> Vec<String> {
        catch_up(&self.ledger.log).await.unwrap();
        let page =
            accounts::search(&self.reads, &id(M), &pairs(&[("balance[ne]", "0"), ("limit", "100")])).await.unwrap();
        assert!(accounts::trial_balance(&self.reads, &id(M), &[]).await.unwrap().data.is_balanced);
        page.data.iter().map(|it| format!("{}: {}", it.account, it.balance)).collect()
    }
}

fn pay(command: payment::Command) -> Command {
    Command::Payment(command)
}

fn eur(text: &str) -> Amount {
    money(&format!("{text} EUR")).into()
}

fn refund_id(payment: &PaymentRow, nth: usize) -> RefundId {
    id(&payment.refunds[nth].refund_id)
}

#[tokio::test]
async fn a_split_tender_is_fulfilled_cancelled_returned_and_refunded() {
    let mut shop = Shop::open().await;
    let at = shop.ledger.now();
    shop.does(place("o-1", "c-1", vec![line("l-1", 3, "30.00 EUR"), line("l-2", 1, "10.00 EUR")], at)).await;
    let order = shop.order("o-1").await;
    assert_eq!((order.status, order.payment_status), (OrderStatus::Open, Paid::Unpaid));
    assert_eq!(
        (order.net, order.tax, order.gross, order.due),
        (eur("83.33"), eur("16.67"), eur("100.00"), eur("100.00"))
    );
    assert_eq!((order.lines[0].quantity, order.lines[0].open, order.lines[0].kind), (3, 3, LineKind::Goods));
    assert_eq!((&*order.lines[0].taxes[0].rate, order.lines[0].taxes[0].amount), ("0.20", eur("15.00")));

    shop.does(receive(intent("p-voucher", "o-1", "c-1", Method::Voucher, "40.00 EUR"), at)).await;
    let order = shop.order("o-1").await;
    assert_eq!((order.payment_status, order.allocated, order.due), (Paid::PartiallyPaid, eur("40.00"), eur("60.00")));

    shop.does(authorise(intent("p-card", "o-1", "c-1", Method::Card, "60.00 EUR"), at)).await;
    let card = shop.payment("p-card").await;
    assert_eq!((card.status, card.authorised, card.captured), (PaymentStatus::Authorised, eur("60.00"), eur("0.00")));
    shop.does(capture("p-card", "k-1", "25.00 EUR", false, at)).await;
    assert_eq!(shop.payment("p-card").await.status, PaymentStatus::PartiallyCaptured);
    shop.does(capture("p-card", "k-2", "35.00 EUR", true, at)).await;
    let card = shop.payment("p-card").await;
    assert_eq!((card.status, card.captured, card.refundable), (PaymentStatus::Captured, eur("60.00"), eur("60.00")));
    assert_eq!(shop.order("o-1").await.payment_status, Paid::Paid);

    shop.does(fulfil("o-1", "f-1", &[("l-1", 2)], at)).await;
    assert_eq!(shop.order("o-1").await.status, OrderStatus::PartiallyFulfilled);
    shop.does(cancel("o-1", "x-1", &[("l-2", 1)], at)).await;
    let order = shop.order("o-1").await;
    // Vouchers get their money back first.
    assert_eq!(
        (order.status, order.cancelled_value, order.value),
        (OrderStatus::PartiallyFulfilled, eur("10.00"), eur("90.00"))
    );
    assert_eq!(
        (order.allocated, order.refunded, order.due, order.credit),
        (eur("90.00"), eur("10.00"), eur("0.00"), eur("0.00"))
    );
    let voucher = shop.payment("p-voucher").await;
    assert_eq!((voucher.refund_pending, voucher.refundable), (eur("10.00"), eur("30.00")));
    assert_eq!((voucher.refunds[0].origin, voucher.refunds[0].state), (RefundOrigin::Order, RefundState::Pending));
    let refund = refund_id(&voucher, 0);
    shop.does(pay(payment::Command::ConfirmRefund(payment::ConfirmRefund {
        is_of_invoice: false,
        payment_id: id("p-voucher"),
        refund_id: refund,
        at,
    })))
    .await;
    let voucher = shop.payment("p-voucher").await;
    assert_eq!(
        (voucher.status, voucher.refunded, voucher.refund_pending),
        (PaymentStatus::PartiallyRefunded, eur("10.00"), eur("0.00"))
    );

    shop.does(fulfil("o-1", "f-2", &[("l-1", 1)], at)).await;
    assert_eq!(shop.order("o-1").await.status, OrderStatus::Fulfilled);
    shop.does(take_back("o-1", "r-1", &[("l-1", 1)], at)).await;
    let order = shop.order("o-1").await;
    assert_eq!(
        (order.status, order.returned_value, order.value),
        (OrderStatus::PartiallyReturned, eur("30.00"), eur("60.00"))
    );
    assert_eq!((order.lines[0].fulfilled, order.lines[0].returned, order.lines[0].kept), (3, 1, 2));
    // The refund of the return does not arrive: the money is the customer's credit again.
    let refund = refund_id(&shop.payment("p-voucher").await, 1);
    shop.does(pay(payment::Command::FailRefund(payment::FailRefund {
        is_of_invoice: false,
        payment_id: id("p-voucher"),
        refund_id: refund,
        reason: Some(text("voucher closed")),
        at,
    })))
    .await;
    let (order, voucher) = (shop.order("o-1").await, shop.payment("p-voucher").await);
    assert_eq!((order.credit, order.refunded), (eur("30.00"), eur("10.00")));
    assert_eq!((voucher.refunds[1].state, voucher.refundable), (RefundState::Failed, eur("30.00")));
    shop.does(take_back("o-1", "r-2", &[("l-1", 2)], at)).await;
    assert_eq!(shop.order("o-1").await.status, OrderStatus::Returned);
    assert_eq!(
        shop.balances().await,
        [
            "customer_credit: -30.00",
            "gift_card: 30.00",
            "psp_clearing: 60.00",
            "refunds_pending: -60.00",
            "returns: 75.00",
            "sales: -75.00",
        ]
    );
}

#[tokio::test]
async fn money_may_come_before_its_order_and_more_of_it_than_is_owed() {
    let mut shop = Shop::open().await;
    let at = shop.ledger.now();
    shop.does(receive(intent("p-1", "o-1", "c-1", Method::BankTransfer, "50.00 EUR"), at)).await;
    shop.does(receive(intent("p-2", "o-1", "c-1", Method::EWallet, "700 JPY"), at)).await;
    let order = shop.order("o-1").await;
    assert_eq!((order.status, order.payment_status), (OrderStatus::AwaitingPlacement, Paid::Unpaid));
    assert_eq!((order.currency.as_str(), order.credit, order.placed_at), ("EUR", eur("50.00"), None));
    shop.does(place("o-1", "c-1", vec![line("l-1", 1, "20.00 EUR")], at)).await;
    let order = shop.order("o-1").await;
    assert_eq!((order.status, order.payment_status, order.placed_at), (OrderStatus::Open, Paid::Paid, Some(at)));
    assert_eq!((order.allocated, order.credit, order.due), (eur("20.00"), eur("30.00"), eur("0.00")));
    let yen = &order.payments[1];
    assert_eq!(
        (yen.currency.as_str(), yen.offered.to_string(), yen.allocated.to_string()),
        ("JPY", "700".into(), "0".into())
    );
    shop.does(cancel("o-1", "x-1", &[("l-1", 1)], at)).await;
    assert_eq!(shop.order("o-1").await.status, OrderStatus::Cancelled);
}

#[tokio::test]
async fn a_disputed_card_shows_what_the_bank_took() {
    let mut shop = Shop::open().await;
    let at = shop.ledger.now();
    let (payment_id, method): (PaymentId, _) = (id("p-1"), Method::Card);
    shop.does(receive(intent("p-1", "o-1", "c-1", method, "100.00 EUR"), at)).await;
    shop.does(pay(payment::Command::Refund(payment::RefundPayment {
        payment_id: payment_id.clone(),
        refund_id: id("rf-1"),
        amount: money("30.00 EUR"),
        origin: RefundOrigin::Merchant,
        reason: None,
        at,
    })))
    .await;
    let open = |dispute: &str, amount: &str| {
        pay(payment::Command::OpenDispute(payment::OpenDispute {
            payment_id: id("p-1"),
            dispute_id: id(dispute),
            amount: money(amount),
            fee: money("15.00 EUR"),
            reason: Some(text("not as described")),
            at,
        }))
    };
    shop.does(open("d-1", "100.00 EUR")).await;
    let row = shop.payment("p-1").await;
    assert_eq!((row.status, row.disputed, row.fees), (PaymentStatus::Disputed, eur("100.00"), eur("15.00")));
    assert_eq!((row.refundable, row.over_recovery), (eur("0.00"), eur("30.00")));
    shop.does(pay(payment::Command::WinDispute(payment::WinDispute {
        payment_id: payment_id.clone(),
        dispute_id: id("d-1"),
        fee_returned: money("5.00 EUR"),
        at,
    })))
    .await;
    let row = shop.payment("p-1").await;
    assert_eq!((row.disputed, row.fees, row.over_recovery), (eur("0.00"), eur("10.00"), eur("0.00")));
    assert_eq!((row.disputes[0].state, row.refundable), (DisputeState::Won, eur("70.00")));
    shop.does(open("d-2", "70.00 EUR")).await;
    shop.does(pay(payment::Command::LoseDispute(payment::LoseDispute {
        payment_id,
        dispute_id: id("d-2"),
        tax_relief: money("0.00 EUR"),
        tax_jurisdiction: None,
        at,
    })))
    .await;
    let row = shop.payment("p-1").await;
    assert_eq!((row.status, row.dispute_lost, row.refundable), (PaymentStatus::DisputeLost, eur("70.00"), eur("0.00")));

    let days = takings::daily(&shop.reads, &id(M), &[]).await.unwrap().data;
    assert_eq!(
        (days[0].captured, days[0].fees, days[0].disputed, days[0].refunded),
        (eur("100.00"), eur("25.00"), eur("70.00"), eur("0.00"))
    );
    assert_eq!((days[0].net, days[0].movements), (eur("5.00"), 4));
}

#[tokio::test]
async fn cash_on_delivery_is_collected_paid_out_and_refused_at_the_door() {
    let mut shop = Shop::open().await;
    let at = shop.ledger.now();
    shop.does(place("o-1", "c-1", vec![line("l-1", 1, "50.00 EUR")], at)).await;
    shop.does(receive(intent("p-1", "o-1", "c-1", Method::CashOnDelivery, "50.00 EUR"), at)).await;
    shop.does(fulfil("o-1", "f-1", &[("l-1", 1)], at)).await;
    let fee = |direction, fee: &str, amount: &str| {
        let (fee_id, amount) = (id(fee), money(amount));
        pay(payment::Command::RecordFee(payment::RecordFee { payment_id: id("p-1"), fee_id, amount, direction, at }))
    };
    shop.does(fee(FeeDirection::Charged, "fee-1", "4.00 EUR")).await;
    shop.does(fee(FeeDirection::Returned, "fee-2", "1.00 EUR")).await;
    shop.does(pay(payment::Command::RecordPayout(payment::RecordPayout {
        payment_id: id("p-1"),
        payout_id: id("po-1"),
        amount: money("47.00 EUR"),
        direction: PayoutDirection::ToMerchant,
        at,
    })))
    .await;
    let row = shop.payment("p-1").await;
    assert_eq!((row.fees, row.paid_out, row.method.as_str()), (eur("3.00"), eur("47.00"), "cash_on_delivery"));
    assert_eq!(shop.balances().await, ["bank: 47.00", "delivery_cost: 3.00", "sales: -41.67", "tax_payable:DE: -8.33"]);

    shop.does(place("o-2", "c-1", vec![line("l-1", 1, "20.00 EUR")], at)).await;
    shop.does(receive(intent("p-2", "o-2", "c-1", Method::CashOnDelivery, "20.00 EUR"), at)).await;
    shop.does(pay(payment::Command::ReverseCapture(payment::ReverseCapture {
        payment_id: id("p-2"),
        capture_id: id("p-2"),
        reason: Some(text("refused at the door")),
        at,
    })))
    .await;
    let (order, row) = (shop.order("o-2").await, shop.payment("p-2").await);
    assert_eq!((row.status, row.reversed, row.refundable), (PaymentStatus::Reversed, eur("20.00"), eur("0.00")));
    assert_eq!((order.payment_status, order.due), (Paid::Unpaid, eur("20.00")));
}

#[tokio::test]
async fn what_the_provider_did_not_answer_is_shown_as_unknown() {
    let mut shop = Shop::open().await;
    let at = shop.ledger.now();
    let asked = intent("p-1", "o-1", "c-1", Method::Card, "10.00 EUR");
    let unknown = |attempt, intent| {
        pay(payment::Command::ReportUnknown(payment::ReportUnknown {
            payment_id: id("p-1"),
            attempt,
            intent,
            reason: None,
            at,
        }))
    };
    shop.does(unknown(Attempt::Authorisation, Some(asked.clone()))).await;
    let row = shop.payment("p-1").await;
    assert_eq!((row.status, row.unknown_attempt.as_deref()), (PaymentStatus::Unknown, Some("authorisation")));
    shop.does(authorise(asked, at)).await;
    let row = shop.payment("p-1").await;
    assert_eq!((row.status, row.unknown_attempt), (PaymentStatus::Authorised, None));
    let attempt = Attempt::Capture { capture_id: id("k-1"), amount: money("10.00 EUR") };
    shop.does(unknown(attempt.clone(), None)).await;
    let row = shop.payment("p-1").await;
    assert_eq!((row.status, row.unknown_attempt.as_deref()), (PaymentStatus::Authorised, Some("capture")));
    let failed = payment::FailAttempt { payment_id: id("p-1"), attempt, reason: None, at };
    shop.does(pay(payment::Command::FailAttempt(failed))).await;
    assert_eq!(shop.payment("p-1").await.unknown_attempt, None);
    shop.does(pay(payment::Command::Void(payment::VoidPayment { payment_id: id("p-1"), reason: None, at }))).await;
    let row = shop.payment("p-1").await;
    assert_eq!((row.status, row.given_back), (PaymentStatus::Voided, eur("10.00")));
    let declined = intent("p-2", "o-1", "c-1", Method::Card, "10.00 EUR");
    shop.does(pay(payment::Command::Decline(payment::Decline { intent: declined, reason: None, at }))).await;
    assert_eq!(shop.payment("p-2").await.status, PaymentStatus::Declined);
}

#[tokio::test]
async fn a_statement_says_what_a_customer_owes_and_why() {
    let mut shop = Shop::open().await;
    let placed_at = shop.ledger.now();
    shop.does(place("o-1", "c-1", vec![line("l-1", 2, "30.00 EUR")], placed_at)).await;
    // A payment that names no customer belongs to the customer of its order.
    let paid_at = shop.ledger.now();
    let anonymous = payment::Intent { customer_id: None, ..intent("p-1", "o-1", "c-1", Method::Card, "70.00 EUR") };
    shop.does(receive(anonymous, paid_at)).await;
    let cancelled_at = shop.ledger.now();
    shop.does(cancel("o-1", "x-1", &[("l-1", 1)], cancelled_at)).await;
    let failed_at = shop.ledger.now();
    let refund = refund_id(&shop.payment("p-1").await, 0);
    let failed = payment::FailRefund {
        is_of_invoice: false,
        payment_id: id("p-1"),
        refund_id: refund,
        reason: None,
        at: failed_at,
    };
    shop.does(pay(payment::Command::FailRefund(failed))).await;
    shop.does(place("o-2", "c-1", vec![line("l-1", 1, "500 JPY")], failed_at)).await;
    shop.does(place("o-3", "c-2", vec![line("l-1", 1, "9.00 EUR")], failed_at)).await;

    let statement = shop.statement("c-1", &[]).await;
    let lines = |nth: usize| -> Vec<String> {
        let lines = statement.currencies[nth].lines.iter();
        lines.map(|it| format!("{} {} {}", it.kind.name(), it.amount, it.balance)).collect()
    };
    assert_eq!(
        lines(0),
        [
            "order_placed 60.00 60.00",
            "payment_captured -70.00 -10.00",
            "lines_cancelled -30.00 -40.00",
            "refund_requested 30.00 -10.00",
            "refund_failed -30.00 -40.00"
        ]
    );
    assert_eq!(lines(1), ["order_placed 500 500"]);
    let (from, to) = (paid_at.to_rfc3339(), failed_at.to_rfc3339());
    let window = shop.statement("c-1", &[("from", &from), ("to", &to), ("currency", "EUR")]).await;
    let [part] = &window.currencies[..] else { panic!("{window:?}") };
    assert_eq!((part.opening_balance, part.closing_balance, part.lines.len()), (eur("60.00"), eur("-10.00"), 3));
    let later = shop.statement("c-1", &[("from", "2030-01-01")]).await;
    assert_eq!((later.currencies[0].opening_balance, later.currencies[0].lines.len()), (eur("-40.00"), 0));
    assert!(shop.statement("c-9", &[]).await.currencies.is_empty());
    for (parameter, value, code) in [("from", "yesterday", "bad_value"), ("form", "2026-01-01", "unknown_parameter")] {
        let refused = statements::get(&shop.reads, &id(M), "c-1", &pairs(&[(parameter, value)])).await.unwrap_err();
        assert!(matches!(&refused, crate::QueryError::Search(it) if it.code == code), "{refused:?}");
    }
}

#[tokio::test]
async fn the_journal_shows_whole_entries_with_both_layers() {
    let mut shop = Shop::open().await;
    let at = shop.ledger.now();
    shop.does(authorise(intent("p-1", "o-1", "c-1", Method::Card, "60.00 EUR"), at)).await;
    shop.does(capture("p-1", "k-1", "60.00 EUR", true, at)).await;
    catch_up(&shop.ledger.log).await.unwrap();
    let page = journal::search(&shop.reads, &id(M), &pairs(&[("sort", "position")])).await.unwrap();
    let shown: Vec<String> = page
        .data
        .iter()
        .flat_map(|entry| entry.postings.iter().map(move |it| (entry, it)))
        .map(|(entry, it)| {
            format!("{} {} {} {} {} {}", entry.kind, it.leg, it.layer.name(), it.account, it.debit, it.credit)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "payment-authorised.v1 1 pending psp_clearing 60.00 0.00",
            "payment-authorised.v1 2 pending customer_credit 0.00 60.00",
            "payment-captured.v1 1 posted psp_clearing 60.00 0.00",
            "payment-captured.v1 2 posted customer_credit 0.00 60.00",
            "payment-captured.v1 3 pending customer_credit 60.00 0.00",
            "payment-captured.v1 4 pending psp_clearing 0.00 60.00",
        ]
    );
    assert_eq!((page.data[0].party.as_deref(), page.data[0].effective_at), (Some("c-1"), at));
    // One posting as asked brings the whole entry.
    let asked = pairs(&[("account", "psp_clearing"), ("layer", "posted"), ("kind", "payment-captured.v1")]);
    let page = journal::search(&shop.reads, &id(M), &asked).await.unwrap();
    assert_eq!((page.data.len(), page.data[0].postings.len()), (1, 4));
    let accounts = accounts::search(&shop.reads, &id(M), &pairs(&[("account", "psp_clearing")])).await.unwrap().data;
    assert_eq!(
        (accounts[0].debits, accounts[0].balance, accounts[0].class.as_str()),
        (eur("60.00"), eur("60.00"), "asset")
    );
    assert_eq!((accounts[0].pending_debits, accounts[0].pending_credits), (eur("60.00"), eur("60.00")));
}

#[tokio::test]
async fn a_day_of_takings_begins_at_midnight_where_the_shop_is() {
    let mut shop = Shop::open().await;
    let late = "2026-03-01T02:30:00Z".parse().unwrap();
    let noon = "2026-03-01T12:00:00Z".parse().unwrap();
    shop.does(receive(intent("p-1", "o-1", "c-1", Method::Card, "10.00 EUR"), late)).await;
    shop.does(receive(intent("p-2", "o-1", "c-1", Method::Card, "5.00 EUR"), noon)).await;
    shop.does(receive(intent("p-3", "o-1", "c-1", Method::Voucher, "700 JPY"), noon)).await;
    catch_up(&shop.ledger.log).await.unwrap();
    let days = async |of: &[(&str, &str)]| -> Vec<String> {
        let page = takings::daily(&shop.reads, &id(M), &pairs(of)).await.unwrap();
        page.data.iter().map(|it| format!("{} {} {} {}", it.day, it.method, it.net, it.currency)).collect()
    };
    assert_eq!(days(&[]).await, ["2026-03-01 voucher 700 JPY", "2026-03-01 card 15.00 EUR"]);
    let sao_paulo = ("time_zone", "America/Sao_Paulo");
    assert_eq!(
        days(&[sao_paulo, ("sort", "day"), ("currency", "EUR")]).await,
        ["2026-02-28 card 10.00 EUR", "2026-03-01 card 5.00 EUR"]
    );
    assert_eq!(days(&[sao_paulo, ("day[lt]", "2026-03-01")]).await, ["2026-02-28 card 10.00 EUR"]);
    let refused = takings::daily(&shop.reads, &id(M), &pairs(&[("time_zone", "Mars/Olympus")])).await.unwrap_err();
    assert!(refused.to_string().contains("IANA"), "{refused}");
}

#[tokio::test]
async fn amounts_keep_the_digits_of_their_currency_through_the_database() {
    let log = super::support::fresh_log().await;
    let cases = [
        "0.00",
        "12.30",
        "-12.30",
        "0",
        "700",
        "-0.05",
        "0.000",
        "1.005",
        "9999999999999999.99",
        "10000",
        "10000.0000",
    ];
    for text in cases.into_iter().chain(["0.0001", "123456789.12345678", "-99999999999999999999999.99", "100000000"]) {
        let read: Amount =
            sqlx::query_scalar("select $1::text::numeric").bind(text).fetch_one(log.pool()).await.unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(read.value(), Decimal::from_str_exact(text).unwrap());
        assert_eq!(serde_json::to_string(&read).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Amount>(&format!("\"{text}\"")).unwrap(), read);
    }
    for text in ["NaN", "Infinity", "1e40"] {
        let read: sqlx::Result<Amount> =
            sqlx::query_scalar("select $1::text::numeric").bind(text).fetch_one(log.pool()).await;
        assert!(read.is_err(), "{text}");
    }
}
