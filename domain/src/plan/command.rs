//! What can be asked of a plan.

use super::agreement::Agreement;
use super::ledger::ChargeOff;
use super::nominal_rate::NominalRate;
use crate::id::{AllocationId, PaymentId, PayoutId, PlanId, RefundId, RescheduleId, WaiverId};
use crate::money::Money;
use crate::order::Timestamp;
use crate::payment::Method;
use crate::text::Text;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Everything that can be asked of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The customer's limit carries it: it is agreed (asked by the policy).
    Approve(Box<Approve>),
    /// It is given up before it began.
    Cancel(CancelPlan),
    /// The goods are the customer's.
    Open(OpenPlan),
    /// The book pays the merchant, or the merchant pays back.
    PayMerchant(PayMerchant),
    /// Time has passed (asked by the timers).
    PassTime(PassTime),
    /// Money of a payment is offered (asked by the policy).
    ApplyPayment(ApplyPayment),
    /// Money of a payment went back (asked by the policy).
    ReversePayment(ReversePayment),
    /// Fees are forgiven.
    WaiveFee(WaiveFee),
    /// The purchase is refunded, in part or in full.
    Refund(RefundPlan),
    /// What is outstanding is put on other dates.
    Reschedule(ReschedulePlan),
    /// Periods to come get another rate.
    ChangeRate(ChangeRate),
    /// The book gives the debt up.
    ChargeOff(ChargeOffPlan),
}

impl Command {
    /// The plan that is asked.
    #[must_use]
    pub fn plan_id(&self) -> &PlanId {
        match self {
            Self::Approve(it) => &it.agreement.offer.plan_id,
            Self::Cancel(it) => &it.plan_id,
            Self::Open(it) => &it.plan_id,
            Self::PayMerchant(it) => &it.plan_id,
            Self::PassTime(it) => &it.plan_id,
            Self::ApplyPayment(it) => &it.plan_id,
            Self::ReversePayment(it) => &it.plan_id,
            Self::WaiveFee(it) => &it.plan_id,
            Self::Refund(it) => &it.plan_id,
            Self::Reschedule(it) => &it.plan_id,
            Self::ChangeRate(it) => &it.plan_id,
            Self::ChargeOff(it) => &it.plan_id,
        }
    }
}

/// The customer's limit carries it: it is agreed.
#[derive(Debug, Clone, PartialEq)]
pub struct Approve {
    /// Everything that was agreed.
    pub agreement: Agreement,
    /// When.
    pub at: Timestamp,
}

/// It is given up before it began.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelPlan {
    /// The plan.
    pub plan_id: PlanId,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// The goods are the customer's.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenPlan {
    /// The plan.
    pub plan_id: PlanId,
    /// When.
    pub at: Timestamp,
}

/// The book pays the merchant, or the merchant pays back.
#[derive(Debug, Clone, PartialEq)]
pub struct PayMerchant {
    /// The plan.
    pub plan_id: PlanId,
    /// Chosen by the client.
    pub payout_id: PayoutId,
    /// How much; everything that is owed where it is left out.
    pub amount: Option<Money>,
    /// To whom.
    pub direction: MerchantPaymentDirection,
    /// When.
    pub at: Timestamp,
}

/// Which way money goes between the book and the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MerchantPaymentDirection {
    /// For what was sold on the plan.
    #[default]
    ToMerchant,
    /// For what was refunded after the merchant was paid.
    FromMerchant,
}

/// Time has passed.
#[derive(Debug, Clone, PartialEq)]
pub struct PassTime {
    /// The plan.
    pub plan_id: PlanId,
    /// What the clock says.
    pub at: Timestamp,
}

/// Money of a payment is offered.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplyPayment {
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

/// Money of a payment went back.
#[derive(Debug, Clone, PartialEq)]
pub struct ReversePayment {
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

/// Fees are forgiven.
#[derive(Debug, Clone, PartialEq)]
pub struct WaiveFee {
    /// The plan.
    pub plan_id: PlanId,
    /// Chosen by the client.
    pub waiver_id: WaiverId,
    /// The installment.
    pub number: u32,
    /// How much; all that is outstanding where it is left out.
    pub amount: Option<Money>,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Who asks for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundSource {
    /// The merchant asked the plan; the plan's payment follows.
    Merchant,
    /// The plan's payment was refunded, by the merchant or by its order.
    Payment,
}

/// The purchase is refunded, in part or in full.
#[derive(Debug, Clone, PartialEq)]
pub struct RefundPlan {
    /// The plan.
    pub plan_id: PlanId,
    /// Chosen by the client.
    pub refund_id: RefundId,
    /// How much of the purchase.
    pub amount: Money,
    /// Who asks.
    pub source: RefundSource,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// How what is outstanding is put on other dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rescheduling {
    /// Everything outstanding moves to new installments; what was late is late no more.
    ReAge {
        /// The first new due date.
        first_due_on: NaiveDate,
        /// How many new installments.
        payments: u32,
    },
    /// What is late is shared over the installments that are still to come.
    ReAmortise,
}

/// What is outstanding is put on other dates.
#[derive(Debug, Clone, PartialEq)]
pub struct ReschedulePlan {
    /// The plan.
    pub plan_id: PlanId,
    /// Chosen by the client.
    pub reschedule_id: RescheduleId,
    /// How.
    pub how: Rescheduling,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Periods to come get another rate.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRate {
    /// The plan.
    pub plan_id: PlanId,
    /// Chosen by the client.
    pub reschedule_id: RescheduleId,
    /// The new rate.
    pub rate: NominalRate,
    /// When; periods that begin on that day or later have it.
    pub at: Timestamp,
}

/// The book gives the debt up.
#[derive(Debug, Clone, PartialEq)]
pub struct ChargeOffPlan {
    /// The plan.
    pub plan_id: PlanId,
    /// How.
    pub how: ChargeOff,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}
