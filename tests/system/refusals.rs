//! What bad input gets: a 4xx problem with a code of its own and a pointer to the field, and nothing is written.

mod bodies;
mod card_numbers;
mod onchain;
mod questions;
mod requests;
mod rules;

use mizan_tests::{Service, System};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// A service that has an order and a payment already, and must not get anything more.
struct Refuser {
    _system: System,
    api: Service,
    head: i64,
}

impl Refuser {
    async fn new() -> Self {
        let system = System::new().await;
        let api = system.serve().await;
        let order = json!({
            "order_id": "o-1", "customer_id": "c-1", "currency": "EUR",
            "lines": [{ "line_id": "a", "sku": "coffee", "quantity": 3, "unit_price": "10.00" }],
        });
        api.done("place-order", order).await;
        let payment = json!({
            "payment_id": "p-1", "order_id": "o-1", "method": "card", "amount": "30.00", "currency": "EUR",
        });
        api.done("receive-payment", payment).await;
        let head = api.head().await;
        Self { _system: system, api, head }
    }

    /// Insists that a request gets this problem, and that nothing has happened.
    async fn expect(&self, what: &str, request: RequestBuilder, status: u16, code: &str, pointer: &str) {
        let answer = self.api.send(request).await;
        assert!(answer.status < 500, "{what}: {answer:?}");
        println!("{what}: {answer:?}");
        answer.problem(status, code, pointer);
        assert_eq!(self.api.head().await, self.head, "{what} has written something");
    }

    /// The same for a command, with 422.
    async fn refuses(&self, what: &str, command: &str, data: &Value, code: &str, pointer: &str) {
        self.expect(what, self.api.commanding(command, data), 422, code, pointer).await;
    }
}

/// A JSON body with one place changed, by JSON pointer; with `null` the field is taken out.
fn with(base: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = base.clone();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = changed.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
    match (parent, value) {
        (Value::Object(parent), Value::Null) => _ = parent.remove(field),
        (Value::Object(parent), value) => _ = parent.insert(field.to_owned(), value),
        (Value::Array(parent), value) => parent[field.parse::<usize>().unwrap()] = value,
        (other, _) => panic!("{pointer} is in {other}"),
    }
    changed
}
