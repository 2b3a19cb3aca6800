//! Orders and payments from beginning to end, as a client tells them over HTTP, checked against the posting rules of
//! reference/domain.md (section 3: the tables of entries; section 4: the vectors).

mod allocation;
mod cash;
mod disputes;
mod onchain;
mod orders;
mod payments;
mod plans;
mod refunds;
mod vouchers;

use mizan_tests::{Service, System, minor};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A line of an order in which prices contain 20 % tax.
fn taxed(line_id: &str, quantity: u32, unit_price: &str) -> Value {
    let taxes = json!([{ "rate": "0.20" }]);
    json!({
        "line_id": line_id, "sku": format!("sku-{line_id}"), "quantity": quantity, "unit_price": unit_price,
        "prices_include_tax": true, "taxes": taxes,
    })
}

/// A line without tax.
fn plain(line_id: &str, quantity: u32, unit_price: &str) -> Value {
    json!({ "line_id": line_id, "sku": format!("sku-{line_id}"), "quantity": quantity, "unit_price": unit_price })
}

async fn place(api: &Service, order_id: &str, lines: &[Value]) -> Value {
    let order = json!({ "order_id": order_id, "customer_id": "c-1", "currency": "EUR", "lines": lines });
    api.done("place-order", order).await
}

async fn authorise(api: &Service, payment_id: &str, order_id: &str, method: &str, amount: &str) -> Value {
    api.done("authorise-payment", payment(payment_id, order_id, method, amount)).await
}

async fn receive(api: &Service, payment_id: &str, order_id: &str, method: &str, amount: &str) -> Value {
    api.done("receive-payment", payment(payment_id, order_id, method, amount)).await
}

async fn capture(api: &Service, payment_id: &str, capture_id: &str, amount: &str, is_final: bool) -> Value {
    let capture = json!({
        "payment_id": payment_id, "capture_id": capture_id, "amount": amount, "currency": "EUR", "final": is_final,
    });
    api.done("capture-payment", capture).await
}

fn payment(payment_id: &str, order_id: &str, method: &str, amount: &str) -> Value {
    json!({
        "payment_id": payment_id, "order_id": order_id, "customer_id": "c-1",
        "method": method, "amount": amount, "currency": "EUR",
    })
}

/// So many units of a line.
fn units(line_id: &str, quantity: u32) -> Value {
    json!([{ "line_id": line_id, "quantity": quantity }])
}

/// Insists on these fields of a row.
#[track_caller]
fn shows(row: &Value, expected: &Value) {
    for (name, expected) in expected.as_object().unwrap() {
        assert_eq!(&row[name], expected, "{name} of {row:#}");
    }
}

/// The refunds of a payment that are on their way, by id, with their amounts.
async fn pending_refunds(api: &Service, payment_id: &str) -> Vec<(String, String)> {
    let payment = api.one(&format!("payments/{payment_id}")).await;
    let pending = payment["refunds"].as_array().unwrap().iter().filter(|it| it["state"] == "pending");
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    pending.map(|it| (text(it, "refund_id"), text(it, "amount"))).collect()
}

/// Confirms every refund of a payment that is on its way.
async fn confirm_refunds(api: &Service, payment_id: &str) {
    for (refund_id, _) in pending_refunds(api, payment_id).await {
        api.done("confirm-refund", json!({ "payment_id": payment_id, "refund_id": refund_id })).await;
    }
}

/// What every story ends with: the books balance, a fresh fold of the history comes to the same balances as the read
/// models that followed it, and read models built anew are the live ones.
async fn audit(system: &System, api: &Service) {
    let books = api.books("EUR").await;
    let verdict = system.mizan(&["replay", "--json"]).exits(0).json();
    assert_eq!(verdict["balanced"], true, "{verdict:#}");
    assert_eq!(verdict["events"], api.head().await);
    let folded = verdict["balances"].as_object().unwrap().iter().map(|(account, balance)| {
        let balance = balance.as_str().unwrap().strip_suffix(" EUR").unwrap();
        (account.strip_suffix(" EUR").unwrap().to_owned(), balance.to_owned())
    });
    let folded: BTreeMap<String, String> = folded.filter(|(_, balance)| minor(balance) != 0).collect();
    assert_eq!(folded, books, "the fold of the history and the read models");
    let rebuilt = system.mizan(&["rebuild", "--json"]).exits(0).json();
    assert_eq!(rebuilt["differences"], json!([]), "{rebuilt:#}");
    assert_eq!(rebuilt["position"], rebuilt["compared_at"]);
    assert_eq!(api.books("EUR").await, books, "the same after the flip");
}
