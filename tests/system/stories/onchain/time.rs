//! What time does to invoices: the rate expires, watching ends. And what wallets say of unused addresses.

use super::{bitcoin, invoice, look, shop, shows};
use mizan_tests::System;
use serde_json::json;

#[tokio::test]
async fn an_invoice_expires_and_closes_by_the_merchants_clock() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    shows(&api.one("invoices/i-1").await, &json!({ "wakes_at": "2026-01-05T12:15:00Z" }));
    // Seen in time: the rate holds, although it is confirmed later.
    api.done("record-deposit", look(1, 1, "0.00100000", "seen")).await;
    api.done("advance-clock", json!({ "to": "2026-01-05T12:15:00Z" })).await;
    let expired = api.one("invoices/i-1").await;
    shows(&expired, &json!({ "payment_window": "expired", "wakes_at": "2026-01-06T12:15:00Z" }));
    assert!(expired["attention"].as_array().unwrap().contains(&json!("underpaid")), "{expired:#}");
    api.done("advance-clock", json!({ "months": 1 })).await;
    shows(&api.one("invoices/i-1").await, &json!({ "payment_window": "closed", "wakes_at": null }));
    let kinds: Vec<_> = api.events().await.into_iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect();
    let count = |kind: &str| kinds.iter().filter(|it| *it == kind).count();
    assert_eq!((count("invoice-expired.v1"), count("invoice-closed.v1")), (1, 1));
}

#[tokio::test]
async fn a_wallet_warns_before_addresses_are_beyond_what_others_look_at() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    shows(&api.one("wallets/w-1").await, &json!({ "allocated": 1, "unused_in_a_row": 1, "is_beyond_gap": false }));
    let many = (2..=20).map(|nth| {
        let mut data = invoice();
        data["invoice_id"] = json!(format!("i-{nth}"));
        json!({ "command": "create-invoice", "data": data })
    });
    let request = api.request(reqwest::Method::POST, "/v1/commands").json(&many.collect::<Vec<_>>());
    let outcomes = api.send(request).await.ok();
    assert!(outcomes.as_array().unwrap().iter().all(|it| it["status"] == 200), "{outcomes:#}");
    shows(&api.one("wallets/w-1").await, &json!({ "allocated": 20, "unused_in_a_row": 20, "is_beyond_gap": true }));
    api.done("record-deposit", look(1, 1, "0.00100000", "seen")).await;
    shows(&api.one("wallets/w-1").await, &json!({ "used": 1, "unused_in_a_row": 19, "is_beyond_gap": false }));
}

/// Everything about an asset in one request, in its order: each command sees what those before it did.
#[tokio::test]
async fn one_request_tells_the_whole_story() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    let mut second = invoice();
    second["invoice_id"] = json!("i-2");
    let mut paid = super::included(1, 1, "0.00200000", "50000", (100, 1));
    paid["address"] = json!(super::SECOND);
    let sale = json!({ "asset": super::BTC, "sale_id": "s-1", "amount": "0.00200000", "proceeds": "100.00", "currency": "EUR" });
    let story = json!([
        { "command": "create-invoice", "data": second },
        { "command": "record-deposit", "data": paid },
        { "command": "sell-asset", "data": sale },
    ]);
    let outcomes = api.send(api.request(reqwest::Method::POST, "/v1/commands").json(&story)).await.ok();
    assert!(outcomes.as_array().unwrap().iter().all(|it| it["status"] == 200), "{outcomes:#}");
    shows(&api.one("invoices/i-2").await, &json!({ "settlement": "settled" }));
}
