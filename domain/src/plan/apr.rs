//! Annual percentage rates, as two laws count them.
//!
//! Both ask for the one rate at which what is paid is worth what was lent. They differ in how time is counted and in
//! whether the rate compounds over the year, so that one plan has two honest rates.

pub mod eu;
pub mod reg_z;
#[cfg(test)]
mod tests;
mod timeline;

use crate::money::Money;
use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

pub use eu::eu;
pub use reg_z::reg_z;

/// Money that moves on a day. The direction is the list that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The day.
    pub on: NaiveDate,
    /// How much, never negative. All flows of one rate are in one currency.
    pub amount: Money,
}

/// An annual percentage rate, exact, in percent; as text on the wire: `"9.69"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Apr(Decimal);

impl Apr {
    /// The percentage of a fraction of one, with this many decimals, halves up.
    fn of_fraction(fraction: Decimal, decimals: u32) -> Option<Self> {
        fraction.checked_mul(Decimal::ONE_HUNDRED).map(|percent| Self(percent).rounded(decimals))
    }

    /// The percentage.
    #[must_use]
    pub fn percent(self) -> Decimal {
        self.0
    }

    /// The percentage with exactly this many decimals, halves up: Annex I asks for one at least.
    #[must_use]
    pub fn rounded(self, decimals: u32) -> Self {
        let mut percent = self.0.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
        percent.rescale(decimals);
        Self(percent)
    }
}

impl fmt::Display for Apr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Apr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Apr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Apr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        Decimal::from_str_exact(&text).map(Self).map_err(de::Error::custom)
    }
}

/// Rates are looked for up to this multiple of one a period.
const RATE_MAX: u32 = 1_000_000;
/// How often the interval of a root is halved: its width ends below 10⁻¹⁸ of where it began.
const HALVINGS: usize = 64;

/// The rate of at least 0 at which `excess` passes from above 0 to below: how much more the payments are worth than
/// the advances. `None` where they are worth less at 0, or more at any rate, or where the numbers overflow.
pub(super) fn solve(excess: impl Fn(Decimal) -> Option<Decimal>) -> Option<Decimal> {
    let at_zero = excess(Decimal::ZERO)?;
    if at_zero <= Decimal::ZERO {
        return at_zero.is_zero().then_some(Decimal::ZERO);
    }
    let (mut low, mut high) = (Decimal::ZERO, Decimal::new(1, 3));
    while excess(high)? > Decimal::ZERO {
        (low, high) = (high, high.checked_mul(Decimal::TWO)?);
        if high > Decimal::from(RATE_MAX) {
            return None;
        }
    }
    for _ in 0..HALVINGS {
        let middle = low.checked_add(high)?.checked_div(Decimal::TWO)?;
        match excess(middle)?.cmp(&Decimal::ZERO) {
            std::cmp::Ordering::Equal => return Some(middle),
            std::cmp::Ordering::Greater => low = middle,
            std::cmp::Ordering::Less => high = middle,
        }
    }
    low.checked_add(high)?.checked_div(Decimal::TWO)
}

/// `base` to a whole power, by squaring.
fn power(base: Decimal, exponent: u32) -> Option<Decimal> {
    let (mut result, mut square, mut left) = (Decimal::ONE, base, exponent);
    while left > 0 {
        if left % 2 == 1 {
            result = result.checked_mul(square)?;
        }
        left /= 2;
        if left > 0 {
            square = square.checked_mul(square)?;
        }
    }
    Some(result)
}
