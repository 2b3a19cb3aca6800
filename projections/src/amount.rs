//! Amounts as read models keep and show them: exact decimals with the digits of their currency.

use crate::apply::Misfit;
use mizan_domain::{Currency, Money};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Postgres, Type};
use std::fmt;
use utoipa::ToSchema;

/// The sign of a negative `numeric`.
const NEGATIVE: u16 = 0x4000;
/// The most groups of four digits of a decimal of 96 bits, with a padded one.
const GROUPS_MAX: usize = 9;

/// An exact decimal number, shown as text with the digits of its currency: `"12.30"`, never `12.3`.
///
/// It is read from PostgreSQL here, because sqlx forgets the digits of a zero (`0.00` becomes `0`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = "decimal", examples("12.30"))]
pub struct Amount(#[serde(with = "rust_decimal::serde::str")] Decimal);

impl Amount {
    /// Nothing, with the currency's digits.
    pub(crate) fn zero(currency: Currency) -> Self {
        Self(Money::zero(currency).to_decimal())
    }

    /// This number of minor units.
    pub(crate) fn of_minor(minor: i128, currency: Currency) -> Self {
        Self(Money::of_minor(minor, currency).to_decimal())
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> Decimal {
        self.0
    }

    /// Exactly nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    pub(crate) fn is_positive(self) -> bool {
        self.0 > Decimal::ZERO
    }

    /// Nothing, with this amount's digits.
    pub(crate) fn nothing(self) -> Self {
        Self(Decimal::new(0, self.0.scale()))
    }

    /// The same amount the other way.
    #[must_use]
    pub fn negated(self) -> Self {
        // Without this, zero would become "-0.00".
        if self.0.is_zero() { self } else { Self(-self.0) }
    }

    /// Appends it in PostgreSQL's binary form, as [`numeric`] reads it.
    pub(crate) fn write_numeric(self, out: &mut Vec<u8>) {
        let scale = self.0.scale();
        // Whole groups of four digits on both sides of the point.
        let padding = (4 - scale % 4) % 4;
        let mut left = self.0.mantissa().unsigned_abs().saturating_mul(10_u128.pow(padding));
        let groups_after_point = (scale + padding) / 4;
        let mut groups = [0_u16; GROUPS_MAX];
        let mut count = 0;
        for group in &mut groups {
            // Nearly all amounts fit into 64 bits, where division is far cheaper.
            let (rest, digits) = match u64::try_from(left) {
                Ok(left) => (u128::from(left / 10_000), u16::try_from(left % 10_000)),
                Err(_) => (left / 10_000, u16::try_from(left % 10_000)),
            };
            if left == 0 {
                break;
            }
            (left, *group) = (rest, digits.unwrap_or(0));
            count += 1;
        }
        let groups = groups.get(..count).unwrap_or_default();
        // Zeros at the end are not written; how many digits are shown is.
        let zeros = groups.iter().take_while(|it| **it == 0).count();
        let shown = groups.get(zeros..).unwrap_or_default();
        let word = |it: usize| u16::try_from(it).unwrap_or(u16::MAX);
        let weight = word(count).wrapping_sub(word(groups_after_point as usize)).wrapping_sub(1);
        let weight = if shown.is_empty() { 0 } else { weight };
        let sign = if self.0.is_sign_negative() && !self.0.is_zero() { NEGATIVE } else { 0 };
        for it in [word(shown.len()), weight, sign, word(scale as usize)].iter().chain(shown.iter().rev()) {
            out.extend_from_slice(&it.to_be_bytes());
        }
    }

    pub(crate) fn plus(self, other: impl Into<Self>) -> Result<Self, Misfit> {
        self.0.checked_add(other.into().0).map(Self).ok_or_else(|| Misfit::because("a sum of amounts is too large"))
    }

    pub(crate) fn minus(self, other: impl Into<Self>) -> Result<Self, Misfit> {
        self.plus(other.into().negated())
    }

    pub(crate) fn add(&mut self, other: impl Into<Self>) -> Result<(), Misfit> {
        *self = self.plus(other)?;
        Ok(())
    }

    pub(crate) fn take(&mut self, other: impl Into<Self>) -> Result<(), Misfit> {
        *self = self.minus(other)?;
        Ok(())
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self(money.to_decimal())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Type<Postgres> for Amount {
    fn type_info() -> PgTypeInfo {
        <Decimal as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Amount {
    fn array_type_info() -> PgTypeInfo {
        <Decimal as PgHasArrayType>::array_type_info()
    }
}

impl<'r> Decode<'r, Postgres> for Amount {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => numeric(value.as_bytes()?).map(Self),
            PgValueFormat::Text => Ok(Self(Decimal::from_str_exact(value.as_str()?)?)),
        }
    }
}

/// Reads PostgreSQL's binary `numeric`: four 16-bit words (number of digits, weight of the first digit, sign, digits
/// after the point that are shown), then digits to the base 10,000.
fn numeric(bytes: &[u8]) -> Result<Decimal, BoxDynError> {
    let mut words = bytes.as_chunks::<2>().0.iter().copied();
    let mut word = || words.next().map(u16::from_be_bytes).ok_or("a numeric is cut off");
    let (count, weight, sign, shown) = (word()?, word()?.cast_signed(), word()?, u32::from(word()?));
    if sign != 0 && sign != NEGATIVE {
        return Err("a numeric is not a number".into());
    }
    let too_large = "a numeric is too large";
    let mut mantissa: i128 = 0;
    for _ in 0..count {
        mantissa =
            mantissa.checked_mul(10_000).and_then(|it| it.checked_add(i128::from(word().ok()?))).ok_or(too_large)?;
    }
    // The last digit stands for mantissa * 10^exponent; what is wanted are `shown` digits after the point.
    let exponent = 4 * (i32::from(weight) + 1 - i32::from(count));
    let shift = exponent + i32::try_from(shown)?;
    let power = 10_i128.checked_pow(shift.unsigned_abs()).ok_or(too_large)?;
    mantissa = if shift < 0 { mantissa / power } else { mantissa.checked_mul(power).ok_or(too_large)? };
    let signed = if sign == NEGATIVE { -mantissa } else { mantissa };
    Ok(Decimal::try_from_i128_with_scale(signed, shown)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_amount_is_read_as_it_was_written() {
        let cases = [
            "0",
            "0.00",
            "0.000000000000000000",
            "1",
            "-1",
            "0.01",
            "-0.01",
            "12.30",
            "100.00",
            "9999",
            "10000",
            "10000.0001",
            "0.0001",
            "0.00010",
            "-999999999999999.999",
            "999999999.999999999999999999",
            "79228162514264337593543950335",
            "0.000000000000000000000001",
            "50000000000000000",
            "0.50000000000000000000",
        ];
        for text in cases {
            let amount = Amount(Decimal::from_str_exact(text).unwrap());
            let mut bytes = Vec::new();
            amount.write_numeric(&mut bytes);
            let read = Amount(numeric(&bytes).unwrap());
            assert_eq!((read.to_string(), read), (text.to_owned(), amount));
        }
    }
}
