//! Lists over HTTP: filtered, sorted, page by page, without a row twice or a row left out.

use mizan_tests::{Service, System};
use reqwest::Method;
use serde_json::{Value, json};

const ORDERS: usize = 23;

async fn with_orders(system: &System) -> Service {
    let api = system.serve().await;
    for nth in 0..ORDERS {
        // Some cost the same, so that the sort has ties.
        let price = format!("{}.00", nth % 5 + 1);
        let order = json!({
            "order_id": format!("o-{nth:02}"), "customer_id": format!("c-{}", nth % 2), "currency": "EUR",
            "lines": [{ "sku": "a", "quantity": 1, "unit_price": price }],
        });
        api.done("place-order", order).await;
        if nth % 3 == 0 {
            let payment = json!({ "payment_id": format!("p-{nth}"), "order_id": format!("o-{nth:02}"), "method": "card", "amount": price, "currency": "EUR" });
            api.done("receive-payment", payment).await;
        }
    }
    api
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|it| it["order_id"].as_str().unwrap().to_owned()).collect()
}

/// Follows the `Link` of each page (RFC 8288) to the end, and sees that it says what `next_cursor` says.
async fn walk(api: &Service, path: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = api.send(api.request(Method::GET, &path)).await;
        let page = answer.ok();
        rows.extend(page["data"].as_array().unwrap().iter().cloned());
        let link = answer.header("link").map(|it| it.trim_start_matches('<').split('>').next().unwrap().to_owned());
        let cursor = page["next_cursor"].as_str();
        assert_eq!(link.is_some(), cursor.is_some(), "{answer:?}");
        assert!(link.iter().zip(cursor).all(|(link, cursor)| link.contains(cursor)), "{link:?}");
        next = link;
    }
    rows
}

#[tokio::test]
async fn pages_are_the_whole_list_whatever_their_size_and_order() {
    let system = System::new().await;
    let api = with_orders(&system).await;
    let head = api.head().await;
    for sort in ["order_id", "-order_id", "gross", "-gross", "placed_at", "-placed_at"] {
        let whole = walk(&api, &format!("/v1/queries/orders?sort={sort}&limit=100&min_position={head}")).await;
        assert_eq!(whole.len(), ORDERS);
        let (name, is_descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
        let keys: Vec<&str> = whole.iter().map(|it| it[name].as_str().unwrap()).collect();
        let is_in_order = |pair: &[&str]| if is_descending { pair[0] >= pair[1] } else { pair[0] <= pair[1] };
        assert!(keys.windows(2).all(is_in_order), "{sort}: {keys:?}");
        for limit in [1, 4, 7, ORDERS] {
            let paged = walk(&api, &format!("/v1/queries/orders?sort={sort}&limit={limit}")).await;
            assert_eq!(ids(&paged), ids(&whole), "{sort} in pages of {limit}");
        }
    }
}

#[tokio::test]
async fn filters_find_what_they_say_and_nothing_else() {
    let system = System::new().await;
    let api = with_orders(&system).await;
    let head = api.head().await;
    let all = walk(&api, &format!("/v1/queries/orders?sort=order_id&limit=100&min_position={head}")).await;
    let gross = |it: &Value| mizan_tests::minor(it["gross"].as_str().unwrap());
    type Wanted<'a> = &'a dyn Fn(&Value) -> bool;
    let cases: [(&str, Wanted); 8] = [
        ("payment_status=paid", &|it| it["payment_status"] == "paid"),
        ("payment_status[ne]=paid", &|it| it["payment_status"] != "paid"),
        ("payment_status[in]=paid,unpaid", &|_| true),
        ("customer_id=c-1&gross[gte]=3.00", &|it| it["customer_id"] == "c-1" && gross(it) >= 300),
        ("gross[gt]=2.00&gross[lt]=5", &|it| gross(it) > 200 && gross(it) < 500),
        ("order_id[in]=o-03,o-04,o-99", &|it| ["o-03", "o-04"].contains(&it["order_id"].as_str().unwrap())),
        ("placed_at[lt]=2000-01-01", &|_| false),
        ("customer_id=nobody", &|_| false),
    ];
    for (query, is_wanted) in cases {
        let wanted: Vec<Value> = all.iter().filter(|it| is_wanted(it)).cloned().collect();
        let found = walk(&api, &format!("/v1/queries/orders?{query}&sort=order_id&limit=3")).await;
        assert_eq!(ids(&found), ids(&wanted), "{query}");
    }
    // One thing has its revision as ETag, which a command takes back.
    let one = api.get("/v1/queries/orders/o-00").await;
    assert_eq!(one.header("etag"), Some("\"2\""));
    let list = walk(&api, "/v1/queries/orders?order_id=o-00").await;
    assert_eq!(list[0], one.ok()["data"]);
}

/// Each takings row, statement line and journal entry is of the order's own story.
#[tokio::test]
async fn the_other_views_tell_the_same_story() {
    let system = System::new().await;
    let api = system.serve().await;
    let at = |time: &str| json!(format!("2020-01-31T{time}Z"));
    let order = json!({
        "order_id": "o-1", "customer_id": "c-1", "currency": "EUR", "occurred_at": at("10:00:00"),
        "lines": [{ "sku": "a", "quantity": 2, "unit_price": "10.00" }],
    });
    api.done("place-order", order).await;
    let payment = json!({
        "payment_id": "p-1", "order_id": "o-1", "customer_id": "c-1", "method": "e_wallet", "amount": "20.00",
        "currency": "EUR", "occurred_at": at("23:30:00"),
    });
    api.done("receive-payment", payment).await;
    let fee = json!({ "payment_id": "p-1", "fee_id": "f-1", "amount": "0.50", "currency": "EUR", "occurred_at": at("23:40:00") });
    api.done("record-fee", fee).await;
    let refund = json!({ "payment_id": "p-1", "refund_id": "rf-1", "amount": "4.00", "currency": "EUR", "occurred_at": at("23:50:00") });
    api.done("refund-payment", refund).await;

    let statement = api.one("customers/c-1/statement").await;
    let lines = statement["currencies"][0]["lines"].as_array().unwrap();
    let told: Vec<(&str, &str)> =
        lines.iter().map(|it| (it["kind"].as_str().unwrap(), it["amount"].as_str().unwrap())).collect();
    let expected = [
        ("order_placed", "20.00"),
        ("payment_captured", "-20.00"),
        ("refund_requested", "4.00"),
        ("allowance_granted", "-4.00"),
    ];
    assert_eq!(told, expected);
    assert_eq!(statement["currencies"][0]["closing_balance"], "0.00");
    let evening = api.one("customers/c-1/statement?from=2020-01-31T12:00:00Z").await;
    assert_eq!(evening["currencies"][0]["opening_balance"], "20.00");

    // A day begins at midnight where the shop is.
    let day = |time_zone: &str| format!("daily-takings?time_zone={time_zone}");
    let utc = api.query(&day("UTC")).await;
    let expected = json!({ "day": "2020-01-31", "method": "e_wallet", "captured": "20.00", "fees": "0.50", "refunded": "0.00", "net": "19.50", "movements": 2 });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(utc["data"][0][name], *value, "{name}: {utc:#}");
    }
    assert_eq!(api.query(&day("Asia/Riyadh")).await["data"][0]["day"], "2020-02-01");

    // The journal is the entries of the events, leg by leg.
    let journal = api.query("journal?sort=position&limit=100").await;
    let events = api.events().await;
    let entries =
        events.iter().filter(|it| it["data"]["entry"]["postings"].as_array().is_some_and(|all| !all.is_empty()));
    let positions: Vec<&Value> = entries.map(|it| &it["position"]).collect();
    let booked: Vec<&Value> = journal["data"].as_array().unwrap().iter().map(|it| &it["position"]).collect();
    assert_eq!(booked, positions);
    for entry in journal["data"].as_array().unwrap() {
        let legs = entry["postings"].as_array().unwrap();
        let sum = |side: &str| legs.iter().map(|it| mizan_tests::minor(it[side].as_str().unwrap())).sum::<i128>();
        assert_eq!(sum("debit"), sum("credit"), "{entry:#}");
    }
}
