//! The vectors of exact allocation (section 4.3), through the whole system.

use super::{audit, place, plain, receive, shows, units};
use mizan_tests::System;
use serde_json::{Value, json};

/// 10.00 off lines of 50.00 and 10.00 is 8.33 and 1.67. Cancel the first: 41.67 go back, and the other line still pays
/// 8.33 (vendure #4811).
#[tokio::test]
async fn a_discount_is_frozen_per_line_and_never_computed_again() {
    let system = System::new().await;
    let api = system.serve().await;
    let lines = [plain("a", 1, "50.00"), plain("b", 1, "10.00")];
    let order = json!({ "order_id": "o-1", "currency": "EUR", "lines": lines, "discounts": [{ "amount": "10.00" }] });
    api.done("place-order", order).await;
    let order = api.one("orders/o-1").await;
    let discounts: Vec<&Value> = order["lines"].as_array().unwrap().iter().map(|it| &it["discount"]).collect();
    assert_eq!(discounts, ["8.33", "1.67"]);
    receive(&api, "p-1", "o-1", "card", "50.00").await;
    api.done("cancel-order", json!({ "order_id": "o-1", "cancellation_id": "x-1", "lines": units("a", 1) })).await;
    shows(&api.one("orders/o-1").await, &json!({ "cancelled_value": "41.67", "value": "8.33", "due": "0.00" }));
    shows(&api.one("payments/p-1").await, &json!({ "refund_pending": "41.67" }));
    audit(&system, &api).await;
}

/// 150 and 60 with 20 % off is 168; returning the first line refunds 120 (prestashop #18319).
#[tokio::test]
async fn a_return_refunds_what_was_paid_after_the_discount() {
    let system = System::new().await;
    let api = system.serve().await;
    let lines = [plain("a", 1, "150.00"), plain("b", 1, "60.00")];
    let order = json!({ "order_id": "o-1", "currency": "EUR", "lines": lines, "discounts": [{ "rate": "0.20" }] });
    api.done("place-order", order).await;
    shows(&api.one("orders/o-1").await, &json!({ "gross": "168.00" }));
    receive(&api, "p-1", "o-1", "card", "168.00").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-1", "lines": units("a", 1) })).await;
    shows(&api.one("payments/p-1").await, &json!({ "refund_pending": "120.00" }));
    audit(&system, &api).await;
}

/// 19.97 over three units is 6.66, 6.66, 6.65: any split of returns sums to the line.
#[tokio::test]
async fn units_keep_their_own_cents() {
    let system = System::new().await;
    let api = system.serve().await;
    // 20.00 less three cents: no unit price gives 19.97 for three.
    let line =
        json!({ "line_id": "a", "sku": "a", "quantity": 3, "unit_price": "6.66", "discounts": [{ "amount": "0.01" }] });
    place(&api, "o-1", &[line]).await;
    receive(&api, "p-1", "o-1", "card", "19.97").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
    for (nth, sum) in [("1", "6.66"), ("2", "13.32"), ("3", "19.97")] {
        api.done("return-order", json!({ "order_id": "o-1", "return_id": nth, "lines": units("a", 1) })).await;
        shows(&api.one("orders/o-1").await, &json!({ "returned_value": sum }));
    }
    shows(&api.one("payments/p-1").await, &json!({ "refund_pending": "19.97", "refundable": "0.00" }));
    audit(&system, &api).await;
}

/// 45.30 at 5 % and 33.45 at 10 %: 5.62 half up per line, 5.60 half to even, 5.61 for the document (wafeq).
#[tokio::test]
async fn taxes_are_rounded_as_the_order_says() {
    let system = System::new().await;
    let api = system.serve().await;
    let cases = [("line", "half_up", "5.62"), ("line", "half_even", "5.60"), ("document", "half_up", "5.61")];
    for (level, mode, tax) in cases {
        let line = |sku: &str, price: &str, rate: &str| json!({ "sku": sku, "quantity": 1, "unit_price": price, "taxes": [{ "rate": rate }] });
        let lines = [line("a", "45.30", "0.05"), line("b", "33.45", "0.10")];
        let order = json!({
            "order_id": format!("{level}-{mode}"), "currency": "EUR", "lines": lines,
            "tax_rounding": { "level": level, "mode": mode },
        });
        api.done("place-order", order).await;
        let order = api.one(&format!("orders/{level}-{mode}")).await;
        shows(&order, &json!({ "net": "78.75", "tax": tax }));
    }
    audit(&system, &api).await;
}

/// Taxes are owed to whom they are owed, and a return gives back the same line's tax at the rate of its sale.
#[tokio::test]
async fn taxes_are_kept_apart_by_jurisdiction() {
    let system = System::new().await;
    let api = system.serve().await;
    let taxes =
        json!([{ "rate": "0.0625", "jurisdiction": "US-MA" }, { "rate": "0.0075", "jurisdiction": "US-MA-BOS" }]);
    let line = json!({ "line_id": "a", "sku": "a", "quantity": 2, "unit_price": "100.00", "taxes": taxes });
    place(&api, "o-1", &[line]).await;
    receive(&api, "p-1", "o-1", "card", "214.00").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
    let expected = [
        ("psp_clearing", "214.00"),
        ("sales", "-200.00"),
        ("tax_payable:US-MA", "-12.50"),
        ("tax_payable:US-MA-BOS", "-1.50"),
    ];
    api.has_books("EUR", &expected).await;
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-1", "lines": units("a", 1) })).await;
    super::confirm_refunds(&api, "p-1").await;
    let expected = [
        ("psp_clearing", "107.00"),
        ("sales", "-200.00"),
        ("returns", "100.00"),
        ("tax_payable:US-MA", "-6.25"),
        ("tax_payable:US-MA-BOS", "-0.75"),
    ];
    api.has_books("EUR", &expected).await;
    audit(&system, &api).await;
}
