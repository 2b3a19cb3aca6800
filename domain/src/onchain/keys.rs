//! An account's public key, and the addresses that come from it: what a watch-only wallet is made of.
//!
//! From an account's extended public key (BIP32) everybody can compute its addresses and nobody can spend from them.
//! Only children that are not hardened can be computed, which is why wallets give this key away at depth 3:
//! `m / purpose' / coin' / account'`. The prefix of its text (SLIP-132) says which addresses its wallet looks at; a key
//! read for another type would give addresses that the merchant's wallet never shows.

mod prefix;

use super::address::Address;
use super::chain::Chain;
use super::secret;
use crate::invalid::Invalid;
use bitcoin::base58;
use bitcoin::bip32::{ChildNumber, Xpub};
use bitcoin::secp256k1::{PublicKey, Secp256k1, VerifyOnly};
use prefix::Prefix;
use serde::{Deserialize, Serialize};
use sha3::{Digest, Keccak256};
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The depth of an account in BIP44's tree and in those that follow it.
const ACCOUNT_DEPTH: u8 = 3;
/// The branch whose addresses are given to payers; the other one is for the wallet's own change.
const EXTERNAL_BRANCH: u32 = 0;

static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// The type of address that an account gives out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// BIP44: addresses that begin with 1.
    P2pkh,
    /// BIP49: SegWit inside a script hash, addresses that begin with 3.
    #[serde(rename = "p2sh_p2wpkh")]
    P2shP2wpkh,
    /// BIP84: SegWit, addresses that begin with bc1q.
    P2wpkh,
    /// BIP86: Taproot with a key alone, addresses that begin with bc1p.
    P2tr,
    /// Ethereum's `m/44'/60'/0'`: addresses that begin with 0x.
    Evm,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P2pkh => "p2pkh",
            Self::P2shP2wpkh => "p2sh_p2wpkh",
            Self::P2wpkh => "p2wpkh",
            Self::P2tr => "p2tr",
            Self::Evm => "evm",
        })
    }
}

/// An account's extended public key, with the chain and the type of address that it is for.
///
/// In JSON: `{"key": "zpub…", "chain": "bip122:…", "script": "p2wpkh"}`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct AccountKey {
    text: Arc<str>,
    chain: Chain,
    script: Script,
    account: Xpub,
    /// Computed once: the addresses are its children.
    external: Xpub,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: String,
    chain: Chain,
    script: Script,
}

impl AccountKey {
    /// Reads an account's key as wallets export it: xpub, ypub or zpub, and tpub, upub or vpub of the test networks.
    ///
    /// Taproot and Ethereum accounts have no prefix of their own and are written as xpub (tpub).
    ///
    /// # Errors
    /// [`Invalid::PrivateKey`] for a private key, [`Invalid::WrongNetwork`] and [`Invalid::WrongScript`] where the
    /// prefix says another network or another type of address, [`Invalid::NotAnAccountKey`] otherwise.
    pub fn parse(text: &str, chain: Chain, script: Script) -> Result<Self, Invalid> {
        secret::refuse_key(text)?;
        let mut bytes: [u8; 78] = base58::decode_check(text)
            .map_err(|_| Invalid::NotAnAccountKey("it is not Base58 text, or a character of it is mistyped"))?
            .try_into()
            .map_err(|_| Invalid::NotAnAccountKey("it is too short or too long; it has about 111 characters"))?;
        let [a, b, c, d, ..] = bytes;
        let prefix = Prefix::of([a, b, c, d])?;
        prefix.check(chain, script)?;
        // The library knows BIP32's own two prefixes only.
        bytes.iter_mut().zip(prefix.plain()).for_each(|(byte, new)| *byte = new);
        let account =
            Xpub::decode(&bytes).map_err(|_| Invalid::NotAnAccountKey("there is no such point on the curve"))?;
        if account.depth != ACCOUNT_DEPTH {
            return Err(Invalid::NotAnAccountKey(
                "it must be the key of an account (depth 3, as in m/84'/0'/0'), not of a root, a branch or an address",
            ));
        }
        if !account.child_number.is_hardened() {
            return Err(Invalid::NotAnAccountKey("accounts are derived with hardened steps, as in m/84'/0'/0'"));
        }
        let external = child(&account, EXTERNAL_BRANCH)?;
        Ok(Self { text: text.into(), chain, script, account, external })
    }

    /// The address of an index: the child `0 / index` of the account, never a hardened one.
    ///
    /// # Errors
    /// [`Invalid::NoSuchAddress`] from 2^31 on.
    pub fn address(&self, index: u32) -> Result<Address, Invalid> {
        let key = child(&self.external, index)?;
        let network = match self.chain {
            Chain::Bitcoin(network) => network,
            Chain::Evm(_) => return Ok(evm(&key.public_key, self.chain)),
        };
        let library = network.library();
        let address = match self.script {
            Script::P2pkh => bitcoin::Address::p2pkh(key.to_pub(), library),
            Script::P2shP2wpkh => bitcoin::Address::p2shwpkh(&key.to_pub(), library),
            Script::P2wpkh => bitcoin::Address::p2wpkh(&key.to_pub(), library),
            Script::P2tr => bitcoin::Address::p2tr(&CURVE, key.to_x_only_pub(), None, library),
            // Parsing has refused it: this type is for the chains above.
            Script::Evm => return Err(Invalid::NotAnAddress { chain: self.chain }),
        };
        Ok(Address::of_bitcoin(&address, network))
    }

    /// The key as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The chain it is for.
    #[must_use]
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// The type of address it gives out.
    #[must_use]
    pub fn script(&self) -> Script {
        self.script
    }

    /// BIP32's short name of the account's key: eight hexadecimal digits that wallets show too.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.account.fingerprint().to_string()
    }
}

/// A child that everybody can compute. A tweak that the curve does not have (one in 2^127) is an index without address.
fn child(parent: &Xpub, index: u32) -> Result<Xpub, Invalid> {
    let no_such = |_| Invalid::NoSuchAddress(index);
    let number = ChildNumber::from_normal_idx(index).map_err(no_such)?;
    parent.ckd_pub(&CURVE, number).map_err(no_such)
}

/// The last 20 bytes of the hash of the key's two coordinates.
fn evm(key: &PublicKey, chain: Chain) -> Address {
    let uncompressed = key.serialize_uncompressed();
    let hash: [u8; 32] = Keccak256::digest(uncompressed.split_first().map_or(&[][..], |(_, point)| point)).into();
    let mut bytes = [0; 20];
    bytes.iter_mut().zip(hash.iter().skip(12)).for_each(|(byte, from)| *byte = *from);
    Address::of_evm(bytes, chain)
}

impl TryFrom<Written> for AccountKey {
    type Error = Invalid;

    fn try_from(it: Written) -> Result<Self, Invalid> {
        Self::parse(&it.key, it.chain, it.script)
    }
}

impl From<AccountKey> for Written {
    fn from(it: AccountKey) -> Self {
        Self { key: it.text.to_string(), chain: it.chain, script: it.script }
    }
}

impl PartialEq for AccountKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.chain, self.script) == (&other.text, other.chain, other.script)
    }
}

impl Eq for AccountKey {}

/// Whoever has the key sees all that the account ever gets: logs show the fingerprint.
impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({} {} on {})", self.fingerprint(), self.script, self.chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onchain::Network;
    use bitcoin::bip32::{DerivationPath, Xpriv};
    use std::time::Instant;

    const MAIN: Chain = Chain::Bitcoin(Network::Main);
    const TEST: Chain = Chain::Bitcoin(Network::Test);
    const REGTEST: Chain = Chain::Bitcoin(Network::Regtest);
    const ETHEREUM: Chain = Chain::Evm(1);

    const BIP44: &str = "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj";
    const BIP49: &str = "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP";
    const BIP84: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
    const BIP86: &str = "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ";
    const ETH: &str = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt";

    fn address(key: &str, chain: Chain, script: Script, index: u32) -> String {
        AccountKey::parse(key, chain, script).unwrap().address(index).unwrap().to_string()
    }

    #[test]
    fn accounts_give_the_addresses_that_wallets_show() {
        let cases = [
            (BIP44, MAIN, Script::P2pkh, 0, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"),
            (BIP44, MAIN, Script::P2pkh, 1, "1Ak8PffB2meyfYnbXZR9EGfLfFZVpzJvQP"),
            (BIP49, MAIN, Script::P2shP2wpkh, 0, "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"),
            (BIP84, MAIN, Script::P2wpkh, 0, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
            (BIP84, MAIN, Script::P2wpkh, 1, "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"),
            (BIP86, MAIN, Script::P2tr, 0, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
            (BIP86, MAIN, Script::P2tr, 1, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"),
            (ETH, ETHEREUM, Script::Evm, 0, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"),
            (ETH, ETHEREUM, Script::Evm, 1, "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0"),
            (ETH, Chain::Evm(137), Script::Evm, 1, "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0"),
        ];
        for (key, chain, script, index, expected) in cases {
            assert_eq!(address(key, chain, script, index), expected);
        }
    }

    /// An account of the vectors' phrase, written with any prefix; and the same account's private side.
    fn account(path: &str, version: [u8; 4]) -> (String, Xpriv) {
        let phrase = ["abandon"; 11].join(" ") + " about";
        let seed = bip39::Mnemonic::parse(phrase).unwrap().to_seed("");
        let curve = Secp256k1::new();
        let root = Xpriv::new_master(bitcoin::Network::Bitcoin, &seed).unwrap();
        let account = root.derive_priv(&curve, &path.parse::<DerivationPath>().unwrap()).unwrap();
        let mut bytes = Xpub::from_priv(&curve, &account).encode();
        bytes[..4].copy_from_slice(&version);
        (base58::encode_check(&bytes), account)
    }

    const XPUB: [u8; 4] = [0x04, 0x88, 0xb2, 0x1e];
    const TPUB: [u8; 4] = [0x04, 0x35, 0x87, 0xcf];
    const UPUB: [u8; 4] = [0x04, 0x4a, 0x52, 0x62];
    const VPUB: [u8; 4] = [0x04, 0x5f, 0x1c, 0xf6];
    const MULTISIG_ZPUB: [u8; 4] = [0x02, 0xaa, 0x7e, 0xd3];

    #[test]
    fn test_networks_have_keys_and_addresses_of_their_own() {
        let cases = [
            ("m/44h/1h/0h", TPUB, "tpub", TEST, Script::P2pkh, "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV"),
            // BIP49's own vector.
            ("m/49h/1h/0h", UPUB, "upub", TEST, Script::P2shP2wpkh, "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"),
            ("m/84h/1h/0h", VPUB, "vpub", TEST, Script::P2wpkh, "tb1q6rz28mcfaxtmd6v789l9rrlrusdprr9pqcpvkl"),
            ("m/84h/1h/0h", VPUB, "vpub", REGTEST, Script::P2wpkh, "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"),
        ];
        for (path, version, prefix, chain, script, expected) in cases {
            let (key, _) = account(path, version);
            assert_eq!(&key[..4], prefix);
            assert_eq!(address(&key, chain, script, 0), expected);
        }
    }

    #[test]
    fn the_public_side_agrees_with_the_private_one() {
        let (key, private) = account("m/44h/60h/7h", XPUB);
        let parsed = AccountKey::parse(&key, ETHEREUM, Script::Evm).unwrap();
        let curve = Secp256k1::new();
        for index in [0, 1, 19, 20, 999_999, (1 << 31) - 1] {
            let path: DerivationPath = format!("m/0/{index}").parse().unwrap();
            let child = private.derive_priv(&curve, &path).unwrap();
            let expected = evm(&child.private_key.public_key(&curve), ETHEREUM);
            assert_eq!(parsed.address(index), Ok(expected));
        }
        for index in [1 << 31, u32::MAX] {
            assert_eq!(parsed.address(index), Err(Invalid::NoSuchAddress(index)));
        }
        assert_eq!(parsed.fingerprint(), Xpub::from_priv(&curve, &private).fingerprint().to_string());
    }

    #[test]
    fn a_key_is_for_its_own_network_and_type_only() {
        let (tpub, _) = account("m/44h/1h/0h", TPUB);
        let (vpub, _) = account("m/84h/1h/0h", VPUB);
        let (root, _) = account("m", XPUB);
        let (branch, _) = account("m/44h/0h/0h/0", XPUB);
        let (soft, _) = account("m/44h/0h/0", XPUB);
        let (cosigner, _) = account("m/48h/0h/0h", MULTISIG_ZPUB);
        let cases: &[(&str, &str, Chain, Script)] = &[
            ("wrong_script", BIP44, MAIN, Script::P2wpkh),
            ("wrong_script", BIP44, MAIN, Script::P2shP2wpkh),
            ("wrong_script", BIP49, MAIN, Script::P2wpkh),
            ("wrong_script", BIP49, MAIN, Script::P2pkh),
            ("wrong_script", BIP84, MAIN, Script::P2shP2wpkh),
            ("wrong_script", BIP84, MAIN, Script::P2tr),
            ("wrong_script", BIP84, ETHEREUM, Script::Evm),
            ("wrong_script", BIP44, MAIN, Script::Evm),
            ("wrong_script", ETH, ETHEREUM, Script::P2pkh),
            ("wrong_script", &tpub, TEST, Script::P2wpkh),
            ("wrong_network", BIP84, TEST, Script::P2wpkh),
            ("wrong_network", BIP84, REGTEST, Script::P2wpkh),
            ("wrong_network", BIP44, TEST, Script::P2pkh),
            ("wrong_network", &tpub, MAIN, Script::P2pkh),
            ("wrong_network", &vpub, MAIN, Script::P2wpkh),
            ("wrong_network", &tpub, ETHEREUM, Script::Evm),
            ("not_an_account_key", &root, MAIN, Script::P2pkh),
            ("not_an_account_key", &branch, MAIN, Script::P2pkh),
            ("not_an_account_key", &soft, MAIN, Script::P2pkh),
            ("not_an_account_key", &cosigner, MAIN, Script::P2wpkh),
            ("not_an_account_key", "", MAIN, Script::P2pkh),
            ("not_an_account_key", "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA", MAIN, Script::P2pkh),
            ("not_an_account_key", &BIP44.replace("Bosf", "Bosg"), MAIN, Script::P2pkh),
            ("not_an_account_key", &format!(" {BIP44}"), MAIN, Script::P2pkh),
            ("private_key_not_allowed", "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617", MAIN, Script::P2pkh),
            (
                "private_key_not_allowed",
                "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35",
                MAIN,
                Script::P2pkh,
            ),
        ];
        for (code, key, chain, script) in cases {
            let read = AccountKey::parse(key, *chain, *script);
            assert_eq!(read.map_err(|it| it.code()), Err(*code), "{key} as {script} on {chain}");
        }
    }

    #[test]
    fn a_private_account_is_refused_under_every_prefix() {
        // xprv, yprv, zprv, tprv, uprv, vprv, and the two cosigners'.
        let versions: [u32; 8] =
            [0x0488_ade4, 0x049d_7878, 0x04b2_430c, 0x0435_8394, 0x044a_4e28, 0x045f_18bc, 0x0295_b005, 0x02aa_7a99];
        let (_, private) = account("m/84h/0h/0h", XPUB);
        for version in versions {
            let mut bytes = private.encode();
            bytes[..4].copy_from_slice(&version.to_be_bytes());
            let text = base58::encode_check(&bytes);
            assert_eq!(AccountKey::parse(&text, MAIN, Script::P2wpkh), Err(Invalid::PrivateKey), "{}", &text[..4]);
            assert_eq!(secret::refuse(&format!("memo:{text}")), Err(Invalid::PrivateKey), "{}", &text[..4]);
        }
    }

    #[test]
    fn in_json_it_is_its_three_parts() {
        let key = AccountKey::parse(BIP49, MAIN, Script::P2shP2wpkh).unwrap();
        let json = serde_json::json!({ "key": BIP49, "chain": MAIN.to_string(), "script": "p2sh_p2wpkh" });
        assert_eq!(serde_json::to_value(&key).unwrap(), json);
        assert_eq!(serde_json::from_value::<AccountKey>(json).unwrap(), key);
        assert!(!format!("{key:?}").contains(BIP49));
    }

    /// Prints a figure; `cargo test --release -p mizan-domain ten_thousand -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn ten_thousand_addresses() {
        for (key, chain, script) in
            [(BIP84, MAIN, Script::P2wpkh), (BIP86, MAIN, Script::P2tr), (ETH, ETHEREUM, Script::Evm)]
        {
            let start = Instant::now();
            let key = AccountKey::parse(key, chain, script).unwrap();
            assert!((0..10_000).all(|index| key.address(index).is_ok()));
            println!("10,000 {script} addresses in {:?}", start.elapsed());
        }
    }
}
