//! Plans that go as agreed: opened, due, paid, settled early or late in the period, given up and recovered.

use super::*;

/// domain.md 1.4 V1, rows as principal / interest / due / balance after.
#[test]
fn a_plan_that_is_paid_on_time_earns_the_interest_of_its_schedule() {
    let mut town = Town::with("100.00", "2024-01-01", six_months_at_seven());
    let rows = [
        ("2024-02-01", "17.01", "83.57"),
        ("2024-03-01", "17.01", "67.05"),
        ("2024-04-01", "17.01", "50.43"),
        ("2024-05-01", "17.01", "33.71"),
        ("2024-06-01", "17.01", "16.90"),
        ("2024-07-01", "17.00", "0.00"),
    ];
    for (day, amount, balance) in rows {
        town.comes(day);
        town.pays(day, amount);
        assert_eq!(town.standing().principal.digits().to_string(), balance, "{day}");
    }
    assert_eq!(town.standing().status, Status::Settled);
    assert_eq!(
        town.books(),
        "psp_clearing 102.05, bnpl_clearing 100.00 | deferred_revenue 100.00, merchant_payable 100.00, interest_income 2.05"
    );
}

/// domain.md 3.2: originate, down payment, pay merchant, discount unwinds 2.96 / 2.01 / 1.03.
#[test]
fn the_merchant_is_paid_net_and_the_discount_is_earned_as_time_passes() {
    let mut quarters = terms(3, Frequency::Monthly);
    quarters.down_payment = Some(DownPayment::Share { rate: the("0.25"), multiple: None });
    quarters.merchant_discount.rate = the("0.06");
    let mut town = Town::approved("100.00", "2024-01-01", quarters);
    let opened = town.stage.play(town.open("2024-01-01"));
    assert_eq!(of_plan(&opened), "bnpl_receivable 100.00 | merchant_payable 94.00, unearned_discount 6.00");
    let down = town.pays("2024-01-01", "25.00");
    assert_eq!(net(&down), "psp_clearing 25.00 | bnpl_receivable 25.00");
    let paid = town.asks(Command::PayMerchant(PayMerchant {
        plan_id: Town::id(),
        payout_id: the("y-1"),
        amount: None,
        direction: MerchantPaymentDirection::ToMerchant,
        at: noon_of("2024-01-02"),
    }));
    assert_eq!(of_plan(&paid), "merchant_payable 94.00 | bank 94.00");
    assert_eq!(town.balance(&Account::BnplClearing), "0.00", "the shop has got what it was owed");
    for (day, earned) in [("2024-02-01", "2.96"), ("2024-03-01", "2.01"), ("2024-04-01", "1.03")] {
        let due = town.comes(day);
        assert_eq!(of_plan(&due), format!("unearned_discount {earned} | mdr_income {earned}"), "{day}");
        town.pays(day, "25.00");
    }
    assert_eq!(
        town.books(),
        "psp_clearing 100.00, psp_fees 6.00 | deferred_revenue 100.00, mdr_income 6.00",
        "nothing is left open"
    );
}

/// domain.md 3.2: accrue interest .58; installment 17.01 = 16.43 + .58; late fee and its mirror are in `fees`.
#[test]
fn interest_is_booked_when_it_is_due_and_paid_before_principal() {
    let mut town = Town::with("100.00", "2024-01-01", six_months_at_seven());
    let due = town.comes("2024-02-01");
    assert_eq!(of_plan(&due), "bnpl_receivable_interest 0.58 | interest_income 0.58");
    let paid = town.pays("2024-02-01", "17.01");
    assert_eq!(net(&paid), "psp_clearing 17.01 | bnpl_receivable 16.43, bnpl_receivable_interest 0.58");
}

/// domain.md 1.4 V11: pay off V1 on 15 February, the first installment paid.
#[test]
fn who_settles_early_pays_interest_to_the_day_or_to_the_end_of_the_period() {
    for (early_settlement, amount, income) in
        [(EarlySettlement::ToDay, "83.81", "0.82"), (EarlySettlement::ToPeriodEnd, "84.06", "1.07")]
    {
        let mut town = Town::with("100.00", "2024-01-01", Terms { early_settlement, ..six_months_at_seven() });
        town.comes("2024-02-01");
        town.pays("2024-02-01", "17.01");
        assert_eq!(town.plan().payoff(date("2024-02-15")), Some(eur(amount)));
        town.pays("2024-02-15", amount);
        assert_eq!(town.standing().status, Status::Settled);
        assert_eq!(town.balance(&Account::InterestIncome), format!("-{income}"));
        assert_eq!(town.balance(&Account::BnplReceivableInterest), "0.00");
        assert_eq!(town.standing().overpaid, eur("0"));
        assert_eq!(town.comes("2025-01-01"), [], "time does nothing to a settled plan");
    }
}

/// domain.md 3.2: overpaid 1.00 is the customer's credit. Interest that time has not earned is never due.
#[test]
fn who_pays_everything_at_once_pays_no_interest_of_the_future() {
    let mut town = Town::with("100.00", "2024-01-01", six_months_at_seven());
    town.pays("2024-01-01", "102.05");
    assert_eq!(town.standing().status, Status::Settled);
    assert_eq!(town.standing().overpaid, eur("2.05"));
    assert_eq!(town.balance(&Account::CustomerCredit), "-2.05");
    assert_eq!(town.balance(&Account::InterestIncome), "0.00");
}

/// domain.md 3.2: charge-off 50.00, recovery 20.00.
#[test]
fn what_comes_in_after_a_charge_off_is_a_recovery() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::EveryTwoWeeks));
    town.pays("2024-01-15", "25.00");
    town.pays("2024-01-29", "25.00");
    let given_up = town.asks(charge_off("2024-06-01", ChargeOff::Default));
    assert_eq!(of_plan(&given_up), "bad_debt 50.00 | bnpl_receivable 50.00");
    assert_eq!(net(&town.pays("2024-07-01", "20.00")), "psp_clearing 20.00 | recoveries 20.00");
    assert_eq!(net(&town.pays("2024-07-02", "40.00")), "psp_clearing 40.00 | customer_credit 10.00, recoveries 30.00");
    assert_eq!(town.standing().status, Status::ChargedOff);
}

/// domain.md 1.1 rule 11 and 3.4: fraud uses another account; interest and fees go back to income.
#[test]
fn a_charge_off_takes_interest_back_and_stops_its_accrual() {
    let mut town = Town::with("100.00", "2024-01-01", six_months_at_seven());
    town.comes("2024-03-15");
    assert_eq!(town.balance(&Account::InterestIncome), "-1.07");
    let given_up = town.asks(charge_off("2024-03-15", ChargeOff::Fraud));
    assert_eq!(
        of_plan(&given_up),
        "interest_income 1.07, bad_debt_fraud 100.00 | bnpl_receivable 100.00, bnpl_receivable_interest 1.07"
    );
    assert_eq!(town.comes("2025-01-01"), []);
}

pub(super) fn charge_off(day: &str, how: ChargeOff) -> Command {
    Command::ChargeOff(ChargeOffPlan { plan_id: Town::id(), how, reason: None, at: noon_of(day) })
}

#[test]
fn interest_can_enter_the_books_every_month_or_every_day() {
    let quarterly = |accrual| {
        let mut terms = terms(2, Frequency::EveryDays(40));
        terms.schedule.rate = the("0.365");
        terms.schedule.day_count = DayCount::Actual365;
        Terms { accrual, ..terms }
    };
    let accrued = |accrual, day: &str| {
        let mut town = Town::with("1000.00", "2024-01-16", quarterly(accrual));
        town.comes(day);
        (town.balance(&Account::InterestIncome), town.stage.events().count())
    };
    // A thousandth of 1,000.00 a day.
    assert_eq!(accrued(Accrual::WithInstallment, "2024-02-05").0, "0.00");
    assert_eq!(accrued(Accrual::MonthEnd, "2024-02-05").0, "-15.00", "to 31 January");
    assert_eq!(accrued(Accrual::Daily, "2024-02-05").0, "-20.00");
    for accrual in [Accrual::WithInstallment, Accrual::MonthEnd, Accrual::Daily] {
        assert_eq!(accrued(accrual, "2024-02-25").0, "-40.00", "{accrual:?}: the due date");
    }
}

#[test]
fn the_credit_line_follows_the_plan() {
    let mut town = Town::approved("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    let available = |town: &Town| {
        let credit = town.stage.aggregates().values().find_map(|it| match it {
            Aggregate::Credit(credit) => credit.available(eur("0").currency()),
            Aggregate::Order(_)
            | Aggregate::Payment(_)
            | Aggregate::Plan(_)
            | Aggregate::Clock(_)
            | Aggregate::Period(_)
            | Aggregate::Customer(_)
            | Aggregate::Wallet(_)
            | Aggregate::Invoice(_)
            | Aggregate::Deposit(_)
            | Aggregate::Holding(_)
            | Aggregate::Payout(_) => None,
        });
        credit.unwrap().digits().to_string()
    };
    assert_eq!(available(&town), "99900.00");
    town.stage.play(town.open("2024-01-01"));
    assert_eq!(available(&town), "99900.00");
    town.pays("2024-02-01", "25.00");
    assert_eq!(available(&town), "99925.00");
    town.asks(charge_off("2024-06-01", ChargeOff::Default));
    assert_eq!(available(&town), "99925.00", "who does not pay gets no new credit");
    town.pays("2024-07-01", "75.00");
    assert_eq!(available(&town), "100000.00");
}

#[test]
fn a_day_is_the_customers_day() {
    let riyadh = Terms { time_zone: the("Asia/Riyadh"), ..terms(2, Frequency::Monthly) };
    let mut town = Town::with("100.00", "2024-01-01", riyadh);
    // 22:30 in UTC is half past one of the next day there.
    let late = Command::PassTime(PassTime { plan_id: Town::id(), at: the("2024-01-31T22:30:00Z") });
    assert_eq!(town.asks(late).len(), 1);
    let wakes_at = town.standing().wakes_at.map(|at| at.to_rfc3339());
    assert_eq!(wakes_at.as_deref(), Some("2024-02-29T21:00:00+00:00"));
}

/// A down payment is often taken before the goods are handed over.
#[test]
fn money_that_comes_before_the_goods_waits_and_pays_when_the_plan_is_opened() {
    let mut terms = terms(3, Frequency::Monthly);
    terms.down_payment = Some(DownPayment::Amount(eur("25.00")));
    let mut town = Town::approved("100.00", "2024-01-01", terms);
    let held = town.pays("2024-01-01", "25.00");
    assert_eq!(net(&held), "psp_clearing 25.00 | customer_credit 25.00");
    town.pays("2024-01-01", "10.00");
    town.pays("2024-01-01", "5.00");
    town.bounces("2024-01-01", "p-2");
    let opened = town.stage.play(town.open("2024-01-02"));
    assert_eq!(of_plan(&opened), "customer_credit 30.00, bnpl_receivable 70.00 | merchant_payable 100.00");
    assert_eq!(town.outstanding(), ["0.00", "20.00", "25.00", "25.00"]);
    // Told again, as after a crash, nothing happens; and what was paid can still bounce.
    let told = town.stage.history.len();
    town.stage.follow_from_the_start();
    assert_eq!(town.stage.history.len(), told);
    town.bounces("2024-01-03", "p-1");
    assert_eq!(town.outstanding(), ["20.00", "25.00", "25.00", "25.00"]);
}
