//! Why a plan refuses: one list, in the order of the checks.

use crate::decider::Refused;
use crate::invalid::Invalid;
use crate::money::Money;
use chrono::NaiveDate;

/// Why a plan refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id was used before with other content.
    #[error("{field} was used before with other content; use a new id, or repeat the command exactly")]
    ExistsWithDifferentContent {
        /// The id's field.
        field: &'static str,
    },
    /// No such plan.
    #[error("the plan is not known; approve it first")]
    UnknownPlan,
    /// It was given up before it began.
    #[error("the plan was cancelled before it began; approve a new one")]
    Cancelled,
    /// It is not open yet.
    #[error("the plan is approved but not open; open it first")]
    NotOpen,
    /// It has begun.
    #[error("the plan is open; refund it instead")]
    AlreadyOpen,
    /// Approved so long ago that a payment should have come before the goods.
    #[error("the first payment of the agreement was due on {first_due_on}; cancel the plan and approve a new one")]
    OfferExpired {
        /// The first due date.
        first_due_on: NaiveDate,
    },
    /// Given up already.
    #[error("the plan is charged off; what still comes in is a recovery")]
    ChargedOff,
    /// Nothing is owed.
    #[error("nothing is owed on the plan")]
    NothingOwed,
    /// Zero.
    #[error("the amount is zero; send a positive one")]
    AmountNotPositive,
    /// An amount that cannot be used.
    #[error("{0}")]
    Amount(Invalid),
    /// No such installment.
    #[error("the plan has no installment {number}")]
    UnknownInstallment {
        /// The number.
        number: u32,
    },
    /// More than is outstanding of the installment's fees.
    #[error("{asked} exceeds the {left} of fees that are outstanding")]
    ExceedsFees {
        /// What was asked.
        asked: Money,
        /// What is left.
        left: Money,
    },
    /// More than is left of the purchase.
    #[error("{asked} exceeds the {left} of the purchase that is not refunded yet")]
    ExceedsPurchase {
        /// What was asked.
        asked: Money,
        /// What is left.
        left: Money,
    },
    /// More than the one owes the other.
    #[error("{asked} exceeds the {left} that is owed in this direction")]
    ExceedsPayable {
        /// What was asked.
        asked: Money,
        /// What is left.
        left: Money,
    },
    /// No such payment on this plan, or not so much of it.
    #[error("the plan has not been paid so much by this payment")]
    UnknownPayment,
    /// New dates that lie in the past, or beyond ten years, or none at all.
    #[error("{why}")]
    BadSchedule {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// No installment is left to carry what is late.
    #[error("no installment is left to come; re-age the plan instead")]
    NothingToCome,
}

impl Refusal {
    pub(super) fn exists(field: &'static str) -> Self {
        Self::ExistsWithDifferentContent { field }
    }
}

impl From<Invalid> for Refusal {
    fn from(source: Invalid) -> Self {
        Self::Amount(source)
    }
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ExistsWithDifferentContent { .. } => "exists_with_different_content",
            Self::UnknownPlan => "plan_not_known",
            Self::Cancelled => "plan_cancelled",
            Self::NotOpen => "plan_not_open",
            Self::AlreadyOpen => "plan_already_open",
            Self::OfferExpired { .. } => "offer_expired",
            Self::ChargedOff => "plan_charged_off",
            Self::NothingOwed => "nothing_owed",
            Self::AmountNotPositive => "amount_not_positive",
            Self::Amount(source) => source.code(),
            Self::UnknownInstallment { .. } => "unknown_installment",
            Self::ExceedsFees { .. } => "exceeds_fees",
            Self::ExceedsPurchase { .. } => "exceeds_purchase",
            Self::ExceedsPayable { .. } => "exceeds_payable",
            Self::UnknownPayment => "payment_not_known",
            Self::BadSchedule { .. } => "bad_schedule",
            Self::NothingToCome => "nothing_to_come",
        }
    }

    fn pointer(&self) -> Option<String> {
        let field = match self {
            Self::ExistsWithDifferentContent { field } | Self::BadSchedule { field, .. } => field,
            Self::UnknownPlan
            | Self::Cancelled
            | Self::NotOpen
            | Self::AlreadyOpen
            | Self::OfferExpired { .. }
            | Self::ChargedOff
            | Self::NothingOwed
            | Self::NothingToCome => "plan_id",
            Self::AmountNotPositive
            | Self::Amount(_)
            | Self::ExceedsFees { .. }
            | Self::ExceedsPurchase { .. }
            | Self::ExceedsPayable { .. } => "amount",
            Self::UnknownInstallment { .. } => "installment",
            Self::UnknownPayment => "payment_id",
        };
        Some(format!("/{field}"))
    }
}
