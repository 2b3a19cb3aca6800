//! Payments on chains: what cannot be read, and what the rules refuse.

use super::{Refuser, with};
use serde_json::{Value, json};

const CHAIN: &str = "bip122:000000000019d6689c085ae165831e93";
const BTC: &str = "bip122:000000000019d6689c085ae165831e93/slip44:0";
const ETH: &str = "eip155:1/slip44:60";
const ADDRESS: &str = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";
const KEY: &str =
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
const HASH: &str = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";

fn wallet() -> Value {
    json!({ "wallet_id": "w-1", "chain": CHAIN, "script": "p2wpkh", "account_key": KEY })
}

fn asset() -> Value {
    json!({ "asset": BTC, "decimals": 8, "symbol": "BTC", "currency": "EUR", "tiers": [{ "confirmations": 1 }] })
}

fn invoice() -> Value {
    json!({
        "wallet_id": "w-1", "invoice_id": "i-1", "price": "30.00", "currency": "EUR", "asset": BTC, "rate": "50000",
        "source": "table",
    })
}

fn deposit() -> Value {
    json!({
        "asset": BTC, "transaction": HASH, "place": "output", "index": 0, "amount": "0.00010000", "address": ADDRESS,
        "sequence": 1, "state": "included", "block_height": 1, "block_hash": HASH, "confirmations": 1, "rate": "50000",
        "source": "table",
    })
}

async fn shop() -> Refuser {
    let it = Refuser::new().await;
    it.api.done("open-wallet", wallet()).await;
    it.api.done("register-asset", asset()).await;
    it.api.done("create-invoice", invoice()).await;
    Refuser { head: it.api.head().await, ..it }
}

#[tokio::test]
async fn what_cannot_be_read_names_its_field() {
    let it = shop().await;
    let of = |base: fn() -> Value, pointer: &str, value: Value| with(&base(), pointer, value);
    let cases = [
        ("open-wallet", of(wallet, "/chain", json!("bitcoin")), "unknown_chain", "/chain"),
        ("open-wallet", of(wallet, "/script", json!("p2sh")), "unknown_value", "/script"),
        ("open-wallet", of(wallet, "/script", json!("p2pkh")), "wrong_script", "/account_key"),
        ("open-wallet", of(wallet, "/account_key", json!(ADDRESS)), "not_an_account_key", "/account_key"),
        ("register-asset", of(asset, "/asset", json!("BTC")), "unknown_asset", "/asset"),
        ("register-asset", of(asset, "/decimals", json!(19)), "too_many_decimals", "/decimals"),
        ("register-asset", of(asset, "/tiers/0/up_to", json!("0.000000001")), "too_many_decimals", "/tiers/0/up_to"),
        ("register-asset", of(asset, "/tiers/0/up_to", json!(1)), "amount_not_text", "/tiers/0/up_to"),
        ("create-invoice", of(invoice, "/rate", json!(50000)), "rate_not_text", "/rate"),
        ("create-invoice", of(invoice, "/rate", json!("-1")), "not_an_exchange_rate", "/rate"),
        ("create-invoice", of(invoice, "/source", json!(null)), "missing_field", "/source"),
        ("create-invoice", of(invoice, "/price", json!("30.001")), "too_many_decimals", "/price"),
        ("record-deposit", of(deposit, "/transaction", json!("abc")), "not_a_transaction", "/transaction"),
        ("record-deposit", of(deposit, "/amount", json!("0.000000001")), "too_many_decimals", "/amount"),
        ("record-deposit", of(deposit, "/address", json!("nobody")), "address_checksum", "/address"),
        ("record-deposit", of(deposit, "/index", json!(null)), "missing_field", "/index"),
        ("record-deposit", of(deposit, "/block_hash", json!(null)), "missing_field", "/block_hash"),
        ("record-deposit", of(deposit, "/sequence", json!(u64::MAX)), "invalid_value", "/sequence"),
        ("record-deposit", of(deposit, "/sequence", json!(-1)), "invalid_value", "/sequence"),
    ];
    for (command, data, code, pointer) in cases {
        it.refuses(&format!("{command} {pointer}"), command, &data, code, pointer).await;
    }
}

#[tokio::test]
async fn what_the_rules_refuse_names_its_field() {
    let it = shop().await;
    let of = |base: fn() -> Value, pointer: &str, value: Value| with(&base(), pointer, value);
    let elsewhere = "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g";
    let sale = json!({ "asset": BTC, "sale_id": "s-1", "amount": "0.00010000", "proceeds": "5.00", "currency": "EUR" });
    let rules = json!({ "asset": BTC, "approvers": ["key:ann"], "approvals_needed": 2 });
    let payout = json!({
        "asset": BTC, "payout_id": "po-1", "amount": "0.00010000", "value": "5.00", "to": elsewhere,
    });
    let tiers = json!([{ "up_to": "1.00000000", "confirmations": 3 }, { "confirmations": 1 }]);
    let cases = [
        ("register-asset", of(asset, "/decimals", json!(9)), "cannot_change", "/decimals"),
        ("register-asset", of(asset, "/tiers", tiers), "bad_tiers", "/tiers"),
        ("register-asset", of(asset, "/tolerance", json!("1")), "bad_tolerance", "/tolerance"),
        ("create-invoice", of(invoice, "/asset", json!(ETH)), "asset_not_registered", "/asset"),
        ("record-deposit", of(deposit, "/address", json!(elsewhere)), "address_not_given_out", "/address"),
        ("record-deposit", of(deposit, "/asset", json!(ETH)), "not_an_address", "/address"),
        ("sell-asset", sale.clone(), "exceeds_holding", "/amount"),
        ("sell-asset", with(&sale, "/fee", json!("6.00")), "fee_exceeds_proceeds", "/fee"),
        ("unfreeze-asset", json!({ "asset": BTC, "freeze_id": "z-1" }), "unknown_freeze", "/freeze_id"),
        ("set-payout-rules", rules, "bad_payout_rules", "/rules"),
        ("request-payout", payout, "no_payout_rules", "/asset"),
        ("reprice-payout", json!({ "asset": BTC, "payout_id": "po-1" }), "rate_missing", "/rate"),
    ];
    for (command, data, code, pointer) in cases {
        it.refuses(&format!("{command} {pointer}"), command, &data, code, pointer).await;
    }
    let other = it.api.commanding("create-invoice", &of(invoice, "/price", json!("31.00")));
    it.expect("another invoice of that id", other, 409, "exists_with_different_content", "/invoice_id").await;
    for (command, data, code, pointer) in [
        ("create-invoice", of(invoice, "/wallet_id", json!("w-9")), "wallet_not_known", "/wallet_id"),
        ("cancel-invoice", json!({ "invoice_id": "i-9" }), "invoice_not_known", "/invoice_id"),
        (
            "refund-invoice",
            json!({ "invoice_id": "i-9", "refund_id": "r-1", "rule": "fiat", "to": ADDRESS }),
            "invoice_not_known",
            "/invoice_id",
        ),
        ("approve-payout", json!({ "payout_id": "po-9", "price_revision": 1 }), "payout_not_known", "/payout_id"),
        ("broadcast-payout", json!({ "payout_id": "po-9", "transaction": HASH }), "payout_not_known", "/payout_id"),
    ] {
        it.expect(command, it.api.commanding(command, &data), 404, code, pointer).await;
    }
}
