//! The annual percentage rate of US Regulation Z, Appendix J (12 CFR 1026), by the actuarial method.
//!
//! `sum A_k / ((1 + e_k i) (1 + i)^q_k) = sum P_j / ((1 + f_j i) (1 + i)^t_j)`: every flow is so many whole unit-periods
//! and a fraction away from the beginning, the fraction at simple interest. The annual rate is `i` times the
//! unit-periods of a year, not compounded.

use super::timeline::Timeline;
use super::{Apr, Flow, power, solve};
use crate::plan::frequency::Frequency;
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// The decimals that are disclosed.
const PERCENT_DECIMALS: u32 = 2;

/// The rate in percent with two decimals.
///
/// The term begins with the first advance; what is paid on that day lessens it. The unit-period is the hint's, or
/// else the one found in the dates; a hint helps where due dates were moved off weekends, which the regulation lets
/// a creditor disregard (12 CFR 1026.17(c)(3)). One advance with one payment has the rule of its own: the hint does
/// not matter.
///
/// `None` where no rate of at least 0 solves the equation, for example where the payments are less than the advances.
/// Payments that only return the advances have a rate of `0.00`.
#[must_use]
pub fn reg_z(advances: &[Flow], payments: &[Flow], frequency_hint: Option<Frequency>) -> Option<Apr> {
    let timeline = Timeline::of(advances, payments)?;
    let unit = if timeline.advances.len() == 1 && timeline.payments.len() == 1 {
        UnitPeriod::of_single(&timeline)?
    } else {
        frequency_hint.map_or_else(|| UnitPeriod::most_common(&timeline), UnitPeriod::of_frequency)
    };
    let place = |(on, amount): (&NaiveDate, &Decimal)| Some((*amount, unit.between(&timeline, timeline.start, *on)?));
    let advances = timeline.advances.iter().map(place).collect::<Option<Vec<_>>>()?;
    let payments = timeline.payments.iter().map(place).collect::<Option<Vec<_>>>()?;
    let rate = solve(|rate| worth(&payments, rate)?.checked_sub(worth(&advances, rate)?))?;
    Apr::of_fraction(rate.checked_mul(unit.per_year()?)?, PERCENT_DECIMALS)
}

/// Whole unit-periods and a fraction of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Distance {
    whole: u32,
    fraction: Decimal,
}

/// What flows are worth at the beginning, at this rate a unit-period.
fn worth(flows: &[(Decimal, Distance)], rate: Decimal) -> Option<Decimal> {
    let discounted = Decimal::ONE.checked_div(Decimal::ONE.checked_add(rate)?)?;
    flows.iter().try_fold(Decimal::ZERO, |sum, (amount, distance)| {
        let simple = Decimal::ONE.checked_add(distance.fraction.checked_mul(rate)?)?;
        let value = amount.checked_mul(power(discounted, distance.whole)?)?.checked_div(simple)?;
        sum.checked_add(value)
    })
}

/// Appendix J (b)(4): what the term is counted in. The order is that of preference between periods of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum UnitPeriod {
    /// So many months, less than twelve.
    Months(u32),
    /// Twelve months.
    Year,
    /// Half a month.
    SemiMonth,
    /// So many weeks, at most 52.
    Weeks(u32),
    /// So many days; more than one is no standard interval, but may be a common one.
    Days(u32),
    /// The term of a single advance with a single payment: so many whole months, less than twelve.
    TermOfMonths(u32),
    /// The same, where the term is no whole number of months.
    TermOfDays(u32),
}

impl UnitPeriod {
    fn of_frequency(frequency: Frequency) -> Self {
        match frequency {
            Frequency::Weekly => Self::Weeks(1),
            Frequency::EveryTwoWeeks => Self::Weeks(2),
            Frequency::SemiMonthly => Self::SemiMonth,
            Frequency::Monthly => Self::Months(1),
            Frequency::EveryDays(days) => Self::of_days(u32::from(days)),
        }
    }

    /// A year at most.
    fn of_days(days: u32) -> Self {
        match days {
            365.. => Self::Year,
            _ if days.is_multiple_of(7) && days > 0 => Self::Weeks(days / 7),
            _ => Self::Days(days.max(1)),
        }
    }

    /// (b)(5)(vi) and (vii): the term itself, if it is shorter than a year.
    fn of_single(timeline: &Timeline) -> Option<Self> {
        let until = *timeline.payments.first_key_value()?.0;
        let (months, begins) = timeline.whole_months(timeline.start, until);
        Some(match months {
            12.. => Self::Year,
            1.. if begins == timeline.start => Self::TermOfMonths(months),
            _ => Self::TermOfDays(days_between(timeline.start, until)),
        })
    }

    /// (b)(4)(i): the period that occurs most often, the smaller of two; if none occurs twice, the standard interval
    /// nearest to the average, the smaller of two. An interval that reads two ways counts both ways: four weeks in
    /// February are a month too.
    fn most_common(timeline: &Timeline) -> Self {
        let intervals = intervals(timeline);
        let mut tally: BTreeMap<Self, u32> = BTreeMap::new();
        for (from, until) in &intervals {
            for unit in Self::readings(timeline, *from, *until) {
                *tally.entry(unit).or_default() += 1;
            }
        }
        let common = tally.into_iter().filter(|(_, count)| *count > 1);
        let best = common.min_by_key(|(unit, count)| (std::cmp::Reverse(*count), unit.is_odd(), unit.days(), *unit));
        best.map_or_else(|| Self::nearest_to_average(&intervals), |(unit, _)| unit)
    }

    /// Every unit-period that this interval is exactly one of.
    fn readings(timeline: &Timeline, from: NaiveDate, until: NaiveDate) -> Vec<Self> {
        let days = days_between(from, until);
        let mut readings = Vec::new();
        match timeline.whole_months(from, until) {
            (months @ 1..12, begins) if begins == from => readings.push(Self::Months(months)),
            (12, begins) if begins == from => readings.push(Self::Year),
            _ => (),
        }
        if is_half_month(from, until) {
            readings.push(Self::SemiMonth);
        }
        if days < 365 {
            readings.push(Self::of_days(days));
        }
        readings
    }

    fn nearest_to_average(intervals: &[(NaiveDate, NaiveDate)]) -> Self {
        let count = u32::try_from(intervals.len()).unwrap_or(1).max(1);
        let sum = intervals.iter().map(|(from, until)| days_between(*from, *until)).fold(0, u32::saturating_add);
        let weeks = (1..=52).map(Self::Weeks);
        let months = (1..12).map(Self::Months);
        let standard = [Self::Days(1), Self::SemiMonth, Self::Year].into_iter().chain(weeks).chain(months);
        let off = |unit: &Self| (sum.abs_diff(unit.days().saturating_mul(count)), unit.days(), *unit);
        standard.min_by_key(off).unwrap_or(Self::Months(1))
    }

    /// No standard interval.
    fn is_odd(self) -> bool {
        matches!(self, Self::Days(2..))
    }

    /// Its days, where every month has 30.
    fn days(self) -> u32 {
        match self {
            Self::Months(months) | Self::TermOfMonths(months) => months * 30,
            Self::Year => 365,
            Self::SemiMonth => 15,
            Self::Weeks(weeks) => weeks * 7,
            Self::Days(days) | Self::TermOfDays(days) => days,
        }
    }

    /// (b)(5): how many of these make a year.
    fn per_year(self) -> Option<Decimal> {
        let (year, unit) = match self {
            Self::Months(months) | Self::TermOfMonths(months) => (12, months),
            Self::Year => (1, 1),
            Self::SemiMonth => (24, 1),
            Self::Weeks(weeks) => (52, weeks),
            Self::Days(days) | Self::TermOfDays(days) => (365, days),
        };
        Decimal::from(year).checked_div(Decimal::from(unit))
    }

    /// (b)(5): the unit-periods between two dates.
    fn between(self, timeline: &Timeline, from: NaiveDate, until: NaiveDate) -> Option<Distance> {
        let (months, begins) = timeline.whole_months(from, until);
        let odd_days = days_between(from, begins);
        match self {
            Self::Months(1) => Some(Distance { whole: months, fraction: ratio(odd_days, 30)? }),
            Self::Months(_) | Self::SemiMonth => self.divide(months.checked_mul(30)?.checked_add(odd_days)?),
            Self::Weeks(_) | Self::Days(_) => self.divide(days_between(from, until)),
            Self::Year if odd_days == 0 => Some(Distance { whole: months / 12, fraction: ratio(months % 12, 12)? }),
            Self::Year => {
                let begins = timeline.months_back(until, months / 12 * 12)?;
                Some(Distance { whole: months / 12, fraction: ratio(days_between(from, begins), 365)? })
            }
            Self::TermOfMonths(_) | Self::TermOfDays(_) => {
                Some(Distance { whole: u32::from(until > from), fraction: Decimal::ZERO })
            }
        }
    }

    fn divide(self, days: u32) -> Option<Distance> {
        let unit = self.days();
        Some(Distance { whole: days.checked_div(unit)?, fraction: ratio(days.checked_rem(unit)?, unit)? })
    }
}

/// (b)(3)(i): between advances and between payments, and from the beginning to the first payment.
fn intervals(timeline: &Timeline) -> Vec<(NaiveDate, NaiveDate)> {
    let advances = timeline.advances.keys();
    let payments = || std::iter::once(&timeline.start).chain(timeline.payments.keys());
    let between_advances = advances.clone().zip(advances.skip(1));
    between_advances.chain(payments().zip(payments().skip(1))).map(|(from, until)| (*from, *until)).collect()
}

/// Fifteen days on in one month, fifteen days back in the next, or between the 15th and the last day.
fn is_half_month(from: NaiveDate, until: NaiveDate) -> bool {
    let is_last = |date: NaiveDate| date.succ_opt().is_some_and(|next| next.day() == 1);
    if (from.year(), from.month()) == (until.year(), until.month()) {
        return from.day() <= 15 && (until.day() == from.day() + 15 || (from.day() == 15 && is_last(until)));
    }
    let is_next = from.checked_add_months(chrono::Months::new(1)).is_some_and(|next| next.month() == until.month());
    is_next
        && days_between(from, until) < 20
        && (from.day() == until.day() + 15 || (is_last(from) && until.day() == 15))
}

fn days_between(from: NaiveDate, until: NaiveDate) -> u32 {
    u32::try_from((until - from).num_days()).unwrap_or(0)
}

fn ratio(part: u32, whole: u32) -> Option<Decimal> {
    Decimal::from(part).checked_div(Decimal::from(whole))
}
