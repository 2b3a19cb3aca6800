//! What identifies money that came on a chain: the output of a transaction, or the log of a token transfer.

use super::chain::Chain;
use crate::id::{DepositId, LotId};
use crate::invalid::Invalid;
use crate::money::shortened;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A transaction's id: 64 hexadecimal digits in small letters, with `0x` before them on Ethereum-like chains.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TransactionId(Arc<str>);

impl TransactionId {
    /// Reads an id in capital or small letters.
    ///
    /// # Errors
    /// [`Invalid::NotATransaction`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let is_good = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if is_good {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(Invalid::NotATransaction(shortened(text)))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TransactionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// Where in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// An output of a Bitcoin transaction.
    Output(u32),
    /// A log of an Ethereum-like transaction: a token transfer.
    Log(u32),
    /// The value of an Ethereum-like transaction itself: its own coin, which emits no log.
    Value,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(index) => write!(f, "output {index}"),
            Self::Log(index) => write!(f, "log {index}"),
            Self::Value => f.write_str("value"),
        }
    }
}

impl FromStr for Place {
    type Err = Invalid;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let unknown = || Invalid::NotATransaction(shortened(text));
        let place = match text.split_once(' ') {
            None if text == "value" => Some(Self::Value),
            Some(("output", index)) => index.parse().ok().map(Self::Output),
            Some(("log", index)) => index.parse().ok().map(Self::Log),
            Some(_) | None => None,
        };
        place.filter(|it| it.to_string() == text).ok_or_else(unknown)
    }
}

/// Money that came on a chain. Two notifications of the same output are one deposit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Output {
    /// The chain.
    pub chain: Chain,
    /// The transaction.
    pub transaction: TransactionId,
    /// Where in it.
    pub place: Place,
}

impl Output {
    /// The deposit of this output, however often it is told.
    #[must_use]
    pub fn deposit_id(&self) -> DepositId {
        let digits = self.transaction.as_str().trim_start_matches("0x");
        DepositId::derived(&["deposit", &self.chain.to_string(), digits, &self.place.to_string()])
    }
}

/// The lot of a deposit's confirmation: one that is confirmed again after a reorg is another lot.
#[must_use]
pub fn lot_of(deposit_id: &DepositId, confirmation: u32) -> LotId {
    LotId::derived(&["deposit", deposit_id.as_str(), &confirmation.to_string()])
}

/// A block, as the chain stood when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: TransactionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for place in [Place::Output(0), Place::Log(17), Place::Value] {
            assert_eq!(place.to_string().parse::<Place>(), Ok(place));
        }
        for bad in ["", "output", "output -1", "output 01", "log", "log x", "value 1", "input 0"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
