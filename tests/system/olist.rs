//! Real orders: the public data of a marketplace become commands, and the books agree with the files to the cent.

use mizan_tests::{System, minor, olist};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the payments of the whole data set sum to, in cents, by its own description.
const PUBLISHED_SUM: i128 = 142_860_281;

/// The real files where they stand beside the project, else the small ones of the same shape.
fn files() -> (PathBuf, bool) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let real = here.join("../../shared/data/olist");
    if real.join("orders.csv").exists() { (real, true) } else { (here.join("olist-sample"), false) }
}

/// Cents of a number as the files write it: `144.0` is 14400.
fn cents(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<2}");
    assert_eq!(fraction.len(), 2, "{text}");
    format!("{whole}{fraction}").parse().unwrap()
}

fn column(dir: &Path, file: &str, name: &str) -> Vec<String> {
    let mut rows = csv::Reader::from_path(dir.join(file)).unwrap();
    let place = rows.headers().unwrap().iter().position(|it| it == name).unwrap();
    rows.records().map(|row| row.unwrap()[place].to_owned()).collect()
}

#[tokio::test]
async fn every_row_is_accepted_or_refused_with_a_reason_and_the_books_agree_to_the_cent() {
    let (dir, is_real) = files();
    let system = System::new().await;
    let (commands, refusals) = (system.file("olist.ndjson"), system.file("refused.ndjson"));
    let mut out = std::fs::File::create(&commands).unwrap();
    let summary = olist::convert(&dir, &mut out).unwrap();
    let (commands, refusals) = (commands.to_str().unwrap(), refusals.to_str().unwrap());

    let payments = column(&dir, "order_payments.csv", "payment_value");
    let paid: i128 = payments.iter().map(|it| cents(it)).sum();
    assert!(!is_real || paid == PUBLISHED_SUM, "the files sum to {paid}");
    let orders: BTreeSet<_> = column(&dir, "orders.csv", "order_id").into_iter().collect();
    assert_eq!((summary.orders, summary.payments), (orders.len(), payments.len()));

    let first = system.mizan(&["import", commands, "--refusals", refusals, "--json"]).exits(3).json();
    let report = std::fs::read_to_string(refusals).unwrap();
    let refused: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(first["refused"], refused.len());
    assert_eq!(
        first["lines"].as_u64().unwrap(),
        first["accepted"].as_u64().unwrap() + first["refused"].as_u64().unwrap()
    );
    let mut refused_sum = 0;
    for it in &refused {
        assert!(it["problem"]["detail"].as_str().is_some_and(|reason| !reason.is_empty()), "{it}");
        let command: Value = serde_json::from_str(it["text"].as_str().unwrap()).unwrap();
        if command["command"] == "receive-payment" {
            refused_sum += cents(command["data"]["amount"].as_str().unwrap());
        }
    }

    let whole = system.mizan(&["replay", "--json"]).exits(0).json();
    assert_eq!((&whole["balanced"], &whole["sums"]["BRL"]), (&Value::Bool(true), &Value::from("0.00 BRL")));
    // No refund of these is confirmed, so what came in is still where it came in.
    let held = ["psp_clearing", "bank", "gift_card"].map(|account| {
        let balance = whole["balances"][format!("{account} BRL")].as_str().unwrap_or("0.00 BRL");
        minor(balance.strip_suffix(" BRL").unwrap())
    });
    assert_eq!(held.iter().sum::<i128>() + refused_sum, paid);

    let second = system.mizan(&["import", commands, "--json"]).exits(3).json();
    assert_eq!((&second["accepted"], &second["refused"]), (&Value::from(0), &first["refused"]));
    assert_eq!(second["head"], first["head"], "the second import has written something");
    let rebuilt = system.mizan(&["rebuild", "--json"]).exits(0).json();
    assert_eq!((&rebuilt["differences"], &rebuilt["position"]), (&Value::Array(vec![]), &first["head"]));
}
