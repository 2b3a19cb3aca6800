//! The first letters of an extended public key, and what they promise.

use crate::invalid::Invalid;
use crate::onchain::chain::{Chain, Network};
use crate::onchain::keys::Script;

const XPUB: [u8; 4] = [0x04, 0x88, 0xb2, 0x1e];
const TPUB: [u8; 4] = [0x04, 0x35, 0x87, 0xcf];

/// SLIP-132's registered prefixes of public keys for one signer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Xpub,
    Ypub,
    Zpub,
    Tpub,
    Upub,
    Vpub,
}

impl Prefix {
    /// The prefix that a key's first four bytes make.
    pub(super) fn of(version: [u8; 4]) -> Result<Self, Invalid> {
        match version {
            XPUB => Ok(Self::Xpub),
            [0x04, 0x9d, 0x7c, 0xb2] => Ok(Self::Ypub),
            [0x04, 0xb2, 0x47, 0x46] => Ok(Self::Zpub),
            TPUB => Ok(Self::Tpub),
            [0x04, 0x4a, 0x52, 0x62] => Ok(Self::Upub),
            [0x04, 0x5f, 0x1c, 0xf6] => Ok(Self::Vpub),
            [0x02, 0x95, 0xb4, 0x3f]
            | [0x02, 0xaa, 0x7e, 0xd3]
            | [0x02, 0x42, 0x89, 0xef]
            | [0x02, 0x57, 0x54, 0x83] => Err(Invalid::NotAnAccountKey(
                "it is a cosigner's key (Ypub, Zpub, Upub, Vpub); several signers are not watched",
            )),
            _ => Err(Invalid::NotAnAccountKey("its prefix is none of xpub, ypub, zpub, tpub, upub and vpub")),
        }
    }

    fn is_main(self) -> bool {
        match self {
            Self::Xpub | Self::Ypub | Self::Zpub => true,
            Self::Tpub | Self::Upub | Self::Vpub => false,
        }
    }

    /// BIP32's own prefix of the same network.
    pub(super) fn plain(self) -> [u8; 4] {
        if self.is_main() { XPUB } else { TPUB }
    }

    /// Whether accounts of this type on this chain are written with this prefix.
    pub(super) fn check(self, chain: Chain, script: Script) -> Result<(), Invalid> {
        let wrong = |hint| Err(Invalid::WrongScript { script, chain, hint });
        let is_main = match (chain, script) {
            (Chain::Bitcoin(_), Script::Evm) => return wrong("evm is for chains of the Ethereum family"),
            (Chain::Evm(_), Script::P2pkh | Script::P2shP2wpkh | Script::P2wpkh | Script::P2tr) => {
                return wrong("chains of the Ethereum family have the type evm only");
            }
            // Ethereum's test chains use the keys of the main one.
            (Chain::Bitcoin(Network::Main), _) | (Chain::Evm(_), Script::Evm) => true,
            (Chain::Bitcoin(Network::Test | Network::Regtest), _) => false,
        };
        if self.is_main() != is_main {
            return Err(Invalid::WrongNetwork { expected: chain });
        }
        match (self, script) {
            (Self::Xpub | Self::Tpub, Script::P2pkh | Script::P2tr | Script::Evm)
            | (Self::Ypub | Self::Upub, Script::P2shP2wpkh)
            | (Self::Zpub | Self::Vpub, Script::P2wpkh) => Ok(()),
            (_, Script::P2pkh | Script::P2tr | Script::Evm) => {
                wrong("such accounts are written as xpub (tpub in tests)")
            }
            (_, Script::P2shP2wpkh) => wrong("such accounts are written as ypub (upub in tests)"),
            (_, Script::P2wpkh) => wrong("such accounts are written as zpub (vpub in tests)"),
        }
    }
}
