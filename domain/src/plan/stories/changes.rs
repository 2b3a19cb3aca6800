//! Money beyond what is due, and schedules that change.

use super::*;

fn overpaid(overpayment: Overpayment) -> Town {
    let mut town = Town::with("100.00", "2024-01-01", Terms { overpayment, ..terms(4, Frequency::Monthly) });
    town.comes("2024-02-01");
    town.pays("2024-02-01", "40.00");
    town
}

/// domain.md 1.1 rule 8: next, last, re-amortise by amount or by count, or credit. Never negative.
#[test]
fn money_beyond_what_is_due_goes_where_the_terms_say() {
    let expected = [
        (Overpayment::NextInstallment, vec!["0.00", "10.00", "25.00", "25.00"], "0.00"),
        (Overpayment::LastInstallment, vec!["0.00", "25.00", "25.00", "10.00"], "0.00"),
        (Overpayment::ReduceAmount, vec!["0.00", "20.00", "20.00", "20.00"], "0.00"),
        (Overpayment::ReduceCount, vec!["0.00", "25.00", "25.00", "10.00"], "0.00"),
        (Overpayment::Credit, vec!["0.00", "25.00", "25.00", "25.00"], "-15.00"),
    ];
    for (overpayment, outstanding, credit) in expected {
        let town = overpaid(overpayment);
        assert_eq!(town.outstanding(), outstanding, "{overpayment:?}");
        assert_eq!(town.balance(&Account::CustomerCredit), credit, "{overpayment:?}");
    }
}

#[test]
fn fewer_payments_are_gone_from_the_schedule() {
    let mut town = Town::with(
        "100.00",
        "2024-01-01",
        Terms { overpayment: Overpayment::ReduceCount, ..terms(4, Frequency::Monthly) },
    );
    town.pays("2024-02-01", "75.00");
    assert_eq!(town.outstanding(), ["0.00", "25.00"]);
    assert_eq!(town.standing().next_due_on, Some(date("2024-03-01")));
}

#[test]
fn who_pays_principal_early_saves_its_interest() {
    let interest_after = |overpayment| {
        let mut town = Town::with("100.00", "2024-01-01", Terms { overpayment, ..six_months_at_seven() });
        town.comes("2024-02-01");
        town.pays("2024-02-01", "57.01");
        town.plan().installments().iter().map(|it| it.interest.owed()).sum::<i128>()
    };
    let saved_nothing = interest_after(Overpayment::NextInstallment);
    assert_eq!(saved_nothing, 205);
    for overpayment in [Overpayment::LastInstallment, Overpayment::ReduceAmount, Overpayment::ReduceCount] {
        assert!(interest_after(overpayment) < saved_nothing, "{overpayment:?}");
    }
}

fn reschedule(day: &str, id: &str, how: Rescheduling) -> Command {
    Command::Reschedule(ReschedulePlan {
        plan_id: Town::id(),
        reschedule_id: the(id),
        how,
        reason: None,
        at: noon_of(day),
    })
}

/// domain.md 1.1 rule 11: re-age clears delinquency but keeps history.
#[test]
fn a_re_aged_plan_is_late_no_more() {
    let mut town = Town::with("100.00", "2024-01-01", six_months_at_seven());
    town.comes("2024-03-10");
    let first_due_on = date("2024-04-10");
    town.asks(reschedule("2024-03-10", "s-1", Rescheduling::ReAge { first_due_on, payments: 4 }));
    assert_eq!(town.standing().next_due_on, Some(first_due_on));
    assert_eq!(town.standing().principal, eur("100.00"));
    // The interest of January and February, and nine days of March's, were earned and are due first.
    assert_eq!(town.outstanding()[0], "1.18");
    assert_eq!(town.plan().installments().len(), 5);
    assert_eq!(town.balance(&Account::InterestIncome), "-1.18");
    let due = town.plan().payoff(first_due_on).unwrap();
    town.pays("2024-04-10", &due.digits().to_string());
    assert_eq!(town.standing().status, Status::Settled);
}

#[test]
fn what_is_late_is_shared_over_what_is_to_come() {
    let mut town = Town::with("100.00", "2024-01-01", terms(4, Frequency::Monthly));
    town.comes("2024-03-10");
    town.asks(reschedule("2024-03-10", "s-1", Rescheduling::ReAmortise));
    assert_eq!(town.outstanding(), ["50.00", "50.00"]);
    assert_eq!(town.standing().next_due_on, Some(date("2024-04-01")));
    town.comes("2024-05-02");
    assert_eq!(town.refuses(reschedule("2024-05-02", "s-2", Rescheduling::ReAmortise)), "nothing_to_come");
}

#[test]
fn another_rate_counts_for_periods_to_come() {
    let mut town = Town::with("100.00", "2024-01-01", six_months_at_seven());
    town.comes("2024-02-01");
    town.pays("2024-02-01", "17.01");
    let change = |id: &str, rate: &str| {
        let (plan_id, reschedule_id) = (Town::id(), the(id));
        Command::ChangeRate(ChangeRate { plan_id, reschedule_id, rate: the(rate), at: noon_of("2024-02-01") })
    };
    town.asks(change("s-1", "0"));
    assert_eq!(town.standing().interest, eur("0"));
    assert_eq!(town.outstanding(), ["0.00", "16.71", "16.71", "16.71", "16.71", "16.73"]);
    town.asks(change("s-2", "0.14"));
    assert!(town.standing().interest.minor() > 150);
    assert_eq!(town.standing().principal, eur("83.57"));
}
