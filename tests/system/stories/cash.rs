//! Cash on delivery (section 3.6): the courier collects, keeps its fee, and hands the rest over.

use super::{audit, authorise, capture, place, shows, taxed, units};
use mizan_tests::{Service, System};
use serde_json::json;

async fn shipped(api: &Service) {
    place(api, "o-1", &[taxed("a", 1, "30.00"), taxed("b", 1, "20.00")]).await;
    authorise(api, "p-1", "o-1", "cash_on_delivery", "50.00").await;
    api.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "s-1" })).await;
    // Handed to the courier, who owes it from now on: line by line, so that each can be refused at the door.
    capture(api, "p-1", "a", "30.00", false).await;
    capture(api, "p-1", "b", "20.00", true).await;
    let expected = [("courier_receivable", "50.00"), ("sales", "-41.67"), ("tax_payable", "-8.33")];
    api.has_books("EUR", &expected).await;
}

#[tokio::test]
async fn the_courier_hands_over_what_it_collected_less_its_fee() {
    let system = System::new().await;
    let api = system.serve().await;
    shipped(&api).await;
    api.done("record-fee", json!({ "payment_id": "p-1", "fee_id": "f-1", "amount": "3.00", "currency": "EUR" })).await;
    let payout = json!({ "payment_id": "p-1", "payout_id": "po-1", "amount": "47.00", "currency": "EUR" });
    api.done("record-payout", payout).await;
    let expected = [("bank", "47.00"), ("delivery_cost", "3.00"), ("sales", "-41.67"), ("tax_payable", "-8.33")];
    api.has_books("EUR", &expected).await;
    shows(&api.one("payments/p-1").await, &json!({ "status": "captured", "fees": "3.00", "paid_out": "47.00" }));
    audit(&system, &api).await;
}

#[tokio::test]
async fn what_is_refused_at_the_door_is_the_mirror_of_its_sale() {
    let system = System::new().await;
    let api = system.serve().await;
    shipped(&api).await;
    // Only line b is refused: only line b is mirrored.
    let reversed = json!({ "payment_id": "p-1", "capture_id": "b", "reason": "refused at the door" });
    api.done("reverse-capture", reversed).await;
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-1", "lines": units("b", 1) })).await;
    let expected =
        [("courier_receivable", "30.00"), ("sales", "-41.67"), ("returns", "16.67"), ("tax_payable", "-5.00")];
    api.has_books("EUR", &expected).await;
    let order = api.one("orders/o-1").await;
    shows(&order, &json!({ "status": "partially_returned", "value": "30.00", "allocated": "30.00", "due": "0.00" }));

    // Then the other line comes back too, first the goods and then the news of the money.
    api.done("return-order", json!({ "order_id": "o-1", "return_id": "r-2" })).await;
    shows(&api.one("payments/p-1").await, &json!({ "refund_pending": "30.00", "reversed": "20.00" }));
    super::confirm_refunds(&api, "p-1").await;
    // Cash cannot be sent back by the courier: it goes from the bank, and the courier still owes it.
    let expected = [("courier_receivable", "30.00"), ("bank", "-30.00"), ("sales", "-41.67"), ("returns", "41.67")];
    api.has_books("EUR", &expected).await;
    audit(&system, &api).await;
}
