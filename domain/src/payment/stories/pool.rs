//! One pool: what was captured, less refunds, disputes and reversals. Nobody gets back more than they paid.

use super::super::{Command, Event, Method, Payment, Refusal};
use crate::decider::Decider;
use crate::rehearsal::*;

fn captured(amounts: &[&str]) -> Vec<Command> {
    let captures = amounts.iter().enumerate().map(|(nth, amount)| capture("p-1", &format!("k-{nth}"), amount));
    [authorise("p-1", "100.00")].into_iter().chain(captures).collect()
}

fn pool(given: Vec<Command>) -> String {
    told::<Payment>(&given).pool().map_or("none".to_owned(), |it| it.digits().to_string())
}

#[test]
fn the_pool_is_what_nobody_has_taken_back() {
    let hundred = || captured(&["100.00"]);
    let with = |more: Vec<Command>| [hundred(), more].concat();
    let cases = [
        ("nothing captured", captured(&[]), "0.00"),
        ("captured", hundred(), "100.00"),
        ("captured in parts", captured(&["60.00", "30.00"]), "90.00"),
        ("a refund on its way", with(vec![refund("p-1", "r-1", "30.00")]), "70.00"),
        ("a refund that arrived", with(vec![refund("p-1", "r-1", "30.00"), confirm("p-1", "r-1")]), "70.00"),
        ("a refund that failed", with(vec![refund("p-1", "r-1", "30.00"), fail_refund("p-1", "r-1")]), "100.00"),
        (
            "a refund nobody answered for",
            with(vec![refund("p-1", "r-1", "30.00"), unknown("p-1", refunding("r-1"))]),
            "70.00",
        ),
        ("an open dispute", with(vec![dispute("p-1", "d-1", "40.00", "15.00")]), "60.00"),
        (
            "a lost dispute",
            with(vec![dispute("p-1", "d-1", "40.00", "15.00"), lose("p-1", "d-1", eur("0.00"), None)]),
            "60.00",
        ),
        (
            "a won dispute",
            with(vec![dispute("p-1", "d-1", "40.00", "15.00"), win("p-1", "d-1", eur("0.00"))]),
            "100.00",
        ),
        ("a reversed capture", [captured(&["60.00", "30.00"]), vec![reverse("p-1", "k-0")]].concat(), "30.00"),
        ("fees and payouts", with(vec![fee("p-1", "e-1", "3.20"), payout("p-1", "y-1", "96.80")]), "100.00"),
        ("declined", vec![decline_as(intent("p-1", Method::Card, eur("100.00")))], "none"),
        ("nothing at all", vec![], "none"),
    ];
    for (case, given, expected) in cases {
        assert_eq!(pool(given), expected, "{case}");
    }
}

#[test]
fn refunds_go_to_the_last_cent_and_no_further() {
    let mut given = captured(&["60.00", "40.00"]);
    given.extend([refund("p-1", "r-1", "33.33"), refund("p-1", "r-2", "33.33"), refund("p-1", "r-3", "33.34")]);
    let payment = told::<Payment>(&given);
    let refused = payment.decide(&refund("p-1", "r-4", "0.01"));
    assert_eq!(refused, Err(Refusal::ExceedsRefundable { asked: eur("0.01"), left: eur("0.00") }));
}

/// domain.md 3.1: already refunded 30.00 when disputed: disputable = 70.00; anything above is a flagged over-recovery.
#[test]
fn a_bank_that_takes_what_was_refunded_is_flagged() {
    let cases = [("70.00", "70.00", "0.00"), ("100.00", "70.00", "30.00"), ("20.00", "20.00", "0.00")];
    for (amount, reserved, over) in cases {
        let given = [captured(&["100.00"]), vec![refund("p-1", "r-1", "30.00")]].concat();
        let events = told::<Payment>(&given).decide(&dispute("p-1", "d-1", amount, "0.00")).unwrap();
        let Event::DisputeOpened(it) = &events[0] else { panic!("{events:?}") };
        assert_eq!((it.reserved, it.over_recovery), (eur(reserved), eur(over)), "disputed {amount}");
    }
}

/// The bank took 100.00 after a refund of 30.00. When that refund fails its money is not there to be refunded again:
/// the bank has it.
#[test]
fn a_refund_that_fails_after_an_over_recovery_gives_nothing_to_refund() {
    let over = [refund("p-1", "r-1", "30.00"), dispute("p-1", "d-1", "100.00", "0.00")].to_vec();
    let failed = [captured(&["100.00"]), over.clone(), vec![fail_refund("p-1", "r-1")]].concat();
    assert_eq!(pool(failed.clone()), "0.00");
    assert_eq!(pool([failed, vec![win("p-1", "d-1", eur("0.00"))]].concat()), "100.00");
    let won = [captured(&["100.00"]), over, vec![win("p-1", "d-1", eur("0.00"))]].concat();
    assert_eq!(pool(won), "70.00");
}

/// Two disputes over the same 100.00: winning one does not bring back what the other still holds.
#[test]
fn two_disputes_over_the_same_money_hold_it_until_both_are_won() {
    let both = [dispute("p-1", "d-1", "100.00", "0.00"), dispute("p-1", "d-2", "100.00", "0.00")].to_vec();
    let one = [captured(&["100.00"]), both, vec![win("p-1", "d-1", eur("0.00"))]].concat();
    assert_eq!(pool(one.clone()), "0.00");
    assert_eq!(pool([one, vec![win("p-1", "d-2", eur("0.00"))]].concat()), "100.00");
}

#[test]
fn equal_partial_refunds_are_told_apart_by_their_ids() {
    let given = [captured(&["100.00"]), vec![refund("p-1", "r-1", "50.00"), refund("p-1", "r-2", "50.00")]].concat();
    assert_eq!(pool(given), "0.00");
}

/// A payout is limited by what the provider holds of this payment, not by its pool.
#[test]
fn clearing_returns_to_zero() {
    let told_of = [captured(&["100.00"]), vec![fee("p-1", "e-1", "3.20"), refund("p-1", "r-1", "30.00")]].concat();
    // The refund has not left yet: the provider still holds its money.
    let before = told::<Payment>(&told_of).decide(&payout("p-1", "y-1", "96.81"));
    assert_eq!(before, Err(Refusal::ExceedsClearing { asked: eur("96.81"), left: eur("96.80") }));
    let after = [told_of, vec![confirm("p-1", "r-1")]].concat();
    let after = told::<Payment>(&after).decide(&payout("p-1", "y-1", "66.81"));
    assert_eq!(after, Err(Refusal::ExceedsClearing { asked: eur("66.81"), left: eur("66.80") }));
}
