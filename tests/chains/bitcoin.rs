//! Bitcoin: an order is paid by real transactions, in full, in parts and too much; and a chain takes payments back.

use crate::regtest::{REGTEST, Regtest};
use crate::shop::Shop;
use mizan_domain::onchain::{AccountKey, Address, Script};
use serde_json::{Value, json};

/// The account `m/84'/1'/0'` of the phrase that all the world's vectors have.
const ACCOUNT: &str =
    "vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc";
pub(crate) const COIN: &str = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:1";
/// What is due of 100.00 USD at 50,000.
pub(crate) const DUE: u64 = 200_000;

/// A shop that watches a node, with a wallet, and bitcoin after two blocks.
pub(crate) async fn open(node: &Regtest) -> Shop {
    let shop = Shop::open(format!("{REGTEST}={}", node.address())).await;
    let asset = json!({
        "asset": COIN, "decimals": 8, "symbol": "BTC", "currency": "USD",
        "tiers": [{ "confirmations": 2 }], "final_depth": 100,
    });
    shop.service.done("register-asset", asset).await;
    let wallet = json!({ "wallet_id": "w-1", "chain": REGTEST, "script": "p2wpkh", "account_key": ACCOUNT });
    shop.service.done("open-wallet", wallet).await;
    shop.is_watching().await;
    shop
}

/// Where an invoice is paid.
pub(crate) fn address(invoice: &Value) -> Address {
    Address::parse(invoice["address"].as_str().unwrap(), REGTEST).unwrap()
}

/// An order over 100.00 and its invoice: where to pay.
pub(crate) async fn ordered(shop: &Shop, number: u32) -> Address {
    let (order, invoice) = (format!("o-{number}"), format!("i-{number}"));
    shop.order(&order, "100.00").await;
    address(&shop.invoice(&invoice, &order, "100.00", COIN).await)
}

fn theirs() -> Address {
    AccountKey::parse(ACCOUNT, REGTEST, Script::P2wpkh).unwrap().address(999).unwrap()
}

#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn an_order_is_paid_by_a_transaction() {
    let (node, coins) = Regtest::with_coins(4).await;
    let shop = open(&node).await;
    let to = ordered(&shop, 1).await;

    let paid = node.send(&node.pay(coins[0], &[(&to, DUE)], false)).await;
    shop.shows("invoices/i-1", json!({ "funding": "paid", "funding_confirmed": "none", "settlement": "unsettled" }))
        .await;
    node.mine(1).await;
    shop.has_seen(node.height().await).await;
    shop.shows("orders/o-1", json!({ "payment_status": "unpaid" })).await;
    node.mine(1).await;
    shop.shows("invoices/i-1", json!({ "funding_confirmed": "paid", "settlement": "settled" })).await;
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    let deposits = shop.service.query("deposits?invoice_id=i-1").await;
    assert_eq!(deposits["data"].as_array().unwrap().len(), 1, "{deposits:#}");
    let deposit = &deposits["data"][0];
    assert_eq!(json!([deposit["transaction"], deposit["rate"], deposit["source"]]), json!([paid, "50000", "fixed"]));
    shop.service.has_books("USD", &[("deferred_revenue", "-100.00"), ("fx_trading", "100.00")]).await;

    // A part, and then more than the rest.
    let to = ordered(&shop, 2).await;
    node.send(&node.pay(coins[1], &[(&to, DUE / 2)], false)).await;
    node.mine(2).await;
    shop.shows("invoices/i-2", json!({ "funding_confirmed": "partial", "missing": "0.00100000" })).await;
    shop.shows("orders/o-2", json!({ "payment_status": "unpaid" })).await;
    node.send(&node.pay(coins[2], &[(&to, DUE / 2 + 40_000)], false)).await;
    node.mine(2).await;
    let over = shop.shows("invoices/i-2", json!({ "funding_confirmed": "over", "settlement": "settled" })).await;
    assert_eq!(json!([over["left_over"], over["attention"]]), json!(["20.00", ["overpaid", "multiple"]]));
    shop.shows("orders/o-2", json!({ "payment_status": "paid" })).await;
    let books = [("deferred_revenue", "-200.00"), ("customer_credit", "-20.00"), ("fx_trading", "220.00")];
    shop.service.has_books("USD", &books).await;

    // Blocks that bring nothing make deposits final.
    node.mine(100).await;
    shop.shows(&format!("deposits/{}", deposit["deposit_id"].as_str().unwrap()), json!({ "state": "final" })).await;
    shop.audit().await;
}

#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn a_coin_spent_twice_pays_nothing() {
    let (node, coins) = Regtest::with_coins(2).await;
    let shop = open(&node).await;
    let to = ordered(&shop, 1).await;

    node.send(&node.pay(coins[0], &[(&to, DUE)], true)).await;
    let seen = shop.shows("invoices/i-1", json!({ "funding": "paid", "funding_confirmed": "none" })).await;
    assert_eq!(seen["missing"], "0.00000000");
    let taken_back = node.pay(coins[0], &[(&theirs(), DUE)], true);
    node.mine_with(vec![taken_back.clone()]).await;
    shop.shows("invoices/i-1", json!({ "funding": "none", "missing": "0.00200000" })).await;
    let deposit = shop.service.query("deposits?invoice_id=i-1").await["data"][0].take();
    let by = taken_back.compute_txid().to_string();
    assert_eq!(json!([deposit["state"], deposit["replaced_by"]]), json!(["replaced", by]));
    assert!(shop.books().await.is_empty());

    node.send(&node.pay(coins[1], &[(&to, DUE)], false)).await;
    node.mine(2).await;
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    shop.audit().await;
}

/// Six blocks go: one payment comes back in the other branch, the other was spent elsewhere. The service dies whenever
/// something has just happened.
#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn a_reorganisation_of_six_blocks_after_the_settlement_ends_in_the_right_books() {
    let (node, coins) = Regtest::with_coins(3).await;
    let mut shop = open(&node).await;
    let (first, second) = (ordered(&shop, 1).await, ordered(&shop, 2).await);
    let fork = node.height().await;

    let stays = node.pay(coins[0], &[(&first, DUE)], false);
    node.send(&stays).await;
    node.mine(1).await;
    shop.crash();
    node.mine(2).await;
    shop.start_again().await;
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    shop.has_seen(node.height().await).await;
    let only_the_first = (shop.books().await, shop.service.books(COIN).await);

    let lost = node.pay(coins[1], &[(&second, DUE)], false);
    node.send(&lost).await;
    shop.shows("invoices/i-2", json!({ "funding": "paid" })).await;
    shop.crash();
    node.mine(3).await;
    shop.start_again().await;
    shop.shows("orders/o-2", json!({ "payment_status": "paid" })).await;
    assert_eq!(node.height().await, fork + 6);

    // The other branch begins with the second payment's coin, which goes elsewhere.
    node.invalidate(&node.hash_at(fork + 1).await).await;
    let instead = node.pay(coins[1], &[(&theirs(), DUE)], false);
    node.mine_with(vec![instead.clone()]).await;
    shop.crash();
    shop.start_again().await;
    for order in ["orders/o-1", "orders/o-2"] {
        shop.shows(order, json!({ "payment_status": "unpaid" })).await;
    }
    shop.shows("invoices/i-1", json!({ "settlement": "reversed" })).await;
    shop.shows("invoices/i-2", json!({ "settlement": "reversed", "funding": "none" })).await;
    shop.has_seen(node.height().await).await;
    assert!(shop.books().await.is_empty(), "{:?}", shop.books().await);

    node.mine_with(vec![stays]).await;
    shop.crash();
    node.mine(5).await;
    shop.start_again().await;
    let again = shop.shows("invoices/i-1", json!({ "settlement": "settled", "funding_confirmed": "paid" })).await;
    assert_eq!(again["times_settled"], 2);
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    shop.shows("orders/o-2", json!({ "payment_status": "unpaid" })).await;
    shop.has_seen(fork + 7).await;
    assert_eq!((shop.books().await, shop.service.books(COIN).await), only_the_first);

    // And whoever was not paid is paid in this branch.
    node.send(&node.pay(coins[2], &[(&second, DUE)], false)).await;
    node.mine(2).await;
    shop.shows("orders/o-2", json!({ "payment_status": "paid" })).await;
    shop.audit().await;
}
