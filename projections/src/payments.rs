//! Payments as dashboards see them: the row, its fold and its queries.
//!
//! The row is a function of the payment's own events. The captures, refunds and disputes are the facts; the sums and the
//! status are derived from them once per batch, so that it does not matter how the log is cut into batches.

mod parts;
mod status;

use crate::amount::Amount;
use crate::apply::{Misfit, NotApplied, effective_at};
use crate::bulk::table_row;
use crate::past::{Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use crate::streams::{StreamRow, by_stream};
use crate::takings::METHODS;
use chrono::{DateTime, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::payment::{self, Attempt, FeeDirection, Intent, PayoutDirection};
use mizan_store::{Position, Recorded};
pub use parts::{CaptureState, DisputeState, PaymentCapture, PaymentDispute, PaymentRefund, RefundState};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
pub use status::PaymentStatus;
use utoipa::ToSchema;

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct PaymentRow {
    /// The payment.
    pub payment_id: String,
    /// What it pays for, where known.
    pub order_id: Option<String>,
    /// The installment plan that it pays a part of, or that pays its order with it.
    pub plan_id: Option<String>,
    /// Who pays, where known.
    pub customer_id: Option<String>,
    /// How it is paid.
    pub method: String,
    /// The currency of all amounts here.
    pub currency: String,
    /// Where it is.
    #[sqlx(try_from = "String")]
    pub status: PaymentStatus,
    /// What was tried and has no known outcome yet: `authorisation`, `capture`, `void` or `refund`.
    pub unknown_attempt: Option<String>,
    /// What was to be paid.
    pub amount: Amount,
    /// What the provider promised; zero where money arrived without a promise.
    pub authorised: Amount,
    /// Ever captured, with what was reversed.
    pub captured: Amount,
    /// The part of the promise that was given back.
    pub given_back: Amount,
    /// Captures that did not hold.
    pub reversed: Amount,
    /// Refunds on their way.
    pub refund_pending: Amount,
    /// Refunds that arrived.
    pub refunded: Amount,
    /// Taken by banks for disputes that are open.
    pub disputed: Amount,
    /// Lost in disputes.
    pub dispute_lost: Amount,
    /// What refunds and disputes took beyond what was captured: banks take back what was refunded before.
    pub over_recovery: Amount,
    /// What could still be refunded or disputed.
    pub refundable: Amount,
    /// Fees of provider, courier and disputes, less those given back.
    pub fees: Amount,
    /// Paid out to the merchant, less what the provider took back.
    pub paid_out: Amount,
    /// The provider's own name for it.
    pub provider_reference: Option<String>,
    /// When its first event happened.
    pub created_at: DateTime<Utc>,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events it has: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
    /// What was taken.
    #[schema(value_type = Vec<PaymentCapture>)]
    pub captures: Json<Vec<PaymentCapture>>,
    /// What was sent back.
    #[schema(value_type = Vec<PaymentRefund>)]
    pub refunds: Json<Vec<PaymentRefund>>,
    /// What banks took back.
    #[schema(value_type = Vec<PaymentDispute>)]
    pub disputes: Json<Vec<PaymentDispute>>,
}

table_row!(
    PaymentRow,
    "payments",
    key(payment_id),
    fixed(order_id, plan_id, customer_id, method, currency, amount, created_at),
    rest(
        status,
        unknown_attempt,
        authorised,
        captured,
        given_back,
        reversed,
        refund_pending,
        refunded,
        disputed,
        dispute_lost,
        over_recovery,
        refundable,
        fees,
        paid_out,
        provider_reference,
        updated_at,
        revision,
        position,
        captures,
        refunds,
        disputes,
    )
);

impl StreamRow for PaymentRow {
    const LOAD: &'static str = by_stream!(payments, payment_id);

    fn follows(recorded: &Recorded) -> bool {
        matches!(*recorded.event, Event::Payment(_))
    }

    fn stream_id(&self) -> &str {
        &self.payment_id
    }

    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit> {
        let Event::Payment(event) = &*recorded.event else { return Ok(()) };
        fold(row, recorded, event)
    }

    fn settle(&mut self) -> Result<(), NotApplied> {
        self.derive().map_err(|it| it.at(self.position))
    }
}

fn fold(row: &mut Option<PaymentRow>, recorded: &Recorded, event: &payment::Event) -> Result<(), Misfit> {
    use payment::Event as It;
    let row = match (row.as_mut(), event) {
        (Some(known), _) => known,
        (None, It::Authorised(payment::Authorised { intent, .. }))
        | (None, It::Declined(payment::Declined { intent, .. }))
        | (None, It::Received(payment::Received { intent, .. }))
        | (None, It::OutcomeUnknown(payment::OutcomeUnknown { intent, .. })) => {
            row.insert(PaymentRow::begun(recorded, intent))
        }
        (None, _other) => return Err(Misfit::because(format!("{} of a payment that never began", recorded.kind))),
    };
    let at = effective_at(&recorded.event);
    row.updated_at = at;
    row.revision = recorded.revision;
    row.position = recorded.position;
    match event {
        It::Authorised(it) => {
            row.begins(&it.intent, PaymentStatus::Authorised);
            row.authorised = it.intent.amount.into();
        }
        It::Declined(it) => row.begins(&it.intent, PaymentStatus::Declined),
        It::Received(it) => {
            row.begins(&it.intent, PaymentStatus::Captured);
            row.captures.push(PaymentCapture::of(&it.capture_id(), it.intent.amount, true, at));
        }
        It::Captured(it) => {
            row.outcome_is_known();
            row.captures.push(PaymentCapture::of(&it.capture_id, it.amount, it.is_final, at));
            row.given_back.add(it.given_back)?;
        }
        It::Voided(it) => {
            row.outcome_is_known();
            row.given_back.add(it.given_back)?;
        }
        It::CaptureReversed(it) => row.capture(&it.capture_id)?.reverse(at),
        It::RefundRequested(it) => row.refunds.push(PaymentRefund::requested(it, at)),
        It::RefundSucceeded(it) => row.refund(&it.refund_id)?.closed(RefundState::Succeeded, at),
        It::RefundFailed(it) => match row.refund(&it.refund_id) {
            Ok(requested) => requested.closed(RefundState::Failed, at),
            // An order asked for it when there was nothing left to give back.
            Err(_) => row.refunds.push(PaymentRefund::refused(it, at)),
        },
        It::DisputeOpened(it) => {
            row.fees.add(it.fee)?;
            row.disputes.push(PaymentDispute::opened(it, at));
        }
        It::DisputeWon(it) => {
            row.fees.take(it.fee_returned)?;
            row.dispute(&it.dispute_id)?.closed(DisputeState::Won, at);
        }
        It::DisputeLost(it) => row.dispute(&it.dispute_id)?.closed(DisputeState::Lost, at),
        It::FeeRecorded(it) => match it.direction {
            FeeDirection::Charged => row.fees.add(it.amount)?,
            FeeDirection::Returned => row.fees.take(it.amount)?,
        },
        It::PayoutRecorded(it) => match it.direction {
            PayoutDirection::ToMerchant => row.paid_out.add(it.amount)?,
            PayoutDirection::ToProvider => row.paid_out.take(it.amount)?,
        },
        It::OutcomeUnknown(it) => match &it.attempt {
            Attempt::Refund { refund_id } => row.refund(refund_id)?.state = RefundState::Unknown,
            Attempt::Authorisation => row.unknown_attempt = Some("authorisation".to_owned()),
            Attempt::Capture { .. } => row.unknown_attempt = Some("capture".to_owned()),
            Attempt::Void => row.unknown_attempt = Some("void".to_owned()),
        },
        It::AttemptFailed(_) => row.outcome_is_known(),
    }
    Ok(())
}

impl PaymentRow {
    fn begun(recorded: &Recorded, intent: &Intent) -> Self {
        let nothing = Amount::zero(intent.amount.currency());
        let at = effective_at(&recorded.event);
        Self {
            payment_id: recorded.stream.id.to_string(),
            order_id: intent.order_id.as_ref().map(ToString::to_string),
            plan_id: intent.plan_id.as_ref().map(ToString::to_string),
            customer_id: intent.customer_id.as_ref().map(ToString::to_string),
            method: intent.method.name().to_owned(),
            currency: intent.amount.currency().to_string(),
            status: PaymentStatus::Unknown,
            unknown_attempt: None,
            amount: intent.amount.into(),
            authorised: nothing,
            captured: nothing,
            given_back: nothing,
            reversed: nothing,
            refund_pending: nothing,
            refunded: nothing,
            disputed: nothing,
            dispute_lost: nothing,
            over_recovery: nothing,
            refundable: nothing,
            fees: nothing,
            paid_out: nothing,
            provider_reference: intent.provider_reference.as_ref().map(ToString::to_string),
            created_at: at,
            updated_at: at,
            revision: recorded.revision,
            position: recorded.position,
            captures: Json(Vec::new()),
            refunds: Json(Vec::new()),
            disputes: Json(Vec::new()),
        }
    }

    /// What became of the intent. A late answer may bring the provider's own name for it.
    fn begins(&mut self, intent: &Intent, status: PaymentStatus) {
        self.outcome_is_known();
        self.provider_reference = intent.provider_reference.as_ref().map(ToString::to_string);
        self.status = status;
    }

    /// The outcome of an authorisation, capture or void; a refund of unknown outcome says so itself.
    fn outcome_is_known(&mut self) {
        self.unknown_attempt = None;
    }
}

pub(crate) static LISTING: Listing = Listing {
    name: "payments",
    fields: &[
        Field::sorted("payment_id", Kind::Text),
        Field::of("order_id", Kind::Text),
        Field::of("plan_id", Kind::Text),
        Field::of("customer_id", Kind::Text),
        Field::of("method", Kind::OneOf(&METHODS)),
        Field::of("currency", Kind::Text),
        Field::of("status", Kind::OneOf(PaymentStatus::NAMES)),
        Field::of("unknown_attempt", Kind::OneOf(&["authorisation", "capture", "void", "refund"])),
        Field::of("provider_reference", Kind::Text),
        Field::sorted("amount", Kind::Decimal),
        Field::of("authorised", Kind::Decimal),
        Field::sorted("captured", Kind::Decimal),
        Field::of("reversed", Kind::Decimal),
        Field::of("refund_pending", Kind::Decimal),
        Field::of("refunded", Kind::Decimal),
        Field::of("disputed", Kind::Decimal),
        Field::of("dispute_lost", Kind::Decimal),
        Field::of("over_recovery", Kind::Decimal),
        Field::sorted("refundable", Kind::Decimal),
        Field::of("fees", Kind::Decimal),
        Field::of("paid_out", Kind::Decimal),
        Field::sorted("created_at", Kind::Timestamp),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "-created_at",
    key: &["payment_id"],
};

/// The fields that the list of payments can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's payments, the latest first.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<PaymentRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Payments), "payments"), &LISTING, pairs).await
}

/// One payment; none where the merchant has no such payment.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    payment_id: &str,
) -> Result<Option<Answer<PaymentRow>>, QueryError> {
    let statement = "select * from payments where merchant_id = $1 and payment_id = $2";
    reads.one((Streams::Payments, statement), merchant, payment_id).await
}
