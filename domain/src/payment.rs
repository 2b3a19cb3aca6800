//! Payments: money on its way from a customer, and back.
//!
//! One payment is one instrument: a card, a transfer, a voucher. Refunds, disputes and reversals share one pool, what
//! was captured and is still there; nobody gets back more than they paid. A timeout at the provider is a state of
//! its own, never a guess. This module never calls a provider: the client reports what the provider said.

mod books;
mod command;
mod event;
mod method;
mod refusal;
#[cfg(test)]
mod stories;

pub use command::*;
pub use event::*;
pub use method::Method;
pub use refusal::Refusal;

use crate::decider::Decider;
use crate::entry::Entry;
use crate::id::{CaptureId, DisputeId, FeeId, PayoutId, RefundId};
use crate::money::Money;
use std::collections::BTreeMap;

/// A payment as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payment {
    stage: Stage,
    captures: BTreeMap<CaptureId, Capture>,
    refunds: BTreeMap<RefundId, Refund>,
    disputes: BTreeMap<DisputeId, Dispute>,
    fees: BTreeMap<FeeId, (Money, FeeDirection)>,
    payouts: BTreeMap<PayoutId, (Money, PayoutDirection)>,
    /// Set when no more can be captured: the rest of the authorisation was given back.
    is_closed: bool,
    void: Option<Voided>,
    unknown: Option<Attempt>,
    failed_attempts: Vec<Attempt>,
    /// What the provider or courier holds of this payment, in minor units: the debit balance of its clearing account.
    clearing: i128,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Stage {
    #[default]
    New,
    /// The provider did not answer.
    Unknown(Intent),
    Declined(Intent),
    Authorised(Intent),
    /// Arrived without an authorisation.
    Received(Intent),
}

#[derive(Debug, Clone, PartialEq)]
struct Capture {
    amount: Money,
    is_final: bool,
    is_reversed: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Refund {
    amount: Money,
    origin: RefundOrigin,
    status: RefundStatus,
}

/// Where a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RefundStatus {
    Pending,
    Unknown,
    Succeeded,
    Failed,
}

#[derive(Debug, Clone, PartialEq)]
struct Dispute {
    amount: Money,
    fee: Money,
    outcome: Option<DisputeOutcome>,
}

#[derive(Debug, Clone, PartialEq)]
enum DisputeOutcome {
    Won {
        fee_returned: Money,
    },
    /// The entry says how much tax relief there was, and from whom.
    Lost {
        entry: Entry,
    },
}

impl Decider for Payment {
    const CATEGORY: &'static str = "payment";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Authorise(asked) => self.authorise(asked),
            Command::Decline(asked) => self.decline(asked),
            Command::Receive(asked) => self.receive(asked),
            Command::Capture(asked) => self.capture(asked),
            Command::Void(asked) => self.void(asked),
            Command::ReverseCapture(asked) => self.reverse_capture(asked),
            Command::Refund(asked) => self.refund(asked),
            Command::ConfirmRefund(asked) => self.confirm_refund(asked),
            Command::FailRefund(asked) => self.fail_refund(asked),
            Command::OpenDispute(asked) => self.open_dispute(asked),
            Command::WinDispute(asked) => self.win_dispute(asked),
            Command::LoseDispute(asked) => self.lose_dispute(asked),
            Command::RecordFee(asked) => self.record_fee(asked),
            Command::RecordPayout(asked) => self.record_payout(asked),
            Command::ReportUnknown(asked) => self.report_unknown(asked),
            Command::FailAttempt(asked) => self.fail_attempt(asked),
        }
    }

    fn evolve(&mut self, event: &Event) {
        if let (Some(entry), Some(intent)) = (event.entry(), self.intent().or_else(|| event.intent())) {
            self.clearing += entry.moved(&intent.method.clearing(), intent.amount.currency());
        }
        match event {
            Event::Authorised(it) => {
                self.stage = Stage::Authorised(it.intent.clone());
                self.unknown = None;
            }
            Event::Declined(it) => {
                self.stage = Stage::Declined(it.intent.clone());
                self.unknown = None;
            }
            Event::Received(it) => {
                let capture = Capture { amount: it.intent.amount, is_final: true, is_reversed: false };
                self.captures.insert(it.capture_id(), capture);
                self.stage = Stage::Received(it.intent.clone());
                self.is_closed = true;
                self.unknown = None;
            }
            Event::Captured(it) => {
                let capture = Capture { amount: it.amount, is_final: it.is_final, is_reversed: false };
                self.captures.insert(it.capture_id.clone(), capture);
                self.is_closed |= it.is_final;
                self.unknown = None;
            }
            Event::Voided(it) => {
                self.void = Some(it.clone());
                self.is_closed = true;
                self.unknown = None;
            }
            Event::CaptureReversed(it) => {
                if let Some(capture) = self.captures.get_mut(&it.capture_id) {
                    capture.is_reversed = true;
                }
            }
            Event::RefundRequested(it) => {
                let refund = Refund { amount: it.amount, origin: it.origin, status: RefundStatus::Pending };
                self.refunds.insert(it.refund_id.clone(), refund);
            }
            Event::RefundSucceeded(it) => self.refund_is(&it.refund_id, RefundStatus::Succeeded),
            Event::RefundFailed(it) => {
                // One that was never requested is one that an order asked for in vain.
                let (amount, status) = (it.amount, RefundStatus::Failed);
                let refund = Refund { amount, origin: RefundOrigin::Order, status };
                self.refunds.entry(it.refund_id.clone()).or_insert(refund).status = status;
            }
            Event::DisputeOpened(it) => {
                let dispute = Dispute { amount: it.amount, fee: it.fee, outcome: None };
                self.disputes.insert(it.dispute_id.clone(), dispute);
            }
            Event::DisputeWon(it) => {
                self.dispute_is(&it.dispute_id, DisputeOutcome::Won { fee_returned: it.fee_returned });
            }
            Event::DisputeLost(it) => {
                self.dispute_is(&it.dispute_id, DisputeOutcome::Lost { entry: it.entry.clone() });
            }
            Event::FeeRecorded(it) => {
                self.fees.insert(it.fee_id.clone(), (it.amount, it.direction));
            }
            Event::PayoutRecorded(it) => {
                self.payouts.insert(it.payout_id.clone(), (it.amount, it.direction));
            }
            Event::OutcomeUnknown(it) => match &it.attempt {
                Attempt::Authorisation => {
                    self.stage = Stage::Unknown(it.intent.clone());
                    self.unknown = Some(it.attempt.clone());
                }
                Attempt::Capture { .. } | Attempt::Void => self.unknown = Some(it.attempt.clone()),
                Attempt::Refund { refund_id } => self.refund_is(refund_id, RefundStatus::Unknown),
            },
            Event::AttemptFailed(it) => {
                self.unknown = None;
                self.failed_attempts.push(it.attempt.clone());
            }
        }
    }
}

impl Payment {
    fn authorise(&self, asked: &Authorise) -> Result<Vec<Event>, Refusal> {
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

    fn decline(&self, asked: &Decline) -> Result<Vec<Event>, Refusal> {
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

    fn receive(&self, asked: &Receive) -> Result<Vec<Event>, Refusal> {
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

    fn capture(&self, asked: &CapturePayment) -> Result<Vec<Event>, Refusal> {
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
            method: intent.method,
            amount: asked.amount,
            is_final: asked.is_final,
            given_back,
            entry: books::captured(intent, asked.amount)?,
            pending: books::no_longer_expected(intent, asked.amount.plus(given_back)?)?,
            at: asked.at,
        })])
    }

    fn void(&self, asked: &VoidPayment) -> Result<Vec<Event>, Refusal> {
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

    fn reverse_capture(&self, asked: &ReverseCapture) -> Result<Vec<Event>, Refusal> {
        let intent = self.opened()?;
        let capture = self.captures.get(&asked.capture_id).ok_or(Refusal::UnknownCapture)?;
        if capture.is_reversed {
            return Ok(Vec::new());
        }
        let left = self.refundable(intent)?;
        if capture.amount.exceeds(left)? {
            return Err(Refusal::ExceedsRefundable { asked: capture.amount, left });
        }
        Ok(vec![Event::CaptureReversed(CaptureReversed {
            payment_id: asked.payment_id.clone(),
            capture_id: asked.capture_id.clone(),
            order_id: intent.order_id.clone(),
            method: intent.method,
            amount: capture.amount,
            reason: asked.reason.clone(),
            entry: books::capture_reversed(intent, capture.amount)?,
            at: asked.at,
        })])
    }

    fn refund(&self, asked: &RefundPayment) -> Result<Vec<Event>, Refusal> {
        if let Some(recorded) = self.refunds.get(&asked.refund_id) {
            let is_same = recorded.amount == asked.amount && recorded.origin == asked.origin;
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
                RefundOrigin::Order => Ok(vec![not_refunded(intent, asked)]),
            };
        }
        Ok(vec![Event::RefundRequested(RefundRequested {
            payment_id: asked.payment_id.clone(),
            refund_id: asked.refund_id.clone(),
            order_id: intent.order_id.clone(),
            amount: asked.amount,
            origin: asked.origin,
            reason: asked.reason.clone(),
            entry: books::refund_requested(intent, asked.amount)?,
            at: asked.at,
        })])
    }

    fn confirm_refund(&self, asked: &ConfirmRefund) -> Result<Vec<Event>, Refusal> {
        let (intent, refund) = self.known_refund(&asked.refund_id)?;
        match refund.status {
            RefundStatus::Succeeded => return Ok(Vec::new()),
            RefundStatus::Failed => return Err(Refusal::RefundClosed { how: "failed" }),
            RefundStatus::Pending | RefundStatus::Unknown => (),
        }
        Ok(vec![Event::RefundSucceeded(RefundSucceeded {
            payment_id: asked.payment_id.clone(),
            refund_id: asked.refund_id.clone(),
            method: intent.method,
            amount: refund.amount,
            entry: books::refund_succeeded(intent, refund.amount)?,
            at: asked.at,
        })])
    }

    fn fail_refund(&self, asked: &FailRefund) -> Result<Vec<Event>, Refusal> {
        let (intent, refund) = self.known_refund(&asked.refund_id)?;
        match refund.status {
            RefundStatus::Failed => return Ok(Vec::new()),
            RefundStatus::Succeeded => return Err(Refusal::RefundClosed { how: "succeeded" }),
            RefundStatus::Pending | RefundStatus::Unknown => (),
        }
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

    fn open_dispute(&self, asked: &OpenDispute) -> Result<Vec<Event>, Refusal> {
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

    fn win_dispute(&self, asked: &WinDispute) -> Result<Vec<Event>, Refusal> {
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

    fn lose_dispute(&self, asked: &LoseDispute) -> Result<Vec<Event>, Refusal> {
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

    fn record_fee(&self, asked: &RecordFee) -> Result<Vec<Event>, Refusal> {
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

    fn record_payout(&self, asked: &RecordPayout) -> Result<Vec<Event>, Refusal> {
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

    fn report_unknown(&self, asked: &ReportUnknown) -> Result<Vec<Event>, Refusal> {
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

    fn fail_attempt(&self, asked: &FailAttempt) -> Result<Vec<Event>, Refusal> {
        let _known = self.intent().ok_or(Refusal::UnknownPayment)?;
        if let Attempt::Refund { refund_id } = &asked.attempt {
            // A refund that did not happen is a failed refund.
            let (payment_id, refund_id) = (asked.payment_id.clone(), refund_id.clone());
            return self.fail_refund(&FailRefund { payment_id, refund_id, reason: asked.reason.clone(), at: asked.at });
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

    fn refund_is(&mut self, refund_id: &RefundId, status: RefundStatus) {
        if let Some(refund) = self.refunds.get_mut(refund_id) {
            refund.status = status;
        }
    }

    fn dispute_is(&mut self, dispute_id: &DisputeId, outcome: DisputeOutcome) {
        if let Some(dispute) = self.disputes.get_mut(dispute_id) {
            dispute.outcome = Some(outcome);
        }
    }

    fn intent(&self) -> Option<&Intent> {
        match &self.stage {
            Stage::New => None,
            Stage::Unknown(it) | Stage::Declined(it) | Stage::Authorised(it) | Stage::Received(it) => Some(it),
        }
    }

    /// The intent of a payment that exists, whatever came of it.
    fn opened(&self) -> Result<&Intent, Refusal> {
        match &self.stage {
            Stage::New => Err(Refusal::UnknownPayment),
            Stage::Unknown(_) => Err(Refusal::OutcomeUnknown { attempt: Attempt::Authorisation }),
            Stage::Declined(_) => Err(Refusal::Declined),
            Stage::Authorised(it) | Stage::Received(it) => Ok(it),
        }
    }

    fn authorised(&self) -> Result<&Intent, Refusal> {
        match &self.stage {
            Stage::Received(_) => Err(Refusal::AuthorisationClosed),
            Stage::New | Stage::Unknown(_) | Stage::Declined(_) | Stage::Authorised(_) => self.opened(),
        }
    }

    /// While one attempt's outcome is unknown, only that attempt may go on.
    fn expect_known(&self, attempt: &Attempt) -> Result<(), Refusal> {
        match &self.unknown {
            Some(unknown) if unknown != attempt => Err(Refusal::OutcomeUnknown { attempt: unknown.clone() }),
            Some(_) | None => Ok(()),
        }
    }

    fn known_refund(&self, refund_id: &RefundId) -> Result<(&Intent, &Refund), Refusal> {
        let intent = self.opened()?;
        Ok((intent, self.refunds.get(refund_id).ok_or(Refusal::UnknownRefund)?))
    }

    fn captured(&self, intent: &Intent) -> Result<Money, Refusal> {
        let mut sum = Money::zero(intent.amount.currency());
        for capture in self.captures.values().filter(|it| !it.is_reversed) {
            sum = sum.plus(capture.amount)?;
        }
        Ok(sum)
    }

    /// A reversed capture does not give the authorisation back.
    fn capturable(&self, intent: &Intent) -> Result<Money, Refusal> {
        let mut left = intent.amount;
        for capture in self.captures.values() {
            left = left.minus(capture.amount)?;
        }
        Ok(left)
    }

    /// The one pool: captured, less refunds that did not fail, less disputes that are not won. A bank may take more
    /// than is left; then a refund that fails fills that gap first.
    fn refundable(&self, intent: &Intent) -> Result<Money, Refusal> {
        let refunds = self.refunds.values().filter(|it| it.status != RefundStatus::Failed).map(|it| it.amount);
        let takes = |it: &&Dispute| !matches!(it.outcome, Some(DisputeOutcome::Won { .. }));
        let disputes = self.disputes.values().filter(takes).map(|it| it.amount);
        let mut pool = self.captured(intent)?;
        for taken in refunds.chain(disputes) {
            pool = pool.minus(taken.at_most(pool))?;
        }
        Ok(pool)
    }

    /// What could still be refunded or disputed; `None` for a payment that never was.
    #[must_use]
    pub fn pool(&self) -> Option<Money> {
        self.opened().and_then(|intent| self.refundable(intent)).ok()
    }
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

fn positive(amount: Money) -> Result<(), Refusal> {
    if amount.is_positive() { Ok(()) } else { Err(Refusal::AmountNotPositive) }
}

impl Intent {
    /// The same sentence said twice is one fact.
    fn same_as(&self, recorded: &Self) -> Result<Vec<Event>, Refusal> {
        if self == recorded { Ok(Vec::new()) } else { Err(Refusal::exists("payment_id")) }
    }

    /// What became of a payment that was reported unknown. The late answer may bring the provider's own name for it,
    /// which nobody had before.
    fn resolves(&self, reported: &Self) -> Result<(), Refusal> {
        let is_new = reported.provider_reference.is_none();
        let provider_reference = if is_new { &self.provider_reference } else { &reported.provider_reference };
        let reported = Self { provider_reference: provider_reference.clone(), ..reported.clone() };
        self.same_as(&reported).map(|_| ())
    }
}

impl Event {
    /// The intent of an event that opens a payment.
    fn intent(&self) -> Option<&Intent> {
        match self {
            Self::Received(it) => Some(&it.intent),
            Self::Authorised(it) => Some(&it.intent),
            Self::Declined(_)
            | Self::Captured(_)
            | Self::Voided(_)
            | Self::CaptureReversed(_)
            | Self::RefundRequested(_)
            | Self::RefundSucceeded(_)
            | Self::RefundFailed(_)
            | Self::DisputeOpened(_)
            | Self::DisputeWon(_)
            | Self::DisputeLost(_)
            | Self::FeeRecorded(_)
            | Self::PayoutRecorded(_)
            | Self::OutcomeUnknown(_)
            | Self::AttemptFailed(_) => None,
        }
    }

    /// The entry of the fact in the posted layer, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Received(it) => Some(&it.entry),
            Self::Captured(it) => Some(&it.entry),
            Self::CaptureReversed(it) => Some(&it.entry),
            Self::RefundRequested(it) => Some(&it.entry),
            Self::RefundSucceeded(it) => Some(&it.entry),
            Self::RefundFailed(it) => Some(&it.entry),
            Self::DisputeOpened(it) => Some(&it.entry),
            Self::DisputeWon(it) => Some(&it.entry),
            Self::DisputeLost(it) => Some(&it.entry),
            Self::FeeRecorded(it) => Some(&it.entry),
            Self::PayoutRecorded(it) => Some(&it.entry),
            Self::Authorised(_)
            | Self::Declined(_)
            | Self::Voided(_)
            | Self::OutcomeUnknown(_)
            | Self::AttemptFailed(_) => None,
        }
    }

    /// The entry in the pending layer: what is expected, not what is there.
    #[must_use]
    pub fn pending(&self) -> Option<&Entry> {
        match self {
            Self::Authorised(it) => Some(&it.pending),
            Self::Captured(it) => Some(&it.pending),
            Self::Voided(it) => Some(&it.pending),
            Self::Declined(_)
            | Self::Received(_)
            | Self::CaptureReversed(_)
            | Self::RefundRequested(_)
            | Self::RefundSucceeded(_)
            | Self::RefundFailed(_)
            | Self::DisputeOpened(_)
            | Self::DisputeWon(_)
            | Self::DisputeLost(_)
            | Self::FeeRecorded(_)
            | Self::PayoutRecorded(_)
            | Self::OutcomeUnknown(_)
            | Self::AttemptFailed(_) => None,
        }
    }
}
