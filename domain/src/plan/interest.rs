//! Interest of a running period, up to a day inside it: what an early settlement owes.

use crate::money::Money;
use crate::plan::day_count;
use crate::plan::digits::{Digits, Precision};
use crate::plan::schedule::{Period, ScheduleTerms};
use chrono::NaiveDate;

/// The interest that `balance_before` has earned from the period's beginning up to `on`, in minor units half-even:
/// nothing before the period, the whole period's interest at its end and after.
///
/// The days count as the terms say; under 30/360 the period's interest is shared by actual days. For equal parts
/// (flat interest), the balance to give is the original principal.
#[must_use]
pub fn accrued(terms: &ScheduleTerms, period: &Period, balance_before: Money, on: NaiveDate) -> Money {
    let currency = balance_before.currency();
    let Some(balance) = u128::try_from(balance_before.minor()).ok().filter(|_| on > period.from) else {
        return Money::zero(currency);
    };
    let precision = Precision::for_amount(balance_before.minor());
    let factor = if on < period.until {
        day_count::factor_up_to(terms, precision, (period.from, period.until), on)
    } else {
        day_count::factor(terms, precision, period.from, period.until)
    };
    Money::of_minor(precision.times(Digits::whole(balance), factor).to_nearest(), currency)
}
