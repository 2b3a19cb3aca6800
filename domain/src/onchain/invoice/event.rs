//! What can have happened to an invoice. These shapes are written once and read for ever.
//!
//! Every event says how the invoice stands after it, so that a reader needs no arithmetic.

use super::command::{DepositState, RefundOutcome, RefundRule, Resolution};
use super::standing::Standing;
use crate::entry::Entry;
use crate::id::{CustomerId, DepositId, InvoiceId, OrderId, PaymentId, RefundId, ResolutionId, WalletId};
use crate::money::Money;
use crate::onchain::wallet::Agreement;
use crate::onchain::{Address, Spot};
use crate::order::Timestamp;
use crate::rate::Rate;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to an invoice.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `invoice-opened`
    Opened(Box<Opened>),
    /// `invoice-deposit-recorded`
    DepositRecorded(Box<DepositRecorded>),
    /// `invoice-settled`
    Settled(Box<Settled>),
    /// `invoice-settlement-reversed`
    SettlementReversed(Box<SettlementReversed>),
    /// `invoice-expired`
    Expired(Passed),
    /// `invoice-closed`
    Closed(Passed),
    /// `invoice-cancelled`
    Cancelled(Cancelled),
    /// `invoice-resolved`
    Resolved(Box<Resolved>),
    /// `invoice-refund-owed`
    RefundOwed(RefundOwed),
    /// `invoice-refund-requested`
    RefundRequested(Box<RefundRequested>),
    /// `invoice-refund-ended`
    RefundEnded(Box<RefundEnded>),
    /// `invoice-refund-withdrawn`
    RefundWithdrawn(RefundWithdrawn),
}

impl Event {
    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Opened(it) => it.at,
            Self::DepositRecorded(it) => it.at,
            Self::Settled(it) => it.at,
            Self::SettlementReversed(it) => it.at,
            Self::Expired(it) | Self::Closed(it) => it.at,
            Self::Cancelled(it) => it.at,
            Self::Resolved(it) => it.at,
            Self::RefundOwed(it) => it.at,
            Self::RefundRequested(it) => it.at,
            Self::RefundEnded(it) => it.at,
            Self::RefundWithdrawn(it) => it.at,
        }
    }

    /// The entry of the fact, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::DepositRecorded(it) => Some(&it.entry),
            Self::Settled(it) => Some(&it.entry),
            Self::SettlementReversed(it) => Some(&it.entry),
            Self::Resolved(it) => Some(&it.entry),
            Self::RefundRequested(it) => Some(&it.entry),
            Self::RefundEnded(it) => Some(&it.entry),
            Self::Opened(_)
            | Self::Expired(_)
            | Self::Closed(_)
            | Self::Cancelled(_)
            | Self::RefundOwed(_)
            | Self::RefundWithdrawn(_) => None,
        }
    }

    /// How the invoice stands after it.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        match self {
            Self::Opened(it) => &it.standing,
            Self::DepositRecorded(it) => &it.standing,
            Self::Settled(it) => &it.standing,
            Self::SettlementReversed(it) => &it.standing,
            Self::Expired(it) | Self::Closed(it) => &it.standing,
            Self::Cancelled(it) => &it.standing,
            Self::Resolved(it) => &it.standing,
            Self::RefundOwed(it) => &it.standing,
            Self::RefundRequested(it) => &it.standing,
            Self::RefundEnded(it) => &it.standing,
            Self::RefundWithdrawn(it) => &it.standing,
        }
    }
}

/// It can be paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// What is to be paid.
    pub agreement: Agreement,
    /// Whose address.
    pub wallet_id: WalletId,
    /// Its place in the wallet.
    pub index: u32,
    /// Where to.
    pub address: Address,
    /// How it stands.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
}

/// Something happened to a deposit at its address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DepositRecorded {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The deposit.
    pub deposit_id: DepositId,
    /// The place of the fact among those of the deposit.
    pub step: u32,
    /// How much, of what.
    pub amount: Money,
    /// How it stands.
    pub state: DepositState,
    /// When it was seen for the first time.
    pub first_seen_at: Timestamp,
    /// Whether the promised rate holds for it.
    pub has_promised_rate: bool,
    /// What it is worth in money at this fact's rate, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
    /// What it counts of what is due.
    pub counts: Money,
    /// How the invoice stands.
    pub standing: Standing,
    /// What the deposit was booked at, against what it is worth to the invoice: gain or loss.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// Enough is confirmed: a payment carries the money to the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// How often it was settled.
    pub settlement: u32,
    /// The payment.
    pub payment_id: PaymentId,
    /// What it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Who paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// How much the payment brings.
    pub amount: Money,
    /// What dust and tolerance forgave of it.
    pub forgiven: Money,
    /// How it stands.
    pub standing: Standing,
    /// The customer's credit becomes the payment's.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// Not enough is confirmed any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettlementReversed {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Which of its settlements.
    pub settlement: u32,
    /// The payment that does not hold.
    pub payment_id: PaymentId,
    /// How much it brought.
    pub amount: Money,
    /// How it stands.
    pub standing: Standing,
    /// The mirror of the settlement, as far as it moved money.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A window has passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// How it stands.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
}

/// It is not wanted any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// How it stands.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
}

/// The merchant has decided about money that could not be placed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolved {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The decision.
    pub resolution_id: ResolutionId,
    /// What was decided.
    pub how: Resolution,
    /// What the asset cost, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<Spot>,
    /// The deposits that it was about, with what each is taken for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub deposits: Vec<Taken>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// How it stands.
    pub standing: Standing,
    /// What the deposits were booked at, against what they are taken for: gain or loss.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A deposit, and what it is taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The deposit.
    pub deposit_id: DepositId,
    /// What it is worth to the invoice.
    pub worth: Money,
}

/// A payment that it made is to be refunded; somebody has to ask the customer for an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundOwed {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The payment.
    pub payment_id: PaymentId,
    /// The refund.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Money,
    /// How it stands.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
}

/// Money is to go back on the chain: a payout that has to be approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The refund.
    pub refund_id: RefundId,
    /// Which attempt to pay it, from 1: one that was not paid can be asked for again.
    pub attempt: u32,
    /// Whose money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// The payment that owes it; none where it is the customer's credit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// How much of the asset it is.
    pub rule: RefundRule,
    /// So much of it is kept.
    pub subtract: Rate,
    /// What is paid, in the asset.
    pub amount: Money,
    /// What that settles, in money.
    pub value: Money,
    /// What of that the merchant keeps.
    pub kept: Money,
    /// The address that the customer gave.
    pub to: Address,
    /// What the asset cost, where the rule asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<Spot>,
    /// Who asked.
    pub requested_by: Text,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// How it stands.
    pub standing: Standing,
    /// What tolerance forgives more or less because of it; nearly always nothing.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A refund's payout has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundEnded {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The refund.
    pub refund_id: RefundId,
    /// Which attempt to pay it.
    pub attempt: u32,
    /// The payment that owed it; none where it is the customer's credit, or was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// What became of it.
    pub outcome: RefundOutcome,
    /// How often the chain had taken its payout back before.
    #[serde(skip_serializing_if = "is_never", default)]
    pub times_orphaned: u32,
    /// How it stands.
    pub standing: Standing,
    /// What tolerance forgives more or less because of it, and what was paid against the payment's own word; nearly
    /// always nothing.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_never(times: &u32) -> bool {
    *times == 0
}

/// What a payment owes is not to go back on the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundWithdrawn {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The payment that owed it.
    pub payment_id: PaymentId,
    /// The refund.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// How it stands.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
}
