//! The commands of credit lines and installment plans, as clients write them.

use super::Asked;
use super::read::{Amount, Checked, Day, Fault, When, at, optional};
use super::terms::TermsBody;
use chrono::{DateTime, Utc};
use mizan_domain::event::Command;
use mizan_domain::id::{CustomerId, OrderId, PayoutId, PlanId, RefundId, RescheduleId, WaiverId};
use mizan_domain::plan::{self, ChargeOff, MerchantPaymentDirection, NominalRate, Offer, RefundSource, Rescheduling};
use mizan_domain::text::Text;
use mizan_domain::{Currency, Money, credit};
use serde::Deserialize;
use utoipa::ToSchema;

/// How much a customer may owe on plans, in one currency. A score is a fact from outside, kept with its source.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetCreditLimit {
    /// Whose.
    #[schema(value_type = String, example = "c-7")]
    customer_id: Checked<CustomerId>,
    /// How much, as text; `0` takes the line away for new plans.
    #[schema(value_type = String, example = "500.00")]
    limit: Amount,
    /// ISO 4217; a customer has one line in each currency.
    #[schema(value_type = String, example = "EUR")]
    currency: Checked<Currency>,
    /// What a scoring said, in its own words.
    #[schema(value_type = Option<String>, example = "712")]
    score: Option<Checked<Text>>,
    /// Who scored.
    #[schema(value_type = Option<String>, example = "bureau-a")]
    source: Option<Checked<Text>>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for SetCreditLimit {
    const SUMMARY: &'static str = "Set a customer's credit limit";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        Ok(Command::Credit(credit::Command::SetLimit(credit::SetLimit {
            customer_id: self.customer_id.0,
            limit: self.limit.of(self.currency.0, "/limit")?,
            score: optional(self.score),
            source: optional(self.source),
            reason: optional(self.reason),
            at: at(self.occurred_at, now)?,
        })))
    }
}

/// A plan is agreed, if the customer's credit line carries it: limit and reservation are one decision. The agreement is
/// computed here once and frozen: schedule, costs, annual percentage rates.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovePlan {
    /// Yours: the same id again is the same plan.
    #[schema(value_type = String, example = "n-1")]
    plan_id: Checked<PlanId>,
    /// Who pays in parts.
    #[schema(value_type = String, example = "c-7")]
    customer_id: Checked<CustomerId>,
    /// The order that it pays for.
    #[schema(value_type = Option<String>, example = "o-1001")]
    order_id: Option<Checked<OrderId>>,
    /// Your name for these terms.
    #[schema(value_type = Option<String>, example = "pay-in-4")]
    product: Option<Checked<Text>>,
    /// What is bought for, the down payment included, as text.
    #[schema(value_type = String, example = "100.00")]
    amount: Amount,
    /// ISO 4217.
    #[schema(value_type = String, example = "EUR")]
    currency: Checked<Currency>,
    /// The day that interest and the schedule count from; the day of the command in the plan's time zone, if left out.
    #[schema(value_type = Option<String>, format = Date)]
    starts_on: Option<Day>,
    /// The terms.
    terms: TermsBody,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for ApprovePlan {
    const SUMMARY: &'static str = "Agree a plan within the customer's credit limit";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let at = at(self.occurred_at, now)?;
        let terms = self.terms.into_terms(self.currency.0, "/terms")?;
        let starts_on = self.starts_on.map_or_else(|| terms.time_zone.date_of(at), |Day(date)| date);
        let offer = Offer {
            plan_id: self.plan_id.0,
            customer_id: self.customer_id.0,
            order_id: optional(self.order_id),
            product: optional(self.product),
            amount: self.amount.of(self.currency.0, "/amount")?,
            starts_on,
            terms,
        };
        Ok(Command::Credit(credit::Command::Reserve(Box::new(credit::Reserve { offer, at }))))
    }
}

/// Declares the commands on a known plan.
macro_rules! following {
    ($(#[$doc:meta])* $name:ident, $summary:literal, { $($fields:tt)* }, |$asked:ident, $at:ident| $command:expr) => {
        $(#[$doc])*
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// The plan.
            #[schema(value_type = String, example = "n-1")]
            plan_id: Checked<PlanId>,
            $($fields)*
            /// When; now, if left out.
            #[schema(value_type = Option<String>, format = DateTime)]
            occurred_at: Option<When>,
        }

        impl Asked for $name {
            const SUMMARY: &'static str = $summary;

            fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
                let $asked = self;
                let $at = at($asked.occurred_at, now)?;
                Ok(Command::Plan($command))
            }
        }
    };
}

following! {
    /// The goods are the customer's: the plan pays its order, and the merchant has a claim on the book of plans.
    OpenPlan, "Open an approved plan", {},
    |asked, at| plan::Command::Open(plan::OpenPlan { plan_id: asked.plan_id.0, at })
}

following! {
    /// The plan is given up before it began; what it took of the credit limit is free again.
    CancelPlan, "Cancel a plan before it is opened", {
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| plan::Command::Cancel(plan::CancelPlan { plan_id: asked.plan_id.0, reason: optional(asked.reason), at })
}

following! {
    /// The book of plans pays the merchant what it owes, net of the discount; or the merchant pays back after refunds.
    PayMerchant, "Record a payment between the book of plans and the merchant", {
        /// Yours: one payment.
        #[schema(value_type = String, example = "y-1")]
        payout_id: Checked<PayoutId>,
        /// How much, as text; all that is owed, if left out.
        #[schema(value_type = Option<String>)]
        amount: Option<Amount>,
        /// ISO 4217, with the amount.
        #[schema(value_type = Option<String>)]
        currency: Option<Checked<Currency>>,
        /// Which way it goes.
        #[serde(default)]
        #[schema(value_type = String, pattern = "^(to_merchant|from_merchant)$", default = "to_merchant")]
        direction: MerchantPaymentDirection,
    },
    |asked, at| plan::Command::PayMerchant(plan::PayMerchant {
        plan_id: asked.plan_id.0,
        payout_id: asked.payout_id.0,
        amount: amount_of(asked.amount.as_ref(), asked.currency)?,
        direction: asked.direction,
        at,
    })
}

following! {
    /// Fees of a late installment are forgiven.
    WaiveLateFee, "Waive late fees", {
        /// Yours: one waiver.
        #[schema(value_type = String, example = "w-1")]
        waiver_id: Checked<WaiverId>,
        /// The installment's number.
        installment: u32,
        /// How much, as text; all that is outstanding, if left out.
        #[schema(value_type = Option<String>)]
        amount: Option<Amount>,
        /// ISO 4217, with the amount.
        #[schema(value_type = Option<String>)]
        currency: Option<Checked<Currency>>,
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| plan::Command::WaiveFee(plan::WaiveFee {
        plan_id: asked.plan_id.0,
        waiver_id: asked.waiver_id.0,
        number: asked.installment,
        amount: amount_of(asked.amount.as_ref(), asked.currency)?,
        reason: optional(asked.reason),
        at,
    })
}

following! {
    /// The purchase is refunded in part or in full: debt falls by the plan's terms, what was paid already goes back to
    /// the payments that paid it, the merchant returns its part. `?dry_run=true` shows all of it.
    RefundPlan, "Refund a purchase with a running plan", {
        /// Yours: one refund.
        #[schema(value_type = String, example = "rf-1")]
        refund_id: Checked<RefundId>,
        /// How much of the purchase, as text.
        #[schema(value_type = String, example = "40.00")]
        amount: Amount,
        /// ISO 4217.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| plan::Command::Refund(plan::RefundPlan {
        plan_id: asked.plan_id.0,
        refund_id: asked.refund_id.0,
        amount: asked.amount.of(asked.currency.0, "/amount")?,
        source: RefundSource::Merchant,
        reason: optional(asked.reason),
        at,
    })
}

/// How what is outstanding is put on other dates.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    ReAge,
    ReAmortise,
}

following! {
    /// What is outstanding is put on other dates: moved to new installments (`re_age`), or what is late shared over the
    /// installments to come (`re_amortise`).
    ReschedulePlan, "Re-age or re-amortise a plan", {
        /// Yours: one change.
        #[schema(value_type = String, example = "s-1")]
        reschedule_id: Checked<RescheduleId>,
        /// How.
        #[schema(value_type = String, pattern = "^(re_age|re_amortise)$")]
        how: How,
        /// For `re_age`: the first new due date.
        #[schema(value_type = Option<String>, format = Date)]
        first_due_on: Option<Day>,
        /// For `re_age`: how many new installments.
        payments: Option<u32>,
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| {
        let missing = |field: &str| Fault::new("missing_field", field, "re_age needs the field");
        let how = match asked.how {
            How::ReAmortise => Rescheduling::ReAmortise,
            How::ReAge => Rescheduling::ReAge {
                first_due_on: asked.first_due_on.ok_or_else(|| missing("/first_due_on"))?.0,
                payments: asked.payments.ok_or_else(|| missing("/payments"))?,
            },
        };
        plan::Command::Reschedule(plan::ReschedulePlan {
            plan_id: asked.plan_id.0,
            reschedule_id: asked.reschedule_id.0,
            how,
            reason: optional(asked.reason),
            at,
        })
    }
}

following! {
    /// Interest periods that begin on that day or later have another rate.
    ChangePlanRate, "Change the rate of a plan", {
        /// Yours: one change.
        #[schema(value_type = String, example = "s-2")]
        reschedule_id: Checked<RescheduleId>,
        /// The new nominal annual rate, as text.
        #[schema(value_type = String, example = "0.05")]
        rate: Checked<NominalRate>,
    },
    |asked, at| plan::Command::ChangeRate(plan::ChangeRate {
        plan_id: asked.plan_id.0,
        reschedule_id: asked.reschedule_id.0,
        rate: asked.rate.0,
        at,
    })
}

following! {
    /// The book gives the debt up. What still comes in is a recovery.
    ChargeOffPlan, "Charge a plan off", {
        /// Why it is given up: the customer does not pay, or there never was such a customer.
        #[schema(value_type = String, pattern = "^(default|fraud)$")]
        how: ChargeOff,
        /// Your own words.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| plan::Command::ChargeOff(plan::ChargeOffPlan {
        plan_id: asked.plan_id.0,
        how: asked.how,
        reason: optional(asked.reason),
        at,
    })
}

/// An amount that may be left out; with it, its currency may not.
fn amount_of(amount: Option<&Amount>, currency: Option<Checked<Currency>>) -> Result<Option<Money>, Fault> {
    match (amount, currency) {
        (None, _) => Ok(None),
        (Some(_), None) => Err(Fault::new("missing_field", "/currency", "an amount needs its currency")),
        (Some(amount), Some(currency)) => amount.of(currency.0, "/amount").map(Some),
    }
}
