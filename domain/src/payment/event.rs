//! What can have happened to a payment. These shapes are written once and read for ever: a change is a new version.

use super::command::{Attempt, FeeDirection, Intent, PayoutDirection, RefundOrigin};
use super::method::Method;
use crate::entry::Entry;
use crate::id::{CaptureId, DisputeId, FeeId, InvoiceId, OrderId, PaymentId, PayoutId, PlanId, RefundId};
use crate::money::Money;
use crate::order::Timestamp;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a payment.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `payment-authorised`
    Authorised(Authorised),
    /// `payment-declined`
    Declined(Declined),
    /// `payment-received`
    Received(Received),
    /// `payment-captured`
    Captured(Captured),
    /// `payment-voided`
    Voided(Voided),
    /// `payment-capture-reversed`
    CaptureReversed(CaptureReversed),
    /// `payment-refund-requested`
    RefundRequested(RefundRequested),
    /// `payment-refund-succeeded`
    RefundSucceeded(RefundSucceeded),
    /// `payment-refund-failed`
    RefundFailed(RefundFailed),
    /// `payment-dispute-opened`
    DisputeOpened(DisputeOpened),
    /// `payment-dispute-won`
    DisputeWon(DisputeWon),
    /// `payment-dispute-lost`
    DisputeLost(DisputeLost),
    /// `payment-fee-recorded`
    FeeRecorded(FeeRecorded),
    /// `payment-payout-recorded`
    PayoutRecorded(PayoutRecorded),
    /// `payment-outcome-unknown`
    OutcomeUnknown(OutcomeUnknown),
    /// `payment-attempt-failed`
    AttemptFailed(AttemptFailed),
}

impl Event {
    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Authorised(it) => it.at,
            Self::Declined(it) => it.at,
            Self::Received(it) => it.at,
            Self::Captured(it) => it.at,
            Self::Voided(it) => it.at,
            Self::CaptureReversed(it) => it.at,
            Self::RefundRequested(it) => it.at,
            Self::RefundSucceeded(it) => it.at,
            Self::RefundFailed(it) => it.at,
            Self::DisputeOpened(it) => it.at,
            Self::DisputeWon(it) => it.at,
            Self::DisputeLost(it) => it.at,
            Self::FeeRecorded(it) => it.at,
            Self::PayoutRecorded(it) => it.at,
            Self::OutcomeUnknown(it) => it.at,
            Self::AttemptFailed(it) => it.at,
        }
    }
}

/// The provider promised an amount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Authorised {
    /// Who pays what, and how.
    #[serde(flatten)]
    pub intent: Intent,
    /// Pending layer: the clearing account expects it.
    pub pending: Entry,
    /// When.
    pub at: Timestamp,
}

/// The provider declined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Declined {
    /// Who wanted to pay what.
    #[serde(flatten)]
    pub intent: Intent,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Money arrived without a separate authorisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// Who paid what, and how.
    #[serde(flatten)]
    pub intent: Intent,
    /// The clearing account has it; it is the customer's credit.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

impl Received {
    /// A received payment is one capture, with the payment's own id.
    #[must_use]
    pub fn capture_id(&self) -> CaptureId {
        let id = self.intent.payment_id.as_str();
        // Both kinds of id follow the same rules.
        CaptureId::parse(id).unwrap_or_else(|_| CaptureId::derived(&[id]))
    }
}

/// Part or all of an authorisation was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// The payment.
    pub payment_id: PaymentId,
    /// The capture.
    pub capture_id: CaptureId,
    /// What it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The installment plan that it pays a part of, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<PlanId>,
    /// How it was paid.
    pub method: Method,
    /// How much.
    pub amount: Money,
    /// Whether nothing more will be captured.
    pub is_final: bool,
    /// The rest of the authorisation, where it was given back.
    pub given_back: Money,
    /// The clearing account has it; it is the customer's credit.
    pub entry: Entry,
    /// Pending layer: what was captured or given back is no longer expected.
    pub pending: Entry,
    /// When.
    pub at: Timestamp,
}

/// What was not captured was given back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Voided {
    /// The payment.
    pub payment_id: PaymentId,
    /// How much.
    pub given_back: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// Pending layer: it is no longer expected.
    pub pending: Entry,
    /// When.
    pub at: Timestamp,
}

/// A capture did not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptureReversed {
    /// The payment.
    pub payment_id: PaymentId,
    /// The capture.
    pub capture_id: CaptureId,
    /// What it paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The installment plan that it pays a part of, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<PlanId>,
    /// How it was paid.
    pub method: Method,
    /// How much.
    pub amount: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The mirror of the capture's entry.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// Money is on its way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// The payment.
    pub payment_id: PaymentId,
    /// The refund.
    pub refund_id: RefundId,
    /// What the payment paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The installment plan that it pays a part of, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<PlanId>,
    /// The invoice that it carries the money of, where it was paid on a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<InvoiceId>,
    /// How much.
    pub amount: Money,
    /// Who asked.
    pub origin: RefundOrigin,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The customer's credit becomes a refund on its way.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The refund arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundSucceeded {
    /// The payment.
    pub payment_id: PaymentId,
    /// The refund.
    pub refund_id: RefundId,
    /// How it was paid.
    pub method: Method,
    /// How much.
    pub amount: Money,
    /// The refund on its way leaves the clearing account.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The refund did not arrive; the pool has its amount again. One that an order asked for, and for which the pool had
/// no money left (a dispute took it, say), fails without having been requested, and nothing is booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundFailed {
    /// The payment.
    pub payment_id: PaymentId,
    /// The refund.
    pub refund_id: RefundId,
    /// What the payment paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// How much.
    pub amount: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The mirror of the request's entry.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A bank took money back until a dispute is decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DisputeOpened {
    /// The payment.
    pub payment_id: PaymentId,
    /// The dispute.
    pub dispute_id: DisputeId,
    /// How it was paid.
    pub method: Method,
    /// How much the bank took.
    pub amount: Money,
    /// What it charged.
    pub fee: Money,
    /// What the dispute takes from the refundable pool.
    pub reserved: Money,
    /// What the bank took although it had been refunded before: to be contested.
    pub over_recovery: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The clearing account loses amount and fee; the amount is a receivable until decided.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The dispute was decided for the merchant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DisputeWon {
    /// The payment.
    pub payment_id: PaymentId,
    /// The dispute.
    pub dispute_id: DisputeId,
    /// How it was paid.
    pub method: Method,
    /// How much came back.
    pub amount: Money,
    /// The part of the fee that came back too.
    pub fee_returned: Money,
    /// The receivable returns to the clearing account.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The dispute was decided for the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DisputeLost {
    /// The payment.
    pub payment_id: PaymentId,
    /// The dispute.
    pub dispute_id: DisputeId,
    /// How it was paid.
    pub method: Method,
    /// How much is gone.
    pub amount: Money,
    /// The tax that the authority gives back.
    pub tax_relief: Money,
    /// The receivable becomes a loss.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A provider or courier charged something, or gave it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeeRecorded {
    /// The payment.
    pub payment_id: PaymentId,
    /// The fee.
    pub fee_id: FeeId,
    /// How it was paid.
    pub method: Method,
    /// How much.
    pub amount: Money,
    /// Which way.
    pub direction: FeeDirection,
    /// A cost out of the clearing account.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A provider or courier paid out what it held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayoutRecorded {
    /// The payment.
    pub payment_id: PaymentId,
    /// The payout.
    pub payout_id: PayoutId,
    /// How it was paid.
    pub method: Method,
    /// How much of this payment was in it.
    pub amount: Money,
    /// Which way.
    pub direction: PayoutDirection,
    /// The clearing account moves to the bank.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The provider did not answer: what happened is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeUnknown {
    /// Who pays what, and how.
    #[serde(flatten)]
    pub intent: Intent,
    /// What was tried.
    pub attempt: Attempt,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// What was unknown turned out not to have happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptFailed {
    /// The payment.
    pub payment_id: PaymentId,
    /// What was tried.
    pub attempt: Attempt,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}
