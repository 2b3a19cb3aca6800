//! Why a deposit refuses: one list, in the order of the checks.

use crate::decider::Refused;
use crate::invalid::Invalid;

/// Why a deposit refuses an observation. What a chain did is never refused; only what cannot be read from it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An amount of money, or of an asset of another chain.
    #[error("the amount and the address are of the chain of the output")]
    OtherChain,
    /// The same output in the same block with other content.
    #[error("{field} of an output does not change while it is in the same block")]
    ExistsWithDifferentContent {
        /// The field.
        field: &'static str,
    },
    /// It would be confirmed, at no rate.
    #[error("the deposit is confirmed by this; say what the asset costs")]
    RateMissing,
    /// A rate in an asset.
    #[error("what an asset costs is said in an ISO 4217 currency")]
    RateInAsset,
    /// A value that cannot be used.
    #[error("{0}")]
    Amount(#[from] Invalid),
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::OtherChain => "asset_of_another_chain",
            Self::ExistsWithDifferentContent { .. } => "exists_with_different_content",
            Self::RateMissing => "rate_missing",
            Self::RateInAsset => "rate_in_asset",
            Self::Amount(source) => source.code(),
        }
    }

    fn pointer(&self) -> Option<String> {
        let field = match self {
            Self::ExistsWithDifferentContent { field } => field,
            Self::OtherChain | Self::Amount(_) => "amount",
            Self::RateMissing | Self::RateInAsset => "spot",
        };
        Some(format!("/{field}"))
    }
}
