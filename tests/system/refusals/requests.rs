//! Requests that cannot be read at all: bodies, headers, methods, addresses, keys.

use super::Refuser;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

fn order() -> Value {
    json!({ "order_id": "o-2", "currency": "EUR", "lines": [{ "sku": "a", "quantity": 1, "unit_price": "1.00" }] })
}

fn post(it: &Refuser, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    it.api.request(Method::POST, path).header("content-type", "application/json").body(body)
}

const PLACE: &str = "/v1/commands/place-order";

#[tokio::test]
async fn a_body_that_is_no_object_of_json_says_so() {
    let it = Refuser::new().await;
    let deep = |depth: usize| format!("{{\"order_id\": {}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let cases: [(&str, Vec<u8>, u16, &str, &str); 17] = [
        ("nothing", b"".to_vec(), 400, "malformed_json", ""),
        ("half an object", b"{\"order_id\": \"o-2\"".to_vec(), 400, "malformed_json", ""),
        ("no JSON", b"order_id=o-2".to_vec(), 400, "malformed_json", ""),
        ("a comment", b"// {}".to_vec(), 400, "malformed_json", ""),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec(), 400, "malformed_json", ""),
        ("half a surrogate", b"{\"order_id\": \"\\ud800\"}".to_vec(), 400, "malformed_json", ""),
        ("two objects", format!("{}{}", order(), order()).into(), 400, "malformed_json", ""),
        ("not UTF-8", b"\xff\xfe".to_vec(), 400, "not_utf8", ""),
        ("not UTF-8 in a field", b"{\"order_id\": \"\xe9\"}".to_vec(), 400, "not_utf8", ""),
        ("a deep body", deep(33).into(), 400, "too_deep", ""),
        ("an abyss", "[".repeat(100_000).into(), 400, "too_deep", ""),
        ("an abyss of objects", "{\"a\":".repeat(40_000).into(), 400, "too_deep", ""),
        ("null", b"null".to_vec(), 422, "wrong_type", ""),
        ("text", b"\"o-2\"".to_vec(), 422, "wrong_type", ""),
        (
            "a field twice",
            br#"{"order_id":"a","order_id":"b","currency":"EUR","lines":[]}"#.to_vec(),
            422,
            "duplicate_field",
            "",
        ),
        ("a large body", vec![b' '; 256 * 1024 + 1], 413, "body_too_large", ""),
        ("a very large body", vec![b'x'; 9 * 1024 * 1024], 413, "body_too_large", ""),
    ];
    for (what, body, status, code, pointer) in cases {
        it.expect(what, post(&it, PLACE, body), status, code, pointer).await;
    }
    // A list of values is no object whose names were left out.
    let nameless = [
        r#"["o-2",null,"EUR",[{"sku":"a","quantity":1,"unit_price":"1.00"}],false,[],{},"latest_first",false,null,null]"#,
        r#"{"order_id":"o-2","currency":"EUR","lines":[["1","a","goods",1,"1.00",null,null,[],[]]]}"#,
        r#"{"order_id":"o-2","currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price":"1.00","taxes":[["0.2",null]]}]}"#,
        r#"{"order_id":"o-2","currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price":"1.00"}],"tax_rounding" : ["line","half_up"]}"#,
        r#"{"order_id":"o-2","currency":"EUR","lines":[{"sku":"\"lines\":","quantity":1,"unit_price":"1.00"}],"tax_rounding":["line","half_up"]}"#,
    ];
    for body in nameless {
        it.expect("values without names", post(&it, PLACE, body), 422, "wrong_type", "").await;
    }
    let item = format!("[[\"place-order\",{},null,null]]", order());
    let outcomes = it.api.send(post(&it, "/v1/commands", item)).await.ok();
    assert_eq!(outcomes[0]["problem"]["code"], "wrong_type");
    // Many commands may be larger, but not for ever.
    let many = [&b"["[..], &vec![b' '; 8 * 1024 * 1024], b"]"].concat();
    it.expect("a large list", post(&it, "/v1/commands", many), 413, "body_too_large", "").await;
    // At the limit it is read.
    let mut full = order().to_string();
    full.push_str(&" ".repeat(256 * 1024 - full.len()));
    assert_eq!(it.api.send(post(&it, &format!("{PLACE}?dry_run=true"), full)).await.status, 200);
}

#[tokio::test]
async fn the_type_the_method_and_the_address_have_to_be_right() {
    let it = Refuser::new().await;
    let typed = |kind: &str| it.api.request(Method::POST, PLACE).header("content-type", kind).body(order().to_string());
    for kind in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/x-ndjson", "json"] {
        it.expect(kind, typed(kind), 415, "unsupported_media_type", "").await;
    }
    let zipped = post(&it, PLACE, order().to_string()).header("content-encoding", "gzip");
    it.expect("not what the encoding says", zipped, 400, "broken_body", "").await;

    let addresses = [
        (Method::POST, "/v1/commands/place-ordr", 404, "unknown_command"),
        (Method::POST, "/v1/commands/Place-Order", 404, "unknown_command"),
        (Method::POST, "/v1/commands/place-order/", 404, "not_found"),
        (Method::POST, "/v2/commands/place-order", 404, "not_found"),
        (Method::GET, "/", 404, "not_found"),
        (Method::GET, "/v1", 404, "not_found"),
        (Method::GET, "/v1/queries/people", 404, "not_found"),
        (Method::GET, "/v1/queries/orders/o-none", 404, "not_found"),
        (Method::GET, "/v1/queries/orders/%00", 404, "not_found"),
        (Method::GET, "/v1/queries/orders/%ff", 404, "not_found"),
        (Method::GET, "/v1/queries/payments/%00", 404, "not_found"),
        (Method::GET, "/v1/queries/payments/p-none", 404, "not_found"),
        (Method::GET, "/v1/queries/customers/%00/statement", 404, "not_found"),
        (Method::GET, "/v1/events/0", 404, "not_found"),
        (Method::GET, "/v1/events/-9223372036854775808", 404, "not_found"),
        (Method::GET, "/v1/events/9223372036854775807", 404, "not_found"),
        (Method::GET, "/v1/events/99999999999999999999", 404, "not_found"),
        (Method::GET, "/v1/events/one", 404, "not_found"),
        (Method::GET, PLACE, 405, "method_not_allowed"),
        (Method::PUT, PLACE, 405, "method_not_allowed"),
        (Method::DELETE, PLACE, 405, "method_not_allowed"),
        (Method::GET, "/v1/commands", 405, "method_not_allowed"),
        (Method::POST, "/v1/queries/orders", 405, "method_not_allowed"),
        (Method::DELETE, "/v1/queries/orders/o-1", 405, "method_not_allowed"),
        (Method::POST, "/v1/events", 405, "method_not_allowed"),
        (Method::DELETE, "/v1/events/1", 405, "method_not_allowed"),
    ];
    for (method, path, status, code) in addresses {
        let request = it.api.request(method.clone(), path).json(&order());
        it.expect(&format!("{method} {path}"), request, status, code, "").await;
    }
    for (path, allowed) in [(PLACE, "POST"), ("/v1/events", "GET"), ("/v1/queries/orders", "GET")] {
        let answer = it.api.send(it.api.request(Method::PATCH, path)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{path}");
    }
}

#[tokio::test]
async fn nobody_asks_without_the_key() {
    let it = Refuser::new().await;
    let addresses = [
        (Method::POST, PLACE),
        (Method::POST, "/v1/commands"),
        (Method::POST, "/v1/commands/no-such-command"),
        (Method::GET, "/v1/events"),
        (Method::GET, "/v1/events/1"),
        (Method::GET, "/v1/queries/orders"),
        (Method::GET, "/v1/queries/orders/o-1"),
        (Method::GET, "/v1/queries/payments"),
        (Method::GET, "/v1/queries/payments/p-1"),
        (Method::GET, "/v1/queries/accounts"),
        (Method::GET, "/v1/queries/journal"),
        (Method::GET, "/v1/queries/trial-balance"),
        (Method::GET, "/v1/queries/customers/c-1/statement"),
        (Method::GET, "/v1/queries/daily-takings"),
    ];
    for (method, path) in addresses {
        let bare = || it.api.bare(method.clone(), path).json(&order());
        it.expect(&format!("{path} without a key"), bare(), 401, "unauthorised", "").await;
        for value in ["", "Bearer", "Bearer ", "Bearer mzn_test_wrong", "Basic bXo6bXo=", "mzn_test_wrong"] {
            let what = format!("{path} with {value:?}");
            it.expect(&what, bare().header("authorization", value), 401, "unauthorised", "").await;
        }
    }
    let answer = it.api.send(it.api.bare(Method::GET, "/v1/events")).await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"mizan\""));
    // What is for machines that watch needs none.
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs/"] {
        assert_eq!(it.api.send(it.api.bare(Method::GET, path)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn headers_that_mean_something_have_to_be_understood() {
    let it = Refuser::new().await;
    let long = "x".repeat(256);
    let cases = [
        ("idempotency-key", "", 400, "bad_header"),
        ("idempotency-key", &long, 400, "bad_header"),
        ("idempotency-key", "\"\"", 400, "bad_header"),
        ("idempotency-key", "schlüssel", 400, "bad_header"),
        ("correlation-id", "mine", 400, "bad_header"),
        ("if-match", "1", 400, "bad_header"),
        ("if-match", "\"one\"", 400, "bad_header"),
        ("if-match", "\"-1\"", 400, "bad_header"),
        ("if-match", "W/\"1\"", 400, "bad_header"),
        ("if-match", "\"99999999999999999999\"", 400, "bad_header"),
        ("if-none-match", "\"1\"", 400, "bad_header"),
    ];
    for (name, value, status, code) in cases {
        let request = it.api.commanding("place-order", &order()).header(name, value.as_bytes());
        it.expect(&format!("{name}: {value}"), request, status, code, "").await;
    }
    let unknown = it.api.commanding("place-order?dryrun=true", &order());
    it.expect("an unknown parameter", unknown, 400, "bad_parameter", "?dry_run").await;
    let unclear = it.api.commanding("place-order?dry_run=yes", &order());
    it.expect("an unclear parameter", unclear, 400, "bad_parameter", "?dry_run").await;
    // W3C asks to pass over a trace context that cannot be read.
    let traced = it.api.commanding("place-order", &order()).header("traceparent", "00-nonsense");
    assert_eq!(it.api.send(traced).await.status, 200);
}

#[tokio::test]
async fn somebody_else_was_first() {
    let it = Refuser::new().await;
    let fulfil = json!({ "order_id": "o-1", "fulfilment_id": "f-1" });
    let order = it.api.get("/v1/queries/orders/o-1?min_position=0").await;
    let etag = order.header("etag").unwrap().to_owned();
    assert_eq!(etag, "\"2\"", "placed, and paid");
    let matching = |etag: &str| it.api.commanding("fulfil-order", &fulfil).header("if-match", etag);
    it.expect("an old ETag", matching("\"1\""), 412, "stale_revision", "").await;
    it.expect("an ETag of the future", matching("\"3\""), 412, "stale_revision", "").await;
    let new = it.api.commanding("fulfil-order", &fulfil).header("if-none-match", "*");
    it.expect("an order that should not be there", new, 412, "stale_revision", "").await;
    let done = it.api.send(matching(&etag)).await;
    assert_eq!((done.status, done.header("etag")), (200, Some("\"3\"")), "{done:?}");
}

/// The limit is a number of requests in a second, and the answer says what is left.
#[tokio::test]
async fn whoever_asks_too_often_is_told_to_slow_down() {
    let system = mizan_tests::System::new().await;
    let api = system.serve_with(&["--requests-per-second", "2"]).await;
    let mut refused = None;
    for _ in 0..20 {
        let answer = api.get("/v1/events?limit=1").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=2;w=1"));
        assert!(answer.header("ratelimit").unwrap().starts_with("\"key\";r="));
    }
    refused.expect("twenty requests at once were all answered").problem(429, "too_many_requests", "");
}
