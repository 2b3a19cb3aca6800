//! Books with assets in them, as other programs read them.

use super::{BTC, bitcoin, included, shop};
use mizan_tests::System;
use serde_json::json;

/// Every posting of an asset is in the exports with all its decimals, and each entry balances in each unit.
#[tokio::test]
async fn exports_have_assets_beside_money() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00210000", "50500", (100, 1))).await;
    let sale =
        json!({ "asset": BTC, "sale_id": "s-1", "amount": "0.00100000", "proceeds": "49.00", "currency": "EUR" });
    api.done("sell-asset", sale).await;
    for (format, coin) in [("hledger", format!("\"{BTC}\"")), ("beancount", format!("asset: \"{BTC}\""))] {
        let file = system.file(&format!("books.{format}"));
        system.mizan(&["export", "--format", format, file.to_str().unwrap()]).exits(0);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(&coin), "{format} names the asset");
        for amount in ["0.00210000", "-0.00210000", "0.00100000", "106.05", "-1.05"] {
            assert!(text.contains(amount), "{format} has no {amount}:\n{text}");
        }
    }
}
