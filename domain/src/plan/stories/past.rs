//! Facts that come to light late, and payments that do not hold.

use super::*;

fn kinds(events: &[Happened]) -> Vec<&'static str> {
    events.iter().filter(|it| matches!(it, Happened::Plan(_))).map(crate::wire::kind_of).collect()
}

fn with_fees() -> Terms {
    let fee = FeeStep { after_days: 0, fee: FeeAmount::Amount(eur("10.00")) };
    let band = LateFees {
        order_from: eur("0"),
        grace_days: 0,
        steps: vec![fee],
        cap_amount: None,
        cap_rate: None,
        fees_max: None,
        waived_within_days: None,
    };
    Terms { late_fees: vec![band], ..terms(4, Frequency::Monthly) }
}

/// domain.md 1.1 rule 7: reverse later transactions, apply, re-apply; every step is an event.
#[test]
fn a_payment_that_comes_to_light_late_takes_its_place() {
    let mut town = Town::with("100.00", "2024-01-01", with_fees());
    town.comes("2024-02-10");
    town.pays("2024-02-15", "35.00");
    assert_eq!(town.outstanding(), ["0.00", "25.00", "25.00", "25.00"]);
    assert_eq!(town.balance(&Account::LateFee), "-10.00");
    // It was paid on the due date after all: there was no reason for a fee, and the later payment pays ahead.
    let events = town.pays("2024-02-01", "25.00");
    assert_eq!(kinds(&events), ["plan-unwound.v1", "plan-payment-applied.v1", "plan-payment-applied.v1"]);
    assert_eq!(town.outstanding(), ["0.00", "0.00", "15.00", "25.00"]);
    assert_eq!(town.balance(&Account::LateFee), "0.00");
    assert_eq!(town.comes("2024-02-20"), []);
}

#[test]
fn of_one_day_the_first_said_is_the_first_done() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    town.pays("2024-02-01", "30.00");
    let events = town.pays("2024-02-01", "20.00");
    assert_eq!(kinds(&events), ["plan-payment-applied.v1"]);
}

#[test]
fn a_payment_that_bounces_is_owed_again_from_the_day_it_was_paid() {
    let mut town = Town::with("100.00", "2024-01-01", with_fees());
    town.comes("2024-02-01");
    town.pays("2024-02-01", "25.00");
    town.comes("2024-02-05");
    town.pays("2024-02-20", "25.00");
    let events = town.bounces("2024-02-21", "p-1");
    assert_eq!(kinds(&events), ["plan-unwound.v1", "plan-payment-reversed.v1", "plan-payment-applied.v1"]);
    assert_eq!(town.outstanding(), ["0.00", "25.00", "25.00", "25.00"], "the second payment pays what is owed first");
    assert_eq!(town.balance(&Account::LateFee), "0.00", "no fee for days on which it counted as paid");
    assert_eq!(
        town.books(),
        "psp_clearing 25.00, bnpl_receivable 75.00, bnpl_clearing 100.00 | deferred_revenue 100.00, merchant_payable 100.00"
    );
}

#[test]
fn money_that_is_sent_back_to_the_customer_is_owed_again() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    town.pays("2024-02-01", "25.00");
    let refund = |id: &str, amount: &str| payment::RefundPayment {
        payment_id: the("p-1"),
        refund_id: the(id),
        amount: eur(amount),
        origin: payment::RefundOrigin::Merchant,
        reason: None,
        at: noon_of("2024-02-02"),
    };
    town.stage.play(payment::Command::Refund(refund("r-1", "10.00")));
    assert_eq!(town.outstanding(), ["10.00", "25.00", "25.00", "25.00"]);
    town.stage.play(payment::Command::Refund(refund("r-2", "15.00")));
    assert_eq!(town.outstanding(), ["25.00", "25.00", "25.00", "25.00"]);
    assert_eq!(town.balance(&Account::RefundsPending), "-25.00");
}

/// Cash that went back has gone: what a late payment changes about a refund is the customer's credit.
#[test]
fn a_refund_before_which_more_was_paid_leaves_credit() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    town.refunds("2024-02-10", "r-1", "60.00");
    assert_eq!(town.outstanding(), ["25.00", "15.00", "0.00", "0.00"]);
    town.pays("2024-02-05", "70.00");
    assert_eq!(town.standing().status, Status::Settled);
    assert_eq!(town.balance(&Account::CustomerCredit), "-30.00");
}

#[test]
fn a_late_payment_before_a_charge_off_lessens_the_loss() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    town.asks(super::life::charge_off("2024-06-01", ChargeOff::Default));
    assert_eq!(town.balance(&Account::BadDebt), "100.00");
    town.pays("2024-05-31", "40.00");
    assert_eq!(town.balance(&Account::BadDebt), "60.00");
    assert_eq!((town.standing().status, town.standing().charged_off), (Status::ChargedOff, eur("60.00")));
    town.pays("2024-05-30", "60.00");
    assert_eq!((town.standing().status, town.balance(&Account::BadDebt).as_str()), (Status::Settled, "0.00"));
}
