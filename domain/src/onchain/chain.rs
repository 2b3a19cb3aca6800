//! Chains by their CAIP-2 names.

use crate::invalid::Invalid;
use crate::money::shortened;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A chain on which payments are made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Chain {
    /// Bitcoin, by its network.
    Bitcoin(Network),
    /// An Ethereum-like chain, by its chain id.
    Evm(u64),
}

/// A network of Bitcoin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Network {
    /// Real money.
    Main,
    /// The public test network.
    Test,
    /// A private test network.
    Regtest,
}

impl Network {
    const ALL: [Self; 3] = [Self::Main, Self::Test, Self::Regtest];

    /// The first 32 digits of the hash of its first block.
    fn genesis(self) -> &'static str {
        match self {
            Self::Main => "000000000019d6689c085ae165831e93",
            Self::Test => "000000000933ea01ad0ee984209779ba",
            Self::Regtest => "0f9188f13cb7b2c71f2a335e3a4fc328",
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bitcoin(network) => write!(f, "bip122:{}", network.genesis()),
            Self::Evm(id) => write!(f, "eip155:{id}"),
        }
    }
}

impl FromStr for Chain {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let unknown = || Invalid::UnknownChain(shortened(text));
        if let Some(genesis) = text.strip_prefix("bip122:") {
            let network = Network::ALL.into_iter().find(|it| it.genesis() == genesis);
            return network.map(Self::Bitcoin).ok_or_else(unknown);
        }
        let id: u64 = text.strip_prefix("eip155:").and_then(|it| it.parse().ok()).ok_or_else(unknown)?;
        if Self::Evm(id).to_string() == text && id > 0 { Ok(Self::Evm(id)) } else { Err(unknown()) }
    }
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
