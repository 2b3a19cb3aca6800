//! How a plan stands, which every fact of an open plan writes down: readers copy it and need none of the rules.

use super::installment::Installment;
use super::nominal_rate::NominalRate;
use crate::entry::Entry;
use crate::id::{CustomerId, PlanId};
use crate::money::Money;
use crate::order::Timestamp;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// What every fact of an open plan carries: what it changed, and how the plan stands after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The plan.
    pub plan_id: PlanId,
    /// Whose plan.
    pub customer_id: CustomerId,
    /// Its place among the steps of the plan, from 1.
    pub step: u32,
    /// The day it counts for, in the plan's time zone. A payment may come to light later.
    pub effective_on: NaiveDate,
    /// Whether it happened before and was done again because an earlier fact came to light.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_reapplied: bool,
    /// The installments that changed, as they are now.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub installments: Vec<Installment>,
    /// The numbers of installments that are no more.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub removed: Vec<u32>,
    /// How the plan stands now.
    pub standing: Standing,
    /// The balanced entry.
    pub entry: Entry,
    /// When it was said.
    pub at: Timestamp,
}

/// How a plan stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// What can happen next.
    pub status: Status,
    /// Principal still to be paid.
    pub principal: Money,
    /// Interest still to be paid, to the end of the contract.
    pub interest: Money,
    /// Interest that time has earned and nobody has paid.
    pub accrued: Money,
    /// Fees still to be paid.
    pub fees: Money,
    /// What the customer paid beyond everything owed.
    pub overpaid: Money,
    /// What counts against the customer's limit: principal, given up or not, without a down payment that is still
    /// to come and without what was recovered.
    pub exposure: Money,
    /// Principal that was given up.
    pub charged_off: Money,
    /// What came in after the charge-off.
    pub recovered: Money,
    /// Refunds of debt that was charged off.
    pub refund_recovered: Money,
    /// What refunds gave back of what was paid.
    pub cash_back: Money,
    /// Interest given back with refunds.
    pub interest_returned: Money,
    /// The merchant's discount that time has not earned yet.
    pub discount_unearned: Money,
    /// What the merchant is still to be paid; negative where refunds took more back.
    pub merchant_payable: Money,
    /// The nominal rate that counts now.
    pub rate: NominalRate,
    /// Interest is in the books to here.
    pub accrued_to: NaiveDate,
    /// The first installment that is not paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due_on: Option<NaiveDate>,
    /// When time alone changes the plan next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wakes_at: Option<Timestamp>,
}

/// Where a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Agreed, and waiting for the goods.
    Approved,
    /// Given up before it began.
    Cancelled,
    /// Being paid.
    Open,
    /// Nothing is owed.
    Settled,
    /// The book has given it up; what still comes in is a recovery.
    ChargedOff,
}

impl Status {
    /// The names on the wire, in the order of the variants.
    pub const NAMES: [&str; 5] = ["approved", "cancelled", "open", "settled", "charged_off"];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Cancelled => "cancelled",
            Self::Open => "open",
            Self::Settled => "settled",
            Self::ChargedOff => "charged_off",
        }
    }
}
