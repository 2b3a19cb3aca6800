//! The same sentence said twice is one fact; the same id with other content is refused.

use super::super::{Command, Order, PlaceOrder, RefundTo};
use crate::decider::Decider;
use crate::payment::Method;
use crate::rehearsal::*;

/// What happened before, a command, the field of its id, and commands that use the same id for something else.
type Row = (Vec<Command>, Command, &'static str, Vec<Command>);

fn three() -> Command {
    place(vec![line("l-1", 3, "10.00"), line("l-2", 1, "5.00")])
}

fn rows() -> Vec<Row> {
    let placed = || vec![three(), allocate("p-1", "35.00")];
    let delivered = || vec![three(), allocate("p-1", "35.00"), fulfil_all("f-1")];
    let released = || [placed(), vec![release("p-1", "r-1", eur("5.00"))]].concat();
    let order = || order_of(vec![line("l-1", 3, "10.00"), line("l-2", 1, "5.00")]);
    let some = || Some(units(&[("l-1", 1)]));
    vec![
        (
            vec![],
            three(),
            "order_id",
            vec![
                place(vec![line("l-1", 3, "10.00")]),
                place(vec![line("l-1", 3, "10.00"), line("l-2", 1, "5.01")]),
                PlaceOrder { customer_id: None, ..order() }.asked(),
                PlaceOrder { fulfil_when_paid: true, ..order() }.asked(),
                PlaceOrder { reference: Some(the("another")), ..order() }.asked(),
                order().refunds(super::super::RefundOrder::LatestFirst).asked(),
                order().rounded(super::super::TaxLevel::Document, crate::rate::Rounding::HalfUp).asked(),
            ],
        ),
        (
            placed(),
            add("a-1", vec![line("l-3", 1, "1.00")]),
            "addition_id",
            vec![add("a-1", vec![line("l-3", 1, "2.00")]), add("a-1", vec![line("l-4", 1, "1.00")])],
        ),
        (
            placed(),
            fulfil("f-1", &[("l-1", 1)]),
            "fulfilment_id",
            vec![fulfil("f-1", &[("l-1", 2)]), fulfil("f-1", &[("l-1", 1), ("l-2", 1)]), fulfil_all("f-1")],
        ),
        (placed(), fulfil_all("f-1"), "fulfilment_id", vec![fulfil("f-1", &[("l-1", 3)])]),
        (
            placed(),
            cancel("x-1", &[("l-1", 1)]),
            "cancellation_id",
            vec![cancel("x-1", &[("l-2", 1)]), cancel_all("x-1"), cancel_to(RefundTo::Credit, "x-1", some())],
        ),
        (placed(), cancel_all("x-1"), "cancellation_id", vec![cancel("x-1", &[("l-1", 1)])]),
        (
            delivered(),
            take_back("b-1", &[("l-1", 1)]),
            "return_id",
            vec![take_back("b-1", &[("l-1", 3)]), take_back_all("b-1"), take_back_to(RefundTo::Credit, "b-1", some())],
        ),
        (delivered(), take_back_all("b-1"), "return_id", vec![take_back("b-1", &[("l-1", 2)])]),
        (
            vec![three()],
            allocate("p-1", "35.00"),
            "allocation_id",
            vec![allocate("p-1", "34.00"), allocate_by(Method::Card, "p-1", "p-2", eur("35.00"))],
        ),
        (
            placed(),
            release("p-1", "r-1", eur("5.00")),
            "refund_id",
            vec![release("p-1", "r-1", eur("6.00")), release("p-2", "r-1", eur("5.00"))],
        ),
        (
            released(),
            refund_did_not_arrive("p-1", "r-1", eur("5.00")),
            "refund_id",
            vec![refund_did_not_arrive("p-1", "r-1", eur("4.00")), refund_did_not_arrive("p-2", "r-1", eur("5.00"))],
        ),
    ]
}

#[test]
fn said_twice_is_done_once() {
    for (given, command, _, _) in rows() {
        let order = told::<Order>(&[given, vec![command.clone()]].concat());
        assert_eq!(order.decide(&command), Ok(vec![]), "{command:?}");
    }
}

#[test]
fn the_same_id_with_other_content_is_refused() {
    for (given, command, field, others) in rows() {
        let order = told::<Order>(&[given, vec![command]].concat());
        for other in others {
            assert_eq!(order.decide(&other), Err(super::super::Refusal::exists(field)), "{other:?}");
        }
    }
}

/// "All that is open" said again means what it meant; the units in words mean the same.
#[test]
fn all_that_is_open_is_the_same_as_naming_it() {
    let order = told::<Order>(&[three(), cancel("x-1", &[("l-1", 1)]), fulfil_all("f-1")]);
    assert_eq!(order.decide(&fulfil_all("f-1")), Ok(vec![]));
    assert_eq!(order.decide(&fulfil("f-1", &[("l-1", 2), ("l-2", 1)])), Ok(vec![]));
}

/// A retry comes with a later clock and perhaps another reason: it is the same retry.
#[test]
fn the_clock_is_not_content() {
    let Command::Fulfil(mut again) = fulfil_all("f-1") else { panic!() };
    again.at = the("2026-11-21T12:00:07Z");
    assert_eq!(told::<Order>(&[three(), fulfil_all("f-1")]).decide(&Command::Fulfil(again)), Ok(vec![]));
    let mut later = order_of(vec![line("l-1", 3, "10.00"), line("l-2", 1, "5.00")]);
    later.at = the("2026-11-21T12:00:07Z");
    assert_eq!(told::<Order>(&[three()]).decide(&later.asked()), Ok(vec![]));
}

#[test]
fn equal_parts_are_told_apart_by_their_ids() {
    let halves = [three(), fulfil("f-1", &[("l-1", 1)]), fulfil("f-2", &[("l-1", 1)])];
    assert_eq!(told::<Order>(&halves).lines()[0].open(), 1);
}
