//! Fields that are not what they should be.

use super::{Refuser, with};
use serde_json::{Value, json};

fn order() -> Value {
    json!({
        "order_id": "o-new",
        "customer_id": "c-1",
        "currency": "EUR",
        "lines": [
            { "sku": "coffee", "quantity": 2, "unit_price": "10.00", "taxes": [{ "rate": "0.20" }] },
            { "sku": "tea", "quantity": 1, "unit_price": "5.00" },
        ],
        "reference": "a reference",
    })
}

#[tokio::test]
async fn money_is_text_in_the_decimals_of_its_currency_or_nothing() {
    let it = Refuser::new().await;
    let price = "/lines/0/unit_price";
    let cases = [
        (json!(10), "amount_not_text"),
        (json!(10.5), "amount_not_text"),
        (json!(-10), "amount_not_text"),
        (json!(u64::MAX), "amount_not_text"),
        (json!("10.005"), "too_many_decimals"),
        (json!("10.000"), "too_many_decimals"),
        (json!("-1.00"), "negative_amount"),
        (json!("-0"), "negative_amount"),
        (json!("1e3"), "not_an_amount"),
        (json!("+1.00"), "not_an_amount"),
        (json!("1,50"), "not_an_amount"),
        (json!("1.000,00"), "not_an_amount"),
        (json!(".50"), "not_an_amount"),
        (json!("1."), "not_an_amount"),
        (json!(""), "not_an_amount"),
        (json!(" 1.00"), "not_an_amount"),
        (json!("١٢"), "not_an_amount"),
        (json!("0x10"), "not_an_amount"),
        (json!("NaN"), "not_an_amount"),
        (json!("Infinity"), "not_an_amount"),
        (json!("10.00 EUR"), "not_an_amount"),
        (json!("10000000000000000.00"), "amount_too_large"),
        (json!("9".repeat(1000)), "amount_too_large"),
        (json!(true), "wrong_type"),
        (json!(["10.00"]), "wrong_type"),
        (json!({ "amount": "10.00" }), "wrong_type"),
        (Value::Null, "price_unclear"),
    ];
    for (value, code) in cases {
        let what = format!("a price of {value:.40}");
        it.refuses(&what, "place-order", &with(&order(), price, value), code, price).await;
    }
    // A number too large for any float is no JSON that we read.
    let huge = order().to_string().replace("\"10.00\"", "1e400");
    let request = it.api.request(reqwest::Method::POST, "/v1/commands/place-order");
    let request = request.header("content-type", "application/json").body(huge);
    it.expect("a price of 1e400", request, 400, "malformed_json", "").await;
    it.refuses(
        "yen with decimals",
        "place-order",
        &with(&order(), "/currency", json!("JPY")),
        "too_many_decimals",
        price,
    )
    .await;
    // What fits alone may not fit a million times.
    let many = with(&with(&order(), price, json!("9999999999999999.99")), "/lines/0/quantity", json!(1_000_000));
    it.refuses("a line beyond the limit", "place-order", &many, "amount_too_large", price).await;
    let payment = json!({ "payment_id": "p-2", "method": "card", "amount": "0.00", "currency": "EUR" });
    it.refuses("a payment of nothing", "receive-payment", &payment, "amount_not_positive", "/amount").await;
    for (value, code) in [(json!(1), "amount_not_text"), (json!("-1.00"), "negative_amount")] {
        let payment = with(&payment, "/amount", value);
        it.refuses("a payment", "receive-payment", &payment, code, "/amount").await;
    }
}

#[tokio::test]
async fn every_wrong_field_of_an_order_is_named() {
    let it = Refuser::new().await;
    let lines_501: Vec<Value> = (0..501).map(|_| json!({ "sku": "x", "quantity": 1, "unit_price": "1.00" })).collect();
    let tiers = |tiers: Value| json!({ "tiers": tiers });
    let cases = [
        // Currencies that nobody pays in.
        ("/currency", json!("eur"), "unknown_currency", "/currency"),
        ("/currency", json!("XAU"), "unknown_currency", "/currency"),
        ("/currency", json!("XXX"), "unknown_currency", "/currency"),
        ("/currency", json!("BTC"), "unknown_currency", "/currency"),
        ("/currency", json!(""), "unknown_currency", "/currency"),
        ("/currency", json!(978), "wrong_type", "/currency"),
        // Ids.
        ("/order_id", json!(""), "not_an_id", "/order_id"),
        ("/order_id", json!("a b"), "not_an_id", "/order_id"),
        ("/order_id", json!("-a"), "not_an_id", "/order_id"),
        ("/order_id", json!("a/b"), "not_an_id", "/order_id"),
        ("/order_id", json!("../../etc/passwd"), "not_an_id", "/order_id"),
        ("/order_id", json!("a\u{0}b"), "not_an_id", "/order_id"),
        ("/order_id", json!("'; drop table events; --"), "not_an_id", "/order_id"),
        ("/order_id", json!("o-é"), "not_an_id", "/order_id"),
        ("/order_id", json!("x".repeat(65)), "not_an_id", "/order_id"),
        ("/order_id", json!(42), "wrong_type", "/order_id"),
        ("/order_id", json!(4.2), "wrong_type", "/order_id"),
        ("/order_id", json!(["o-1"]), "wrong_type", "/order_id"),
        ("/customer_id", json!("jane@example.com"), "not_an_id", "/customer_id"),
        ("/lines/1/line_id", json!("1"), "duplicate_line", "/lines/1/line_id"),
        ("/lines/0/taxes/0/jurisdiction", json!("D E"), "not_an_id", "/lines/0/taxes/0/jurisdiction"),
        // Fields that are not there, and fields that are not known.
        ("/order_id", Value::Null, "missing_field", "/order_id"),
        ("/currency", Value::Null, "missing_field", "/currency"),
        ("/lines", Value::Null, "missing_field", "/lines"),
        ("/lines/0/sku", Value::Null, "missing_field", "/lines/0/sku"),
        ("/lines/1/quantity", Value::Null, "missing_field", "/lines/1/quantity"),
        ("/lines/0/taxes/0/rate", Value::Null, "missing_field", "/lines/0/taxes/0/rate"),
        ("/colour", json!("red"), "unknown_field", "/colour"),
        ("/merchant_id", json!("somebody-else"), "unknown_field", "/merchant_id"),
        ("/lines/1/weight", json!(1), "unknown_field", "/lines/1/weight"),
        ("/tax_rounding", json!({ "level": "line", "to": "cents" }), "unknown_field", "/tax_rounding/to"),
        // Lines and quantities.
        ("/lines", json!([]), "no_lines", "/lines"),
        ("/lines", json!("coffee"), "wrong_type", "/lines"),
        ("/lines", json!(lines_501), "too_many_lines", "/lines"),
        ("/lines/1", json!(1), "wrong_type", "/lines/1"),
        ("/lines/0/quantity", json!(0), "quantity_out_of_range", "/lines/0/quantity"),
        ("/lines/0/quantity", json!(1_000_001), "quantity_out_of_range", "/lines/0/quantity"),
        ("/lines/0/quantity", json!(-1), "invalid_value", "/lines/0/quantity"),
        ("/lines/0/quantity", json!(5_000_000_000_u64), "invalid_value", "/lines/0/quantity"),
        ("/lines/0/quantity", json!(1.5), "wrong_type", "/lines/0/quantity"),
        ("/lines/0/quantity", json!("2"), "wrong_type", "/lines/0/quantity"),
        ("/lines/0/kind", json!("service"), "unknown_value", "/lines/0/kind"),
        ("/refund_order", json!("first_come"), "unknown_value", "/refund_order"),
        ("/prices_include_tax", json!("yes"), "wrong_type", "/prices_include_tax"),
        // Rates.
        ("/lines/0/taxes/0/rate", json!(0.2), "rate_not_text", "/lines/0/taxes/0/rate"),
        ("/lines/0/taxes/0/rate", json!("20"), "not_a_rate", "/lines/0/taxes/0/rate"),
        ("/lines/0/taxes/0/rate", json!("-0.1"), "not_a_rate", "/lines/0/taxes/0/rate"),
        ("/lines/0/taxes/0/rate", json!("0.123456789"), "not_a_rate", "/lines/0/taxes/0/rate"),
        ("/lines/0/taxes", json!(vec![json!({ "rate": "0.01" }); 21]), "too_many_parts", "/lines/0/taxes"),
        // Prices and discounts.
        ("/lines/0/price_tiers", tiers(json!([])), "price_unclear", "/lines/0/unit_price"),
        ("/lines/0/discounts", json!([{}]), "discount_unclear", "/lines/0/discounts/0"),
        ("/lines/0/discounts", json!([{ "amount": "20.01" }]), "discount_exceeds_line", "/lines/0/discounts"),
        ("/lines/0/discounts", json!([{ "amount": 1 }]), "amount_not_text", "/lines/0/discounts/0/amount"),
        ("/discounts", json!([{ "amount": "25.01" }]), "discount_exceeds_order", "/discounts/0"),
        ("/discounts", json!([{ "amount": "1.00", "rate": "0.1" }]), "discount_unclear", "/discounts/0"),
        ("/discounts", json!([{ "rate": "0.1", "lines": ["9"] }]), "discount_for_unknown_line", "/discounts/0"),
        ("/discounts", json!(vec![json!({ "rate": "0.01" }); 21]), "too_many_discounts", "/discounts"),
        // Words.
        ("/reference", json!(""), "empty_text", "/reference"),
        ("/reference", json!("  "), "empty_text", "/reference"),
        ("/reference", json!("x".repeat(501)), "text_too_long", "/reference"),
        ("/reference", json!("two\nlines"), "forbidden_character", "/reference"),
        ("/reference", json!("a\u{0}"), "forbidden_character", "/reference"),
        ("/reference", json!("pay \u{202e}001"), "forbidden_character", "/reference"),
        ("/reference", json!("pay \u{2066}001\u{2069}"), "forbidden_character", "/reference"),
        ("/lines/0/sku", json!("\u{202d}coffee"), "forbidden_character", "/lines/0/sku"),
        ("/reference", json!(7), "wrong_type", "/reference"),
        // Times.
        ("/occurred_at", json!("yesterday"), "not_a_time", "/occurred_at"),
        ("/occurred_at", json!("2026-11-21T10:00:00"), "not_a_time", "/occurred_at"),
        ("/occurred_at", json!("2026-02-30T10:00:00Z"), "not_a_time", "/occurred_at"),
        ("/occurred_at", json!("9999-12-31T23:59:59Z"), "time_in_future", "/occurred_at"),
        ("/occurred_at", json!("1969-12-31T23:59:59Z"), "time_too_old", "/occurred_at"),
        ("/occurred_at", json!(1_700_000_000), "wrong_type", "/occurred_at"),
    ];
    for (place, value, code, pointer) in cases {
        let what = format!("{place} = {value:.60}");
        it.refuses(&what, "place-order", &with(&order(), place, value), code, pointer).await;
    }
    let tiered =
        |value: Value| with(&with(&order(), "/lines/0/unit_price", Value::Null), "/lines/0/price_tiers", tiers(value));
    let tier = |from: u32, price: &str| json!({ "from_quantity": from, "unit_price": price });
    let cases = [
        (json!([]), "tiers_out_of_order", "/lines/0/price_tiers"),
        (json!([tier(2, "5.00")]), "tiers_out_of_order", "/lines/0/price_tiers"),
        (json!([tier(1, "5.00"), tier(1, "4.00")]), "tiers_out_of_order", "/lines/0/price_tiers"),
        (json!([tier(1, "5.00"), tier(9, "4.001")]), "too_many_decimals", "/lines/0/price_tiers/tiers/1/unit_price"),
    ];
    for (value, code, pointer) in cases {
        it.refuses(&format!("tiers {value}"), "place-order", &tiered(value), code, pointer).await;
    }
    let tomorrow = chrono::Utc::now() + chrono::TimeDelta::hours(25);
    let late = with(&order(), "/occurred_at", json!(tomorrow.to_rfc3339()));
    it.refuses("tomorrow", "place-order", &late, "time_in_future", "/occurred_at").await;

    // The body that all of these were made of is a good one.
    it.api.done("place-order", order()).await;
}
