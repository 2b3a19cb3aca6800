//! The same sentence said twice is one fact; the same id with other content is refused.

use super::super::{Attempt, Command, FeeDirection, Intent, Method, Payment, PayoutDirection, RefundOrigin, Refusal};
use crate::decider::Decider;
use crate::rehearsal::*;

/// What happened before, a command, the field of its id, and commands that use the same id for something else.
type Row = (Vec<Command>, Command, &'static str, Vec<Command>);

fn hundred() -> Intent {
    intent("p-1", Method::Card, eur("100.00"))
}

fn authorised() -> Vec<Command> {
    vec![authorise("p-1", "100.00")]
}

fn captured() -> Vec<Command> {
    vec![authorise("p-1", "100.00"), capture("p-1", "k-1", "100.00")]
}

fn others(ask: impl Fn(Intent) -> Command) -> Vec<Command> {
    let others = [
        Intent { amount: eur("100.01"), ..hundred() },
        Intent { amount: the("100.00 USD"), ..hundred() },
        Intent { method: Method::EWallet, ..hundred() },
        Intent { order_id: Some(the("o-2")), ..hundred() },
        Intent { order_id: None, ..hundred() },
        Intent { customer_id: None, ..hundred() },
        Intent { provider_reference: Some(the("ch_2")), ..hundred() },
    ];
    others.into_iter().map(ask).collect()
}

fn rows() -> Vec<Row> {
    let refunded = || [captured(), vec![refund("p-1", "r-1", "30.00")]].concat();
    let disputed = || [captured(), vec![dispute("p-1", "d-1", "50.00", "15.00")]].concat();
    let charged_back = |amount| fee_as(FeeDirection::Returned, "p-1", "e-1", eur(amount));
    vec![
        (
            vec![],
            authorise_as(hundred()),
            "payment_id",
            [others(authorise_as), vec![decline_as(hundred()), receive_as(hundred())]].concat(),
        ),
        (vec![], decline_as(hundred()), "payment_id", others(decline_as)),
        (
            vec![],
            receive_as(hundred()),
            "payment_id",
            [others(receive_as), vec![authorise_as(hundred()), decline_as(hundred())]].concat(),
        ),
        (
            authorised(),
            capture("p-1", "k-1", "60.00"),
            "capture_id",
            vec![capture("p-1", "k-1", "40.00"), last_capture("p-1", "k-1", "60.00")],
        ),
        (
            captured(),
            refund("p-1", "r-1", "30.00"),
            "refund_id",
            vec![refund("p-1", "r-1", "30.01"), refund_as(RefundOrigin::Order, "p-1", "r-1", eur("30.00"))],
        ),
        (
            captured(),
            dispute("p-1", "d-1", "50.00", "15.00"),
            "dispute_id",
            vec![dispute("p-1", "d-1", "51.00", "15.00"), dispute("p-1", "d-1", "50.00", "14.00")],
        ),
        (disputed(), win("p-1", "d-1", eur("5.00")), "dispute_id", vec![win("p-1", "d-1", eur("0.00"))]),
        (
            disputed(),
            lose("p-1", "d-1", eur("5.00"), Some("DE")),
            "dispute_id",
            vec![
                lose("p-1", "d-1", eur("6.00"), Some("DE")),
                lose("p-1", "d-1", eur("5.00"), Some("FR")),
                lose("p-1", "d-1", eur("5.00"), None),
            ],
        ),
        (captured(), fee("p-1", "e-1", "3.20"), "fee_id", vec![fee("p-1", "e-1", "3.30"), charged_back("3.20")]),
        (
            captured(),
            payout("p-1", "y-1", "50.00"),
            "payout_id",
            vec![payout("p-1", "y-1", "51.00"), payout_as(PayoutDirection::ToProvider, "p-1", "y-1", eur("50.00"))],
        ),
        (vec![], unknown_as(hundred()), "payment_id", others(unknown_as)),
        // These have no content beside their id, or no id of their own.
        (authorised(), void("p-1"), "", vec![]),
        (captured(), reverse("p-1", "k-1"), "", vec![]),
        (refunded(), confirm("p-1", "r-1"), "", vec![]),
        (refunded(), fail_refund("p-1", "r-1"), "", vec![]),
        (authorised(), unknown("p-1", capturing("k-1", "60.00")), "", vec![]),
        (authorised(), unknown("p-1", Attempt::Void), "", vec![]),
        (refunded(), unknown("p-1", refunding("r-1")), "", vec![]),
        (
            [authorised(), vec![unknown("p-1", Attempt::Void)]].concat(),
            did_not_happen("p-1", Attempt::Void),
            "",
            vec![],
        ),
        (refunded(), did_not_happen("p-1", refunding("r-1")), "", vec![]),
    ]
}

#[test]
fn said_twice_is_done_once() {
    for (given, command, _, _) in rows() {
        let payment = told::<Payment>(&[given, vec![command.clone()]].concat());
        assert_eq!(payment.decide(&command), Ok(vec![]), "{command:?}");
    }
}

#[test]
fn the_same_id_with_other_content_is_refused() {
    for (given, command, field, others) in rows() {
        let payment = told::<Payment>(&[given, vec![command]].concat());
        for other in others {
            assert_eq!(payment.decide(&other), Err(Refusal::exists(field)), "{other:?}");
        }
    }
}

/// A retry may come when the payment has gone on: it is answered as the first time.
#[test]
fn a_late_retry_is_the_same_fact() {
    let commands = vec![
        unknown_as(hundred()),
        authorise("p-1", "100.00"),
        capture("p-1", "k-1", "60.00"),
        fee("p-1", "e-1", "2.00"),
        refund("p-1", "r-1", "30.00"),
        void("p-1"),
        confirm("p-1", "r-1"),
        refund("p-1", "r-2", "10.00"),
        fail_refund("p-1", "r-2"),
        dispute("p-1", "d-1", "10.00", "15.00"),
        win("p-1", "d-1", eur("15.00")),
        dispute("p-1", "d-2", "10.00", "15.00"),
        lose("p-1", "d-2", eur("1.00"), None),
        payout("p-1", "y-1", "1.00"),
    ];
    let payment = told::<Payment>(&commands);
    for command in &commands[1..] {
        assert_eq!(payment.decide(command), Ok(vec![]), "{command:?}");
    }
    // Only what was unknown is known by now.
    assert_eq!(payment.decide(&commands[0]), Err(Refusal::OutcomeKnown));
}

#[test]
fn the_clock_and_the_reason_are_not_content() {
    let Command::Refund(mut again) = refund("p-1", "r-1", "30.00") else { panic!() };
    again.at = the("2026-11-21T12:00:07Z");
    again.reason = Some(the("the customer called again"));
    let payment = told::<Payment>(&[captured(), vec![refund("p-1", "r-1", "30.00")]].concat());
    assert_eq!(payment.decide(&Command::Refund(again)), Ok(vec![]));
}
