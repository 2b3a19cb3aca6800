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

/// The rules of 1.1 (3) and 1.4 computed a second time, by Python's `decimal` with 12 digits: payment, last payment,
/// interest. The payment of the second and the fourth is shifted by a cent, because the last would be too far off.
#[test]
fn schedules_computed_by_another_program() {
    let cases = [
        ("12345.67", "0.1999", 36, "458.75", "458.57", "4169.15"),
        ("5000", "0.24", 24, "264.35", "264.50", "1344.55"),
        ("999.99", "0.3599", 18, "72.70", "72.77", "308.68"),
        ("250000", "0.045", 60, "4660.76", "4660.44", "29645.28"),
        ("100", "0.5", 48, "4.85", "4.93", "132.88"),
        ("777.77", "0.085", 10, "80.84", "80.83", "30.62"),
        ("1234.5", "0.99", 30, "112.25", "112.72", "2133.47"),
        ("123456789.12", "0.07", 60, "2444592.39", "2444592.53", "23218754.42"),
    ];
    for (amount, rate, payments, payment, last, interest) in cases {
        let rows = schedule(&terms(payments, Frequency::Monthly, rate), eur(amount), day("2024-01-01")).unwrap();
        let sum = rows.iter().map(|it| it.interest.minor()).sum::<i128>();
        assert_eq!((rows[0].total(), rows.last().unwrap().total()), (eur(payment), eur(last)), "{amount}");
        assert_eq!(sum, eur(interest).minor(), "{amount}");
    }
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

#[test]
fn a_yen_is_not_divided() {
    let yen = |minor| Money::of_minor(minor, Currency::parse("JPY").unwrap());
    let of = |rate, amount| {
        let rows = schedule(&terms(3, Frequency::Monthly, rate), yen(amount), day("2024-01-01")).unwrap();
        rows.iter().map(|it| (it.principal.minor(), it.interest.minor())).collect::<Vec<_>>()
    };
    assert_eq!(of("0", 1000), [(333, 0), (333, 0), (334, 0)]);
    assert_eq!(of("0.12", 1000), [(330, 10), (333, 7), (337, 3)]);
    assert_eq!(of("0.12", 1), [(0, 0), (0, 0), (1, 0)]);
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

/// Interest of the first period alone, for the day counts that are not in the published schedules.
#[test]
fn a_period_bears_interest_by_its_days() {
    use DayCount::{Actual365, ActualActual, Thirty360, Weekly364};
    use Frequency::{EveryDays, EveryTwoWeeks, Monthly, SemiMonthly, Weekly};
    let cases: [(Frequency, DayCount, &str, Option<&str>, &str); 16] = [
        (Monthly, Thirty360, "2024-01-31", None, "100.00"),
        (SemiMonthly, Thirty360, "2024-01-15", None, "50.00"),
        (SemiMonthly, Thirty360, "2024-02-29", None, "50.00"),
        (Weekly, Thirty360, "2024-01-01", None, "23.33"),
        (Weekly, Thirty360, "2024-01-28", None, "20.00"), // the 31st does not count
        (EveryDays(15), Thirty360, "2024-02-20", None, "53.33"), // 10 + 6 days
        (Weekly, Weekly364, "2024-01-01", None, "23.08"),
        (EveryTwoWeeks, Weekly364, "2024-01-01", None, "46.15"),
        (Weekly, Actual365, "2024-01-01", None, "23.01"),
        (Weekly, ActualActual, "2024-01-01", None, "22.95"), // 366
        (Weekly, ActualActual, "2023-12-29", None, "22.98"), // 3 of 365, 4 of 366
        // A long first period: a month back from the due date, then days of the month before that.
        (Monthly, Thirty360, "2024-01-10", Some("2024-03-01"), "170.97"), // 1 + 22 of January's 31
        (Monthly, Thirty360, "2024-01-15", Some("2024-02-01"), "54.84"),  // 17 of 31
        (Monthly, Thirty360, "2024-01-31", Some("2024-03-31"), "200.00"),
        (Monthly, Actual365, "2024-01-10", Some("2024-03-01"), "167.67"), // 51 days
        (SemiMonthly, Thirty360, "2024-01-10", Some("2024-02-01"), "70.00"), // 1 and 6 of 15 days
    ];
    for (frequency, day_count, from, first, expected) in cases {
        let terms = ScheduleTerms { day_count, first_due_on: first.map(day), ..terms(4, frequency, "0.12") };
        let rows = schedule(&terms, eur("10000"), day(from)).unwrap();
        assert_eq!(rows[0].interest.digits().to_string(), expected, "{frequency:?} {day_count:?} {from}");
    }
}

/// Flat interest: 1200.00 at 10 % for a year is 120.00, and a twelfth of all is 110.00 (Fineract's flat method).
#[test]
fn equal_parts_and_equal_principal() {
    let with = |amortisation, rate, payments, amount| {
        let terms = ScheduleTerms { amortisation, ..terms(payments, Frequency::Monthly, rate) };
        shown(&schedule(&terms, eur(amount), day("2024-01-01")).unwrap())
    };
    let flat = with(Amortisation::EqualParts, "0.10", 12, "1200");
    assert!(flat.iter().all(|row| row.contains(" 100.00/10.00/110.00/")), "{flat:?}");
    assert_eq!(
        with(Amortisation::EqualParts, "0.07", 3, "100"),
        ["02-01 33.34/0.58/33.92/66.66", "03-01 33.34/0.58/33.92/33.32", "04-01 33.32/0.59/33.91/0.00"]
    );
    assert_eq!(
        with(Amortisation::EqualPrincipal, "0.12", 3, "1000"),
        ["02-01 333.33/10.00/343.33/666.67", "03-01 333.33/6.67/340.00/333.34", "04-01 333.34/3.33/336.67/0.00"]
    );
}

#[test]
fn business_days_move_what_is_due_and_not_the_anchor() {
    // 1 June and 1 September 2024 are a Saturday and a Sunday.
    let with = |interest_follows| {
        let weekend = vec![Weekday::Sat, Weekday::Sun];
        let business_days =
            BusinessDays { adjust: Adjust::Following, weekend, holidays: vec![day("2024-07-01")], interest_follows };
        let terms =
            ScheduleTerms { business_days, day_count: DayCount::Actual365, ..terms(4, Frequency::Monthly, "0.10") };
        schedule(&terms, eur("3650"), day("2024-05-01")).unwrap()
    };
    let (fixed, following) = (with(false), with(true));
    for rows in [&fixed, &following] {
        let due: Vec<String> = rows.iter().map(|it| it.due_on.to_string()[5..].to_owned()).collect();
        assert_eq!(due, ["06-03", "07-02", "08-01", "09-02"]);
    }
    assert_eq!((fixed[0].until, fixed[0].interest), (day("2024-06-01"), eur("31")));
    assert_eq!((following[0].until, following[0].interest), (day("2024-06-03"), eur("33")));
    assert!(following.windows(2).all(|pair| pair[1].from == pair[0].until));
}

/// A plan that starts on a Saturday is not due on the Monday after.
#[test]
fn the_first_day_is_no_due_date() {
    for adjust in [Adjust::Following, Adjust::Preceding] {
        let weekend = vec![Weekday::Sat, Weekday::Sun];
        let business_days = BusinessDays { adjust, weekend, holidays: Vec::new(), interest_follows: true };
        let terms = ScheduleTerms { business_days, ..terms(2, Frequency::Weekly, "0") };
        let rows = schedule(&terms, eur("10"), day("2024-06-01")).unwrap();
        assert!(rows[0].due_on >= day("2024-06-07"), "{adjust:?}");
        // And a continued plan goes on where it stopped.
        let terms = ScheduleTerms { first_due_on: Some(day("2024-06-01")), ..terms };
        assert_eq!(periods(&terms, rows[0].until, 1, 2), vec![rows[1].period()], "{adjust:?}");
    }
}

#[test]
fn bad_terms_are_refused_in_order() {
    let from = day("2024-01-31");
    let good = terms(3, Frequency::Monthly, "0.1");
    let weekend =
        vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let business_days = BusinessDays { adjust: Adjust::Following, weekend, ..BusinessDays::default() };
    let cases = [
        (ScheduleTerms { payments: 0, ..good.clone() }, "1", "no_payments", "payments"),
        (
            ScheduleTerms { frequency: Frequency::EveryDays(0), ..good.clone() },
            "1",
            "no_time_between_payments",
            "frequency",
        ),
        (ScheduleTerms { first_due_on: Some(from), ..good.clone() }, "1", "first_due_in_the_past", "first_due_on"),
        (ScheduleTerms { payments: 121, ..good.clone() }, "1", "too_long", "payments"),
        (ScheduleTerms { payments: u32::MAX, ..good.clone() }, "1", "too_long", "payments"),
        (ScheduleTerms { first_due_on: Some(day("2035-01-01")), ..good.clone() }, "1", "too_long", "payments"),
        (ScheduleTerms { business_days, ..good.clone() }, "1", "no_business_days", "business_days"),
        (good, "0", "amount_not_positive", "amount"),
    ];
    for (terms, amount, code, field) in cases {
        let refused = schedule(&terms, eur(amount), from).unwrap_err();
        assert_eq!((refused.code(), refused.field()), (code, field));
    }
    let huge = Money::of_minor(crate::money::AMOUNT_MINOR_MAX, Currency::parse("EUR").unwrap());
    assert_eq!(schedule(&terms(9, Frequency::Monthly, "10"), huge, from), Err(BadSchedule::AmountTooLarge));
    assert_eq!(schedule(&terms(120, Frequency::Monthly, "0"), huge, from).map(|it| it.len()), Ok(120));
}

/// After a prepayment of 30.00 with V1's third installment, 20.43 is left: the same payments end it sooner.
#[test]
fn a_prepayment_lowers_the_payment_or_the_count() {
    let terms = terms(6, Frequency::Monthly, "0.07");
    let rows = schedule(&terms, eur("100"), day("2024-01-01")).unwrap();
    let left: Vec<Period> = rows[3..].iter().map(Row::period).collect();
    assert_eq!(totals(&reschedule(&terms, eur("20.43"), &left)), ["6.89", "6.89", "6.89"]);
    assert_eq!(totals(&reschedule_keeping_payment(&terms, eur("20.43"), &left, eur("17.01"))), ["17.01", "3.56"]);
    assert_eq!(totals(&reschedule_keeping_payment(&terms, eur("20.43"), &left, eur("5"))), ["5.00", "5.00", "10.70"]);
    assert_eq!(reschedule_keeping_payment(&terms, eur("0"), &left, eur("5")), vec![]);
}

fn any_terms() -> impl Strategy<Value = ScheduleTerms> {
    let frequency = prop_oneof![
        Just(Frequency::Weekly),
        Just(Frequency::EveryTwoWeeks),
        Just(Frequency::SemiMonthly),
        Just(Frequency::Monthly),
        (1_u16..60).prop_map(Frequency::EveryDays),
    ];
    let day_count = prop::sample::select(vec![
        DayCount::Thirty360,
        DayCount::Actual365,
        DayCount::ActualActual,
        DayCount::Weekly364,
    ]);
    let amortisation =
        prop::sample::select(vec![Amortisation::Annuity, Amortisation::EqualPrincipal, Amortisation::EqualParts]);
    let absorbs = prop::sample::select(vec![Absorbs::First, Absorbs::Last, Absorbs::LargestRemainder]);
    let adjust =
        prop::sample::select(vec![Adjust::None, Adjust::Following, Adjust::ModifiedFollowing, Adjust::Preceding]);
    let rate = prop_oneof![Just(0_u64), 1_u64..50_000_000, 1_u64..1_000_000_000];
    let first = prop::option::of(1_u64..100);
    (1_u32..60, frequency, first, rate, day_count, amortisation, absorbs, adjust, any::<(bool, bool)>()).prop_map(
        |(payments, frequency, first, rate, day_count, amortisation, absorbs, adjust, (rolls, interest_follows))| {
            let weekend = vec![Weekday::Sat, Weekday::Sun];
            ScheduleTerms {
                payments,
                frequency,
                first_due_on: first.map(|days| day("2024-01-31") + chrono::Days::new(days)),
                rate: NominalRate::parse(&format!("{}.{:08}", rate / 100_000_000, rate % 100_000_000)).unwrap(),
                day_count,
                amortisation,
                absorbs,
                month_end: if rolls { MonthEnd::Roll } else { MonthEnd::Clamp },
                business_days: BusinessDays { adjust, weekend, holidays: vec![day("2024-12-25")], interest_follows },
            }
        },
    )
}

proptest! {
    /// Whatever the terms and the currency, down to one minor unit: a row for each payment, nothing negative, dates
    /// in order, and the principal comes back exactly.
    #[test]
    fn the_principal_comes_back(terms in any_terms(), code in prop::sample::select(vec!["EUR", "JPY", "KWD"]), minor in prop_oneof![1_i128..50, 1_i128..10_000_000, 1_i128..1_000_000_000_000_000]) {
        let principal = Money::of_minor(minor, Currency::parse(code).unwrap());
        let from = day("2024-01-31");
        let rows = schedule(&terms, principal, from).unwrap();
        prop_assert_eq!(rows.len(), terms.payments as usize);
        prop_assert_eq!(rows.iter().map(|it| it.principal.minor()).sum::<i128>(), minor);
        prop_assert_eq!(rows.last().unwrap().balance.minor(), 0);
        let (mut begins, mut due) = (from, from);
        for (place, row) in rows.iter().enumerate() {
            prop_assert!(row.principal.minor() >= 0 && row.interest.minor() >= 0 && row.balance.minor() >= 0);
            prop_assert_eq!((row.number as usize, row.from), (place + 1, begins));
            prop_assert!(row.until > begins || terms.business_days.interest_follows);
            prop_assert!(row.until >= begins && row.due_on >= due);
            (begins, due) = (row.until, row.due_on);
        }
        let terms_again: ScheduleTerms = serde_json::from_str(&serde_json::to_string(&terms).unwrap()).unwrap();
        prop_assert_eq!(terms_again, terms);
    }

    /// Where the payment stays, no period but the last pays another amount, and the principal comes back.
    #[test]
    fn a_kept_payment_is_kept(terms in any_terms(), minor in 100_i128..1_000_000, payment in 1_i128..100_000) {
        let eur = |minor| Money::of_minor(minor, Currency::parse("EUR").unwrap());
        let periods = periods(&terms, day("2024-01-31"), terms.payments, 1);
        let parts = reschedule_keeping_payment(&terms, eur(minor), &periods, eur(payment));
        prop_assert_eq!(parts.iter().map(|it| it.0.minor()).sum::<i128>(), minor);
        prop_assert!(parts.len() <= periods.len());
        for (principal, interest) in parts.split_last().unwrap().1 {
            let total = principal.minor() + interest.minor();
            prop_assert!(total == payment || (principal.is_zero() && total > payment));
        }
    }
}
