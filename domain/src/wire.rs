//! How events are written down, and the only place that reads old shapes.
//!
//! A kind names what happened and its version (`payment-captured.v1`). The bytes are kept exactly as written. A change
//! of a shape is a new version with its own reader here and its own golden file; a kind is never renamed or reused.

use crate::event::Event;
use crate::onchain::{deposit, holding, invoice, payout, wallet};
use crate::{clock, credit, customer, order, payment, period, plan};
use serde::de::{self, DeserializeOwned};
use serde::{Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What happened, with its version.
    pub kind: &'static str,
    /// JSON, byte for byte as it is hashed.
    pub payload: Vec<u8>,
}

/// Why stored bytes could not be read. A reader that meets one stops; it never skips.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Written by a newer version of the program, or by something else.
    #[error("events of kind {0:?} are not known to this version; a newer program wrote them, so update this one")]
    UnknownKind(String),
    /// The kind is known, the bytes are not its shape.
    #[error("an event of kind {kind} cannot be read: {reason}")]
    BadPayload {
        /// The kind.
        kind: String,
        /// What the parser said.
        reason: String,
    },
    /// An event that could not be written.
    #[error("an event of kind {kind} cannot be written: {reason}")]
    NotWritable {
        /// The kind.
        kind: &'static str,
        /// What the serializer said.
        reason: String,
    },
}

macro_rules! kinds {
    ($($kind:literal => $aggregate:ident :: $module:ident :: $variant:ident),+ $(,)?) => {
        /// Every kind that can be read, in the order of the aggregates.
        pub const KINDS: &[&str] = &[$($kind),+];

        /// The kind of an event as it is written today.
        #[must_use]
        pub fn kind_of(event: &Event) -> &'static str {
            match event {
                $(Event::$aggregate($module::Event::$variant(_)) => $kind,)+
            }
        }

        /// Writes an event.
        ///
        /// # Errors
        /// [`Unreadable::NotWritable`], which no event of this crate causes.
        pub fn write(event: &Event) -> Result<Written, Unreadable> {
            match event {
                $(Event::$aggregate($module::Event::$variant(it)) => to_bytes($kind, it),)+
            }
        }

        /// Reads an event.
        ///
        /// # Errors
        /// [`Unreadable`]; a reader must stop at it.
        pub fn read(kind: &str, payload: &[u8]) -> Result<Event, Unreadable> {
            match kind {
                $($kind => from_bytes(kind, payload).map(|it| Event::$aggregate($module::Event::$variant(it))),)+
                unknown => Err(Unreadable::UnknownKind(unknown.to_owned())),
            }
        }
    };
}

kinds! {
    "order-placed.v1" => Order::order::Placed,
    "order-lines-added.v1" => Order::order::LinesAdded,
    "order-lines-fulfilled.v1" => Order::order::LinesFulfilled,
    "order-lines-cancelled.v1" => Order::order::LinesCancelled,
    "order-lines-returned.v1" => Order::order::LinesReturned,
    "order-payment-allocated.v1" => Order::order::PaymentAllocated,
    "order-payment-released.v1" => Order::order::PaymentReleased,
    "order-refund-failed.v1" => Order::order::RefundFailed,
    "payment-authorised.v1" => Payment::payment::Authorised,
    "payment-declined.v1" => Payment::payment::Declined,
    "payment-received.v1" => Payment::payment::Received,
    "payment-captured.v1" => Payment::payment::Captured,
    "payment-voided.v1" => Payment::payment::Voided,
    "payment-capture-reversed.v1" => Payment::payment::CaptureReversed,
    "payment-refund-requested.v1" => Payment::payment::RefundRequested,
    "payment-refund-succeeded.v1" => Payment::payment::RefundSucceeded,
    "payment-refund-failed.v1" => Payment::payment::RefundFailed,
    "payment-dispute-opened.v1" => Payment::payment::DisputeOpened,
    "payment-dispute-won.v1" => Payment::payment::DisputeWon,
    "payment-dispute-lost.v1" => Payment::payment::DisputeLost,
    "payment-fee-recorded.v1" => Payment::payment::FeeRecorded,
    "payment-payout-recorded.v1" => Payment::payment::PayoutRecorded,
    "payment-outcome-unknown.v1" => Payment::payment::OutcomeUnknown,
    "payment-attempt-failed.v1" => Payment::payment::AttemptFailed,
    "credit-limit-set.v1" => Credit::credit::LimitSet,
    "credit-reserved.v1" => Credit::credit::Reserved,
    "credit-exposure-changed.v1" => Credit::credit::ExposureChanged,
    "plan-approved.v1" => Plan::plan::Approved,
    "plan-cancelled.v1" => Plan::plan::Cancelled,
    "plan-payment-held.v1" => Plan::plan::PaymentHeld,
    "plan-held-payment-released.v1" => Plan::plan::HeldPaymentReleased,
    "plan-opened.v1" => Plan::plan::Opened,
    "plan-merchant-paid.v1" => Plan::plan::MerchantPaid,
    "plan-installment-due.v1" => Plan::plan::InstallmentDue,
    "plan-interest-accrued.v1" => Plan::plan::InterestAccrued,
    "plan-payment-applied.v1" => Plan::plan::PaymentApplied,
    "plan-payment-reversed.v1" => Plan::plan::PaymentReversed,
    "plan-late-fee-charged.v1" => Plan::plan::LateFeeCharged,
    "plan-late-fee-waived.v1" => Plan::plan::LateFeeWaived,
    "plan-refunded.v1" => Plan::plan::Refunded,
    "plan-rescheduled.v1" => Plan::plan::Rescheduled,
    "plan-rate-changed.v1" => Plan::plan::RateChanged,
    "plan-charged-off.v1" => Plan::plan::ChargedOff,
    "plan-unwound.v1" => Plan::plan::Unwound,
    "clock-started.v1" => Clock::clock::Started,
    "clock-advanced.v1" => Clock::clock::Advanced,
    "period-closed.v1" => Period::period::Closed,
    "customer-recorded.v1" => Customer::customer::Recorded,
    "customer-erased.v1" => Customer::customer::Erased,
    "wallet-opened.v1" => Wallet::wallet::Opened,
    "wallet-address-allocated.v1" => Wallet::wallet::AddressAllocated,
    "wallet-address-used.v1" => Wallet::wallet::AddressUsed,
    "invoice-opened.v1" => Invoice::invoice::Opened,
    "invoice-deposit-recorded.v1" => Invoice::invoice::DepositRecorded,
    "invoice-settled.v1" => Invoice::invoice::Settled,
    "invoice-settlement-reversed.v1" => Invoice::invoice::SettlementReversed,
    "invoice-expired.v1" => Invoice::invoice::Expired,
    "invoice-closed.v1" => Invoice::invoice::Closed,
    "invoice-cancelled.v1" => Invoice::invoice::Cancelled,
    "invoice-resolved.v1" => Invoice::invoice::Resolved,
    "invoice-refund-owed.v1" => Invoice::invoice::RefundOwed,
    "invoice-refund-requested.v1" => Invoice::invoice::RefundRequested,
    "invoice-refund-ended.v1" => Invoice::invoice::RefundEnded,
    "invoice-refund-withdrawn.v1" => Invoice::invoice::RefundWithdrawn,
    "deposit-seen.v1" => Deposit::deposit::Seen,
    "deposit-confirmed.v1" => Deposit::deposit::Confirmed,
    "deposit-finalised.v1" => Deposit::deposit::Finalised,
    "deposit-orphaned.v1" => Deposit::deposit::Orphaned,
    "deposit-replaced.v1" => Deposit::deposit::Replaced,
    "deposit-failed.v1" => Deposit::deposit::Failed,
    "holding-asset-registered.v1" => Holding::holding::AssetRegistered,
    "holding-lot-acquired.v1" => Holding::holding::LotAcquired,
    "holding-lot-lost.v1" => Holding::holding::LotLost,
    "holding-sold.v1" => Holding::holding::Sold,
    "holding-fee-paid.v1" => Holding::holding::FeePaid,
    "holding-fee-returned.v1" => Holding::holding::FeeReturned,
    "holding-revalued.v1" => Holding::holding::Revalued,
    "holding-revaluation-reversed.v1" => Holding::holding::RevaluationReversed,
    "holding-frozen.v1" => Holding::holding::Frozen,
    "holding-unfrozen.v1" => Holding::holding::Unfrozen,
    "holding-payout-rules-set.v1" => Holding::holding::PayoutRulesSet,
    "holding-destination-allowed.v1" => Holding::holding::DestinationAllowed,
    "holding-destination-removed.v1" => Holding::holding::DestinationRemoved,
    "holding-payout-reserved.v1" => Holding::holding::PayoutReserved,
    "holding-payout-refused.v1" => Holding::holding::PayoutRefused,
    "holding-payout-repriced.v1" => Holding::holding::PayoutRepriced,
    "holding-payout-taken.v1" => Holding::holding::PayoutTaken,
    "holding-payout-withheld.v1" => Holding::holding::PayoutWithheld,
    "holding-payout-settled.v1" => Holding::holding::PayoutSettled,
    "holding-payout-unsettled.v1" => Holding::holding::PayoutUnsettled,
    "holding-payout-returned.v1" => Holding::holding::PayoutReturned,
    "payout-requested.v1" => Payout::payout::Requested,
    "payout-repriced.v1" => Payout::payout::Repriced,
    "payout-approval-given.v1" => Payout::payout::ApprovalGiven,
    "payout-approved.v1" => Payout::payout::Approved,
    "payout-denied.v1" => Payout::payout::Denied,
    "payout-released.v1" => Payout::payout::Released,
    "payout-cancelled.v1" => Payout::payout::Cancelled,
    "payout-broadcast.v1" => Payout::payout::Broadcast,
    "payout-replaced.v1" => Payout::payout::Replaced,
    "payout-completed.v1" => Payout::payout::Completed,
    "payout-orphaned.v1" => Payout::payout::Orphaned,
    "payout-failed.v1" => Payout::payout::Failed,
}

fn to_bytes(kind: &'static str, it: &impl Serialize) -> Result<Written, Unreadable> {
    let payload = serde_json::to_vec(it).map_err(|it| Unreadable::NotWritable { kind, reason: it.to_string() })?;
    Ok(Written { kind, payload })
}

fn from_bytes<T: DeserializeOwned>(kind: &str, payload: &[u8]) -> Result<T, Unreadable> {
    let bad = |it: serde_json::Error| Unreadable::BadPayload { kind: kind.to_owned(), reason: it.to_string() };
    serde_json::from_slice(payload).map_err(bad)
}

/// A text, not copied where the reader can lend it. (`Cow` copies always, outside of a field that is marked.)
pub(crate) fn lent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    struct Lent;

    impl<'de> de::Visitor<'de> for Lent {
        type Value = Cow<'de, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_owned()))
        }

        fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text))
        }
    }

    deserializer.deserialize_str(Lent)
}
