//! How an invoice stands: what every event of it says, so that a reader needs no arithmetic.

use crate::money::Money;
use crate::order::Timestamp;
use serde::{Deserialize, Serialize};

/// How much was paid of what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    /// Nothing that counts.
    None,
    /// Something.
    Partial,
    /// All, but for dust and tolerance.
    Paid,
    /// More than dust too much.
    Over,
}

/// Whether the promised rate holds, and whether anybody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The rate holds.
    #[default]
    Open,
    /// The rate has expired; deposits are still watched for.
    Expired,
    /// Watching has ended, or the invoice was cancelled. A deposit that is told all the same is recorded.
    Closed,
}

/// Whether the order has its money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Not yet.
    #[default]
    Unsettled,
    /// It has.
    Settled,
    /// It had: the chain took the deposits back.
    Reversed,
}

/// What a merchant should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Too little came, and the rate has expired.
    Underpaid,
    /// Too much came.
    Overpaid,
    /// Something came after the rate had expired, or to a cancelled invoice.
    Late,
    /// More than one deposit came.
    Multiple,
    /// Something came in another asset.
    WrongAsset,
    /// Money waits for a decision.
    Unresolved,
}

/// How an invoice stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How much was paid, by what is seen and confirmed together.
    pub funding: Funding,
    /// The same by what is confirmed alone.
    pub funding_confirmed: Funding,
    /// What is there of the asset, seen or confirmed.
    pub seen: Money,
    /// What is confirmed of it.
    pub confirmed: Money,
    /// What still has to come at the promised rate; nothing where the rest is tolerated.
    pub missing: Money,
    /// What came too much, as it counts at the promised rate.
    pub excess: Money,
    /// What the confirmed deposits are worth to the invoice, in money.
    pub worth: Money,
    /// What of it is the customer's credit: too much, or not placed.
    pub left_over: Money,
    /// Whether the rate holds.
    pub window: Window,
    /// Whether the order has its money.
    pub settlement: Settlement,
    /// What a merchant should look at.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub attention: Vec<Attention>,
    /// When time alone changes it next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wakes_at: Option<Timestamp>,
}
