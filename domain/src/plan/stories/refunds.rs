//! Refunds of purchases with a running plan: which debt falls, what goes back, and to whom.

use super::*;

fn refunded(events: &[Happened]) -> &Refunded {
    let found = events.iter().find_map(|event| match event {
        Happened::Plan(Event::Refunded(it)) => Some(it),
        Happened::Plan(_)
        | Happened::Order(_)
        | Happened::Payment(_)
        | Happened::Credit(_)
        | Happened::Clock(_)
        | Happened::Period(_)
        | Happened::Customer(_)
        | Happened::Wallet(_)
        | Happened::Invoice(_)
        | Happened::Deposit(_)
        | Happened::Holding(_)
        | Happened::Payout(_) => None,
    });
    found.unwrap()
}

fn cash_back(it: &Refunded) -> Vec<(&str, String)> {
    it.cash_back.iter().map(|leg| (leg.payment_id.as_str(), leg.amount.digits().to_string())).collect()
}

/// domain.md 1.2, Afterpay: 500.40 = 4 x 125.10, two unpaid; a refund of 143.10 cancels the 4th, and 18.00 of the 3rd.
#[test]
fn a_refund_takes_from_the_last_installment_backwards() {
    let mut town = Town::with("500.40", "2024-01-01", terms(4, Frequency::EveryTwoWeeks));
    town.pays("2024-01-15", "125.10");
    town.pays("2024-01-29", "125.10");
    let events = town.refunds("2024-02-01", "r-1", "143.10");
    assert_eq!(town.outstanding(), ["0.00", "0.00", "107.10", "0.00"]);
    assert_eq!(refunded(&events).cash, eur("0"));
    assert_eq!(refunded(&events).cancelled, eur("143.10"));
}

/// domain.md 1.2 and 1.1 rule 10: then cash, the latest paid first, to the instrument that paid.
#[test]
fn once_nothing_is_owed_cash_goes_back_to_the_payments_the_latest_first() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::EveryTwoWeeks));
    town.pays("2024-01-15", "25.00");
    town.pays("2024-01-29", "25.00");
    let events = town.refunds("2024-02-01", "r-1", "60.00");
    assert_eq!(town.outstanding(), ["0.00", "0.00", "0.00", "0.00"]);
    assert_eq!(cash_back(refunded(&events)), [("p-2", "10.00".to_owned())]);
    let events = town.refunds("2024-02-02", "r-2", "40.00");
    assert_eq!(cash_back(refunded(&events)), [("p-2", "15.00".to_owned()), ("p-1", "25.00".to_owned())]);
    assert_eq!(town.balance(&Account::RefundsPending), "-50.00");
    assert_eq!(town.balance(&Account::CustomerCredit), "0.00");
    assert_eq!(town.refuses(refund("2024-02-03", "r-3", "0.01")), "exceeds_purchase");
}

/// domain.md 3.2: full refund after 2 of 4, the discount returned or kept.
#[test]
fn the_merchant_returns_the_gross_less_a_discount_that_is_returned() {
    for (on_refund, expected) in [
        (
            OnRefund::Returned,
            "merchant_payable 94.00, unearned_discount 1.83, mdr_income 4.17 | refunds_pending 50.00, bnpl_receivable 50.00",
        ),
        (
            OnRefund::Kept,
            "merchant_payable 100.00, unearned_discount 1.83 | refunds_pending 50.00, bnpl_receivable 50.00, mdr_income 1.83",
        ),
    ] {
        let mut terms = terms(4, Frequency::Monthly);
        terms.merchant_discount = MerchantDiscount { rate: the("0.06"), on_refund };
        let mut town = Town::with("100.00", "2024-01-01", terms);
        for day in ["2024-02-01", "2024-03-01"] {
            town.comes(day);
            town.pays(day, "25.00");
        }
        let events = town.refunds("2024-03-02", "r-1", "100.00");
        let book = events.iter().filter(|event| match event {
            Happened::Plan(_) => true,
            Happened::Payment(payment::Event::RefundRequested(it)) => it.origin == payment::RefundOrigin::Plan,
            Happened::Payment(_)
            | Happened::Order(_)
            | Happened::Credit(_)
            | Happened::Clock(_)
            | Happened::Period(_)
            | Happened::Customer(_)
            | Happened::Wallet(_)
            | Happened::Invoice(_)
            | Happened::Deposit(_)
            | Happened::Holding(_)
            | Happened::Payout(_) => false,
        });
        assert_eq!(net(book), expected, "{on_refund:?}");
        assert_eq!(town.standing().status, Status::Settled);
        assert_eq!(town.balance(&Account::UnearnedDiscount), "0.00");
        // The shop's claim and the book's debt are one and the same.
        let (claim, debt) = (town.balance(&Account::BnplClearing), town.balance(&Account::MerchantPayable));
        assert_eq!(
            claim,
            debt.strip_prefix('-').map_or_else(|| format!("-{debt}"), str::to_owned).replace("-0.00", "0.00")
        );
    }
}

/// domain.md 1.4 V16: 500, a quarter down, then 125 at 15, 30 and 45 days. A refund on day 7, the down payment unpaid.
#[test]
fn a_refund_shared_over_all_installments_clears_what_is_late_first() {
    let pay_in_four = || {
        let mut terms = terms(3, Frequency::EveryDays(15));
        terms.down_payment = Some(DownPayment::Share { rate: the("0.25"), multiple: None });
        terms.refund.cancels = Cancels::EveryInstallment;
        Town::with("500.00", "2024-01-01", terms)
    };
    let cancelled = |events: &[Happened]| -> Vec<String> {
        refunded(events).debt.iter().map(|it| it.amount.digits().to_string()).collect()
    };
    let mut town = pay_in_four();
    let events = town.refunds("2024-01-08", "r-1", "300.00");
    assert_eq!(cancelled(&events), ["125.00", "58.33", "58.33", "58.34"]);
    town.pays("2024-01-08", "201.00");
    assert_eq!((town.standing().status, town.standing().overpaid), (Status::Settled, eur("1.00")));
    let mut town = pay_in_four();
    let events = town.refunds("2024-01-08", "r-1", "400.00");
    assert_eq!(cancelled(&events), ["125.00", "91.67", "91.67", "91.66"]);
}

/// Cancelling units of the order finds its way to the plan, and the refunds meet.
#[test]
fn a_cancelled_order_cancels_the_debt_of_its_plan() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    town.pays("2024-02-01", "25.00");
    town.stage.play(crate::rehearsal::cancel_all("x-1"));
    assert_eq!(town.outstanding(), ["0.00", "0.00", "0.00", "0.00"]);
    assert_eq!(town.books(), "psp_clearing 25.00 | refunds_pending 25.00");
    assert_eq!(town.stage.order().due(), Some(eur("0")));
}

/// A refund that the merchant asks the plan for makes the order cheaper, like a refund of any payment.
#[test]
fn a_refund_of_the_plan_is_an_allowance_on_the_order() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    town.refunds("2024-01-02", "r-1", "10.00");
    assert_eq!(town.stage.order().due(), Some(eur("0")));
    assert_eq!(
        town.books(),
        "bnpl_receivable 90.00, bnpl_clearing 90.00 | deferred_revenue 90.00, merchant_payable 90.00"
    );
}

#[test]
fn interest_of_the_future_falls_with_the_principal_that_it_was_for() {
    let mut town = Town::with("100.00", "2024-01-01", six_months_at_seven());
    town.comes("2024-02-01");
    town.pays("2024-02-01", "17.01");
    town.refunds("2024-02-01", "r-1", "83.57");
    assert_eq!(town.standing().status, Status::Settled);
    assert_eq!(town.balance(&Account::InterestIncome), "-0.58", "what was paid stays earned");
    assert_eq!(town.balance(&Account::RefundsPending), "0.00");
}

#[test]
fn interest_that_was_paid_goes_back_by_the_refunds_share_where_the_terms_say_so() {
    let mut terms = six_months_at_seven();
    terms.refund.interest = OnRefund::Returned;
    let mut town = Town::with("100.00", "2024-01-01", terms);
    town.comes("2024-02-01");
    town.pays("2024-02-01", "17.01");
    let events = town.refunds("2024-02-01", "r-1", "50.00");
    assert_eq!((refunded(&events).interest_returned, refunded(&events).cash), (eur("0.29"), eur("0")));
    assert_eq!(cash_back(refunded(&events)), [("p-1", "0.29".to_owned())]);
    assert_eq!(town.balance(&Account::InterestIncome), "-0.29");
}

#[test]
fn a_refund_after_a_charge_off_recovers_the_debt_first() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    town.pays("2024-02-01", "25.00");
    town.asks(super::life::charge_off("2024-06-01", ChargeOff::Default));
    let events = town.refunds("2024-06-02", "r-1", "100.00");
    let it = refunded(&events);
    assert_eq!((it.cancelled, it.recovered, it.cash), (eur("0"), eur("75.00"), eur("25.00")));
    assert_eq!(town.balance(&Account::Recoveries), "-75.00");
}
