//! What can be asked of a customer's credit.

use crate::id::{CustomerId, PlanId};
use crate::money::Money;
use crate::order::Timestamp;
use crate::plan::Offer;
use crate::text::Text;

/// Everything that can be asked of a customer's credit.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A limit is granted, changed or taken away.
    SetLimit(SetLimit),
    /// A plan is agreed, if the limit carries it.
    Reserve(Box<Reserve>),
    /// What a plan takes has changed (asked by the policy).
    RecordExposure(RecordExposure),
}

/// A limit is granted, changed or taken away. One line a currency.
#[derive(Debug, Clone, PartialEq)]
pub struct SetLimit {
    /// Whose.
    pub customer_id: CustomerId,
    /// How much the customer may owe; zero takes the line away for new plans.
    pub limit: Money,
    /// What a scoring said, in its own words.
    pub score: Option<Text>,
    /// Who scored.
    pub source: Option<Text>,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// A plan is agreed, if the limit carries it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reserve {
    /// What is offered.
    pub offer: Offer,
    /// When.
    pub at: Timestamp,
}

/// What a plan takes has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordExposure {
    /// Whose.
    pub customer_id: CustomerId,
    /// The plan.
    pub plan_id: PlanId,
    /// Its principal that is still to be paid.
    pub outstanding: Money,
    /// The step of the plan that this is after; later ones count.
    pub step: u32,
    /// When.
    pub at: Timestamp,
}
