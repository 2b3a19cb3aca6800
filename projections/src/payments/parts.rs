//! What happened to a payment, one by one: captures, refunds, disputes.

use super::PaymentRow;
use crate::amount::Amount;
use crate::apply::Misfit;
use crate::names::names;
use chrono::{DateTime, Utc};
use mizan_domain::Money;
use mizan_domain::id::{CaptureId, DisputeId, RefundId};
use mizan_domain::payment::{self, RefundOrigin};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentCapture {
    /// The capture.
    pub capture_id: String,
    /// How much.
    pub amount: Amount,
    /// Whether nothing more was to be captured.
    pub is_final: bool,
    /// Whether it held.
    pub state: CaptureState,
    /// When.
    pub captured_at: DateTime<Utc>,
    /// When it turned out not to hold.
    pub reversed_at: Option<DateTime<Utc>>,
}

names! {
    /// Whether a capture held.
    CaptureState {
        /// The money is there.
        Captured = "captured",
        /// It did not hold.
        Reversed = "reversed",
    }
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentRefund {
    /// The refund.
    pub refund_id: String,
    /// How much.
    pub amount: Amount,
    /// Who asked: the `merchant`, or an `order` of which something was cancelled or returned.
    #[schema(value_type = String)]
    pub origin: RefundOrigin,
    /// Where it is.
    pub state: RefundState,
    /// Why.
    pub reason: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When it succeeded or failed.
    pub closed_at: Option<DateTime<Utc>>,
}

names! {
    /// Where a refund is.
    RefundState {
        /// On its way.
        Pending = "pending",
        /// The provider did not answer.
        Unknown = "unknown",
        /// It arrived.
        Succeeded = "succeeded",
        /// It did not arrive.
        Failed = "failed",
    }
}

/// A dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentDispute {
    /// The dispute.
    pub dispute_id: String,
    /// What the bank took.
    pub amount: Amount,
    /// What it charged.
    pub fee: Amount,
    /// What it took of the refundable money when it was opened.
    pub reserved: Amount,
    /// What it took although it had been refunded before: to be contested.
    pub over_recovery: Amount,
    /// How it stands.
    pub state: DisputeState,
    /// Why.
    pub reason: Option<String>,
    /// When the bank took it.
    pub opened_at: DateTime<Utc>,
    /// When it was decided.
    pub closed_at: Option<DateTime<Utc>>,
}

names! {
    /// How a dispute stands.
    DisputeState {
        /// Not decided.
        Open = "open",
        /// For the merchant: the money came back.
        Won = "won",
        /// For the customer: the money is gone.
        Lost = "lost",
    }
}

impl PaymentCapture {
    pub(super) fn of(capture_id: &CaptureId, amount: Money, is_final: bool, at: DateTime<Utc>) -> Self {
        Self {
            capture_id: capture_id.to_string(),
            amount: amount.into(),
            is_final,
            state: CaptureState::Captured,
            captured_at: at,
            reversed_at: None,
        }
    }

    pub(super) fn reverse(&mut self, at: DateTime<Utc>) {
        self.state = CaptureState::Reversed;
        self.reversed_at = Some(at);
    }
}

impl PaymentRefund {
    pub(super) fn requested(it: &payment::RefundRequested, at: DateTime<Utc>) -> Self {
        Self {
            refund_id: it.refund_id.to_string(),
            amount: it.amount.into(),
            origin: it.origin,
            state: RefundState::Pending,
            reason: it.reason.as_ref().map(ToString::to_string),
            requested_at: at,
            closed_at: None,
        }
    }

    /// One that was never requested: it failed when it was asked for.
    pub(super) fn refused(it: &payment::RefundFailed, at: DateTime<Utc>) -> Self {
        Self {
            refund_id: it.refund_id.to_string(),
            amount: it.amount.into(),
            origin: RefundOrigin::Order,
            state: RefundState::Failed,
            reason: it.reason.as_ref().map(ToString::to_string),
            requested_at: at,
            closed_at: Some(at),
        }
    }

    pub(super) fn closed(&mut self, state: RefundState, at: DateTime<Utc>) {
        self.state = state;
        self.closed_at = Some(at);
    }
}

impl PaymentDispute {
    pub(super) fn opened(it: &payment::DisputeOpened, at: DateTime<Utc>) -> Self {
        Self {
            dispute_id: it.dispute_id.to_string(),
            amount: it.amount.into(),
            fee: it.fee.into(),
            reserved: it.reserved.into(),
            over_recovery: it.over_recovery.into(),
            state: DisputeState::Open,
            reason: it.reason.as_ref().map(ToString::to_string),
            opened_at: at,
            closed_at: None,
        }
    }

    pub(super) fn closed(&mut self, state: DisputeState, at: DateTime<Utc>) {
        self.state = state;
        self.closed_at = Some(at);
    }
}

impl PaymentRow {
    pub(super) fn capture(&mut self, id: &CaptureId) -> Result<&mut PaymentCapture, Misfit> {
        let known = self.captures.iter_mut().find(|it| it.capture_id == id.as_str());
        known.ok_or_else(|| Misfit::because(format!("the payment has no capture {id}")))
    }

    pub(super) fn refund(&mut self, id: &RefundId) -> Result<&mut PaymentRefund, Misfit> {
        let known = self.refunds.iter_mut().find(|it| it.refund_id == id.as_str());
        known.ok_or_else(|| Misfit::because(format!("the payment has no refund {id}")))
    }

    pub(super) fn dispute(&mut self, id: &DisputeId) -> Result<&mut PaymentDispute, Misfit> {
        let known = self.disputes.iter_mut().find(|it| it.dispute_id == id.as_str());
        known.ok_or_else(|| Misfit::because(format!("the payment has no dispute {id}")))
    }
}
