//! The history as auditors read it: dense, in order, the same however it is read.

use mizan_tests::{Service, System};
use serde_json::{Value, json};

const ORDERS: usize = 40;

async fn with_history(system: &System) -> Service {
    let api = system.serve().await;
    let mut items = Vec::new();
    for nth in 0..ORDERS {
        let lines = json!([{ "sku": "قهوة \"1kg\" \\ 🫘", "quantity": 1, "unit_price": "10.00" }]);
        let order = json!({ "order_id": format!("o-{nth}"), "currency": "EUR", "lines": lines });
        items.push(json!({ "command": "place-order", "data": order }));
        let payment = json!({
            "payment_id": format!("p-{nth}"), "order_id": format!("o-{nth}"), "method": "card",
            "amount": "10.00", "currency": "EUR",
        });
        items.push(json!({ "command": "receive-payment", "data": payment }));
    }
    let outcomes = api.send(api.request(reqwest::Method::POST, "/v1/commands").json(&items)).await.ok();
    assert!(outcomes.as_array().unwrap().iter().all(|it| it["status"] == 200));
    api
}

/// Page by page, whatever the size of the page.
async fn in_pages(api: &Service, query: &str, limit: usize) -> Vec<Value> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let page = api.get(&format!("/v1/events?after={after}&limit={limit}{query}")).await.ok();
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        events.extend(data.iter().cloned());
        after = page["next_after"].as_i64().unwrap();
        if data.len() < limit {
            assert_eq!(after, page["head"], "at the end the next page begins after the head");
            return events;
        }
    }
}

#[tokio::test]
async fn pages_and_lines_are_the_same_dense_history() {
    let system = System::new().await;
    let api = with_history(&system).await;
    let lines = api.events().await;
    assert_eq!(lines.len(), ORDERS * 3, "placed, received, allocated");
    for (nth, event) in lines.iter().enumerate() {
        assert_eq!(event["position"], nth + 1);
    }
    for limit in [1, 7, 100, 1000] {
        assert_eq!(in_pages(&api, "", limit).await, lines, "pages of {limit}");
    }
    let times: Vec<&str> = lines.iter().map(|it| it["recorded_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "recorded time goes back along the positions");
    for event in [&lines[0], &lines[lines.len() - 1]] {
        let position = &event["position"];
        assert_eq!(api.get(&format!("/v1/events/{position}")).await.ok(), *event);
    }
    // Half way, and beyond the end.
    let request = api.request(reqwest::Method::GET, "/v1/events?after=60").header("accept", "application/x-ndjson");
    assert_eq!(api.send(request).await.lines(), lines[60..]);
    let beyond = api.get("/v1/events?after=100000").await.ok();
    assert_eq!((&beyond["data"], &beyond["next_after"]), (&json!([]), &json!(100_000)));
}

/// Streams are numbered from 1 without a hole, whatever else happens in between.
#[tokio::test]
async fn every_stream_is_numbered_without_a_hole() {
    let system = System::new().await;
    let api = with_history(&system).await;
    let mut next = std::collections::HashMap::new();
    for event in api.events().await {
        let stream = event["stream"].as_str().unwrap().to_owned();
        let revision = next.entry(stream).or_insert(0);
        *revision += 1;
        assert_eq!(event["revision"], *revision, "{event}");
    }
    assert_eq!(next.len(), ORDERS * 2);
}

#[tokio::test]
async fn filters_leave_out_and_never_reorder() {
    let system = System::new().await;
    let api = with_history(&system).await;
    let all = api.events().await;
    type Wanted = fn(&Value) -> bool;
    let cases: [(&str, Wanted); 7] = [
        ("&kind=order-placed.v1", |it| it["kind"] == "order-placed.v1"),
        ("&category=payment", |it| it["stream"].as_str().unwrap().starts_with("payment/")),
        ("&stream=order/o-7", |it| it["stream"] == "order/o-7"),
        ("&stream=order/nobody", |_| false),
        ("&kind=order-placed.v1&kind=payment-received.v1", |it| it["kind"] != "order-payment-allocated.v1"),
        ("&kind[in]=order-payment-allocated.v1,order-lost.v1", |it| it["kind"] == "order-payment-allocated.v1"),
        ("&category=order&kind=payment-received.v1", |_| false),
    ];
    for (query, is_wanted) in cases {
        let wanted: Vec<&Value> = all.iter().filter(|it| is_wanted(it)).collect();
        for limit in [3, 1000] {
            let read = in_pages(&api, query, limit).await;
            assert_eq!(read.iter().collect::<Vec<_>>(), wanted, "{query} in pages of {limit}");
        }
        let path = format!("/v1/events?{}", &query[1..]);
        let request = api.request(reqwest::Method::GET, &path).header("accept", "application/x-ndjson");
        assert_eq!(api.send(request).await.lines().iter().collect::<Vec<_>>(), wanted, "{query} as lines");
    }
}

/// A story is what one command began, and a moment is a place in the history.
#[tokio::test]
async fn stories_and_moments_are_found() {
    let system = System::new().await;
    let api = with_history(&system).await;
    let all = api.events().await;
    let received = all.iter().find(|it| it["stream"] == "payment/p-7").unwrap();
    let found = async |query: &str| {
        let pages = in_pages(&api, query, 2).await;
        let request = api.request(reqwest::Method::GET, &format!("/v1/events?{}", &query[1..]));
        assert_eq!(api.send(request.header("accept", "application/x-ndjson")).await.lines(), pages, "{query}");
        pages
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let story = found(&format!("&correlation_id={}", text(&received["metadata"]["correlation_id"]))).await;
    let kinds: Vec<_> = story.iter().map(|it| text(&it["kind"])).collect();
    assert_eq!(kinds, ["payment-received.v1", "order-payment-allocated.v1"]);
    let consequence = found(&format!("&causation_id={}", text(&received["event_id"]))).await;
    assert_eq!(consequence, story[1..]);
    assert!(found(&format!("&causation_id={}", text(&received["metadata"]["command_id"]))).await.is_empty());
    for nth in [0, 50, all.len() - 1] {
        let moment = text(&all[nth]["recorded_at"]);
        let is = |it: &Value, wanted: std::cmp::Ordering| text(&it["recorded_at"]).cmp(&moment) == wanted;
        use std::cmp::Ordering::{Equal, Greater, Less};
        let count = |wanted: &[std::cmp::Ordering]| all.iter().filter(|it| wanted.iter().any(|w| is(it, *w))).count();
        for (operator, wanted) in
            [("gte", &[Equal, Greater][..]), ("gt", &[Greater]), ("lte", &[Less, Equal]), ("lt", &[Less])]
        {
            let found = found(&format!("&recorded_at[{operator}]={moment}")).await;
            assert_eq!(found.len(), count(wanted), "{operator} {moment}");
        }
    }
}

/// Whoever has an answer knows how far the history had come when it was given.
#[tokio::test]
async fn every_answer_names_the_position_it_was_served_at() {
    let system = System::new().await;
    let api = with_history(&system).await;
    let head = api.head().await;
    for (path, accept) in [
        ("events?limit=3", "application/json"),
        ("events?stream=order/nobody", "application/json"),
        ("events", "application/x-ndjson"),
        ("events/7", "application/json"),
        ("events/7", "application/cloudevents+json"),
        ("events?limit=3", "application/cloudevents-batch+json"),
    ] {
        let answer = api.send(api.request(reqwest::Method::GET, &format!("/v1/{path}")).header("accept", accept)).await;
        let said = (answer.status, answer.header("content-type"), answer.header("mizan-position"));
        assert_eq!(said, (200, Some(accept), Some(head.to_string().as_str())), "{path}");
    }
}

#[tokio::test]
async fn cloud_events_come_in_batches_that_lead_to_the_next() {
    let system = System::new().await;
    let api = with_history(&system).await;
    let all = api.events().await;
    let mut next = Some("/v1/events?limit=50&category=order".to_owned());
    let mut read = Vec::new();
    while let Some(path) = next {
        let request = api.request(reqwest::Method::GET, &path).header("accept", "application/cloudevents-batch+json");
        let answer = api.send(request).await;
        read.extend(answer.ok().as_array().unwrap().iter().cloned());
        let link = answer.header("link").map(|it| it.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned());
        next = link;
    }
    let orders: Vec<&Value> = all.iter().filter(|it| it["stream"].as_str().unwrap().starts_with("order/")).collect();
    assert_eq!(read.len(), orders.len());
    for (cloud, event) in read.iter().zip(orders) {
        assert_eq!((&cloud["id"], &cloud["data"]), (&event["event_id"], &event["data"]));
    }
    let request = api.request(reqwest::Method::GET, "/v1/events/1").header("accept", "application/cloudevents+json");
    assert_eq!(api.send(request).await.ok(), read[0]);
}

/// What a command was answered is what is kept, to the byte, with who asked and as part of what.
#[tokio::test]
async fn the_history_keeps_exactly_what_was_answered_and_who_asked() {
    let system = System::new().await;
    let api = system.serve().await;
    let order = json!({
        "order_id": "o-1", "customer_id": "c-1", "currency": "EUR", "occurred_at": "2020-01-31T12:00:00.123456+03:00",
        "lines": [{ "sku": "قهوة 🫘", "quantity": 3, "unit_price": "6.66" }], "reference": "he said \"two\" \\ three",
    });
    let correlation_id = "0190a5d2-ac96-774b-bcce-b302099a8057";
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request =
        api.commanding("place-order", &order).header("correlation-id", correlation_id).header("traceparent", trace);
    let answer = api.send(request).await;
    let raw = String::from_utf8(answer.body.clone()).unwrap();
    let answer = answer.ok();
    api.done(
        "receive-payment",
        json!({ "payment_id": "p-1", "order_id": "o-1", "method": "card", "amount": "1.00", "currency": "EUR" }),
    )
    .await;

    let stored = api.get("/v1/events/1").await;
    // The payload is the same run of bytes in both answers.
    let payload = raw.split_once("\"data\":").unwrap().1;
    let payload = &payload[..payload.len() - "}]}".len()];
    assert!(String::from_utf8(stored.body.clone()).unwrap().contains(payload), "{payload}");
    let stored = stored.ok();
    for name in ["position", "revision", "event_id", "kind", "data"] {
        assert_eq!(stored[name], answer["events"][0][name], "{name}");
    }
    assert_eq!(stored["data"]["at"], "2020-01-31T09:00:00.123456Z");
    let expected = json!({
        "merchant_id": "local", "actor": "key:local", "command_id": answer["command_id"],
        "correlation_id": correlation_id, "trace": trace,
    });
    assert_eq!(stored["metadata"], expected);

    // The policy's event names its cause, and belongs to the story of the command that caused it.
    let events = api.events().await;
    let (received, allocated) = (&events[1], &events[2]);
    assert_eq!(allocated["kind"], "order-payment-allocated.v1");
    assert_eq!(allocated["metadata"]["causation_id"], received["event_id"]);
    assert_eq!(allocated["metadata"]["correlation_id"], received["metadata"]["correlation_id"]);
    assert_eq!(allocated["metadata"]["actor"], "policy");
}

/// The database itself keeps the history as it is (the issue, 3).
#[tokio::test]
async fn nobody_edits_the_history_in_the_database() {
    use sqlx::Connection;
    let system = System::new().await;
    let api = with_history(&system).await;
    let mut database = sqlx::PgConnection::connect(system.database_url()).await.unwrap();
    for statement in [
        "update events set kind = 'order-lost.v1'",
        "update events set payload = payload where position = 1",
        "delete from events where position = 1",
        "truncate events",
        "truncate events cascade",
    ] {
        let tried = sqlx::raw_sql(statement).execute(&mut database).await;
        assert!(tried.is_err(), "{statement} was let through");
    }
    assert_eq!(api.events().await.len(), ORDERS * 3);
}

/// A payment and what the order takes of it are decided together and kept in one commit, one behind the other.
#[tokio::test]
async fn what_follows_from_a_command_stands_right_behind_it() {
    let system = System::new().await;
    let api = system.serve().await;
    let lines = json!([{ "sku": "a", "quantity": 1, "unit_price": "10.00" }]);
    api.done("place-order", json!({ "order_id": "o-1", "currency": "EUR", "lines": lines })).await;
    let payment =
        json!({ "payment_id": "p-1", "order_id": "o-1", "method": "card", "amount": "10.00", "currency": "EUR" });
    api.done("receive-payment", payment).await;
    api.done(
        "cancel-order",
        json!({ "order_id": "o-1", "cancellation_id": "x-1", "lines": [{ "line_id": "1", "quantity": 1 }] }),
    )
    .await;
    let events = api.events().await;
    let kinds: Vec<&str> = events.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    let expected = [
        "order-placed.v1",
        "payment-received.v1",
        "order-payment-allocated.v1",
        "order-lines-cancelled.v1",
        "payment-refund-requested.v1",
    ];
    assert_eq!(kinds, expected);
    for (cause, effect) in [(1, 2), (3, 4)] {
        assert_eq!(events[effect]["metadata"]["causation_id"], events[cause]["event_id"]);
        assert_eq!(events[effect]["recorded_at"], events[cause]["recorded_at"], "two commits");
    }
}
