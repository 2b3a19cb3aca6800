//! What can be asked of a payout.

use crate::id::PayoutId;
use crate::money::Money;
use crate::onchain::TransactionId;
use crate::onchain::holding::{PayoutReserved, Withheld};
use crate::order::Timestamp;
use crate::text::Text;

/// Everything that can be asked of a payout.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Coins are kept for it, at this price (asked by the policy).
    Open(Box<OpenPayout>),
    /// Somebody agrees.
    Approve(Approve),
    /// Somebody does not.
    Deny(Deny),
    /// The books hold the money: it can be signed (asked by the policy).
    Release(Release),
    /// Nobody wants it any more, or the books do not have it.
    Cancel(CancelPayout),
    /// It was signed and sent, outside; or sent again with another fee.
    Broadcast(Broadcast),
    /// It is on the chain.
    Complete(Complete),
    /// The chain has taken back the block that it was in.
    Orphan(OrphanPayout),
    /// It will never be on the chain.
    Fail(Fail),
}

impl Command {
    /// The payout that is asked.
    #[must_use]
    pub fn payout_id(&self) -> &PayoutId {
        match self {
            Self::Open(it) => &it.request.payout_id,
            Self::Approve(it) => &it.payout_id,
            Self::Deny(it) => &it.payout_id,
            Self::Release(it) => &it.payout_id,
            Self::Cancel(it) => &it.payout_id,
            Self::Broadcast(it) => &it.payout_id,
            Self::Complete(it) => &it.payout_id,
            Self::Orphan(it) => &it.payout_id,
            Self::Fail(it) => &it.payout_id,
        }
    }
}

/// Coins are kept for it. A later revision is another price, which needs new approvals.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenPayout {
    /// What was asked for, under which rules.
    pub request: PayoutReserved,
    /// When.
    pub at: Timestamp,
}

/// Somebody agrees.
#[derive(Debug, Clone, PartialEq)]
pub struct Approve {
    /// The payout.
    pub payout_id: PayoutId,
    /// The price that is agreed to.
    pub revision: u32,
    /// Who.
    pub by: Text,
    /// When.
    pub at: Timestamp,
}

/// Somebody does not agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Deny {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who.
    pub by: Text,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// The books hold the money.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// The payout.
    pub payout_id: PayoutId,
    /// When.
    pub at: Timestamp,
}

/// Nobody wants it any more.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelPayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// Why the books do not have it, where they said so.
    pub withheld: Option<Withheld>,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// It was signed and sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Broadcast {
    /// The payout.
    pub payout_id: PayoutId,
    /// The transaction.
    pub transaction: TransactionId,
    /// When.
    pub at: Timestamp,
}

/// It is on the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Complete {
    /// The payout.
    pub payout_id: PayoutId,
    /// The transaction; one that replaced those that were told is as good.
    pub transaction: TransactionId,
    /// What the chain took, in its own coin.
    pub fee: Option<Money>,
    /// When.
    pub at: Timestamp,
}

/// The chain has taken back the block that it was in. Its transaction may come into another one.
#[derive(Debug, Clone, PartialEq)]
pub struct OrphanPayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// Which of the times that it was on the chain this undoes, from 1: told late, it undoes no later one.
    pub completion: u32,
    /// When.
    pub at: Timestamp,
}

/// It will never be on the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Fail {
    /// The payout.
    pub payout_id: PayoutId,
    /// What the chain took all the same, in its own coin.
    pub fee: Option<Money>,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}
