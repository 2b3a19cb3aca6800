//! Addresses, checked for the chain that they are meant for.
//!
//! An address is wrong silently and for ever: whoever pays to a mistyped one, or to one of a test network, has paid
//! nobody. So a checksum that fails, a network that is not the expected one and an output type that nobody can spend
//! safely are all refused here, and nowhere else is an address read.

use super::chain::{Chain, Network};
use super::secret;
use crate::invalid::Invalid;
use bitcoin::AddressType;
use bitcoin::address::NetworkUnchecked;
use bitcoin::hex::{DisplayHex, FromHex};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha3::{Digest, Keccak256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// An address on its chain, in its one canonical spelling: lower-case Bech32, Base58 as it is, EIP-55 for EVM chains.
/// In JSON it is one text, its CAIP-10 account id: the chain, a colon, the address.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    chain: Chain,
    text: Arc<str>,
}

impl Address {
    /// Reads an address of a chain.
    ///
    /// An EVM address in mixed case must carry the right EIP-55 checksum; in one case only it carries none.
    ///
    /// # Errors
    /// [`Invalid::WrongNetwork`] for an address of another Bitcoin network, [`Invalid::AddressChecksum`] where a
    /// character was mistyped, [`Invalid::PrivateKey`] where a key was put, [`Invalid::NotAnAddress`] otherwise.
    pub fn parse(text: &str, chain: Chain) -> Result<Self, Invalid> {
        secret::refuse(text)?;
        match chain {
            Chain::Bitcoin(network) => bitcoin_address(text, network),
            Chain::Evm(_) => evm_address(text, chain),
        }
    }

    pub(super) fn of_bitcoin(address: &bitcoin::Address, network: Network) -> Self {
        Self { chain: Chain::Bitcoin(network), text: address.to_string().into() }
    }

    pub(super) fn of_evm(bytes: [u8; 20], chain: Chain) -> Self {
        Self { chain, text: checksummed(bytes).into() }
    }

    /// The canonical text, without the chain.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The chain that it is on.
    #[must_use]
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// The bytes by which the chain itself knows it: a Bitcoin output's script, the 20 bytes of an EVM account. Nodes
    /// write addresses in different ways, and these in one.
    #[must_use]
    pub fn on_chain_bytes(&self) -> Vec<u8> {
        match self.chain {
            Chain::Bitcoin(_) => bitcoin::Address::<NetworkUnchecked>::from_str(&self.text)
                .map(|it| it.assume_checked().script_pubkey().into_bytes())
                .unwrap_or_default(),
            Chain::Evm(_) => evm_bytes(&self.text).map(Vec::from).unwrap_or_default(),
        }
    }
}

fn bitcoin_address(text: &str, network: Network) -> Result<Address, Invalid> {
    let chain = Chain::Bitcoin(network);
    let read = bitcoin::Address::<NetworkUnchecked>::from_str(text).map_err(|error| match error {
        bitcoin::address::ParseError::Base58(bitcoin::base58::Error::IncorrectChecksum(_)) => Invalid::AddressChecksum,
        _ if fails_bech32_checksum(text) => Invalid::AddressChecksum,
        // The library's enum may grow; whatever else is wrong, it is no address.
        _ => Invalid::NotAnAddress { chain },
    })?;
    let address = read.require_network(network.library()).map_err(|_| Invalid::WrongNetwork { expected: chain })?;
    match address.address_type() {
        Some(AddressType::P2pkh | AddressType::P2sh | AddressType::P2wpkh | AddressType::P2wsh | AddressType::P2tr) => {
            Ok(Address::of_bitcoin(&address, network))
        }
        // Pay-to-anchor and witness versions of the future: anybody could take what is sent there.
        Some(_) | None => Err(Invalid::NotAnAddress { chain }),
    }
}

/// Whether a text has the shape of a SegWit address and only its checksum is wrong.
fn fails_bech32_checksum(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let one_case = lower == text || text.to_ascii_uppercase() == text;
    let data = ["bcrt1", "bc1", "tb1"].iter().find_map(|prefix| lower.strip_prefix(prefix));
    let in_alphabet = |data: &str| data.bytes().all(|b| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&b));
    one_case && data.is_some_and(|it| matches!(it.len(), 39 | 59) && in_alphabet(it))
}

fn evm_address(text: &str, chain: Chain) -> Result<Address, Invalid> {
    let bytes = evm_bytes(text).ok_or(Invalid::NotAnAddress { chain })?;
    let address = Address::of_evm(bytes, chain);
    let has_checksum =
        text.bytes().skip(2).any(|b| b.is_ascii_uppercase()) && text.bytes().skip(2).any(|b| b.is_ascii_lowercase());
    if has_checksum && address.as_str() != text {
        return Err(Invalid::AddressChecksum);
    }
    Ok(address)
}

fn evm_bytes(text: &str) -> Option<[u8; 20]> {
    <[u8; 20]>::from_hex(text.strip_prefix("0x")?).ok()
}

/// EIP-55: a letter is a capital where the hash of the lower-case text has a digit of eight or more.
fn checksummed(bytes: [u8; 20]) -> String {
    let plain = bytes.to_lower_hex_string();
    let hash = Keccak256::digest(plain.as_bytes());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let cased = plain.chars().zip(nibbles).map(|(c, n)| if n >= 8 { c.to_ascii_uppercase() } else { c });
    "0x".chars().chain(cased).collect()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chain, self.text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{}", self.chain, self.text))
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        secret::refuse(&text).map_err(de::Error::custom)?;
        let (chain, address) = text.rsplit_once(':').ok_or_else(|| {
            de::Error::custom("an address in JSON is its CAIP-10 text: the chain, a colon, the address")
        })?;
        let chain = chain.parse().map_err(de::Error::custom)?;
        Self::parse(address, chain).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: Chain = Chain::Bitcoin(Network::Main);
    const TEST: Chain = Chain::Bitcoin(Network::Test);
    const REGTEST: Chain = Chain::Bitcoin(Network::Regtest);
    const ETHEREUM: Chain = Chain::Evm(1);

    #[test]
    fn an_address_has_one_spelling() {
        let same = [
            (MAIN, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"),
            (MAIN, "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"),
            (MAIN, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
            // BIP173's P2WSH and BIP86's P2TR.
            (MAIN, "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3"),
            (MAIN, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
            (TEST, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
            (TEST, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"),
            (REGTEST, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"),
            (REGTEST, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
            (ETHEREUM, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            (ETHEREUM, "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
            (ETHEREUM, "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"),
            (ETHEREUM, "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"),
            (ETHEREUM, "0x52908400098527886E0F7030069857D2E4169EE7"),
            (ETHEREUM, "0x8617E340B3D01FA5F11F306F4090FD50E238070D"),
            (ETHEREUM, "0xde709f2102306220921060314715629080e2fb77"),
            (ETHEREUM, "0x27b1fdb04752bbc536007a920d24acb045561c26"),
        ];
        for (chain, text) in same {
            let address = Address::parse(text, chain).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((address.as_str(), address.chain()), (text, chain));
            let json = serde_json::to_value(&address).unwrap();
            assert_eq!(json, format!("{chain}:{text}"));
            assert_eq!(serde_json::from_value::<Address>(json).unwrap(), address);
        }
        let others = [
            (MAIN, "BC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
            (ETHEREUM, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            (ETHEREUM, "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ];
        for (chain, text, canonical) in others {
            assert_eq!(Address::parse(text, chain).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn what_would_lose_money_is_refused() {
        let refused = [
            ("address_checksum", MAIN, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabB"),
            ("address_checksum", MAIN, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyv"),
            ("address_checksum", ETHEREUM, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"),
            ("wrong_network", TEST, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"),
            ("wrong_network", MAIN, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"),
            ("wrong_network", MAIN, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
            ("wrong_network", REGTEST, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
            ("wrong_network", TEST, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
            ("not_an_address", MAIN, ""),
            ("not_an_address", MAIN, " 1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"),
            ("not_an_address", MAIN, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            ("not_an_address", MAIN, "bc1pfeessrawgf"), // pay to anchor
            ("not_an_address", MAIN, "bc1sw50qgdz25j"), // witness version 16
            ("not_an_address", MAIN, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306FYU"),
            ("not_an_address", MAIN, "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9"), // Litecoin
            ("not_an_address", ETHEREUM, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"),
            ("not_an_address", ETHEREUM, "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            ("not_an_address", ETHEREUM, "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            ("not_an_address", ETHEREUM, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"),
            ("not_an_address", ETHEREUM, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd"),
            ("not_an_address", ETHEREUM, "vitalik.eth"),
            ("private_key_not_allowed", MAIN, "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"),
        ];
        for (code, chain, text) in refused {
            assert_eq!(Address::parse(text, chain).map_err(|it| it.code()), Err(code), "{text:?} on {chain}");
        }
    }

    #[test]
    fn the_chain_knows_an_address_by_its_bytes() {
        let script = |text: &str, chain| Address::parse(text, chain).unwrap().on_chain_bytes().to_lower_hex_string();
        let p2wpkh = script("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", MAIN);
        assert_eq!(p2wpkh, "0014751e76e8199196d454941c45d1b3a323f1433bd6"); // BIP173
        let account = script("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ETHEREUM);
        assert_eq!(account, "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed");
    }
}
