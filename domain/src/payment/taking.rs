//! Money comes in: authorisations, captures, and captures that did not hold.

use super::*;

impl Payment {
    pub(super) fn authorise(&self, asked: &Authorise) -> Result<Vec<Event>, Refusal> {
        match &self.stage {
            Stage::Authorised(recorded) => return asked.intent.same_as(recorded),
            Stage::Received(_) => return Err(Refusal::exists("payment_id")),
            Stage::Declined(_) => return Err(Refusal::Declined),
            Stage::Unknown(reported) => asked.intent.resolves(reported)?,
            Stage::New => (),
        }
        positive(asked.intent.amount)?;
        let pending = books::expected(&asked.intent)?;
        Ok(vec![Event::Authorised(Authorised { intent: asked.intent.clone(), pending, at: asked.at })])
    }

    pub(super) fn decline(&self, asked: &Decline) -> Result<Vec<Event>, Refusal> {
        match &self.stage {
            Stage::Declined(recorded) => return asked.intent.same_as(recorded),
            Stage::Authorised(_) | Stage::Received(_) => return Err(Refusal::exists("payment_id")),
            Stage::Unknown(reported) => asked.intent.resolves(reported)?,
            Stage::New => (),
        }
        positive(asked.intent.amount)?;
        let (intent, reason) = (asked.intent.clone(), asked.reason.clone());
        Ok(vec![Event::Declined(Declined { intent, reason, at: asked.at })])
    }

    pub(super) fn receive(&self, asked: &Receive) -> Result<Vec<Event>, Refusal> {
        match &self.stage {
            Stage::Received(recorded) => return asked.intent.same_as(recorded),
            Stage::Authorised(_) => return Err(Refusal::exists("payment_id")),
            Stage::Declined(_) => return Err(Refusal::Declined),
            Stage::Unknown(reported) => asked.intent.resolves(reported)?,
            Stage::New => (),
        }
        positive(asked.intent.amount)?;
        let entry = books::captured(&asked.intent, asked.intent.amount)?;
        Ok(vec![Event::Received(Received { intent: asked.intent.clone(), entry, at: asked.at })])
    }

    pub(super) fn capture(&self, asked: &CapturePayment) -> Result<Vec<Event>, Refusal> {
        if let Some(recorded) = self.captures.get(&asked.capture_id) {
            let is_same = recorded.amount == asked.amount && recorded.is_final == asked.is_final;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("capture_id")) };
        }
        let intent = self.authorised()?;
        self.expect_known(&Attempt::Capture { capture_id: asked.capture_id.clone(), amount: asked.amount })?;
        if self.is_closed {
            return Err(Refusal::AuthorisationClosed);
        }
        positive(asked.amount)?;
        let left = self.capturable(intent)?;
        if asked.amount.exceeds(left)? {
            return Err(Refusal::ExceedsAuthorised { asked: asked.amount, left });
        }
        let rest = left.minus(asked.amount)?;
        let given_back = if asked.is_final { rest } else { Money::zero(rest.currency()) };
        Ok(vec![Event::Captured(Captured {
            payment_id: asked.payment_id.clone(),
            capture_id: asked.capture_id.clone(),
            order_id: intent.order_id.clone(),
            plan_id: intent.plan_id.clone(),
            method: intent.method,
            amount: asked.amount,
            is_final: asked.is_final,
            given_back,
            entry: books::captured(intent, asked.amount)?,
            pending: books::no_longer_expected(intent, asked.amount.plus(given_back)?)?,
            at: asked.at,
        })])
    }

    pub(super) fn void(&self, asked: &VoidPayment) -> Result<Vec<Event>, Refusal> {
        if self.void.is_some() {
            return Ok(Vec::new());
        }
        let intent = self.authorised()?;
        self.expect_known(&Attempt::Void)?;
        let given_back = self.capturable(intent)?;
        if self.is_closed || given_back.is_zero() {
            return Err(Refusal::AuthorisationClosed);
        }
        Ok(vec![Event::Voided(Voided {
            payment_id: asked.payment_id.clone(),
            given_back,
            reason: asked.reason.clone(),
            pending: books::no_longer_expected(intent, given_back)?,
            at: asked.at,
        })])
    }

    pub(super) fn reverse_capture(&self, asked: &ReverseCapture) -> Result<Vec<Event>, Refusal> {
        let intent = self.opened()?;
        let capture = self.captures.get(&asked.capture_id).ok_or(Refusal::UnknownCapture)?;
        if capture.is_reversed {
            return Ok(Vec::new());
        }
        if intent.method == Method::Installments {
            return Err(Refusal::NotForMethod { method: intent.method, what: "reversed; refund the plan instead" });
        }
        // A chain asks nobody: what it takes back is gone, also where some of it was refunded.
        let left = self.refundable(intent)?;
        if intent.method != Method::Onchain && capture.amount.exceeds(left)? {
            return Err(Refusal::ExceedsRefundable { asked: capture.amount, left });
        }
        Ok(vec![Event::CaptureReversed(CaptureReversed {
            payment_id: asked.payment_id.clone(),
            capture_id: asked.capture_id.clone(),
            order_id: intent.order_id.clone(),
            plan_id: intent.plan_id.clone(),
            method: intent.method,
            amount: capture.amount,
            reason: asked.reason.clone(),
            entry: books::capture_reversed(intent, capture.amount)?,
            at: asked.at,
        })])
    }
}
