//! Account keys. A stand-in until keys are derived: its addresses are made up.

use super::address::Address;
use super::chain::Chain;
use crate::id::derived_uuid;
use crate::invalid::Invalid;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an address pays to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// BIP44.
    P2pkh,
    /// BIP49.
    P2shP2wpkh,
    /// BIP84.
    P2wpkh,
    /// BIP86.
    P2tr,
    /// An account of an Ethereum-like chain.
    Evm,
}

/// A checked account-level public key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct AccountKey {
    key: Arc<str>,
    chain: Chain,
    script: Script,
}

#[derive(Deserialize)]
struct Unchecked {
    key: String,
    chain: Chain,
    script: Script,
}

impl TryFrom<Unchecked> for AccountKey {
    type Error = Invalid;

    fn try_from(read: Unchecked) -> Result<Self, Invalid> {
        Self::parse(&read.key, read.chain, read.script)
    }
}

impl AccountKey {
    /// Reads an account key.
    ///
    /// # Errors
    /// [`Invalid::NotAnAccountKey`].
    pub fn parse(text: &str, chain: Chain, script: Script) -> Result<Self, Invalid> {
        let is_public = text.len() > 4 && text.get(1..4) == Some("pub");
        let is_of_chain = matches!(chain, Chain::Evm(_)) == (script == Script::Evm);
        if !is_public || !is_of_chain {
            return Err(Invalid::NotAnAccountKey);
        }
        Ok(Self { key: text.into(), chain, script })
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// The address at an index of the external branch.
    ///
    /// # Errors
    /// [`Invalid`] for an index that has none.
    pub fn address(&self, index: u32) -> Result<Address, Invalid> {
        let name = derived_uuid(&["address", &self.key, &index.to_string()]).simple().to_string();
        let text = match self.chain {
            Chain::Bitcoin(_) => format!("bc1q{name}"),
            Chain::Evm(_) => format!("0x{name}00000000"),
        };
        Address::parse(&text, self.chain)
    }
}
