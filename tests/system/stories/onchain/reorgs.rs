//! A chain takes back what it said, after the order had its money.

use super::{BTC, audit, bitcoin, included, look, order_is_due, shop, shows};
use mizan_tests::System;
use serde_json::json;

#[tokio::test]
async fn a_reorg_after_settlement_makes_the_order_due_again_and_another_block_pays_it() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00200000", "50500", (100, 1))).await;
    order_is_due(&api, "0.00").await;
    let settled_at = api.head().await;
    let first = api.one("invoices/i-1").await["payment_id"].take();

    api.done("record-deposit", look(2, 1, "0.00200000", "orphaned")).await;
    order_is_due(&api, "100.00").await;
    shows(&api.one("invoices/i-1").await, &json!({ "settlement": "reversed", "funding_confirmed": "none" }));
    api.has_books("EUR", &[]).await;
    api.has_books(BTC, &[]).await;
    let late = api.done("record-deposit", included(1, 1, "0.00200000", "50500", (100, 3))).await;
    assert_eq!(late["events"], json!([]), "an older look brings nothing back");

    api.done("record-deposit", included(3, 1, "0.00200000", "51000", (101, 1))).await;
    order_is_due(&api, "0.00").await;
    let row = api.one("invoices/i-1").await;
    shows(&row, &json!({ "settlement": "settled", "times_settled": 2 }));
    assert_ne!(row["payment_id"], first, "another settlement is another payment");
    shows(&api.query("deposits").await["data"][0], &json!({ "times_confirmed": 2, "value": "102.00" }));
    let expected = [("fx_trading", "102.00"), ("fx_gain_loss_realised", "-2.00"), ("deferred_revenue", "-100.00")];
    api.has_books("EUR", &expected).await;

    // As it was before the chain went back.
    let then = api.get(&format!("/v1/queries/invoices/i-1?as_of={settled_at}")).await.ok()["data"].take();
    shows(&then, &json!({ "settlement": "settled", "times_settled": 1, "payment_id": first }));
    let then = api.get(&format!("/v1/queries/deposits?as_of={settled_at}")).await.ok()["data"][0].take();
    shows(&then, &json!({ "state": "confirmed", "value": "101.00" }));
    let then = api.get(&format!("/v1/queries/holdings?as_of={settled_at}")).await.ok()["data"][0].take();
    shows(&then, &json!({ "cost": "101.00" }));
    let then = api.get("/v1/queries/wallets/w-1?as_of=3").await.ok()["data"].take();
    shows(&then, &json!({ "allocated": 0 }));
    audit(&system, &api).await;
}

/// Replaced before it was confirmed: nothing came, and nothing moved.
#[tokio::test]
async fn a_double_spend_leaves_nothing() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", look(1, 1, "0.00200000", "seen")).await;
    let mut replaced = look(2, 1, "0.00200000", "replaced");
    replaced["replaced_by"] = json!(super::hash(2));
    api.done("record-deposit", replaced).await;
    shows(&api.one("invoices/i-1").await, &json!({ "funding": "none", "seen": "0.00000000" }));
    let deposit = api.query("deposits?state=replaced").await["data"][0].take();
    shows(&deposit, &json!({ "replaced_by": super::hash(2), "value": null }));
    // Deep enough, it is never looked at again.
    api.done("record-deposit", included(3, 3, "0.00200000", "50000", (100, 6))).await;
    shows(&api.query("deposits?state=final").await["data"][0], &json!({ "confirmations": 6 }));
    order_is_due(&api, "0.00").await;
    audit(&system, &api).await;
}
