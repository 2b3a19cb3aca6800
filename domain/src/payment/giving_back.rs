//! Money goes back: refunds, their arrival and their failure.

use super::*;

impl Payment {
    pub(super) fn refund(&self, asked: &RefundPayment) -> Result<Vec<Event>, Refusal> {
        if let Some(recorded) = self.refunds.get(&asked.refund_id) {
            // What failed because nothing was left does not say which of the two asked; neither asks for the other.
            let is_of_pool = |it: RefundOrigin| matches!(it, RefundOrigin::Order | RefundOrigin::Plan);
            let was_refused = recorded.status == RefundStatus::Failed && is_of_pool(recorded.origin);
            let is_same_origin = recorded.origin == asked.origin || (was_refused && is_of_pool(asked.origin));
            let is_same = recorded.amount == asked.amount && is_same_origin;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("refund_id")) };
        }
        let intent = self.opened()?;
        positive(asked.amount)?;
        let left = self.refundable(intent)?;
        if asked.amount.exceeds(left)? {
            return match asked.origin {
                RefundOrigin::Merchant | RefundOrigin::Replacement => {
                    Err(Refusal::ExceedsRefundable { asked: asked.amount, left })
                }
                RefundOrigin::Order | RefundOrigin::Plan => Ok(vec![not_refunded(intent, asked)]),
            };
        }
        Ok(vec![Event::RefundRequested(RefundRequested {
            payment_id: asked.payment_id.clone(),
            refund_id: asked.refund_id.clone(),
            order_id: intent.order_id.clone(),
            plan_id: intent.plan_id.clone(),
            invoice_id: intent.invoice_id.clone(),
            amount: asked.amount,
            origin: asked.origin,
            reason: asked.reason.clone(),
            entry: books::refund_requested(intent, asked.amount)?,
            at: asked.at,
        })])
    }

    pub(super) fn confirm_refund(&self, asked: &ConfirmRefund) -> Result<Vec<Event>, Refusal> {
        let (intent, refund) = self.known_refund(&asked.refund_id)?;
        match refund.status {
            RefundStatus::Succeeded => return Ok(Vec::new()),
            RefundStatus::Failed => return Err(Refusal::RefundClosed { how: "failed" }),
            RefundStatus::Pending | RefundStatus::Unknown => (),
        }
        expect_to_know(intent, asked.is_of_invoice)?;
        Ok(vec![Event::RefundSucceeded(RefundSucceeded {
            payment_id: asked.payment_id.clone(),
            refund_id: asked.refund_id.clone(),
            method: intent.method,
            amount: refund.amount,
            entry: books::refund_succeeded(intent, refund.amount)?,
            at: asked.at,
        })])
    }

    pub(super) fn fail_refund(&self, asked: &FailRefund) -> Result<Vec<Event>, Refusal> {
        let (intent, refund) = self.known_refund(&asked.refund_id)?;
        match refund.status {
            RefundStatus::Failed => return Ok(Vec::new()),
            RefundStatus::Succeeded => return Err(Refusal::RefundClosed { how: "succeeded" }),
            RefundStatus::Pending | RefundStatus::Unknown => (),
        }
        expect_to_know(intent, asked.is_of_invoice)?;
        Ok(vec![Event::RefundFailed(RefundFailed {
            payment_id: asked.payment_id.clone(),
            refund_id: asked.refund_id.clone(),
            order_id: intent.order_id.clone(),
            amount: refund.amount,
            reason: asked.reason.clone(),
            entry: books::refund_failed(intent, refund.amount)?,
            at: asked.at,
        })])
    }
}

/// The refund of an invoice's payment is coins: whether they arrived is what their payout says, and whoever gave the
/// refund up here could be paid there all the same.
fn expect_to_know(intent: &Intent, is_of_invoice: bool) -> Result<(), Refusal> {
    if intent.invoice_id.is_some() && !is_of_invoice { Err(Refusal::RefundOfInvoice) } else { Ok(()) }
}

/// A refund that an order asks for and the pool cannot give has failed, and stays so: a policy asks again after a crash,
/// and must not get tomorrow what the order has already recorded as the customer's credit today.
fn not_refunded(intent: &Intent, asked: &RefundPayment) -> Event {
    Event::RefundFailed(RefundFailed {
        payment_id: asked.payment_id.clone(),
        refund_id: asked.refund_id.clone(),
        order_id: intent.order_id.clone(),
        amount: asked.amount,
        reason: asked.reason.clone(),
        entry: Entry::default(),
        at: asked.at,
    })
}
