//! Payouts: two of three people approve, one denial rejects, destinations cool off, and what is frozen stays.

use super::{BTC, FIRST, SECOND, as_people, audit, bitcoin, hash, included, people, shop, shows};
use mizan_tests::{Client, Service, System};
use serde_json::{Value, json};

fn rules() -> Value {
    json!({
        "asset": BTC, "approvers": ["key:ann", "key:bob", "key:eve"], "approvals_needed": 2, "daily_cap": "0.00150000",
        "fee_cap": "0.00000500", "cool_off_s": 3600,
    })
}

/// A shop that holds 0.00200000 bitcoin at 100.00, its people, and an address that has cooled off.
async fn house(api: &Service) {
    shop(api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00200000", "50000", (100, 1))).await;
    api.done("set-payout-rules", rules()).await;
    api.done("allow-destination", json!({ "asset": BTC, "address": SECOND, "label": "supplier" })).await;
}

fn payout(payout_id: &str, amount: &str) -> Value {
    json!({
        "asset": BTC, "payout_id": payout_id, "amount": amount, "rate": "50000", "source": "table", "to": SECOND,
        "reason": "bill 7",
    })
}

async fn approve(by: &Client, payout_id: &str) -> Value {
    by.done("approve-payout", json!({ "payout_id": payout_id, "price_revision": 1 })).await
}

#[tokio::test]
async fn two_of_three_approve_and_a_signer_reports() {
    let system = System::new().await;
    let keys = people(&system);
    let api = system.serve().await;
    house(&api).await;
    let [ann, bob, eve] = as_people(&api, &keys);
    api.refused("request-payout", payout("p-1", "0.00100000"), "destination_cools_off", "/to").await;
    api.done("advance-clock", json!({ "to": "2026-01-05T13:00:00Z" })).await;
    ann.done("request-payout", payout("p-1", "0.00100000")).await;
    let row = api.one("payouts/p-1").await;
    let expected = json!({
        "state": "waiting", "requested_by": "key:ann", "value": "50.00", "approvals_needed": 2, "price_revision": 1,
        "destination": SECOND, "purpose": "other",
    });
    shows(&row, &expected);
    let holding = api.one(&format!("holdings/{BTC}")).await;
    shows(&holding, &json!({ "promised": "0.00100000", "available": "0.00100000", "quantity": "0.00200000" }));

    // Nobody approves what they have asked for, nobody whom the rules do not name, and nobody for another.
    let approval = json!({ "payout_id": "p-1", "price_revision": 1 });
    ann.refused("approve-payout", approval.clone(), "own_request", "/by").await;
    api.refused("approve-payout", approval.clone(), "not_an_approver", "/by").await;
    let named = json!({ "payout_id": "p-1", "price_revision": 1, "by": "key:eve" });
    bob.refused("approve-payout", named, "unknown_field", "/by").await;
    let of_another_price = json!({ "payout_id": "p-1", "price_revision": 2 });
    bob.refused("approve-payout", of_another_price, "other_revision", "/price_revision").await;
    // One key of idempotency is not two people's.
    let keyed = |by: &Client| by.commanding("approve-payout", &approval).header("Idempotency-Key", "one");
    assert_eq!(bob.send(keyed(&bob)).await.status, 200);
    eve.send(keyed(&eve)).await.problem(422, "idempotency_key_reused", "");
    assert_eq!(approve(&bob, "p-1").await["events"], json!([]), "said twice, agreed once");
    let sent = json!({ "payout_id": "p-1", "transaction": hash(50) });
    api.refused("broadcast-payout", sent.clone(), "payout_not_released", "/payout_id").await;
    approve(&eve, "p-1").await;
    shows(&api.one("payouts/p-1").await, &json!({ "state": "released" }));
    api.has_books(
        BTC,
        &[("crypto_hot", "0.00200000"), ("payouts_in_transit", "-0.00100000"), ("fx_trading", "-0.00100000")],
    )
    .await;

    api.done("broadcast-payout", sent).await;
    api.done("broadcast-payout", json!({ "payout_id": "p-1", "transaction": hash(51) })).await;
    let complete = json!({ "payout_id": "p-1", "transaction": hash(51), "fee": "0.00001000", "fee_asset": BTC });
    api.done("complete-payout", complete).await;
    let row = api.one("payouts/p-1").await;
    let expected =
        json!({ "state": "completed", "transaction": hash(51), "fee": "0.00001000", "is_over_fee_cap": true });
    shows(&row, &expected);
    assert_eq!(row["transactions"][1]["replaces"], hash(50));
    assert_eq!(row["approvals"].as_array().unwrap().len(), 2);
    let expected = [
        ("fx_trading", "49.50"),
        ("network_fees", "0.50"),
        ("payouts_clearing", "50.00"),
        ("deferred_revenue", "-100.00"),
    ];
    api.has_books("EUR", &expected).await;
    api.has_books(BTC, &[("crypto_hot", "0.00099000"), ("fx_trading", "-0.00099000")]).await;
    audit(&system, &api).await;
}

#[tokio::test]
async fn one_denial_rejects_and_the_day_has_a_cap() {
    let system = System::new().await;
    let keys = people(&system);
    let api = system.serve().await;
    house(&api).await;
    let [ann, bob, eve] = as_people(&api, &keys);
    api.done("advance-clock", json!({ "to": "2026-01-05T13:00:00Z" })).await;
    api.done("request-payout", payout("p-1", "0.00100000")).await;
    api.refused("request-payout", payout("p-2", "0.00100000"), "exceeds_daily_cap", "/amount").await;
    approve(&ann, "p-1").await;
    bob.done("deny-payout", json!({ "payout_id": "p-1", "reason": "who is that" })).await;
    shows(&api.one("payouts/p-1").await, &json!({ "state": "denied", "ended_by": "key:bob" }));
    eve.refused("approve-payout", json!({ "payout_id": "p-1", "price_revision": 1 }), "payout_closed", "/payout_id")
        .await;
    shows(&api.one(&format!("holdings/{BTC}")).await, &json!({ "promised": "0.00000000", "promises": [] }));
    api.done("request-payout", payout("p-2", "0.00100000")).await;
    api.done("cancel-payout", json!({ "payout_id": "p-2" })).await;
    let mut to_nobody = payout("p-3", "0.00100000");
    to_nobody["to"] = json!(FIRST);
    api.refused("request-payout", to_nobody, "destination_not_allowed", "/to").await;
    api.done("remove-destination", json!({ "asset": BTC, "address": SECOND })).await;
    api.refused("request-payout", payout("p-4", "0.00100000"), "destination_not_allowed", "/to").await;
    audit(&system, &api).await;
}

/// What the issuer freezes is held, and cannot be given away until it is free again.
#[tokio::test]
async fn what_is_frozen_is_neither_sold_nor_paid_out() {
    let system = System::new().await;
    let api = system.serve().await;
    house(&api).await;
    let freeze = json!({ "asset": BTC, "freeze_id": "z-1", "amount": "0.00150000", "reason": "blocked by the issuer" });
    api.done("freeze-asset", freeze).await;
    shows(&api.one(&format!("holdings/{BTC}")).await, &json!({ "frozen": "0.00150000", "available": "0.00050000" }));
    let sale =
        json!({ "asset": BTC, "sale_id": "s-1", "amount": "0.00100000", "proceeds": "50.00", "currency": "EUR" });
    api.refused("sell-asset", sale.clone(), "exceeds_holding", "/amount").await;
    api.has_books(BTC, &[("crypto_hot", "0.00050000"), ("crypto_frozen", "0.00150000"), ("fx_trading", "-0.00200000")])
        .await;
    api.done("unfreeze-asset", json!({ "asset": BTC, "freeze_id": "z-1" })).await;
    api.done("sell-asset", sale).await;
    let fee = json!({ "asset": BTC, "sale_id": "f-1", "amount": "0.00001000" });
    api.done("record-network-fee", fee).await;
    shows(&api.one(&format!("holdings/{BTC}")).await, &json!({ "quantity": "0.00099000", "cost": "49.50" }));
    audit(&system, &api).await;
}

/// A payout in money is priced again until it is approved; an approval is for one price.
#[tokio::test]
async fn a_payout_in_money_is_priced_again() {
    let system = System::new().await;
    let keys = people(&system);
    let api = system.serve().await;
    house(&api).await;
    let [ann, bob, eve] = as_people(&api, &keys);
    api.done("advance-clock", json!({ "to": "2026-01-05T13:00:00Z" })).await;
    let asked = json!({
        "asset": BTC, "payout_id": "p-1", "value": "40.00", "currency": "EUR", "rate": "50000", "source": "table", "to": SECOND,
    });
    ann.done("request-payout", asked).await;
    approve(&bob, "p-1").await;
    let dearer = json!({ "asset": BTC, "payout_id": "p-1", "rate": "40000", "source": "table" });
    api.done("reprice-payout", dearer).await;
    let row = api.one("payouts/p-1").await;
    shows(&row, &json!({ "amount": "0.00100000", "price_revision": 2, "approvals": [], "is_in_money": true }));
    for by in [&bob, &eve] {
        by.done("approve-payout", json!({ "payout_id": "p-1", "price_revision": 2 })).await;
    }
    api.done("fail-payout", json!({ "payout_id": "p-1", "reason": "the signer is lost" })).await;
    shows(&api.one("payouts/p-1").await, &json!({ "state": "failed", "ended_reason": "the signer is lost" }));
    shows(&api.one(&format!("holdings/{BTC}")).await, &json!({ "quantity": "0.00200000", "cost": "100.00" }));
    audit(&system, &api).await;
}

/// A chain takes a payout back as it takes deposits back: it is promised again, and counts when it is there again.
#[tokio::test]
async fn a_payout_that_the_chain_takes_back_is_sent_and_not_there() {
    let system = System::new().await;
    let keys = people(&system);
    let api = system.serve().await;
    house(&api).await;
    let [ann, bob, eve] = as_people(&api, &keys);
    api.done("advance-clock", json!({ "to": "2026-01-05T13:00:00Z" })).await;
    ann.done("request-payout", payout("p-1", "0.00100000")).await;
    approve(&bob, "p-1").await;
    approve(&eve, "p-1").await;
    let orphan = |completion: u32| json!({ "payout_id": "p-1", "completion": completion });
    api.refused("orphan-payout", orphan(1), "payout_not_completed", "/payout_id").await;
    let complete =
        |tx: u64, fee: &str| json!({ "payout_id": "p-1", "transaction": hash(tx), "fee": fee, "fee_asset": BTC });
    api.done("complete-payout", complete(50, "0.00000400")).await;
    api.done("orphan-payout", orphan(1)).await;
    let expected =
        json!({ "state": "broadcast", "fee": null, "ended_at": null, "completions": 1, "transaction": hash(50) });
    shows(&api.one("payouts/p-1").await, &expected);
    let promised = [("crypto_hot", "0.00200000"), ("payouts_in_transit", "-0.00100000"), ("fx_trading", "-0.00100000")];
    api.has_books(BTC, &promised).await;
    shows(&api.one(&format!("holdings/{BTC}")).await, &json!({ "quantity": "0.00100000", "cost": "50.00" }));
    api.done("complete-payout", complete(51, "0.00000300")).await;
    assert_eq!(api.done("orphan-payout", orphan(1)).await["events"], json!([]), "told late, it undoes nothing");
    shows(&api.one("payouts/p-1").await, &json!({ "state": "completed", "completions": 2, "transaction": hash(51) }));
    api.has_books(BTC, &[("crypto_hot", "0.00099700"), ("fx_trading", "-0.00099700")]).await;
    api.done("orphan-payout", orphan(2)).await;
    api.done("fail-payout", json!({ "payout_id": "p-1", "reason": "its coins were spent otherwise" })).await;
    shows(&api.one(&format!("holdings/{BTC}")).await, &json!({ "quantity": "0.00200000", "cost": "100.00" }));
    audit(&system, &api).await;
}
