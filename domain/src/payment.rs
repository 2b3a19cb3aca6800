//! Payments: money on its way from a customer, and back.
//!
//! One payment is one instrument: a card, a transfer, a voucher. Refunds, disputes and reversals share one pool, what
//! was captured and is still there; nobody gets back more than they paid. A timeout at the provider is a state of
//! its own, never a guess. This module never calls a provider: the client reports what the provider said.

mod books;
mod command;
mod disputes;
mod event;
mod giving_back;
mod method;
mod refusal;
mod settlement;
#[cfg(test)]
mod stories;
mod taking;
mod unknown;

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
