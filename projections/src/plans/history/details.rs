//! What a plan's event says besides its amount: a small object with only the fields that the event has.

use crate::amount::Amount;
use chrono::NaiveDate;
use mizan_domain::money::Money;
use mizan_domain::plan::{
    self, Allocated, ChargeOff, Component, Event as It, MerchantPaymentDirection, RefundSource, Rescheduling,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What else an event of a plan says; a field that does not belong to its kind is left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PlanFactDetails {
    /// How or by whom: `to_merchant`, `from_merchant`; a refund asked of the plan (`merchant`) or of its payment
    /// (`payment`); `re_age`, `re_amortise`; a charge-off for `default` or `fraud`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// What a payment paid, part by part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allocated: Vec<PlanPaidPart>,
    /// What of a payment was beyond everything owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_credit: Option<Amount>,
    /// What of a payment or refund was for debt that had been given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Amount>,
    /// Whether a payment paid everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles: Option<bool>,
    /// The debt that a refund cancelled, in the order it fell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub debt: Vec<PlanCancelledDebt>,
    /// All of that debt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Amount>,
    /// What a refund gave back of what was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash: Option<Amount>,
    /// The payments that it, and returned interest, goes back to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cash_back: Vec<PlanCashBack>,
    /// Interest that goes back with a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interest_returned: Option<Amount>,
    /// What the merchant gives back for a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant_returns: Option<Amount>,
    /// The discount that the merchant gets back with a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount_returned: Option<Amount>,
    /// The merchant's discount that a due date or a charge-off earned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount_earned: Option<Amount>,
    /// The first of the new due dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_due_on: Option<NaiveDate>,
    /// How many new installments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payments: Option<u32>,
    /// The new rate, as a fraction of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// The steps that are undone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<u32>,
}

/// A part of a payment, and what it paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanPaidPart {
    /// The installment.
    pub number: u32,
    /// `principal`, `interest` or `fee`.
    #[schema(value_type = String)]
    pub component: Component,
    /// How much.
    pub amount: Amount,
}

/// Debt of one installment that a refund cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanCancelledDebt {
    /// The installment.
    pub number: u32,
    /// How much of its principal.
    pub amount: Amount,
}

/// Cash that goes back to the payment it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanCashBack {
    /// The payment.
    pub payment_id: String,
    /// The refund of it.
    pub refund_id: String,
    /// How much.
    pub amount: Amount,
}

impl PlanFactDetails {
    /// None where the event's amount and ids say it all.
    pub(super) fn of(event: &plan::Event) -> Option<Self> {
        let none = Self::default();
        let said = match event {
            It::MerchantPaid(it) => {
                let how = match it.direction {
                    MerchantPaymentDirection::ToMerchant => "to_merchant",
                    MerchantPaymentDirection::FromMerchant => "from_merchant",
                };
                Self { how: Some(how.to_owned()), ..none }
            }
            It::InstallmentDue(it) => Self { discount_earned: some(it.discount_earned), ..none },
            It::PaymentApplied(it) => Self {
                allocated: it.allocated.iter().map(PlanPaidPart::from).collect(),
                to_credit: some(it.to_credit),
                recovered: some(it.recovered),
                settles: Some(it.settles),
                ..none
            },
            It::Refunded(it) => Self::refunded(it),
            It::Rescheduled(it) => match it.how {
                Rescheduling::ReAge { first_due_on, payments } => Self {
                    how: Some("re_age".to_owned()),
                    first_due_on: Some(first_due_on),
                    payments: Some(payments),
                    ..none
                },
                Rescheduling::ReAmortise => Self { how: Some("re_amortise".to_owned()), ..none },
            },
            It::RateChanged(it) => Self { rate: Some(it.rate.to_string()), ..none },
            It::ChargedOff(it) => {
                let how = match it.how {
                    ChargeOff::Default => "default",
                    ChargeOff::Fraud => "fraud",
                };
                Self { how: Some(how.to_owned()), discount_earned: some(it.discount_earned), ..none }
            }
            It::Unwound(it) => Self { undone: it.undone.clone(), ..none },
            It::Approved(_)
            | It::PaymentHeld(_)
            | It::HeldPaymentReleased(_)
            | It::Cancelled(_)
            | It::Opened(_)
            | It::InterestAccrued(_)
            | It::PaymentReversed(_)
            | It::LateFeeCharged(_)
            | It::LateFeeWaived(_) => return None,
        };
        (said != Self::default()).then_some(said)
    }

    fn refunded(it: &plan::Refunded) -> Self {
        let how = match it.source {
            RefundSource::Merchant => "merchant",
            RefundSource::Payment => "payment",
        };
        let debt = it.debt.iter().map(|it| PlanCancelledDebt { number: it.number, amount: it.amount.into() });
        let cash_back = it.cash_back.iter().map(|it| PlanCashBack {
            payment_id: it.payment_id.to_string(),
            refund_id: it.refund_id.to_string(),
            amount: it.amount.into(),
        });
        Self {
            how: Some(how.to_owned()),
            debt: debt.collect(),
            cancelled: Some(it.cancelled.into()),
            cash: Some(it.cash.into()),
            cash_back: cash_back.collect(),
            recovered: some(it.recovered),
            interest_returned: some(it.interest_returned),
            merchant_returns: Some(it.merchant_returns.into()),
            discount_returned: some(it.discount_returned),
            ..Self::default()
        }
    }
}

/// An amount that is worth saying.
fn some(amount: Money) -> Option<Amount> {
    (!amount.is_zero()).then(|| amount.into())
}

impl From<&Allocated> for PlanPaidPart {
    fn from(it: &Allocated) -> Self {
        Self { number: it.number, component: it.component, amount: it.amount.into() }
    }
}
