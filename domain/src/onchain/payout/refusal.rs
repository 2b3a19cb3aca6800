//! Why a payout refuses: one list, in the order of the checks.

use crate::decider::Refused;

/// Why a payout refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id was used before with other content.
    #[error("{field} was used before with other content; use a new id, or repeat the command exactly")]
    ExistsWithDifferentContent {
        /// The id's field.
        field: &'static str,
    },
    /// No such payout.
    #[error("the payout is not known; request it first")]
    UnknownPayout,
    /// It is over.
    #[error("the payout {how}")]
    Ended {
        /// How.
        how: &'static str,
    },
    /// It is approved already.
    #[error("the payout was approved already")]
    AlreadyApproved,
    /// An approval of another price.
    #[error("the payout is at revision {current} now; look at its price and approve that")]
    OtherRevision {
        /// The price of today.
        current: u32,
    },
    /// Not one of the approvers.
    #[error("{by:?} is not one of those who approve this payout")]
    NotAnApprover {
        /// Who.
        by: String,
    },
    /// Who asks does not approve.
    #[error("whoever asked for a payout does not approve it")]
    OwnRequest,
    /// Not approved yet.
    #[error("the payout is not approved yet, or the books do not hold its money yet")]
    NotReleased,
    /// It may be on the chain.
    #[error("the payout was sent; report what became of it")]
    AlreadySent,
    /// It is on no chain.
    #[error("the payout is not on the chain")]
    NotCompleted,
    /// A fee in money.
    #[error("a chain takes its fee in its own coin")]
    FeeNotInAsset,
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ExistsWithDifferentContent { .. } => "exists_with_different_content",
            Self::UnknownPayout => "payout_not_known",
            Self::Ended { .. } => "payout_closed",
            Self::AlreadyApproved => "payout_already_approved",
            Self::OtherRevision { .. } => "other_revision",
            Self::NotAnApprover { .. } => "not_an_approver",
            Self::OwnRequest => "own_request",
            Self::NotReleased => "payout_not_released",
            Self::AlreadySent => "payout_already_sent",
            Self::NotCompleted => "payout_not_completed",
            Self::FeeNotInAsset => "fee_not_in_asset",
        }
    }

    fn pointer(&self) -> Option<String> {
        let field = match self {
            Self::ExistsWithDifferentContent { field } => field,
            Self::UnknownPayout
            | Self::Ended { .. }
            | Self::AlreadyApproved
            | Self::NotReleased
            | Self::AlreadySent
            | Self::NotCompleted => "payout_id",
            Self::OtherRevision { .. } => "price_revision",
            Self::NotAnApprover { .. } | Self::OwnRequest => "by",
            Self::FeeNotInAsset => "fee",
        };
        Some(format!("/{field}"))
    }
}
