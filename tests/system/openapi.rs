//! The OpenAPI document: true of what the service takes and answers.

use mizan_tests::System;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_document_is_openapi_3_1_and_the_same_without_a_server() {
    let system = System::new().await;
    let api = system.serve().await;
    let served = api.send(api.bare(Method::GET, "/openapi.json")).await.ok();
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1."), "{}", served["openapi"]);
    assert_eq!(served["info"]["title"], "Mizan");
    assert_eq!(system.mizan(&["openapi"]).exits(0).json(), served);
    for reference in references(&served) {
        assert!(served.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
    let page = api.send(api.bare(Method::GET, "/docs/")).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    assert!(String::from_utf8(page.body).unwrap().contains("swagger"));
    // Without the slash the page is found too.
    assert_eq!(api.send(api.bare(Method::GET, "/docs")).await.status, 200);
}

/// Every path of the document is one of the service, and answers a request of that method with something else than "not
/// there".
#[tokio::test]
async fn every_route_of_the_document_answers() {
    let system = System::new().await;
    let api = system.serve().await;
    let document = api.get("/openapi.json").await.ok();
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operations.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}: an id twice");
            let address =
                path.replace("{id}", "nobody").replace("{position}", "1").replace("{asset}", "eip155:1%2Fslip44:60");
            let answer = match method.as_str() {
                "get" => api.get(&address).await,
                "post" => api.send(api.request(Method::POST, &address).json(&json!({}))).await,
                other => panic!("{path} has a method {other}"),
            };
            let declared = &operation["responses"][answer.status.to_string()];
            assert!(!declared.is_null(), "{method} {path} answers what is not declared: {answer:?}");
            if answer.status >= 400 {
                let code = answer.json()["code"].as_str().unwrap().to_owned();
                assert!(!declared["content"]["application/problem+json"].is_null(), "{path}: {answer:?}");
                // A thing may be missing, the address may not.
                assert_ne!(answer.json()["detail"], "there is no such address", "{path}");
                assert_ne!(code, "unknown_command", "{path}");
            }
        }
    }
    assert!(operations.len() > 30, "{operations:?}");
}

/// What the service answers has the shape that the document says: every field is there, of its type, and no other.
#[tokio::test]
async fn answers_are_what_the_document_says() {
    let system = System::new().await;
    let api = system.serve().await;
    let document = api.get("/openapi.json").await.ok();
    let answers = |path: &str| {
        let operation = &document["paths"][path];
        let operation = operation.get("get").or_else(|| operation.get("post")).unwrap();
        &operation["responses"]["200"]["content"]["application/json"]["schema"]
    };
    let lines = json!([{ "sku": "a", "quantity": 2, "unit_price": "10.00", "taxes": [{ "rate": "0.2", "jurisdiction": "DE" }] }]);
    let story = [
        ("place-order", json!({ "order_id": "o-1", "customer_id": "c-1", "currency": "EUR", "lines": lines })),
        (
            "receive-payment",
            json!({ "payment_id": "p-1", "order_id": "o-1", "customer_id": "c-1", "method": "card", "amount": "24.00", "currency": "EUR" }),
        ),
        ("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "1" })),
        ("return-order", json!({ "order_id": "o-1", "return_id": "1", "lines": [{ "line_id": "1", "quantity": 1 }] })),
        ("open-dispute", json!({ "payment_id": "p-1", "dispute_id": "1", "amount": "1.00", "currency": "EUR" })),
        ("set-credit-limit", json!({ "customer_id": "c-1", "limit": "500.00", "currency": "EUR" })),
        (
            "approve-plan",
            json!({
                "plan_id": "n-1", "customer_id": "c-1", "order_id": "o-2", "amount": "100.00", "currency": "EUR",
                "terms": { "payments": 4, "frequency": "monthly", "rate": "0.07" }
            }),
        ),
        ("open-plan", json!({ "plan_id": "n-1" })),
        (
            "receive-payment",
            json!({ "payment_id": "p-2", "plan_id": "n-1", "customer_id": "c-1", "method": "card", "amount": "20.00", "currency": "EUR" }),
        ),
        ("record-customer", json!({ "customer_id": "c-1", "name": "Ada Lovelace" })),
        ("close-period", json!({ "until": "2025-12-31" })),
        ("start-clock", json!({})),
    ];
    for (name, data) in story.into_iter().chain(on_chains()) {
        let schema = answers(&format!("/v1/commands/{name}"));
        let dry = api.send(api.commanding(&format!("{name}?dry_run=true"), &data)).await.ok();
        conforms(&document, schema, &dry, name);
        conforms(&document, schema, &api.done(name, data).await, name);
    }
    let head = api.head().await;
    for (path, address) in [
        ("/v1/queries/orders", "orders?"),
        ("/v1/queries/orders/{id}", "orders/o-1?"),
        ("/v1/queries/payments", "payments?"),
        ("/v1/queries/payments/{id}", "payments/p-1?"),
        ("/v1/queries/accounts", "accounts?"),
        ("/v1/queries/journal", "journal?"),
        ("/v1/queries/trial-balance", "trial-balance?"),
        ("/v1/queries/trial-balance/changes", "trial-balance/changes?since=2&"),
        ("/v1/queries/customers/{id}/statement", "customers/c-1/statement?"),
        ("/v1/queries/daily-takings", "daily-takings?"),
        ("/v1/queries/plans", "plans?"),
        ("/v1/queries/plans/{id}", "plans/n-1?"),
        ("/v1/queries/plans/{id}/agreement", "plans/n-1/agreement?"),
        ("/v1/queries/plans/{id}/history", "plans/n-1/history?"),
        ("/v1/queries/installments", "installments?"),
        ("/v1/queries/due", "due?from=2026-01-01&to=2036-01-01&"),
        ("/v1/queries/ageing", "ageing?"),
        ("/v1/queries/credit-lines", "credit-lines?"),
        ("/v1/queries/credit-lines/{id}", "credit-lines/c-1?"),
        ("/v1/queries/clock", "clock?"),
        ("/v1/queries/wallets", "wallets?"),
        ("/v1/queries/wallets/{id}", "wallets/w-1?"),
        ("/v1/queries/invoices", "invoices?"),
        ("/v1/queries/invoices/{id}", "invoices/i-1?"),
        ("/v1/queries/deposits", "deposits?"),
        ("/v1/queries/holdings", "holdings?"),
        ("/v1/queries/holdings/{asset}", "holdings/bip122:000000000019d6689c085ae165831e93%2Fslip44:0?"),
        ("/v1/queries/payouts", "payouts?"),
        ("/v1/queries/payouts/{id}", "payouts/po-1?"),
        ("/v1/queries/customers", "customers?"),
        ("/v1/queries/customers/{id}", "customers/c-1?"),
        ("/v1/queries/periods", "periods?"),
        ("/v1/queries/periods/{until}", "periods/2025-12-31?"),
    ] {
        let answer = api.get(&format!("/v1/queries/{address}min_position={head}")).await.ok();
        conforms(&document, answers(path), &answer, path);
    }
    conforms(&document, answers("/v1/events"), &api.get("/v1/events").await.ok(), "events");
    conforms(&document, answers("/v1/events/{position}"), &api.get("/v1/events/1").await.ok(), "event");
    let cloud = &document["components"]["schemas"]["CloudEvent"];
    let request = api.request(Method::GET, "/v1/events").header("accept", "application/cloudevents-batch+json");
    for event in api.send(request).await.ok().as_array().unwrap() {
        conforms(&document, cloud, event, "cloud event");
    }
    conforms(&document, answers("/readyz"), &api.get("/readyz").await.ok(), "ready");
    let many = [
        json!({ "command": "place-order", "data": { "order_id": 1 } }),
        json!({ "command": "fulfil-order", "data": { "order_id": "o-1", "fulfilment_id": "1" } }),
    ];
    let outcomes = api.send(api.request(Method::POST, "/v1/commands").json(&many)).await.ok();
    conforms(&document, answers("/v1/commands"), &outcomes, "commands");
    let problem = &document["components"]["schemas"]["Problem"];
    conforms(&document, problem, &api.get("/v1/queries/orders?limit=0").await.json(), "problem");
}

/// An invoice that is paid, and a payout that waits.
fn on_chains() -> Vec<(&'static str, Value)> {
    let (btc, address) =
        ("bip122:000000000019d6689c085ae165831e93/slip44:0", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu");
    let key = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
    let chain = "bip122:000000000019d6689c085ae165831e93";
    let hash = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
    vec![
        ("open-wallet", json!({ "wallet_id": "w-1", "chain": chain, "script": "p2wpkh", "account_key": key })),
        (
            "register-asset",
            json!({ "asset": btc, "decimals": 8, "symbol": "BTC", "currency": "EUR", "tiers": [{ "confirmations": 1 }] }),
        ),
        (
            "create-invoice",
            json!({
                "wallet_id": "w-1", "invoice_id": "i-1", "order_id": "o-1", "customer_id": "c-1", "price": "10.00",
                "currency": "EUR", "asset": btc, "rate": "50000", "source": "table"
            }),
        ),
        (
            "record-deposit",
            json!({
                "asset": btc, "transaction": hash, "place": "output", "index": 0, "amount": "0.00100000", "address": address,
                "sequence": 1, "state": "included", "block_height": 1, "block_hash": hash, "confirmations": 1,
                "rate": "50000", "source": "table"
            }),
        ),
        (
            "revalue-asset",
            json!({ "asset": btc, "revaluation_id": "v-1", "on": "2026-01-31", "rate": "51000", "source": "table" }),
        ),
        ("freeze-asset", json!({ "asset": btc, "freeze_id": "z-1", "amount": "0.00000100" })),
        (
            "set-payout-rules",
            json!({ "asset": btc, "approvers": ["key:ann", "key:bob"], "approvals_needed": 1, "cool_off_s": 0 }),
        ),
        ("allow-destination", json!({ "asset": btc, "address": address })),
        (
            "request-payout",
            json!({
                "asset": btc, "payout_id": "po-1", "amount": "0.00010000", "rate": "50000", "source": "table", "to": address
            }),
        ),
    ]
}

/// Whether a value has the shape of a schema, as far as our document says shapes.
#[track_caller]
pub(crate) fn conforms(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return conforms(document, document.pointer(reference.trim_start_matches('#')).unwrap(), value, place);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let whole = merged(document, parts);
        return conforms(document, &whole, value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices.iter().find(|it| (it["type"] == "null") == value.is_null());
        return conforms(
            document,
            choice.unwrap_or_else(|| panic!("{place}: {value} is none of {schema}")),
            value,
            place,
        );
    }
    if let Some(names) = schema["enum"].as_array() {
        assert!(names.contains(value), "{place}: {value} is none of {names:?}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_allowed = match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(some) => some.iter().any(|it| it == kind),
        _unsaid => true,
    };
    assert!(is_allowed, "{place}: {value} is not {}", schema["type"]);
    match value {
        Value::Array(items) => {
            for (nth, item) in items.iter().enumerate() {
                conforms(document, &schema["items"], item, &format!("{place}/{nth}"));
            }
        }
        Value::Object(fields) => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            for name in required.iter().filter_map(Value::as_str) {
                assert!(fields.contains_key(name), "{place}: {name} is required, and not there: {value}");
            }
            // An object without properties is any object, an event's payload for example.
            let Some(known) = schema["properties"].as_object() else { return };
            for (name, field) in fields {
                let schema = known.get(name).unwrap_or_else(|| panic!("{place}: the document does not know {name}"));
                conforms(document, schema, field, &format!("{place}/{name}"));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

/// One object with the fields of all the parts.
fn merged(document: &Value, parts: &[Value]) -> Value {
    let (mut properties, mut required) = (serde_json::Map::new(), Vec::new());
    for part in parts {
        let part = match part["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => part,
        };
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn references(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeSet::new(),
    }
}
