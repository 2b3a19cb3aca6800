//! Rates: exact fractions of one, for taxes and percentages. Never a float.

use crate::invalid::Invalid;
use crate::money::shortened;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The denominator of every rate: eight decimals.
pub const RATE_UNIT: i128 = 100_000_000;
const RATE_DECIMALS: usize = 8;

/// A fraction of one between 0 and 1, in steps of 10⁻⁸: `"0.20"` is 20 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(i128);

impl Rate {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a fraction of one, for example `0.0725`.
    ///
    /// # Errors
    /// [`Invalid::NotARate`] when it is not plain digits, has more than 8 decimals or exceeds 1.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        units(text, RATE_UNIT).map(Self)
    }

    /// The rate times [`RATE_UNIT`].
    #[must_use]
    pub fn units(self) -> i128 {
        self.0
    }
}

/// Reads a fraction of one, up to a limit, in units of [`RATE_UNIT`].
pub(crate) fn units(text: &str, limit: i128) -> Result<i128, Invalid> {
    let refused = || Invalid::NotARate(shortened(text));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || text.ends_with('.') || fraction.len() > RATE_DECIMALS || whole.len() > 2 {
        return Err(refused());
    }
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(refused());
    }
    let padding = std::iter::repeat_n(b'0', RATE_DECIMALS - fraction.len());
    let digits = whole.bytes().chain(fraction.bytes()).chain(padding);
    let value = digits.fold(0, |value: i128, digit| value * 10 + i128::from(digit - b'0'));
    if value > limit { Err(refused()) } else { Ok(value) }
}

/// Writes units of [`RATE_UNIT`] as a fraction of one, with two decimals at least, so that 20 % reads 0.20.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, units: i128) -> fmt::Result {
    let fraction = format!("{:0width$}", units % RATE_UNIT, width = RATE_DECIMALS);
    let shown = fraction.trim_end_matches('0').len().max(2);
    write!(f, "{}.{}", units / RATE_UNIT, fraction.get(..shown).unwrap_or(&fraction))
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// How a fraction of a minor unit is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// A half goes away from zero, as most tax rules say.
    #[default]
    HalfUp,
    /// A half goes to the even neighbour.
    HalfEven,
}

impl Rounding {
    /// `numerator / denominator` in whole units; both are non-negative and the denominator is not zero.
    #[must_use]
    pub fn divide(self, numerator: i128, denominator: i128) -> i128 {
        let (whole, rest) = (numerator / denominator, numerator % denominator);
        let up = match (rest * 2).cmp(&denominator) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => self == Self::HalfUp || whole % 2 == 1,
        };
        whole + i128::from(up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_fractions_of_one() {
        for (text, shown) in
            [("0.2", "0.20"), ("0.0725", "0.0725"), ("0", "0.00"), ("1", "1.00"), ("0.00000001", "0.00000001")]
        {
            assert_eq!(Rate::parse(text).unwrap().to_string(), shown);
        }
        for text in ["20", "1.01", "-0.1", "0.123456789", "", ".", "0.", "1e-2", "0,2"] {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn halves_go_up_or_to_the_even_neighbour() {
        let cases = [(5, 10, 1, 0), (15, 10, 2, 2), (25, 10, 3, 2), (24, 10, 2, 2), (26, 10, 3, 3), (0, 3, 0, 0)];
        for (numerator, denominator, up, even) in cases {
            assert_eq!(Rounding::HalfUp.divide(numerator, denominator), up);
            assert_eq!(Rounding::HalfEven.divide(numerator, denominator), even);
        }
    }
}
