//! What follows from the facts of plans, and from payments that pay them.
//!
//! An open plan pays its order with a payment of its own (`installments`), so that an order paid in parts is allocated,
//! refunded and settled like any other. Customers' payments that name the plan are applied to it.

use crate::credit;
use crate::event::{Command, Event};
use crate::id::{AllocationId, CustomerId, FeeId, PaymentId, PlanId};
use crate::money::Money;
use crate::order::Timestamp;
use crate::payment::{self, FeeDirection, Intent, Method, PayoutDirection, RefundOrigin};
use crate::plan::{self, MerchantPaymentDirection, RefundSource, Step};

/// The payment with which a plan pays its order.
#[must_use]
pub fn purchase_of(plan_id: &PlanId) -> PaymentId {
    PaymentId::derived(&["plan", plan_id.as_str()])
}

pub(super) fn from_credit(event: &credit::Event) -> Option<Command> {
    match event {
        credit::Event::Reserved(it) => {
            let agreement = it.agreement.clone();
            Some(Command::Plan(plan::Command::Approve(Box::new(plan::Approve { agreement, at: it.at }))))
        }
        credit::Event::LimitSet(_) | credit::Event::ExposureChanged(_) => None,
    }
}

pub(super) fn from_payment(event: &payment::Event) -> Option<plan::Command> {
    use payment::Event as It;
    match event {
        It::Received(it) if it.intent.method != Method::Installments => {
            Some(plan::Command::ApplyPayment(plan::ApplyPayment {
                plan_id: it.intent.plan_id.clone()?,
                application_id: application(&it.intent.payment_id, it.capture_id().as_str()),
                payment_id: it.intent.payment_id.clone(),
                method: it.intent.method,
                amount: it.intent.amount,
                at: it.at,
            }))
        }
        It::Captured(it) => Some(plan::Command::ApplyPayment(plan::ApplyPayment {
            plan_id: it.plan_id.clone()?,
            application_id: application(&it.payment_id, it.capture_id.as_str()),
            payment_id: it.payment_id.clone(),
            method: it.method,
            amount: it.amount,
            at: it.at,
        })),
        It::CaptureReversed(it) => Some(plan::Command::ReversePayment(plan::ReversePayment {
            plan_id: it.plan_id.clone()?,
            reversal_id: AllocationId::derived(&["reversal", it.payment_id.as_str(), it.capture_id.as_str()]),
            payment_id: it.payment_id.clone(),
            amount: it.amount,
            at: it.at,
        })),
        It::RefundRequested(it) => refund_requested(it),
        It::Received(_)
        | It::Authorised(_)
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
        | It::AttemptFailed(_) => None,
    }
}

fn application(payment_id: &PaymentId, capture: &str) -> AllocationId {
    AllocationId::derived(&["capture", payment_id.as_str(), capture])
}

/// A refund of the plan's own payment refunds the purchase; one of a customer's payment takes it off the plan again.
fn refund_requested(it: &payment::RefundRequested) -> Option<plan::Command> {
    let plan_id = it.plan_id.clone()?;
    if it.payment_id == purchase_of(&plan_id) {
        return Some(plan::Command::Refund(plan::RefundPlan {
            plan_id,
            refund_id: it.refund_id.clone(),
            amount: it.amount,
            source: RefundSource::Payment,
            reason: it.reason.clone(),
            at: it.at,
        }));
    }
    match it.origin {
        RefundOrigin::Merchant | RefundOrigin::Replacement => {
            Some(plan::Command::ReversePayment(plan::ReversePayment {
                plan_id,
                reversal_id: AllocationId::derived(&["refund", it.payment_id.as_str(), it.refund_id.as_str()]),
                payment_id: it.payment_id.clone(),
                amount: it.amount,
                at: it.at,
            }))
        }
        RefundOrigin::Order | RefundOrigin::Plan => None,
    }
}

pub(super) fn from_plan(event: &plan::Event) -> Vec<Command> {
    use plan::Event as It;
    match event {
        It::Opened(it) => opened(it),
        It::MerchantPaid(it) => vec![Command::Payment(payment::Command::RecordPayout(payment::RecordPayout {
            payment_id: purchase_of(&it.plan_id),
            payout_id: it.payout_id.clone(),
            amount: it.amount,
            direction: match it.direction {
                MerchantPaymentDirection::ToMerchant => PayoutDirection::ToMerchant,
                MerchantPaymentDirection::FromMerchant => PayoutDirection::ToProvider,
            },
            at: it.at,
        }))],
        It::Cancelled(it) => {
            let nothing = Money::zero(it.amount.currency());
            vec![exposure(&it.customer_id, &it.plan_id, nothing, (1, it.at))]
        }
        It::Refunded(it) => refunded(it),
        It::PaymentApplied(it) => exposure_after(&it.step),
        It::PaymentReversed(it) => exposure_after(&it.step),
        It::Approved(_)
        | It::PaymentHeld(_)
        | It::HeldPaymentReleased(_)
        | It::InstallmentDue(_)
        | It::InterestAccrued(_)
        | It::LateFeeCharged(_)
        | It::LateFeeWaived(_)
        | It::Rescheduled(_)
        | It::RateChanged(_)
        // What was given up is still owed, as far as the limit goes.
        | It::ChargedOff(_)
        // What follows it says how the plan stands in the end.
        | It::Unwound(_) => Vec::new(),
    }
}

fn opened(it: &plan::Opened) -> Vec<Command> {
    let (plan_id, at) = (&it.step.plan_id, it.step.at);
    let purchase = payment::Command::Receive(payment::Receive {
        intent: Intent {
            payment_id: purchase_of(plan_id),
            order_id: it.order_id.clone(),
            plan_id: Some(plan_id.clone()),
            invoice_id: None,
            customer_id: Some(it.step.customer_id.clone()),
            method: Method::Installments,
            amount: it.amount,
            provider_reference: None,
        },
        at,
    });
    let fee = it.discount.is_positive().then(|| fee(plan_id, "discount", it.discount, FeeDirection::Charged, at));
    let exposure = exposure_after(&it.step);
    [Command::Payment(purchase)].into_iter().chain(fee).chain(exposure).collect()
}

/// The purchase's payment is told, and every payment that gets cash back. A refund that is worked out anew after an
/// earlier fact came to light moves no money again.
fn refunded(it: &plan::Refunded) -> Vec<Command> {
    let (plan_id, at) = (&it.step.plan_id, it.step.at);
    let mut commands = exposure_after(&it.step);
    if it.step.is_reapplied {
        return commands;
    }
    let purchase = purchase_of(plan_id);
    let refund = |payment_id: &PaymentId, refund_id: &crate::id::RefundId, amount: Money, origin: RefundOrigin| {
        Command::Payment(payment::Command::Refund(payment::RefundPayment {
            payment_id: payment_id.clone(),
            refund_id: refund_id.clone(),
            amount,
            origin,
            reason: it.reason.clone(),
            at,
        }))
    };
    if it.source == RefundSource::Merchant {
        commands.push(refund(&purchase, &it.refund_id, it.amount, RefundOrigin::Merchant));
    }
    commands.push(Command::Payment(payment::Command::ConfirmRefund(payment::ConfirmRefund {
        is_of_invoice: false,
        payment_id: purchase,
        refund_id: it.refund_id.clone(),
        at,
    })));
    if it.discount_returned.is_positive() {
        commands.push(fee(plan_id, it.refund_id.as_str(), it.discount_returned, FeeDirection::Returned, at));
    }
    let legs = it.cash_back.iter();
    commands.extend(legs.map(|leg| refund(&leg.payment_id, &leg.refund_id, leg.amount, RefundOrigin::Plan)));
    commands
}

fn fee(plan_id: &PlanId, cause: &str, amount: Money, direction: FeeDirection, at: Timestamp) -> Command {
    Command::Payment(payment::Command::RecordFee(payment::RecordFee {
        payment_id: purchase_of(plan_id),
        fee_id: FeeId::derived(&["plan", plan_id.as_str(), cause]),
        amount,
        direction,
        at,
    }))
}

/// What counts against the customer's limit after a step.
fn exposure_after(step: &Step) -> Vec<Command> {
    let outstanding = step.standing.exposure;
    vec![exposure(&step.customer_id, &step.plan_id, outstanding, (step.step, step.at))]
}

fn exposure(customer_id: &CustomerId, plan_id: &PlanId, outstanding: Money, (step, at): (u32, Timestamp)) -> Command {
    Command::Credit(credit::Command::RecordExposure(credit::RecordExposure {
        customer_id: customer_id.clone(),
        plan_id: plan_id.clone(),
        outstanding,
        step,
        at,
    }))
}

/// A refund of the purchase that the plan refuses did not happen: its payment, and with it the order, is told.
pub(super) fn on_refusal(cause: &Event, refused: &Command) -> Option<Command> {
    let (Event::Payment(payment::Event::RefundRequested(it)), Command::Plan(plan::Command::Refund(_))) =
        (cause, refused)
    else {
        return None;
    };
    Some(Command::Payment(payment::Command::FailRefund(payment::FailRefund {
        is_of_invoice: false,
        payment_id: it.payment_id.clone(),
        refund_id: it.refund_id.clone(),
        reason: None,
        at: it.at,
    })))
}
