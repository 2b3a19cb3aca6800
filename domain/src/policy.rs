//! What follows from a fact: event in, commands out.
//!
//! Policies are pure, and the ids in their commands derive from the event, so a policy that runs twice (after a crash,
//! or in two processes) asks for the same facts, and the same sentence said twice is one fact.

pub mod onchain;
pub mod plans;

use crate::event::{Command, Event};
use crate::id::{AllocationId, OrderId, RefundId};
use crate::order::{self, ReleaseEffect};
use crate::payment::{self, RefundOrigin};

/// The kinds of events from which something may follow: what a follower of the history has to look at.
pub const ANSWERED: [&str; 36] = [
    "payment-received.v1",
    "payment-captured.v1",
    "payment-capture-reversed.v1",
    "payment-refund-requested.v1",
    "payment-refund-failed.v1",
    "order-lines-cancelled.v1",
    "order-lines-returned.v1",
    "credit-reserved.v1",
    "plan-opened.v1",
    "plan-cancelled.v1",
    "plan-merchant-paid.v1",
    "plan-payment-applied.v1",
    "plan-payment-reversed.v1",
    "plan-refunded.v1",
    "wallet-address-allocated.v1",
    "invoice-settled.v1",
    "invoice-settlement-reversed.v1",
    "invoice-refund-requested.v1",
    "invoice-refund-ended.v1",
    "invoice-refund-withdrawn.v1",
    "deposit-seen.v1",
    "deposit-confirmed.v1",
    "deposit-orphaned.v1",
    "deposit-replaced.v1",
    "deposit-failed.v1",
    "holding-payout-reserved.v1",
    "holding-payout-repriced.v1",
    "holding-payout-refused.v1",
    "holding-payout-taken.v1",
    "holding-payout-withheld.v1",
    "payout-approved.v1",
    "payout-denied.v1",
    "payout-cancelled.v1",
    "payout-completed.v1",
    "payout-failed.v1",
    "payout-orphaned.v1",
];

/// The commands that follow from an event.
#[must_use]
pub fn react(event: &Event) -> Vec<Command> {
    match event {
        Event::Payment(event) => {
            let order = from_payment(event).map(Command::Order);
            let plan = plans::from_payment(event).map(Command::Plan);
            order.into_iter().chain(plan).chain(onchain::from_payment(event)).collect()
        }
        Event::Order(event) => from_order(event).into_iter().map(Command::Payment).collect(),
        Event::Plan(event) => plans::from_plan(event),
        Event::Credit(event) => plans::from_credit(event).into_iter().collect(),
        Event::Wallet(event) => onchain::from_wallet(event).into_iter().collect(),
        Event::Invoice(event) => onchain::from_invoice(event).into_iter().collect(),
        Event::Deposit(event) => onchain::from_deposit(event),
        Event::Holding(event) => onchain::from_holding(event).into_iter().collect(),
        Event::Payout(event) => onchain::from_payout(event),
        Event::Clock(_) | Event::Period(_) | Event::Customer(_) => Vec::new(),
    }
}

/// What to record when a command of a policy is refused, so that nothing is silent: the money of a refund that an order
/// asked for and the payment refuses stays the customer's credit. (Where only the money is missing, because a dispute
/// took it, say, the payment does not refuse: it records a failed refund.)
#[must_use]
pub fn on_refusal(cause: &Event, refused: &Command) -> Option<Command> {
    if let Some(answer) = plans::on_refusal(cause, refused) {
        return Some(answer);
    }
    let (Event::Order(cause), Command::Payment(payment::Command::Refund(refund))) = (cause, refused) else {
        return None;
    };
    let order_id = order_of(cause)?.clone();
    Some(Command::Order(order::Command::RecordRefundFailure(order::RecordRefundFailure {
        order_id,
        refund_id: refund.refund_id.clone(),
        payment_id: refund.payment_id.clone(),
        amount: refund.amount,
        at: refund.at,
    })))
}

fn from_payment(event: &payment::Event) -> Option<order::Command> {
    use payment::Event as It;
    match event {
        It::Received(it) => Some(order::Command::AllocatePayment(order::AllocatePayment {
            order_id: it.intent.order_id.clone()?,
            allocation_id: AllocationId::derived(&["capture", it.intent.payment_id.as_str(), it.capture_id().as_str()]),
            payment_id: it.intent.payment_id.clone(),
            method: it.intent.method,
            amount: it.intent.amount,
            at: it.at,
        })),
        It::Captured(it) => Some(order::Command::AllocatePayment(order::AllocatePayment {
            order_id: it.order_id.clone()?,
            allocation_id: AllocationId::derived(&["capture", it.payment_id.as_str(), it.capture_id.as_str()]),
            payment_id: it.payment_id.clone(),
            method: it.method,
            amount: it.amount,
            at: it.at,
        })),
        It::CaptureReversed(it) => Some(order::Command::ReleasePayment(order::ReleasePayment {
            order_id: it.order_id.clone()?,
            refund_id: RefundId::derived(&["reversal", it.payment_id.as_str(), it.capture_id.as_str()]),
            payment_id: it.payment_id.clone(),
            amount: it.amount,
            effect: ReleaseEffect::DueAgain,
            at: it.at,
        })),
        It::RefundRequested(it) => {
            let effect = match it.origin {
                RefundOrigin::Order | RefundOrigin::Plan => return None,
                RefundOrigin::Merchant => ReleaseEffect::PriceReduced,
                RefundOrigin::Replacement => ReleaseEffect::DueAgain,
            };
            Some(order::Command::ReleasePayment(order::ReleasePayment {
                order_id: it.order_id.clone()?,
                refund_id: it.refund_id.clone(),
                payment_id: it.payment_id.clone(),
                amount: it.amount,
                effect,
                at: it.at,
            }))
        }
        It::RefundFailed(it) => Some(order::Command::RecordRefundFailure(order::RecordRefundFailure {
            order_id: it.order_id.clone()?,
            refund_id: it.refund_id.clone(),
            payment_id: it.payment_id.clone(),
            amount: it.amount,
            at: it.at,
        })),
        It::Authorised(_)
        | It::Declined(_)
        | It::Voided(_)
        | It::RefundSucceeded(_)
        | It::DisputeOpened(_)
        | It::DisputeWon(_)
        | It::DisputeLost(_)
        | It::FeeRecorded(_)
        | It::PayoutRecorded(_)
        | It::OutcomeUnknown(_)
        | It::AttemptFailed(_) => None,
    }
}

fn from_order(event: &order::Event) -> Vec<payment::Command> {
    use order::Event as It;
    let (released, reason, at) = match event {
        It::LinesCancelled(it) => (&it.released, &it.reason, it.at),
        It::LinesReturned(it) => (&it.released, &it.reason, it.at),
        It::Placed(_)
        | It::LinesAdded(_)
        | It::LinesFulfilled(_)
        | It::PaymentAllocated(_)
        | It::PaymentReleased(_)
        | It::RefundFailed(_) => return Vec::new(),
    };
    let refunds = released.iter().filter_map(|it| {
        Some(payment::Command::Refund(payment::RefundPayment {
            payment_id: it.payment_id.clone(),
            refund_id: it.refund_id.clone()?,
            amount: it.amount,
            origin: RefundOrigin::Order,
            reason: reason.clone(),
            at,
        }))
    });
    refunds.collect()
}

fn order_of(event: &order::Event) -> Option<&OrderId> {
    use order::Event as It;
    match event {
        It::LinesCancelled(it) => Some(&it.order_id),
        It::LinesReturned(it) => Some(&it.order_id),
        It::Placed(_)
        | It::LinesAdded(_)
        | It::LinesFulfilled(_)
        | It::PaymentAllocated(_)
        | It::PaymentReleased(_)
        | It::RefundFailed(_) => None,
    }
}
