//! Banks take money back, and decide.

use super::*;

impl Payment {
    pub(super) fn open_dispute(&self, asked: &OpenDispute) -> Result<Vec<Event>, Refusal> {
        if let Some(recorded) = self.disputes.get(&asked.dispute_id) {
            let is_same = recorded.amount == asked.amount && recorded.fee == asked.fee;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("dispute_id")) };
        }
        let intent = self.opened()?;
        if !intent.method.can_be_disputed() {
            return Err(Refusal::NotForMethod { method: intent.method, what: "disputed" });
        }
        positive(asked.amount)?;
        let captured = self.captured(intent)?;
        if asked.amount.exceeds(captured)? {
            return Err(Refusal::ExceedsCaptured { asked: asked.amount, captured });
        }
        // The bank takes it whatever was refunded before: what exceeds the pool is flagged, not refused.
        let reserved = asked.amount.at_most(self.refundable(intent)?);
        Ok(vec![Event::DisputeOpened(DisputeOpened {
            payment_id: asked.payment_id.clone(),
            dispute_id: asked.dispute_id.clone(),
            method: intent.method,
            amount: asked.amount,
            fee: asked.fee,
            reserved,
            over_recovery: asked.amount.minus(reserved)?,
            reason: asked.reason.clone(),
            entry: books::dispute_opened(intent, asked.amount, asked.fee)?,
            at: asked.at,
        })])
    }

    pub(super) fn win_dispute(&self, asked: &WinDispute) -> Result<Vec<Event>, Refusal> {
        let intent = self.opened()?;
        let dispute = self.disputes.get(&asked.dispute_id).ok_or(Refusal::UnknownDispute)?;
        match &dispute.outcome {
            Some(DisputeOutcome::Won { fee_returned }) if *fee_returned == asked.fee_returned => return Ok(Vec::new()),
            Some(DisputeOutcome::Won { .. }) => return Err(Refusal::exists("dispute_id")),
            Some(DisputeOutcome::Lost { .. }) => return Err(Refusal::DisputeClosed { how: "lost" }),
            None => (),
        }
        if asked.fee_returned.exceeds(dispute.fee)? {
            return Err(Refusal::FeeReturnedExceedsFee { fee: dispute.fee });
        }
        Ok(vec![Event::DisputeWon(DisputeWon {
            payment_id: asked.payment_id.clone(),
            dispute_id: asked.dispute_id.clone(),
            method: intent.method,
            amount: dispute.amount,
            fee_returned: asked.fee_returned,
            entry: books::dispute_won(intent, dispute.amount, asked.fee_returned)?,
            at: asked.at,
        })])
    }

    pub(super) fn lose_dispute(&self, asked: &LoseDispute) -> Result<Vec<Event>, Refusal> {
        let intent = self.opened()?;
        let dispute = self.disputes.get(&asked.dispute_id).ok_or(Refusal::UnknownDispute)?;
        if let Some(DisputeOutcome::Won { .. }) = &dispute.outcome {
            return Err(Refusal::DisputeClosed { how: "won" });
        }
        if asked.tax_relief.exceeds(dispute.amount)? {
            return Err(Refusal::TaxReliefExceedsDispute { amount: dispute.amount });
        }
        let tax = (asked.tax_relief, asked.tax_jurisdiction.clone());
        let entry = books::dispute_lost(intent, dispute.amount, tax)?;
        if let Some(DisputeOutcome::Lost { entry: recorded }) = &dispute.outcome {
            return if *recorded == entry { Ok(Vec::new()) } else { Err(Refusal::exists("dispute_id")) };
        }
        Ok(vec![Event::DisputeLost(DisputeLost {
            payment_id: asked.payment_id.clone(),
            dispute_id: asked.dispute_id.clone(),
            method: intent.method,
            amount: dispute.amount,
            tax_relief: asked.tax_relief,
            entry,
            at: asked.at,
        })])
    }
}
