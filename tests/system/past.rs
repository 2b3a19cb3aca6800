//! Time travel: what a dashboard was told then, it is told again when it asks as of then.

use mizan_tests::System;
use serde_json::{Value, json};

const QUESTIONS: [&str; 17] = [
    "orders",
    "orders/o-1",
    "payments",
    "payments/p-1",
    "accounts",
    "journal?limit=100",
    "trial-balance",
    "customers/c-1/statement",
    "daily-takings",
    "plans",
    "plans/n-1",
    "plans/n-1/history",
    "installments",
    "due?from=2024-01-01&to=2033-12-31",
    "ageing?on=2026-06-01",
    "credit-lines/c-1",
    "clock",
];

fn story() -> Vec<(&'static str, Value)> {
    let lines = json!([{ "sku": "a", "quantity": 2, "unit_price": "10.00", "taxes": [{ "rate": "0.2" }] }]);
    let terms = json!({ "payments": 4, "frequency": "monthly", "rate": "0.07" });
    vec![
        ("start-clock", json!({ "at": "2026-03-01T00:00:00Z" })),
        ("place-order", json!({ "order_id": "o-1", "customer_id": "c-1", "currency": "EUR", "lines": lines })),
        (
            "receive-payment",
            json!({ "payment_id": "p-1", "order_id": "o-1", "customer_id": "c-1", "method": "card", "amount": "24.00", "currency": "EUR" }),
        ),
        ("set-credit-limit", json!({ "customer_id": "c-1", "limit": "500.00", "currency": "EUR" })),
        (
            "approve-plan",
            json!({ "plan_id": "n-1", "customer_id": "c-1", "amount": "100.00", "currency": "EUR", "terms": terms }),
        ),
        ("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })),
        ("open-plan", json!({ "plan_id": "n-1" })),
        ("advance-clock", json!({ "to": "2026-05-20T00:00:00Z" })),
        (
            "return-order",
            json!({ "order_id": "o-1", "return_id": "r-1", "lines": [{ "line_id": "1", "quantity": 1 }] }),
        ),
        (
            "receive-payment",
            json!({ "payment_id": "p-2", "plan_id": "n-1", "customer_id": "c-1", "method": "card", "amount": "20.00", "currency": "EUR",
                    "occurred_at": "2026-04-02T00:00:00Z" }),
        ),
    ]
}

#[tokio::test]
async fn every_answer_can_be_had_again() {
    let system = System::new().await;
    let api = system.serve().await;
    let mut told = Vec::new();
    for (name, data) in story() {
        api.done(name, data).await;
        let head = api.head().await;
        let mut answers = Vec::new();
        for question in QUESTIONS {
            let separator = if question.contains('?') { '&' } else { '?' };
            let answer = api.get(&format!("/v1/queries/{question}{separator}min_position={head}")).await;
            answers.push((answer.status, answer.json()));
        }
        let last = api.get(&format!("/v1/events/{head}")).await.ok();
        told.push((head, last["recorded_at"].as_str().unwrap().to_owned(), answers));
    }
    for (head, moment, answers) in &told {
        for (question, (status, was)) in QUESTIONS.iter().zip(answers) {
            let separator = if question.contains('?') { '&' } else { '?' };
            for as_of in [&head.to_string(), moment] {
                let again = api.get(&format!("/v1/queries/{question}{separator}as_of={as_of}")).await;
                assert_eq!(again.status, *status, "{question} as of {as_of}");
                if *status == 200 {
                    assert_eq!(again.json(), *was, "{question} as of {as_of}");
                }
            }
        }
    }
    let before = api.get("/v1/queries/trial-balance?as_of=0").await.ok();
    assert_eq!((&before["position"], &before["data"]["lines"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn the_books_change_by_what_was_posted_between_two_points() {
    let system = System::new().await;
    let api = system.serve().await;
    let mut heads = vec![0];
    for (name, data) in story() {
        api.done(name, data).await;
        heads.push(api.head().await);
    }
    let balance = async |as_of: i64| api.get(&format!("/v1/queries/accounts?limit=100&as_of={as_of}")).await.ok();
    let of = |accounts: &Value, line: &Value, field: &str| {
        let rows = accounts["data"].as_array().unwrap();
        let row = rows.iter().find(|it| it["account"] == line["account"] && it["currency"] == line["currency"]);
        row.map_or("0.00".to_owned(), |it| it[field].as_str().unwrap().to_owned())
    };
    for (since, until) in heads.iter().zip(heads.iter().skip(3)) {
        let changes = api.get(&format!("/v1/queries/trial-balance/changes?since={since}&as_of={until}")).await.ok();
        assert_eq!((&changes["position"], &changes["data"]["is_balanced"]), (&json!(until), &json!(true)));
        let (before, after) = (balance(*since).await, balance(*until).await);
        let lines = changes["data"]["lines"].as_array().unwrap();
        assert_eq!(lines.len(), after["data"].as_array().unwrap().len());
        for line in lines {
            assert_eq!(line["opening"], of(&before, line, "balance"), "{line}");
            assert_eq!(line["closing"], of(&after, line, "balance"), "{line}");
        }
    }
}

/// A payment of the 2nd of April is told in May.
#[tokio::test]
async fn a_fact_counts_for_its_own_day_whenever_it_was_told() {
    let system = System::new().await;
    let api = system.serve().await;
    for (name, data) in story() {
        api.done(name, data).await;
    }
    let head = api.head().await;
    let clearing = async |path: &str| {
        let lines = api.get(&format!("/v1/queries/trial-balance?{path}&min_position={head}")).await.ok();
        let lines = lines["data"]["lines"].as_array().unwrap().clone();
        lines.iter().find(|it| it["account"] == "psp_clearing").map(|it| it["debit"].as_str().unwrap().to_owned())
    };
    assert_eq!(clearing("effective_at=2026-04-01").await.as_deref(), Some("24.00"));
    assert_eq!(clearing("effective_at=2026-04-02").await.as_deref(), Some("44.00"));
    assert_eq!(clearing("effective_at=2026-02-28").await, None);
    let told = api.get("/v1/events?kind=payment-received.v1&limit=10").await.ok();
    let told = told["data"].as_array().unwrap().last().unwrap()["position"].as_i64().unwrap();
    let known_before = format!("effective_at=2026-04-02&as_of={}", told - 1);
    assert_eq!(clearing(&known_before).await.as_deref(), Some("24.00"), "nobody knew it then");
}
