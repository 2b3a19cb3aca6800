//! Payments on chains over HTTP, told by a watcher of the merchant's own: invoices, deposits in every order, reorgs,
//! payouts with approvals. The worked numbers are those of reference/domain.md, 2 and 3.5.

mod deposits;
mod exports;
mod keys;
mod payouts;
mod refunds;
mod reorgs;
mod time;

use super::{place, plain, shows};
use mizan_tests::{Client, Service, System};
use serde_json::{Value, json};

const BITCOIN: &str = "bip122:000000000019d6689c085ae165831e93";
const BTC: &str = "bip122:000000000019d6689c085ae165831e93/slip44:0";
const ETH: &str = "eip155:1/slip44:60";
const USDC: &str = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
const ZPUB: &str =
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
const XPUB: &str =
    "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt";
/// The first two addresses of the account above (BIP84's vectors).
const FIRST: &str = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";
const SECOND: &str = "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g";

/// How bitcoin is taken: one confirmation, final at six, five minutes of grace, late money waits for the merchant.
fn bitcoin() -> Value {
    json!({
        "asset": BTC, "decimals": 8, "symbol": "BTC", "currency": "EUR", "dust": "0.00000100",
        "tiers": [{ "up_to": "1.00000000", "confirmations": 1 }, { "confirmations": 3 }], "final_depth": 6, "grace_s": 300,
    })
}

fn invoice() -> Value {
    json!({
        "wallet_id": "w-1", "invoice_id": "i-1", "order_id": "o-1", "customer_id": "c-1", "price": "100.00",
        "currency": "EUR", "asset": BTC, "rate": "50000", "source": "table",
    })
}

/// A shop on a clock of its own, with a wallet, an order over 100.00 and an invoice that pays it: 0.00200000 bitcoin.
async fn shop(api: &Service, settings: Value) {
    api.done("start-clock", json!({ "at": "2026-01-05T12:00:00Z" })).await;
    let wallet = json!({ "wallet_id": "w-1", "chain": BITCOIN, "script": "p2wpkh", "account_key": ZPUB });
    api.done("open-wallet", wallet).await;
    api.done("register-asset", settings).await;
    place(api, "o-1", &[plain("a", 1, "100.00")]).await;
    api.done("create-invoice", invoice()).await;
}

fn hash(number: u64) -> String {
    format!("{number:064x}")
}

/// What a watcher saw at one look: the transaction's number names it.
fn look(sequence: u64, tx: u64, amount: &str, state: &str) -> Value {
    json!({
        "asset": BTC, "transaction": hash(tx), "place": "output", "index": 0, "amount": amount, "address": FIRST,
        "sequence": sequence, "state": state,
    })
}

/// The same of a transaction in a block.
fn included(sequence: u64, tx: u64, amount: &str, rate: &str, (height, depth): (u64, u32)) -> Value {
    let mut look = look(sequence, tx, amount, "included");
    let block = json!({
        "block_height": height, "block_hash": hash(1_000_000 + height), "confirmations": depth,
        "rate": rate, "source": "table",
    });
    look.as_object_mut().unwrap().extend(block.as_object().unwrap().clone());
    look
}

async fn order_is_due(api: &Service, due: &str) {
    let order = api.one("orders/o-1").await;
    assert_eq!(order["due"], due, "{order:#}");
}

/// The auditor's word, and read models built anew that are the live ones.
async fn audit(system: &System, api: &Service) {
    api.books("EUR").await;
    let verdict = system.mizan(&["audit", "--json"]).exits(0).json();
    assert_eq!((&verdict["holds"], &verdict["findings"]["count"]), (&json!(true), &json!(0)));
}

/// Keys of three people. They are there when the service starts.
fn people(system: &System) -> [String; 3] {
    ["ann", "bob", "eve"].map(|name| system.mizan(&["key", "add", name]).exits(0).stdout.trim().to_owned())
}

/// The service as each of them asks it.
fn as_people(api: &Service, keys: &[String; 3]) -> [Client; 3] {
    keys.each_ref().map(|key| api.client().with_key(key))
}
