//! The schedule of a plan: its periods, its due dates and what is due on them.

use crate::money::Money;
use crate::plan::amortisation::{Debt, Part};
use crate::plan::business_days::BusinessDays;
use crate::plan::day_count::{self, DayCount};
use crate::plan::digits::{Digits, Precision};
use crate::plan::frequency::{Frequency, MonthEnd};
use crate::plan::nominal_rate::NominalRate;
use chrono::{Months, NaiveDate};
use serde::{Deserialize, Serialize};

/// The longest plan, in years from its first day to its last due date.
pub const PLAN_YEARS_MAX: u32 = 10;
/// More payments than the longest plan has days.
const PAYMENTS_MAX: u32 = 3660;

/// How the principal is paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amortisation {
    /// Equal payments; interest on the declining balance.
    #[default]
    Annuity,
    /// Equal principal parts; interest on the declining balance on top of them.
    EqualPrincipal,
    /// Equal payments; interest on the original principal (flat, add-on).
    EqualParts,
}

/// Which payment takes the minor units that do not divide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absorbs {
    /// The first payment.
    First,
    /// The last payment.
    #[default]
    Last,
    /// One unit each, from the first payment on.
    LargestRemainder,
}

/// What the customer agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleTerms {
    /// How many payments, at least one. A down payment on day 0 is not among them.
    pub payments: u32,
    /// How often.
    pub frequency: Frequency,
    /// The first due date, if it is not one whole period after the start. It is then the anchor of all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_due_on: Option<NaiveDate>,
    /// The nominal annual rate.
    #[serde(default)]
    pub rate: NominalRate,
    /// How days become interest.
    #[serde(default)]
    pub day_count: DayCount,
    /// How the principal is paid back.
    #[serde(default)]
    pub amortisation: Amortisation,
    /// Which payment takes the minor units that do not divide.
    #[serde(default)]
    pub absorbs: Absorbs,
    /// Where the 31st goes in shorter months.
    #[serde(default)]
    pub month_end: MonthEnd,
    /// Where due dates go on days off.
    #[serde(default)]
    pub business_days: BusinessDays,
}

/// One period of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// From 1.
    pub number: u32,
    /// The first day of its interest: the end of the period before.
    pub from: NaiveDate,
    /// The end of its interest: the calendar's due date, moved off days off only if interest follows.
    pub until: NaiveDate,
    /// When the payment is due, moved off days off.
    pub due_on: NaiveDate,
}

/// One payment of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// From 1.
    pub number: u32,
    /// The first day of its interest: the end of the period before.
    pub from: NaiveDate,
    /// The end of its interest: the calendar's due date, moved off days off only if interest follows.
    pub until: NaiveDate,
    /// When the payment is due, moved off days off.
    pub due_on: NaiveDate,
    /// The part that reduces the balance, never negative.
    pub principal: Money,
    /// The interest, never negative.
    pub interest: Money,
    /// The principal outstanding after this payment.
    pub balance: Money,
}

impl Row {
    /// The period alone.
    #[must_use]
    pub fn period(&self) -> Period {
        Period { number: self.number, from: self.from, until: self.until, due_on: self.due_on }
    }

    /// The whole payment: principal and interest.
    #[must_use]
    pub fn total(&self) -> Money {
        Money::of_minor(self.principal.minor().saturating_add(self.interest.minor()), self.principal.currency())
    }
}

/// Why no schedule can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// No payments at all.
    #[error("a plan has at least one payment")]
    NoPayments,
    /// A period of no days.
    #[error("the payments are at least one day apart")]
    NoTimeBetweenPayments,
    /// The first due date is not after the plan's first day.
    #[error("the first payment is due on {first_due_on}, which is not after {from}")]
    FirstDueInThePast {
        /// What was asked.
        first_due_on: NaiveDate,
        /// The plan's first day.
        from: NaiveDate,
    },
    /// The last due date is too far away.
    #[error("the plan is longer than {PLAN_YEARS_MAX} years")]
    TooLong,
    /// Every day of the week is off.
    #[error("every day of the week is a weekend, so that no payment could fall due")]
    NoBusinessDays,
    /// Nothing to pay back.
    #[error("the amount to pay back is {0}; it must be positive")]
    AmountNotPositive(Money),
    /// A payment or balance would exceed what an amount can hold.
    #[error("the amounts of the plan are too large")]
    AmountTooLarge,
}

impl BadSchedule {
    /// The member of the terms that is to blame, as a part of a JSON pointer.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoPayments | Self::TooLong => "payments",
            Self::NoTimeBetweenPayments => "frequency",
            Self::FirstDueInThePast { .. } => "first_due_on",
            Self::NoBusinessDays => "business_days",
            Self::AmountNotPositive(_) | Self::AmountTooLarge => "amount",
        }
    }

    /// A stable code for machines; never renamed.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoPayments => "no_payments",
            Self::NoTimeBetweenPayments => "no_time_between_payments",
            Self::FirstDueInThePast { .. } => "first_due_in_the_past",
            Self::TooLong => "too_long",
            Self::NoBusinessDays => "no_business_days",
            Self::AmountNotPositive(_) => "amount_not_positive",
            Self::AmountTooLarge => "amount_too_large",
        }
    }
}

/// The whole schedule of `principal`, lent on `from`.
///
/// # Errors
/// [`BadSchedule`], in the order of its variants.
pub fn schedule(terms: &ScheduleTerms, principal: Money, from: NaiveDate) -> Result<Vec<Row>, BadSchedule> {
    let periods = checked_periods(terms, from)?;
    if !principal.is_positive() {
        return Err(BadSchedule::AmountNotPositive(principal));
    }
    let mut rows = Vec::with_capacity(periods.len());
    let (mut balance, mut sum) = (principal, Money::zero(principal.currency()));
    for (period, (part, interest)) in periods.iter().zip(reschedule(terms, principal, &periods)) {
        balance.release(part);
        sum = sum.plus(part).and_then(|sum| sum.plus(interest)).map_err(|_| BadSchedule::AmountTooLarge)?;
        let Period { number, from, until, due_on } = *period;
        rows.push(Row { number, from, until, due_on, principal: part, interest, balance });
    }
    Ok(rows)
}

fn checked_periods(terms: &ScheduleTerms, from: NaiveDate) -> Result<Vec<Period>, BadSchedule> {
    if terms.payments == 0 {
        return Err(BadSchedule::NoPayments);
    }
    if terms.frequency == Frequency::EveryDays(0) {
        return Err(BadSchedule::NoTimeBetweenPayments);
    }
    if let Some(first_due_on) = terms.first_due_on.filter(|it| *it <= from) {
        return Err(BadSchedule::FirstDueInThePast { first_due_on, from });
    }
    if terms.payments > PAYMENTS_MAX {
        return Err(BadSchedule::TooLong);
    }
    let periods = periods(terms, from, terms.payments, 1);
    let is_complete = usize::try_from(terms.payments).is_ok_and(|it| it == periods.len());
    let longest = from.checked_add_months(Months::new(12 * PLAN_YEARS_MAX)).unwrap_or(NaiveDate::MAX);
    if !is_complete || periods.last().is_none_or(|it| it.until > longest) {
        return Err(BadSchedule::TooLong);
    }
    if terms.business_days.is_never_open() {
        return Err(BadSchedule::NoBusinessDays);
    }
    Ok(periods)
}

/// `count` periods, numbered from `first_number`, the first of which begins on `from`.
///
/// The anchor is `first_due_on`, or `from` if there is none; the first period ends on the first date of the anchor's
/// calendar after `from`. To go on with a plan that began on the 31st, name that day as `first_due_on`. A due date is
/// never moved before `from`. Fewer than `count` come back only where the calendar ends or a period has no days.
#[must_use]
pub fn periods(terms: &ScheduleTerms, from: NaiveDate, count: u32, first_number: u32) -> Vec<Period> {
    let anchor = terms.first_due_on.unwrap_or(from);
    let calendar = &terms.business_days;
    let dates = |step: i32| {
        let date = terms.frequency.due(anchor, terms.month_end, step)?;
        let due_on = calendar.moved(date).max(from);
        Some((if calendar.interest_follows { due_on } else { date }, due_on))
    };
    if terms.frequency == Frequency::EveryDays(0) {
        return Vec::new();
    }
    // The plan's own first day is never a due date of its calendar, even if it would move.
    let first_possible = if terms.first_due_on.is_some() { 0 } else { 1 };
    let first = terms.frequency.steps_before(anchor, from).max(first_possible);
    let ahead = (first..).map_while(dates).skip_while(|(until, _)| *until <= from);
    let mut begins = from;
    let numbered = (first_number..).zip(ahead).take(usize::try_from(count).unwrap_or(usize::MAX));
    numbered
        .map(|(number, (until, due_on))| Period { number, from: std::mem::replace(&mut begins, until), until, due_on })
        .collect()
}

/// Principal and interest of an outstanding principal over the periods that are left: the same amortisation as
/// [`schedule`]'s, for use after a prepayment, a change of rate or a re-ageing. One pair for each period.
///
/// A period may begin later than it did, for example on the day of the prepayment; it then bears interest for the rest
/// of it. A principal that is not positive is nothing to pay.
#[must_use]
pub fn reschedule(terms: &ScheduleTerms, principal: Money, periods: &[Period]) -> Vec<(Money, Money)> {
    in_money(principal, terms, periods, |debt| debt.amortised(terms.amortisation, terms.absorbs))
}

/// Principal and interest where the payment stays as it was: periods drop off the end, and the last payment is
/// smaller. Where the payment does not suffice, the last period takes what is left.
///
/// One pair for each period that remains, none if there is nothing to pay.
#[must_use]
pub fn reschedule_keeping_payment(
    terms: &ScheduleTerms,
    principal: Money,
    periods: &[Period],
    payment: Money,
) -> Vec<(Money, Money)> {
    let is_flat = terms.amortisation == Amortisation::EqualParts;
    in_money(principal, terms, periods, |debt| debt.paid_by(payment.minor(), is_flat))
}

fn in_money(
    principal: Money,
    terms: &ScheduleTerms,
    periods: &[Period],
    parts: impl FnOnce(Debt<'_>) -> Vec<Part>,
) -> Vec<(Money, Money)> {
    let precision = Precision::for_amount(principal.minor());
    let factor = |it: &Period| day_count::factor(terms, precision, it.from, it.until);
    let factors: Vec<Digits> = periods.iter().map(factor).collect();
    let money = |minor| Money::of_minor(minor, principal.currency());
    parts(Debt { principal: principal.minor().max(0), factors: &factors, precision })
        .into_iter()
        .map(|it| (money(it.principal), money(it.interest)))
        .collect()
}

#[cfg(test)]
mod tests;
