//! Ethereum: a token with six decimals, the traps of tokens, and a chain that goes back.

use crate::anvil::{Anvil, CHAIN};
use crate::shop::Shop;
use mizan_domain::onchain::Address;
use serde_json::{Value, json};

/// The account `m/44'/60'/0'` of the phrase that all the world's vectors have.
const ACCOUNT: &str =
    "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt";
const ETHER: &str = "eip155:31337/slip44:60";
const TRANSFER: &str = "a9059cbb";
const LIE: &str = "3b0716da";
const SUPPLY: u128 = 1_000_000_000_000;
/// What is due of 10.00 USD at 0.9998, in millionths, rounded up.
const DUE: u128 = 10_002_001;

fn asset_of(token: &Address) -> String {
    format!("{CHAIN}/erc20:{}", token.as_str().to_lowercase())
}

/// A shop that takes ether and a token, after two blocks.
async fn open(node: &Anvil, token: &Address, rates: &str) -> Shop {
    let shop = Shop::open_with(format!("{CHAIN}={}", node.address()), rates).await;
    for (asset, decimals, symbol) in [(ETHER.to_owned(), 18, "ETH"), (asset_of(token), 6, "USDC")] {
        let tiers = json!([{ "confirmations": 2 }]);
        let said = json!({ "asset": asset, "decimals": decimals, "symbol": symbol, "currency": "USD", "tiers": tiers });
        shop.service.done("register-asset", said).await;
    }
    let wallet = json!({ "wallet_id": "w-1", "chain": CHAIN, "script": "evm", "account_key": ACCOUNT });
    shop.service.done("open-wallet", wallet).await;
    shop.is_watching().await;
    shop
}

fn address(invoice: &Value) -> Address {
    Address::parse(invoice["address"].as_str().unwrap(), CHAIN).unwrap()
}

#[tokio::test]
#[ignore = "needs anvil: make test"]
async fn an_order_is_paid_in_a_token_and_nothing_else_counts() {
    let node = Anvil::start().await;
    let (token, unknown) = (node.token(SUPPLY).await, node.token(SUPPLY).await);
    let shop = open(&node, &token, crate::shop::RATES).await;
    shop.order("o-1", "10.00").await;
    let invoice = shop.invoice("i-1", "o-1", "10.00", &asset_of(&token)).await;
    assert_eq!(invoice["due"], "10.002001");
    let to = address(&invoice);

    // Nothing of this is money: too much for the sender, zero, a lie, and a token of the same name that nobody takes.
    let failed = node.token_call(&token, TRANSFER, &to, SUPPLY + 1).await;
    assert!(!node.succeeded(&failed).await);
    node.token_call(&token, TRANSFER, &to, 0).await;
    node.token_call(&token, LIE, &to, DUE).await;
    node.token_call(&unknown, TRANSFER, &to, DUE).await;
    node.mine(2).await;
    shop.has_seen(node.height().await).await;
    shop.shows("invoices/i-1", json!({ "funding": "none" })).await;
    assert!(shop.books().await.is_empty());
    let metrics = String::from_utf8(shop.service.get("/metrics").await.body).unwrap();
    for effect in ["failed", "zero", "hollow"] {
        let line = format!("mizan_chain_transfers_total{{chain=\"{CHAIN}\",effect=\"{effect}\"}} 1");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }

    // Ether instead of the token is money of another kind, and somebody has to look.
    node.pay(&to, 1_000_000_000_000_000).await;
    node.mine(1).await;
    let wrong = shop.shows("invoices/i-1", json!({ "attention": ["wrong_asset", "unresolved"] })).await;
    assert_eq!(wrong["left_over"], "2.50");

    node.token_call(&token, TRANSFER, &to, DUE).await;
    node.mine(1).await;
    shop.shows("invoices/i-1", json!({ "funding_confirmed": "paid", "settlement": "settled" })).await;
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    let books = [("customer_credit", "-2.50"), ("deferred_revenue", "-10.00"), ("fx_trading", "12.50")];
    shop.service.has_books("USD", &books).await;
    shop.service.has_books(&asset_of(&token), &[("crypto_hot", "10.002001"), ("fx_trading", "-10.002001")]).await;

    // The chain itself says what is final.
    node.mine(40).await;
    let deposits = shop.until("/v1/queries/deposits?invoice_id=i-1&state=final", |it| it["data"][1].is_object()).await;
    assert_eq!(deposits["data"].as_array().unwrap().len(), 2, "{deposits:#}");
    shop.audit().await;
}

#[tokio::test]
#[ignore = "needs anvil: make test"]
async fn a_settled_order_is_due_again_when_its_blocks_go_and_paid_in_the_others() {
    let node = Anvil::start().await;
    let token = node.token(SUPPLY).await;
    let mut shop = open(&node, &token, crate::shop::RATES).await;
    shop.order("o-1", "10.00").await;
    let to = address(&shop.invoice("i-1", "o-1", "10.00", &asset_of(&token)).await);

    node.token_call(&token, TRANSFER, &to, DUE).await;
    node.mine(5).await;
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    shop.has_seen(node.height().await).await;
    let books = shop.books().await;

    node.tell("anvil_reorg", (6, json!([]))).await;
    shop.crash();
    shop.start_again().await;
    shop.shows("orders/o-1", json!({ "payment_status": "unpaid" })).await;
    shop.has_seen(node.height().await).await;
    assert!(shop.books().await.is_empty(), "{:?}", shop.books().await);

    node.token_call(&token, TRANSFER, &to, DUE).await;
    shop.crash();
    node.mine(2).await;
    shop.start_again().await;
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    shop.has_seen(node.height().await).await;
    assert_eq!(shop.books().await, books);
    shop.audit().await;
}

/// Nobody guesses what an asset costs: a payment waits for a rate, and keeps the one that it was promised.
#[tokio::test]
#[ignore = "needs anvil: make test"]
async fn without_a_rate_nothing_is_confirmed_and_nothing_is_lost() {
    let node = Anvil::start().await;
    let token = node.token(SUPPLY).await;
    let mut shop = open(&node, &token, "").await;
    shop.order("o-1", "10.00").await;
    let asset = asset_of(&token);
    let offer = json!({
        "wallet_id": "w-1", "invoice_id": "i-1", "order_id": "o-1", "price": "10.00", "currency": "USD", "asset": asset,
    });
    shop.service.refused("create-invoice", offer.clone(), "rate_missing", "/rate").await;
    let mut priced = offer;
    (priced["rate"], priced["source"]) = (json!("0.9998"), json!("our desk"));
    shop.service.done("create-invoice", priced).await;
    let to = address(&shop.service.one("invoices/i-1").await);

    node.token_call(&token, TRANSFER, &to, DUE).await;
    node.mine(3).await;
    let waits = shop.until("/readyz", |it| it["chains"][0]["untold"] == 1).await;
    let why = waits["chains"][0]["untold_why"].as_str().unwrap_or_default();
    assert!(waits["ready"] == true && why.contains("MIZAN_RATES"), "{waits:#}");
    shop.shows("orders/o-1", json!({ "payment_status": "unpaid" })).await;
    assert_eq!(shop.service.stop().code(), Some(0));
    shop.start_again().await;
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    shop.has_seen(node.height().await).await;
    shop.audit().await;
}
