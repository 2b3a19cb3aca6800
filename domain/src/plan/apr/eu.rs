//! The annual percentage rate of charge of the EU's Consumer Credit Directive, Annex I, which the UK keeps.
//!
//! `sum C_k (1 + X)^-t_k = sum D_l (1 + X)^-s_l`, with the times in years. A year is 52 weeks or 12 equal months; what
//! is no whole number of either is counted in days. The rate compounds over the year.

use super::timeline::Timeline;
use super::{Apr, Flow, power, solve};
use crate::plan::frequency::Frequency;
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// The decimals that are computed, in percent.
const PERCENT_DECIMALS: u32 = 6;
/// The weeks of a year.
const WEEKS_PER_YEAR: u32 = 52;
/// The months of a year.
const MONTHS_PER_YEAR: u32 = 12;
/// Beyond this force of interest the rate is no number that anybody would print (about 7 * 10¹² %).
const FORCE_MAX: Decimal = Decimal::from_parts(25, 0, 0, false, 0);

/// The rate in percent with six decimals; disclose it [`Apr::rounded`] to one or two.
///
/// Times are counted from the first advance (Annex I remarks, and Directive 2014/17/EU for the days): in whole weeks
/// if the payments are weekly, else in whole months, back from the flow; the days that remain are divided by the days
/// of the year that ends where they end, 365 or 366. Whether payments are weekly is the hint's to say, or else seen
/// from the dates: every flow whole weeks after the first advance, and not every one whole months.
///
/// `None` where no rate of at least 0 solves the equation, for example where the payments are less than the advances.
/// Payments that only return the advances have a rate of `0.000000`.
#[must_use]
pub fn eu(advances: &[Flow], payments: &[Flow], frequency_hint: Option<Frequency>) -> Option<Apr> {
    let timeline = Timeline::of(advances, payments)?;
    let in_weeks = frequency_hint.map_or_else(|| looks_weekly(&timeline), is_weekly);
    let place = |(on, amount): (&NaiveDate, &Decimal)| Some((*amount, Time::of(&timeline, *on, in_weeks)?));
    let advances = timeline.advances.iter().map(place).collect::<Option<Vec<_>>>()?;
    let payments = timeline.payments.iter().map(place).collect::<Option<Vec<_>>>()?;
    // The force of interest, ln(1 + X), needs no logarithm to come back from.
    let force = solve(|force| {
        let decays = Decays::of(force.min(FORCE_MAX))?;
        decays.worth(&payments)?.checked_sub(decays.worth(&advances)?)
    })?;
    let yearly = Decimal::ONE.checked_div(decay(force.min(FORCE_MAX))?)?;
    (force < FORCE_MAX).then(|| Apr::of_fraction(yearly.checked_sub(Decimal::ONE)?, PERCENT_DECIMALS))?
}

/// The time since the first advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Time {
    months: u32,
    weeks: u32,
    days: u32,
    is_leap: bool,
}

impl Time {
    fn of(timeline: &Timeline, on: NaiveDate, in_weeks: bool) -> Option<Self> {
        let days = u32::try_from((on - timeline.start).num_days()).ok()?;
        if in_weeks && days.is_multiple_of(7) {
            return Some(Self { months: 0, weeks: days / 7, days: 0, is_leap: false });
        }
        let (months, begins) = timeline.whole_months(timeline.start, on);
        let days = u32::try_from((begins - timeline.start).num_days()).ok()?;
        let year_ago = timeline.months_back(begins, MONTHS_PER_YEAR)?;
        Some(Self { months, weeks: 0, days, is_leap: (begins - year_ago).num_days() == 366 })
    }
}

fn is_weekly(frequency: Frequency) -> bool {
    match frequency {
        Frequency::Weekly | Frequency::EveryTwoWeeks => true,
        Frequency::EveryDays(days) => days.is_multiple_of(7),
        Frequency::SemiMonthly | Frequency::Monthly => false,
    }
}

fn looks_weekly(timeline: &Timeline) -> bool {
    let mut flows = timeline.advances.keys().chain(timeline.payments.keys());
    let is_months = |on: &NaiveDate| timeline.whole_months(timeline.start, *on).1 == timeline.start;
    flows.clone().all(|on| (*on - timeline.start).num_days() % 7 == 0) && !flows.all(is_months)
}

/// What one becomes over each unit of time.
#[derive(Debug, Clone, Copy)]
struct Decays {
    month: Decimal,
    week: Decimal,
    day: Decimal,
    leap_day: Decimal,
}

impl Decays {
    fn of(force: Decimal) -> Option<Self> {
        let part = |count: u32| force.checked_div(Decimal::from(count)).and_then(decay);
        let (month, week) = (part(MONTHS_PER_YEAR)?, part(WEEKS_PER_YEAR)?);
        Some(Self { month, week, day: part(365)?, leap_day: part(366)? })
    }

    fn worth(self, flows: &[(Decimal, Time)]) -> Option<Decimal> {
        flows.iter().try_fold(Decimal::ZERO, |sum, (amount, time)| {
            let day = if time.is_leap { self.leap_day } else { self.day };
            let months = power(self.month, time.months)?;
            let rest = power(self.week, time.weeks)?.checked_mul(power(day, time.days)?)?;
            sum.checked_add(amount.checked_mul(months)?.checked_mul(rest)?)
        })
    }
}

/// `e^-exponent` for an exponent that is not negative: the power series of a sixteenth or less, squared back up.
fn decay(exponent: Decimal) -> Option<Decimal> {
    const TERMS: u32 = 18;
    let (mut small, mut halvings) = (exponent, 0_u32);
    while small > Decimal::new(625, 4) {
        small = small.checked_div(Decimal::TWO)?;
        halvings += 1;
    }
    // 1 - x (1 - x/2 (1 - x/3 (...))), from the inside out.
    let series = (1..=TERMS).rev().try_fold(Decimal::ONE, |inner, term| {
        Decimal::ONE.checked_sub(small.checked_mul(inner)?.checked_div(Decimal::from(term))?)
    })?;
    (0..halvings).try_fold(series, |value, _| value.checked_mul(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_has_twenty_digits() {
        for (exponent, expected) in [
            (Decimal::ZERO, "1"),
            (Decimal::ONE, "0.36787944117144232160"),
            (Decimal::new(5, 2), "0.95122942450071400910"),
            (Decimal::TEN, "0.00004539992976248485"),
        ] {
            let off = (decay(exponent).unwrap() - Decimal::from_str_exact(expected).unwrap()).abs();
            assert!(off < Decimal::new(1, 20), "{exponent}: {off}");
        }
    }
}
