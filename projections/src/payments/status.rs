//! What follows from a payment's captures, refunds and disputes: its sums and its status.

use super::PaymentRow;
use super::parts::{CaptureState, DisputeState, RefundState};
use crate::amount::Amount;
use crate::apply::Misfit;
use crate::names::names;
use mizan_domain::Currency;

names! {
    /// Where a payment is: of all that is true of it, the first in this order that asks for attention.
    PaymentStatus {
        /// The provider did not answer when it was to begin.
        Unknown = "unknown",
        /// The provider declined.
        Declined = "declined",
        /// The provider promised; nothing was captured yet.
        Authorised = "authorised",
        /// The promise was given back before anything was captured.
        Voided = "voided",
        /// All that was captured did not hold.
        Reversed = "reversed",
        /// A dispute is open.
        Disputed = "disputed",
        /// A dispute was lost.
        DisputeLost = "dispute_lost",
        /// All that was captured and held was refunded, and the refunds arrived.
        Refunded = "refunded",
        /// Some of it was.
        PartiallyRefunded = "partially_refunded",
        /// Some was captured, and more may be.
        PartiallyCaptured = "partially_captured",
        /// All was captured that will be.
        Captured = "captured",
    }
}

impl PaymentRow {
    /// Derives sums and status.
    pub(super) fn derive(&mut self) -> Result<(), Misfit> {
        let nothing = Amount::zero(Currency::parse(&self.currency).map_err(|it| Misfit::because(it.to_string()))?);
        (self.captured, self.reversed) = (nothing, nothing);
        for it in self.captures.iter() {
            self.captured.add(it.amount)?;
            match it.state {
                CaptureState::Captured => (),
                CaptureState::Reversed => self.reversed.add(it.amount)?,
            }
        }
        (self.refund_pending, self.refunded) = (nothing, nothing);
        for it in self.refunds.iter() {
            match it.state {
                RefundState::Pending | RefundState::Unknown => self.refund_pending.add(it.amount)?,
                RefundState::Succeeded => self.refunded.add(it.amount)?,
                RefundState::Failed => (),
            }
        }
        (self.disputed, self.dispute_lost) = (nothing, nothing);
        for it in self.disputes.iter() {
            match it.state {
                DisputeState::Open => self.disputed.add(it.amount)?,
                DisputeState::Lost => self.dispute_lost.add(it.amount)?,
                DisputeState::Won => (),
            }
        }
        let held = self.captured.minus(self.reversed)?;
        let sent_back = self.refund_pending.plus(self.refunded)?;
        let left = held.minus(sent_back)?.minus(self.disputed)?.minus(self.dispute_lost)?;
        (self.refundable, self.over_recovery) = (left.max(nothing), left.negated().max(nothing));
        self.status = self.derived_status(held)?;
        if self.unknown_attempt.as_deref().is_none_or(|it| it == "refund") {
            let is_unknown = self.refunds.iter().any(|it| it.state == RefundState::Unknown);
            self.unknown_attempt = is_unknown.then(|| "refund".to_owned());
        }
        Ok(())
    }

    fn derived_status(&self, held: Amount) -> Result<PaymentStatus, Misfit> {
        // Until it is authorised or received, nothing else can have happened.
        if matches!(self.status, PaymentStatus::Unknown | PaymentStatus::Declined) {
            return Ok(self.status);
        }
        let left = self.authorised.minus(self.captured)?.minus(self.given_back)?;
        Ok(if self.captures.is_empty() {
            if self.given_back.is_positive() { PaymentStatus::Voided } else { PaymentStatus::Authorised }
        } else if held.is_zero() {
            PaymentStatus::Reversed
        } else if self.disputed.is_positive() {
            PaymentStatus::Disputed
        } else if self.dispute_lost.is_positive() {
            PaymentStatus::DisputeLost
        } else if self.refunded >= held {
            PaymentStatus::Refunded
        } else if self.refunded.is_positive() {
            PaymentStatus::PartiallyRefunded
        } else if left.is_positive() {
            PaymentStatus::PartiallyCaptured
        } else {
            PaymentStatus::Captured
        })
    }
}
