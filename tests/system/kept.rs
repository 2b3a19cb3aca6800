//! Answers that are kept in memory: the same to the byte and the header, for the same people, within the same limits.

use mizan_tests::{Answer, PATIENCE, Service, System};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Instant;

async fn place(api: &Service, order: &str) -> i64 {
    let placed = json!({
        "order_id": order, "customer_id": "c-1", "currency": "EUR",
        "lines": [{ "line_id": "l-1", "sku": "a", "quantity": 9, "unit_price": "10.00" }],
    });
    api.done("place-order", placed).await["position"].as_i64().unwrap()
}

async fn fulfil(api: &Service, order: &str, nth: u32) -> i64 {
    let fulfilled = json!({ "order_id": order, "fulfilment_id": format!("f-{nth}"), "lines": [{ "line_id": "l-1", "quantity": 1 }] });
    api.done("fulfil-order", fulfilled).await["position"].as_i64().unwrap()
}

/// How often a counter has counted, of the lines that have all of these in them.
async fn counted(api: &Service, parts: &[&str]) -> f64 {
    let text = String::from_utf8(api.send(api.bare(Method::GET, "/metrics")).await.body).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && parts.iter().all(|it| line.contains(it)));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

async fn from_memory(api: &Service) -> f64 {
    counted(api, &["mizan_query_answers_total", "source=\"memory\""]).await
}

/// Asks until memory has answered.
async fn kept(api: &Service, path: &str) -> Answer {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let before = from_memory(api).await;
        let answer = api.get(path).await;
        if from_memory(api).await > before {
            return answer;
        }
    }
    panic!("{path} is never kept");
}

/// Everything but what says how much of the limit is left and what time it is.
fn headers(answer: &Answer) -> Vec<(String, String)> {
    let all = answer.headers.iter().filter(|(name, _)| !["ratelimit", "date"].contains(&name.as_str()));
    let mut all: Vec<_> = all.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_kept_answer_is_the_one_that_was_read() {
    let system = System::new().await;
    let api = system.serve().await;
    let position = place(&api, "o-1").await;
    let path = "/v1/queries/orders/o-1";
    let read = api.get(&format!("{path}?min_position={position}")).await;
    let again = kept(&api, path).await;
    assert_eq!(again.body, read.body);
    assert_eq!(headers(&again), headers(&read));
    assert_eq!(again.header("etag"), Some("\"1\""));
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("ratelimit-policy", "\"key\";q=10000;w=1"),
    ] {
        assert_eq!(again.header(name), Some(value), "{name}");
    }
    assert!(again.header("ratelimit").unwrap().starts_with("\"key\";r="));
    let squeezed = api.send(api.request(Method::GET, path).header("accept-encoding", "gzip")).await;
    assert_eq!((squeezed.status, squeezed.header("content-encoding")), (200, Some("gzip")), "{squeezed:?}");

    // Kept or not, nobody sees it without a key, and only a plain GET gets it.
    for key in ["", "mzn_test_nobody"] {
        let stranger = api.bare(Method::GET, path).bearer_auth(key);
        api.send(stranger).await.problem(401, "unauthorised", "");
    }
    let posted = api.send(api.request(Method::POST, path)).await;
    posted.problem(405, "method_not_allowed", "");
    assert_eq!(posted.header("allow"), Some("GET"));
    assert_eq!(api.send(api.request(Method::HEAD, path)).await.status, 405);
    api.get(&format!("{path}?colour=red")).await.problem(400, "unknown_parameter", "?colour");
    api.get("/v1/queries/orders/o-2").await.problem(404, "not_found", "");
    api.get("/v1/queries/payments/o-1").await.problem(404, "not_found", "");
    api.get("/v1/queries/nothing/o-1").await.problem(404, "not_found", "");
    let before = api.get(&format!("{path}?as_of={position}")).await.ok();
    assert_eq!(before["data"], again.ok()["data"]);

    // What is counted is counted by route, whoever answered.
    let route = "route=\"/v1/queries/orders/{id}\"";
    let answered = counted(&api, &["mizan_requests_total", route, "method=\"GET\"", "status=\"200\""]).await;
    let timed = counted(&api, &["mizan_request_seconds_count", route]).await;
    assert!(answered >= 4.0 && timed > answered, "{answered} of {timed}");
    let odd = Method::from_bytes(b"BREW").unwrap();
    assert_eq!(api.send(api.request(odd, path)).await.status, 405);
    assert!(counted(&api, &["mizan_requests_total", "method=\"other\""]).await >= 1.0);
    assert!(counted(&api, &["mizan_request_seconds_bucket", route, "le=\"+Inf\""]).await >= timed);
}

#[tokio::test]
async fn a_kept_answer_counts_against_the_limit() {
    let system = System::new().await;
    let api = system.serve_with(&["--requests-per-second", "20"]).await;
    let position = place(&api, "o-1").await;
    let read = api.get(&format!("/v1/queries/orders/o-1?min_position={position}")).await;
    assert_eq!(read.status, 200, "{read:?}");
    let mut refused = None;
    for _ in 0..200 {
        let answer = api.get("/v1/queries/orders/o-1").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    refused.expect("two hundred requests at once were all answered").problem(429, "too_many_requests", "");
}

/// Whoever writes and reads at two services in turn sees what was written, from whichever.
#[tokio::test]
async fn two_services_on_one_database_answer_what_was_written_at_either() {
    let system = System::new().await;
    let services = [system.serve().await, system.serve().await];
    place(&services[0], "o-1").await;
    let path = "/v1/queries/orders/o-1";
    for nth in 1..=8_u32 {
        let writer = &services[usize::try_from(nth).unwrap() % 2];
        for service in &services {
            kept(service, path).await;
        }
        let position = fulfil(writer, "o-1", nth).await;
        for service in &services {
            let answer = service.get(&format!("{path}?min_position={position}")).await.ok();
            assert_eq!(answer["data"]["revision"], nth + 1, "{answer:#}");
            assert!(answer["position"].as_i64().unwrap() >= position);
            let again = service.get(path).await.ok();
            assert_eq!((&again["data"]["revision"], again["position"].is_i64()), (&Value::from(nth + 1), true));
        }
    }
}
