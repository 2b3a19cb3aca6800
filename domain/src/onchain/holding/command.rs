//! What can be asked of a holding.

use super::rules::PayoutRules;
use crate::id::{CustomerId, FreezeId, InvoiceId, LotId, PaymentId, PayoutId, RefundId, RevaluationId, SaleId};
use crate::money::Money;
use crate::onchain::{Address, Asset, AssetId, AssetSettings, Spot};
use crate::order::Timestamp;
use crate::text::Text;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Everything that can be asked of a holding.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The merchant settles how an asset is taken and kept.
    Register(Box<RegisterAsset>),
    /// A deposit was confirmed (asked by the policy).
    Acquire(Acquire),
    /// A confirmation was undone (asked by the policy).
    Lose(Lose),
    /// Some was sold for money.
    Sell(Sell),
    /// A chain took a fee (also asked by the policy).
    PayFee(PayFee),
    /// The chain has not taken a fee after all (asked by the policy).
    ReturnFee(ReturnFee),
    /// What is held is valued at the end of a month.
    Revalue(Revalue),
    /// The issuer has frozen some.
    Freeze(Freeze),
    /// The issuer has given it free.
    Unfreeze(Unfreeze),
    /// How payouts are decided.
    SetPayoutRules(SetPayoutRules),
    /// An address may be paid to.
    AllowDestination(AllowDestination),
    /// An address may not be paid to any more.
    RemoveDestination(RemoveDestination),
    /// Somebody is to be paid.
    RequestPayout(Box<RequestPayout>),
    /// A payout in money is priced again.
    RepricePayout(RepricePayout),
    /// A payout was approved (asked by the policy).
    TakePayout(TakePayout),
    /// A payout is on the chain (asked by the policy).
    SettlePayout(SettlePayout),
    /// A payout did not happen (asked by the policy).
    ReturnPayout(ReturnPayout),
    /// The chain has taken back the block of a payout (asked by the policy).
    UnsettlePayout(UnsettlePayout),
}

impl Command {
    /// The asset that is asked about.
    #[must_use]
    pub fn asset(&self) -> AssetId {
        match self {
            Self::Register(it) => it.asset.id,
            Self::Acquire(it) => it.asset,
            Self::Lose(it) => it.asset,
            Self::Sell(it) => it.asset,
            Self::PayFee(it) => it.asset,
            Self::ReturnFee(it) => it.asset,
            Self::Revalue(it) => it.asset,
            Self::Freeze(it) => it.asset,
            Self::Unfreeze(it) => it.asset,
            Self::SetPayoutRules(it) => it.asset,
            Self::AllowDestination(it) => it.asset,
            Self::RemoveDestination(it) => it.asset,
            Self::RequestPayout(it) => it.asset,
            Self::RepricePayout(it) => it.asset,
            Self::TakePayout(it) => it.asset,
            Self::SettlePayout(it) => it.asset,
            Self::ReturnPayout(it) => it.asset,
            Self::UnsettlePayout(it) => it.asset,
        }
    }
}

/// The merchant settles how an asset is taken and kept. Said again with other settings, it changes them.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterAsset {
    /// Which, with its decimals: they never change.
    pub asset: Asset,
    /// What is settled.
    pub settings: AssetSettings,
    /// When.
    pub at: Timestamp,
}

/// A deposit was confirmed.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquire {
    /// Of what.
    pub asset: AssetId,
    /// The deposit's confirmation.
    pub lot_id: LotId,
    /// How much.
    pub amount: Money,
    /// What it was worth then.
    pub cost: Money,
    /// When.
    pub at: Timestamp,
}

/// A confirmation was undone.
#[derive(Debug, Clone, PartialEq)]
pub struct Lose {
    /// Of what.
    pub asset: AssetId,
    /// The deposit's confirmation.
    pub lot_id: LotId,
    /// How much it brought.
    pub amount: Money,
    /// What it was booked at.
    pub cost: Money,
    /// When.
    pub at: Timestamp,
}

/// Some was sold for money.
#[derive(Debug, Clone, PartialEq)]
pub struct Sell {
    /// Of what.
    pub asset: AssetId,
    /// Chosen by the client.
    pub sale_id: SaleId,
    /// How much.
    pub amount: Money,
    /// What it was sold for, before fees.
    pub proceeds: Money,
    /// What the exchange took of that.
    pub fee: Money,
    /// The exchange's own words.
    pub reference: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// A chain took a fee.
#[derive(Debug, Clone, PartialEq)]
pub struct PayFee {
    /// In what.
    pub asset: AssetId,
    /// Chosen by the client, or derived from the payout.
    pub sale_id: SaleId,
    /// How much.
    pub amount: Money,
    /// The payout that it was paid for.
    pub payout_id: Option<PayoutId>,
    /// When.
    pub at: Timestamp,
}

/// The block in which a chain had taken a fee is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnFee {
    /// In what.
    pub asset: AssetId,
    /// The fee.
    pub sale_id: SaleId,
    /// When.
    pub at: Timestamp,
}

/// What is held is valued.
#[derive(Debug, Clone, PartialEq)]
pub struct Revalue {
    /// Of what.
    pub asset: AssetId,
    /// Chosen by the client, for example `2026-11`.
    pub revaluation_id: RevaluationId,
    /// The day that it counts for; it is taken back on the next.
    pub on: NaiveDate,
    /// What it costs then.
    pub spot: Spot,
    /// When.
    pub at: Timestamp,
}

/// The issuer of a token has frozen some.
#[derive(Debug, Clone, PartialEq)]
pub struct Freeze {
    /// Of what.
    pub asset: AssetId,
    /// Chosen by the client.
    pub freeze_id: FreezeId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// The issuer of a token has given it free.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfreeze {
    /// Of what.
    pub asset: AssetId,
    /// The freeze.
    pub freeze_id: FreezeId,
    /// When.
    pub at: Timestamp,
}

/// How payouts are decided. Requests that are there keep the rules that they were made under.
#[derive(Debug, Clone, PartialEq)]
pub struct SetPayoutRules {
    /// Of what.
    pub asset: AssetId,
    /// The rules.
    pub rules: PayoutRules,
    /// When.
    pub at: Timestamp,
}

/// An address may be paid to, after the cool-off.
#[derive(Debug, Clone, PartialEq)]
pub struct AllowDestination {
    /// Of what.
    pub asset: AssetId,
    /// Where to.
    pub address: Address,
    /// Whose it is.
    pub label: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// An address may not be paid to any more.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoveDestination {
    /// Of what.
    pub asset: AssetId,
    /// Where to.
    pub address: Address,
    /// When.
    pub at: Timestamp,
}

/// Somebody is to be paid.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestPayout {
    /// Of what.
    pub asset: AssetId,
    /// Chosen by the client.
    pub payout_id: PayoutId,
    /// What for.
    pub purpose: Purpose,
    /// How much of the asset.
    pub amount: Money,
    /// What that settles, in money.
    pub value: Money,
    /// Whether the value is what counts, so that it can be priced again until it is approved.
    pub is_in_money: bool,
    /// The rate between the two, where one was used.
    pub spot: Option<Spot>,
    /// Where to.
    pub to: Address,
    /// Who asks: never one of those who approve it.
    pub requested_by: Text,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// What a payout is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Money of an invoice goes back to an address that the customer gave. It needs no place on the allow-list.
    Refund {
        /// The invoice.
        invoice_id: InvoiceId,
        /// Its refund.
        refund_id: RefundId,
        /// Which attempt to pay it.
        attempt: u32,
        /// Whose money.
        #[serde(skip_serializing_if = "Option::is_none")]
        customer_id: Option<CustomerId>,
        /// The payment that owes it; none where it is the customer's credit.
        #[serde(skip_serializing_if = "Option::is_none")]
        payment_id: Option<PaymentId>,
        /// What the merchant keeps of the value.
        kept: Money,
    },
    /// Anything else: a supplier, the owner, another wallet.
    Other,
}

/// A payout in money is priced again.
#[derive(Debug, Clone, PartialEq)]
pub struct RepricePayout {
    /// Of what.
    pub asset: AssetId,
    /// The payout.
    pub payout_id: PayoutId,
    /// What the asset costs now.
    pub spot: Spot,
    /// When.
    pub at: Timestamp,
}

/// A payout was approved.
#[derive(Debug, Clone, PartialEq)]
pub struct TakePayout {
    /// Of what.
    pub asset: AssetId,
    /// The payout.
    pub payout_id: PayoutId,
    /// The price that was approved.
    pub revision: u32,
    /// When.
    pub at: Timestamp,
}

/// A payout is on the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct SettlePayout {
    /// Of what.
    pub asset: AssetId,
    /// The payout.
    pub payout_id: PayoutId,
    /// How often the chain had taken it back before; what is of an earlier time changes nothing any more.
    pub times_orphaned: u32,
    /// When.
    pub at: Timestamp,
}

/// The chain has taken back the block that a payout was in.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsettlePayout {
    /// Of what.
    pub asset: AssetId,
    /// The payout.
    pub payout_id: PayoutId,
    /// Which of the times that it was on the chain this undoes, from 1.
    pub completion: u32,
    /// When.
    pub at: Timestamp,
}

/// A payout did not happen.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnPayout {
    /// Of what.
    pub asset: AssetId,
    /// The payout.
    pub payout_id: PayoutId,
    /// How often the chain had taken it back before; what is of an earlier time changes nothing any more.
    pub times_orphaned: u32,
    /// When.
    pub at: Timestamp,
}
