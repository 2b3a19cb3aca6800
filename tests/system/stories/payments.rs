//! Payments from the authorisation to the bank account.

use super::{audit, authorise, capture, payment, place, plain, receive, shows, taxed};
use mizan_tests::System;
use serde_json::json;

/// Authorised 100, captured 60 for good: 60 are posted, 40 are released in the pending layer (section 3.1).
#[tokio::test]
async fn a_partial_capture_posts_its_part_and_gives_the_rest_back() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[plain("a", 1, "60.00")]).await;
    authorise(&api, "p-1", "o-1", "card", "100.00").await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "authorised", "authorised": "100.00" }));
    capture(&api, "p-1", "k-1", "60.00", true).await;
    let captured = json!({ "status": "captured", "captured": "60.00", "given_back": "40.00", "refundable": "60.00" });
    shows(&api.one("payments/p-1").await, &captured);
    api.has_books("EUR", &[("psp_clearing", "60.00"), ("deferred_revenue", "-60.00")]).await;
    // What was promised, and what became of the promise.
    let accounts = api.query("accounts?account=psp_clearing").await;
    shows(&accounts["data"][0], &json!({ "pending_debits": "100.00", "pending_credits": "100.00" }));
    let more = json!({ "payment_id": "p-1", "capture_id": "k-2", "amount": "1.00", "currency": "EUR" });
    api.refused("capture-payment", more, "authorisation_closed", "").await;
    audit(&system, &api).await;
}

/// A capture for every shipment, and what is left of the authorisation is voided.
#[tokio::test]
async fn shipments_are_captured_one_by_one_and_the_rest_is_voided() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[plain("a", 3, "30.00")]).await;
    authorise(&api, "p-1", "o-1", "card", "90.00").await;
    for nth in ["1", "2"] {
        let ship = json!({ "order_id": "o-1", "fulfilment_id": nth, "lines": super::units("a", 1) });
        api.done("fulfil-order", ship).await;
        capture(&api, "p-1", nth, "30.00", false).await;
    }
    shows(&api.one("payments/p-1").await, &json!({ "status": "partially_captured", "captured": "60.00" }));
    let too_much = json!({ "payment_id": "p-1", "capture_id": "3", "amount": "30.01", "currency": "EUR" });
    api.refused("capture-payment", too_much, "exceeds_authorised", "/amount").await;
    api.done("cancel-order", json!({ "order_id": "o-1", "cancellation_id": "x-1", "reason": "sold out" })).await;
    api.done("void-payment", json!({ "payment_id": "p-1" })).await;
    shows(
        &api.one("payments/p-1").await,
        &json!({ "captured": "60.00", "given_back": "30.00", "refund_pending": "0.00" }),
    );
    shows(&api.one("orders/o-1").await, &json!({ "status": "fulfilled", "value": "60.00", "payment_status": "paid" }));
    api.has_books("EUR", &[("psp_clearing", "60.00"), ("sales", "-60.00")]).await;
    audit(&system, &api).await;
}

#[tokio::test]
async fn an_unknown_outcome_is_a_state_of_its_own_until_somebody_knows() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[plain("a", 1, "10.00")]).await;
    let mut asked = payment("p-1", "o-1", "card", "10.00");
    asked["attempt"] = json!("authorisation");
    asked["reason"] = json!("timeout");
    api.done("report-unknown-outcome", asked).await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "unknown", "unknown_attempt": "authorisation" }));
    let early = json!({ "payment_id": "p-1", "capture_id": "k-1", "amount": "10.00", "currency": "EUR" });
    api.refused("capture-payment", early.clone(), "outcome_unknown", "").await;
    authorise(&api, "p-1", "o-1", "card", "10.00").await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "authorised", "unknown_attempt": null }));

    // The capture times out too: a void is not guessed at, only this capture may go on.
    let mut unknown = early.clone();
    unknown["attempt"] = json!("capture");
    api.done("report-unknown-outcome", unknown).await;
    api.refused("void-payment", json!({ "payment_id": "p-1" }), "outcome_unknown", "").await;
    api.has_books("EUR", &[]).await;
    api.done("capture-payment", early).await;
    api.has_books("EUR", &[("psp_clearing", "10.00"), ("deferred_revenue", "-10.00")]).await;

    // A refund may have gone through or not.
    let refund = json!({ "payment_id": "p-1", "refund_id": "rf-1", "amount": "4.00", "currency": "EUR" });
    api.done("refund-payment", refund).await;
    let unknown = json!({ "payment_id": "p-1", "attempt": "refund", "refund_id": "rf-1" });
    api.done("report-unknown-outcome", unknown).await;
    shows(&api.one("payments/p-1").await, &json!({ "unknown_attempt": "refund", "refund_pending": "4.00" }));
    api.done("confirm-refund", json!({ "payment_id": "p-1", "refund_id": "rf-1" })).await;
    shows(
        &api.one("payments/p-1").await,
        &json!({ "unknown_attempt": null, "refunded": "4.00", "refundable": "6.00" }),
    );
    audit(&system, &api).await;
}

#[tokio::test]
async fn a_declined_payment_is_final_and_a_new_attempt_is_a_new_payment() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[plain("a", 1, "10.00")]).await;
    let mut declined = payment("p-1", "o-1", "card", "10.00");
    declined["reason"] = json!("insufficient funds");
    api.done("decline-payment", declined).await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "declined", "captured": "0.00" }));
    api.refused("authorise-payment", payment("p-1", "o-1", "card", "10.00"), "payment_declined", "").await;
    receive(&api, "p-2", "o-1", "card", "10.00").await;
    shows(&api.one("orders/o-1").await, &json!({ "payment_status": "paid" }));
    audit(&system, &api).await;
}

/// Money first: it is the customer's until there is an order, and the order's from then on.
#[tokio::test]
async fn money_that_comes_before_its_order_waits_as_credit() {
    let system = System::new().await;
    let api = system.serve().await;
    receive(&api, "p-1", "o-1", "bank_transfer", "100.00").await;
    api.has_books("EUR", &[("bank", "100.00"), ("customer_credit", "-100.00")]).await;
    let waiting =
        json!({ "status": "awaiting_placement", "payment_status": "unpaid", "credit": "100.00", "placed_at": null });
    shows(&api.one("orders/o-1").await, &waiting);
    place(&api, "o-1", &[taxed("a", 1, "90.00")]).await;
    let expected =
        [("bank", "100.00"), ("deferred_revenue", "-75.00"), ("tax_payable", "-15.00"), ("customer_credit", "-10.00")];
    api.has_books("EUR", &expected).await;
    shows(&api.one("orders/o-1").await, &json!({ "status": "open", "payment_status": "paid", "credit": "10.00" }));
    audit(&system, &api).await;
}

/// Whoever pays for nothing in particular is owed it.
#[tokio::test]
async fn money_for_no_order_is_the_customers_and_never_silence() {
    let system = System::new().await;
    let api = system.serve().await;
    let received =
        json!({ "payment_id": "p-1", "customer_id": "c-1", "method": "e_wallet", "amount": "7.50", "currency": "EUR" });
    api.done("receive-payment", received).await;
    api.has_books("EUR", &[("psp_clearing", "7.50"), ("customer_credit", "-7.50")]).await;
    let statement = api.one("customers/c-1/statement").await;
    assert_eq!(statement["currencies"][0]["closing_balance"], "-7.50", "negative is the customer's credit");
    audit(&system, &api).await;
}

/// Currencies have their own books and their own decimals, and never mix.
#[tokio::test]
async fn every_currency_balances_by_itself() {
    let system = System::new().await;
    let api = system.serve().await;
    for (currency, amount) in [("EUR", "12.30"), ("JPY", "1230"), ("KWD", "12.345")] {
        let (order_id, payment_id) = (format!("o-{currency}"), format!("p-{currency}"));
        let lines = [plain("a", 1, amount)];
        api.done("place-order", json!({ "order_id": order_id, "currency": currency, "lines": lines })).await;
        let paid = json!({ "payment_id": payment_id, "order_id": order_id, "method": "card", "amount": amount, "currency": currency });
        api.done("receive-payment", paid).await;
        let credit = format!("-{amount}");
        api.has_books(currency, &[("psp_clearing", amount), ("deferred_revenue", &credit)]).await;
    }
    // Euros for an order in yen stay the customer's euros.
    receive(&api, "p-other", "o-JPY", "card", "5.00").await;
    let expected = [("psp_clearing", "17.30"), ("deferred_revenue", "-12.30"), ("customer_credit", "-5.00")];
    api.has_books("EUR", &expected).await;
    let order = api.one("orders/o-JPY").await;
    shows(&order, &json!({ "allocated": "1230", "credit": "0", "due": "0" }));
    assert_eq!(order["payments"].as_array().unwrap().len(), 2);
    let verdict = system.mizan(&["replay", "--json"]).exits(0).json();
    assert_eq!(verdict["sums"], json!({ "EUR": "0.00 EUR", "JPY": "0 JPY", "KWD": "0.000 KWD" }));
}
