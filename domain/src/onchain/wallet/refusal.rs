//! Why a wallet refuses: one list, in the order of the checks.

use super::command::BadOffer;
use crate::decider::Refused;
use crate::invalid::Invalid;

/// Why a wallet refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id was used before with other content.
    #[error("{field} was used before with other content; use a new id, or repeat the command exactly")]
    ExistsWithDifferentContent {
        /// The id's field.
        field: &'static str,
    },
    /// No such wallet.
    #[error("the wallet is not known; open it first")]
    UnknownWallet,
    /// No such invoice.
    #[error("the wallet has given no address to such an invoice")]
    UnknownInvoice,
    /// An asset of another chain.
    #[error("the asset is not on the wallet's chain")]
    OtherChain,
    /// An offer that makes no invoice.
    #[error("{0}")]
    BadOffer(#[from] BadOffer),
    /// No address is left, or none can be derived.
    #[error("{0}")]
    Address(#[from] Invalid),
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ExistsWithDifferentContent { .. } => "exists_with_different_content",
            Self::UnknownWallet => "wallet_not_known",
            Self::UnknownInvoice => "invoice_not_known",
            Self::OtherChain => "asset_of_another_chain",
            Self::BadOffer(BadOffer::Price) => "bad_price",
            Self::BadOffer(BadOffer::Terms(bad)) => bad.code(),
            Self::BadOffer(BadOffer::Expiry) => "bad_quote",
            Self::BadOffer(BadOffer::Amount(source)) | Self::Address(source) => source.code(),
        }
    }

    fn pointer(&self) -> Option<String> {
        let field = match self {
            Self::ExistsWithDifferentContent { field } => field,
            Self::UnknownWallet | Self::Address(_) => "wallet_id",
            Self::UnknownInvoice => "invoice_id",
            Self::OtherChain => "asset",
            Self::BadOffer(BadOffer::Price | BadOffer::Amount(_)) => "price",
            Self::BadOffer(BadOffer::Terms(bad)) => return Some(bad.pointer().to_owned()),
            Self::BadOffer(BadOffer::Expiry) => "quote",
        };
        Some(format!("/{field}"))
    }
}
