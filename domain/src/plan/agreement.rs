//! The agreement: terms applied to an order, computed once and frozen, with everything that must be disclosed.

use super::apr::{self, Apr, Flow};
use super::discount;
use super::installment::{Installment, Part};
use super::late_fees::LateFees;
use super::nominal_rate::NominalRate;
use super::schedule::{self, BadSchedule, Row, ScheduleTerms};
use super::terms::{Bucket, DownPayment, Terms};
use crate::id::{CustomerId, OrderId, PlanId};
use crate::invalid::Invalid;
use crate::money::Money;
use crate::rate::{RATE_UNIT, Rounding};
use crate::text::Text;
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The most holidays that terms may name.
pub const HOLIDAYS_MAX: usize = 1_000;
/// The most bands of late fees, and the most steps of one.
pub const FEE_STEPS_MAX: usize = 20;
/// The longest grace, and the longest wait of a step, in days.
pub const FEE_DAYS_MAX: u32 = 365;

/// The years in which a plan can start: nothing that follows from it leaves the calendar that databases know.
pub const STARTS_IN_YEARS: RangeInclusive<i32> = 1970..=2200;

/// What is offered to a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Chosen by the client.
    pub plan_id: PlanId,
    /// Who pays in parts.
    pub customer_id: CustomerId,
    /// What is bought; none for a plan without an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The merchant's name for these terms, for example `pay-in-4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// What is bought for, the down payment included.
    pub amount: Money,
    /// The day that interest and the schedule count from, in the plan's time zone.
    pub starts_on: NaiveDate,
    /// The terms.
    pub terms: Terms,
}

/// An offer with everything computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// What was offered.
    #[serde(flatten)]
    pub offer: Offer,
    /// What is paid on the first day.
    pub down_payment: Money,
    /// The amount financed: the offer's amount without the down payment.
    pub financed: Money,
    /// What the merchant leaves to the book that carries the plan.
    pub discount: Money,
    /// The payments after the first day.
    pub schedule: Vec<Row>,
    /// How the discount is earned: a part with each payment.
    pub discount_earned: Vec<Money>,
    /// What the customer must be told before agreeing.
    pub disclosure: Disclosure,
}

/// What the customer must be told before agreeing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disclosure {
    /// What the credit costs: all interest.
    pub finance_charge: Money,
    /// The sum of all payments after the first day.
    pub total_of_payments: Money,
    /// The sum of all payments with the down payment: what the goods cost in the end.
    pub total_cost: Money,
    /// The annual percentage rate of Regulation Z, Appendix J (actuarial method), in percent with two decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apr_us: Option<Apr>,
    /// The annual percentage rate of charge of the Consumer Credit Directive, Annex I, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apr_eu: Option<Apr>,
}

/// Terms that make no plan, with the field at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTerms {
    /// Nothing to finance.
    #[error("the amount is zero; a plan needs something to pay for")]
    AmountNotPositive,
    /// A first day that no contract has.
    #[error("a plan starts between 1970 and 2200")]
    StartTooFar,
    /// The schedule cannot be made.
    #[error("{0}")]
    Schedule(#[from] BadSchedule),
    /// The down payment leaves nothing to pay in parts.
    #[error("the down payment of {down_payment} leaves nothing of the {amount} to pay in parts")]
    DownPaymentTooLarge {
        /// What is paid on the first day.
        down_payment: Money,
        /// What is bought for.
        amount: Money,
    },
    /// A share with a multiple of zero, or amounts in another currency.
    #[error("{source}")]
    Amount {
        /// The field, below the terms.
        field: String,
        /// What is wrong with it.
        source: Invalid,
    },
    /// The cap is below the smallest fee that it caps.
    #[error("the cap of {cap} is below the fee of {fee}; it could never be charged")]
    CapBelowFee {
        /// Which band.
        band: usize,
        /// The cap.
        cap: Money,
        /// The fee.
        fee: Money,
    },
    /// More parts than are allowed, or parts out of order.
    #[error("{why}")]
    Parts {
        /// The field, below the terms.
        field: String,
        /// What is wrong.
        why: String,
    },
}

impl BadTerms {
    /// A stable code; never renamed.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AmountNotPositive => "amount_not_positive",
            Self::StartTooFar => "start_too_far",
            Self::Schedule(bad) => bad.code(),
            Self::Parts { .. } => "bad_terms",
            Self::DownPaymentTooLarge { .. } => "down_payment_too_large",
            Self::Amount { source, .. } => source.code(),
            Self::CapBelowFee { .. } => "cap_below_fee",
        }
    }

    /// The field at fault, as a JSON pointer into the command.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self {
            Self::AmountNotPositive => "/amount".to_owned(),
            Self::StartTooFar => "/starts_on".to_owned(),
            Self::Schedule(bad) => format!("/terms/{}", bad.field()),
            Self::DownPaymentTooLarge { .. } => "/terms/down_payment".to_owned(),
            Self::Amount { field, .. } | Self::Parts { field, .. } => format!("/terms/{field}"),
            Self::CapBelowFee { band, .. } => format!("/terms/late_fees/{band}/cap_amount"),
        }
    }

    fn parts(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Parts { field: field.into(), why: why.into() }
    }
}

impl Agreement {
    /// Applies the terms.
    ///
    /// # Errors
    /// [`BadTerms`] with the field at fault.
    pub fn of(offer: Offer) -> Result<Self, BadTerms> {
        let amount = offer.amount;
        if !amount.is_positive() {
            return Err(BadTerms::AmountNotPositive);
        }
        if !STARTS_IN_YEARS.contains(&offer.starts_on.year()) {
            return Err(BadTerms::StartTooFar);
        }
        check(&offer.terms, amount)?;
        let down_payment = offer.terms.down_payment.map_or(Ok(Money::zero(amount.currency())), |it| it.of(amount));
        let down_payment =
            down_payment.map_err(|source| BadTerms::Amount { field: "down_payment".to_owned(), source })?;
        if down_payment.minor() >= amount.minor() {
            return Err(BadTerms::DownPaymentTooLarge { down_payment, amount });
        }
        let financed = Money::of_minor(amount.minor() - down_payment.minor(), amount.currency());
        let schedule = schedule::schedule(&offer.terms.schedule, financed, offer.starts_on)?;
        let rate = offer.terms.merchant_discount.rate;
        let discount = Rounding::HalfUp.divide(amount.minor().saturating_mul(rate.units()), RATE_UNIT);
        let discount = Money::of_minor(discount, amount.currency());
        let parts: Vec<(Money, Money)> = schedule.iter().map(|row| (row.principal, row.interest)).collect();
        let discount_earned = discount::unwind(discount, &parts);
        let disclosure = disclose(&offer, down_payment, financed, &schedule);
        Ok(Self { offer, down_payment, financed, discount, schedule, discount_earned, disclosure })
    }

    /// The late fees of an order of this size, where there are any.
    pub(super) fn late_fees(&self) -> Option<&LateFees> {
        LateFees::for_order(&self.offer.terms.late_fees, self.offer.amount)
    }

    /// The terms of the schedule at another rate.
    pub(super) fn at_rate(&self, rate: NominalRate) -> ScheduleTerms {
        ScheduleTerms { rate, ..self.offer.terms.schedule.clone() }
    }

    /// The installments before anything happened; the down payment is number 0.
    #[must_use]
    pub fn installments(&self) -> Vec<Installment> {
        let zero = Money::zero(self.financed.currency());
        let starts_on = self.offer.starts_on;
        let first = self.down_payment.is_positive().then(|| Installment {
            number: 0,
            from: starts_on,
            until: starts_on,
            due_on: starts_on,
            principal: Part::due(self.down_payment),
            interest: Part::due(zero),
            fee: Part::due(zero),
        });
        let rest = self.schedule.iter().map(|row| Installment {
            number: row.number,
            from: row.from,
            until: row.until,
            due_on: row.due_on,
            principal: Part::due(row.principal),
            interest: Part::due(row.interest),
            fee: Part::due(zero),
        });
        first.into_iter().chain(rest).collect()
    }
}

fn disclose(offer: &Offer, down_payment: Money, financed: Money, schedule: &[Row]) -> Disclosure {
    let sum = |minor: i128| Money::of_minor(minor, financed.currency());
    let interest: i128 = schedule.iter().map(|row| row.interest.minor()).sum();
    let total = financed.minor() + interest;
    let advances = [Flow { on: offer.starts_on, amount: financed }];
    let payment = |row: &Row| Flow { on: row.due_on, amount: sum(row.principal.minor() + row.interest.minor()) };
    let payments: Vec<Flow> = schedule.iter().map(payment).filter(|it| it.amount.is_positive()).collect();
    Disclosure {
        finance_charge: sum(interest),
        total_of_payments: sum(total),
        total_cost: sum(total + down_payment.minor()),
        apr_us: apr::reg_z(&advances, &payments, Some(offer.terms.schedule.frequency)),
        apr_eu: apr::eu(&advances, &payments, Some(offer.terms.schedule.frequency)),
    }
}

/// The checks of terms that the schedule does not make itself.
fn check(terms: &Terms, amount: Money) -> Result<(), BadTerms> {
    let currency = amount.currency();
    let same = |field: String, it: Money| {
        Money::zero(currency).plus(it).map(|_| ()).map_err(|source| BadTerms::Amount { field, source })
    };
    if let Some(DownPayment::Share { multiple: Some(multiple), .. }) = terms.down_payment {
        same("down_payment/multiple".to_owned(), multiple)?;
        if !multiple.is_positive() {
            return Err(BadTerms::parts("down_payment/multiple", "a multiple of zero rounds to nothing; leave it out"));
        }
    }
    let mut order = terms.allocation.order.clone();
    order.sort_unstable();
    if order != Bucket::ALL {
        return Err(BadTerms::parts("allocation/order", "name each of the nine buckets exactly once"));
    }
    if terms.schedule.business_days.holidays.len() > HOLIDAYS_MAX {
        return Err(BadTerms::parts("business_days/holidays", format!("at most {HOLIDAYS_MAX} holidays")));
    }
    if terms.late_fees.len() > FEE_STEPS_MAX {
        return Err(BadTerms::parts("late_fees", format!("at most {FEE_STEPS_MAX} bands")));
    }
    for (band, fees) in terms.late_fees.iter().enumerate() {
        let field = |name: &str| format!("late_fees/{band}/{name}");
        same(field("order_from"), fees.order_from)?;
        if fees.steps.len() > FEE_STEPS_MAX {
            return Err(BadTerms::parts(field("steps"), format!("at most {FEE_STEPS_MAX} steps")));
        }
        if fees.grace_days > FEE_DAYS_MAX {
            return Err(BadTerms::parts(field("grace_days"), format!("at most {FEE_DAYS_MAX} days")));
        }
        if !fees.steps.is_sorted_by(|a, b| a.after_days < b.after_days) {
            return Err(BadTerms::parts(field("steps"), "the steps are not in the order of their days"));
        }
        if let Some(cap) = fees.cap_amount {
            same(field("cap_amount"), cap)?;
        }
        for (no, step) in fees.steps.iter().enumerate() {
            let field = |name: &str| format!("late_fees/{band}/steps/{no}/{name}");
            if step.after_days > FEE_DAYS_MAX {
                return Err(BadTerms::parts(field("after_days"), format!("at most {FEE_DAYS_MAX} days")));
            }
            let super::late_fees::FeeAmount::Amount(fee) = step.fee else { continue };
            same(field("amount"), fee)?;
            if let Some(cap) = fees.cap_amount.filter(|cap| cap.minor() < fee.minor()) {
                return Err(BadTerms::CapBelowFee { band, cap, fee });
            }
        }
    }
    Ok(())
}
