//! Published rates, and the rate that undoes its own discounting.

use super::*;
use crate::money::Currency;
use crate::plan::frequency::{Frequency, MonthEnd};
use proptest::prelude::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn flow(on: NaiveDate, amount: &str) -> Flow {
    Flow { on, amount: Money::parse(amount, Currency::parse("USD").unwrap()).unwrap() }
}

/// Payments of `amounts` (how many, how much), `every` from the first on.
fn series(first: &str, every: Frequency, months: i32, amounts: &[(i32, &str)]) -> Vec<Flow> {
    let mut flows = Vec::new();
    for (count, amount) in amounts {
        for _ in 0..*count {
            let place = i32::try_from(flows.len()).unwrap() * months;
            flows.push(flow(every.due(day(first), MonthEnd::Clamp, place).unwrap(), amount));
        }
    }
    flows
}

/// 12 CFR 1026, Appendix J, (c)(1) to (c)(5), which reference 1.5 has in part. Rows without a paragraph are from
/// elsewhere: their rates were worked out by others with a spreadsheet, or can be by hand.
#[test]
fn published_rates_of_regulation_z() {
    use Frequency::{EveryDays, EveryTwoWeeks, Monthly, SemiMonthly, Weekly};
    /// Name, amount, its day, first payment, their distance (a frequency and its multiple), the payments, the rate.
    type Case = (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        Frequency,
        i32,
        &'static [(i32, &'static str)],
        &'static str,
    );
    let cases: [Case; 23] = [
        ("(c)(1)(i)", "5000", "1978-01-10", "1978-02-10", Monthly, 1, &[(24, "230")], "9.69"),
        ("(c)(1)(ii)", "6000", "1978-02-10", "1978-04-01", Monthly, 1, &[(36, "200")], "11.82"),
        ("(c)(1)(iii)", "5000", "1978-02-23", "1978-03-01", SemiMonthly, 1, &[(24, "219.17")], "10.34"),
        ("(c)(1)(iv)", "10000", "1978-05-23", "1978-10-01", Monthly, 3, &[(40, "385")], "8.97"),
        ("(c)(1)(v)", "500", "1978-03-20", "1978-04-21", Weekly, 1, &[(30, "17.60")], "14.96"),
        ("(c)(2)(i)", "5000", "1978-01-10", "1978-02-10", Monthly, 1, &[(1, "250"), (23, "230")], "10.08"),
        ("(c)(2)(ii)", "400", "1978-03-18", "1978-04-20", EveryTwoWeeks, 2, &[(1, "39.50"), (11, "38.31")], "28.50"),
        ("(c)(3)(i)", "5000", "1978-01-10", "1978-02-10", Monthly, 1, &[(23, "230"), (1, "280")], "10.50"),
        ("(c)(3)(ii)", "200", "1978-04-03", "1978-04-11", EveryTwoWeeks, 1, &[(19, "9.50"), (1, "30")], "12.22"),
        ("(c)(4)(i)", "5000", "1978-01-10", "1978-02-10", Monthly, 1, &[(1, "250"), (22, "230"), (1, "280")], "10.90"),
        (
            "(c)(4)(ii)",
            "8000",
            "1978-01-10",
            "1978-03-01",
            Monthly,
            2,
            &[(1, "449.36"), (18, "465"), (1, "200")],
            "7.30",
        ),
        ("(c)(5)(i)", "1000", "1978-01-03", "1978-09-15", Monthly, 1, &[(1, "1080")], "11.45"),
        ("six months, twice a year", "1000", "1978-07-15", "1979-01-15", Monthly, 1, &[(1, "1044")], "8.80"),
        ("two years, the root of 1.24", "1000", "1978-01-10", "1980-01-10", Monthly, 1, &[(1, "1240")], "11.36"),
        ("quarterly, shorter first period", "10000", "1978-06-23", "1978-10-01", Monthly, 3, &[(40, "385")], "9.15"),
        ("quarterly, short first period", "10000", "1978-07-23", "1978-10-01", Monthly, 3, &[(40, "385")], "9.32"),
        ("daily", "1000", "2023-10-26", "2023-11-30", EveryDays(1), 1, &[(5, "220")], "94.15"),
        ("weekly, long first period", "1000", "2023-10-28", "2023-11-30", Weekly, 1, &[(5, "250")], "176.52"),
        ("weekly, regular", "1000", "2023-11-23", "2023-11-30", Weekly, 1, &[(5, "250")], "412.40"),
        ("weekly, short first period", "1000", "2023-11-24", "2023-11-30", Weekly, 1, &[(5, "250")], "434.30"),
        ("yearly", "1000", "2023-10-26", "2023-11-30", Monthly, 12, &[(5, "500")], "78.34"),
        ("nothing costs nothing", "100", "2024-01-31", "2024-02-29", Monthly, 1, &[(4, "25")], "0.00"),
        ("one year", "1000", "2023-03-01", "2024-03-01", Monthly, 1, &[(1, "1100")], "10.00"),
    ];
    for (name, amount, from, first, every, step, amounts, expected) in cases {
        let payments = series(first, every, step, amounts);
        let apr = reg_z(&[flow(day(from), amount)], &payments, None);
        assert_eq!(apr.map(|it| it.to_string()).as_deref(), Some(expected), "{name}");
    }
}

/// The European Commission's examples to Annex I (reference 1.6).
#[test]
fn published_rates_of_the_eu() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);
    let cases: [Case; 3] = [
        ("3000", &[("2025-01-01", "60"), ("2025-04-01", "100"), ("2026-01-01", "3000")], "5.6"),
        ("3000", &[("2025-01-01", "60"), ("2025-07-01", "3132.09")], "13.5"),
        ("1000", &[("2025-07-15", "1000")], "0.0"),
    ];
    for (amount, payments, expected) in cases {
        let payments: Vec<Flow> = payments.iter().map(|(on, amount)| flow(day(on), amount)).collect();
        let apr = eu(&[flow(day("2025-01-01"), amount)], &payments, None).unwrap();
        assert_eq!(apr.rounded(1).to_string(), expected);
    }
    let mortgage = series("2025-02-01", Frequency::Monthly, 1, &[(240, "1432.86")]);
    let apr = eu(&[flow(day("2025-01-01"), "196000")], &mortgage, None).unwrap();
    assert_eq!((apr.to_string().as_str(), apr.rounded(1).to_string().as_str()), ("6.434412", "6.4"));
}

fn rate(law: impl Fn(&[Flow], &[Flow]) -> Option<Apr>, from: &str, amount: &str, payments: &[Flow]) -> Option<String> {
    law(&[flow(day(from), amount)], payments).map(|it| it.to_string())
}

/// Appendix J (b)(4) and (b)(5), read closely: each row says what the rule makes of its dates.
#[test]
fn unit_periods_are_found_in_the_dates() {
    let dated = |dates: &[&str]| dates.iter().map(|it| flow(day(it), "51")).collect::<Vec<_>>();
    /// What the rule says, the first day, the due dates, and the frequency that means the same.
    type Case = (&'static str, &'static str, &'static [&'static str], Frequency);
    let cases: [Case; 4] = [
        ("month ends are months", "2023-12-31", &["2024-01-31", "2024-02-29", "2024-03-31"], Frequency::Monthly),
        ("the 30th, where February ends", "2024-01-30", &["2024-02-29", "2024-03-30"], Frequency::Monthly),
        (
            "fifteen days are fifteen days",
            "2024-01-01",
            &["2024-01-16", "2024-01-31", "2024-02-15"],
            Frequency::EveryDays(15),
        ),
        ("the 15th and the last", "2024-01-15", &["2024-01-31", "2024-02-15", "2024-02-29"], Frequency::SemiMonthly),
    ];
    for (name, from, dates, frequency) in cases {
        let with = |hint| rate(|a, p| reg_z(a, p, hint), from, "100", &dated(dates));
        assert_eq!(with(None), with(Some(frequency)), "{name}");
    }
    // Equal periods at 1 % each: the yearly rate is the number of them, whatever the days of the month.
    let at_one_percent = dated(&["2024-01-31", "2024-02-29"]);
    assert_eq!(rate(|a, p| reg_z(a, p, None), "2023-12-31", "100.49", &at_one_percent).as_deref(), Some("12.00"));
    // No two intervals alike, 40 days on average: 42 days, six weeks, is the nearest standard interval.
    let apart = dated(&["2024-01-31", "2024-03-21"]);
    assert_eq!(
        rate(|a, p| reg_z(a, p, None), "2024-01-01", "100", &apart),
        rate(|a, p| reg_z(a, p, Some(Frequency::EveryDays(42))), "2024-01-01", "100", &apart)
    );
}

#[test]
fn no_rate_is_no_number() {
    let payments = series("2024-02-01", Frequency::Monthly, 1, &[(3, "33")]);
    for law in [reg_z, eu] {
        assert_eq!(law(&[flow(day("2024-01-01"), "100")], &payments, None), None, "less comes back");
        assert_eq!(law(&[], &payments, None), None);
        assert_eq!(law(&[flow(day("2024-01-01"), "100")], &[], None), None);
        assert_eq!(law(&[flow(day("2024-03-01"), "10")], &payments, None), None, "paid before it was lent");
    }
}

/// Pay-in-4: what is paid on day 0 was never lent, so naming it or not is the same (reference 1.1 (5)).
#[test]
fn a_down_payment_is_not_financed() {
    let mut payments = series("2024-01-16", Frequency::EveryDays(15), 1, &[(3, "26")]);
    for law in [reg_z, eu] {
        let net = law(&[flow(day("2024-01-01"), "75")], &payments, None);
        payments.push(flow(day("2024-01-01"), "25"));
        assert_eq!(law(&[flow(day("2024-01-01"), "100")], &payments, None), net);
        assert!(net.is_some());
        payments.pop();
    }
}

/// Annex I: weeks are 52nds of a year, months twelfths, and days are counted of the year that they end.
#[test]
fn the_eu_counts_weeks_months_and_days() {
    let after = |on: &str| [flow(day(on), "110")];
    let rate_of = |from, on: &str, hint| rate(|a, p| eu(a, p, hint), from, "100", &after(on)).unwrap();
    assert_eq!(rate_of("2025-01-01", "2026-01-01", None), "10.000000");
    assert_eq!(rate_of("2025-01-06", "2026-01-05", Some(Frequency::Weekly)), "10.000000", "52 weeks");
    assert_eq!(rate_of("2025-01-31", "2025-07-31", None), "21.000000", "six months");
    assert_eq!(rate_of("2024-08-31", "2025-02-28", None), "21.000000", "six months from end to end");
    assert_eq!(rate_of("2023-01-01", "2023-03-15", None), rate_of("2026-01-01", "2026-03-15", None));
    assert_ne!(rate_of("2024-04-01", "2024-06-15", None), rate_of("2025-04-01", "2025-06-15", None), "leap year");
}

#[test]
fn a_rate_is_text() {
    let apr: Apr = serde_json::from_str("\"9.69\"").unwrap();
    assert_eq!(serde_json::to_string(&apr).unwrap(), "\"9.69\"");
    let half: Apr = serde_json::from_str("\"6.45\"").unwrap();
    assert_eq!(half.rounded(1).to_string(), "6.5", "halves go up");
    assert!(serde_json::from_str::<Apr>("9.69").is_err());
}

/// What is still owed after these payments, at this rate a period: above zero if the rate is too high.
fn owed_at(rate: Decimal, advance: Decimal, payments: &[Decimal]) -> Decimal {
    payments.iter().fold(advance, |balance, payment| balance + (balance * rate).round_dp(18) - payment)
}

proptest! {
    /// The other way round, period by period: at the rate disclosed, give or take half its last digit, nothing is
    /// left. Regulation Z over months, the EU over years.
    #[test]
    fn at_the_rate_nothing_is_left(
        amount in 5_000_i64..500_000, markups in prop::collection::vec(0_i64..40, 1..12),
    ) {
        let count = i64::try_from(markups.len()).unwrap();
        let minor: Vec<i64> = markups.iter().map(|markup| amount * (100 + markup) / (100 * count) + 1).collect();
        let cents = |minor: i64, on| Flow { on, amount: Money::of_minor(minor.into(), Currency::parse("USD").unwrap()) };
        let from = day("2024-01-31");
        let every = |months: i32| -> Vec<Flow> {
            let due = |k| Frequency::Monthly.due(from, MonthEnd::Clamp, k * months).unwrap();
            (1..).zip(&minor).map(|(k, minor)| cents(*minor, due(k))).collect()
        };
        let payments: Vec<Decimal> = minor.iter().map(|it| Decimal::new(*it, 2)).collect();
        let advance = cents(amount, from);
        for (apr, per_year, half_digit) in [
            (reg_z(&[advance], &every(1), Some(Frequency::Monthly)), 12, Decimal::new(51, 4)),
            (eu(&[advance], &every(12), None), 1, Decimal::new(51, 8)),
        ] {
            let owed = |percent: Decimal| owed_at(percent / Decimal::from(per_year * 100), Decimal::new(amount, 2), &payments);
            let percent = apr.unwrap().percent();
            prop_assert!(owed(percent - half_digit) <= Decimal::ZERO, "{percent}");
            prop_assert!(owed(percent + half_digit) >= Decimal::ZERO, "{percent}");
        }
    }

    /// An interest-bearing schedule's own rate comes back: equal periods, so the nominal rate is the annual rate.
    #[test]
    fn a_schedule_costs_its_rate(percent in 1_u32..60, payments in 2_u32..48) {
        let text = format!("{{\"payments\":{payments},\"frequency\":\"monthly\",\"rate\":\"0.{percent:02}\"}}");
        let terms: crate::plan::ScheduleTerms = serde_json::from_str(&text).unwrap();
        let amount = Money::parse("100000", Currency::parse("USD").unwrap()).unwrap();
        let rows = crate::plan::schedule::schedule(&terms, amount, day("2024-01-31")).unwrap();
        let flows: Vec<Flow> = rows.iter().map(|it| Flow { on: it.due_on, amount: it.total() }).collect();
        let apr = reg_z(&[Flow { on: day("2024-01-31"), amount }], &flows, None).unwrap();
        prop_assert!((apr.percent() - Decimal::from(percent)).abs() <= Decimal::new(1, 2), "{apr}");
    }
}
