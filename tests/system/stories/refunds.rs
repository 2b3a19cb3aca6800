//! Refunds: who gets how much back, from which payment, and what happens when it does not arrive.

use super::{audit, pending_refunds, place, plain, receive, shows, taxed, units};
use mizan_tests::System;
use serde_json::json;

#[tokio::test]
async fn a_cancelled_line_is_refunded_and_the_provider_says_that_it_arrived() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[taxed("a", 2, "60.00")]).await;
    receive(&api, "p-1", "o-1", "bank_transfer", "120.00").await;
    api.done("cancel-order", json!({ "order_id": "o-1", "cancellation_id": "x-1", "lines": units("a", 1) })).await;
    let pending =
        [("bank", "120.00"), ("deferred_revenue", "-50.00"), ("tax_payable", "-10.00"), ("refunds_pending", "-60.00")];
    api.has_books("EUR", &pending).await;
    let refunds = pending_refunds(&api, "p-1").await;
    assert_eq!(refunds.len(), 1);
    let confirm = json!({ "payment_id": "p-1", "refund_id": refunds[0].0 });
    api.done("confirm-refund", confirm.clone()).await;
    let expected = [("bank", "60.00"), ("deferred_revenue", "-50.00"), ("tax_payable", "-10.00")];
    api.has_books("EUR", &expected).await;
    assert_eq!(api.done("confirm-refund", confirm.clone()).await["events"], json!([]), "said twice, done once");
    api.refused("fail-refund", confirm, "refund_closed", "/refund_id").await;
    audit(&system, &api).await;
}

/// `refunds_pending` goes back to the customer's credit, and the pool has it again.
#[tokio::test]
async fn a_failed_refund_gives_the_amount_back_to_the_customer_and_to_the_pool() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[plain("a", 1, "80.00")]).await;
    receive(&api, "p-1", "o-1", "card", "80.00").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-1" })).await;
    let refund_id = pending_refunds(&api, "p-1").await.remove(0).0;
    shows(&api.one("payments/p-1").await, &json!({ "refund_pending": "80.00", "refundable": "0.00" }));
    let failed = json!({ "payment_id": "p-1", "refund_id": refund_id, "reason": "account closed" });
    api.done("fail-refund", failed).await;
    let owed = [("psp_clearing", "80.00"), ("customer_credit", "-80.00"), ("sales", "-80.00"), ("returns", "80.00")];
    api.has_books("EUR", &owed).await;
    shows(&api.one("payments/p-1").await, &json!({ "refund_pending": "0.00", "refundable": "80.00" }));
    shows(&api.one("orders/o-1").await, &json!({ "refunded": "0.00", "credit": "80.00", "due": "0.00" }));

    // Another way is found: a new refund of the same money.
    let again = json!({ "payment_id": "p-1", "refund_id": "rf-2", "amount": "80.00", "currency": "EUR" });
    api.done("refund-payment", again).await;
    super::confirm_refunds(&api, "p-1").await;
    api.has_books("EUR", &[("sales", "-80.00"), ("returns", "80.00")]).await;
    shows(&api.one("orders/o-1").await, &json!({ "refunded": "80.00", "credit": "0.00", "due": "0.00" }));
    audit(&system, &api).await;
}

/// Identity is an id, never an amount: two equal partial refunds are two, and the same one twice is one.
#[tokio::test]
async fn equal_refunds_are_told_apart_by_their_ids() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[plain("a", 1, "50.00")]).await;
    receive(&api, "p-1", "o-1", "card", "50.00").await;
    let refund =
        |id: &str, amount: &str| json!({ "payment_id": "p-1", "refund_id": id, "amount": amount, "currency": "EUR" });
    api.done("refund-payment", refund("rf-1", "20.00")).await;
    api.done("refund-payment", refund("rf-2", "20.00")).await;
    assert_eq!(api.done("refund-payment", refund("rf-2", "20.00")).await["events"], json!([]));
    let other = api.command("refund-payment", refund("rf-2", "10.00")).await;
    other.problem(409, "exists_with_different_content", "/refund_id");
    api.refused("refund-payment", refund("rf-3", "10.01"), "exceeds_refundable", "/amount").await;
    // Goodwill makes the order cheaper.
    let sums =
        json!({ "value": "10.00", "allowance": "40.00", "allocated": "10.00", "due": "0.00", "refunded": "40.00" });
    shows(&api.one("orders/o-1").await, &sums);
    audit(&system, &api).await;
}

#[tokio::test]
async fn what_is_cancelled_to_credit_stays_with_the_merchant_as_the_customers() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[plain("a", 2, "25.00")]).await;
    receive(&api, "p-1", "o-1", "card", "50.00").await;
    let cancelled =
        json!({ "order_id": "o-1", "cancellation_id": "x-1", "lines": units("a", 1), "refund_to": "credit" });
    api.done("cancel-order", cancelled).await;
    let expected = [("psp_clearing", "50.00"), ("deferred_revenue", "-25.00"), ("customer_credit", "-25.00")];
    api.has_books("EUR", &expected).await;
    assert_eq!(pending_refunds(&api, "p-1").await, []);
    shows(&api.one("orders/o-1").await, &json!({ "value": "25.00", "allocated": "25.00", "credit": "25.00" }));
    audit(&system, &api).await;
}

/// A recalled transfer: the order is owed again, because the money never came.
#[tokio::test]
async fn a_capture_that_did_not_hold_makes_the_order_owe_again() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[taxed("a", 1, "60.00")]).await;
    receive(&api, "p-1", "o-1", "bank_transfer", "60.00").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
    api.done("reverse-capture", json!({ "payment_id": "p-1", "capture_id": "p-1", "reason": "recalled" })).await;
    let expected = [("ar_customer", "60.00"), ("sales", "-50.00"), ("tax_payable", "-10.00")];
    api.has_books("EUR", &expected).await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "reversed", "reversed": "60.00", "refundable": "0.00" }));
    shows(&api.one("orders/o-1").await, &json!({ "payment_status": "unpaid", "due": "60.00" }));
    audit(&system, &api).await;
}

/// The two rows of section 3.1: 30.00 of 100.00 refunded (25.00 and 5.00 tax), before and after the goods went out.
#[tokio::test]
async fn a_refund_of_the_payment_itself_takes_the_tax_of_the_order_with_it() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[taxed("a", 1, "100.00")]).await;
    receive(&api, "p-1", "o-1", "card", "100.00").await;
    let refund = |id: &str| json!({ "payment_id": "p-1", "refund_id": id, "amount": "30.00", "currency": "EUR" });
    api.done("refund-payment", refund("rf-1")).await;
    let expected = [
        ("psp_clearing", "100.00"),
        ("deferred_revenue", "-58.33"),
        ("tax_payable", "-11.67"),
        ("refunds_pending", "-30.00"),
    ];
    api.has_books("EUR", &expected).await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
    api.done("refund-payment", refund("rf-2")).await;
    super::confirm_refunds(&api, "p-1").await;
    // The goods left at their full price, and both refunds stand against it: the books do not know which came first.
    let expected = [("psp_clearing", "40.00"), ("sales", "-83.33"), ("returns", "50.00"), ("tax_payable", "-6.67")];
    api.has_books("EUR", &expected).await;
    shows(&api.one("orders/o-1").await, &json!({ "value": "40.00", "allowance": "60.00", "due": "0.00" }));
    audit(&system, &api).await;
}

/// Money that goes back because the customer pays in another way: the order is owed it again.
#[tokio::test]
async fn a_payment_that_is_replaced_leaves_the_order_as_dear_as_it_was() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[taxed("a", 1, "60.00")]).await;
    receive(&api, "p-1", "o-1", "card", "60.00").await;
    let refund = json!({
        "payment_id": "p-1", "refund_id": "rf-1", "amount": "60.00", "currency": "EUR", "due_again": true,
    });
    api.done("refund-payment", refund).await;
    shows(&api.one("orders/o-1").await, &json!({ "value": "60.00", "due": "60.00", "payment_status": "unpaid" }));
    super::confirm_refunds(&api, "p-1").await;
    receive(&api, "p-2", "o-1", "bank_transfer", "60.00").await;
    api.has_books("EUR", &[("bank", "60.00"), ("deferred_revenue", "-50.00"), ("tax_payable", "-10.00")]).await;
    audit(&system, &api).await;
}
