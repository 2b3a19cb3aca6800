//! What can have happened to a deposit. These shapes are written once and read for ever.

use super::command::Watch;
use crate::entry::Entry;
use crate::id::DepositId;
use crate::money::Money;
use crate::onchain::{Address, Block, Output, Spot, TransactionId};
use crate::order::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a deposit.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `deposit-seen`
    Seen(Seen),
    /// `deposit-confirmed`
    Confirmed(Confirmed),
    /// `deposit-finalised`
    Finalised(Finalised),
    /// `deposit-orphaned`
    Orphaned(Undone),
    /// `deposit-replaced`
    Replaced(Undone),
    /// `deposit-failed`
    Failed(Undone),
}

impl Event {
    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Seen(it) => it.at,
            Self::Confirmed(it) => it.at,
            Self::Finalised(it) => it.at,
            Self::Orphaned(it) | Self::Replaced(it) | Self::Failed(it) => it.at,
        }
    }

    /// The entry of the fact, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Confirmed(it) => Some(&it.entry),
            Self::Orphaned(it) | Self::Replaced(it) | Self::Failed(it) => Some(&it.entry),
            Self::Seen(_) | Self::Finalised(_) => None,
        }
    }

    /// The look that told it, and its place among the facts of the deposit.
    pub(super) fn order(&self) -> (u64, u32) {
        match self {
            Self::Seen(it) => (it.sequence, it.step),
            Self::Confirmed(it) => (it.sequence, it.step),
            Self::Finalised(it) => (it.sequence, it.step),
            Self::Orphaned(it) | Self::Replaced(it) | Self::Failed(it) => (it.sequence, it.step),
        }
    }
}

/// Money is on its way. Told again where a reorg changed what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The deposit.
    pub deposit_id: DepositId,
    /// Its place among the facts of the deposit, from 1.
    pub step: u32,
    /// Where on the chain.
    pub output: Output,
    /// How much, of what.
    pub amount: Money,
    /// Where to.
    pub to: Address,
    /// Whether it may be replaced.
    pub is_replaceable: bool,
    /// For what it was watched.
    pub watch: Watch,
    /// How many confirmations an amount like this needs.
    pub confirmations_needed: u32,
    /// What the asset cost, where it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<Spot>,
    /// When it was seen for the first time; a rate that was promised until then holds.
    pub first_seen_at: Timestamp,
    /// The look that saw it.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
}

/// It is deep enough to count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The deposit.
    pub deposit_id: DepositId,
    /// Its place among the facts of the deposit.
    pub step: u32,
    /// Where on the chain.
    pub output: Output,
    /// How much, of what.
    pub amount: Money,
    /// For what it was watched.
    pub watch: Watch,
    /// The block; none where it is trusted without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// How deep.
    pub confirmations: u32,
    /// How often it has been confirmed: more than once after a reorg.
    pub confirmation: u32,
    /// What the asset cost.
    pub spot: Spot,
    /// What it is worth at that.
    pub value: Money,
    /// When it was seen for the first time.
    pub first_seen_at: Timestamp,
    /// The look that saw it.
    pub sequence: u64,
    /// The wallet has it; what it is worth is the customer's credit.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// It is so deep that nobody looks any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalised {
    /// The deposit.
    pub deposit_id: DepositId,
    /// Its place among the facts of the deposit.
    pub step: u32,
    /// The block.
    pub block: Block,
    /// How deep.
    pub confirmations: u32,
    /// The look that saw it.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
}

/// The chain has taken it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undone {
    /// The deposit.
    pub deposit_id: DepositId,
    /// Its place among the facts of the deposit.
    pub step: u32,
    /// Where on the chain it was.
    pub output: Output,
    /// How much, of what.
    pub amount: Money,
    /// For what it was watched.
    pub watch: Watch,
    /// The confirmation that is undone, where it was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<ConfirmationUndone>,
    /// The transaction that took its place, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<TransactionId>,
    /// When it was seen for the first time.
    pub first_seen_at: Timestamp,
    /// The look that saw it.
    pub sequence: u64,
    /// The mirror of the confirmation's entry; empty where it was not confirmed.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A confirmation that does not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfirmationUndone {
    /// Which confirmation of the deposit.
    pub confirmation: u32,
    /// The step that it was: the mirror entry belongs to that fact.
    pub step: u32,
    /// What it was booked at.
    pub value: Money,
}
