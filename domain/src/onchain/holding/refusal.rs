//! Why a holding refuses: one list, in the order of the checks.

use crate::decider::Refused;
use crate::invalid::Invalid;
use crate::money::Money;
use crate::onchain::terms::BadTerms;
use crate::order::Timestamp;

/// Why a holding refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id was used before with other content.
    #[error("{field} was used before with other content; use a new id, or repeat the command exactly")]
    ExistsWithDifferentContent {
        /// The id's field.
        field: &'static str,
    },
    /// Settings that cannot be used.
    #[error("{0}")]
    BadTerms(#[from] BadTerms),
    /// Decimals never change, and the way of costing only while nothing is held.
    #[error("{field} cannot be changed any more")]
    CannotChange {
        /// The setting.
        field: &'static str,
    },
    /// Not settled yet.
    #[error("the asset is not registered; register it first")]
    NotRegistered,
    /// An amount of something else.
    #[error("{field} is not an amount of this asset, with its decimals")]
    OtherAsset {
        /// The field.
        field: &'static str,
    },
    /// An address of another chain.
    #[error("the address is not on the chain of the asset")]
    OtherChain,
    /// Money is of an ISO currency.
    #[error("{field} is an amount of an ISO 4217 currency, and positive")]
    NotMoney {
        /// The field.
        field: &'static str,
    },
    /// Zero.
    #[error("the amount is zero; send a positive one")]
    AmountNotPositive,
    /// More than there is.
    #[error("{asked} exceeds the {left} that is held, not frozen and promised to nobody")]
    ExceedsHolding {
        /// What was asked.
        asked: Money,
        /// What is there.
        left: Money,
    },
    /// The fee eats the proceeds.
    #[error("the fee exceeds the proceeds")]
    FeeExceedsProceeds,
    /// No such freeze.
    #[error("there is no such freeze")]
    UnknownFreeze,
    /// Rules that cannot be kept.
    #[error("the rules need 1 to 20 approvers, at most as many approvals, and caps in the asset")]
    BadRules,
    /// Nobody has said how payouts are decided.
    #[error("payouts of this asset have no rules yet; set them first")]
    NoPayoutRules,
    /// Too few people are left to approve.
    #[error("too few of the approvers are not the one who asks")]
    NotEnoughApprovers,
    /// Not on the list.
    #[error("the destination is not allowed; allow it first")]
    DestinationNotAllowed,
    /// On the list, but too new.
    #[error("the destination can be used from {usable_from} on")]
    DestinationCoolsOff {
        /// From when on.
        usable_from: Timestamp,
    },
    /// More than a day may have.
    #[error("{asked} exceeds the {left} that is left of the day's cap")]
    ExceedsDailyCap {
        /// What was asked.
        asked: Money,
        /// What is left.
        left: Money,
    },
    /// No such payout.
    #[error("the payout is not known")]
    UnknownPayout,
    /// Approved already, or ended.
    #[error("the payout was approved or has ended; its price stands")]
    PayoutClosed,
    /// Its amount is what counts.
    #[error("the payout is an amount of the asset; only one in money is priced again")]
    NotInMoney,
    /// An amount that cannot be used.
    #[error("{0}")]
    Amount(#[from] Invalid),
}

impl Refusal {
    pub(super) fn exists(field: &'static str) -> Self {
        Self::ExistsWithDifferentContent { field }
    }
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ExistsWithDifferentContent { .. } => "exists_with_different_content",
            Self::BadTerms(bad) => bad.code(),
            Self::CannotChange { .. } => "cannot_change",
            Self::NotRegistered => "asset_not_registered",
            Self::OtherAsset { .. } => "amount_of_another_asset",
            Self::OtherChain => "address_of_another_chain",
            Self::NotMoney { .. } => "not_money",
            Self::AmountNotPositive => "amount_not_positive",
            Self::ExceedsHolding { .. } => "exceeds_holding",
            Self::FeeExceedsProceeds => "fee_exceeds_proceeds",
            Self::UnknownFreeze => "unknown_freeze",
            Self::BadRules => "bad_payout_rules",
            Self::NoPayoutRules => "no_payout_rules",
            Self::NotEnoughApprovers => "not_enough_approvers",
            Self::DestinationNotAllowed => "destination_not_allowed",
            Self::DestinationCoolsOff { .. } => "destination_cools_off",
            Self::ExceedsDailyCap { .. } => "exceeds_daily_cap",
            Self::UnknownPayout => "payout_not_known",
            Self::PayoutClosed => "payout_closed",
            Self::NotInMoney => "payout_not_in_money",
            Self::Amount(source) => source.code(),
        }
    }

    fn pointer(&self) -> Option<String> {
        let field = match self {
            Self::ExistsWithDifferentContent { field }
            | Self::CannotChange { field }
            | Self::OtherAsset { field }
            | Self::NotMoney { field } => field,
            Self::BadTerms(bad) => return Some(bad.pointer().to_owned()),
            Self::NotRegistered | Self::NoPayoutRules => "asset",
            Self::OtherChain | Self::DestinationNotAllowed | Self::DestinationCoolsOff { .. } => "to",
            Self::AmountNotPositive | Self::ExceedsHolding { .. } | Self::ExceedsDailyCap { .. } | Self::Amount(_) => {
                "amount"
            }
            Self::FeeExceedsProceeds => "fee",
            Self::UnknownFreeze => "freeze_id",
            Self::BadRules => "rules",
            Self::NotEnoughApprovers => "requested_by",
            Self::UnknownPayout | Self::PayoutClosed | Self::NotInMoney => "payout_id",
        };
        Some(format!("/{field}"))
    }
}
