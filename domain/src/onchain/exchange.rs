//! Exchange rates as facts, and the arithmetic between an asset and money.
//!
//! A rate is what one whole unit costs, as decimal text; it is never a float, and a product is rounded once. What a
//! customer has to pay is rounded up to the asset's precision, so that no invoice is short by construction.

use crate::invalid::Invalid;
use crate::money::{Currency, Money, shortened};
use crate::order::Timestamp;
use crate::rate::{RATE_UNIT, Rate};
use crate::text::Text;
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The most digits of a rate, on both sides of its point.
pub const RATE_DIGITS_MAX: usize = 30;
/// The most digits after its point.
pub const RATE_DECIMALS_MAX: usize = 18;

/// What one whole unit of an asset costs: a positive decimal number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExchangeRate {
    digits: i128,
    decimals: u8,
}

impl ExchangeRate {
    /// Reads a rate, for example `50500.25`.
    ///
    /// # Errors
    /// [`Invalid::NotAnExchangeRate`] when it is not plain positive digits, or has too many of them.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refused = || Invalid::NotAnExchangeRate(shortened(text));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let length = whole.len() + fraction.len();
        if whole.is_empty() || text.ends_with('.') || length > RATE_DIGITS_MAX || fraction.len() > RATE_DECIMALS_MAX {
            return Err(refused());
        }
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(refused());
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = whole.bytes().chain(fraction.bytes());
        let digits = digits.fold(0, |value: i128, digit| value * 10 + i128::from(digit - b'0'));
        let decimals = u8::try_from(fraction.len()).map_err(|_| refused())?;
        if digits == 0 { Err(refused()) } else { Ok(Self { digits, decimals }) }
    }

    /// What an amount of an asset is worth, to the nearest minor unit of the currency; a half goes up.
    ///
    /// # Errors
    /// [`Invalid::AmountTooLarge`].
    pub fn value_of(self, amount: Money, currency: Currency) -> Result<Money, Invalid> {
        let numerator = BigInt::from(amount.minor()) * self.digits * power(currency.decimals());
        let denominator = power(amount.currency().decimals()) * power(u32::from(self.decimals));
        let nearest = (numerator * 2 + &denominator) / (denominator * 2);
        as_money(&nearest, currency)
    }

    /// How much of an asset is worth a price, rounded up to its precision. The spread makes the asset cheaper than the
    /// rate says, so more of it is asked.
    ///
    /// # Errors
    /// [`Invalid::AmountTooLarge`], also for a spread of the whole rate.
    pub fn amount_for(self, price: Money, spread: Rate, asset: Currency) -> Result<Money, Invalid> {
        let (numerator, denominator) = self.ratio(price, spread, asset)?;
        as_money(&((numerator + &denominator - 1) / denominator), asset)
    }

    /// The same, rounded down: how much may be given for a sum without giving too much.
    ///
    /// # Errors
    /// [`Invalid::AmountTooLarge`], also for a spread of the whole rate.
    pub fn amount_within(self, sum: Money, spread: Rate, asset: Currency) -> Result<Money, Invalid> {
        let (numerator, denominator) = self.ratio(sum, spread, asset)?;
        as_money(&(numerator / denominator), asset)
    }

    fn ratio(self, price: Money, spread: Rate, asset: Currency) -> Result<(BigInt, BigInt), Invalid> {
        let kept = RATE_UNIT - spread.units();
        if kept <= 0 {
            return Err(Invalid::AmountTooLarge);
        }
        let scale = power(asset.decimals()) * power(u32::from(self.decimals)) * RATE_UNIT;
        let denominator = BigInt::from(self.digits) * kept * power(price.currency().decimals());
        Ok((BigInt::from(price.minor()) * scale, denominator))
    }
}

fn power(decimals: u32) -> BigInt {
    BigInt::from(10).pow(decimals)
}

fn as_money(minor: &BigInt, currency: Currency) -> Result<Money, Invalid> {
    Money::zero(currency).with_minor(minor.to_i128().ok_or(Invalid::AmountTooLarge)?)
}

/// `amount * part / whole`, rounded down; zero of nothing.
pub(super) fn share(amount: i128, part: i128, whole: i128) -> i128 {
    if whole == 0 {
        return 0;
    }
    (BigInt::from(amount) * part / whole).to_i128().unwrap_or(0)
}

impl fmt::Display for ExchangeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::from(self.decimals);
        let digits = format!("{:0width$}", self.digits, width = decimals + 1);
        match digits.split_at_checked(digits.len() - decimals) {
            Some((whole, fraction)) if decimals > 0 => write!(f, "{whole}.{fraction}"),
            Some(_) | None => f.write_str(&digits),
        }
    }
}

impl fmt::Debug for ExchangeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ExchangeRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExchangeRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// What an asset cost at a moment, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// What one whole unit costs.
    pub rate: ExchangeRate,
    /// In this currency.
    pub currency: Currency,
    /// Who said so.
    pub source: Text,
    /// When it was so.
    pub at: Timestamp,
}

impl Spot {
    /// What an amount was worth then.
    ///
    /// # Errors
    /// [`Invalid::AmountTooLarge`].
    pub fn value_of(&self, amount: Money) -> Result<Money, Invalid> {
        self.rate.value_of(amount, self.currency)
    }
}

/// A rate that is promised until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// What one whole unit costs.
    pub rate: ExchangeRate,
    /// Who said so.
    pub source: Text,
    /// What is taken off the rate for the risk of promising it.
    pub spread: Rate,
    /// When it was quoted.
    pub quoted_at: Timestamp,
    /// Until when a payment has to be seen.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::the;

    fn asset(name: &str, decimals: u8) -> Currency {
        super::super::Asset::parse(name, decimals).unwrap().into()
    }

    #[test]
    fn prices_are_rounded_up_to_the_precision_of_the_asset() {
        let btc = asset("bip122:000000000019d6689c085ae165831e93/slip44:0", 8);
        let eth = asset("eip155:1/slip44:60", 18);
        let usdc = asset("eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", 6);
        let cases = [
            ("100.00 USD", "50000", "0", btc, "0.00200000"),
            ("100.00 USD", "51234.56", "0", btc, "0.00195181"), // 0.001951807…
            ("100.00 USD", "50000", "0.01", btc, "0.00202021"), // 100 / 49,500
            ("100.00 USD", "3000", "0", eth, "0.033333333333333334"),
            ("0.01 USD", "0.9998", "0", usdc, "0.010003"), // a stablecoin is not its currency
            ("15 JPY", "7500000.5", "0", btc, "0.00000200"),
            ("1.005 KWD", "15000", "0", btc, "0.00006700"),
        ];
        for (price, rate, spread, asset, expected) in cases {
            let amount = the::<ExchangeRate>(rate).amount_for(the(price), the(spread), asset).unwrap();
            assert_eq!(amount.digits().to_string(), expected, "{price} at {rate}");
        }
    }

    #[test]
    fn values_are_rounded_once_and_never_overflow() {
        let btc = asset("bip122:000000000019d6689c085ae165831e93/slip44:0", 8);
        let usd: Currency = the("USD");
        let value = |minor, rate: &str| the::<ExchangeRate>(rate).value_of(Money::of_minor(minor, btc), usd);
        assert_eq!(value(200_000, "50500").unwrap(), the("101.00 USD"));
        assert_eq!(value(1, "500000").unwrap(), the("0.01 USD"), "half a cent goes up");
        assert_eq!(
            value(crate::money::ASSET_MINOR_MAX, "999999999999").map_err(|it| it.code()),
            Err("amount_too_large")
        );
    }

    #[test]
    fn rates_are_positive_plain_digits() {
        for (text, shown) in [("50500.250", "50500.25"), ("0.000012", "0.000012"), ("1", "1")] {
            assert_eq!(ExchangeRate::parse(text).unwrap().to_string(), shown);
        }
        for bad in ["0", "0.00", "-1", "1e3", "", ".5", "5.", "1,5", "1.0000000000000000001", &"9".repeat(31)] {
            assert!(ExchangeRate::parse(bad).is_err(), "{bad}");
        }
    }
}
