//! What providers and couriers charge and pay out.

use super::*;

impl Payment {
    pub(super) fn record_fee(&self, asked: &RecordFee) -> Result<Vec<Event>, Refusal> {
        if let Some(recorded) = self.fees.get(&asked.fee_id) {
            let is_same = *recorded == (asked.amount, asked.direction);
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("fee_id")) };
        }
        let intent = self.opened()?;
        if intent.method == Method::Voucher {
            return Err(Refusal::NotForMethod { method: intent.method, what: "charged a fee for" });
        }
        positive(asked.amount)?;
        Ok(vec![Event::FeeRecorded(FeeRecorded {
            payment_id: asked.payment_id.clone(),
            fee_id: asked.fee_id.clone(),
            method: intent.method,
            amount: asked.amount,
            direction: asked.direction,
            entry: books::fee(intent, asked.amount, asked.direction)?,
            at: asked.at,
        })])
    }

    pub(super) fn record_payout(&self, asked: &RecordPayout) -> Result<Vec<Event>, Refusal> {
        if let Some(recorded) = self.payouts.get(&asked.payout_id) {
            let is_same = *recorded == (asked.amount, asked.direction);
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("payout_id")) };
        }
        let intent = self.opened()?;
        if !intent.method.is_paid_out() {
            return Err(Refusal::NotForMethod { method: intent.method, what: "paid out" });
        }
        positive(asked.amount)?;
        let held = match asked.direction {
            PayoutDirection::ToMerchant => self.clearing,
            PayoutDirection::ToProvider => -self.clearing,
        };
        let left = Money::of_minor(held.max(0), intent.amount.currency());
        if asked.amount.exceeds(left)? {
            return Err(Refusal::ExceedsClearing { asked: asked.amount, left });
        }
        Ok(vec![Event::PayoutRecorded(PayoutRecorded {
            payment_id: asked.payment_id.clone(),
            payout_id: asked.payout_id.clone(),
            method: intent.method,
            amount: asked.amount,
            direction: asked.direction,
            entry: books::payout(intent, asked.amount, asked.direction)?,
            at: asked.at,
        })])
    }
}
