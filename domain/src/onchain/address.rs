//! Addresses. A stand-in until checksums are read: it knows the alphabets only.

use super::chain::Chain;
use crate::invalid::Invalid;
use crate::money::shortened;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An address of a chain, in its canonical text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Address {
    chain: Chain,
    address: Arc<str>,
}

#[derive(Deserialize)]
struct Unchecked {
    chain: Chain,
    address: String,
}

impl TryFrom<Unchecked> for Address {
    type Error = Invalid;

    fn try_from(read: Unchecked) -> Result<Self, Invalid> {
        Self::parse(&read.address, read.chain)
    }
}

impl Address {
    /// Reads an address of a chain.
    ///
    /// # Errors
    /// [`Invalid::NotAnAddress`].
    pub fn parse(text: &str, chain: Chain) -> Result<Self, Invalid> {
        let is_good = match chain {
            Chain::Bitcoin(_) => (26..=90).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()),
            Chain::Evm(_) => {
                let digits = text.strip_prefix("0x");
                digits.is_some_and(|it| it.len() == 40 && it.bytes().all(|b| b.is_ascii_hexdigit()))
            }
        };
        if is_good { Ok(Self { chain, address: text.into() }) } else { Err(Invalid::NotAnAddress(shortened(text))) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> Chain {
        self.chain
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address)
    }
}
