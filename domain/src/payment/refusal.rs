//! Why a payment refuses: one list, in the order of the checks.

use super::{Attempt, Method};
use crate::decider::Refused;
use crate::invalid::Invalid;
use crate::money::Money;

/// Why a payment refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id was used before with other content.
    #[error("{field} was used before with other content; use a new id, or repeat the command exactly")]
    ExistsWithDifferentContent {
        /// The id's field.
        field: &'static str,
    },
    /// No such payment.
    #[error("the payment is not known; authorise or receive it first")]
    UnknownPayment,
    /// The provider declined it.
    #[error("the payment was declined; a new attempt is a new payment")]
    Declined,
    /// Something else has to be found out first.
    #[error("the outcome of the {} is not known yet; report what became of it first", name(attempt))]
    OutcomeUnknown {
        /// What is not known.
        attempt: Attempt,
    },
    /// Nothing can be captured or voided any more.
    #[error("the authorisation is closed: it was voided, finally captured, or there never was one")]
    AuthorisationClosed,
    /// The method knows no such thing.
    #[error("a payment by {method} cannot be {what}")]
    NotForMethod {
        /// How it was paid.
        method: Method,
        /// What was asked.
        what: &'static str,
    },
    /// Zero.
    #[error("the amount is zero; send a positive one")]
    AmountNotPositive,
    /// An amount that cannot be used.
    #[error("{0}")]
    Amount(Invalid),
    /// More than is left of the authorisation.
    #[error("{asked} exceeds the {left} left of the authorisation")]
    ExceedsAuthorised {
        /// What was asked.
        asked: Money,
        /// What is left.
        left: Money,
    },
    /// No such capture.
    #[error("the payment has no such capture")]
    UnknownCapture,
    /// More than is left of what was captured.
    #[error("{asked} exceeds the {left} that can still be refunded: captured, less refunds, disputes and reversals")]
    ExceedsRefundable {
        /// What was asked.
        asked: Money,
        /// What is left.
        left: Money,
    },
    /// No such refund.
    #[error("the payment has no such refund")]
    UnknownRefund,
    /// The refund ended otherwise.
    #[error("the refund has already {how}")]
    RefundClosed {
        /// How it ended.
        how: &'static str,
    },
    /// The refund of a payment that an invoice made.
    #[error(
        "the refund of an invoice ends with its payout on the chain; withdraw-refund gives up one that is only owed"
    )]
    RefundOfInvoice,
    /// A dispute beyond everything captured.
    #[error("{asked} exceeds the {captured} that was captured")]
    ExceedsCaptured {
        /// What was asked.
        asked: Money,
        /// What was captured.
        captured: Money,
    },
    /// No such dispute.
    #[error("the payment has no such dispute")]
    UnknownDispute,
    /// The dispute ended otherwise.
    #[error("the dispute was already {how}")]
    DisputeClosed {
        /// How it ended.
        how: &'static str,
    },
    /// More fee given back than was taken.
    #[error("the dispute's fee was {fee}; no more than that can be returned")]
    FeeReturnedExceedsFee {
        /// What was taken.
        fee: Money,
    },
    /// More tax given back than was disputed.
    #[error("the dispute was over {amount}; the tax relief cannot exceed it")]
    TaxReliefExceedsDispute {
        /// What was disputed.
        amount: Money,
    },
    /// A payout of more than is held.
    #[error("{asked} exceeds the {left} held of this payment")]
    ExceedsClearing {
        /// What was asked.
        asked: Money,
        /// What is held.
        left: Money,
    },
    /// An unknown authorisation of a payment that is not known.
    #[error("the payment is not known yet; say its method, amount and currency")]
    IntentMissing,
    /// What happened is known.
    #[error("the outcome of this attempt is known")]
    OutcomeKnown,
    /// An authorisation that failed is a declined payment.
    #[error("an authorisation that did not happen is declined: send decline-payment")]
    UseDecline,
}

fn name(attempt: &Attempt) -> &'static str {
    match attempt {
        Attempt::Authorisation => "authorisation",
        Attempt::Capture { .. } => "capture",
        Attempt::Void => "void",
        Attempt::Refund { .. } => "refund",
    }
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
            Self::UnknownPayment => "payment_not_known",
            Self::Declined => "payment_declined",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::AuthorisationClosed => "authorisation_closed",
            Self::AmountNotPositive => "amount_not_positive",
            Self::Amount(source) => source.code(),
            Self::ExceedsAuthorised { .. } => "exceeds_authorised",
            Self::UnknownCapture => "unknown_capture",
            Self::ExceedsRefundable { .. } => "exceeds_refundable",
            Self::UnknownRefund => "unknown_refund",
            Self::RefundClosed { .. } => "refund_closed",
            Self::RefundOfInvoice => "refund_of_invoice",
            Self::NotForMethod { .. } => "not_for_method",
            Self::ExceedsCaptured { .. } => "exceeds_captured",
            Self::UnknownDispute => "unknown_dispute",
            Self::DisputeClosed { .. } => "dispute_closed",
            Self::FeeReturnedExceedsFee { .. } => "fee_returned_exceeds_fee",
            Self::TaxReliefExceedsDispute { .. } => "tax_relief_exceeds_dispute",
            Self::ExceedsClearing { .. } => "exceeds_clearing",
            Self::IntentMissing => "intent_missing",
            Self::OutcomeKnown => "outcome_known",
            Self::UseDecline => "use_decline",
        }
    }

    fn pointer(&self) -> Option<String> {
        let field = match self {
            Self::ExistsWithDifferentContent { field } => field,
            Self::UnknownPayment | Self::IntentMissing => "payment_id",
            Self::AmountNotPositive
            | Self::Amount(_)
            | Self::ExceedsAuthorised { .. }
            | Self::ExceedsRefundable { .. }
            | Self::ExceedsCaptured { .. }
            | Self::ExceedsClearing { .. } => "amount",
            Self::UnknownCapture => "capture_id",
            Self::UnknownRefund | Self::RefundClosed { .. } | Self::RefundOfInvoice => "refund_id",
            Self::UnknownDispute | Self::DisputeClosed { .. } => "dispute_id",
            Self::FeeReturnedExceedsFee { .. } => "fee_returned",
            Self::TaxReliefExceedsDispute { .. } => "tax_relief",
            Self::Declined
            | Self::OutcomeUnknown { .. }
            | Self::AuthorisationClosed
            | Self::NotForMethod { .. }
            | Self::OutcomeKnown
            | Self::UseDecline => return None,
        };
        Some(format!("/{field}"))
    }
}
