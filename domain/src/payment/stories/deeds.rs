//! Each command does it: the exact events, with the entries that they mean in the posted and the pending layer.

use super::super::{Command, FeeDirection, Method, Payment, PayoutDirection, RefundOrigin};
use crate::decider::Decider;
use crate::rehearsal::*;
use serde_json::{Value, json};

fn happens(given: &[Command], asked: Command) -> Value {
    let events = written(&told::<Payment>(given).decide(&asked).unwrap());
    assert_eq!(events.as_array().map(Vec::len), Some(1), "{events}");
    events[0].clone()
}

fn authorised() -> Vec<Command> {
    vec![authorise("p-1", "100.00")]
}

fn captured() -> Vec<Command> {
    vec![authorise("p-1", "100.00"), last_capture("p-1", "k-1", "100.00")]
}

#[test]
fn an_authorisation_is_a_promise_and_posts_nothing() {
    let expected = json!({
        "kind": "payment-authorised.v1",
        "payment_id": "p-1",
        "order_id": "o-1",
        "customer_id": "c-1",
        "method": "card",
        "amount": "100.00 EUR",
        "pending": entry("psp_clearing 100.00 | customer_credit 100.00"),
        "at": NOON,
    });
    assert_eq!(happens(&[], authorise("p-1", "100.00")), expected);
}

#[test]
fn a_declined_payment_is_remembered_and_posts_nothing() {
    let intent =
        super::super::Intent { provider_reference: Some(the("ch_1")), ..intent("p-1", Method::Card, eur("100.00")) };
    let expected = json!({
        "kind": "payment-declined.v1",
        "payment_id": "p-1",
        "order_id": "o-1",
        "customer_id": "c-1",
        "method": "card",
        "amount": "100.00 EUR",
        "provider_reference": "ch_1",
        "at": NOON,
    });
    assert_eq!(happens(&[], decline_as(intent)), expected);
}

#[test]
fn money_that_is_received_waits_where_its_method_says() {
    let places = [
        (Method::Card, "psp_clearing"),
        (Method::BankTransfer, "bank"),
        (Method::MobileMoney, "psp_clearing"),
        (Method::EWallet, "psp_clearing"),
        (Method::Voucher, "gift_card"),
        (Method::CashOnDelivery, "courier_receivable"),
        (Method::Installments, "bnpl_clearing"),
        (Method::Onchain, "onchain_clearing"),
    ];
    assert_eq!(places.map(|(method, _)| method), Method::ALL);
    for (method, account) in places {
        let expected = json!({
            "kind": "payment-received.v1",
            "payment_id": "p-1",
            "order_id": "o-1",
            "customer_id": "c-1",
            "method": method.name(),
            "amount": "100.00 EUR",
            "entry": entry(&format!("{account} 100.00 | customer_credit 100.00")),
            "at": NOON,
        });
        assert_eq!(happens(&[], receive("p-1", method, "100.00")), expected);
    }
}

/// domain.md 3.1: authorised 100, captured 60: post 60 only, release 40 in the pending layer.
#[test]
fn a_partial_capture_posts_its_part_and_the_last_one_gives_the_rest_back() {
    let expected = json!({
        "kind": "payment-captured.v1",
        "payment_id": "p-1",
        "capture_id": "k-1",
        "order_id": "o-1",
        "method": "card",
        "amount": "60.00 EUR",
        "is_final": true,
        "given_back": "40.00 EUR",
        "entry": entry("psp_clearing 60.00 | customer_credit 60.00"),
        "pending": entry("customer_credit 100.00 | psp_clearing 100.00"),
        "at": NOON,
    });
    assert_eq!(happens(&authorised(), last_capture("p-1", "k-1", "60.00")), expected);
    let part = happens(&authorised(), capture("p-1", "k-1", "60.00"));
    assert_eq!((&part["is_final"], &part["given_back"]), (&json!(false), &json!("0.00 EUR")));
    assert_eq!(part["pending"], entry("customer_credit 60.00 | psp_clearing 60.00"));
    let rest =
        happens(&[authorised(), vec![capture("p-1", "k-1", "60.00")]].concat(), last_capture("p-1", "k-2", "30.00"));
    assert_eq!(rest["given_back"], "10.00 EUR");
    assert_eq!(rest["pending"], entry("customer_credit 40.00 | psp_clearing 40.00"));
}

#[test]
fn a_void_gives_back_what_was_not_captured() {
    let given = [authorised(), vec![capture("p-1", "k-1", "60.00")]].concat();
    let expected = json!({
        "kind": "payment-voided.v1",
        "payment_id": "p-1",
        "given_back": "40.00 EUR",
        "pending": entry("customer_credit 40.00 | psp_clearing 40.00"),
        "at": NOON,
    });
    assert_eq!(happens(&given, void("p-1")), expected);
}

#[test]
fn a_reversed_capture_is_the_mirror_of_its_entry() {
    let given = [receive("p-1", Method::BankTransfer, "100.00")];
    let expected = json!({
        "kind": "payment-capture-reversed.v1",
        "payment_id": "p-1",
        "capture_id": "p-1",
        "order_id": "o-1",
        "method": "bank_transfer",
        "amount": "100.00 EUR",
        "entry": entry("customer_credit 100.00 | bank 100.00"),
        "at": NOON,
    });
    assert_eq!(happens(&given, reverse("p-1", "p-1")), expected);
    // What was authorised for it is not there a second time.
    let given = [authorised(), vec![capture("p-1", "k-1", "60.00"), reverse("p-1", "k-1")]].concat();
    assert!(told::<Payment>(&given).decide(&capture("p-1", "k-2", "40.01")).is_err());
}

#[test]
fn a_refund_is_pending_until_the_provider_answers() {
    let expected = json!({
        "kind": "payment-refund-requested.v1",
        "payment_id": "p-1",
        "refund_id": "r-1",
        "order_id": "o-1",
        "amount": "30.00 EUR",
        "origin": "merchant",
        "entry": entry("customer_credit 30.00 | refunds_pending 30.00"),
        "at": NOON,
    });
    assert_eq!(happens(&captured(), refund("p-1", "r-1", "30.00")), expected);
}

#[test]
fn a_refund_that_arrived_leaves_where_its_method_says() {
    let sources = [
        (Method::Card, "psp_clearing"),
        (Method::BankTransfer, "bank"),
        (Method::MobileMoney, "psp_clearing"),
        (Method::EWallet, "psp_clearing"),
        (Method::Voucher, "gift_card"),
        (Method::CashOnDelivery, "bank"),
        (Method::Installments, "bnpl_clearing"),
        (Method::Onchain, "onchain_clearing"),
    ];
    for (method, account) in sources {
        let given = [receive("p-1", method, "100.00"), refund("p-1", "r-1", "30.00")];
        let expected = json!({
            "kind": "payment-refund-succeeded.v1",
            "payment_id": "p-1",
            "refund_id": "r-1",
            "method": method.name(),
            "amount": "30.00 EUR",
            "entry": entry(&format!("refunds_pending 30.00 | {account} 30.00")),
            "at": NOON,
        });
        assert_eq!(happens(&given, confirm("p-1", "r-1")), expected);
    }
}

/// domain.md 3.1: refunds_pending / customer_credit.
#[test]
fn a_refund_that_failed_is_the_customers_credit_again() {
    let given = [captured(), vec![refund("p-1", "r-1", "30.00")]].concat();
    let expected = json!({
        "kind": "payment-refund-failed.v1",
        "payment_id": "p-1",
        "refund_id": "r-1",
        "order_id": "o-1",
        "amount": "30.00 EUR",
        "entry": entry("refunds_pending 30.00 | customer_credit 30.00"),
        "at": NOON,
    });
    assert_eq!(happens(&given, fail_refund("p-1", "r-1")), expected);
}

#[test]
fn a_refund_that_an_order_asks_for_in_vain_fails_at_once_and_books_nothing() {
    let asked = refund_as(RefundOrigin::Order, "p-1", "r-1", eur("30.00"));
    let given = [captured(), vec![dispute("p-1", "d-1", "80.00", "0.00")]].concat();
    let expected = json!({
        "kind": "payment-refund-failed.v1",
        "payment_id": "p-1",
        "refund_id": "r-1",
        "order_id": "o-1",
        "amount": "30.00 EUR",
        "entry": { "postings": [] },
        "at": NOON,
    });
    assert_eq!(happens(&given, asked.clone()), expected);
    // It stays so when the money is there again: the order has given it to the customer as credit.
    let won = [given, vec![asked.clone(), win("p-1", "d-1", eur("0.00"))]].concat();
    assert_eq!(told::<Payment>(&won).decide(&asked), Ok(vec![]));
}

/// domain.md 3.1: dispute of 100.00 and its fee of 15.00.
#[test]
fn a_dispute_takes_amount_and_fee_from_the_clearing_account() {
    let expected = json!({
        "kind": "payment-dispute-opened.v1",
        "payment_id": "p-1",
        "dispute_id": "d-1",
        "method": "card",
        "amount": "100.00 EUR",
        "fee": "15.00 EUR",
        "reserved": "100.00 EUR",
        "over_recovery": "0.00 EUR",
        "entry": entry("disputes_receivable 100.00, dispute_fees 15.00 | psp_clearing 115.00"),
        "at": NOON,
    });
    assert_eq!(happens(&captured(), dispute("p-1", "d-1", "100.00", "15.00")), expected);
}

#[test]
fn a_won_dispute_brings_its_amount_back_and_the_fee_only_if_the_scheme_says() {
    let given = [captured(), vec![dispute("p-1", "d-1", "100.00", "15.00")]].concat();
    let expected = json!({
        "kind": "payment-dispute-won.v1",
        "payment_id": "p-1",
        "dispute_id": "d-1",
        "method": "card",
        "amount": "100.00 EUR",
        "fee_returned": "0.00 EUR",
        "entry": entry("psp_clearing 100.00 | disputes_receivable 100.00"),
        "at": NOON,
    });
    assert_eq!(happens(&given, win("p-1", "d-1", eur("0.00"))), expected);
    let with_fee = happens(&given, win("p-1", "d-1", eur("15.00")));
    assert_eq!(with_fee["entry"], entry("psp_clearing 115.00 | disputes_receivable 100.00, dispute_fees 15.00"));
}

#[test]
fn a_lost_dispute_is_a_loss_less_the_tax_that_comes_back() {
    let given = [captured(), vec![dispute("p-1", "d-1", "100.00", "15.00")]].concat();
    let expected = json!({
        "kind": "payment-dispute-lost.v1",
        "payment_id": "p-1",
        "dispute_id": "d-1",
        "method": "card",
        "amount": "100.00 EUR",
        "tax_relief": "16.67 EUR",
        "entry": entry("tax_payable:DE 16.67, dispute_losses 83.33 | disputes_receivable 100.00"),
        "at": NOON,
    });
    assert_eq!(happens(&given, lose("p-1", "d-1", eur("16.67"), Some("DE"))), expected);
    let without = happens(&given, lose("p-1", "d-1", eur("0.00"), None));
    assert_eq!(without["entry"], entry("dispute_losses 100.00 | disputes_receivable 100.00"));
}

#[test]
fn a_fee_is_its_own_leg_and_may_come_back() {
    let expected = json!({
        "kind": "payment-fee-recorded.v1",
        "payment_id": "p-1",
        "fee_id": "e-1",
        "method": "card",
        "amount": "3.20 EUR",
        "direction": "charged",
        "entry": entry("psp_fees 3.20 | psp_clearing 3.20"),
        "at": NOON,
    });
    assert_eq!(happens(&captured(), fee("p-1", "e-1", "3.20")), expected);
    let back = happens(&captured(), fee_as(FeeDirection::Returned, "p-1", "e-2", eur("3.20")));
    assert_eq!(back["entry"], entry("psp_clearing 3.20 | psp_fees 3.20"));
    let courier = happens(&[receive("p-1", Method::CashOnDelivery, "50.00")], fee("p-1", "e-1", "3.00"));
    assert_eq!(courier["entry"], entry("delivery_cost 3.00 | courier_receivable 3.00"));
}

#[test]
fn a_payout_moves_what_is_held_to_the_bank_and_sometimes_back() {
    let expected = json!({
        "kind": "payment-payout-recorded.v1",
        "payment_id": "p-1",
        "payout_id": "y-1",
        "method": "card",
        "amount": "96.80 EUR",
        "direction": "to_merchant",
        "entry": entry("bank 96.80 | psp_clearing 96.80"),
        "at": NOON,
    });
    let charged = [captured(), vec![fee("p-1", "e-1", "3.20")]].concat();
    assert_eq!(happens(&charged, payout("p-1", "y-1", "96.80")), expected);
    // A dispute after the payout: the provider takes from the bank account what it no longer holds.
    let disputed = [charged, vec![payout("p-1", "y-1", "96.80"), dispute("p-1", "d-1", "100.00", "15.00")]].concat();
    let back = happens(&disputed, payout_as(PayoutDirection::ToProvider, "p-1", "y-2", eur("115.00")));
    assert_eq!(back["entry"], entry("psp_clearing 115.00 | bank 115.00"));
}

#[test]
fn an_unanswered_request_is_a_fact_of_its_own() {
    let expected = json!({
        "kind": "payment-outcome-unknown.v1",
        "payment_id": "p-1",
        "order_id": "o-1",
        "customer_id": "c-1",
        "method": "card",
        "amount": "100.00 EUR",
        "attempt": { "of": "authorisation" },
        "at": NOON,
    });
    assert_eq!(happens(&[], unknown_as(intent("p-1", Method::Card, eur("100.00")))), expected);
    let capturing = happens(&authorised(), unknown("p-1", capturing("k-1", "60.00")));
    assert_eq!(capturing["attempt"], json!({ "of": "capture", "capture_id": "k-1", "amount": "60.00 EUR" }));
}

#[test]
fn an_attempt_that_did_not_happen_moves_nothing() {
    let given = [authorised(), vec![unknown("p-1", capturing("k-1", "60.00"))]].concat();
    let expected = json!({
        "kind": "payment-attempt-failed.v1",
        "payment_id": "p-1",
        "attempt": { "of": "capture", "capture_id": "k-1", "amount": "60.00 EUR" },
        "at": NOON,
    });
    assert_eq!(happens(&given, did_not_happen("p-1", capturing("k-1", "60.00"))), expected);
}

#[test]
fn a_payment_of_nobody_for_nothing_is_still_money() {
    let intent = super::super::Intent { order_id: None, customer_id: None, ..intent("p-1", Method::Card, eur("5.00")) };
    let expected = json!({
        "kind": "payment-received.v1",
        "payment_id": "p-1",
        "method": "card",
        "amount": "5.00 EUR",
        "entry": entry_of(None, "psp_clearing 5.00 | customer_credit 5.00"),
        "at": NOON,
    });
    assert_eq!(happens(&[], receive_as(intent)), expected);
}
