//! What must be true after any blow.

use super::workload::Sent;
use mizan_tests::{Answer, Client, PATIENCE, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Waits until everything that must follow has followed. That something has followed twice is no matter of waiting.
pub(super) async fn settled(client: &Client) {
    let begun = Instant::now();
    while let Err(missing) = consequences(&client.events().await) {
        println!("waited for: {missing}");
        assert!(begun.elapsed() < PATIENCE, "{missing}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every capture was offered to its order once, and every refund that an order asked for was asked of its payment once.
fn consequences(events: &[Value]) -> Result<(), String> {
    let mut offered: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        let data = &event["data"];
        match event["kind"].as_str().unwrap() {
            "order-payment-allocated.v1" if data["offered"] != "0.00 EUR" => {
                *offered.entry((text(&data["order_id"]), text(&data["payment_id"]))).or_default() += 1;
            }
            "payment-refund-requested.v1" | "payment-refund-failed.v1" => {
                *asked.entry(text(&data["refund_id"])).or_default() += 1;
            }
            _other => (),
        }
    }
    assert!(offered.values().all(|count| *count == 1), "a capture was offered twice: {offered:?}");
    assert!(asked.values().all(|count| *count == 1), "a refund was asked for twice: {asked:?}");
    for event in events {
        let data = &event["data"];
        match event["kind"].as_str().unwrap() {
            "payment-received.v1" | "payment-captured.v1" => {
                let key = (text(&data["order_id"]), text(&data["payment_id"]));
                if !offered.contains_key(&key) {
                    return Err(format!("{key:?} was captured and never offered"));
                }
            }
            "order-lines-cancelled.v1" | "order-lines-returned.v1" => {
                let refunds = data["released"].as_array().unwrap().iter().map(|it| text(&it["refund_id"]));
                if let Some(refund_id) = refunds.into_iter().find(|it| !asked.contains_key(it)) {
                    return Err(format!("the order gave money back and never asked for refund {refund_id}"));
                }
            }
            _other => (),
        }
    }
    Ok(())
}

fn text(it: &Value) -> &str {
    it.as_str().unwrap_or_default()
}

/// Everything acknowledged is there as it was said, once; said again, it changes nothing; the books balance, the history is
/// whole, and the read models are what it says.
pub(super) async fn examine(system: &System, client: &Client, sent: &[Sent]) {
    let events = client.events().await;
    for (nth, event) in events.iter().enumerate() {
        assert_eq!(event["position"], nth + 1, "the history has a hole");
    }
    for it in sent {
        for event in it.answer.iter().flat_map(|answer| answer["events"].as_array().unwrap()) {
            let position = usize::try_from(event["position"].as_u64().unwrap()).unwrap();
            let kept = events.get(position - 1).unwrap_or_else(|| panic!("{} was acknowledged and is lost", it.data));
            assert_eq!((&kept["event_id"], &kept["data"]), (&event["event_id"], &event["data"]), "{}", it.name);
        }
    }
    let head = client.head().await;
    for it in sent.iter().filter(|it| it.answer.is_some()) {
        let again = say_again(client, it).await;
        match (&it.key, &it.answer) {
            (Some(_), Some(first)) => {
                assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again:?}");
                assert_eq!(again.json(), *first, "the first answer again");
            }
            (_, _) => assert_eq!(again.ok()["events"], json!([]), "{} {}", it.name, it.data),
        }
    }
    assert_eq!(client.head().await, head, "something acknowledged was done again");

    // What nobody was told about, everybody may say again, twice.
    for it in sent.iter().filter(|it| it.answer.is_none()) {
        let _done = say_again(client, it).await.ok();
    }
    settled(client).await;
    let head = client.head().await;
    for it in sent {
        let _done = say_again(client, it).await.ok();
    }
    assert_eq!(client.head().await, head, "something was done twice");

    let books = client.books("EUR").await;
    let verdict = system.mizan(&["replay", "--json"]).exits(0).json();
    assert_eq!((&verdict["events"], &verdict["balanced"]), (&json!(head), &json!(true)));
    for (account, balance) in &books {
        assert_eq!(verdict["balances"][format!("{account} EUR")], format!("{balance} EUR"), "{account}");
    }
    let ready = client.get("/readyz").await.ok();
    assert_eq!((&ready["head"], &ready["lag_events"]), (&json!(head), &json!(0)), "{ready}");
    let rebuilt = system.mizan(&["rebuild", "--json"]).exits(0).json();
    assert_eq!((&rebuilt["differences"], &rebuilt["compared_at"]), (&json!([]), &json!(head)));
}

async fn say_again(client: &Client, it: &Sent) -> Answer {
    let mut request = client.commanding(it.name, &it.data);
    if let Some(key) = &it.key {
        request = request.header("idempotency-key", key);
    }
    client.send(request).await
}
