//! What being late costs, by the published tables (domain.md 1.3), and what is forgiven.

use super::*;

fn step(after_days: u32, amount: &str) -> FeeStep {
    FeeStep { after_days, fee: FeeAmount::Amount(eur(amount)) }
}

fn band(order_from: &str, steps: Vec<FeeStep>) -> LateFees {
    LateFees {
        order_from: eur(order_from),
        grace_days: 0,
        steps,
        cap_amount: None,
        cap_rate: None,
        fees_max: None,
        waived_within_days: None,
    }
}

/// Every fee of a plan that is never paid: the day and the amount.
fn fees_of(amount: &str, late_fees: Vec<LateFees>) -> Vec<(String, String)> {
    let mut town = Town::with(amount, "2024-01-01", Terms { late_fees, ..terms(4, Frequency::EveryTwoWeeks) });
    let events = town.comes("2024-12-31");
    let fees = events.iter().filter_map(|event| match event {
        Happened::Plan(Event::LateFeeCharged(it)) => {
            Some((it.step.effective_on.to_string(), it.amount.digits().to_string()))
        }
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
    fees.collect()
}

fn amounts(fees: &[(String, String)]) -> Vec<&str> {
    fees.iter().map(|(_, amount)| amount.as_str()).collect()
}

/// Afterpay AU: below 40 one fee, at most a quarter of the order; from 40 on 10 and 7 more after 7 days for each missed
/// installment, at most a quarter of the order and at most 68; the last fee lands on the cap.
#[test]
fn afterpay_australia() {
    let table = || {
        let small = LateFees { cap_rate: Some(the("0.25")), fees_max: Some(1), ..band("0", vec![step(0, "10.00")]) };
        let large = LateFees {
            cap_rate: Some(the("0.25")),
            cap_amount: Some(eur("68.00")),
            ..band("40.00", vec![step(0, "10.00"), step(7, "7.00")])
        };
        vec![small, large]
    };
    assert_eq!(fees_of("39.00", table()), [("2024-01-16".to_owned(), "9.75".to_owned())]);
    assert_eq!(amounts(&fees_of("39.99", table())), ["10.00"]);
    let hundred = fees_of("100.00", table());
    assert_eq!(amounts(&hundred), ["10.00", "7.00", "8.00"]);
    assert_eq!(hundred[1].0, "2024-01-23");
    assert_eq!(
        amounts(&fees_of("400.00", table())),
        ["10.00", "7.00", "10.00", "7.00", "10.00", "7.00", "10.00", "7.00"]
    );
    assert_eq!(amounts(&fees_of("240.00", table())), ["10.00", "7.00", "10.00", "7.00", "10.00", "7.00", "9.00"]);
}

/// Afterpay US: at most 8 after 10 days of grace, once for each installment, at most a quarter of the order.
#[test]
fn afterpay_united_states() {
    let table = || vec![LateFees { grace_days: 10, cap_rate: Some(the("0.25")), ..band("0", vec![step(0, "8.00")]) }];
    let hundred = fees_of("100.00", table());
    assert_eq!(amounts(&hundred), ["8.00", "8.00", "8.00", "1.00"]);
    assert_eq!(hundred[0].0, "2024-01-26", "due on the 15th, ten days of grace");
    assert_eq!(amounts(&fees_of("20.00", table())), ["5.00"]);
}

/// Klarna AU, fee / most: up to 24.99 nothing, to 59.99 2 / 6, to 99.99 4 / 12, to 199.99 6 / 18, from 200 8 / 24.
#[test]
fn klarna_australia() {
    let table = || {
        let rows = [
            ("25.00", "2.00", "6.00"),
            ("60.00", "4.00", "12.00"),
            ("100.00", "6.00", "18.00"),
            ("200.00", "8.00", "24.00"),
        ];
        let banded =
            rows.map(|(from, fee, most)| LateFees { cap_amount: Some(eur(most)), ..band(from, vec![step(0, fee)]) });
        banded.to_vec()
    };
    let expected: [(&str, &[&str]); 6] = [
        ("24.99", &[]),
        ("25.00", &["2.00", "2.00", "2.00"]),
        ("59.99", &["2.00", "2.00", "2.00"]),
        ("99.99", &["4.00", "4.00", "4.00"]),
        ("199.99", &["6.00", "6.00", "6.00"]),
        ("200.00", &["8.00", "8.00", "8.00"]),
    ];
    for (order, fees) in expected {
        assert_eq!(amounts(&fees_of(order, table())), fees, "{order}");
    }
}

/// Sezzle: the fee falls for who pays within 48 hours.
#[test]
fn a_fee_falls_for_who_pays_at_once() {
    let table = || vec![LateFees { waived_within_days: Some(2), ..band("0", vec![step(0, "10.00")]) }];
    for (day, outstanding, income) in [("2024-01-18", "0.00", "0.00"), ("2024-01-19", "10.00", "-10.00")] {
        let mut town =
            Town::with("100.00", "2024-01-01", Terms { late_fees: table(), ..terms(4, Frequency::EveryTwoWeeks) });
        town.comes("2024-01-16");
        assert_eq!(town.balance(&Account::LateFee), "-10.00");
        town.pays(day, "25.00");
        assert_eq!(town.outstanding()[0], outstanding, "{day}");
        assert_eq!(town.balance(&Account::LateFee), income, "{day}");
    }
}

/// domain.md 3.2: late fee 8.00, reversed on waiver. A fee draws no fee.
#[test]
fn a_fee_is_its_own_receivable_and_a_waiver_is_its_mirror() {
    let late_fees = vec![band("0", vec![step(0, "8.00"), step(30, "8.00")])];
    let mut town = Town::with("50.00", "2024-01-01", Terms { late_fees, ..terms(2, Frequency::Monthly) });
    let charged = town.comes("2024-02-02");
    assert_eq!(of_plan(&charged), "bnpl_receivable_fee 8.00 | late_fee 8.00");
    let waive = |day: &str, id: &str, amount: Option<&str>| {
        Command::WaiveFee(WaiveFee {
            plan_id: Town::id(),
            waiver_id: the(id),
            number: 1,
            amount: amount.map(eur),
            reason: None,
            at: noon_of(day),
        })
    };
    let waived = town.asks(waive("2024-02-03", "w-1", Some("3.00")));
    assert_eq!(of_plan(&waived), "late_fee 3.00 | bnpl_receivable_fee 3.00");
    assert_eq!(town.refuses(waive("2024-02-03", "w-2", Some("5.01"))), "exceeds_fees");
    town.asks(waive("2024-02-03", "w-2", None));
    assert_eq!(town.refuses(waive("2024-02-03", "w-3", None)), "nothing_owed");
    assert_eq!(town.balance(&Account::LateFee), "0.00");
    town.pays("2024-02-04", "25.00");
    let events = town.comes("2024-03-15");
    assert_eq!(town.balance(&Account::LateFee), "-8.00", "the first is paid; only the second is late: {events:?}");
}

#[test]
fn a_fee_may_be_a_share_of_what_is_late() {
    let share = FeeStep { after_days: 0, fee: FeeAmount::Rate(the("0.10")) };
    assert_eq!(amounts(&fees_of("100.10", vec![band("0", vec![share])])), ["2.50", "2.50", "2.50", "2.50"]);
}
