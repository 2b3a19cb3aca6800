//! What can have happened to a plan. These shapes are written once and read for ever: a change is a new version.

use super::agreement::Agreement;
use super::command::{MerchantPaymentDirection, RefundSource, Rescheduling};
use super::ledger::{Allocated, ChargeOff};
use super::nominal_rate::NominalRate;
use super::standing::Step;
use crate::entry::Entry;
use crate::id::{AllocationId, CustomerId, OrderId, PaymentId, PayoutId, PlanId, RefundId, RescheduleId, WaiverId};
use crate::money::Money;
use crate::order::Timestamp;
use crate::payment::Method;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `plan-approved`
    Approved(Box<Approved>),
    /// `plan-cancelled`
    Cancelled(Cancelled),
    /// `plan-payment-held`
    PaymentHeld(PaymentHeld),
    /// `plan-held-payment-released`
    HeldPaymentReleased(HeldPaymentReleased),
    /// `plan-opened`
    Opened(Box<Opened>),
    /// `plan-merchant-paid`
    MerchantPaid(MerchantPaid),
    /// `plan-installment-due`
    InstallmentDue(InstallmentDue),
    /// `plan-interest-accrued`
    InterestAccrued(InterestAccrued),
    /// `plan-payment-applied`
    PaymentApplied(PaymentApplied),
    /// `plan-payment-reversed`
    PaymentReversed(PaymentReversed),
    /// `plan-late-fee-charged`
    LateFeeCharged(LateFeeCharged),
    /// `plan-late-fee-waived`
    LateFeeWaived(LateFeeWaived),
    /// `plan-refunded`
    Refunded(Box<Refunded>),
    /// `plan-rescheduled`
    Rescheduled(Rescheduled),
    /// `plan-rate-changed`
    RateChanged(RateChanged),
    /// `plan-charged-off`
    ChargedOff(ChargedOff),
    /// `plan-unwound`
    Unwound(Unwound),
}

impl Event {
    /// What it changed on the customer's side; nothing before the plan is open.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        match self {
            Self::Approved(_)
            | Self::Cancelled(_)
            | Self::PaymentHeld(_)
            | Self::HeldPaymentReleased(_)
            | Self::MerchantPaid(_) => None,
            Self::Opened(it) => Some(&it.step),
            Self::InstallmentDue(it) => Some(&it.step),
            Self::InterestAccrued(it) => Some(&it.step),
            Self::PaymentApplied(it) => Some(&it.step),
            Self::PaymentReversed(it) => Some(&it.step),
            Self::LateFeeCharged(it) => Some(&it.step),
            Self::LateFeeWaived(it) => Some(&it.step),
            Self::Refunded(it) => Some(&it.step),
            Self::Rescheduled(it) => Some(&it.step),
            Self::RateChanged(it) => Some(&it.step),
            Self::ChargedOff(it) => Some(&it.step),
            Self::Unwound(it) => Some(&it.step),
        }
    }

    /// The entry that the fact means, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::MerchantPaid(it) => Some(&it.entry),
            other => other.step().map(|step| &step.entry),
        }
    }

    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Approved(it) => it.at,
            Self::Cancelled(it) => it.at,
            Self::PaymentHeld(it) => it.at,
            Self::HeldPaymentReleased(it) => it.at,
            Self::MerchantPaid(it) => it.at,
            other => other.step().map_or(Timestamp::UNIX_EPOCH, |step| step.at),
        }
    }
}

/// A plan was agreed, within the customer's limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    /// Everything that was agreed.
    #[serde(flatten)]
    pub agreement: Agreement,
    /// When.
    pub at: Timestamp,
}

/// A plan was given up before it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The plan.
    pub plan_id: PlanId,
    /// Whose.
    pub customer_id: CustomerId,
    /// What is free again of the limit.
    pub amount: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Money came before the goods, a down payment, say: it is the customer's credit until the plan is opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentHeld {
    /// The plan.
    pub plan_id: PlanId,
    /// Derived from the event that brought the money.
    pub application_id: AllocationId,
    /// Where it came from.
    pub payment_id: PaymentId,
    /// How it was paid.
    pub method: Method,
    /// How much.
    pub amount: Money,
    /// When it was paid.
    pub at: Timestamp,
}

/// Money that waited for the goods went back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldPaymentReleased {
    /// The plan.
    pub plan_id: PlanId,
    /// Derived from the event that took the money.
    pub reversal_id: AllocationId,
    /// The payment.
    pub payment_id: PaymentId,
    /// How much of it.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// The goods are the customer's, the merchant has a claim on the book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// What was bought, where it was an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// What was bought for.
    pub amount: Money,
    /// What the merchant leaves.
    pub discount: Money,
}

/// The book paid the merchant, or the merchant paid back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MerchantPaid {
    /// The plan.
    pub plan_id: PlanId,
    /// Chosen by the client.
    pub payout_id: PayoutId,
    /// How much.
    pub amount: Money,
    /// To whom.
    pub direction: MerchantPaymentDirection,
    /// What the merchant is still to be paid; negative where refunds took more back.
    pub merchant_payable: Money,
    /// The balanced entry.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// The due date of an installment came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallmentDue {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// The installment; several where they fall due on one day.
    pub number: u32,
    /// What of it is still to be paid.
    pub amount: Money,
    /// The merchant's discount that it earned.
    pub discount_earned: Money,
}

/// A month (or a day) ended, and interest went into the books.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterestAccrued {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
}

/// A payment was applied to what is owed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentApplied {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// Derived from the event that brought the money.
    pub application_id: AllocationId,
    /// Where it came from.
    pub payment_id: PaymentId,
    /// How it was paid.
    pub method: Method,
    /// How much.
    pub amount: Money,
    /// What it paid.
    pub allocated: Vec<Allocated>,
    /// What was beyond everything owed: the customer's credit.
    pub to_credit: Money,
    /// What was paid of a debt that was charged off.
    pub recovered: Money,
    /// Whether it paid everything, interest to that day included.
    pub settles: bool,
}

/// A payment did not hold, or went back to the customer: it pays nothing any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentReversed {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// The reversal, derived from the event that took the money.
    pub reversal_id: AllocationId,
    /// The payment.
    pub payment_id: PaymentId,
    /// How much of it.
    pub amount: Money,
}

/// An installment is late, and that costs something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LateFeeCharged {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// The installment.
    pub number: u32,
    /// Which step of the terms' fees, from 0.
    pub fee_step: u32,
    /// How much.
    pub amount: Money,
}

/// A fee was forgiven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LateFeeWaived {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// Chosen by the client, or derived where the terms forgive it.
    pub waiver_id: WaiverId,
    /// The installment.
    pub number: u32,
    /// How much.
    pub amount: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// The order was refunded, in part or in full. `amount = cancelled + recovered + cash`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refunded {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// Chosen by the client.
    pub refund_id: RefundId,
    /// Who asked.
    pub source: RefundSource,
    /// What was bought, where it was an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// How much of the purchase is refunded.
    pub amount: Money,
    /// The debt that falls: all of it.
    pub cancelled: Money,
    /// The debt that falls, by installment, in the order it fell.
    pub debt: Vec<CancelledDebt>,
    /// Debt that had been charged off.
    pub recovered: Money,
    /// What was paid already and goes back: all of it.
    pub cash: Money,
    /// The cash, and returned interest, by the payment that it goes back to.
    pub cash_back: Vec<CashBack>,
    /// Interest paid before that goes back too; not part of `amount`.
    pub interest_returned: Money,
    /// What the merchant gives back: the amount, less the discount that is returned.
    pub merchant_returns: Money,
    /// The discount that the merchant gets back.
    pub discount_returned: Money,
    /// What was unearned of the refunded part's discount.
    pub discount_unearned: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// Debt of one installment that a refund cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelledDebt {
    /// The installment.
    pub number: u32,
    /// How much of its principal.
    pub amount: Money,
}

/// Cash that goes back to the payment it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashBack {
    /// The payment.
    pub payment_id: PaymentId,
    /// The refund of it.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Money,
}

/// What is outstanding was put on other dates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rescheduled {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// Chosen by the client.
    pub reschedule_id: RescheduleId,
    /// How.
    pub how: Rescheduling,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// Periods from a day on have another rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateChanged {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// Chosen by the client.
    pub reschedule_id: RescheduleId,
    /// The new rate.
    pub rate: NominalRate,
}

/// The book has given the debt up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChargedOff {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// How.
    pub how: ChargeOff,
    /// Principal given up.
    pub principal: Money,
    /// The merchant's discount that is earned with it.
    pub discount_earned: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// A fact came to light that belongs before others: those are undone here, and done again by the events that follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unwound {
    /// What it changed.
    #[serde(flatten)]
    pub step: Box<Step>,
    /// The steps that are undone.
    pub undone: Vec<u32>,
}
