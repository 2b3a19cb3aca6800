//! Why a customer's credit refuses: one list, in the order of the checks.

use crate::decider::Refused;
use crate::money::{Currency, Money};
use crate::plan::BadTerms;

/// Why a customer's credit refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id was used before with other content.
    #[error("{field} was used before with other content; use a new id, or repeat the command exactly")]
    ExistsWithDifferentContent {
        /// The id's field.
        field: &'static str,
    },
    /// Terms that make no plan.
    #[error("{0}")]
    BadTerms(#[from] BadTerms),
    /// No limit in this currency.
    #[error("the customer has no credit line in {currency}; set one with set-credit-limit")]
    NoCreditLine {
        /// The currency.
        currency: Currency,
    },
    /// More than is left of the limit.
    #[error("{asked} exceeds the {available} that is left of the customer's credit line")]
    ExceedsLimit {
        /// What was asked.
        asked: Money,
        /// What is left.
        available: Money,
    },
    /// No such plan on this line.
    #[error("the customer has no such plan")]
    UnknownPlan,
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ExistsWithDifferentContent { .. } => "exists_with_different_content",
            Self::BadTerms(bad) => bad.code(),
            Self::NoCreditLine { .. } => "no_credit_line",
            Self::ExceedsLimit { .. } => "exceeds_credit_limit",
            Self::UnknownPlan => "plan_not_known",
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::ExistsWithDifferentContent { field } => Some(format!("/{field}")),
            Self::BadTerms(bad) => Some(bad.pointer()),
            Self::NoCreditLine { .. } => Some("/customer_id".to_owned()),
            Self::ExceedsLimit { .. } => Some("/amount".to_owned()),
            Self::UnknownPlan => Some("/plan_id".to_owned()),
        }
    }
}
