//! Which chain: Bitcoin's networks and every chain that speaks Ethereum's language, by their CAIP-2 names.
//!
//! A chain is part of the identity of everything on it: the same address exists on every EVM chain, and money sent
//! on one is not on the other.

use crate::invalid::Invalid;
use crate::money::shortened;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A chain. As text its CAIP-2 name: `bip122:` with the first 32 digits of the genesis block's hash, or `eip155:` with
/// the chain id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Chain {
    /// One of Bitcoin's networks.
    Bitcoin(Network),
    /// A chain of the Ethereum family, by its EIP-155 chain id; never zero.
    Evm(u64),
}

/// Bitcoin's networks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Network {
    /// The one whose coins are worth something.
    Main,
    /// Testnet 3.
    Test,
    /// A private one, where blocks are mined at will.
    Regtest,
}

const BITCOIN_MAIN: &str = "bip122:000000000019d6689c085ae165831e93";
const BITCOIN_TEST: &str = "bip122:000000000933ea01ad0ee984209779ba";
const BITCOIN_REGTEST: &str = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328";
const EVM_PREFIX: &str = "eip155:";

impl Network {
    /// The same network in the words of the library that knows Bitcoin.
    pub(crate) fn library(self) -> bitcoin::Network {
        match self {
            Self::Main => bitcoin::Network::Bitcoin,
            Self::Test => bitcoin::Network::Testnet,
            Self::Regtest => bitcoin::Network::Regtest,
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bitcoin(Network::Main) => f.write_str(BITCOIN_MAIN),
            Self::Bitcoin(Network::Test) => f.write_str(BITCOIN_TEST),
            Self::Bitcoin(Network::Regtest) => f.write_str(BITCOIN_REGTEST),
            Self::Evm(id) => write!(f, "{EVM_PREFIX}{id}"),
        }
    }
}

impl FromStr for Chain {
    type Err = Invalid;

    /// Reads a CAIP-2 name, in its one spelling.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let unknown = || Invalid::UnknownChain(shortened(text));
        match text {
            BITCOIN_MAIN => Ok(Self::Bitcoin(Network::Main)),
            BITCOIN_TEST => Ok(Self::Bitcoin(Network::Test)),
            BITCOIN_REGTEST => Ok(Self::Bitcoin(Network::Regtest)),
            other => {
                let digits = other.strip_prefix(EVM_PREFIX).ok_or_else(unknown)?;
                let is_plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
                let id = digits.parse().ok().filter(|_| is_plain).ok_or_else(unknown)?;
                Ok(Self::Evm(id))
            }
        }
    }
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_one_name() {
        let chains = [
            (BITCOIN_MAIN, Chain::Bitcoin(Network::Main)),
            (BITCOIN_TEST, Chain::Bitcoin(Network::Test)),
            (BITCOIN_REGTEST, Chain::Bitcoin(Network::Regtest)),
            ("eip155:1", Chain::Evm(1)),
            ("eip155:137", Chain::Evm(137)),
            ("eip155:18446744073709551615", Chain::Evm(u64::MAX)),
        ];
        for (text, chain) in chains {
            assert_eq!(text.parse(), Ok(chain));
            assert_eq!(chain.to_string(), text);
            assert_eq!(serde_json::to_value(chain).unwrap(), text);
            assert_eq!(serde_json::from_value::<Chain>(text.into()).unwrap(), chain);
        }
        for text in [
            "",
            "bitcoin",
            "eip155:",
            "eip155:0",
            "eip155:01",
            "eip155:+1",
            "eip155:-1",
            "eip155:18446744073709551616",
            "EIP155:1",
            " eip155:1",
            "bip122:000000000019D6689C085AE165831E93",
            "bip122:000000000019d6689c085ae165831e93 ",
            "bip122:00000008819873e925422c1ff0f99f7c", // signet
        ] {
            assert_eq!(text.parse::<Chain>().unwrap_err().code(), "unknown_chain", "{text:?}");
        }
    }
}
