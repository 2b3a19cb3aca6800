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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn interest(day_count: &str, from: &str, until: &str, balance: &str, on: &str) -> String {
        let text = format!(r#"{{"payments":6,"frequency":"monthly","rate":"0.07","day_count":"{day_count}"}}"#);
        let terms: ScheduleTerms = serde_json::from_str(&text).unwrap();
        let period = Period { number: 2, from: day(from), until: day(until), due_on: day(until) };
        let balance = Money::parse(balance, Currency::parse("EUR").unwrap()).unwrap();
        accrued(&terms, &period, balance, day(on)).digits().to_string()
    }

    /// Reference 1.4, V11: pay off V1 on 15 February, the first installment paid: 83.57 + 0.24; at the end 84.06.
    #[test]
    fn interest_runs_to_the_day_of_settlement() {
        let v11 = |on| interest("thirty_360", "2024-02-01", "2024-03-01", "83.57", on);
        let days = ["2024-01-15", "2024-02-01", "2024-02-15", "2024-02-29", "2024-03-01", "2024-04-01"];
        assert_eq!(days.map(v11), ["0.00", "0.00", "0.24", "0.47", "0.49", "0.49"]);
    }

    #[test]
    fn a_leap_year_has_more_days() {
        // 10000 at 7 % over a new year: 17 days of 2023 and 14 of 2024.
        let december = |count| interest(count, "2023-12-15", "2024-01-15", "10000", "2024-01-15");
        assert_eq!(december("actual_actual"), "59.38"); // 32.603 + 26.776
        assert_eq!(december("actual_365"), "59.45");
        assert_eq!(december("thirty_360"), "58.33");
        assert_eq!(december("weekly_364"), "59.62"); // 700 * 31 / 364 = 59.615
    }
}
