//! Money: an exact number of minor units of one currency, or of one asset on a chain.
//!
//! There are no operators and no floats, and nothing is ever rounded on the way in. Inside it is an `i128` of minor
//! units; on the wire and in events it is text (`"12.30"` beside its currency, `"12.30 EUR"` where it stands alone). An
//! amount of an asset is always written with all its decimals, so that whoever reads an old event knows them.

use crate::invalid::Invalid;
use crate::onchain::asset::{Asset, AssetId, DECIMALS_MAX};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The largest amount that one field may hold, in minor units: a quadrillion with three zeros to spare, so that sums
/// of many amounts stay far inside an `i128` and inside PostgreSQL's `numeric`.
pub const AMOUNT_MINOR_MAX: i128 = 999_999_999_999_999_999;

/// The same for an asset: just below a thousand million units of 18 decimals, which is several times all ether. Eighty
/// such amounts still fit into a `Decimal`, in which read models keep them.
pub const ASSET_MINOR_MAX: i128 = 999_999_999_999_999_999_999_999_999;

/// What an amount is counted in: a currency of ISO 4217 in which payments are made, or an asset on a chain. Funds,
/// metals and test codes are not currencies here, and an asset is never one of them: USDC is not USD.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(Unit);

// The decimals are a part of an asset's unit: amounts that were written with other decimals never mix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Unit {
    Iso(iso_currency::Currency),
    Asset(Asset),
}

impl Currency {
    /// Reads a three-letter code, in capitals as the standard writes it. What clients name is only ever one of these.
    ///
    /// # Errors
    /// [`Invalid::UnknownCurrency`] for anything else.
    pub fn parse(code: &str) -> Result<Self, Invalid> {
        iso_currency::Currency::from_code(code)
            .filter(|it| it.code() == code && it.exponent().is_some() && !it.is_fund() && !it.is_special())
            .map(|it| Self(Unit::Iso(it)))
            .ok_or_else(|| Invalid::UnknownCurrency(shortened(code)))
    }

    /// The asset, where it is one.
    #[must_use]
    pub fn asset(self) -> Option<Asset> {
        match self.0 {
            Unit::Iso(_) => None,
            Unit::Asset(asset) => Some(asset),
        }
    }

    /// The code, for example `EUR`, or the CAIP-19 name of the asset.
    #[must_use]
    pub fn code(self) -> Cow<'static, str> {
        match self.0 {
            Unit::Iso(it) => Cow::Borrowed(it.code()),
            Unit::Asset(it) => Cow::Owned(it.id.to_string()),
        }
    }

    /// Digits after the point: 2 for EUR, 0 for JPY, 3 for KWD, 8 for bitcoin.
    #[must_use]
    pub fn decimals(self) -> u32 {
        match self.0 {
            Unit::Iso(it) => u32::from(it.exponent().unwrap_or(0)),
            Unit::Asset(it) => u32::from(it.decimals),
        }
    }

    /// The largest amount that one field may hold, in minor units.
    #[must_use]
    pub fn minor_max(self) -> i128 {
        match self.0 {
            Unit::Iso(_) => AMOUNT_MINOR_MAX,
            Unit::Asset(_) => ASSET_MINOR_MAX,
        }
    }
}

impl From<Asset> for Currency {
    fn from(asset: Asset) -> Self {
        Self(Unit::Asset(asset))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unit::Iso(it) => f.write_str(it.code()),
            Unit::Asset(it) => fmt::Display::fmt(&it.id, f),
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Alone it is an ISO currency: the name of an asset does not say its decimals.
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = crate::wire::lent(deserializer)?;
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
            if minor > currency.minor_max() {
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
    /// Another currency, or a sum beyond the limit of the currency.
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
    /// A product beyond the limit of the currency.
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
    /// Beyond the limit of the currency on either side.
    pub fn with_minor(self, minor: i128) -> Result<Self, Invalid> {
        if minor.abs() > self.currency.minor_max() { Err(Invalid::AmountTooLarge) } else { Ok(Self { minor, ..self }) }
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

    /// Reads `12.30 EUR`, with a minus sign allowed. An asset has as many decimals as are written.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (number, code) = text.split_once(' ').ok_or_else(|| Invalid::NotAnAmount(shortened(text)))?;
        let currency = if code.contains(':') { asset_of(number, code)? } else { Currency::parse(code)? };
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
        let text = crate::wire::lent(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

fn asset_of(number: &str, name: &str) -> Result<Currency, Invalid> {
    let id: AssetId = name.parse()?;
    let decimals = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let decimals = u8::try_from(decimals).ok().filter(|it| *it <= DECIMALS_MAX);
    let decimals = decimals.ok_or_else(|| Invalid::NotAnAmount(shortened(number)))?;
    Ok(Asset { id, decimals }.into())
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
    fn an_amount_of_an_asset_says_its_decimals_itself() {
        let btc = "bip122:000000000019d6689c085ae165831e93/slip44:0";
        let usdc = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
        for (text, minor) in [
            (format!("0.00200000 {btc}"), 200_000),
            ("18.446744073709551616 eip155:1/slip44:60".to_owned(), 18_446_744_073_709_551_616), // beyond u64
            (format!("-1.000000 {usdc}"), -1_000_000),
            (format!("7 {usdc}"), 7),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!((money.minor(), money.to_string()), (minor, text.clone()));
            assert_eq!(serde_json::from_str::<Money>(&serde_json::to_string(&money).unwrap()).unwrap(), money);
            assert_eq!(money.to_decimal().to_string(), text.split_once(' ').unwrap().0);
        }
        let (six, eighteen) = ("1.000000 eip155:56/slip44:714", "1.000000000000000000 eip155:56/slip44:714");
        assert!(six.parse::<Money>().unwrap().plus(eighteen.parse().unwrap()).is_err(), "other decimals never mix");
        let nineteen = format!("1.{} eip155:1/slip44:60", "0".repeat(19));
        for bad in [
            nineteen.as_str(),
            "1000000000.000000000000000000 eip155:1/slip44:60",
            "1.0 eip155:1",
            "1. eip155:1/slip44:60",
        ] {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
        assert!(Currency::parse("eip155:1/slip44:60").is_err(), "clients name ISO currencies only");
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
