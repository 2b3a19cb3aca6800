//! Day counts: what part of a year's interest belongs to a period.

use crate::plan::digits::{Digits, Precision};
use crate::plan::frequency::{MonthEnd, PerMonth, Place, Rhythm};
use crate::plan::schedule::ScheduleTerms;
use crate::rate::RATE_UNIT;
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// How the days of a period and of a year are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayCount {
    /// Every month is a twelfth of a year and half a month a twenty-fourth. Days that do not make up a whole period
    /// count pro rata: actual days over the actual days of the period that they lie in. Where payments follow days and
    /// not months, days are counted as in 30E/360 (ISDA 2006, 4.16(g)), which adds up to 360 a year.
    #[default]
    #[serde(rename = "thirty_360")]
    Thirty360,
    /// Actual days over 365, also in leap years.
    #[serde(rename = "actual_365")]
    Actual365,
    /// Actual days over the days of the calendar year that they lie in: a period is split at the new year (ISDA 2006, 4.16(b)).
    #[serde(rename = "actual_actual")]
    ActualActual,
    /// Actual days over 364, which is 52 weeks.
    #[serde(rename = "weekly_364")]
    Weekly364,
}

/// A part of a year, as a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct YearPart {
    numerator: i64,
    denominator: i64,
}

/// The interest of one unit of principal from `from` to `until`.
pub(super) fn factor(terms: &ScheduleTerms, precision: Precision, from: NaiveDate, until: NaiveDate) -> Digits {
    times_rate(terms, precision, year_part(terms, from, until))
}

/// The same up to a day inside the period. Under 30/360 the whole period's interest is shared by actual days.
pub(super) fn factor_up_to(
    terms: &ScheduleTerms,
    precision: Precision,
    (from, until): (NaiveDate, NaiveDate),
    on: NaiveDate,
) -> Digits {
    match terms.day_count {
        DayCount::Thirty360 => {
            let whole = year_part(terms, from, until);
            let (elapsed, days) = ((on - from).num_days(), (until - from).num_days());
            let part = YearPart { numerator: whole.numerator * elapsed, denominator: whole.denominator * days };
            times_rate(terms, precision, part)
        }
        DayCount::Actual365 | DayCount::ActualActual | DayCount::Weekly364 => factor(terms, precision, from, on),
    }
}

fn times_rate(terms: &ScheduleTerms, precision: Precision, part: YearPart) -> Digits {
    let whole = |value: i128| u128::try_from(value).map_or(Digits::ZERO, Digits::whole);
    let numerator = terms.rate.units().saturating_mul(i128::from(part.numerator));
    precision.over(whole(numerator), whole(RATE_UNIT.saturating_mul(i128::from(part.denominator))))
}

fn year_part(terms: &ScheduleTerms, from: NaiveDate, until: NaiveDate) -> YearPart {
    if until <= from {
        return YearPart { numerator: 0, denominator: 1 };
    }
    let days = (until - from).num_days();
    match terms.day_count {
        DayCount::Thirty360 => match terms.frequency.rhythm() {
            Rhythm::Month(per_month) => month_part(terms, per_month, from, until),
            Rhythm::Days(_) => YearPart { numerator: days_30e_360(from, until), denominator: 360 },
        },
        DayCount::Actual365 => YearPart { numerator: days, denominator: 365 },
        DayCount::ActualActual => {
            let leap = leap_days(until) - leap_days(from);
            YearPart { numerator: leap * 365 + (days - leap) * 366, denominator: 365 * 366 }
        }
        DayCount::Weekly364 => YearPart { numerator: days, denominator: 364 },
    }
}

/// Whole periods counted back from the end, and the days before them over the days of the period they lie in.
///
/// The due date alone does not always say which calendar it comes from: 28 February may be the 28th or the 31st. Any
/// calendar that makes the period whole is believed; then the anchor, if the terms name one; then the date itself.
fn month_part(terms: &ScheduleTerms, per_month: PerMonth, from: NaiveDate, until: NaiveDate) -> YearPart {
    let a_year = 12 * i64::from(per_month.count());
    let possible = Place::possible(until, per_month, terms.month_end);
    let mut whole = possible.iter().filter_map(|place| whole_periods(*place, terms.month_end, from));
    if let Some((count, _)) = whole.find(|(_, begins)| *begins == from) {
        return YearPart { numerator: count, denominator: a_year };
    }
    let anchor = terms.first_due_on.map(|it| Place::of(it, per_month));
    let named = possible.iter().find(|place| anchor.is_some_and(|anchor| place.goes_with(anchor)));
    let place = named.or(possible.first()).copied().unwrap_or(Place::of(until, per_month));
    let Some((count, begins)) = whole_periods(place, terms.month_end, from) else {
        return YearPart { numerator: 0, denominator: 1 };
    };
    let steps = i32::try_from(count + 1).unwrap_or(i32::MAX);
    let before = place.moved(-steps).date(terms.month_end).unwrap_or(from);
    let (rest, days) = ((begins - from).num_days(), (begins - before).num_days().max(1));
    YearPart { numerator: count * days + rest, denominator: a_year * days }
}

/// How many whole periods before this place begin on `from` or later, and where the first of them begins.
fn whole_periods(place: Place, month_end: MonthEnd, from: NaiveDate) -> Option<(i64, NaiveDate)> {
    let begins = |steps: i32| place.moved(-steps).date(month_end).filter(|it| *it >= from);
    let steps = (1..).take_while(|steps| begins(*steps).is_some()).last().unwrap_or(0);
    begins(steps).map(|it| (i64::from(steps), it))
}

/// Every month has 30 days, and the 31st is the 30th.
fn days_30e_360(from: NaiveDate, until: NaiveDate) -> i64 {
    let count =
        |date: NaiveDate| i64::from(date.year()) * 360 + i64::from(date.month0()) * 30 + i64::from(date.day().min(30));
    (count(until) - count(from)).max(0)
}

/// The days of leap years before this date, from the year 0 on.
fn leap_days(date: NaiveDate) -> i64 {
    let before = i64::from(date.year()) - 1;
    let leap_years = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    leap_years * 366 + if date.leap_year() { i64::from(date.ordinal0()) } else { 0 }
}
