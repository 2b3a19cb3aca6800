//! Why an invoice refuses: one list, in the order of the checks.

use crate::decider::Refused;
use crate::invalid::Invalid;
use crate::money::Money;

/// Why an invoice refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id was used before with other content.
    #[error("{field} was used before with other content; use a new id, or repeat the command exactly")]
    ExistsWithDifferentContent {
        /// The id's field.
        field: &'static str,
    },
    /// No such invoice.
    #[error("the invoice is not known; create it first")]
    UnknownInvoice,
    /// Money is there or on its way.
    #[error("something was paid already; refund it or keep it as credit instead of cancelling")]
    AlreadyPaid,
    /// Cancelled before.
    #[error("the invoice was cancelled")]
    Cancelled,
    /// Nothing waits.
    #[error("no confirmed money waits for a decision")]
    NothingToResolve,
    /// No such refund.
    #[error("the invoice has no such refund")]
    UnknownRefund,
    /// Coins are on their way.
    #[error("a payout is made for the refund; deny, cancel or fail that first")]
    RefundUnderway,
    /// The refund ended otherwise.
    #[error("the refund has already ended otherwise")]
    RefundEnded,
    /// A rate is needed.
    #[error("say what the asset costs now, in the currency of the invoice")]
    RateMissing,
    /// The address is on another chain.
    #[error("the address is not on the chain of the invoice")]
    OtherChain,
    /// A rule for what is owed by a payment, or for credit only.
    #[error("what a payment owes was not paid too much; use another rule")]
    RuleDoesNotApply,
    /// Nothing would be paid.
    #[error("nothing is left to refund")]
    NothingToRefund,
    /// More than there is.
    #[error("{asked} exceeds the {left} of this invoice that can be refunded; refund its payment first")]
    ExceedsRefundable {
        /// What was asked.
        asked: Money,
        /// What is left.
        left: Money,
    },
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
            Self::UnknownInvoice => "invoice_not_known",
            Self::AlreadyPaid => "invoice_already_paid",
            Self::Cancelled => "invoice_cancelled",
            Self::NothingToResolve => "nothing_to_resolve",
            Self::UnknownRefund => "unknown_refund",
            Self::RefundUnderway => "refund_underway",
            Self::RefundEnded => "refund_closed",
            Self::RateMissing => "rate_missing",
            Self::OtherChain => "address_of_another_chain",
            Self::RuleDoesNotApply => "refund_rule_does_not_apply",
            Self::NothingToRefund => "nothing_to_refund",
            Self::ExceedsRefundable { .. } => "exceeds_refundable",
            Self::Amount(source) => source.code(),
        }
    }

    fn pointer(&self) -> Option<String> {
        let field = match self {
            Self::ExistsWithDifferentContent { field } => field,
            Self::UnknownInvoice | Self::AlreadyPaid | Self::Cancelled | Self::NothingToResolve => "invoice_id",
            Self::UnknownRefund | Self::RefundUnderway | Self::RefundEnded => "refund_id",
            Self::RateMissing => "spot",
            Self::OtherChain => "to",
            Self::RuleDoesNotApply => "rule",
            Self::NothingToRefund | Self::ExceedsRefundable { .. } | Self::Amount(_) => "amount",
        };
        Some(format!("/{field}"))
    }
}
