//! A timeout is a state of its own: nothing is guessed, and what became of it is told by the ordinary commands.

use super::super::{Attempt, Command, Intent, Method, Payment, Refusal};
use crate::decider::Decider;
use crate::rehearsal::*;

fn hundred() -> Intent {
    intent("p-1", Method::Card, eur("100.00"))
}

fn named(intent: Intent) -> Intent {
    Intent { provider_reference: Some(the("ch_1")), ..intent }
}

fn authorised() -> Vec<Command> {
    vec![authorise("p-1", "100.00")]
}

fn refused(given: &[Command], asked: Command) -> Refusal {
    told::<Payment>(given).decide(&asked).unwrap_err()
}

fn happens(given: &[Command], asked: Command) -> usize {
    told::<Payment>(given).decide(&asked).unwrap().len()
}

#[test]
fn an_unknown_authorisation_ends_as_authorised_declined_or_received() {
    let given = [unknown_as(hundred())];
    for answer in [authorise_as, decline_as, receive_as] {
        assert_eq!(happens(&given, answer(hundred())), 1);
        // The answer brings the provider's own name for the payment; the timeout could not.
        assert_eq!(happens(&given, answer(named(hundred()))), 1);
        let other = Intent { amount: eur("99.00"), ..hundred() };
        assert_eq!(refused(&given, answer(other)), Refusal::exists("payment_id"));
    }
    let reported_with_name = [unknown_as(named(hundred()))];
    let renamed = Intent { provider_reference: Some(the("ch_2")), ..hundred() };
    assert_eq!(refused(&reported_with_name, authorise_as(renamed)), Refusal::exists("payment_id"));
    // After the answer the payment is the one with that name.
    let answered = [unknown_as(hundred()), authorise_as(named(hundred()))];
    assert_eq!(happens(&answered, authorise_as(named(hundred()))), 0);
    assert_eq!(refused(&answered, authorise_as(hundred())), Refusal::exists("payment_id"));
}

#[test]
fn nothing_is_done_with_a_payment_that_is_not_known_to_exist() {
    let given = [unknown_as(hundred())];
    let unknown = || Refusal::OutcomeUnknown { attempt: Attempt::Authorisation };
    for asked in [
        capture("p-1", "k-1", "60.00"),
        void("p-1"),
        refund("p-1", "r-1", "1.00"),
        dispute("p-1", "d-1", "1.00", "0.00"),
        fee("p-1", "e-1", "1.00"),
        payout("p-1", "y-1", "1.00"),
        reverse("p-1", "p-1"),
    ] {
        assert_eq!(refused(&given, asked.clone()), unknown(), "{asked:?}");
    }
}

#[test]
fn an_unknown_capture_lets_only_itself_go_on() {
    let given = [authorised(), vec![unknown("p-1", capturing("k-1", "60.00"))]].concat();
    let unknown = || Refusal::OutcomeUnknown { attempt: capturing("k-1", "60.00") };
    assert_eq!(refused(&given, capture("p-1", "k-2", "60.00")), unknown());
    assert_eq!(refused(&given, capture("p-1", "k-1", "50.00")), unknown());
    assert_eq!(refused(&given, void("p-1")), unknown());
    assert_eq!(happens(&given, capture("p-1", "k-1", "60.00")), 1);
    assert_eq!(happens(&given, last_capture("p-1", "k-1", "60.00")), 1);
}

#[test]
fn a_capture_that_did_not_happen_may_be_tried_again() {
    let failed = vec![unknown("p-1", capturing("k-1", "60.00")), did_not_happen("p-1", capturing("k-1", "60.00"))];
    let given = [authorised(), failed].concat();
    for asked in [capture("p-1", "k-1", "60.00"), capture("p-1", "k-2", "100.00"), void("p-1")] {
        assert_eq!(happens(&given, asked), 1);
    }
}

#[test]
fn an_unknown_void_lets_only_itself_go_on() {
    let given = [authorised(), vec![unknown("p-1", Attempt::Void)]].concat();
    assert_eq!(refused(&given, capture("p-1", "k-1", "1.00")), Refusal::OutcomeUnknown { attempt: Attempt::Void });
    assert_eq!(happens(&given, void("p-1")), 1);
    let failed = [given, vec![did_not_happen("p-1", Attempt::Void)]].concat();
    assert_eq!(happens(&failed, capture("p-1", "k-1", "1.00")), 1);
}

#[test]
fn an_unknown_refund_holds_its_money_and_ends_either_way() {
    let captured = [authorised(), vec![capture("p-1", "k-1", "100.00"), refund("p-1", "r-1", "100.00")]].concat();
    let given = [captured, vec![unknown("p-1", refunding("r-1"))]].concat();
    let left = Refusal::ExceedsRefundable { asked: eur("0.01"), left: eur("0.00") };
    assert_eq!(refused(&given, refund("p-1", "r-2", "0.01")), left);
    assert_eq!(happens(&given, confirm("p-1", "r-1")), 1);
    assert_eq!(happens(&given, fail_refund("p-1", "r-1")), 1);
    // "It did not happen" is the same as "it failed".
    let failed = told::<Payment>(&given).decide(&did_not_happen("p-1", refunding("r-1")));
    assert_eq!(failed, told::<Payment>(&given).decide(&fail_refund("p-1", "r-1")));
}

#[test]
fn an_unknown_refund_does_not_stop_a_capture() {
    let part = [authorised(), vec![capture("p-1", "k-1", "60.00"), refund("p-1", "r-1", "10.00")]].concat();
    let given = [part, vec![unknown("p-1", refunding("r-1"))]].concat();
    assert_eq!(happens(&given, last_capture("p-1", "k-2", "40.00")), 1);
}
