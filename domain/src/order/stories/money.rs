//! Whose money pays an order, whose money goes back, and what waits.

use super::super::{Command, Order, RefundOrder, RefundTo};
use crate::decider::Decider;
use crate::money::Money;
use crate::payment::Method;
use crate::rehearsal::*;
use serde_json::{Value, json};

fn hundred() -> Command {
    place(vec![line("l-1", 10, "10.00")])
}

fn usd(amount: &str) -> Money {
    the(&format!("{amount} USD"))
}

#[test]
fn an_allocation_takes_what_is_owed_from_the_customers_credit() {
    let order = told::<Order>(&[hundred()]);
    let expected = json!([{
        "kind": "order-payment-allocated.v1",
        "order_id": "o-1",
        "allocation_id": "p-1",
        "payment_id": "p-1",
        "method": "card",
        "offered": "60.00 EUR",
        "allocated": "60.00 EUR",
        "entry": entry("customer_credit 60.00 | deferred_revenue 60.00"),
        "at": NOON,
    }]);
    assert_eq!(written(&order.decide(&allocate("p-1", "60.00")).unwrap()), expected);
}

#[test]
fn an_order_takes_no_more_than_it_is_owed_and_the_rest_waits() {
    let order = told::<Order>(&[hundred(), allocate("p-1", "60.00")]);
    let events = &written(&order.decide(&allocate("p-2", "55.00")).unwrap())[0];
    assert_eq!((&events["offered"], &events["allocated"]), (&json!("55.00 EUR"), &json!("40.00 EUR")));
    assert_eq!(events["entry"], entry("customer_credit 40.00 | deferred_revenue 40.00"));
    let order = told::<Order>(&[hundred(), allocate("p-1", "60.00"), allocate("p-2", "55.00")]);
    assert_eq!(order.funds()[1].unallocated(), eur("15.00"));
    assert_eq!(order.due(), Some(eur("0.00")));
}

#[test]
fn money_before_its_order_waits_and_is_applied_when_it_is_placed() {
    let early = [allocate("p-1", "70.00"), allocate("p-2", "50.00")];
    let order = told::<Order>(&early);
    assert_eq!((order.due(), order.funds()[0].unallocated()), (None, eur("70.00")));
    let events = written(&order.decide(&hundred()).unwrap());
    let applied: Vec<[&Value; 4]> = events.as_array().unwrap()[1..]
        .iter()
        .map(|it| [&it["payment_id"], &it["offered"], &it["allocated"], &it["entry"]])
        .collect();
    let [first, second] =
        ["70.00", "30.00"].map(|amount| entry(&format!("customer_credit {amount} | deferred_revenue {amount}")));
    let expected = [
        [&json!("p-1"), &json!("0.00 EUR"), &json!("70.00 EUR"), &first],
        [&json!("p-2"), &json!("0.00 EUR"), &json!("30.00 EUR"), &second],
    ];
    assert_eq!(applied, expected);
}

#[test]
fn money_in_another_currency_waits_for_ever_and_is_never_mixed() {
    let foreign = allocate_by(Method::Card, "k-1", "p-1", usd("200.00"));
    for commands in [[hundred(), foreign.clone()], [foreign, hundred()]] {
        let order = told::<Order>(&commands);
        assert_eq!(order.due(), Some(eur("100.00")));
        assert_eq!(order.funds()[0].unallocated(), usd("200.00"));
        let events = &written(&order.decide(&release("p-1", "r-1", usd("80.00"))).unwrap())[0];
        assert_eq!((&events["released"], &events["entry"]), (&json!("0.00 USD"), &entry("")));
    }
}

#[test]
fn what_was_paid_too_much_goes_back_before_the_order_owes_again() {
    let overpaid = [hundred(), allocate("p-1", "115.00")];
    let order = told::<Order>(&overpaid);
    let events = order.decide(&release("p-1", "r-1", eur("20.00"))).unwrap();
    let expected = json!([{
        "kind": "order-payment-released.v1",
        "order_id": "o-1",
        "refund_id": "r-1",
        "payment_id": "p-1",
        "amount": "20.00 EUR",
        "released": "5.00 EUR",
        "allowance": "0.00 EUR",
        "entry": entry("deferred_revenue 5.00 | customer_credit 5.00"),
        "at": NOON,
    }]);
    assert_eq!(written(&events), expected);
    let order = told::<Order>(&[overpaid.as_slice(), &[release("p-1", "r-1", eur("20.00"))]].concat());
    assert_eq!(order.due(), Some(eur("5.00")));
}

#[test]
fn an_allowance_makes_the_order_cheaper_and_leaves_nothing_due() {
    let paid = [hundred(), allocate("p-1", "100.00")];
    let order = told::<Order>(&paid);
    let given = allow("p-1", "r-1", eur("30.00"));
    let shown = written(&order.decide(&given).unwrap());
    assert_eq!((&shown[0]["released"], &shown[0]["allowance"]), (&json!("30.00 EUR"), &json!("30.00 EUR")));
    assert_eq!(shown[0]["entry"], entry("deferred_revenue 30.00 | customer_credit 30.00"));
    let order = told::<Order>(&[hundred(), allocate("p-1", "100.00"), given.clone()]);
    assert_eq!((order.due(), order.allocated()), (Some(eur("0.00")), Some(eur("70.00"))));
    // Whatever comes back later gives back what was paid and no more.
    let order = told::<Order>(&[paid.as_slice(), &[given, cancel_all("x-1")]].concat());
    assert_eq!((order.due(), order.allocated()), (Some(eur("0.00")), Some(eur("0.00"))));
    assert_eq!(order.funds()[0].refunded, eur("100.00"));
}

#[test]
fn an_allowance_takes_first_what_another_payment_replaces() {
    let order = told::<Order>(&[hundred(), allocate("p-1", "100.00"), allocate("p-2", "60.00")]);
    let shown = written(&order.decide(&allow("p-1", "r-1", eur("100.00"))).unwrap());
    assert_eq!((&shown[0]["released"], &shown[0]["allowance"]), (&json!("100.00 EUR"), &json!("40.00 EUR")));
    assert_eq!(shown[1]["allocated"], json!("60.00 EUR"));
}

#[test]
fn an_order_paid_twice_stays_paid_when_one_payment_goes_back() {
    let order = told::<Order>(&[hundred(), allocate("p-1", "100.00"), allocate("p-2", "100.00")]);
    let events = order.decide(&release("p-1", "r-1", eur("100.00"))).unwrap();
    let shown = written(&events);
    assert_eq!((&shown[0]["released"], &shown[1]["payment_id"]), (&json!("100.00 EUR"), &json!("p-2")));
    assert_eq!((&shown[1]["offered"], &shown[1]["allocated"]), (&json!("0.00 EUR"), &json!("100.00 EUR")));
    let events: Vec<_> = events.into_iter().map(Into::into).collect();
    assert_eq!(net(&events), " | ");
}

#[test]
fn a_failed_refund_is_the_customers_credit_again() {
    let cancelled = [hundred(), allocate("p-1", "100.00"), cancel("x-1", &[("l-1", 3)])];
    let order = told::<Order>(&cancelled);
    let refund_id = crate::id::RefundId::derived(&["order", "o-1", "x-1", "p-1"]);
    let events = order.decide(&refund_did_not_arrive("p-1", refund_id.as_str(), eur("30.00"))).unwrap();
    let expected = json!([{
        "kind": "order-refund-failed.v1",
        "order_id": "o-1",
        "refund_id": refund_id.as_str(),
        "payment_id": "p-1",
        "amount": "30.00 EUR",
        "party": "c-1",
        "at": NOON,
    }]);
    assert_eq!(written(&events), expected);
}

#[test]
fn a_failed_refund_pays_again_for_an_order_that_owes() {
    let order = told::<Order>(&[hundred(), allocate("p-1", "100.00"), release("p-1", "r-1", eur("25.00"))]);
    let events = written(&order.decide(&refund_did_not_arrive("p-1", "r-1", eur("25.00"))).unwrap());
    assert_eq!((&events[0]["kind"], &events[1]["allocated"]), (&json!("order-refund-failed.v1"), &json!("25.00 EUR")));
    assert_eq!(events[1]["entry"], entry("customer_credit 25.00 | deferred_revenue 25.00"));
}

/// The consequences of two events may be drawn in either order (one of them after a crash).
#[test]
fn a_refund_told_before_its_money_leaves_nothing_to_allocate() {
    let second = allocate_by(Method::Card, "k-2", "p-1", eur("40.00"));
    let order = told::<Order>(&[hundred(), allocate("p-1", "60.00"), release("p-1", "r-1", eur("100.00")), second]);
    assert_eq!((order.allocated(), order.due()), (Some(eur("0.00")), Some(eur("100.00"))));
    assert_eq!(order.funds()[0].unallocated(), eur("0.00"));
}

/// A voucher of 30.00, then a card of 50.00, then a card of 20.00.
fn split_tender(refund_order: RefundOrder) -> Vec<Command> {
    vec![
        order_of(vec![line("l-1", 10, "10.00")]).refunds(refund_order).asked(),
        allocate_by(Method::Voucher, "v-1", "v-1", eur("30.00")),
        allocate("p-1", "50.00"),
        allocate("p-2", "20.00"),
    ]
}

fn released(order: &Order, command: &Command) -> Vec<(String, String)> {
    let events = written(&order.decide(command).unwrap());
    let released = events[0]["released"].as_array().unwrap().iter();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    released.map(|it| (text(&it["payment_id"]), text(&it["amount"]))).collect()
}

/// domain.md 3.7: in a declared order, and never more cash than cash paid in.
#[test]
fn a_mixed_payment_goes_back_in_the_declared_order() {
    type Back = &'static [(&'static str, &'static str)];
    let cases: [(RefundOrder, u32, Back); 8] = [
        (RefundOrder::VouchersFirst, 2, &[("v-1", "20.00")]),
        (RefundOrder::VouchersFirst, 4, &[("v-1", "30.00"), ("p-2", "10.00")]),
        (RefundOrder::VouchersFirst, 10, &[("v-1", "30.00"), ("p-2", "20.00"), ("p-1", "50.00")]),
        (RefundOrder::LatestFirst, 4, &[("p-2", "20.00"), ("p-1", "20.00")]),
        (RefundOrder::LatestFirst, 8, &[("p-2", "20.00"), ("p-1", "50.00"), ("v-1", "10.00")]),
        (RefundOrder::Proportional, 4, &[("p-2", "8.00"), ("p-1", "20.00"), ("v-1", "12.00")]),
        (RefundOrder::Proportional, 1, &[("p-2", "2.00"), ("p-1", "5.00"), ("v-1", "3.00")]),
        (RefundOrder::Proportional, 10, &[("p-2", "20.00"), ("p-1", "50.00"), ("v-1", "30.00")]),
    ];
    for (refund_order, quantity, expected) in cases {
        let order = told::<Order>(&split_tender(refund_order));
        let told_of: Vec<_> = expected.iter().map(|(id, amount)| (id.to_string(), format!("{amount} EUR"))).collect();
        assert_eq!(released(&order, &cancel("x-1", &[("l-1", quantity)])), told_of, "{refund_order:?} {quantity}");
    }
}

#[test]
fn nobody_gets_back_more_than_the_order_uses_of_their_payment() {
    for refund_order in [RefundOrder::VouchersFirst, RefundOrder::LatestFirst, RefundOrder::Proportional] {
        let mut commands = split_tender(refund_order);
        let mut back: std::collections::BTreeMap<String, i128> = Default::default();
        for step in 0..10 {
            let command = cancel(&format!("x-{step}"), &[("l-1", 1)]);
            for (payment_id, amount) in released(&told::<Order>(&commands), &command) {
                *back.entry(payment_id).or_default() += amount.parse::<Money>().unwrap().minor();
            }
            commands.push(command);
        }
        let sums: Vec<(&str, i128)> = back.iter().map(|(id, sum)| (id.as_str(), *sum)).collect();
        assert_eq!(sums, [("p-1", 5000), ("p-2", 2000), ("v-1", 3000)], "{refund_order:?}");
    }
}

#[test]
fn a_refund_in_cents_by_shares_is_exact() {
    let order = order_of(vec![line("l-1", 1, "0.05"), line("l-2", 1, "0.95")]).refunds(RefundOrder::Proportional);
    let order = told::<Order>(&[order.asked(), allocate("p-1", "0.30"), allocate("p-2", "0.70")]);
    // 5 cents by 70 and 30 is 4 and 1 (moneyphp, after Fowler).
    let expected = [("p-2".to_owned(), "0.04 EUR".to_owned()), ("p-1".to_owned(), "0.01 EUR".to_owned())];
    assert_eq!(released(&order, &cancel("x-1", &[("l-1", 1)])), expected);
}

#[test]
fn credit_of_one_cancellation_is_not_refunded_by_the_next() {
    let credit = cancel_to(RefundTo::Credit, "x-1", Some(units(&[("l-1", 2)])));
    let order = told::<Order>(&[hundred(), allocate("p-1", "100.00"), credit]);
    let expected = [("p-1".to_owned(), "80.00 EUR".to_owned())];
    assert_eq!(released(&order, &cancel_all("x-2")), expected);
}
