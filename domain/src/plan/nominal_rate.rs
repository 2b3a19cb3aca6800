//! Nominal annual interest rates, which unlike taxes may exceed one.

use crate::invalid::Invalid;
use crate::rate::{self, RATE_UNIT};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The highest annual rate: 10, which is 1000 %.
pub const NOMINAL_RATE_MAX: i128 = 10;

/// A nominal annual rate as a fraction of one between 0 and [`NOMINAL_RATE_MAX`], in steps of 10⁻⁸: `"0.07"` is 7 %
/// a year.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NominalRate(i128);

impl NominalRate {
    /// No interest.
    pub const ZERO: Self = Self(0);

    /// Reads a fraction of one, for example `0.0725`.
    ///
    /// # Errors
    /// [`Invalid::NotARate`] when it is not plain digits, has more than 8 decimals or exceeds
    /// [`NOMINAL_RATE_MAX`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        rate::units(text, NOMINAL_RATE_MAX * RATE_UNIT).map(Self)
    }

    /// The rate times [`RATE_UNIT`].
    #[must_use]
    pub fn units(self) -> i128 {
        self.0
    }

    /// No interest at all.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for NominalRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        rate::write(f, self.0)
    }
}

impl fmt::Debug for NominalRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for NominalRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NominalRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nominal_rate_may_exceed_one_but_not_ten() {
        for (text, shown) in [("0.07", "0.07"), ("0", "0.00"), ("10", "10.00"), ("9.99999999", "9.99999999")] {
            assert_eq!(NominalRate::parse(text).unwrap().to_string(), shown);
        }
        for text in ["10.00000001", "11", "-0.1", "0.123456789", "", ".", "0.", "1e-2", "7%"] {
            assert!(NominalRate::parse(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::to_string(&NominalRate::parse("0.07").unwrap()).unwrap(), "\"0.07\"");
    }
}
