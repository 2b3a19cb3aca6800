//! Money goes back: a refund of the order's payment becomes coins, and so does what was left over.

use super::{BTC, SECOND, as_people, audit, bitcoin, hash, included, people, shop, shows};
use mizan_tests::System;
use serde_json::json;

#[tokio::test]
async fn a_refund_goes_back_as_coins_when_two_have_approved_it() {
    let system = System::new().await;
    let keys = people(&system);
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00200000", "50000", (100, 1))).await;
    let rules = json!({ "asset": BTC, "approvers": ["key:ann", "key:bob", "key:eve"], "approvals_needed": 2 });
    api.done("set-payout-rules", rules).await;
    let payment_id = api.one("invoices/i-1").await["payment_id"].take();
    let refund = json!({ "payment_id": payment_id, "refund_id": "r-1", "amount": "30.00", "currency": "EUR" });
    api.done("refund-payment", refund).await;
    let owed = api.one("invoices/i-1").await["refunds"][0].take();
    shows(&owed, &json!({ "refund_id": "r-1", "state": "owed", "owed": "30.00", "payout_id": null }));

    let back = json!({ "invoice_id": "i-1", "refund_id": "r-1", "rule": "rate_then", "subtract": "0.1", "to": SECOND });
    let [ann, bob, eve] = as_people(&api, &keys);
    ann.done("refund-invoice", back).await;
    let asked = api.one("invoices/i-1").await["refunds"][0].take();
    // The same coins as then, less a tenth that is kept.
    shows(&asked, &json!({ "state": "requested", "amount": "0.00054000", "value": "30.00", "kept": "3.00" }));
    let payout_id = asked["payout_id"].as_str().unwrap();
    let row = api.one(&format!("payouts/{payout_id}")).await;
    shows(&row, &json!({ "purpose": "refund", "refund_id": "r-1", "requested_by": "key:ann", "amount": "0.00054000" }));
    for by in [&bob, &eve] {
        by.done("approve-payout", json!({ "payout_id": payout_id, "price_revision": 1 })).await;
    }
    api.done("complete-payout", json!({ "payout_id": payout_id, "transaction": hash(9) })).await;
    shows(&api.one("invoices/i-1").await["refunds"][0], &json!({ "state": "completed" }));
    let payment = api.one(&format!("payments/{}", payment_id.as_str().unwrap())).await;
    shows(&payment, &json!({ "refunded": "30.00", "status": "partially_refunded" }));
    let expected = [("fx_trading", "73.00"), ("refund_fees", "-3.00"), ("deferred_revenue", "-70.00")];
    api.has_books("EUR", &expected).await;
    audit(&system, &api).await;
}

/// What was paid too much goes back; a denied payout leaves it where it was, and it can be asked for again.
#[tokio::test]
async fn what_is_left_over_goes_back_at_the_second_attempt() {
    let system = System::new().await;
    let keys = people(&system);
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00210000", "50000", (100, 1))).await;
    let rules = json!({ "asset": BTC, "approvers": ["key:ann", "key:bob"], "approvals_needed": 1 });
    api.done("set-payout-rules", rules).await;
    let back = json!({ "invoice_id": "i-1", "refund_id": "r-9", "rule": "overpaid_amount", "to": SECOND });
    let [ann, bob, _] = as_people(&api, &keys);
    let payout = async || api.one("invoices/i-1").await["refunds"][0]["payout_id"].as_str().unwrap().to_owned();
    api.done("refund-invoice", back.clone()).await;
    let first = payout().await;
    bob.done("deny-payout", json!({ "payout_id": first })).await;
    shows(&api.one("invoices/i-1").await["refunds"][0], &json!({ "state": "not_paid", "attempt": 1 }));
    api.done("refund-invoice", back).await;
    let second = payout().await;
    assert_ne!(second, first);
    ann.done("approve-payout", json!({ "payout_id": second, "price_revision": 1 })).await;
    api.done("complete-payout", json!({ "payout_id": second, "transaction": hash(9) })).await;
    shows(&api.one("invoices/i-1").await, &json!({ "left_over": "0.00" }));
    api.has_books("EUR", &[("fx_trading", "100.00"), ("deferred_revenue", "-100.00")]).await;
    audit(&system, &api).await;
}

/// A refund that is owed is paid or given up, and nobody but its payout says that it arrived.
#[tokio::test]
async fn an_owed_refund_is_given_up_or_paid_and_never_both() {
    let system = System::new().await;
    let keys = people(&system);
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00200000", "50000", (100, 1))).await;
    let rules = json!({ "asset": BTC, "approvers": ["key:ann", "key:bob"], "approvals_needed": 1 });
    api.done("set-payout-rules", rules).await;
    let payment_id = api.one("invoices/i-1").await["payment_id"].take();
    let refund = json!({ "payment_id": payment_id, "refund_id": "r-1", "amount": "30.00", "currency": "EUR" });
    api.done("refund-payment", refund).await;
    let by_hand = json!({ "payment_id": payment_id, "refund_id": "r-1" });
    for command in ["fail-refund", "confirm-refund"] {
        api.refused(command, by_hand.clone(), "refund_of_invoice", "/refund_id").await;
    }
    let back = json!({ "invoice_id": "i-1", "refund_id": "r-1", "rule": "rate_then", "to": SECOND });
    let withdrawal = json!({ "invoice_id": "i-1", "refund_id": "r-1", "reason": "the customer takes a voucher" });
    api.done("refund-invoice", back.clone()).await;
    api.refused("withdraw-refund", withdrawal.clone(), "refund_underway", "/refund_id").await;
    let [_, bob, _] = as_people(&api, &keys);
    let payout_id = api.one("invoices/i-1").await["refunds"][0]["payout_id"].take();
    bob.done("deny-payout", json!({ "payout_id": payout_id })).await;
    api.done("withdraw-refund", withdrawal).await;
    shows(&api.one("invoices/i-1").await["refunds"][0], &json!({ "state": "withdrawn", "owed": "30.00" }));
    api.refused("refund-invoice", back, "refund_closed", "/refund_id").await;
    let expected = [("fx_trading", "100.00"), ("customer_credit", "-30.00"), ("deferred_revenue", "-70.00")];
    api.has_books("EUR", &expected).await;
    audit(&system, &api).await;
}
