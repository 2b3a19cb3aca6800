//! Books with assets in them, as other programs read them.

use super::{BTC, bitcoin, included, shop};
use mizan_tests::{Run, System};
use serde_json::json;

#[tokio::test]
#[ignore = "it needs hledger and beancount: `make test` installs and runs it"]
async fn other_programs_find_the_books_balanced() {
    let system = System::new().await;
    let api = system.serve().await;
    shop(&api, bitcoin()).await;
    api.done("record-deposit", included(1, 1, "0.00210000", "50500", (100, 1))).await;
    for (format, program, arguments) in
        [("hledger", "hledger", &["check", "--strict", "-f"][..]), ("beancount", "bean-check", &[])]
    {
        let file = system.file(&format!("checked.{format}"));
        system.mizan(&["export", "--format", format, file.to_str().unwrap()]).exits(0);
        let mut command = std::process::Command::new(program);
        Run::of(command.args(arguments).arg(&file).env("HOME", "/nonexistent")).exits(0);
    }
}

/// Every posting of an asset is in the exports with all its decimals.
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
