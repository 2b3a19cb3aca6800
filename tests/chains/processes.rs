//! Several processes on the same data, and nodes that are not there: one watches, and watching goes on.

use crate::bitcoin::{DUE, open, ordered};
use crate::regtest::{REGTEST, Regtest};
use crate::shop::Shop;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn of_two_processes_one_watches_and_the_other_takes_over() {
    let (node, coins) = Regtest::with_coins(2).await;
    let mut shop = open(&node).await;
    let to = ordered(&shop, 1).await;
    let second = shop.another().await;
    let standing = |it: &Value| it["chains"][0]["standing"].clone();
    let first = std::mem::replace(&mut shop.service, second);
    shop.until("/readyz", |it| standing(it) == "standing_by").await;

    drop(first);
    node.send(&node.pay(coins[0], &[(&to, DUE)], false)).await;
    node.mine(2).await;
    shop.shows("orders/o-1", json!({ "payment_status": "paid" })).await;
    shop.until("/readyz", |it| standing(it) == "watching").await;
    shop.audit().await;
}

#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn a_node_that_is_not_there_is_said_and_stops_nothing_else() {
    let address = format!("http://x:hunter2@127.0.0.1:{}/secret-path", crate::process::free_port());
    let mut shop = Shop::open(format!("{REGTEST}={address}")).await;
    let halted = shop.until("/readyz", |it| it["chains"][0]["standing"] == "halted").await;
    assert_eq!(halted["ready"], true, "{halted:#}");
    shop.order("o-1", "10.00").await;
    shop.shows("orders/o-1", json!({ "payment_status": "unpaid" })).await;
    let metrics = String::from_utf8(shop.service.get("/metrics").await.body).unwrap();
    assert!(metrics.contains(&format!("mizan_chain_halted{{chain=\"{REGTEST}\"}} 1")), "{metrics}");
    let said = format!("{halted} {metrics} {}", shop.service.log());
    assert!(!said.contains("hunter2") && !said.contains("secret-path"), "{said}");
    assert_eq!(shop.service.stop().code(), Some(0));

    let system = &shop.system;
    let refused = |variable: &str, text: &str| {
        let mut command = system.command(&["serve", "--listen", "127.0.0.1:0"]);
        let run = mizan_tests::Run::of(command.env(variable, text)).exits(1);
        assert!(run.stderr.contains(variable) && !run.stderr.contains("hunter2"), "{run:#?}");
    };
    refused("MIZAN_NODES", "http://x:hunter2@127.0.0.1");
    refused("MIZAN_RATES", "BTC=hunter2");
}
