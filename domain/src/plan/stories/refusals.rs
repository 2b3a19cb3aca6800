//! What plans refuse, in the order of the checks, and what they do not say twice.

use super::*;
use crate::Refused;

/// A change of good terms that makes them bad.
type Spoil = fn(&mut Offer);

#[test]
fn bad_terms_are_refused_with_the_field_named() {
    let fee = |amount: &str| LateFees {
        order_from: eur("0"),
        grace_days: 0,
        steps: vec![FeeStep { after_days: 0, fee: FeeAmount::Amount(eur(amount)) }],
        cap_amount: Some(eur("5.00")),
        cap_rate: None,
        fees_max: None,
        waived_within_days: None,
    };
    let cases: [(&str, &str, Spoil); 13] = [
        ("amount_not_positive", "/amount", |it| it.amount = eur("0")),
        ("start_too_far", "/starts_on", |it| it.starts_on = date("9999-12-31")),
        ("start_too_far", "/starts_on", |it| it.starts_on = date("1969-12-31")),
        ("too_long", "/terms/payments", |it| it.terms.schedule.first_due_on = Some(date("2040-01-01"))),
        ("no_payments", "/terms/payments", |it| it.terms.schedule.payments = 0),
        ("first_due_in_the_past", "/terms/first_due_on", |it| {
            it.terms.schedule.first_due_on = Some(date("2023-12-31"))
        }),
        ("too_long", "/terms/payments", |it| it.terms.schedule.payments = 121),
        ("down_payment_too_large", "/terms/down_payment", |it| {
            it.terms.down_payment = Some(DownPayment::Amount(eur("100.01")));
        }),
        ("down_payment_too_large", "/terms/down_payment", |it| {
            it.terms.down_payment = Some(DownPayment::Share { rate: the("1"), multiple: None });
        }),
        ("currency_mismatch", "/terms/down_payment", |it| {
            it.terms.down_payment = Some(DownPayment::Amount(the("1.00 USD")));
        }),
        ("bad_terms", "/terms/down_payment/multiple", |it| {
            it.terms.down_payment = Some(DownPayment::Share { rate: the("0.25"), multiple: Some(eur("0")) });
        }),
        ("bad_terms", "/terms/allocation/order", |it| {
            it.terms.allocation.order.pop();
        }),
        ("cap_below_fee", "/terms/late_fees/0/cap_amount", |it| {
            it.terms.late_fees[0].steps[0].fee = FeeAmount::Amount(eur("5.01"))
        }),
    ];
    for (code, pointer, spoil) in cases {
        let mut offered =
            offer("100.00", "2024-01-01", Terms { late_fees: vec![fee("5.00")], ..terms(4, Frequency::Monthly) });
        assert!(Agreement::of(offered.clone()).is_ok());
        spoil(&mut offered);
        let bad = Agreement::of(offered).unwrap_err();
        assert_eq!((bad.code(), bad.pointer().as_str()), (code, pointer), "{bad}");
    }
}

#[test]
fn two_baskets_cannot_both_take_the_last_of_the_limit() {
    let mut stage = Stage::default();
    let at = noon_of("2024-01-01");
    let customer_id: CustomerId = the("c-1");
    let limit = |limit: &str| {
        let customer_id = customer_id.clone();
        let set = credit::SetLimit { customer_id, limit: eur(limit), score: None, source: None, reason: None, at };
        Any::Credit(credit::Command::SetLimit(set))
    };
    let reserve = |plan: &str, amount: &str| {
        let offer = Offer { plan_id: the(plan), ..offer(amount, "2024-01-01", terms(4, Frequency::Monthly)) };
        Any::Credit(credit::Command::Reserve(Box::new(credit::Reserve { offer, at })))
    };
    let refusal = |stage: &Stage, command: &Any| stage.decide(command).unwrap_err().code();
    assert_eq!(refusal(&stage, &reserve("n-1", "60.00")), "no_credit_line");
    stage.play(limit("100.00"));
    stage.play(reserve("n-1", "60.00"));
    assert_eq!(refusal(&stage, &reserve("n-2", "40.01")), "exceeds_credit_limit");
    assert_eq!(refusal(&stage, &reserve("n-1", "59.00")), "exists_with_different_content");
    stage.play(reserve("n-2", "40.00"));
    stage.play(Any::Plan(Command::Cancel(CancelPlan { plan_id: the("n-1"), reason: None, at })));
    stage.play(reserve("n-3", "60.00"));
    stage.play(limit("10.00"));
    assert_eq!(refusal(&stage, &reserve("n-4", "0.01")), "exceeds_credit_limit", "a lower limit takes nothing back");
}

#[test]
fn a_plan_refuses_what_does_not_fit_its_stage() {
    let good = || terms(4, Frequency::Monthly);
    let open = |day: &str| Command::Open(OpenPlan { plan_id: Town::id(), at: noon_of(day) });
    let cancel = || Command::Cancel(CancelPlan { plan_id: Town::id(), reason: None, at: noon_of("2024-01-02") });
    let give_up = || super::life::charge_off("2024-01-02", ChargeOff::Default);
    let unknown = Town { stage: Stage::default(), payments: 0 };
    for command in [open("2024-01-01"), cancel(), give_up(), refund("2024-01-01", "r-1", "1.00")] {
        assert_eq!(unknown.refuses(command), "plan_not_known");
    }
    let mut approved = Town::approved("100.00", "2024-01-01", good());
    assert_eq!(approved.refuses(give_up()), "plan_not_open");
    assert_eq!(approved.refuses(open("2024-02-02")), "offer_expired");
    approved.asks(cancel());
    assert_eq!(approved.refuses(open("2024-01-03")), "plan_cancelled");
    assert_eq!(approved.books(), " | ");
    let mut running = Town::with("100.00", "2024-01-01", good());
    assert_eq!(running.refuses(cancel()), "plan_already_open");
    assert_eq!(running.refuses(refund("2024-01-02", "r-1", "100.01")), "exceeds_purchase");
    assert_eq!(running.refuses(refund("2024-01-02", "r-1", "0.00")), "amount_not_positive");
    running.refunds("2024-01-02", "r-1", "10.00");
    assert_eq!(running.refuses(refund("2024-01-02", "r-1", "11.00")), "exists_with_different_content");
    running.asks(give_up());
    assert_eq!(running.refuses(super::life::charge_off("2024-01-03", ChargeOff::Fraud)), "plan_charged_off");
    let mut settled = Town::with("100.00", "2024-01-01", good());
    settled.pays("2024-01-02", "100.00");
    assert_eq!(settled.refuses(give_up()), "nothing_owed");
}

#[test]
fn the_merchant_is_paid_what_it_is_owed_and_no_more() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    let pay = |id: &str, amount: Option<&str>, direction| {
        Command::PayMerchant(PayMerchant {
            plan_id: Town::id(),
            payout_id: the(id),
            amount: amount.map(eur),
            direction,
            at: noon_of("2024-01-02"),
        })
    };
    let (to, from) = (MerchantPaymentDirection::ToMerchant, MerchantPaymentDirection::FromMerchant);
    assert_eq!(town.refuses(pay("y-1", Some("100.01"), to)), "exceeds_payable");
    assert_eq!(town.refuses(pay("y-1", Some("1.00"), from)), "exceeds_payable");
    town.asks(pay("y-1", Some("30.00"), to));
    assert_eq!(town.refuses(pay("y-1", Some("31.00"), to)), "exists_with_different_content");
    town.asks(pay("y-2", None, to));
    town.refunds("2024-01-02", "r-1", "20.00");
    assert_eq!(town.standing().merchant_payable, the("-20.00 EUR"));
    town.asks(pay("y-3", None, from));
    assert_eq!(town.balance(&Account::MerchantPayable), "0.00");
    assert_eq!(town.balance(&Account::BnplClearing), "0.00");
}
