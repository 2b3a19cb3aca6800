//! Dated flows in order, and months counted back from the later date, as both laws want them counted.

use super::Flow;
use crate::plan::frequency::{MonthEnd, month_of, place_date};
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Advances and payments by day, without days on which nothing moves.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    /// The day of the first advance.
    pub(super) start: NaiveDate,
    pub(super) advances: BTreeMap<NaiveDate, Decimal>,
    pub(super) payments: BTreeMap<NaiveDate, Decimal>,
    months: Months,
}

impl Timeline {
    /// `None` if there are no advances or no payments. What is paid on the first day lessens the first advance: a down
    /// payment is not financed.
    pub(super) fn of(advances: &[Flow], payments: &[Flow]) -> Option<Self> {
        let (mut advances, mut payments) = (by_day(advances)?, by_day(payments)?);
        let (start, first) = advances.first_key_value().map(|(day, amount)| (*day, *amount))?;
        if payments.first_key_value().is_some_and(|(day, _)| *day < start) {
            return None;
        }
        if let Some(down) = payments.remove(&start) {
            let net = first.checked_sub(down)?;
            if net < Decimal::ZERO {
                return None;
            }
            advances.insert(start, net);
        }
        let months = Months::of(start, payments.keys().copied());
        (!payments.is_empty()).then_some(Self { start, advances, payments, months })
    }

    /// The whole months between two dates, counted back from the later, and the first day of the first of them.
    pub(super) fn whole_months(&self, from: NaiveDate, until: NaiveDate) -> (u32, NaiveDate) {
        let longest = u32::try_from(month_of(until) - month_of(from) + 1).unwrap_or(0);
        let begins = |count: &u32| self.months_back(until, *count).filter(|day| *day >= from).map(|day| (*count, day));
        (0..=longest).rev().find_map(|count| begins(&count)).unwrap_or((0, until))
    }

    pub(super) fn months_back(&self, date: NaiveDate, count: u32) -> Option<NaiveDate> {
        self.months.back(date, count)
    }
}

/// Sums of flows by day; `None` on overflow.
fn by_day(flows: &[Flow]) -> Option<BTreeMap<NaiveDate, Decimal>> {
    let mut days = BTreeMap::new();
    for flow in flows.iter().filter(|flow| !flow.amount.is_zero()) {
        let sum: &mut Decimal = days.entry(flow.on).or_default();
        *sum = sum.checked_add(flow.amount.to_decimal())?;
    }
    Some(days)
}

/// The day of the month that a series of payments means, where shorter months hide it.
///
/// Appendix J: of a series on the last day of each month, months are measured from last day to last day; of a series
/// on the 29th or 30th, the last day of February is used.
#[derive(Debug, Clone, Copy)]
struct Months {
    day: Option<u32>,
}

impl Months {
    /// Believes the first day too, if it fits the series.
    fn of(start: NaiveDate, payments: impl Iterator<Item = NaiveDate> + Clone) -> Self {
        let day = series_day(payments.clone().chain([start])).or_else(|| series_day(payments));
        Self { day }
    }

    fn back(self, date: NaiveDate, count: u32) -> Option<NaiveDate> {
        let meant = self.day.filter(|day| place_date(month_of(date), *day, MonthEnd::Clamp) == Some(date));
        let month = month_of(date).checked_sub(i32::try_from(count).ok()?)?;
        place_date(month, meant.unwrap_or(date.day()), MonthEnd::Clamp)
    }
}

/// The day on which all of these dates fall, or would if their month were long enough.
fn series_day(dates: impl Iterator<Item = NaiveDate> + Clone) -> Option<u32> {
    let day = dates.clone().map(|it| it.day()).max()?;
    let mut dates = dates;
    dates.all(|it| place_date(month_of(it), day, MonthEnd::Clamp) == Some(it)).then_some(day)
}
