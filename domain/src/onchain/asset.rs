//! Assets by chain and contract, in their CAIP-19 names; never by symbol: anybody may call a token USDC.

use super::address::Address;
use super::chain::{Chain, Network};
use crate::invalid::Invalid;
use crate::money::{Money, shortened};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// The most decimals that an asset may have here.
pub const DECIMALS_MAX: u8 = 18;

/// Which asset, for example `eip155:1/slip44:60`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetId {
    /// Where it is.
    pub chain: Chain,
    /// What it is there.
    pub token: Token,
}

/// What an asset is on its chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Token {
    /// The chain's own coin, by its number in SLIP-44.
    Coin(u32),
    /// The token of a contract, by its address.
    Erc20([u8; 20]),
}

/// An asset with the digits after its point. They come from configuration: USDC has 6 on Ethereum and 18 on BSC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asset {
    /// Which.
    pub id: AssetId,
    /// Digits after the point, at most [`DECIMALS_MAX`].
    pub decimals: u8,
}

impl Asset {
    /// Reads an asset by its CAIP-19 name.
    ///
    /// # Errors
    /// [`Invalid::UnknownAsset`], also for more than [`DECIMALS_MAX`] decimals.
    pub fn parse(name: &str, decimals: u8) -> Result<Self, Invalid> {
        let id: AssetId = name.parse()?;
        if decimals > DECIMALS_MAX { Err(Invalid::UnknownAsset(shortened(name))) } else { Ok(Self { id, decimals }) }
    }

    /// So many minor units of it.
    #[must_use]
    pub fn of_minor(self, minor: i128) -> Money {
        Money::of_minor(minor, self.into())
    }
}

impl AssetId {
    /// The address of the token's contract; none for a chain's own coin.
    #[must_use]
    pub fn contract(self) -> Option<Address> {
        match self.token {
            Token::Coin(_) => None,
            Token::Erc20(contract) => Some(Address::of_evm(contract, self.chain)),
        }
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.token {
            Token::Coin(number) => write!(f, "{}/slip44:{number}", self.chain),
            Token::Erc20(contract) => {
                write!(f, "{}/erc20:0x", self.chain)?;
                contract.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} decimals", self.id, self.decimals)
    }
}

impl FromStr for AssetId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let unknown = || Invalid::UnknownAsset(shortened(text));
        let (chain, token) = text.split_once('/').ok_or_else(unknown)?;
        let chain: Chain = chain.parse()?;
        let token = match (chain, token.split_once(':').ok_or_else(unknown)?) {
            (Chain::Bitcoin(Network::Main), ("slip44", "0")) => Token::Coin(0),
            (Chain::Bitcoin(Network::Test | Network::Regtest), ("slip44", "1")) => Token::Coin(1),
            (Chain::Evm(_), ("slip44", number)) => {
                let coin = number.parse().ok().filter(|it: &u32| it.to_string() == number);
                Token::Coin(coin.ok_or_else(unknown)?)
            }
            (Chain::Evm(_), ("erc20", contract)) => Token::Erc20(contract_of(contract).ok_or_else(unknown)?),
            (Chain::Bitcoin(_) | Chain::Evm(_), _) => return Err(unknown()),
        };
        Ok(Self { chain, token })
    }
}

/// Twenty bytes in hexadecimal; capitals are only a checksum and are not kept.
fn contract_of(text: &str) -> Option<[u8; 20]> {
    let digits = text.strip_prefix("0x").filter(|it| it.len() == 40 && it.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let mut contract = [0; 20];
    for (nth, byte) in contract.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(nth * 2..nth * 2 + 2)?, 16).ok()?;
    }
    Some(contract)
}

impl Serialize for AssetId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AssetId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_named_by_chain_and_contract() {
        for name in [
            "bip122:000000000019d6689c085ae165831e93/slip44:0",
            "bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:1",
            "eip155:1/slip44:60",
            "eip155:56/erc20:0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d",
        ] {
            assert_eq!(name.parse::<AssetId>().unwrap().to_string(), name);
        }
        let checksummed = "eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
        assert_eq!(checksummed.parse::<AssetId>().unwrap().to_string(), checksummed.to_lowercase());
        for bad in [
            "USDC",
            "eip155:1",
            "eip155:01/slip44:60",
            "eip155:1/slip44:060",
            "eip155:1/erc20:0xa0b8",
            "eip155:1/erc721:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            "bip122:000000000019d6689c085ae165831e93/slip44:1",
            "bip122:000000000019d6689c085ae165831e93/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
        ] {
            assert!(bad.parse::<AssetId>().is_err(), "{bad}");
        }
        assert!(Asset::parse("eip155:1/slip44:60", 19).is_err());
    }
}
