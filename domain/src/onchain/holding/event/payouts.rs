//! What can have happened to payouts of a holding.

use super::super::command::Purpose;
use super::super::rules::PayoutRules;
use super::{Held, LotChange};
use crate::entry::Entry;
use crate::id::PayoutId;
use crate::money::Money;
use crate::onchain::{Address, AssetId, Spot};
use crate::order::Timestamp;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// How payouts are decided from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayoutRulesSet {
    /// Of what.
    pub asset: AssetId,
    /// The rules.
    #[serde(flatten)]
    pub rules: PayoutRules,
    /// When.
    pub at: Timestamp,
}

/// An address may be paid to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DestinationAllowed {
    /// Of what.
    pub asset: AssetId,
    /// Where to.
    pub address: Address,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
    /// From when on it can be used.
    pub usable_from: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// An address may not be paid to any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DestinationRemoved {
    /// Of what.
    pub asset: AssetId,
    /// Where to.
    pub address: Address,
    /// When.
    pub at: Timestamp,
}

/// Coins are kept for a payout that waits for its approvals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayoutReserved {
    /// Of what.
    pub asset: AssetId,
    /// The payout.
    pub payout_id: PayoutId,
    /// Which price this is, from 1: an approval is for one of them.
    pub revision: u32,
    /// What for.
    pub purpose: Purpose,
    /// How much of the asset.
    pub amount: Money,
    /// What that settles, in money.
    pub value: Money,
    /// Whether the value is what counts.
    pub is_in_money: bool,
    /// The rate between the two, where one was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<Spot>,
    /// Where to.
    pub to: Address,
    /// Who asked.
    pub requested_by: Text,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The rules that hold for it.
    pub rules: PayoutRules,
    /// When.
    pub at: Timestamp,
}

/// The refund of an invoice cannot be paid as things are. It stays so: a policy asks again after a crash, and must not
/// get tomorrow what the invoice knows today as not paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayoutRefused {
    /// Of what.
    pub asset: AssetId,
    /// The payout that is none.
    pub payout_id: PayoutId,
    /// What for.
    pub purpose: Purpose,
    /// How much of the asset.
    pub amount: Money,
    /// The code of the refusal, for example `exceeds_daily_cap`.
    pub code: Text,
    /// When.
    pub at: Timestamp,
}

/// Coins of a payout moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayoutMoved {
    /// Of what.
    pub asset: AssetId,
    /// The payout.
    pub payout_id: PayoutId,
    /// How much.
    pub amount: Money,
    /// The lots that changed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub lots: Vec<LotChange>,
    /// What that gained; a loss is negative.
    pub realised: Money,
    /// What is held.
    pub held: Held,
    /// What moved in the books.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A payout that was approved cannot be made any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayoutWithheld {
    /// Of what.
    pub asset: AssetId,
    /// The payout.
    pub payout_id: PayoutId,
    /// Why.
    pub why: Withheld,
    /// When.
    pub at: Timestamp,
}

/// Why an approved payout is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// Its destination was removed meanwhile.
    DestinationRemoved,
    /// The coins are not there any more: a reorg took them, or the issuer froze them.
    NotHeld,
}
