//! The installments of real orders as plans: other facts on the way, the same money in the end.

use super::{Csv, live, timed};
use mizan_tests::olist::{self, Installments};
use mizan_tests::{Run, System, minor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

#[tokio::test]
async fn the_installments_of_a_sample_are_plans() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("olist-sample");
    reconciles(&sample).await;
}

#[tokio::test]
async fn the_installments_of_real_orders_are_plans() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/olist");
    if !real.is_dir() {
        println!("{} is not there: only the sample is tested", real.display());
        return;
    }
    assert_eq!(reconciles(&real).await, 4_262);
}

/// How many plans there were.
async fn reconciles(dir: &Path) -> usize {
    let csv = Csv::read(dir);
    let system = System::new().await;
    let path = system.file("plans.ndjson");
    let summary = olist::convert(dir, Installments::Plans, &mut File::create(&path).unwrap()).unwrap();
    let plans = summary.commands["approve-plan"];
    let import = || {
        let arguments = ["import", path.to_str().unwrap(), "--json"];
        Run::of(&mut system.command(&arguments)).exits(super::REFUSED).json()
    };
    let report = timed("import of plans", import);
    let refused: Vec<&String> = report["refused_by_code"].as_object().unwrap().keys().collect();
    assert!(
        refused.iter().all(|it| ["amount_not_positive", "no_lines", "unknown_value"].contains(&it.as_str())),
        "{report:#}"
    );
    let api = system.serve().await;
    // Every plan ends with nothing owed, whether it was paid or its order cancelled.
    let mut last: BTreeMap<String, Value> = BTreeMap::new();
    let mut paid = 0;
    for event in api.events().await {
        let kind = event["kind"].as_str().unwrap();
        if kind == "plan-payment-applied.v1" {
            let amount = event["data"]["amount"].as_str().unwrap();
            paid += minor(amount.strip_suffix(" BRL").unwrap());
        }
        if event["data"]["standing"].is_object() {
            last.insert(event["stream"].as_str().unwrap().to_owned(), event["data"]["standing"].clone());
        }
    }
    assert_eq!(last.len(), plans);
    assert!(last.values().all(|it| it["status"] == "settled"));
    assert_eq!(paid, csv.paid_in_installments());
    // The same books as without plans, but for what shops and their books owe each other after cancellations.
    let mut books = api.books("BRL").await;
    let (claim, debt) = (books.remove("bnpl_clearing"), books.remove("merchant_payable"));
    let cents = |it: Option<String>| it.map_or(0, |it| minor(&it));
    assert_eq!(cents(claim.clone()) + cents(debt.clone()), 0, "{claim:?} {debt:?}");
    let bank = books.remove("bank");
    let mut expected = csv.books();
    assert_eq!(bank, expected.remove("bank"));
    assert_eq!(books, expected);
    let again = timed("import of plans again", import);
    assert_eq!(again["accepted"], 0, "{again:#}");
    let before = live(&system).await;
    let rebuilt = timed("rebuild with plans", || system.mizan(&["rebuild", "--json"]).exits(0).json());
    assert_eq!((&rebuilt["differences"], &rebuilt["tables"]), (&json!([]), &before));
    let verdict = timed("replay with plans", || system.mizan(&["replay", "--json"]).exits(0).json());
    assert_eq!(verdict["balanced"], true);
    plans
}
