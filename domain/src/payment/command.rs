//! What can be asked of a payment.

use super::method::Method;
use crate::id::{
    CaptureId, CustomerId, DisputeId, FeeId, InvoiceId, Jurisdiction, OrderId, PaymentId, PayoutId, PlanId, RefundId,
};
use crate::money::Money;
use crate::order::Timestamp;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can be asked of a payment.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The provider has authorised an amount.
    Authorise(Authorise),
    /// The provider has declined.
    Decline(Decline),
    /// Money has arrived without a separate authorisation.
    Receive(Receive),
    /// Part or all of an authorisation is taken.
    Capture(CapturePayment),
    /// What is not captured is given back.
    Void(VoidPayment),
    /// A capture did not hold: a transfer was recalled, cash on delivery was refused.
    ReverseCapture(ReverseCapture),
    /// Money is sent back.
    Refund(RefundPayment),
    /// The provider says that the refund arrived.
    ConfirmRefund(ConfirmRefund),
    /// The provider says that the refund did not arrive.
    FailRefund(FailRefund),
    /// A bank takes money back until a dispute is decided.
    OpenDispute(OpenDispute),
    /// The dispute was decided for the merchant.
    WinDispute(WinDispute),
    /// The dispute was decided for the customer.
    LoseDispute(LoseDispute),
    /// A provider or courier charges something, or gives it back.
    RecordFee(RecordFee),
    /// A provider or courier pays out what it holds.
    RecordPayout(RecordPayout),
    /// The provider did not answer: what happened is not known.
    ReportUnknown(ReportUnknown),
    /// What was unknown turns out not to have happened.
    FailAttempt(FailAttempt),
}

impl Command {
    /// The payment that is asked.
    #[must_use]
    pub fn payment_id(&self) -> &PaymentId {
        match self {
            Self::Authorise(it) => &it.intent.payment_id,
            Self::Decline(it) => &it.intent.payment_id,
            Self::Receive(it) => &it.intent.payment_id,
            Self::Capture(it) => &it.payment_id,
            Self::Void(it) => &it.payment_id,
            Self::ReverseCapture(it) => &it.payment_id,
            Self::Refund(it) => &it.payment_id,
            Self::ConfirmRefund(it) => &it.payment_id,
            Self::FailRefund(it) => &it.payment_id,
            Self::OpenDispute(it) => &it.payment_id,
            Self::WinDispute(it) => &it.payment_id,
            Self::LoseDispute(it) => &it.payment_id,
            Self::RecordFee(it) => &it.payment_id,
            Self::RecordPayout(it) => &it.payment_id,
            Self::ReportUnknown(it) => &it.payment_id,
            Self::FailAttempt(it) => &it.payment_id,
        }
    }
}

/// Who pays what, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Chosen by the client.
    pub payment_id: PaymentId,
    /// What it pays for, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The installment plan that it pays a part of, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<PlanId>,
    /// The invoice that it carries the money of, where it was paid on a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<InvoiceId>,
    /// Who pays, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// How.
    pub method: Method,
    /// How much: authorised, declined or received.
    pub amount: Money,
    /// The provider's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_reference: Option<Text>,
}

/// The provider has authorised an amount.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorise {
    /// What was authorised.
    pub intent: Intent,
    /// When.
    pub at: Timestamp,
}

/// The provider has declined.
#[derive(Debug, Clone, PartialEq)]
pub struct Decline {
    /// What was declined.
    pub intent: Intent,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Money has arrived without a separate authorisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Receive {
    /// What arrived.
    pub intent: Intent,
    /// When.
    pub at: Timestamp,
}

/// Part or all of an authorisation is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturePayment {
    /// The payment.
    pub payment_id: PaymentId,
    /// Chosen by the client.
    pub capture_id: CaptureId,
    /// How much.
    pub amount: Money,
    /// Whether the rest of the authorisation is given back.
    pub is_final: bool,
    /// When.
    pub at: Timestamp,
}

/// What is not captured is given back.
#[derive(Debug, Clone, PartialEq)]
pub struct VoidPayment {
    /// The payment.
    pub payment_id: PaymentId,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// A capture did not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct ReverseCapture {
    /// The payment.
    pub payment_id: PaymentId,
    /// The capture; of a received payment it has the payment's own id.
    pub capture_id: CaptureId,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Who asked for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOrigin {
    /// The merchant, of the payment itself: what the order loses by it is an allowance on its price.
    Merchant,
    /// The merchant, because the customer pays in another way: the order is owed it again.
    Replacement,
    /// A cancellation or return, which has released the money already.
    Order,
    /// A refund of a plan, which has released the money already.
    Plan,
}

/// Money is sent back.
#[derive(Debug, Clone, PartialEq)]
pub struct RefundPayment {
    /// The payment.
    pub payment_id: PaymentId,
    /// Chosen by the client.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Money,
    /// Who asked.
    pub origin: RefundOrigin,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// The refund arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmRefund {
    /// The payment.
    pub payment_id: PaymentId,
    /// The refund.
    pub refund_id: RefundId,
    /// Whether the invoice that made the payment says it: nobody else knows what became of its coins.
    pub is_of_invoice: bool,
    /// When.
    pub at: Timestamp,
}

/// The refund did not arrive.
#[derive(Debug, Clone, PartialEq)]
pub struct FailRefund {
    /// The payment.
    pub payment_id: PaymentId,
    /// The refund.
    pub refund_id: RefundId,
    /// Whether the invoice that made the payment says it: nobody else knows what became of its coins.
    pub is_of_invoice: bool,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// A bank takes money back until a dispute is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenDispute {
    /// The payment.
    pub payment_id: PaymentId,
    /// Chosen by the client, mostly the bank's.
    pub dispute_id: DisputeId,
    /// How much.
    pub amount: Money,
    /// What the bank charges for it; zero is allowed.
    pub fee: Money,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// The dispute was decided for the merchant.
#[derive(Debug, Clone, PartialEq)]
pub struct WinDispute {
    /// The payment.
    pub payment_id: PaymentId,
    /// The dispute.
    pub dispute_id: DisputeId,
    /// The part of the fee that the scheme gives back; mostly zero.
    pub fee_returned: Money,
    /// When.
    pub at: Timestamp,
}

/// The dispute was decided for the customer.
#[derive(Debug, Clone, PartialEq)]
pub struct LoseDispute {
    /// The payment.
    pub payment_id: PaymentId,
    /// The dispute.
    pub dispute_id: DisputeId,
    /// Tax that the authority gives back, where bad-debt relief applies; zero elsewhere.
    pub tax_relief: Money,
    /// Which authority.
    pub tax_jurisdiction: Option<Jurisdiction>,
    /// When.
    pub at: Timestamp,
}

/// Which way a fee goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeDirection {
    /// The provider takes it.
    #[default]
    Charged,
    /// The provider gives it back.
    Returned,
}

/// A provider or courier charges something, or gives it back.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordFee {
    /// The payment.
    pub payment_id: PaymentId,
    /// Chosen by the client.
    pub fee_id: FeeId,
    /// How much.
    pub amount: Money,
    /// Which way.
    pub direction: FeeDirection,
    /// When.
    pub at: Timestamp,
}

/// Which way a payout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutDirection {
    /// The provider pays the merchant.
    #[default]
    ToMerchant,
    /// The provider takes back what a refund or dispute after the payout cost it.
    ToProvider,
}

/// A provider or courier pays out what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPayout {
    /// The payment.
    pub payment_id: PaymentId,
    /// Chosen by the client, mostly the provider's.
    pub payout_id: PayoutId,
    /// How much of this payment is in it.
    pub amount: Money,
    /// Which way.
    pub direction: PayoutDirection,
    /// When.
    pub at: Timestamp,
}

/// Something that was tried at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Attempt {
    /// To authorise or receive the payment.
    Authorisation,
    /// To capture.
    Capture {
        /// The capture's id.
        capture_id: CaptureId,
        /// How much.
        amount: Money,
    },
    /// To void.
    Void,
    /// To refund.
    Refund {
        /// The refund's id.
        refund_id: RefundId,
    },
}

/// The provider did not answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportUnknown {
    /// The payment.
    pub payment_id: PaymentId,
    /// What was tried.
    pub attempt: Attempt,
    /// Needed where the payment is not known yet.
    pub intent: Option<Intent>,
    /// What was seen, for example a timeout.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// What was unknown turns out not to have happened.
#[derive(Debug, Clone, PartialEq)]
pub struct FailAttempt {
    /// The payment.
    pub payment_id: PaymentId,
    /// What was tried.
    pub attempt: Attempt,
    /// Why it failed.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}
