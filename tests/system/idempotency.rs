//! Said twice, done once: with a key the first answer comes again, without one the ids alone are enough.

use futures_util::future::join_all;
use mizan_tests::{Answer, Client, System};
use serde_json::{Value, json};

fn order(order_id: &str) -> Value {
    json!({ "order_id": order_id, "currency": "EUR", "lines": [{ "sku": "a", "quantity": 1, "unit_price": "10.00" }] })
}

fn payment(payment_id: &str, order_id: &str) -> Value {
    json!({ "payment_id": payment_id, "order_id": order_id, "method": "card", "amount": "10.00", "currency": "EUR" })
}

async fn keyed(api: &Client, key: &str, name: &str, data: &Value) -> Answer {
    api.send(api.commanding(name, data).header("idempotency-key", key)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

/// The same key and content: the same bytes, in whatever order the fields stand, also after a restart and after other
/// commands have gone on.
#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_again_byte_for_byte() {
    let system = System::new().await;
    let first = {
        let api = system.serve().await;
        let first = keyed(&api, "k-1", "place-order", &order("o-1")).await;
        assert_eq!((first.status, is_replayed(&first)), (200, false), "{first:?}");
        let again = keyed(&api, "k-1", "place-order", &order("o-1")).await;
        assert_eq!((again.status, is_replayed(&again)), (200, true), "{again:?}");
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("etag"), first.header("etag"));
        api.done("receive-payment", payment("p-1", "o-1")).await;
        // White space and the order of fields are not content.
        let text =
            r#"{ "lines": [{"unit_price":"10.00","sku":"a","quantity":1}], "currency":"EUR","order_id" : "o-1" }"#;
        let request = api.commanding("place-order", &Value::Null).body(text).header("idempotency-key", "k-1");
        let reordered = api.send(request).await;
        assert_eq!((reordered.status, is_replayed(&reordered)), (200, true), "{reordered:?}");
        assert_eq!(reordered.body, first.body);
        // The draft's quoted form is the same key.
        let quoted = keyed(&api, "\"k-1\"", "place-order", &order("o-1")).await;
        assert_eq!(quoted.body, first.body);
        first
    };
    let api = system.serve().await;
    let after_restart = keyed(&api, "k-1", "place-order", &order("o-1")).await;
    assert!(is_replayed(&after_restart));
    assert_eq!(after_restart.body, first.body);
    assert_eq!(api.head().await, 3, "placed, received, allocated");
}

#[tokio::test]
async fn a_key_is_for_one_content_of_one_command() {
    let system = System::new().await;
    let api = system.serve().await;
    assert_eq!(keyed(&api, "k-1", "place-order", &order("o-1")).await.status, 200);
    let head = api.head().await;
    let reused = [
        ("another order", "place-order", order("o-2")),
        ("another command", "fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "f-1" })),
        ("another category", "receive-payment", payment("p-1", "o-1")),
        ("a refused command", "return-order", json!({ "order_id": "o-1", "return_id": "r-1" })),
    ];
    for (what, name, data) in reused {
        let answer = keyed(&api, "k-1", name, &data).await;
        println!("{what}: {answer:?}");
        answer.problem(422, "idempotency_key_reused", "");
    }
    assert_eq!(api.head().await, head);
    // What was refused has used no key: put right, it may use it.
    let early = json!({ "order_id": "o-1", "return_id": "r-1" });
    keyed(&api, "k-2", "return-order", &early).await.problem(422, "nothing_left", "");
    assert_eq!(
        keyed(&api, "k-2", "fulfil-order", &json!({ "order_id": "o-1", "fulfilment_id": "f-1" })).await.status,
        200
    );
    // A dry run uses none either.
    let dry = api.commanding("place-order?dry_run=true", &order("o-3")).header("idempotency-key", "k-3");
    assert_eq!(api.send(dry).await.status, 200);
    assert!(!is_replayed(&keyed(&api, "k-3", "place-order", &order("o-4")).await));
}

/// Twenty at once, as impatient clients and proxies do it: one does it, all hear of it.
#[tokio::test]
async fn twenty_identical_requests_at_once_are_one_fact() {
    let system = System::new().await;
    let api = system.serve().await;
    let (one_order, one_payment) = (order("o-1"), payment("p-1", "o-1"));
    let orders = join_all((0..20).map(|_| keyed(&api, "k-order", "place-order", &one_order)));
    let (with_key, without) = (
        join_all((0..20).map(|_| keyed(&api, "k-payment", "receive-payment", &one_payment))),
        join_all((0..20).map(|_| api.command("receive-payment", payment("p-2", "o-1")))),
    );
    let (orders, with_key, without) = tokio::join!(orders, with_key, without);
    for answers in [&orders, &with_key] {
        assert!(answers.iter().all(|it| it.status == 200 && it.body == answers[0].body), "{answers:?}");
        assert_eq!(answers.iter().filter(|it| !is_replayed(it)).count(), 1, "one was the first");
    }
    let makers = without.iter().filter(|it| it.ok()["events"] != json!([])).count();
    assert_eq!(makers, 1, "without a key one made the event, the others found it made");
    let events = api.events().await;
    let count = |kind: &str| events.iter().filter(|it| it["kind"] == kind).count();
    assert_eq!((count("order-placed.v1"), count("payment-received.v1")), (1, 2));
    let offered =
        events.iter().filter(|it| it["kind"] == "order-payment-allocated.v1" && it["data"]["offered"] != "0.00 EUR");
    assert_eq!(offered.count(), 2, "each payment was offered once");
}

/// The same ids are the same fact; the answer says where it stands, and that nothing new has happened.
#[tokio::test]
async fn without_a_key_the_ids_are_enough() {
    let system = System::new().await;
    let api = system.serve().await;
    let id = |name: &str, id: &str| json!({ "payment_id": "p-1", name: id });
    let amount = |name: &str, it: &str, amount: &str| json!({ "payment_id": "p-1", name: it, "amount": amount, "currency": "EUR" });
    let lines = json!([{ "line_id": "1", "quantity": 1 }]);
    let addition = json!({ "order_id": "o-1", "addition_id": "n-1", "currency": "EUR", "lines": [{ "line_id": "2", "sku": "b", "quantity": 2, "unit_price": "5.00" }] });
    let dispute = |name: &str| json!({ "payment_id": "p-1", name: "d-1", "currency": "EUR" });
    let story = [
        ("place-order", order("o-1")),
        ("add-order-lines", addition),
        ("authorise-payment", payment("p-1", "o-1")),
        ("capture-payment", amount("capture_id", "k-1", "8.00")),
        ("void-payment", json!({ "payment_id": "p-1" })),
        ("record-fee", amount("fee_id", "f-1", "0.30")),
        ("record-payout", amount("payout_id", "po-1", "1.00")),
        ("refund-payment", amount("refund_id", "rf-1", "1.00")),
        ("confirm-refund", id("refund_id", "rf-1")),
        ("refund-payment", amount("refund_id", "rf-2", "1.00")),
        ("fail-refund", id("refund_id", "rf-2")),
        ("open-dispute", amount("dispute_id", "d-1", "2.00")),
        ("win-dispute", dispute("dispute_id")),
        ("open-dispute", amount("dispute_id", "d-2", "1.00")),
        ("lose-dispute", json!({ "payment_id": "p-1", "dispute_id": "d-2", "currency": "EUR" })),
        ("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "f-1", "lines": lines })),
        ("return-order", json!({ "order_id": "o-1", "return_id": "r-1", "lines": lines })),
        ("cancel-order", json!({ "order_id": "o-1", "cancellation_id": "x-1" })),
        ("decline-payment", payment("p-2", "o-1")),
        ("receive-payment", payment("p-3", "o-1")),
        ("reverse-capture", json!({ "payment_id": "p-3", "capture_id": "p-3" })),
    ];
    for (name, data) in &story {
        assert_ne!(api.done(name, data.clone()).await["events"], json!([]), "{name} is a new fact");
        let head = api.head().await;
        assert_eq!(api.done(name, data.clone()).await["events"], json!([]), "{name} at once again");
        assert_eq!(api.head().await, head, "{name} at once again");
    }
    // The whole story again, long after: not one event.
    let head = api.head().await;
    for (name, data) in &story {
        let answer = api.done(name, data.clone()).await;
        assert_eq!(answer["events"], json!([]), "{name}");
        assert!(answer["position"].as_i64().unwrap() <= head);
    }
    assert_eq!(api.head().await, head);
}

/// Event ids are made of the command's: whoever repeats a keyed command makes the same events, and not new ones.
#[tokio::test]
async fn event_ids_derive_from_the_command() {
    let (one, other) = (System::new().await, System::new().await);
    let (one, other) = (one.serve().await, other.serve().await);
    let (here, there) = (
        keyed(&one, "k-1", "place-order", &order("o-1")).await.ok(),
        keyed(&other, "k-1", "place-order", &order("o-1")).await.ok(),
    );
    assert_eq!(here["events"][0]["event_id"], there["events"][0]["event_id"]);
    assert_eq!(here["command_id"], there["command_id"]);
    let metadata = one.events().await.remove(0)["metadata"].take();
    assert_eq!(metadata["command_id"], here["command_id"]);
    assert_eq!(metadata["correlation_id"], here["command_id"]);
}

/// A retry says everything that the first request said, the `If-Match` too, which has become stale by it.
#[tokio::test]
async fn a_retry_is_not_refused_for_what_it_did_itself() {
    let system = System::new().await;
    let api = system.serve().await;
    api.done("place-order", order("o-1")).await;
    let fulfil = json!({ "order_id": "o-1", "fulfilment_id": "f-1" });
    let send = async |key: &str, etag: &str| {
        let request = api.commanding("fulfil-order", &fulfil).header("idempotency-key", key);
        api.send(request.header("if-match", etag)).await
    };
    let first = send("k-1", "\"1\"").await;
    assert_eq!((first.status, first.header("etag")), (200, Some("\"2\"")), "{first:?}");
    let again = send("k-1", "\"1\"").await;
    assert!(is_replayed(&again), "{again:?}");
    assert_eq!(again.body, first.body);
    send("k-2", "\"1\"").await.problem(412, "stale_revision", "");

    // A payment that was done, and that could not be done any more.
    let all = json!({ "payment_id": "p-1", "refund_id": "rf-1", "amount": "10.00", "currency": "EUR" });
    api.done("receive-payment", payment("p-1", "o-1")).await;
    let first = keyed(&api, "k-3", "refund-payment", &all).await;
    api.done("fail-refund", json!({ "payment_id": "p-1", "refund_id": "rf-1" })).await;
    let again = keyed(&api, "k-3", "refund-payment", &all).await;
    assert!(is_replayed(&again), "{again:?}");
    assert_eq!(again.body, first.body);
}

/// One key, two contents, at the same time: one of them is done, and the other is told.
#[tokio::test]
async fn a_key_that_two_want_at_once_is_of_the_first() {
    let system = System::new().await;
    let api = system.serve().await;
    for round in 0..10 {
        let (key, orders) =
            (format!("k-{round}"), [format!("o-{round}-a"), format!("o-{round}-b")].map(|it| order(&it)));
        let answers = join_all((0..6).map(|nth| keyed(&api, &key, "place-order", &orders[nth % 2]))).await;
        let done: Vec<&Answer> = answers.iter().filter(|it| it.status == 200).collect();
        assert_eq!(done.len(), 3, "{answers:?}");
        assert!(done.iter().all(|it| it.body == done[0].body), "{answers:?}");
        answers.iter().filter(|it| it.status != 200).for_each(|it| it.problem(422, "idempotency_key_reused", ""));
    }
    assert_eq!(api.head().await, 10);
}
