//! Money: an exact number of minor units of one currency.
//!
//! There are no operators and no floats, and nothing is ever rounded on the way in. Inside it is an `i128` of minor
//! units; on the wire and in events it is text (`"12.30"` beside its currency, `"12.30 EUR"` where it stands alone).

use crate::invalid::Invalid;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// The largest amount that one field may hold, in minor units: a quadrillion with three zeros to spare, so that sums
/// of many amounts stay far inside an `i128` and inside PostgreSQL's `numeric`.
pub const AMOUNT_MINOR_MAX: i128 = 999_999_999_999_999_999;

/// A currency of ISO 4217 in which payments are made. Funds, metals and test codes are not currencies here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Reads a three-letter code, in capitals as the standard writes it.
    ///
    /// # Errors
    /// [`Invalid::UnknownCurrency`] for anything else.
    pub fn parse(code: &str) -> Result<Self, Invalid> {
        iso_currency::Currency::from_code(code)
            .filter(|it| it.code() == code && it.exponent().is_some() && !it.is_fund() && !it.is_special())
            .map(Self)
            .ok_or_else(|| Invalid::UnknownCurrency(shortened(code)))
    }

    /// The code, for example `EUR`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the point: 2 for EUR, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn decimals(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&code).map_err(de::Error::custom)
    }
}

/// An exact amount of one currency, in minor units. Negative only where a difference or a credit is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money {
    // The currency first: amounts of one currency sort together.
    currency: Currency,
    minor: i128,
}

impl Money {
    /// `minor` units of the currency: 1230 of EUR is 12.30.
    #[must_use]
    pub fn of_minor(minor: i128, currency: Currency) -> Self {
        Self { currency, minor }
    }

    /// Nothing, in this currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self::of_minor(0, currency)
    }

    /// Reads an amount as clients write it: digits and at most one point, no sign, no exponent, no more decimals than
    /// the currency has.
    ///
    /// # Errors
    /// [`Invalid`] with the reason; nothing is ever rounded.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, Invalid> {
        if let Some(rest) = text.strip_prefix('-') {
            let is_number = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            return Err(if is_number {
                Invalid::NegativeAmount(shortened(text))
            } else {
                Invalid::NotAnAmount(shortened(text))
            });
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let has_bare_point = text.ends_with('.') || text.starts_with('.');
        if whole.is_empty() || has_bare_point || !is_digits(whole) || !is_digits(fraction) {
            return Err(Invalid::NotAnAmount(shortened(text)));
        }
        let allowed = currency.decimals();
        if fraction.len() > allowed as usize {
            let text = shortened(text);
            return Err(Invalid::TooManyDecimals { text, decimals: fraction.len(), currency, allowed });
        }
        let mut minor: i128 = 0;
        let padding = std::iter::repeat_n(b'0', allowed as usize - fraction.len());
        for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
            minor = minor * 10 + i128::from(digit - b'0');
            if minor > AMOUNT_MINOR_MAX {
                return Err(Invalid::AmountTooLarge);
            }
        }
        Ok(Self { currency, minor })
    }

    /// The minor units.
    #[must_use]
    pub fn minor(self) -> i128 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// Exactly nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// More than nothing.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// The sum.
    ///
    /// # Errors
    /// Another currency, or a sum beyond [`AMOUNT_MINOR_MAX`].
    pub fn plus(self, other: Self) -> Result<Self, Invalid> {
        self.same_currency(other)?;
        self.with_minor(self.minor.checked_add(other.minor).ok_or(Invalid::AmountTooLarge)?)
    }

    /// The difference, which must not be negative.
    ///
    /// # Errors
    /// Another currency, or [`Invalid::BelowZero`].
    pub fn minus(self, other: Self) -> Result<Self, Invalid> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(Invalid::AmountTooLarge)?;
        if minor < 0 { Err(Invalid::BelowZero) } else { self.with_minor(minor) }
    }

    /// A quantity of this price.
    ///
    /// # Errors
    /// A product beyond [`AMOUNT_MINOR_MAX`].
    pub fn times(self, quantity: u32) -> Result<Self, Invalid> {
        self.with_minor(self.minor.checked_mul(i128::from(quantity)).ok_or(Invalid::AmountTooLarge)?)
    }

    /// Whether this is more than the other.
    ///
    /// # Errors
    /// Another currency.
    pub fn exceeds(self, other: Self) -> Result<bool, Invalid> {
        self.same_currency(other)?;
        Ok(self.minor > other.minor)
    }

    /// The same currency with other minor units.
    ///
    /// # Errors
    /// Beyond [`AMOUNT_MINOR_MAX`] on either side.
    pub fn with_minor(self, minor: i128) -> Result<Self, Invalid> {
        if minor.abs() > AMOUNT_MINOR_MAX { Err(Invalid::AmountTooLarge) } else { Ok(Self { minor, ..self }) }
    }

    /// Adds a fact that a decider has already checked. A fact of another currency is left out, which no decider
    /// lets happen.
    pub fn absorb(&mut self, fact: Self) {
        debug_assert_eq!(self.currency, fact.currency);
        if self.currency == fact.currency {
            self.minor = self.minor.saturating_add(fact.minor);
        }
    }

    /// Takes away a fact that a decider has already checked.
    pub fn release(&mut self, fact: Self) {
        self.absorb(fact.negated());
    }

    /// The same amount the other way.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { minor: self.minor.saturating_neg(), ..self }
    }

    /// The smaller of two amounts of one currency; of two currencies, the first.
    #[must_use]
    pub fn at_most(self, limit: Self) -> Self {
        if self.currency == limit.currency && limit.minor < self.minor { limit } else { self }
    }

    /// The exact decimal number, with the currency's digits after the point: what a read model stores.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::try_from_i128_with_scale(self.minor, self.currency.decimals()).unwrap_or(Decimal::MAX)
    }

    fn same_currency(self, other: Self) -> Result<(), Invalid> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(Invalid::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }
}

/// The number alone, as answers show it beside a currency field: `12.30`.
pub struct Digits(Money);

impl Money {
    /// The number without its currency.
    #[must_use]
    pub fn digits(self) -> Digits {
        Digits(self)
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Money { currency, minor } = self.0;
        let decimals = currency.decimals() as usize;
        let sign = if minor < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", minor.unsigned_abs(), width = decimals + 1);
        match digits.split_at_checked(digits.len() - decimals) {
            Some((whole, fraction)) if decimals > 0 => write!(f, "{sign}{whole}.{fraction}"),
            Some(_) | None => write!(f, "{sign}{digits}"),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.digits(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Money {
    type Err = Invalid;

    /// Reads `12.30 EUR`, with a minus sign allowed.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (number, code) = text.split_once(' ').ok_or_else(|| Invalid::NotAnAmount(shortened(text)))?;
        let currency = Currency::parse(code)?;
        match number.strip_prefix('-') {
            Some(rest) => Self::parse(rest, currency).map(Self::negated),
            None => Self::parse(number, currency),
        }
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Enough of a bad value to recognise it in an error message, and no more.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    if crate::onchain::secret::refuse(text).is_err() {
        return "(a private key)".to_owned();
    }
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    #[test]
    fn amounts_are_read_exactly_or_refused() {
        let cases: [(&str, Result<i128, &str>); 15] = [
            ("12.30", Ok(1230)),
            ("12.3", Ok(1230)),
            ("12", Ok(1200)),
            ("0.00", Ok(0)),
            ("9999999999999999.99", Ok(AMOUNT_MINOR_MAX)),
            ("10000000000000000.00", Err("amount_too_large")),
            ("99999999999999999999999999999999999999999999999999", Err("amount_too_large")),
            ("1.005", Err("too_many_decimals")), // openmeter #4342: refused, never rounded
            ("-1.00", Err("negative_amount")),
            ("1e3", Err("not_an_amount")),
            ("+1.00", Err("not_an_amount")),
            ("1.", Err("not_an_amount")),
            (".50", Err("not_an_amount")),
            ("1,50", Err("not_an_amount")),
            ("١٢", Err("not_an_amount")),
        ];
        for (text, expected) in cases {
            let read = Money::parse(text, eur()).map(Money::minor).map_err(|it| it.code());
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn every_currency_keeps_its_own_decimals() {
        for (text, code, shown) in [("5", "JPY", "5 JPY"), ("1.5", "KWD", "1.500 KWD"), ("0.07", "BRL", "0.07 BRL")] {
            let money = Money::parse(text, Currency::parse(code).unwrap()).unwrap();
            assert_eq!(money.to_string(), shown);
            assert_eq!(shown.parse::<Money>().unwrap(), money);
        }
        assert_eq!("-0.05 EUR".parse::<Money>().unwrap().to_string(), "-0.05 EUR");
        assert!(Money::parse("0.1", Currency::parse("JPY").unwrap()).is_err());
    }

    #[test]
    fn metals_funds_and_small_letters_are_not_currencies() {
        for code in ["XAU", "XTS", "XXX", "UYW", "eur", "EURO", "", "BTC"] {
            assert_eq!(Currency::parse(code).map_err(|it| it.code()), Err("unknown_currency"), "{code}");
        }
    }

    #[test]
    fn currencies_never_mix() {
        let (one, other) = (Money::of_minor(1, eur()), Money::of_minor(1, Currency::parse("USD").unwrap()));
        assert!(one.plus(other).is_err() && one.minus(other).is_err() && one.exceeds(other).is_err());
    }
}
