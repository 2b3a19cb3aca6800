//! Each command does it: the exact events, with the entries that they mean.

use super::super::{LineKind, Order, RefundTo};
use crate::decider::Decider;
use crate::id::RefundId;
use crate::rehearsal::*;
use serde_json::{Value, json};

/// Three things at 10.00 with 20 % German tax included, carried for 5.00 plus 5 % tax.
fn things_and_carriage() -> super::super::Command {
    place(vec![
        line("l-1", 3, "10.00").included().tax_of("DE", "0.20"),
        line("l-2", 1, "5.00").kind(LineKind::Shipping).tax("0.05"),
    ])
}

fn units_of(line_id: &str, quantity: u32) -> Value {
    json!({ "line_id": line_id, "quantity": quantity })
}

fn worth(line_id: &str, quantity: u32, net: &str, tax: &str, gross: &str) -> Value {
    let [net, tax, gross] = [net, tax, gross].map(|it| format!("{it} EUR"));
    json!({ "line_id": line_id, "quantity": quantity, "net": net, "tax": tax, "gross": gross })
}

fn refund_id(cause: &str, payment_id: &str) -> String {
    RefundId::derived(&["order", "o-1", cause, payment_id]).to_string()
}

#[test]
fn placing_freezes_every_line_with_its_taxes() {
    let events = Order::default().decide(&things_and_carriage()).unwrap();
    let expected = json!([{
        "kind": "order-placed.v1",
        "order_id": "o-1",
        "customer_id": "c-1",
        "currency": "EUR",
        "lines": [
            {
                "line_id": "l-1", "sku": "a thing", "kind": "goods", "quantity": 3, "unit_price": "10.00 EUR",
                "prices_include_tax": true, "subtotal": "30.00 EUR", "discount": "0.00 EUR", "net": "25.00 EUR",
                "taxes": [{ "jurisdiction": "DE", "rate": "0.20", "amount": "5.00 EUR" }], "gross": "30.00 EUR",
            },
            {
                "line_id": "l-2", "sku": "a thing", "kind": "shipping", "quantity": 1, "unit_price": "5.00 EUR",
                "prices_include_tax": false, "subtotal": "5.00 EUR", "discount": "0.00 EUR", "net": "5.00 EUR",
                "taxes": [{ "rate": "0.05", "amount": "0.25 EUR" }], "gross": "5.25 EUR",
            },
        ],
        "total": { "net": "30.00 EUR", "tax": "5.25 EUR", "gross": "35.25 EUR" },
        "tax_rounding": { "level": "line", "mode": "half_up" },
        "refund_order": "vouchers_first",
        "fulfil_when_paid": false,
        "at": NOON,
    }]);
    assert_eq!(written(&events), expected);
}

#[test]
fn a_replacement_is_a_new_line_and_moves_nothing_in_the_books() {
    let order = told::<Order>(&[things_and_carriage()]);
    let events = order.decide(&add("a-1", vec![line("l-3", 1, "2.00")])).unwrap();
    let expected = json!([{
        "kind": "order-lines-added.v1",
        "order_id": "o-1",
        "addition_id": "a-1",
        "party": "c-1",
        "lines": [{
            "line_id": "l-3", "sku": "a thing", "kind": "goods", "quantity": 1, "unit_price": "2.00 EUR",
            "prices_include_tax": false, "subtotal": "2.00 EUR", "discount": "0.00 EUR", "net": "2.00 EUR",
            "taxes": [], "gross": "2.00 EUR",
        }],
        "total": { "net": "2.00 EUR", "tax": "0.00 EUR", "gross": "2.00 EUR" },
        "at": NOON,
    }]);
    assert_eq!(written(&events), expected);
}

/// The advance on the first lines stays as it was booked, although the new line has no tax.
#[test]
fn lines_added_to_a_paid_order_are_paid_after_it() {
    let order =
        told::<Order>(&[things_and_carriage(), allocate("p-1", "35.25"), add("a-1", vec![line("l-3", 1, "2.00")])]);
    let events = order.decide(&allocate("p-2", "2.00")).unwrap();
    assert_eq!(
        net(&events.into_iter().map(Into::into).collect::<Vec<_>>()),
        "customer_credit 2.00 | deferred_revenue 2.00"
    );
}

#[test]
fn fulfilling_what_is_paid_turns_the_advance_into_sales() {
    let order = told::<Order>(&[things_and_carriage(), allocate("p-1", "35.25")]);
    let events = order.decide(&fulfil("f-1", &[("l-1", 1)])).unwrap();
    // The unit that leaves is the last of three: its tax is 1.66 of 5.00.
    let expected = json!([{
        "kind": "order-lines-fulfilled.v1",
        "order_id": "o-1",
        "fulfilment_id": "f-1",
        "lines": [units_of("l-1", 1)],
        "entry": entry("deferred_revenue 8.34 | sales 8.34"),
        "at": NOON,
    }]);
    assert_eq!(written(&events), expected);
    let rest = told::<Order>(&[things_and_carriage(), allocate("p-1", "35.25"), fulfil("f-1", &[("l-1", 1)])]);
    let rest = &written(&rest.decide(&fulfil_all("f-2")).unwrap())[0];
    assert_eq!(rest["lines"], json!([units_of("l-1", 2), units_of("l-2", 1)]));
    assert_eq!(rest["entry"], entry("deferred_revenue 21.66 | sales 16.66, shipping 5.00"));
}

#[test]
fn what_is_delivered_before_it_is_paid_is_owed() {
    let order = told::<Order>(&[things_and_carriage()]);
    let events = order.decide(&fulfil("f-1", &[("l-1", 1)])).unwrap();
    assert_eq!(written(&events)[0]["entry"], entry("ar_customer 10.00 | tax_payable:DE 1.66, sales 8.34"));
    let order = told::<Order>(&[things_and_carriage(), fulfil("f-1", &[("l-1", 1)])]);
    let events = order.decide(&allocate("p-1", "10.00")).unwrap();
    assert_eq!(written(&events)[0]["entry"], entry("customer_credit 10.00 | ar_customer 10.00"));
}

/// 4.00 is paid: 3.40 of it is deferred, 0.57 and 0.03 is tax. The unit that leaves is worth 10.00.
#[test]
fn an_advance_is_used_up_before_anything_is_owed() {
    let order = told::<Order>(&[things_and_carriage(), allocate("p-1", "4.00")]);
    let events = order.decide(&fulfil("f-1", &[("l-1", 1)])).unwrap();
    let expected = "ar_customer 6.00, deferred_revenue 3.40, tax_payable 0.03 | tax_payable:DE 1.09, sales 8.34";
    assert_eq!(written(&events)[0]["entry"], entry(expected));
}

#[test]
fn cancelling_what_is_paid_asks_its_payment_to_refund_it() {
    let order = told::<Order>(&[things_and_carriage(), allocate("p-1", "35.25")]);
    let events = order.decide(&cancel("x-1", &[("l-1", 1)])).unwrap();
    let expected = json!([{
        "kind": "order-lines-cancelled.v1",
        "order_id": "o-1",
        "cancellation_id": "x-1",
        "lines": [worth("l-1", 1, "8.33", "1.67", "10.00")],
        "value": "10.00 EUR",
        "refund_to": "payment",
        "released": [{ "payment_id": "p-1", "amount": "10.00 EUR", "refund_id": refund_id("x-1", "p-1") }],
        "entry": entry("deferred_revenue 8.33, tax_payable:DE 1.67 | customer_credit 10.00"),
        "at": NOON,
    }]);
    assert_eq!(written(&events), expected);
}

#[test]
fn cancelling_what_is_not_paid_moves_no_money() {
    let order = told::<Order>(&[things_and_carriage(), allocate("p-1", "15.25")]);
    let cancelled = &written(&order.decide(&cancel("x-1", &[("l-1", 2)])).unwrap())[0];
    assert_eq!((&cancelled["value"], &cancelled["released"]), (&json!("20.00 EUR"), &json!([])));
    let order = told::<Order>(&[things_and_carriage(), allocate("p-1", "15.25"), cancel("x-1", &[("l-1", 2)])]);
    assert_eq!((order.due(), order.allocated()), (Some(eur("0.00")), Some(eur("15.25"))));
}

#[test]
fn a_cancelled_order_that_nobody_paid_leaves_nothing_in_the_books() {
    let order = told::<Order>(&[things_and_carriage()]);
    let cancelled = &written(&order.decide(&cancel_all("x-1")).unwrap())[0];
    assert_eq!(
        cancelled["lines"],
        json!([worth("l-1", 3, "25.00", "5.00", "30.00"), worth("l-2", 1, "5.00", "0.25", "5.25")])
    );
    assert_eq!(cancelled["entry"], entry(""));
}

#[test]
fn a_refund_to_credit_stays_with_the_merchant_as_the_customers_money() {
    let paid = [things_and_carriage(), allocate("p-1", "35.25")];
    let order = told::<Order>(&paid);
    let asked = cancel_to(RefundTo::Credit, "x-1", Some(units(&[("l-1", 1)])));
    let cancelled = &written(&order.decide(&asked).unwrap())[0];
    assert_eq!(cancelled["refund_to"], "credit");
    assert_eq!(cancelled["released"], json!([{ "payment_id": "p-1", "amount": "10.00 EUR" }]));
    let order = told::<Order>(&[paid.as_slice(), &[asked]].concat());
    assert_eq!(order.funds()[0].unallocated(), eur("10.00"));
    // It pays for what is added later.
    let added = written(&order.decide(&add("a-1", vec![line("l-3", 1, "4.00")])).unwrap());
    assert_eq!(added[1]["allocated"], "4.00 EUR");
    assert_eq!(added[1]["entry"], entry("customer_credit 4.00 | deferred_revenue 4.00"));
}

#[test]
fn a_return_lessens_sales_by_returns_and_gives_the_same_tax_back() {
    let order = told::<Order>(&[things_and_carriage(), allocate("p-1", "35.25"), fulfil_all("f-1")]);
    let events = order.decide(&take_back("b-1", &[("l-1", 1), ("l-2", 1)])).unwrap();
    let expected = json!([{
        "kind": "order-lines-returned.v1",
        "order_id": "o-1",
        "return_id": "b-1",
        "lines": [worth("l-1", 1, "8.33", "1.67", "10.00"), worth("l-2", 1, "5.00", "0.25", "5.25")],
        "value": "15.25 EUR",
        "refund_to": "payment",
        "released": [{ "payment_id": "p-1", "amount": "15.25 EUR", "refund_id": refund_id("b-1", "p-1") }],
        "entry": entry("tax_payable 0.25, tax_payable:DE 1.67, returns 13.33 | customer_credit 15.25"),
        "at": NOON,
    }]);
    assert_eq!(written(&events), expected);
}

#[test]
fn a_return_of_what_was_never_paid_is_no_longer_owed() {
    let order = told::<Order>(&[things_and_carriage(), fulfil_all("f-1")]);
    let returned = &written(&order.decide(&take_back_all("b-1")).unwrap())[0];
    assert_eq!(returned["released"], json!([]));
    assert_eq!(returned["entry"], entry("tax_payable 0.25, tax_payable:DE 5.00, returns 30.00 | ar_customer 35.25"));
}

#[test]
fn a_voucher_sold_is_owed_not_earned_and_comes_back_as_it_went() {
    let sold = place(vec![line("l-1", 1, "100.00").kind(LineKind::GiftCard)]);
    let order = told::<Order>(&[sold.clone(), allocate("p-1", "100.00")]);
    let fulfilled = &written(&order.decide(&fulfil_all("f-1")).unwrap())[0];
    assert_eq!(fulfilled["entry"], entry("deferred_revenue 100.00 | gift_card 100.00"));
    let order = told::<Order>(&[sold, allocate("p-1", "100.00"), fulfil_all("f-1")]);
    let returned = &written(&order.decide(&take_back_all("b-1")).unwrap())[0];
    assert_eq!(returned["entry"], entry("gift_card 100.00 | customer_credit 100.00"));
}

#[test]
fn an_order_to_be_paid_first_leaves_in_parts_as_its_money_comes() {
    let order = order_of(vec![line("l-1", 2, "10.00"), line("l-2", 1, "5.00")]);
    let order = super::super::PlaceOrder { fulfil_when_paid: true, ..order }.asked();
    let order = told::<Order>(&[order, allocate("p-1", "15.00"), fulfil("f-1", &[("l-1", 1), ("l-2", 1)])]);
    assert!(order.decide(&fulfil("f-2", &[("l-1", 1)])).is_err());
    assert_eq!(order.lines()[0].open(), 1);
}
