//! Commands that are well said, and that the rules refuse all the same.

use super::{Refuser, with};
use serde_json::json;

#[tokio::test]
async fn an_order_refuses_what_cannot_have_happened() {
    let it = Refuser::new().await;
    let lines = |line: &str, quantity: u32| json!([{ "line_id": line, "quantity": quantity }]);
    let fulfil = json!({ "order_id": "o-1", "fulfilment_id": "f-1", "lines": lines("a", 1) });
    let returned = json!({ "order_id": "o-1", "return_id": "r-1", "lines": lines("a", 1) });
    let cancel = json!({ "order_id": "o-1", "cancellation_id": "x-1", "lines": lines("a", 4) });
    let twice = json!([{ "line_id": "a", "quantity": 1 }, { "line_id": "a", "quantity": 1 }]);
    let cases = [
        (
            "a return of what was not fulfilled",
            "return-order",
            returned.clone(),
            "exceeds_fulfilled",
            "/lines/0/quantity",
        ),
        ("a return of nothing", "return-order", with(&returned, "/lines", json!(null)), "nothing_left", ""),
        ("more cancelled than ordered", "cancel-order", cancel, "exceeds_open", "/lines/0/quantity"),
        (
            "more fulfilled than ordered",
            "fulfil-order",
            with(&fulfil, "/lines", lines("a", 4)),
            "exceeds_open",
            "/lines/0/quantity",
        ),
        (
            "no unit",
            "fulfil-order",
            with(&fulfil, "/lines", lines("a", 0)),
            "quantity_out_of_range",
            "/lines/0/quantity",
        ),
        ("no such line", "fulfil-order", with(&fulfil, "/lines", lines("z", 1)), "unknown_line", "/lines/0/line_id"),
        ("a line twice", "fulfil-order", with(&fulfil, "/lines", twice), "duplicate_line", "/lines/1/line_id"),
        ("an empty list", "fulfil-order", with(&fulfil, "/lines", json!([])), "nothing_left", ""),
    ];
    for (what, command, data, code, pointer) in cases {
        it.refuses(what, command, &data, code, pointer).await;
    }
    for (command, data) in [
        ("fulfil-order", json!({ "order_id": "o-none", "fulfilment_id": "f-1" })),
        ("cancel-order", json!({ "order_id": "o-none", "cancellation_id": "x-1" })),
        ("return-order", json!({ "order_id": "o-none", "return_id": "r-1" })),
    ] {
        let request = it.api.commanding(command, &data);
        it.expect(command, request, 404, "order_not_placed", "/order_id").await;
    }
    let added = json!({
        "order_id": "o-1", "addition_id": "n-1", "currency": "EUR",
        "lines": [{ "line_id": "a", "sku": "x", "quantity": 1, "unit_price": "1.00" }],
    });
    it.refuses("a line that is there", "add-order-lines", &added, "duplicate_line", "/lines/0/line_id").await;
    let dollars = with(&with(&added, "/currency", json!("USD")), "/lines/0/line_id", json!("b"));
    it.refuses("dollars on an order in euros", "add-order-lines", &dollars, "currency_mismatch", "/lines/0/unit_price")
        .await;
}

#[tokio::test]
async fn a_payment_refuses_what_cannot_have_happened() {
    let it = Refuser::new().await;
    let amount = |amount: &str| json!({ "payment_id": "p-1", "amount": amount, "currency": "EUR" });
    let named = |name: &str, id: &str, it: &str| with(&amount(it), &format!("/{name}"), json!(id));
    let p_1 = |name: &str, id: &str| json!({ "payment_id": "p-1", name: id });
    let voucher = json!({ "payment_id": "p-v", "method": "voucher", "amount": "5.00", "currency": "EUR" });
    it.api.done("receive-payment", voucher).await;
    let it = Refuser { head: it.api.head().await, ..it };
    let on_voucher = |data: serde_json::Value| with(&data, "/payment_id", json!("p-v"));
    let dollars = with(&named("refund_id", "rf-1", "1.00"), "/currency", json!("USD"));
    let back = with(&named("payout_id", "po-1", "0.01"), "/direction", json!("to_provider"));
    let cases = [
        (
            "a refund beyond the pool",
            "refund-payment",
            named("refund_id", "rf-1", "30.01"),
            "exceeds_refundable",
            "/amount",
        ),
        ("a refund of nothing", "refund-payment", named("refund_id", "rf-1", "0.00"), "amount_not_positive", "/amount"),
        ("a refund in dollars", "refund-payment", dollars, "currency_mismatch", "/amount"),
        (
            "a dispute beyond the capture",
            "open-dispute",
            named("dispute_id", "d-1", "30.01"),
            "exceeds_captured",
            "/amount",
        ),
        (
            "a payout beyond what is held",
            "record-payout",
            named("payout_id", "po-1", "30.01"),
            "exceeds_clearing",
            "/amount",
        ),
        ("a payout to a provider that is owed nothing", "record-payout", back, "exceeds_clearing", "/amount"),
        (
            "a capture without an authorisation",
            "capture-payment",
            named("capture_id", "k-1", "1.00"),
            "authorisation_closed",
            "",
        ),
        ("a void without an authorisation", "void-payment", json!({ "payment_id": "p-1" }), "authorisation_closed", ""),
        ("an unknown capture", "reverse-capture", p_1("capture_id", "k-9"), "unknown_capture", "/capture_id"),
        ("an unknown refund", "confirm-refund", p_1("refund_id", "rf-9"), "unknown_refund", "/refund_id"),
        ("an unknown refund", "fail-refund", p_1("refund_id", "rf-9"), "unknown_refund", "/refund_id"),
        (
            "an unknown dispute",
            "win-dispute",
            with(&p_1("dispute_id", "d-9"), "/currency", json!("EUR")),
            "unknown_dispute",
            "/dispute_id",
        ),
        (
            "an unknown dispute",
            "lose-dispute",
            with(&p_1("dispute_id", "d-9"), "/currency", json!("EUR")),
            "unknown_dispute",
            "/dispute_id",
        ),
        (
            "a dispute of a voucher",
            "open-dispute",
            on_voucher(named("dispute_id", "d-1", "1.00")),
            "not_for_method",
            "",
        ),
        ("a fee on a voucher", "record-fee", on_voucher(named("fee_id", "f-1", "1.00")), "not_for_method", ""),
        (
            "a payout of a voucher",
            "record-payout",
            on_voucher(named("payout_id", "po-1", "1.00")),
            "not_for_method",
            "",
        ),
        ("nothing is unknown", "fail-attempt", p_1("attempt", "void"), "outcome_known", ""),
        (
            "an attempt without its capture",
            "report-unknown-outcome",
            p_1("attempt", "capture"),
            "missing_field",
            "/capture_id",
        ),
        (
            "an unknown method",
            "receive-payment",
            json!({ "payment_id": "p-2", "method": "cheque", "amount": "1.00", "currency": "EUR" }),
            "unknown_value",
            "/method",
        ),
    ];
    for (what, command, data, code, pointer) in cases {
        it.refuses(what, command, &data, code, pointer).await;
    }
    for (command, data) in [
        ("refund-payment", named("refund_id", "rf-1", "1.00")),
        ("capture-payment", named("capture_id", "k-1", "1.00")),
        ("record-fee", named("fee_id", "f-1", "1.00")),
        ("void-payment", json!({ "payment_id": "p-1" })),
    ] {
        let request = it.api.commanding(command, &with(&data, "/payment_id", json!("p-none")));
        it.expect(command, request, 404, "payment_not_known", "/payment_id").await;
    }
}

/// The same id with other content is a mistake of somebody's, and never a second fact.
#[tokio::test]
async fn an_id_is_used_for_one_thing_only() {
    let it = Refuser::new().await;
    let order = json!({
        "order_id": "o-1", "customer_id": "c-1", "currency": "EUR",
        "lines": [{ "line_id": "a", "sku": "coffee", "quantity": 3, "unit_price": "10.01" }],
    });
    let payment =
        json!({ "payment_id": "p-1", "order_id": "o-1", "method": "card", "amount": "30.00", "currency": "EUR" });
    let cases = [
        ("another price", "place-order", order.clone(), "/order_id"),
        (
            "another customer",
            "place-order",
            with(&with(&order, "/customer_id", json!("c-2")), "/lines/0/unit_price", json!("10.00")),
            "/order_id",
        ),
        ("another amount", "receive-payment", with(&payment, "/amount", json!("30.01")), "/payment_id"),
        ("another method", "receive-payment", with(&payment, "/method", json!("e_wallet")), "/payment_id"),
        ("another order", "receive-payment", with(&payment, "/order_id", json!("o-2")), "/payment_id"),
        ("authorised after it was received", "authorise-payment", payment, "/payment_id"),
    ];
    for (what, command, data, pointer) in cases {
        let request = it.api.commanding(command, &data);
        it.expect(what, request, 409, "exists_with_different_content", pointer).await;
    }
}
