//! What can have happened to a payout. These shapes are written once and read for ever.

use crate::id::PayoutId;
use crate::money::Money;
use crate::onchain::holding::{PayoutReserved, Purpose, Withheld};
use crate::onchain::{AssetId, TransactionId};
use crate::order::Timestamp;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a payout.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `payout-requested`
    Requested(Box<Requested>),
    /// `payout-repriced`
    Repriced(Box<Requested>),
    /// `payout-approval-given`
    ApprovalGiven(ApprovalGiven),
    /// `payout-approved`
    Approved(Approved),
    /// `payout-denied`
    Denied(Ended),
    /// `payout-released`
    Released(Released),
    /// `payout-cancelled`
    Cancelled(Ended),
    /// `payout-broadcast`
    Broadcast(Sent),
    /// `payout-replaced`
    Replaced(Sent),
    /// `payout-completed`
    Completed(Ended),
    /// `payout-orphaned`
    Orphaned(Orphaned),
    /// `payout-failed`
    Failed(Ended),
}

impl Event {
    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Requested(it) | Self::Repriced(it) => it.at,
            Self::ApprovalGiven(it) => it.at,
            Self::Approved(it) => it.at,
            Self::Released(it) => it.at,
            Self::Broadcast(it) | Self::Replaced(it) => it.at,
            Self::Orphaned(it) => it.at,
            Self::Denied(it) | Self::Cancelled(it) | Self::Completed(it) | Self::Failed(it) => it.at,
        }
    }
}

/// It waits for approvals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// What was asked for, under which rules.
    pub request: PayoutReserved,
    /// When.
    pub at: Timestamp,
}

/// One of those who may has agreed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalGiven {
    /// The payout.
    pub payout_id: PayoutId,
    /// The price that was agreed to.
    pub revision: u32,
    /// Who.
    pub by: Text,
    /// How many more have to.
    pub still_needed: u32,
    /// When.
    pub at: Timestamp,
}

/// Enough have agreed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    /// The payout.
    pub payout_id: PayoutId,
    /// Of what.
    pub asset: AssetId,
    /// The price that was agreed to.
    pub revision: u32,
    /// Who.
    pub by: Vec<Text>,
    /// When.
    pub at: Timestamp,
}

/// The books hold the money: it can be signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// The payout.
    pub payout_id: PayoutId,
    /// When.
    pub at: Timestamp,
}

/// It was signed and sent; or sent again with another fee, which is the same payout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The payout.
    pub payout_id: PayoutId,
    /// The transaction.
    pub transaction: TransactionId,
    /// The one whose place it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<TransactionId>,
    /// When.
    pub at: Timestamp,
}

/// It is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The payout.
    pub payout_id: PayoutId,
    /// Of what.
    pub asset: AssetId,
    /// How much.
    pub amount: Money,
    /// What for.
    pub purpose: Purpose,
    /// The transaction that is on the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionId>,
    /// What the chain took, in its own coin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    /// Whether that is more than the rules want.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_over_fee_cap: bool,
    /// Who ended it, where somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
    /// Why the books do not have it, where they said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// How often the chain had taken it back before.
    #[serde(skip_serializing_if = "is_never", default)]
    pub times_orphaned: u32,
    /// When.
    pub at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_never(times: &u32) -> bool {
    *times == 0
}

/// The chain has taken back the block that it was in: it is sent, and not on the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Orphaned {
    /// The payout.
    pub payout_id: PayoutId,
    /// Of what.
    pub asset: AssetId,
    /// How much.
    pub amount: Money,
    /// What for.
    pub purpose: Purpose,
    /// Which of the times that it was on the chain this undoes, from 1.
    pub completion: u32,
    /// The transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionId>,
    /// What the chain had taken, in its own coin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    /// When.
    pub at: Timestamp,
}
