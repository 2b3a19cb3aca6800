//! Many commands in one request: an outcome for each, and dry runs that show what would happen.

use mizan_tests::{Answer, Client, System};
use reqwest::Method;
use serde_json::{Value, json};

fn place(order_id: &str, price: &str) -> Value {
    let lines = json!([{ "line_id": "a", "sku": "a", "quantity": 2, "unit_price": price }]);
    json!({ "command": "place-order", "data": { "order_id": order_id, "currency": "EUR", "lines": lines } })
}

fn pay(payment_id: &str, order_id: &str, amount: &str) -> Value {
    let data = json!({ "payment_id": payment_id, "order_id": order_id, "method": "card", "amount": amount, "currency": "EUR" });
    json!({ "command": "receive-payment", "data": data })
}

fn on_order(command: &str, id: &str, order_id: &str) -> Value {
    json!({ "command": command, "data": { "order_id": order_id, id: "1" } })
}

async fn array(api: &Client, items: &[Value]) -> Vec<Value> {
    let answer = api.send(api.request(Method::POST, "/v1/commands").json(&items)).await;
    answer.ok().as_array().unwrap().clone()
}

async fn lines(api: &Client, path: &str, body: String) -> Answer {
    let request = api.request(Method::POST, path).header("content-type", "application/x-ndjson").body(body);
    api.send(request).await
}

fn ndjson(items: &[Value]) -> String {
    items.iter().map(|it| format!("{it}\n")).collect()
}

/// A loser does not take the others with it, and every outcome is the one that the command would have had alone.
#[tokio::test]
async fn every_command_has_an_outcome_of_its_own() {
    let system = System::new().await;
    let api = system.serve().await;
    let items = [
        place("o-1", "5.00"),
        pay("p-1", "o-1", "10.00"),
        json!({ "command": "place-ordr", "data": {} }),
        place("o-2", "5.001"),
        on_order("fulfil-order", "fulfilment_id", "o-1"),
        on_order("fulfil-order", "fulfilment_id", "o-9"),
        json!({ "command": "place-order" }),
        json!({ "command": "place-order", "data": place("o-3", "1.00")["data"], "colour": "red" }),
        json!("place-order"),
        place("o-1", "5.00"),
        place("o-1", "6.00"),
        json!({ "command": "fulfil-order", "data": { "order_id": "o-1", "fulfilment_id": "2" }, "if_match": 1 }),
        json!({ "command": "place-order", "data": place("o-4", "1.00")["data"], "idempotency_key": "k-1" }),
        json!({ "command": "place-order", "data": place("o-4", "1.00")["data"], "idempotency_key": "k-1" }),
        json!({ "command": "place-order", "data": place("o-5", "1.00")["data"], "idempotency_key": "k-1" }),
        json!({ "command": "place-order", "data": place("o-6", "1.00")["data"], "idempotency_key": "" }),
    ];
    let outcomes = array(&api, &items).await;
    let expected = [
        (200, ""),
        (200, ""),
        (404, "unknown_command"),
        (422, "too_many_decimals"),
        (200, ""),
        (404, "order_not_placed"),
        (422, "missing_field"),
        (422, "unknown_field"),
        (422, "wrong_type"),
        (200, ""),
        (409, "exists_with_different_content"),
        (412, "stale_revision"),
        (200, ""),
        (200, ""),
        (422, "idempotency_key_reused"),
        (422, "bad_idempotency_key"),
    ];
    assert_eq!(outcomes.len(), expected.len());
    for (nth, (outcome, (status, code))) in outcomes.iter().zip(expected).enumerate() {
        assert_eq!((&outcome["index"], &outcome["status"]), (&json!(nth), &json!(status)), "{outcome:#}");
        assert_eq!(outcome["problem"]["code"].as_str().unwrap_or_default(), code, "{outcome:#}");
        assert_eq!(outcome["answer"].is_null(), status != 200, "{outcome:#}");
    }
    assert_eq!(outcomes[3]["problem"]["errors"][0]["pointer"], "/lines/0/unit_price");
    assert_eq!(outcomes[9]["answer"]["events"], json!([]), "the same order again");
    assert_eq!(outcomes[12]["answer"]["events"], outcomes[13]["answer"]["events"]);
    assert_eq!(api.head().await, 5, "placed, received, allocated, fulfilled; and o-4");
    assert_eq!(api.one("orders/o-1").await["status"], "fulfilled");
}

/// What belongs together is done in the order in which it stands: the payment after its order, the return after both.
#[tokio::test]
async fn commands_of_one_order_are_done_in_order() {
    let system = System::new().await;
    let api = system.serve().await;
    let mut items = Vec::new();
    for nth in 0..100 {
        let (order_id, payment_id) = (format!("o-{nth}"), format!("p-{nth}"));
        items.push(place(&order_id, "5.00"));
        items.push(pay(&payment_id, &order_id, "10.00"));
        items.push(on_order("fulfil-order", "fulfilment_id", &order_id));
        items.push(on_order("return-order", "return_id", &order_id));
    }
    // Stories side by side: every order's first command, then every order's second.
    let interleaved: Vec<Value> = (0..4).flat_map(|step| items.iter().skip(step).step_by(4).cloned()).collect();
    let outcomes = lines(&api, "/v1/commands", ndjson(&interleaved)).await;
    assert_eq!(outcomes.header("content-type"), Some("application/x-ndjson"));
    let outcomes = outcomes.lines();
    assert!(outcomes.iter().all(|it| it["status"] == 200), "{:#?}", outcomes.iter().find(|it| it["status"] != 200));
    let returned = api.query("orders?status=returned&limit=1&refunded=10.00").await;
    assert_ne!(returned["next_cursor"], Value::Null, "and more than one");
    let pending = api.books("EUR").await;
    assert_eq!(pending["refunds_pending"], "-1000.00");
}

/// JSON and NDJSON are two ways to say the same.
#[tokio::test]
async fn lines_and_arrays_mean_the_same() {
    let (one, other) = (System::new().await, System::new().await);
    let (one, other) = (one.serve().await, other.serve().await);
    let items =
        [place("o-1", "5.00"), pay("p-1", "o-1", "9.99"), place("o-1", "5.01"), json!({ "command": "x", "data": {} })];
    let as_array = array(&one, &items).await;
    let spaced = format!("\n{}\r\n\n", ndjson(&items));
    let as_lines = lines(&other, "/v1/commands", spaced).await.lines();
    let told = |outcomes: &[Value]| -> Vec<(Value, Value, Value)> {
        let each = outcomes.iter();
        each.map(|it| (it["index"].clone(), it["status"].clone(), it["problem"]["code"].clone())).collect()
    };
    assert_eq!(told(&as_array), told(&as_lines));
    assert_eq!(one.head().await, other.head().await);
    // A line that is no JSON is one problem, not the end of all.
    let broken = lines(&other, "/v1/commands", format!("{{\n{}\n", place("o-2", "1.00"))).await.lines();
    assert_eq!((&broken[0]["problem"]["code"], &broken[1]["status"]), (&json!("malformed_json"), &json!(200)));
}

#[tokio::test]
async fn a_list_that_is_none_or_too_long_is_one_problem() {
    let system = System::new().await;
    let api = system.serve().await;
    let post =
        |body: String| api.request(Method::POST, "/v1/commands").header("content-type", "application/json").body(body);
    api.send(post("{}".to_owned())).await.problem(400, "malformed_json", "");
    api.send(post("[1,".to_owned())).await.problem(400, "malformed_json", "");
    let many: Vec<Value> = (0..1001).map(|nth| place(&format!("o-{nth}"), "1.00")).collect();
    api.send(post(json!(many).to_string())).await.problem(422, "too_many_commands", "");
    lines(&api, "/v1/commands", ndjson(&many)).await.problem(422, "too_many_commands", "");
    assert_eq!(api.head().await, 0);
    assert_eq!(array(&api, &[]).await, Vec::<Value>::new());
    let outcomes = array(&api, &many[..1000]).await;
    assert!(outcomes.iter().all(|it| it["status"] == 200));
    assert_eq!(api.head().await, 1000);
}

/// Nothing is written, and the answer is what the command would get, with what would follow from it.
#[tokio::test]
async fn a_dry_run_shows_everything_and_does_nothing() {
    let system = System::new().await;
    let api = system.serve().await;
    array(&api, &[place("o-1", "30.00"), pay("p-1", "o-1", "60.00")]).await;
    let head = api.head().await;
    let dry = async |name: &str, data: &Value| api.send(api.commanding(&format!("{name}?dry_run=true"), data)).await;

    let cancel = json!({ "order_id": "o-1", "cancellation_id": "x-1", "lines": [{ "line_id": "a", "quantity": 1 }] });
    let would = dry("cancel-order", &cancel).await.ok();
    assert_eq!(would["events"][0]["kind"], "order-lines-cancelled.v1");
    assert_eq!((&would["events"][0]["position"], &would["position"]), (&Value::Null, &Value::Null));
    assert_eq!(would["events"][0]["data"]["value"], "30.00 EUR");
    let consequence = &would["consequences"][0];
    assert_eq!(consequence["stream"], "payment/p-1");
    assert_eq!(consequence["events"][0]["kind"], "payment-refund-requested.v1");
    assert_eq!(consequence["events"][0]["data"]["amount"], "30.00 EUR");

    let more = json!({ "payment_id": "p-2", "order_id": "o-1", "method": "card", "amount": "5.00", "currency": "EUR" });
    let would = dry("receive-payment", &more).await.ok();
    assert_eq!(would["consequences"][0]["stream"], "order/o-1");
    assert_eq!(would["consequences"][0]["events"][0]["data"]["allocated"], "0.00 EUR", "it is paid already");

    dry("fulfil-order", &json!({ "order_id": "o-9", "fulfilment_id": "1" })).await.problem(
        404,
        "order_not_placed",
        "/order_id",
    );
    let stale = api.commanding("cancel-order?dry_run=true", &cancel).header("if-match", "\"1\"");
    api.send(stale).await.problem(412, "stale_revision", "");
    assert_eq!(api.head().await, head);

    // Many at once: each by itself, on what is there now.
    let items = [
        on_order("fulfil-order", "fulfilment_id", "o-1"),
        place("o-2", "1.00"),
        on_order("return-order", "return_id", "o-1"),
    ];
    let answer = lines(&api, "/v1/commands?dry_run=true", ndjson(&items)).await.lines();
    let statuses: Vec<u64> = answer.iter().map(|it| it["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 422], "nothing was fulfilled, so nothing can be returned");
    assert_eq!(api.head().await, head);

    // And then in earnest it is what it was said to be.
    let done = api.done("cancel-order", cancel).await;
    assert_eq!(done["consequences"], Value::Null);
    assert_eq!(api.one("payments/p-1").await["refund_pending"], "30.00");
}
