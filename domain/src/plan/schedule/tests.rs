//! Published schedules, and what holds for any terms.

use super::*;
use crate::money::Currency;
use crate::plan::business_days::Adjust;
use chrono::Weekday;
use proptest::prelude::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn eur(text: &str) -> Money {
    Money::parse(text, Currency::parse("EUR").unwrap()).unwrap()
}

fn terms(payments: u32, frequency: Frequency, rate: &str) -> ScheduleTerms {
    ScheduleTerms {
        payments,
        frequency,
        first_due_on: None,
        rate: NominalRate::parse(rate).unwrap(),
        day_count: DayCount::Thirty360,
        amortisation: Amortisation::Annuity,
        absorbs: Absorbs::Last,
        month_end: MonthEnd::Clamp,
        business_days: BusinessDays::default(),
    }
}

/// `due principal/interest/total/balance`, a row each.
fn shown(rows: &[Row]) -> Vec<String> {
    let show = |row: &Row| {
        let (principal, interest) = (row.principal.digits(), row.interest.digits());
        format!(
            "{} {principal}/{interest}/{}/{}",
            &row.due_on.to_string()[5..],
            row.total().digits(),
            row.balance.digits()
        )
    };
    rows.iter().map(show).collect()
}

/// Reference 1.4, which rebuilt Apache Fineract's progressive EMI calculator.
#[test]
fn published_schedules() {
    let monthly = |payments, rate| terms(payments, Frequency::Monthly, rate);
    let v14 = |day_count, month_end| ScheduleTerms { day_count, month_end, ..monthly(3, "0.12") };
    let (roll, clamp) = (MonthEnd::Roll, MonthEnd::Clamp);
    let cases: [(&str, ScheduleTerms, &str, &str, &[&str]); 6] = [
        (
            "V1",
            monthly(6, "0.07"),
            "100",
            "2024-01-01",
            &[
                "02-01 16.43/0.58/17.01/83.57",
                "03-01 16.52/0.49/17.01/67.05",
                "04-01 16.62/0.39/17.01/50.43",
                "05-01 16.72/0.29/17.01/33.71",
                "06-01 16.81/0.20/17.01/16.90",
                "07-01 16.90/0.10/17.00/0.00",
            ],
        ),
        (
            "V8",
            monthly(4, "0"),
            "1000",
            "2024-01-01",
            &[
                "02-01 250.00/0.00/250.00/750.00",
                "03-01 250.00/0.00/250.00/500.00",
                "04-01 250.00/0.00/250.00/250.00",
                "05-01 250.00/0.00/250.00/0.00",
            ],
        ),
        (
            "V14 roll",
            v14(DayCount::ActualActual, roll),
            "10000",
            "2025-01-31",
            &[
                "03-01 3303.22/95.34/3398.56/6696.78",
                "03-31 3332.51/66.05/3398.56/3364.27",
                "05-01 3364.27/34.29/3398.56/0.00",
            ],
        ),
        (
            "V14 clamp",
            v14(DayCount::ActualActual, clamp),
            "10000",
            "2025-01-31",
            &[
                "02-28 3305.77/92.05/3397.82/6694.23",
                "03-31 3329.59/68.23/3397.82/3364.64",
                "04-30 3364.64/33.19/3397.83/0.00",
            ],
        ),
        (
            "V14 30/360 roll",
            v14(DayCount::Thirty360, roll),
            "10000",
            "2025-01-31",
            &[
                "03-01 3300.22/100.00/3400.22/6699.78",
                "03-31 3333.22/67.00/3400.22/3366.56",
                "05-01 3366.56/33.67/3400.23/0.00",
            ],
        ),
        (
            "V14 30/360 clamp",
            v14(DayCount::Thirty360, clamp),
            "10000",
            "2025-01-31",
            &[
                "02-28 3300.22/100.00/3400.22/6699.78",
                "03-31 3333.22/67.00/3400.22/3366.56",
                "04-30 3366.56/33.67/3400.23/0.00",
            ],
        ),
    ];
    for (name, terms, amount, from, expected) in cases {
        assert_eq!(shown(&schedule(&terms, eur(amount), day(from)).unwrap()), expected, "{name}");
    }
    let v4 = schedule(&monthly(12, "0.07"), eur("100"), day("2024-01-01")).unwrap();
    let (last, others) = v4.split_last().unwrap();
    assert!(others.iter().all(|it| it.total() == eur("8.65")) && last.total() == eur("8.69"), "V4");
}

fn totals(parts: &[(Money, Money)]) -> Vec<String> {
    parts.iter().map(|(principal, interest)| principal.plus(*interest).unwrap().digits().to_string()).collect()
}

/// Reference 1.1 (2) and V16: who takes the cents of an interest-free plan.
#[test]
fn cents_go_where_the_terms_say() {
    let cases = [
        ("175", Absorbs::Last, ["58.33", "58.33", "58.34"]),
        ("175", Absorbs::First, ["58.34", "58.33", "58.33"]),
        ("175", Absorbs::LargestRemainder, ["58.34", "58.33", "58.33"]),
        ("275", Absorbs::Last, ["91.67", "91.67", "91.66"]),
        ("275", Absorbs::First, ["91.66", "91.67", "91.67"]),
        ("275", Absorbs::LargestRemainder, ["91.67", "91.67", "91.66"]),
        ("0.01", Absorbs::Last, ["0.00", "0.00", "0.01"]),
        ("0.01", Absorbs::First, ["0.01", "0.00", "0.00"]),
        ("0.02", Absorbs::First, ["0.00", "0.01", "0.01"]),
        ("0.02", Absorbs::Last, ["0.01", "0.01", "0.00"]),
    ];
    for (amount, absorbs, expected) in cases {
        let terms = ScheduleTerms { absorbs, ..terms(3, Frequency::EveryDays(15), "0") };
        let periods = periods(&terms, day("2024-01-01"), 3, 1);
        assert_eq!(totals(&reschedule(&terms, eur(amount), &periods)), expected, "{amount} {absorbs:?}");
    }
}

/// The same annuity, V1, with its cents elsewhere: worked out by hand from the same 17.01.
#[test]
fn cents_of_an_annuity_go_where_the_terms_say() {
    let rows = |absorbs| {
        let terms = ScheduleTerms { absorbs, ..terms(6, Frequency::Monthly, "0.07") };
        let rows = schedule(&terms, eur("100"), day("2024-01-01")).unwrap();
        rows.iter().map(|it| it.total().digits().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(rows(Absorbs::First), ["17.00", "17.01", "17.01", "17.01", "17.01", "17.01"]);
    assert_eq!(rows(Absorbs::LargestRemainder), ["17.01", "17.01", "17.01", "17.01", "17.01", "17.00"]);
}
