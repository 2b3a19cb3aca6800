//! What can have happened to a wallet. These shapes are written once and read for ever.

use super::command::Agreement;
use crate::id::{InvoiceId, WalletId};
use crate::onchain::{AccountKey, Address};
use crate::order::Timestamp;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a wallet.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `wallet-opened`
    Opened(Box<Opened>),
    /// `wallet-address-allocated`
    AddressAllocated(Box<AddressAllocated>),
    /// `wallet-address-used`
    AddressUsed(AddressUsed),
}

impl Event {
    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Opened(it) => it.at,
            Self::AddressAllocated(it) => it.at,
            Self::AddressUsed(it) => it.at,
        }
    }
}

/// Its addresses are used from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The wallet.
    pub wallet_id: WalletId,
    /// From which all addresses derive.
    pub key: AccountKey,
    /// What the merchant calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// An address was given to an invoice, for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddressAllocated {
    /// The wallet.
    pub wallet_id: WalletId,
    /// Its place on the external branch; none is given twice.
    pub index: u32,
    /// The address.
    pub address: Address,
    /// What is to be paid there.
    pub agreement: Agreement,
    /// How many addresses in a row, this one counted, nobody has paid to.
    pub unused_in_a_row: u32,
    /// Whether that is as many as a wallet program looks ahead: a restored wallet may not find this address by itself.
    pub is_beyond_gap: bool,
    /// When.
    pub at: Timestamp,
}

/// Money was seen at an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddressUsed {
    /// The wallet.
    pub wallet_id: WalletId,
    /// The invoice that it was given to.
    pub invoice_id: InvoiceId,
    /// Its place.
    pub index: u32,
    /// How many addresses after the last used one nobody has paid to.
    pub unused_in_a_row: u32,
    /// When.
    pub at: Timestamp,
}
