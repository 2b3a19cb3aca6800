//! What happens to the units of an order, and what that means.

use super::{audit, authorise, capture, place, plain, receive, shows, taxed, units};
use mizan_tests::System;
use serde_json::json;

/// The table of section 3.1, line by line: captured 100.00 with 16.67 tax, a fee of 3.20, a payout of 96.80, a line of
/// 40.00 net fulfilled, 30.00 refunded before and another part after it was fulfilled.
#[tokio::test]
async fn a_card_order_moves_money_as_the_posting_table_says() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[taxed("a", 1, "48.00"), taxed("b", 1, "30.00"), taxed("c", 1, "22.00")]).await;
    api.has_books("EUR", &[]).await;
    authorise(&api, "p-1", "o-1", "card", "100.00").await;
    api.has_books("EUR", &[]).await;
    capture(&api, "p-1", "k-1", "100.00", true).await;
    api.has_books("EUR", &[("psp_clearing", "100.00"), ("deferred_revenue", "-83.33"), ("tax_payable", "-16.67")])
        .await;

    api.done("record-fee", json!({ "payment_id": "p-1", "fee_id": "f-1", "amount": "3.20", "currency": "EUR" })).await;
    let payout = json!({ "payment_id": "p-1", "payout_id": "po-1", "amount": "96.80", "currency": "EUR" });
    api.done("record-payout", payout).await;
    let rest = [("deferred_revenue", "-83.33"), ("tax_payable", "-16.67"), ("psp_fees", "3.20")];
    api.has_books("EUR", &[&rest[..], &[("bank", "96.80")]].concat()).await;

    let fulfil = |id: &str, line: &str| json!({ "order_id": "o-1", "fulfilment_id": id, "lines": units(line, 1) });
    api.done("fulfil-order", fulfil("s-1", "a")).await;
    let paid_out = [("bank", "96.80"), ("psp_fees", "3.20")];
    let expected = [("deferred_revenue", "-43.33"), ("tax_payable", "-16.67"), ("sales", "-40.00")];
    api.has_books("EUR", &[&paid_out[..], &expected].concat()).await;

    api.done("cancel-order", json!({ "order_id": "o-1", "cancellation_id": "x-1", "lines": units("b", 1) })).await;
    let expected =
        [("deferred_revenue", "-18.33"), ("tax_payable", "-11.67"), ("sales", "-40.00"), ("refunds_pending", "-30.00")];
    api.has_books("EUR", &[&paid_out[..], &expected].concat()).await;
    super::confirm_refunds(&api, "p-1").await;
    let expected =
        [("deferred_revenue", "-18.33"), ("tax_payable", "-11.67"), ("sales", "-40.00"), ("psp_clearing", "-30.00")];
    api.has_books("EUR", &[&paid_out[..], &expected].concat()).await;

    api.done("fulfil-order", fulfil("s-2", "c")).await;
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-1", "lines": units("c", 1) })).await;
    let expected = [
        ("sales", "-58.33"),
        ("returns", "18.33"),
        ("tax_payable", "-8.00"),
        ("refunds_pending", "-22.00"),
        ("psp_clearing", "-30.00"),
    ];
    api.has_books("EUR", &[&paid_out[..], &expected].concat()).await;
    super::confirm_refunds(&api, "p-1").await;

    // The provider takes back what the refunds cost it: clearing accounts return to zero.
    let taken = json!({ "payment_id": "p-1", "payout_id": "po-2", "amount": "52.00", "currency": "EUR", "direction": "to_provider" });
    api.done("record-payout", taken).await;
    let expected = [("sales", "-58.33"), ("returns", "18.33"), ("tax_payable", "-8.00")];
    api.has_books("EUR", &[&[("bank", "44.80"), ("psp_fees", "3.20")][..], &expected].concat()).await;

    let order = api.one("orders/o-1").await;
    let sums = json!({
        "status": "partially_returned", "payment_status": "paid", "gross": "100.00", "net": "83.33", "tax": "16.67",
        "value": "48.00", "allocated": "48.00", "due": "0.00", "credit": "0.00", "refunded": "52.00",
        "cancelled_value": "30.00", "returned_value": "22.00",
    });
    shows(&order, &sums);
    let payment = api.one("payments/p-1").await;
    let sums = json!({
        "status": "partially_refunded", "authorised": "100.00", "captured": "100.00", "given_back": "0.00",
        "refunded": "52.00", "refund_pending": "0.00", "refundable": "48.00", "fees": "3.20", "paid_out": "44.80",
    });
    shows(&payment, &sums);
    audit(&system, &api).await;
}

/// placed = open + fulfilled + cancelled; fulfilled = kept + returned (section 4.1).
#[tokio::test]
async fn units_are_open_fulfilled_cancelled_or_returned_and_never_two_of_these() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[plain("a", 10, "5.00"), plain("b", 1, "50.00")]).await;
    receive(&api, "p-1", "o-1", "e_wallet", "100.00").await;
    let ask = |name: &str, id: &str, line: &str, quantity: u32| json!({ "order_id": "o-1", name: id, "lines": units(line, quantity) });
    api.done("fulfil-order", ask("fulfilment_id", "s-1", "a", 6)).await;
    shows(&api.one("orders/o-1").await, &json!({ "status": "partially_fulfilled" }));
    api.done("cancel-order", ask("cancellation_id", "x-1", "a", 3)).await;
    api.done("return-order", ask("return_id", "r-1", "a", 2)).await;
    let order = api.one("orders/o-1").await;
    let a = json!({ "quantity": 10, "open": 1, "fulfilled": 6, "cancelled": 3, "returned": 2, "kept": 4 });
    shows(&order["lines"][0], &a);
    let sums = json!({ "status": "partially_returned", "value": "75.00", "allocated": "75.00", "refunded": "25.00" });
    shows(&order, &sums);

    api.refused("fulfil-order", ask("fulfilment_id", "s-2", "a", 2), "exceeds_open", "/lines/0/quantity").await;
    api.refused("cancel-order", ask("cancellation_id", "x-2", "a", 2), "exceeds_open", "/lines/0/quantity").await;
    api.refused("return-order", ask("return_id", "r-2", "a", 5), "exceeds_fulfilled", "/lines/0/quantity").await;
    api.refused("return-order", ask("return_id", "r-2", "b", 1), "exceeds_fulfilled", "/lines/0/quantity").await;

    // Without lines everything that is left is meant.
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-2" })).await;
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-2" })).await;
    let order = api.one("orders/o-1").await;
    shows(&order, &json!({ "status": "returned", "value": "0.00", "allocated": "0.00", "refunded": "100.00" }));
    api.refused("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-3" }), "nothing_left", "").await;
    super::confirm_refunds(&api, "p-1").await;
    api.has_books("EUR", &[("sales", "-85.00"), ("returns", "85.00")]).await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "refunded", "refundable": "0.00" }));
    audit(&system, &api).await;
}

#[tokio::test]
async fn a_wholesale_order_is_priced_by_its_tiers_and_delivered_on_account() {
    let system = System::new().await;
    let api = system.serve().await;
    let tiers = |mode: &str| {
        let tiers = [(1, "5.00"), (100, "4.00"), (1000, "3.00")];
        let tiers = tiers.map(|(from, price)| json!({ "from_quantity": from, "unit_price": price }));
        json!({ "sku": "bolt", "quantity": 1200, "price_tiers": { "mode": mode, "tiers": tiers } })
    };
    place(&api, "o-1", &[tiers("volume")]).await;
    place(&api, "o-2", &[tiers("graduated")]).await;
    shows(&api.one("orders/o-1").await, &json!({ "gross": "3600.00" }));
    // 99 at 5.00, 900 at 4.00, 201 at 3.00.
    shows(&api.one("orders/o-2").await, &json!({ "gross": "4698.00" }));

    // Goods go out on terms: the customer owes them.
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1", "lines": units("1", 700) })).await;
    api.has_books("EUR", &[("ar_customer", "2100.00"), ("sales", "-2100.00")]).await;
    receive(&api, "p-1", "o-1", "bank_transfer", "2500.00").await;
    api.has_books("EUR", &[("bank", "2500.00"), ("sales", "-2100.00"), ("deferred_revenue", "-400.00")]).await;
    shows(&api.one("orders/o-1").await, &json!({ "payment_status": "partially_paid", "due": "1100.00" }));
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-2" })).await;
    api.has_books("EUR", &[("bank", "2500.00"), ("ar_customer", "1100.00"), ("sales", "-3600.00")]).await;
    receive(&api, "p-2", "o-1", "bank_transfer", "1100.00").await;
    api.has_books("EUR", &[("bank", "3600.00"), ("sales", "-3600.00")]).await;
    shows(&api.one("orders/o-1").await, &json!({ "status": "fulfilled", "payment_status": "paid", "due": "0.00" }));

    // The statement says what is owed: the second order, which nobody has paid.
    let statement = api.one("customers/c-1/statement").await;
    assert_eq!(statement["currencies"][0]["closing_balance"], "4698.00");
    audit(&system, &api).await;
}

#[tokio::test]
async fn an_order_that_leaves_only_when_paid_waits_for_the_money() {
    let system = System::new().await;
    let api = system.serve().await;
    let lines = [plain("a", 1, "30.00"), plain("b", 1, "20.00")];
    let order = json!({ "order_id": "o-1", "currency": "EUR", "lines": lines, "fulfil_when_paid": true });
    api.done("place-order", order).await;
    let all = json!({ "order_id": "o-1", "fulfilment_id": "s-1" });
    api.refused("fulfil-order", all.clone(), "not_paid_yet", "").await;
    receive(&api, "p-1", "o-1", "mobile_money", "30.00").await;
    api.refused("fulfil-order", all, "not_paid_yet", "").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-2", "lines": units("a", 1) })).await;
    receive(&api, "p-2", "o-1", "mobile_money", "20.00").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-3" })).await;
    api.has_books("EUR", &[("psp_clearing", "50.00"), ("sales", "-50.00")]).await;
    audit(&system, &api).await;
}

/// Over-delivery and replacements are new lines, and money that was paid too much pays for them.
#[tokio::test]
async fn lines_that_are_added_later_take_what_was_paid_too_much() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, "o-1", &[taxed("a", 1, "60.00")]).await;
    receive(&api, "p-1", "o-1", "bank_transfer", "65.00").await;
    let expected =
        [("bank", "65.00"), ("deferred_revenue", "-50.00"), ("tax_payable", "-10.00"), ("customer_credit", "-5.00")];
    api.has_books("EUR", &expected).await;
    shows(&api.one("orders/o-1").await, &json!({ "payment_status": "paid", "credit": "5.00", "due": "0.00" }));

    let added =
        json!({ "order_id": "o-1", "addition_id": "n-1", "currency": "EUR", "lines": [taxed("b", 1, "12.00")] });
    api.done("add-order-lines", added.clone()).await;
    shows(
        &api.one("orders/o-1").await,
        &json!({ "value": "72.00", "allocated": "65.00", "credit": "0.00", "due": "7.00" }),
    );
    assert_eq!(api.done("add-order-lines", added).await["events"], json!([]), "said twice, done once");
    receive(&api, "p-2", "o-1", "bank_transfer", "7.00").await;
    api.has_books("EUR", &[("bank", "72.00"), ("deferred_revenue", "-60.00"), ("tax_payable", "-12.00")]).await;
    audit(&system, &api).await;
}
