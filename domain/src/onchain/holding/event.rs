//! What can have happened to a holding. These shapes are written once and read for ever.
//!
//! Every event that moves coins says which lots they were, and what is held after it.

mod payouts;

pub use payouts::*;

use crate::entry::Entry;
use crate::id::{FreezeId, LotId, PayoutId, RevaluationId, SaleId};
use crate::money::Money;
use crate::onchain::{AssetId, AssetSettings, Spot};
use crate::order::Timestamp;
use crate::text::Text;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a holding.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `holding-asset-registered`
    AssetRegistered(Box<AssetRegistered>),
    /// `holding-lot-acquired`
    LotAcquired(LotMoved),
    /// `holding-lot-lost`
    LotLost(LotMoved),
    /// `holding-sold`
    Sold(Sold),
    /// `holding-fee-paid`
    FeePaid(FeePaid),
    /// `holding-fee-returned`
    FeeReturned(FeeReturned),
    /// `holding-revalued`
    Revalued(Revalued),
    /// `holding-revaluation-reversed`
    RevaluationReversed(RevaluationReversed),
    /// `holding-frozen`
    Frozen(Frozen),
    /// `holding-unfrozen`
    Unfrozen(Frozen),
    /// `holding-payout-rules-set`
    PayoutRulesSet(PayoutRulesSet),
    /// `holding-destination-allowed`
    DestinationAllowed(DestinationAllowed),
    /// `holding-destination-removed`
    DestinationRemoved(DestinationRemoved),
    /// `holding-payout-reserved`
    PayoutReserved(Box<PayoutReserved>),
    /// `holding-payout-refused`
    PayoutRefused(PayoutRefused),
    /// `holding-payout-repriced`
    PayoutRepriced(Box<PayoutReserved>),
    /// `holding-payout-taken`
    PayoutTaken(PayoutMoved),
    /// `holding-payout-withheld`
    PayoutWithheld(PayoutWithheld),
    /// `holding-payout-settled`
    PayoutSettled(PayoutMoved),
    /// `holding-payout-unsettled`
    PayoutUnsettled(PayoutMoved),
    /// `holding-payout-returned`
    PayoutReturned(PayoutMoved),
}

impl Event {
    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::AssetRegistered(it) => it.at,
            Self::LotAcquired(it) | Self::LotLost(it) => it.at,
            Self::Sold(it) => it.at,
            Self::FeePaid(it) => it.at,
            Self::FeeReturned(it) => it.at,
            Self::Revalued(it) => it.at,
            Self::RevaluationReversed(it) => it.at,
            Self::Frozen(it) | Self::Unfrozen(it) => it.at,
            Self::PayoutRulesSet(it) => it.at,
            Self::DestinationAllowed(it) => it.at,
            Self::DestinationRemoved(it) => it.at,
            Self::PayoutReserved(it) | Self::PayoutRepriced(it) => it.at,
            Self::PayoutTaken(it) | Self::PayoutSettled(it) | Self::PayoutUnsettled(it) | Self::PayoutReturned(it) => {
                it.at
            }
            Self::PayoutRefused(it) => it.at,
            Self::PayoutWithheld(it) => it.at,
        }
    }

    /// The day it counts for in the books, where that is not the day on which it was said.
    #[must_use]
    pub fn counts_on(&self) -> Option<NaiveDate> {
        match self {
            Self::Revalued(it) => Some(it.on),
            Self::RevaluationReversed(it) => Some(it.on),
            Self::AssetRegistered(_)
            | Self::LotAcquired(_)
            | Self::LotLost(_)
            | Self::Sold(_)
            | Self::FeePaid(_)
            | Self::FeeReturned(_)
            | Self::Frozen(_)
            | Self::Unfrozen(_)
            | Self::PayoutRulesSet(_)
            | Self::DestinationAllowed(_)
            | Self::DestinationRemoved(_)
            | Self::PayoutReserved(_)
            | Self::PayoutRefused(_)
            | Self::PayoutRepriced(_)
            | Self::PayoutTaken(_)
            | Self::PayoutWithheld(_)
            | Self::PayoutSettled(_)
            | Self::PayoutUnsettled(_)
            | Self::PayoutReturned(_) => None,
        }
    }

    /// The entry of the fact, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::LotAcquired(it) | Self::LotLost(it) => Some(&it.entry),
            Self::Sold(it) => Some(&it.entry),
            Self::FeePaid(it) => Some(&it.entry),
            Self::FeeReturned(it) => Some(&it.entry),
            Self::Revalued(it) => Some(&it.entry),
            Self::RevaluationReversed(it) => Some(&it.entry),
            Self::Frozen(it) | Self::Unfrozen(it) => Some(&it.entry),
            Self::PayoutTaken(it) | Self::PayoutSettled(it) | Self::PayoutUnsettled(it) | Self::PayoutReturned(it) => {
                Some(&it.entry)
            }
            Self::AssetRegistered(_)
            | Self::PayoutRulesSet(_)
            | Self::DestinationAllowed(_)
            | Self::DestinationRemoved(_)
            | Self::PayoutReserved(_)
            | Self::PayoutRefused(_)
            | Self::PayoutRepriced(_)
            | Self::PayoutWithheld(_) => None,
        }
    }

    /// The lots that it moved.
    #[must_use]
    pub fn lots(&self) -> &[LotChange] {
        match self {
            Self::LotAcquired(it) | Self::LotLost(it) => &it.lots,
            Self::Sold(it) => &it.lots,
            Self::FeePaid(it) => &it.lots,
            Self::FeeReturned(it) => &it.lots,
            Self::PayoutTaken(it) | Self::PayoutSettled(it) | Self::PayoutUnsettled(it) | Self::PayoutReturned(it) => {
                &it.lots
            }
            Self::AssetRegistered(_)
            | Self::Revalued(_)
            | Self::RevaluationReversed(_)
            | Self::Frozen(_)
            | Self::Unfrozen(_)
            | Self::PayoutRulesSet(_)
            | Self::DestinationAllowed(_)
            | Self::DestinationRemoved(_)
            | Self::PayoutReserved(_)
            | Self::PayoutRefused(_)
            | Self::PayoutRepriced(_)
            | Self::PayoutWithheld(_) => &[],
        }
    }
}

/// What a lot gained or lost. Both amounts are negative where it lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotChange {
    /// The lot; all coins are one where they cost the same on average, and what is missing is one of its own.
    pub lot_id: LotId,
    /// Its place in the row: lower ones go first.
    pub nth: u32,
    /// How much of the asset.
    pub amount: Money,
    /// What that cost.
    pub cost: Money,
}

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// All of it, less payouts that were approved; negative where the chain took back what was given away already.
    pub amount: Money,
    /// What can be sold or paid out: not frozen, and promised to no payout.
    pub available: Money,
    /// What the lots of the event's currency cost.
    pub cost: Money,
}

/// How an asset is taken and kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetRegistered {
    /// Which.
    pub asset: AssetId,
    /// Digits after its point.
    pub decimals: u8,
    /// What is settled.
    #[serde(flatten)]
    pub settings: AssetSettings,
    /// When.
    pub at: Timestamp,
}

/// A lot came or went with its deposit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LotMoved {
    /// Of what.
    pub asset: AssetId,
    /// The deposit's confirmation.
    pub lot_id: LotId,
    /// How much it brought.
    pub amount: Money,
    /// What that was booked at.
    pub cost: Money,
    /// The lots that changed.
    pub lots: Vec<LotChange>,
    /// What that gained; a loss is negative. Only where coins were missing, or cost the same on average.
    pub realised: Money,
    /// What is held.
    pub held: Held,
    /// The gain or loss. The coins themselves are in the entry of the deposit.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// Some was sold for money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sold {
    /// Of what.
    pub asset: AssetId,
    /// The sale.
    pub sale_id: SaleId,
    /// How much.
    pub amount: Money,
    /// What it was sold for, before fees.
    pub proceeds: Money,
    /// What the exchange took of that.
    pub fee: Money,
    /// The exchange's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Text>,
    /// The lots that went.
    pub lots: Vec<LotChange>,
    /// Proceeds less cost; a loss is negative.
    pub realised: Money,
    /// What is held.
    pub held: Held,
    /// Coins for money.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A chain took a fee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeePaid {
    /// In what.
    pub asset: AssetId,
    /// The fee.
    pub sale_id: SaleId,
    /// How much.
    pub amount: Money,
    /// The payout that it was paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_id: Option<PayoutId>,
    /// The lots that went.
    pub lots: Vec<LotChange>,
    /// What they had cost.
    pub cost: Money,
    /// What is held.
    pub held: Held,
    /// Coins for a fee, at cost.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The block in which a chain had taken a fee is gone, and the fee is not paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeeReturned {
    /// In what.
    pub asset: AssetId,
    /// The fee.
    pub sale_id: SaleId,
    /// How much.
    pub amount: Money,
    /// The payout that it was paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_id: Option<PayoutId>,
    /// The lots that came back.
    pub lots: Vec<LotChange>,
    /// What that gained; a loss is negative. Only where coins were missing meanwhile.
    pub realised: Money,
    /// What is held.
    pub held: Held,
    /// The mirror of the fee.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// What is held was valued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revalued {
    /// Of what.
    pub asset: AssetId,
    /// The look.
    pub revaluation_id: RevaluationId,
    /// The day that it counts for.
    pub on: NaiveDate,
    /// What it cost then.
    pub spot: Spot,
    /// What is held.
    pub held: Held,
    /// What that is worth at the rate.
    pub value: Money,
    /// Value less cost; a loss is negative.
    pub unrealised: Money,
    /// The gain or loss, for a day.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The valuation is taken back on the next day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RevaluationReversed {
    /// Of what.
    pub asset: AssetId,
    /// The look.
    pub revaluation_id: RevaluationId,
    /// The day that it counts for: the one after the valuation.
    pub on: NaiveDate,
    /// The mirror of the valuation.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The issuer has frozen some, or has given it free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// Of what.
    pub asset: AssetId,
    /// The freeze.
    pub freeze_id: FreezeId,
    /// How much.
    pub amount: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// From one account to the other.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}
