//! Every refusal, at least once, in the order of the list.

use super::super::{Attempt, Command, Intent, Method, Payment, PayoutDirection, RefundOrigin, Refusal};
use crate::decider::{Decider, Refused};
use crate::invalid::Invalid;
use crate::money::Money;
use crate::rehearsal::*;

/// How many refusals there are.
const REFUSALS: usize = 23;

/// The place of a refusal in the list. A new one makes the compiler ask here; it needs a row below, too.
fn place_in_the_list(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::ExistsWithDifferentContent { .. } => 0,
        Refusal::UnknownPayment => 1,
        Refusal::Declined => 2,
        Refusal::OutcomeUnknown { .. } => 3,
        Refusal::AuthorisationClosed => 4,
        Refusal::NotForMethod { .. } => 5,
        Refusal::AmountNotPositive => 6,
        Refusal::Amount(_) => 7,
        Refusal::ExceedsAuthorised { .. } => 8,
        Refusal::UnknownCapture => 9,
        Refusal::ExceedsRefundable { .. } => 10,
        Refusal::UnknownRefund => 11,
        Refusal::RefundClosed { .. } => 12,
        Refusal::RefundOfInvoice => 13,
        Refusal::ExceedsCaptured { .. } => 14,
        Refusal::UnknownDispute => 15,
        Refusal::DisputeClosed { .. } => 16,
        Refusal::FeeReturnedExceedsFee { .. } => 17,
        Refusal::TaxReliefExceedsDispute { .. } => 18,
        Refusal::ExceedsClearing { .. } => 19,
        Refusal::IntentMissing => 20,
        Refusal::OutcomeKnown => 21,
        Refusal::UseDecline => 22,
    }
}

type Row = (Vec<Command>, Command, Refusal, &'static str, &'static str);

fn authorised() -> Vec<Command> {
    vec![authorise("p-1", "100.00")]
}

fn captured() -> Vec<Command> {
    vec![authorise("p-1", "100.00"), last_capture("p-1", "k-1", "100.00")]
}

fn received(method: Method) -> Vec<Command> {
    vec![receive("p-1", method, "100.00")]
}

fn of_invoice() -> Vec<Command> {
    let intent = Intent { invoice_id: Some(the("i-1")), ..intent("p-1", Method::Onchain, eur("100.00")) };
    vec![receive_as(intent), refund("p-1", "r-1", "30.00")]
}

fn with(mut given: Vec<Command>, more: Vec<Command>) -> Vec<Command> {
    given.extend(more);
    given
}

fn usd(amount: &str) -> Money {
    the(&format!("{amount} USD"))
}

fn not_euro() -> Refusal {
    Refusal::Amount(Invalid::CurrencyMismatch { left: the("EUR"), right: the("USD") })
}

/// What every command says of a payment that does not exist, was declined, or may not exist.
#[test]
fn only_a_payment_that_is_there_can_be_asked() {
    let asked = || {
        vec![
            capture("p-1", "k-1", "1.00"),
            void("p-1"),
            reverse("p-1", "k-1"),
            refund("p-1", "r-1", "1.00"),
            refund_as(RefundOrigin::Order, "p-1", "r-1", eur("1.00")),
            confirm("p-1", "r-1"),
            fail_refund("p-1", "r-1"),
            dispute("p-1", "d-1", "1.00", "0.00"),
            win("p-1", "d-1", eur("0.00")),
            lose("p-1", "d-1", eur("0.00"), None),
            fee("p-1", "e-1", "1.00"),
            payout("p-1", "y-1", "1.00"),
            unknown("p-1", Attempt::Void),
            unknown("p-1", capturing("k-1", "1.00")),
            unknown("p-1", refunding("r-1")),
            did_not_happen("p-1", refunding("r-1")),
        ]
    };
    let hundred = intent("p-1", Method::Card, eur("100.00"));
    let not_answered = Refusal::OutcomeUnknown { attempt: Attempt::Authorisation };
    let cases = [
        (vec![], Refusal::UnknownPayment),
        (vec![decline_as(hundred.clone())], Refusal::Declined),
        (vec![unknown_as(hundred)], not_answered),
    ];
    for (given, refusal) in cases {
        for command in asked() {
            assert_eq!(told::<Payment>(&given).decide(&command), Err(refusal.clone()), "{command:?}");
        }
    }
}

fn rows() -> Vec<Row> {
    let declined = || vec![decline_as(intent("p-1", Method::Card, eur("100.00")))];
    let capture_unknown = || with(authorised(), vec![unknown("p-1", capturing("k-1", "60.00"))]);
    let refunded = || with(captured(), vec![refund("p-1", "r-1", "30.00")]);
    let disputed = || with(captured(), vec![dispute("p-1", "d-1", "50.00", "15.00")]);
    let not_for = |method, what| Refusal::NotForMethod { method, what };
    let exceeds_left = |asked, left| Refusal::ExceedsRefundable { asked: eur(asked), left: eur(left) };
    let zero = || intent("p-1", Method::Card, eur("0.00"));
    let closed = |how| Refusal::RefundClosed { how };
    let ended = |how| Refusal::DisputeClosed { how };
    let over = |asked, left| Refusal::ExceedsAuthorised { asked: eur(asked), left: eur(left) };
    let held = |asked, left| Refusal::ExceedsClearing { asked: eur(asked), left: eur(left) };
    let too_much = |asked, captured| Refusal::ExceedsCaptured { asked: eur(asked), captured: eur(captured) };
    vec![
        (
            authorised(),
            receive("p-1", Method::Card, "100.00"),
            Refusal::exists("payment_id"),
            "exists_with_different_content",
            "/payment_id",
        ),
        (
            vec![],
            did_not_happen("p-1", Attempt::Authorisation),
            Refusal::UnknownPayment,
            "payment_not_known",
            "/payment_id",
        ),
        (
            vec![],
            did_not_happen("p-1", capturing("k-1", "1.00")),
            Refusal::UnknownPayment,
            "payment_not_known",
            "/payment_id",
        ),
        (declined(), authorise("p-1", "100.00"), Refusal::Declined, "payment_declined", ""),
        (declined(), receive("p-1", Method::Card, "100.00"), Refusal::Declined, "payment_declined", ""),
        (
            capture_unknown(),
            void("p-1"),
            Refusal::OutcomeUnknown { attempt: capturing("k-1", "60.00") },
            "outcome_unknown",
            "",
        ),
        (
            capture_unknown(),
            unknown("p-1", Attempt::Void),
            Refusal::OutcomeUnknown { attempt: capturing("k-1", "60.00") },
            "outcome_unknown",
            "",
        ),
        (captured(), capture("p-1", "k-2", "1.00"), Refusal::AuthorisationClosed, "authorisation_closed", ""),
        (
            with(authorised(), vec![void("p-1")]),
            capture("p-1", "k-1", "1.00"),
            Refusal::AuthorisationClosed,
            "authorisation_closed",
            "",
        ),
        (
            received(Method::Card),
            capture("p-1", "k-1", "1.00"),
            Refusal::AuthorisationClosed,
            "authorisation_closed",
            "",
        ),
        (received(Method::Card), void("p-1"), Refusal::AuthorisationClosed, "authorisation_closed", ""),
        (captured(), void("p-1"), Refusal::AuthorisationClosed, "authorisation_closed", ""),
        (
            with(authorised(), vec![capture("p-1", "k-1", "100.00")]),
            void("p-1"),
            Refusal::AuthorisationClosed,
            "authorisation_closed",
            "",
        ),
        (
            captured(),
            unknown("p-1", capturing("k-2", "1.00")),
            Refusal::AuthorisationClosed,
            "authorisation_closed",
            "",
        ),
        (
            with(authorised(), vec![capture("p-1", "k-1", "100.00")]),
            unknown("p-1", Attempt::Void),
            Refusal::AuthorisationClosed,
            "authorisation_closed",
            "",
        ),
        (
            received(Method::Voucher),
            dispute("p-1", "d-1", "1.00", "0.00"),
            not_for(Method::Voucher, "disputed"),
            "not_for_method",
            "",
        ),
        (
            received(Method::CashOnDelivery),
            dispute("p-1", "d-1", "1.00", "0.00"),
            not_for(Method::CashOnDelivery, "disputed"),
            "not_for_method",
            "",
        ),
        (
            received(Method::Voucher),
            fee("p-1", "e-1", "1.00"),
            not_for(Method::Voucher, "charged a fee for"),
            "not_for_method",
            "",
        ),
        (
            received(Method::Voucher),
            payout("p-1", "y-1", "1.00"),
            not_for(Method::Voucher, "paid out"),
            "not_for_method",
            "",
        ),
        (
            received(Method::BankTransfer),
            payout("p-1", "y-1", "1.00"),
            not_for(Method::BankTransfer, "paid out"),
            "not_for_method",
            "",
        ),
        (vec![], authorise_as(zero()), Refusal::AmountNotPositive, "amount_not_positive", "/amount"),
        (vec![], decline_as(zero()), Refusal::AmountNotPositive, "amount_not_positive", "/amount"),
        (vec![], receive_as(zero()), Refusal::AmountNotPositive, "amount_not_positive", "/amount"),
        (vec![], unknown_as(zero()), Refusal::AmountNotPositive, "amount_not_positive", "/amount"),
        (authorised(), capture("p-1", "k-1", "0.00"), Refusal::AmountNotPositive, "amount_not_positive", "/amount"),
        (captured(), refund("p-1", "r-1", "0.00"), Refusal::AmountNotPositive, "amount_not_positive", "/amount"),
        (
            captured(),
            dispute("p-1", "d-1", "0.00", "0.00"),
            Refusal::AmountNotPositive,
            "amount_not_positive",
            "/amount",
        ),
        (captured(), fee("p-1", "e-1", "0.00"), Refusal::AmountNotPositive, "amount_not_positive", "/amount"),
        (captured(), payout("p-1", "y-1", "0.00"), Refusal::AmountNotPositive, "amount_not_positive", "/amount"),
        (authorised(), capture_as("p-1", "k-1", usd("1.00"), false), not_dollar(), "currency_mismatch", "/amount"),
        (
            captured(),
            refund_as(RefundOrigin::Merchant, "p-1", "r-1", usd("1.00")),
            not_dollar(),
            "currency_mismatch",
            "/amount",
        ),
        (
            captured(),
            refund_as(RefundOrigin::Order, "p-1", "r-1", usd("1.00")),
            not_dollar(),
            "currency_mismatch",
            "/amount",
        ),
        (captured(), dispute_as("p-1", "d-1", usd("1.00"), usd("0.00")), not_dollar(), "currency_mismatch", "/amount"),
        (captured(), dispute_as("p-1", "d-1", eur("1.00"), usd("1.00")), not_euro(), "currency_mismatch", "/amount"),
        (
            captured(),
            payout_as(PayoutDirection::ToMerchant, "p-1", "y-1", usd("1.00")),
            not_dollar(),
            "currency_mismatch",
            "/amount",
        ),
        (
            captured(),
            fee_as(super::super::FeeDirection::Charged, "p-1", "e-1", usd("1.00")),
            not_euro(),
            "currency_mismatch",
            "/amount",
        ),
        (authorised(), capture("p-1", "k-1", "100.01"), over("100.01", "100.00"), "exceeds_authorised", "/amount"),
        (
            with(authorised(), vec![capture("p-1", "k-1", "60.00")]),
            capture("p-1", "k-2", "40.01"),
            over("40.01", "40.00"),
            "exceeds_authorised",
            "/amount",
        ),
        (
            authorised(),
            unknown("p-1", capturing("k-1", "100.01")),
            over("100.01", "100.00"),
            "exceeds_authorised",
            "/amount",
        ),
        (captured(), reverse("p-1", "k-9"), Refusal::UnknownCapture, "unknown_capture", "/capture_id"),
        (captured(), refund("p-1", "r-1", "100.01"), exceeds_left("100.01", "100.00"), "exceeds_refundable", "/amount"),
        (refunded(), refund("p-1", "r-2", "70.01"), exceeds_left("70.01", "70.00"), "exceeds_refundable", "/amount"),
        (disputed(), refund("p-1", "r-1", "50.01"), exceeds_left("50.01", "50.00"), "exceeds_refundable", "/amount"),
        (refunded(), reverse("p-1", "k-1"), exceeds_left("100.00", "70.00"), "exceeds_refundable", "/amount"),
        (authorised(), refund("p-1", "r-1", "0.01"), exceeds_left("0.01", "0.00"), "exceeds_refundable", "/amount"),
        (captured(), confirm("p-1", "r-9"), Refusal::UnknownRefund, "unknown_refund", "/refund_id"),
        (captured(), fail_refund("p-1", "r-9"), Refusal::UnknownRefund, "unknown_refund", "/refund_id"),
        (captured(), unknown("p-1", refunding("r-9")), Refusal::UnknownRefund, "unknown_refund", "/refund_id"),
        (
            with(refunded(), vec![confirm("p-1", "r-1")]),
            fail_refund("p-1", "r-1"),
            closed("succeeded"),
            "refund_closed",
            "/refund_id",
        ),
        (
            with(refunded(), vec![fail_refund("p-1", "r-1")]),
            confirm("p-1", "r-1"),
            closed("failed"),
            "refund_closed",
            "/refund_id",
        ),
        (of_invoice(), confirm("p-1", "r-1"), Refusal::RefundOfInvoice, "refund_of_invoice", "/refund_id"),
        (of_invoice(), fail_refund("p-1", "r-1"), Refusal::RefundOfInvoice, "refund_of_invoice", "/refund_id"),
        (
            of_invoice(),
            did_not_happen("p-1", refunding("r-1")),
            Refusal::RefundOfInvoice,
            "refund_of_invoice",
            "/refund_id",
        ),
        (
            captured(),
            dispute("p-1", "d-1", "100.01", "0.00"),
            too_much("100.01", "100.00"),
            "exceeds_captured",
            "/amount",
        ),
        (
            with(authorised(), vec![capture("p-1", "k-1", "60.00")]),
            dispute("p-1", "d-1", "60.01", "0.00"),
            too_much("60.01", "60.00"),
            "exceeds_captured",
            "/amount",
        ),
        (captured(), win("p-1", "d-9", eur("0.00")), Refusal::UnknownDispute, "unknown_dispute", "/dispute_id"),
        (captured(), lose("p-1", "d-9", eur("0.00"), None), Refusal::UnknownDispute, "unknown_dispute", "/dispute_id"),
        (
            with(disputed(), vec![win("p-1", "d-1", eur("0.00"))]),
            lose("p-1", "d-1", eur("0.00"), None),
            ended("won"),
            "dispute_closed",
            "/dispute_id",
        ),
        (
            with(disputed(), vec![lose("p-1", "d-1", eur("0.00"), None)]),
            win("p-1", "d-1", eur("0.00")),
            ended("lost"),
            "dispute_closed",
            "/dispute_id",
        ),
        (
            disputed(),
            win("p-1", "d-1", eur("15.01")),
            Refusal::FeeReturnedExceedsFee { fee: eur("15.00") },
            "fee_returned_exceeds_fee",
            "/fee_returned",
        ),
        (
            disputed(),
            lose("p-1", "d-1", eur("50.01"), None),
            Refusal::TaxReliefExceedsDispute { amount: eur("50.00") },
            "tax_relief_exceeds_dispute",
            "/tax_relief",
        ),
        (captured(), payout("p-1", "y-1", "100.01"), held("100.01", "100.00"), "exceeds_clearing", "/amount"),
        (
            captured(),
            payout_as(PayoutDirection::ToProvider, "p-1", "y-1", eur("0.01")),
            held("0.01", "0.00"),
            "exceeds_clearing",
            "/amount",
        ),
        (vec![], unknown("p-1", Attempt::Authorisation), Refusal::IntentMissing, "intent_missing", "/payment_id"),
        (authorised(), unknown("p-1", Attempt::Authorisation), Refusal::OutcomeKnown, "outcome_known", ""),
        (captured(), unknown("p-1", capturing("k-1", "100.00")), Refusal::OutcomeKnown, "outcome_known", ""),
        (
            with(authorised(), vec![void("p-1")]),
            unknown("p-1", Attempt::Void),
            Refusal::OutcomeKnown,
            "outcome_known",
            "",
        ),
        (
            with(refunded(), vec![confirm("p-1", "r-1")]),
            unknown("p-1", refunding("r-1")),
            Refusal::OutcomeKnown,
            "outcome_known",
            "",
        ),
        (authorised(), did_not_happen("p-1", Attempt::Authorisation), Refusal::OutcomeKnown, "outcome_known", ""),
        (
            capture_unknown(),
            did_not_happen("p-1", capturing("k-2", "60.00")),
            Refusal::OutcomeKnown,
            "outcome_known",
            "",
        ),
        (
            vec![unknown_as(intent("p-1", Method::Card, eur("1.00")))],
            did_not_happen("p-1", Attempt::Authorisation),
            Refusal::UseDecline,
            "use_decline",
            "",
        ),
    ]
}

/// Where the payment's own currency is on the right of the comparison.
fn not_dollar() -> Refusal {
    Refusal::Amount(Invalid::CurrencyMismatch { left: the("USD"), right: the("EUR") })
}

#[test]
fn every_refusal_says_what_is_wrong_and_where() {
    let mut told_of = std::collections::BTreeSet::new();
    let mut before = 0;
    for (given, asked, refusal, code, pointer) in rows() {
        let pointer = (!pointer.is_empty()).then(|| pointer.to_owned());
        assert_eq!(told::<Payment>(&given).decide(&asked), Err(refusal.clone()), "{asked:?}");
        assert_eq!((refusal.code(), refusal.pointer()), (code, pointer), "{refusal:?}");
        assert!(!refusal.to_string().is_empty());
        let place = place_in_the_list(&refusal);
        assert!(before <= place, "{refusal:?} comes earlier in the list");
        before = place;
        told_of.insert(place);
    }
    assert_eq!(told_of, (0..REFUSALS).collect(), "a refusal without a row");
}

/// Where two things are wrong, the earlier one of the list is told.
#[test]
fn the_first_refusal_of_the_list_is_told() {
    let refused = |given: Vec<Command>, asked: Command| told::<Payment>(&given).decide(&asked).unwrap_err().code();
    assert_eq!(refused(captured(), capture("p-1", "k-1", "0.00")), "exists_with_different_content");
    assert_eq!(refused(received(Method::Voucher), dispute("p-1", "d-1", "0.00", "0.00")), "not_for_method");
    assert_eq!(refused(captured(), capture("p-1", "k-2", "0.00")), "authorisation_closed");
    assert_eq!(refused(vec![], refund("p-1", "r-1", "0.00")), "payment_not_known");
}

#[test]
fn a_refused_command_changes_nothing() {
    let payment = told::<Payment>(&captured());
    let before = payment.clone();
    assert!(payment.decide(&refund("p-1", "r-1", "100.01")).is_err());
    assert_eq!(payment, before);
}
