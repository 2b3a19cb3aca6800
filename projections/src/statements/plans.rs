//! What installment plans mean for what a customer owes.
//!
//! The amount of a line is what the event's entry moved on the accounts that are the customer's: the receivables of the
//! plan, and their credit. An installment's payment moves it from one to the other and is no line here: the payment
//! itself was one.

use super::{Line, StatementLineKind};
use mizan_domain::plan::{self, Event as It};
use mizan_domain::{Account, Money, payment};

/// The accounts whose sum is what a customer owes to plans, or has to get.
const OWED: [Account; 4] =
    [Account::BnplReceivable, Account::BnplReceivableInterest, Account::BnplReceivableFee, Account::CustomerCredit];

impl<'a> Line<'a> {
    pub(super) fn from_plan(event: &'a plan::Event) -> Option<Self> {
        let step = event.step()?;
        let currency = step.standing.principal.currency();
        let minor: i128 = OWED.iter().map(|account| step.entry.moved(account, currency)).sum();
        if minor == 0 {
            return None;
        }
        let (kind, fact_id) = kind_of(event, step.is_reapplied)?;
        let order_id = if let It::Opened(it) = event {
            it.order_id.as_ref()
        } else if let It::Refunded(it) = event {
            it.order_id.as_ref()
        } else {
            None
        };
        Some(Self {
            kind,
            customer_id: Some(&step.customer_id),
            order_id: order_id.map(|it| it.as_str()),
            payment_id: None,
            plan_id: Some(step.plan_id.as_str()),
            fact_id: fact_id.unwrap_or_else(|| step.plan_id.to_string()),
            amount: Money::of_minor(minor, currency),
        })
    }
}

/// What is said of an event that changes what is owed, and its own id. What is done again says that it was worked out
/// anew: what it was before is a line already.
fn kind_of(event: &plan::Event, is_reapplied: bool) -> Option<(StatementLineKind, Option<String>)> {
    use StatementLineKind as Kind;
    let (kind, fact_id) = match event {
        It::Approved(_) | It::Cancelled(_) | It::PaymentHeld(_) | It::HeldPaymentReleased(_) | It::MerchantPaid(_) => {
            return None;
        }
        It::Opened(_) => (Kind::PlanOpened, None),
        It::InstallmentDue(_) | It::InterestAccrued(_) => (Kind::InterestAccrued, None),
        It::PaymentApplied(it) => {
            let kind = if it.recovered.is_positive() { Kind::PlanRecovered } else { Kind::InterestAccrued };
            (kind, Some(it.application_id.to_string()))
        }
        It::PaymentReversed(it) => (Kind::PlanRecalculated, Some(it.reversal_id.to_string())),
        It::LateFeeCharged(_) => (Kind::LateFeeCharged, None),
        It::LateFeeWaived(it) => (Kind::LateFeeWaived, Some(it.waiver_id.to_string())),
        It::Refunded(it) => (Kind::PlanRefunded, Some(it.refund_id.to_string())),
        It::Rescheduled(it) => (Kind::PlanRecalculated, Some(it.reschedule_id.to_string())),
        It::RateChanged(it) => (Kind::PlanRecalculated, Some(it.reschedule_id.to_string())),
        It::ChargedOff(_) => (Kind::PlanChargedOff, None),
        It::Unwound(_) => (Kind::PlanRecalculated, None),
    };
    Some((if is_reapplied { Kind::PlanRecalculated } else { kind }, fact_id))
}

/// The plan that a payment's fact is about, where the fact says so.
pub(super) fn plan_of(event: &payment::Event) -> Option<&str> {
    use payment::Event as It;
    let plan_id = match event {
        It::Received(it) => &it.intent.plan_id,
        It::Captured(it) => &it.plan_id,
        It::CaptureReversed(it) => &it.plan_id,
        It::RefundRequested(it) => &it.plan_id,
        It::Authorised(_)
        | It::Declined(_)
        | It::Voided(_)
        | It::RefundSucceeded(_)
        | It::RefundFailed(_)
        | It::DisputeOpened(_)
        | It::DisputeWon(_)
        | It::DisputeLost(_)
        | It::FeeRecorded(_)
        | It::PayoutRecorded(_)
        | It::OutcomeUnknown(_)
        | It::AttemptFailed(_) => return None,
    };
    plan_id.as_ref().map(|it| it.as_str())
}
