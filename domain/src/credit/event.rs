//! What can have happened to a customer's credit. These shapes are written once and read for ever.

use crate::id::{CustomerId, PlanId};
use crate::money::Money;
use crate::order::Timestamp;
use crate::plan::Agreement;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a customer's credit.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `credit-limit-set`
    LimitSet(LimitSet),
    /// `credit-reserved`
    Reserved(Box<Reserved>),
    /// `credit-exposure-changed`
    ExposureChanged(ExposureChanged),
}

impl Event {
    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::LimitSet(it) => it.at,
            Self::Reserved(it) => it.at,
            Self::ExposureChanged(it) => it.at,
        }
    }
}

/// How much of a line is taken, after the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// What the customer may owe.
    pub limit: Money,
    /// Principal outstanding on open plans.
    pub outstanding: Money,
    /// Promised to plans that are not open yet.
    pub reserved: Money,
    /// What may still be promised.
    pub available: Money,
}

impl Exposure {
    pub(super) fn of(limit: Money, outstanding: i128, reserved: i128) -> Self {
        let money = |minor: i128| Money::of_minor(minor, limit.currency());
        Self {
            limit,
            outstanding: money(outstanding),
            reserved: money(reserved),
            available: money((limit.minor() - outstanding - reserved).max(0)),
        }
    }
}

/// A limit was granted, changed or taken away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitSet {
    /// Whose.
    pub customer_id: CustomerId,
    /// How much the customer may owe.
    pub limit: Money,
    /// What a scoring said, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Text>,
    /// Who scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Text>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// How much is taken.
    pub exposure: Exposure,
    /// When.
    pub at: Timestamp,
}

/// A plan was agreed, and its principal promised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reserved {
    /// Everything that was agreed.
    pub agreement: Agreement,
    /// What was promised: the amount financed.
    pub amount: Money,
    /// How much is taken.
    pub exposure: Exposure,
    /// When.
    pub at: Timestamp,
}

/// What a plan takes has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExposureChanged {
    /// Whose.
    pub customer_id: CustomerId,
    /// The plan.
    pub plan_id: PlanId,
    /// Its principal that is still to be paid.
    pub outstanding: Money,
    /// The step of the plan that this is after.
    pub step: u32,
    /// How much is taken.
    pub exposure: Exposure,
    /// When.
    pub at: Timestamp,
}
