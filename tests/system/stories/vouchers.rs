//! Vouchers and mixed tenders (section 3.7).

use super::{audit, pending_refunds, place, plain, receive, shows, units};
use mizan_tests::System;
use serde_json::json;

/// Sell 100: no revenue, a liability. Redeem 40: the liability pays for an order. What comes back goes to the voucher
/// first, and never more cash goes out than came in.
#[tokio::test]
async fn a_voucher_is_a_debt_until_it_is_redeemed_and_gets_its_money_back_first() {
    let system = System::new().await;
    let api = system.serve().await;
    let voucher = json!({ "sku": "voucher-100", "kind": "gift_card", "quantity": 1, "unit_price": "100.00" });
    place(&api, "o-gift", &[voucher]).await;
    receive(&api, "p-gift", "o-gift", "bank_transfer", "100.00").await;
    api.done("fulfil-order", json!({ "order_id": "o-gift", "fulfilment_id": "s-1" })).await;
    api.has_books("EUR", &[("bank", "100.00"), ("gift_card", "-100.00")]).await;

    place(&api, "o-1", &[plain("a", 2, "50.00")]).await;
    receive(&api, "p-voucher", "o-1", "voucher", "40.00").await;
    receive(&api, "p-card", "o-1", "card", "60.00").await;
    let paid =
        [("bank", "100.00"), ("gift_card", "-60.00"), ("psp_clearing", "60.00"), ("deferred_revenue", "-100.00")];
    api.has_books("EUR", &paid).await;
    let order = api.one("orders/o-1").await;
    shows(&order, &json!({ "payment_status": "paid", "allocated": "100.00", "due": "0.00" }));
    assert_eq!(order["payments"].as_array().unwrap().len(), 2);

    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-1", "lines": units("a", 1) })).await;
    assert_eq!(pending_refunds(&api, "p-voucher").await.remove(0).1, "40.00");
    assert_eq!(pending_refunds(&api, "p-card").await.remove(0).1, "10.00");
    super::confirm_refunds(&api, "p-voucher").await;
    super::confirm_refunds(&api, "p-card").await;
    let expected = [
        ("bank", "100.00"),
        ("gift_card", "-100.00"),
        ("psp_clearing", "50.00"),
        ("sales", "-100.00"),
        ("returns", "50.00"),
    ];
    api.has_books("EUR", &expected).await;
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-2" })).await;
    assert_eq!(pending_refunds(&api, "p-voucher").await, []);
    assert_eq!(pending_refunds(&api, "p-card").await.remove(0).1, "50.00");
    audit(&system, &api).await;
}

/// The declared order decides; every way gives back exactly what is owed.
#[tokio::test]
async fn a_split_tender_is_refunded_in_the_declared_order() {
    let system = System::new().await;
    let api = system.serve().await;
    // 40.00 of 100.00 are given back; the tenders stand in the order in which they came.
    let cases = [
        (
            "vouchers_first",
            [("voucher", "30.00"), ("card", "50.00"), ("e_wallet", "20.00")],
            ["30.00", "0.00", "10.00"],
        ),
        ("latest_first", [("voucher", "50.00"), ("card", "20.00"), ("e_wallet", "30.00")], ["0.00", "10.00", "30.00"]),
        ("proportional", [("voucher", "30.00"), ("card", "20.00"), ("e_wallet", "50.00")], ["12.00", "8.00", "20.00"]),
    ];
    for (refund_order, tenders, expected) in cases {
        let id = |part: &str| format!("{refund_order}-{part}");
        let lines = [plain("a", 1, "60.00"), plain("b", 1, "40.00")];
        let order = json!({ "order_id": id("o"), "currency": "EUR", "lines": lines, "refund_order": refund_order });
        api.done("place-order", order).await;
        for (method, amount) in tenders {
            receive(&api, &id(method), &id("o"), method, amount).await;
        }
        let cancelled = json!({ "order_id": id("o"), "cancellation_id": "x-1", "lines": units("b", 1) });
        api.done("cancel-order", cancelled).await;
        for ((method, _), expected) in tenders.into_iter().zip(expected) {
            let payment = api.one(&format!("payments/{}", id(method))).await;
            assert_eq!(payment["refund_pending"], expected, "{refund_order}: {method}");
        }
    }
    audit(&system, &api).await;
}
