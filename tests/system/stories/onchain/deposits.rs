//! Deposits that come in time, in parts, too much, too late, in another asset, and more than once.

use super::{BTC, ETH, FIRST, USDC, XPUB, audit, bitcoin, hash, included, invoice, look, order_is_due, shop, shows};
use crate::stories::{place, plain};
use mizan_tests::System;
use serde_json::{Value, json};

/// An invoice of 100.00 at 50,000, confirmed at 50,500, valued at 52,000, sold at 49,000 with a fee of 0.20.
#[tokio::test]
async fn the_worked_example_ends_in_the_trial_balance() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    let opened = api.one("invoices/i-1").await;
    let expected = json!({
        "due": "0.00200000", "price": "100.00", "address": FIRST, "payment_window": "open", "funding": "none",
        "link": format!("bitcoin:{FIRST}?amount=0.002"), "expires_at": "2026-01-05T12:15:00Z", "settlement": "unsettled",
    });
    shows(&opened, &expected);
    api.done("record-deposit", look(1, 1, "0.00200000", "seen")).await;
    shows(&api.one("invoices/i-1").await, &json!({ "funding": "paid", "funding_confirmed": "none", "link": null }));
    order_is_due(&api, "100.00").await;
    api.has_books("EUR", &[]).await;

    let told = api.done("record-deposit", included(2, 1, "0.00200000", "50500", (100, 1))).await;
    assert_eq!(told["events"][0]["kind"], "deposit-confirmed.v1");
    let again = api.done("record-deposit", included(2, 1, "0.00200000", "50500", (100, 1))).await;
    assert_eq!(again["events"], json!([]), "an older look changes nothing");
    order_is_due(&api, "0.00").await;
    let expected = [("fx_trading", "101.00"), ("fx_gain_loss_realised", "-1.00"), ("deferred_revenue", "-100.00")];
    api.has_books("EUR", &expected).await;
    api.has_books(BTC, &[("crypto_hot", "0.00200000"), ("fx_trading", "-0.00200000")]).await;
    let deposit = api.query("deposits?invoice_id=i-1").await["data"][0].take();
    shows(
        &deposit,
        &json!({ "state": "confirmed", "value": "101.00", "rate": "50500", "block_height": 100, "index": 0 }),
    );
    let holding = api.one(&format!("holdings/{BTC}")).await;
    shows(&holding, &json!({ "quantity": "0.00200000", "cost": "101.00", "available": "0.00200000", "symbol": "BTC" }));

    api.done("advance-clock", json!({ "to": "2026-02-02T12:00:00Z" })).await;
    let valued =
        json!({ "asset": BTC, "revaluation_id": "2026-01", "on": "2026-01-31", "rate": "52000", "source": "table" });
    api.done("revalue-asset", valued).await;
    let january = api.query("trial-balance?until=2026-01-31").await["data"]["lines"].take();
    let line = january.as_array().unwrap().iter().find(|it| it["account"] == "fx_gain_loss_unrealised").unwrap();
    assert_eq!((&line["credit"], &line["debit"]), (&json!("3.00"), &json!("0.00")), "{line:#}");
    let sale = json!({
        "asset": BTC, "sale_id": "s-1", "amount": "0.00200000", "proceeds": "98.00", "fee": "0.20", "currency": "EUR",
    });
    api.done("sell-asset", sale).await;
    let expected = [
        ("bank", "97.80"),
        ("network_fees", "0.20"),
        ("fx_gain_loss_realised", "2.00"),
        ("deferred_revenue", "-100.00"),
    ];
    api.has_books("EUR", &expected).await;
    api.has_books(BTC, &[]).await;
    let holding = api.one(&format!("holdings/{}", BTC.replace('/', "%2F"))).await;
    shows(&holding, &json!({ "quantity": "0.00000000", "cost": "0.00", "realised": "-3.00", "lots": [] }));
    shows(&holding, &json!({ "unrealised": "3.00", "valued_on": "2026-01-31", "value": "104.00" }));
    audit(&system, &api).await;
}

/// First in, first out: of lots at 50,000 and 60,000 the older one goes first.
#[tokio::test]
async fn what_came_first_is_sold_first() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00100000", "50000", (100, 1))).await;
    api.done("record-deposit", included(2, 2, "0.00100000", "60000", (101, 1))).await;
    let sale =
        json!({ "asset": BTC, "sale_id": "s-1", "amount": "0.00150000", "proceeds": "90.00", "currency": "EUR" });
    api.done("sell-asset", sale).await;
    let holding = api.one(&format!("holdings/{BTC}")).await;
    // 50.00 and half of 60.00 leave for 90.00.
    shows(&holding, &json!({ "quantity": "0.00050000", "cost": "30.00", "realised": "10.00" }));
    assert_eq!(holding["lots"].as_array().unwrap().len(), 1);
    shows(&holding["lots"][0], &json!({ "amount": "0.00050000", "cost": "30.00", "currency": "EUR" }));
    audit(&system, &api).await;
}

#[tokio::test]
async fn a_part_and_then_the_rest_pay_the_order_once() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00120000", "50000", (100, 1))).await;
    let expected = json!({
        "funding": "partial", "missing": "0.00080000", "settlement": "unsettled",
        "link": format!("bitcoin:{FIRST}?amount=0.0008"),
    });
    shows(&api.one("invoices/i-1").await, &expected);
    order_is_due(&api, "100.00").await;
    api.has_books("EUR", &[("fx_trading", "60.00"), ("customer_credit", "-60.00")]).await;
    api.done("record-deposit", included(2, 2, "0.00080000", "50000", (101, 1))).await;
    let settled = api.one("invoices/i-1").await;
    shows(
        &settled,
        &json!({ "funding": "paid", "missing": "0.00000000", "settlement": "settled", "times_settled": 1 }),
    );
    assert_eq!(settled["deposits"].as_array().unwrap().len(), 2);
    let payment = api.one(&format!("payments/{}", settled["payment_id"].as_str().unwrap())).await;
    shows(&payment, &json!({ "method": "onchain", "captured": "100.00", "order_id": "o-1" }));
    order_is_due(&api, "0.00").await;
    audit(&system, &api).await;
}

/// 5.00 too much is the customer's credit and no revenue; a second payment is seen for what it is.
#[tokio::test]
async fn too_much_and_a_second_payment_are_the_customers_credit() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00210000", "50500", (100, 1))).await;
    let over = api.one("invoices/i-1").await;
    let expected = json!({ "funding": "over", "excess": "0.00010000", "left_over": "5.00", "attention": ["overpaid"], "needs_attention": true });
    shows(&over, &expected);
    let expected = [
        ("fx_trading", "106.05"),
        ("fx_gain_loss_realised", "-1.05"),
        ("customer_credit", "-5.00"),
        ("deferred_revenue", "-100.00"),
    ];
    api.has_books("EUR", &expected).await;
    api.done("record-deposit", included(2, 2, "0.00200000", "50000", (101, 1))).await;
    let twice = api.one("invoices/i-1").await;
    shows(&twice, &json!({ "left_over": "105.00", "times_settled": 1 }));
    let attention = twice["attention"].as_array().unwrap();
    assert!(attention.contains(&json!("multiple")), "{attention:?}");
    let listed = api.query("invoices?needs_attention=true").await;
    assert_eq!(listed["data"][0]["invoice_id"], "i-1");
    audit(&system, &api).await;
}

/// Late money waits for the merchant, who takes it at today's value: the order gets what there is.
#[tokio::test]
async fn late_money_is_worth_what_it_is_worth_when_the_merchant_takes_it() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("advance-clock", json!({ "to": "2026-01-05T12:30:00Z" })).await;
    shows(&api.one("invoices/i-1").await, &json!({ "payment_window": "expired", "link": null }));
    api.done("record-deposit", included(1, 1, "0.00200000", "48000", (100, 1))).await;
    let late = api.one("invoices/i-1").await;
    assert!(late["attention"].as_array().unwrap().contains(&json!("late")), "{late:#}");
    order_is_due(&api, "100.00").await;
    let resolution = json!({
        "invoice_id": "i-1", "resolution_id": "x-1", "how": "accept_at_todays_value", "rate": "47000", "source": "table",
    });
    api.done("resolve-invoice", resolution.clone()).await;
    assert_eq!(api.done("resolve-invoice", resolution).await["events"], json!([]));
    order_is_due(&api, "6.00").await;
    shows(&api.one("invoices/i-1").await, &json!({ "settlement": "settled", "worth": "94.00" }));
    audit(&system, &api).await;
}

/// Dollars of a stablecoin for an invoice in ether: recorded, worth what they are worth, and not placed by themselves.
#[tokio::test]
async fn the_wrong_asset_waits_for_a_decision_at_its_own_rate() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    let wallet = json!({ "wallet_id": "w-2", "chain": "eip155:1", "script": "evm", "account_key": XPUB });
    api.done("open-wallet", wallet).await;
    for (asset, decimals, symbol) in [(ETH, 18, "ETH"), (USDC, 6, "USDC")] {
        let settings = json!({
            "asset": asset, "decimals": decimals, "symbol": symbol, "currency": "EUR", "tiers": [{ "confirmations": 2 }],
        });
        api.done("register-asset", settings).await;
    }
    let mut asked = invoice();
    asked["invoice_id"] = json!("i-2");
    asked["wallet_id"] = json!("w-2");
    asked["asset"] = json!(ETH);
    asked["rate"] = json!("3000");
    api.done("create-invoice", asked).await;
    let row = api.one("invoices/i-2").await;
    let address = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94";
    let link = format!("ethereum:{address}@1?value=33333333333333334");
    shows(&row, &json!({ "due": "0.033333333333333334", "address": address, "link": link }));
    let mut transfer = included(1, 7, "100.000000", "0.92", (500, 2));
    transfer["asset"] = json!(USDC);
    transfer["place"] = json!("log");
    transfer["index"] = json!(3);
    transfer["address"] = json!(address);
    transfer["transaction"] = json!(format!("0x{}", hash(7)));
    api.done("record-deposit", transfer).await;
    let row = api.one("invoices/i-2").await;
    assert!(row["attention"].as_array().unwrap().contains(&json!("wrong_asset")), "{row:#}");
    shows(&row, &json!({ "funding": "none", "settlement": "unsettled" }));
    order_is_due(&api, "100.00").await;
    api.has_books(USDC, &[("crypto_hot", "100.000000"), ("fx_trading", "-100.000000")]).await;
    // Ether's rate says nothing about it.
    let decided = |id: &str, asset: Value| {
        json!({
            "invoice_id": "i-2", "resolution_id": id, "how": "accept_at_todays_value", "asset": asset, "rate": "0.93",
            "source": "table",
        })
    };
    api.refused("resolve-invoice", decided("x-1", json!(ETH)), "nothing_to_resolve", "/invoice_id").await;
    api.done("resolve-invoice", decided("x-1", json!(USDC))).await;
    order_is_due(&api, "7.00").await;
    audit(&system, &api).await;
}

/// An invoice that is not wanted is closed; what comes all the same is recorded.
#[tokio::test]
async fn a_cancelled_invoice_loses_no_money() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("cancel-invoice", json!({ "invoice_id": "i-1", "reason": "paid by card" })).await;
    place(&api, "o-2", &[plain("a", 1, "1.00")]).await;
    api.done("record-deposit", included(1, 1, "0.00200000", "50000", (100, 1))).await;
    let row = api.one("invoices/i-1").await;
    shows(&row, &json!({ "is_cancelled": true, "payment_window": "closed", "settlement": "unsettled" }));
    api.has_books("EUR", &[("fx_trading", "100.00"), ("customer_credit", "-100.00")]).await;
    let kept = json!({ "invoice_id": "i-1", "resolution_id": "x-1", "how": "keep_as_credit" });
    api.done("resolve-invoice", kept).await;
    assert!(!api.one("invoices/i-1").await["attention"].as_array().unwrap().contains(&json!("unresolved")));
    audit(&system, &api).await;
}
