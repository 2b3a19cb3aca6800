//! Disputes: a bank takes the money first and asks later (section 3.1).

use super::{audit, place, receive, shows, taxed};
use mizan_tests::{Service, System};
use serde_json::{Value, json};

async fn sold(api: &Service) {
    place(api, "o-1", &[taxed("a", 1, "100.00")]).await;
    receive(api, "p-1", "o-1", "card", "100.00").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
}

fn dispute(amount: &str, fee: &str) -> Value {
    json!({ "payment_id": "p-1", "dispute_id": "d-1", "amount": amount, "fee": fee, "currency": "EUR", "reason": "not received" })
}

const SOLD: [(&str, &str); 2] = [("sales", "-83.33"), ("tax_payable", "-16.67")];

#[tokio::test]
async fn a_won_dispute_brings_the_money_back_but_not_the_fee() {
    let system = System::new().await;
    let api = system.serve().await;
    sold(&api).await;
    api.done("open-dispute", dispute("100.00", "15.00")).await;
    let open = [("disputes_receivable", "100.00"), ("dispute_fees", "15.00"), ("psp_clearing", "-15.00")];
    api.has_books("EUR", &[&SOLD[..], &open].concat()).await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "disputed", "disputed": "100.00", "refundable": "0.00" }));
    // One pool: what the bank holds cannot be refunded as well.
    let refund = json!({ "payment_id": "p-1", "refund_id": "rf-1", "amount": "0.01", "currency": "EUR" });
    api.refused("refund-payment", refund, "exceeds_refundable", "/amount").await;
    api.done("win-dispute", json!({ "payment_id": "p-1", "dispute_id": "d-1", "currency": "EUR" })).await;
    api.has_books("EUR", &[&SOLD[..], &[("dispute_fees", "15.00"), ("psp_clearing", "85.00")]].concat()).await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "captured", "disputed": "0.00", "refundable": "100.00" }));
    let lost = json!({ "payment_id": "p-1", "dispute_id": "d-1", "currency": "EUR" });
    api.refused("lose-dispute", lost, "dispute_closed", "/dispute_id").await;
    audit(&system, &api).await;
}

#[tokio::test]
async fn a_lost_dispute_is_a_loss_less_the_tax_that_is_given_back() {
    let system = System::new().await;
    let api = system.serve().await;
    sold(&api).await;
    api.done("open-dispute", dispute("100.00", "15.00")).await;
    let lost = json!({ "payment_id": "p-1", "dispute_id": "d-1", "currency": "EUR", "tax_relief": "16.67" });
    api.done("lose-dispute", lost).await;
    let expected =
        [("sales", "-83.33"), ("dispute_losses", "83.33"), ("dispute_fees", "15.00"), ("psp_clearing", "-15.00")];
    api.has_books("EUR", &expected).await;
    shows(
        &api.one("payments/p-1").await,
        &json!({ "status": "dispute_lost", "dispute_lost": "100.00", "refundable": "0.00" }),
    );
    audit(&system, &api).await;
}

/// 30.00 were refunded when the bank took 100.00: 70.00 were disputable, the rest is flagged, not refused.
#[tokio::test]
async fn a_bank_that_takes_what_was_refunded_already_is_flagged() {
    let system = System::new().await;
    let api = system.serve().await;
    sold(&api).await;
    let refund = json!({ "payment_id": "p-1", "refund_id": "rf-1", "amount": "30.00", "currency": "EUR" });
    api.done("refund-payment", refund).await;
    super::confirm_refunds(&api, "p-1").await;
    api.done("open-dispute", dispute("100.00", "0.00")).await;
    let payment = api.one("payments/p-1").await;
    shows(&payment, &json!({ "disputed": "100.00", "over_recovery": "30.00", "refundable": "0.00" }));
    shows(&payment["disputes"][0], &json!({ "reserved": "70.00", "over_recovery": "30.00", "state": "open" }));
    let more = json!({ "payment_id": "p-1", "dispute_id": "d-2", "amount": "100.01", "currency": "EUR" });
    api.refused("open-dispute", more, "exceeds_captured", "/amount").await;

    // A return while the bank holds everything cannot be refunded: the customer is owed it instead, and nobody is silent.
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-1" })).await;
    let order = api.one("orders/o-1").await;
    shows(
        &order,
        &json!({ "status": "returned", "value": "0.00", "due": "0.00", "refunded": "30.00", "credit": "70.00" }),
    );
    audit(&system, &api).await;
}
