//! Attempts whose outcome is not known.

use super::*;

impl Payment {
    pub(super) fn report_unknown(&self, asked: &ReportUnknown) -> Result<Vec<Event>, Refusal> {
        let intent = match (&asked.attempt, &self.stage) {
            (Attempt::Authorisation, Stage::New) => {
                let intent = asked.intent.as_ref().ok_or(Refusal::IntentMissing)?;
                positive(intent.amount)?;
                intent
            }
            (Attempt::Authorisation, Stage::Unknown(recorded)) => {
                return asked.intent.as_ref().map_or(Ok(Vec::new()), |intent| intent.same_as(recorded));
            }
            (Attempt::Authorisation, _) => return Err(Refusal::OutcomeKnown),
            (Attempt::Capture { capture_id, amount }, _) => {
                let intent = self.authorised()?;
                if self.unknown.as_ref() == Some(&asked.attempt) {
                    return Ok(Vec::new());
                }
                if self.captures.contains_key(capture_id) || self.failed_attempts.contains(&asked.attempt) {
                    return Err(Refusal::OutcomeKnown);
                }
                self.expect_known(&asked.attempt)?;
                if self.is_closed {
                    return Err(Refusal::AuthorisationClosed);
                }
                positive(*amount)?;
                let left = self.capturable(intent)?;
                if amount.exceeds(left)? {
                    return Err(Refusal::ExceedsAuthorised { asked: *amount, left });
                }
                intent
            }
            (Attempt::Void, _) => {
                let intent = self.authorised()?;
                if self.unknown == Some(Attempt::Void) {
                    return Ok(Vec::new());
                }
                self.expect_known(&Attempt::Void)?;
                if self.void.is_some() {
                    return Err(Refusal::OutcomeKnown);
                }
                if self.is_closed || self.capturable(intent)?.is_zero() {
                    return Err(Refusal::AuthorisationClosed);
                }
                intent
            }
            (Attempt::Refund { refund_id }, _) => {
                let (intent, refund) = self.known_refund(refund_id)?;
                match refund.status {
                    RefundStatus::Unknown => return Ok(Vec::new()),
                    RefundStatus::Succeeded | RefundStatus::Failed => return Err(Refusal::OutcomeKnown),
                    RefundStatus::Pending => intent,
                }
            }
        };
        Ok(vec![Event::OutcomeUnknown(OutcomeUnknown {
            intent: intent.clone(),
            attempt: asked.attempt.clone(),
            reason: asked.reason.clone(),
            at: asked.at,
        })])
    }

    pub(super) fn fail_attempt(&self, asked: &FailAttempt) -> Result<Vec<Event>, Refusal> {
        let _known = self.intent().ok_or(Refusal::UnknownPayment)?;
        if let Attempt::Refund { refund_id } = &asked.attempt {
            // A refund that did not happen is a failed refund.
            let (payment_id, refund_id) = (asked.payment_id.clone(), refund_id.clone());
            let (is_of_invoice, reason) = (false, asked.reason.clone());
            return self.fail_refund(&FailRefund { payment_id, refund_id, is_of_invoice, reason, at: asked.at });
        }
        if self.unknown.as_ref() != Some(&asked.attempt) {
            let is_same = self.failed_attempts.contains(&asked.attempt);
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::OutcomeKnown) };
        }
        if asked.attempt == Attempt::Authorisation {
            return Err(Refusal::UseDecline);
        }
        Ok(vec![Event::AttemptFailed(AttemptFailed {
            payment_id: asked.payment_id.clone(),
            attempt: asked.attempt.clone(),
            reason: asked.reason.clone(),
            at: asked.at,
        })])
    }
}
