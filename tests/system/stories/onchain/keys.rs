//! Keys: no private one enters, and API keys have names.

use super::{BITCOIN, ZPUB, bitcoin, shop};
use mizan_tests::{Client, PATIENCE, System};
use serde_json::json;

/// The private keys are those of BIP84's vectors, which everybody knows.
#[tokio::test]
async fn no_private_key_is_taken_or_logged() {
    const ZPRV: &str = "zprvAdG4iTXWBoARxkkzNpNh8r6Qag3irQB8PzEMkAFeTRXxHpbF9z4QgEvBRmfvqWvGp42t42nvgGpNgYSJA9iefm1yYNZKEm7z6qUWCroSQnE";
    const PHRASE: &str =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    let head = api.head().await;
    let wallet = |key: &str, label: &str| json!({ "wallet_id": "w-9", "chain": BITCOIN, "script": "p2wpkh", "account_key": key, "label": label });
    let raw = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (data, pointer) in
        [(wallet(ZPRV, "x"), "/account_key"), (wallet(raw, "x"), "/account_key"), (wallet(ZPUB, PHRASE), "/label")]
    {
        let answer = api.command("open-wallet", data).await;
        answer.problem(422, "private_key_not_allowed", pointer);
        let text = String::from_utf8(answer.body.clone()).unwrap();
        assert!(!text.contains(ZPRV) && !text.contains("abandon") && !text.contains(raw), "{text}");
    }
    let refund = json!({ "invoice_id": "i-1", "refund_id": "r-1", "rule": "overpaid_amount", "to": ZPRV });
    api.refused("refund-invoice", refund, "private_key_not_allowed", "/to").await;
    assert_eq!(api.head().await, head);
    let log = api.log();
    assert!(!log.contains(ZPRV) && !log.contains("abandon") && !log.contains(raw));
}

#[tokio::test]
async fn a_named_key_asks_in_its_own_name_until_it_is_removed() {
    let system = System::new().await;
    let ann = system.mizan(&["key", "add", "ann"]).exits(0).stdout.trim().to_owned();
    assert!(ann.starts_with("mzn_test_"));
    system.mizan(&["key", "add", "ann"]).exits(1);
    assert_eq!(system.mizan(&["key", "list"]).exits(0).stdout, "key:local\nkey:ann\n");
    let mut api = system.serve().await;
    let as_ann = api.client().with_key(&ann);
    as_ann.done("record-customer", json!({ "customer_id": "c-1", "name": "Ada" })).await;
    assert_eq!(api.events().await[0]["metadata"]["actor"], "key:ann");
    api.stop();
    system.mizan(&["key", "remove", "ann"]).exits(0);
    let api = system.serve().await;
    let as_ann = api.client().with_key(&ann);
    as_ann.get("/v1/queries/orders").await.problem(401, "unauthorised", "");
}

/// A stolen key has to go at once, and nobody restarts a service to give a colleague one.
#[tokio::test]
async fn a_running_service_knows_keys_that_are_made_and_removed() {
    let system = System::new().await;
    let api = system.serve().await;
    let bob = system.mizan(&["key", "add", "bob"]).exits(0).stdout.trim().to_owned();
    let as_bob = api.client().with_key(&bob);
    answers(&as_bob, 200).await;
    as_bob.done("record-customer", json!({ "customer_id": "c-1", "name": "Ada" })).await;
    assert_eq!(api.events().await[0]["metadata"]["actor"], "key:bob");
    system.mizan(&["key", "remove", "bob"]).exits(0);
    answers(&as_bob, 401).await;
    assert_eq!(api.get("/v1/queries/orders").await.status, 200, "the first key is what it was");
}

/// Asks until the answer is this one.
async fn answers(client: &Client, status: u16) {
    let asked = async { while client.get("/v1/queries/orders").await.status != status {} };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("never answered {status}"));
}
