//! Questions that cannot be answered as they are asked.

use super::Refuser;
use reqwest::Method;

#[tokio::test]
async fn a_wrong_parameter_is_named_and_told_what_would_be_right() {
    let it = Refuser::new().await;
    let long = format!("orders?customer_id={}", "x".repeat(8_001));
    let many = format!("orders?{}", (0..41).map(|nth| format!("gross[gte]={nth}&")).collect::<String>());
    let values = format!("orders?customer_id[in]={}", "x,".repeat(101));
    let cases = [
        ("orders?limit=0", "bad_limit", "?limit"),
        ("orders?limit=101", "bad_limit", "?limit"),
        ("orders?limit=ten", "bad_limit", "?limit"),
        ("orders?colour=red", "unknown_parameter", "?colour"),
        ("orders?sort=lines", "unknown_sort", "?sort"),
        ("orders?sort=", "unknown_sort", "?sort"),
        ("orders?cursor=abc", "bad_cursor", "?cursor"),
        ("orders?cursor=", "bad_cursor", "?cursor"),
        ("orders?gross[gte]=x", "bad_value", "?gross[gte]"),
        ("orders?gross[gte]=1e3", "bad_value", "?gross[gte]"),
        ("orders?gross[between]=1", "unsupported_operator", "?gross[between]"),
        ("orders?customer_id[gte]=c", "unsupported_operator", "?customer_id[gte]"),
        ("orders?status=lost", "bad_value", "?status"),
        ("orders?placed_at[gte]=yesterday", "bad_value", "?placed_at[gte]"),
        ("orders?customer_id=%00", "bad_value", "?customer_id"),
        ("orders?customer_id=c-1&customer_id=c-2", "repeated_parameter", "?customer_id"),
        (&long, "value_too_long", "?customer_id"),
        (&many, "repeated_parameter", "?gross[gte]"),
        (&values, "too_many_values", "?customer_id[in]"),
        ("orders?min_position=-1", "bad_parameter", "?min_position"),
        ("orders?min_position=latest", "bad_parameter", "?min_position"),
        ("orders?min_position=1&min_position=x", "repeated_parameter", "?min_position"),
        ("orders?as_of=yesterday", "bad_parameter", "?as_of"),
        ("orders?as_of=-1", "bad_parameter", "?as_of"),
        ("orders?as_of=1&as_of=2", "repeated_parameter", "?as_of"),
        ("orders?as_of=999999999", "position_in_future", "?as_of"),
        ("orders?as_of=99999999999999999999", "bad_parameter", "?as_of"),
        ("orders?as_of=2999-01-01T00:00:00Z", "time_in_future", "?as_of"),
        ("journal?effective_at=soon", "bad_parameter", "?effective_at"),
        ("journal?effective_at=0000-01-01T00:00:00Z", "bad_parameter", "?effective_at"),
        ("journal?effective_at=-0044-03-15", "bad_parameter", "?effective_at"),
        ("trial-balance/changes", "missing_parameter", "?since"),
        ("trial-balance/changes?since=x", "bad_parameter", "?since"),
        ("trial-balance/changes?since=1&as_of=0", "bad_value", "?since"),
        ("trial-balance/changes?since=0&limit=1", "unknown_parameter", "?limit"),
        ("orders/o-1?limit=1", "unknown_parameter", "?limit"),
        ("payments/p-1?verbose=true", "unknown_parameter", "?verbose"),
        ("payments?method=cheque", "bad_value", "?method"),
        ("accounts?class=equity", "bad_value", "?class"),
        ("journal?event_id=one", "bad_value", "?event_id"),
        ("journal?kind=order-lost.v1", "bad_value", "?kind"),
        ("trial-balance?limit=1", "unknown_parameter", "?limit"),
        ("trial-balance?currency=%00", "bad_value", "?currency"),
        ("daily-takings?time_zone=Mars", "bad_time_zone", "?time_zone"),
        ("daily-takings?day=2026-13-01", "bad_value", "?day"),
        ("plans?status=late", "bad_value", "?status"),
        ("plans?next_due_on[lt]=soon", "bad_value", "?next_due_on[lt]"),
        ("plans/n-1?limit=1", "unknown_parameter", "?limit"),
        ("plans/n-1/history?kind=lost", "bad_value", "?kind"),
        ("plans/n-1/history?plan_id=n-2", "repeated_parameter", "?plan_id"),
        ("plans/n-1/agreement?limit=1", "unknown_parameter", "?limit"),
        ("installments?is_settled=maybe", "bad_value", "?is_settled"),
        ("installments?is_settled[gt]=true", "unsupported_operator", "?is_settled[gt]"),
        ("due?on=tomorrow", "bad_value", "?on"),
        ("due?from=2026-01-02&to=2026-01-01", "bad_value", "?to"),
        ("due?day=2026-01-02", "unknown_parameter", "?day"),
        ("ageing?on=2026-13-01", "bad_value", "?on"),
        ("ageing?limit=1", "unknown_parameter", "?limit"),
        ("credit-lines?credit_limit[gte]=x", "bad_value", "?credit_limit[gte]"),
        ("credit-lines/c-1?limit=1", "unknown_parameter", "?limit"),
        ("clock?limit=1", "unknown_parameter", "?limit"),
        ("customers?name=Ada", "unknown_parameter", "?name"),
        ("customers/c-1?limit=1", "unknown_parameter", "?limit"),
        ("periods?until=soon", "bad_value", "?until"),
        ("trial-balance?until=soon", "bad_value", "?until"),
        ("customers/c-1/statement?from=yesterday", "bad_value", "?from"),
        ("customers/c-1/statement?colour=red", "unknown_parameter", "?colour"),
    ];
    for (path, code, pointer) in cases {
        let request = it.api.request(Method::GET, &format!("/v1/queries/{path}"));
        it.expect(&path[..path.len().min(80)], request, 400, code, pointer).await;
    }
    let events = [
        ("events?limit=0", "bad_parameter", "?limit"),
        ("events?limit=1001", "bad_parameter", "?limit"),
        ("events?after=-1", "bad_parameter", "?after"),
        ("events?after=x", "bad_parameter", "?after"),
        ("events?stream=o-1", "bad_parameter", "?stream"),
        ("events?stream=order/%00", "bad_value", "?stream"),
        ("events?kind=%00", "bad_value", "?kind"),
        ("events?category=%00", "bad_value", "?category"),
        ("events?colour=red", "bad_parameter", "?colour"),
        ("events?correlation_id=o-1", "bad_parameter", "?correlation_id"),
        ("events?causation_id=", "bad_parameter", "?causation_id"),
        ("events?recorded_at[gte]=yesterday", "bad_parameter", "?recorded_at[gte]"),
        ("events?recorded_at=2026-01-31T12:00:00Z", "bad_parameter", "?recorded_at"),
        ("events?category=order&category=payment", "repeated_parameter", "?category"),
    ];
    for (path, code, pointer) in events {
        it.expect(path, it.api.request(Method::GET, &format!("/v1/{path}")), 400, code, pointer).await;
    }
}

/// A cursor belongs to its query, and is of no use for another one.
#[tokio::test]
async fn a_cursor_of_another_query_is_refused() {
    let it = Refuser::new().await;
    let page = it.api.query("journal?limit=1").await;
    let cursor = page["next_cursor"].as_str().expect("more than one entry");
    it.api.query(&format!("journal?limit=2&cursor={cursor}")).await;
    for other in ["orders", "journal?sort=position", "journal?account=bank"] {
        let separator = if other.contains('?') { '&' } else { '?' };
        let request = it.api.request(Method::GET, &format!("/v1/queries/{other}{separator}cursor={cursor}"));
        it.expect(other, request, 400, "bad_cursor", "?cursor").await;
    }
    // One letter changed.
    let damaged = format!("{}{}", if cursor.starts_with('x') { 'y' } else { 'x' }, &cursor[1..]);
    let request = it.api.request(Method::GET, &format!("/v1/queries/journal?cursor={damaged}"));
    it.expect("a damaged cursor", request, 400, "bad_cursor", "?cursor").await;
}

/// No command was ever answered with a position that does not exist yet.
#[tokio::test]
async fn nobody_waits_for_what_has_not_happened() {
    let it = Refuser::new().await;
    for position in [it.head + 1, i64::MAX] {
        let path = format!("/v1/queries/orders/o-1?min_position={position}");
        it.expect(&path, it.api.request(Method::GET, &path), 400, "position_in_future", "?min_position").await;
    }
    let path = format!("/v1/queries/orders/o-1?min_position={}", it.head);
    assert_eq!(it.api.get(&path).await.status, 200);
}
