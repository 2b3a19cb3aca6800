//! What an on-chain asset is worth in money: a port with two sources. Neither decides anything.
//!
//! A rate is a fact from outside. Whoever asks records what the answer was, whose it was and when, and computes with the
//! recorded one ever after. Rates are exact decimals from the first byte: no float is ever between the source's digits
//! and ours.

mod http;
mod pointer;

pub use http::HttpSource;

use crate::outbound::{NoAnswer, Reach};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// The environment variable that says where rates come from.
pub const RATES_VARIABLE: &str = "MIZAN_RATES";
/// With `1` in this one, the service of rates may be on this machine, without TLS: a proxy of the operator's own, or a
/// test's.
pub const RATES_LOOPBACK_VARIABLE: &str = "MIZAN_RATES_LOOPBACK";

/// Where rates come from.
#[derive(Debug)]
pub enum Rates {
    /// A table that the operator has written.
    Fixed(Table),
    /// Somebody's service.
    Http(HttpSource),
}

/// What one unit of an asset was worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// Units of money for one whole unit of the asset; above zero.
    pub rate: Decimal,
    /// Whose rate it is: `fixed`, or the name of the service's host.
    pub source: String,
    /// When it was asked for.
    pub at: DateTime<Utc>,
}

/// Why there is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRate {
    /// The source has none for this pair.
    #[error("there is no rate of {asset} in {money}")]
    Unknown {
        /// The asset.
        asset: String,
        /// The money.
        money: String,
    },
    /// A name with other characters than letters and digits: it would change the address that is asked.
    #[error("a rate is asked for by names of 1 to 16 letters and digits")]
    BadName,
    /// Not a line of the table, or not an address with a pointer.
    #[error("{0}")]
    BadSettings(&'static str),
    /// The service does not answer.
    #[error("the service of rates does not answer: {0}")]
    NoAnswer(#[from] NoAnswer),
    /// It answers with an error.
    #[error("the service of rates answers with status {0}")]
    Status(u16),
    /// Its answer has no number there.
    #[error("the answer of the service of rates has no plain decimal above zero at its pointer")]
    NotARate,
}

impl Rates {
    /// Reads where rates come from: a table such as `BTC/USD=50000.00, ETH/USD=2500`, or the template of a service's
    /// address and a JSON pointer, such as `https://rates.example/{asset}-{money} /data/amount`.
    ///
    /// # Errors
    /// [`NoRate::BadSettings`], or [`NoRate::NoAnswer`] for an address that may not be asked.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, NoRate> {
        if !text.trim_start().starts_with("http") {
            return Table::parse(text).map(Self::Fixed);
        }
        let (template, pointer) =
            text.trim().split_once(char::is_whitespace).ok_or(NoRate::BadSettings(http::POINTER_MISSING))?;
        HttpSource::new(template, pointer.trim(), reach).map(Self::Http)
    }

    /// What one whole unit of an asset is worth in a currency at this moment. The names are the source's own (BTC, USD).
    ///
    /// # Errors
    /// [`NoRate`]: nobody guesses one.
    pub async fn quote(&self, asset: &str, money: &str, now: DateTime<Utc>) -> Result<Quoted, NoRate> {
        let is_name = |text: &str| (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_name(asset) || !is_name(money) {
            return Err(NoRate::BadName);
        }
        match self {
            Self::Fixed(table) => table.quote(asset, money, now),
            Self::Http(source) => source.quote(asset, money, now).await,
        }
    }
}

/// Rates that somebody has written down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table(BTreeMap<(String, String), Decimal>);

impl Table {
    /// Reads `BTC/USD=50000.00, ETH/USD=2500`.
    ///
    /// # Errors
    /// [`NoRate::BadSettings`].
    pub fn parse(text: &str) -> Result<Self, NoRate> {
        let bad =
            || NoRate::BadSettings("write rates as BTC/USD=50000.00, with commas between them and each pair once");
        let mut rates = BTreeMap::new();
        for line in text.split([',', '\n']).map(str::trim).filter(|it| !it.is_empty()) {
            let (pair, rate) = line.split_once('=').ok_or_else(bad)?;
            let (asset, money) = pair.split_once('/').ok_or_else(bad)?;
            let rate = pointer::decimal(rate.trim()).ok_or_else(bad)?;
            let is_new = rates.insert((asset.trim().to_owned(), money.trim().to_owned()), rate).is_none();
            if !is_new {
                return Err(bad());
            }
        }
        Ok(Self(rates))
    }

    fn quote(&self, asset: &str, money: &str, now: DateTime<Utc>) -> Result<Quoted, NoRate> {
        let pair = (asset.to_owned(), money.to_owned());
        match self.0.get(&pair) {
            Some(rate) => Ok(Quoted { rate: *rate, source: "fixed".to_owned(), at: now }),
            None => Err(NoRate::Unknown { asset: pair.0, money: pair.1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_table_or_a_service() {
        let parse = |text| Rates::parse(text, Reach::Public);
        assert!(matches!(parse("BTC/USD=50000.00"), Ok(Rates::Fixed(_))));
        assert!(matches!(parse("https://rates.example/{asset}-{money} /data/amount"), Ok(Rates::Http(_))));
        assert!(matches!(parse("https://rates.example/{asset}-{money}"), Err(NoRate::BadSettings(_))));
        assert!(matches!(parse("http://rates.example/{asset}-{money} /data"), Err(NoRate::NoAnswer(_))));
    }

    #[tokio::test]
    async fn a_table_says_what_is_written_in_it() {
        let table = Table::parse("BTC/USD=50000.00,\n ETH/USD = 2500 \nUSDC/EUR=0.92345678").unwrap();
        let (rates, now) = (Rates::Fixed(table), Utc::now());
        let quoted = rates.quote("BTC", "USD", now).await.unwrap();
        assert_eq!((quoted.rate.to_string(), quoted.source.as_str(), quoted.at), ("50000.00".into(), "fixed", now));
        assert_eq!(rates.quote("USDC", "EUR", now).await.unwrap().rate.to_string(), "0.92345678");
        assert!(matches!(rates.quote("BTC", "EUR", now).await, Err(NoRate::Unknown { .. })));
        for name in ["", "../x", "a b", "BTC?", "ABCDEFGHIJKLMNOPQ"] {
            assert_eq!(rates.quote(name, "USD", now).await, Err(NoRate::BadName));
        }
        for text in ["BTC/USD", "BTC=1", "BTC/USD=", "BTC/USD=0", "BTC/USD=-1", "BTC/USD=1,BTC/USD=2", "BTC/USD=x"] {
            assert!(Table::parse(text).is_err(), "{text}");
        }
    }
}
