//! What happened to a plan, event by event, and what was owed after each.

mod details;

use crate::amount::Amount;
use crate::apply::{NotApplied, effective_at};
use crate::bulk::Copy;
use crate::names::names;
use crate::past::{About, Room, Streams};
use crate::reads::{Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use chrono::{DateTime, NaiveDate, Utc};
pub use details::{PlanCancelledDebt, PlanCashBack, PlanFactDetails, PlanPaidPart};
use mizan_domain::Account;
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::money::Money;
use mizan_domain::plan::{self, Event as It};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use std::sync::Arc;
use utoipa::ToSchema;

names! {
    /// What happened to a plan.
    PlanHistoryKind {
        /// It was agreed, within the customer's limit.
        Approved = "approved",
        /// It was given up before it began.
        Cancelled = "cancelled",
        /// The goods are the customer's.
        Opened = "opened",
        /// Money came before the goods, and waits.
        PaymentHeld = "payment_held",
        /// Money that waited went back.
        HeldPaymentReleased = "held_payment_released",
        /// The book paid the merchant, or the merchant paid back.
        MerchantPaid = "merchant_paid",
        /// A due date came.
        InstallmentDue = "installment_due",
        /// Interest went into the books.
        InterestAccrued = "interest_accrued",
        /// A payment was applied.
        PaymentApplied = "payment_applied",
        /// A payment did not hold, or went back.
        PaymentReversed = "payment_reversed",
        /// An installment is late, and that costs something.
        LateFeeCharged = "late_fee_charged",
        /// A fee was forgiven.
        LateFeeWaived = "late_fee_waived",
        /// The purchase was refunded, in part or in full.
        Refunded = "refunded",
        /// What is outstanding was put on other dates.
        Rescheduled = "rescheduled",
        /// Periods to come have another rate.
        RateChanged = "rate_changed",
        /// The book has given the debt up.
        ChargedOff = "charged_off",
        /// Steps were undone because an earlier fact came to light; those that still hold follow, done again.
        Unwound = "unwound",
    }
}

impl PlanHistoryKind {
    fn of(event: &plan::Event) -> Self {
        match event {
            It::Approved(_) => Self::Approved,
            It::Cancelled(_) => Self::Cancelled,
            It::Opened(_) => Self::Opened,
            It::PaymentHeld(_) => Self::PaymentHeld,
            It::HeldPaymentReleased(_) => Self::HeldPaymentReleased,
            It::MerchantPaid(_) => Self::MerchantPaid,
            It::InstallmentDue(_) => Self::InstallmentDue,
            It::InterestAccrued(_) => Self::InterestAccrued,
            It::PaymentApplied(_) => Self::PaymentApplied,
            It::PaymentReversed(_) => Self::PaymentReversed,
            It::LateFeeCharged(_) => Self::LateFeeCharged,
            It::LateFeeWaived(_) => Self::LateFeeWaived,
            It::Refunded(_) => Self::Refunded,
            It::Rescheduled(_) => Self::Rescheduled,
            It::RateChanged(_) => Self::RateChanged,
            It::ChargedOff(_) => Self::ChargedOff,
            It::Unwound(_) => Self::Unwound,
        }
    }
}

/// One event of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct PlanHistoryRow {
    /// The plan.
    pub plan_id: String,
    /// The event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
    /// Its place among the plan's events, from 1.
    pub revision: i64,
    /// Its place among the steps of the customer's side, from 1; none where it changed nothing there.
    pub step: Option<i32>,
    /// What happened.
    #[sqlx(try_from = "String")]
    pub kind: PlanHistoryKind,
    /// The day it counts for, in the plan's time zone; a payment may have come to light later.
    pub effective_on: Option<NaiveDate>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The currency of the amounts.
    pub currency: String,
    /// The event's own amount, where it has one: what was paid, charged, refunded, fell due.
    pub amount: Option<Amount>,
    /// The installment, where it is about one.
    pub number: Option<i32>,
    /// The payment, where it is about one.
    pub payment_id: Option<String>,
    /// Its own id, where it has one: of the application, reversal, waiver, refund, rescheduling or payout.
    pub fact_id: Option<String>,
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// What else the event says.
    #[schema(value_type = Option<PlanFactDetails>)]
    pub details: Option<Json<PlanFactDetails>>,
    /// Principal owed after it; none where it changed nothing on the customer's side.
    pub principal: Option<Amount>,
    /// Interest owed after it, to the end of the contract.
    pub interest: Option<Amount>,
    /// Fees owed after it.
    pub fees: Option<Amount>,
    /// The customer's money beyond everything owed.
    pub overpaid: Option<Amount>,
    /// Whether it happened before and was done again because an earlier fact came to light.
    pub is_reapplied: bool,
}

/// What an event is about.
#[derive(Default)]
struct Facts {
    amount: Option<Money>,
    number: Option<u32>,
    payment_id: Option<String>,
    fact_id: Option<String>,
    reason: Option<String>,
}

impl Facts {
    fn of(event: &plan::Event) -> Self {
        let none = Self::default();
        match event {
            It::Approved(it) => Self { amount: Some(it.agreement.offer.amount), ..none },
            It::Cancelled(it) => Self { amount: Some(it.amount), reason: said(it.reason.as_ref()), ..none },
            It::Opened(it) => Self { amount: Some(it.amount), ..none },
            It::PaymentHeld(it) => {
                let fact_id = said(Some(&it.application_id));
                Self { amount: Some(it.amount), payment_id: said(Some(&it.payment_id)), fact_id, ..none }
            }
            It::HeldPaymentReleased(it) => {
                let fact_id = said(Some(&it.reversal_id));
                Self { amount: Some(it.amount), payment_id: said(Some(&it.payment_id)), fact_id, ..none }
            }
            It::MerchantPaid(it) => Self { amount: Some(it.amount), fact_id: said(Some(&it.payout_id)), ..none },
            It::InstallmentDue(it) => Self { amount: Some(it.amount), number: Some(it.number), ..none },
            It::InterestAccrued(it) => {
                let currency = it.step.standing.principal.currency();
                let accrued = -it.step.entry.moved(&Account::InterestIncome, currency);
                Self { amount: Some(Money::of_minor(accrued, currency)), ..none }
            }
            It::PaymentApplied(it) => Self {
                amount: Some(it.amount),
                payment_id: said(Some(&it.payment_id)),
                fact_id: said(Some(&it.application_id)),
                ..none
            },
            It::PaymentReversed(it) => Self {
                amount: Some(it.amount),
                payment_id: said(Some(&it.payment_id)),
                fact_id: said(Some(&it.reversal_id)),
                ..none
            },
            It::LateFeeCharged(it) => Self { amount: Some(it.amount), number: Some(it.number), ..none },
            It::LateFeeWaived(it) => Self {
                amount: Some(it.amount),
                number: Some(it.number),
                fact_id: said(Some(&it.waiver_id)),
                reason: said(it.reason.as_ref()),
                ..none
            },
            It::Refunded(it) => Self {
                amount: Some(it.amount),
                fact_id: said(Some(&it.refund_id)),
                reason: said(it.reason.as_ref()),
                ..none
            },
            It::Rescheduled(it) => {
                Self { fact_id: said(Some(&it.reschedule_id)), reason: said(it.reason.as_ref()), ..none }
            }
            It::RateChanged(it) => Self { fact_id: said(Some(&it.reschedule_id)), ..none },
            It::ChargedOff(it) => Self { amount: Some(it.principal), reason: said(it.reason.as_ref()), ..none },
            It::Unwound(_) => none,
        }
    }
}

fn said(it: Option<&impl ToString>) -> Option<String> {
    it.map(ToString::to_string)
}

pub(super) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut copy = Copy::default();
    for recorded in batch {
        let Event::Plan(event) = &*recorded.event else { continue };
        push(&mut copy, recorded, event);
    }
    Ok(copy.send(tx, COPY).await?)
}

const COPY: &str = "copy plan_history (merchant_id, plan_id, position, revision, step, kind, effective_on, at, currency, \
                    amount, number, payment_id, fact_id, reason, details, principal, interest, fees, overpaid, \
                    is_reapplied) from stdin (format binary)";

fn push(copy: &mut Copy, recorded: &Recorded, event: &plan::Event) {
    let (step, facts) = (event.step(), Facts::of(event));
    let standing = step.map(|it| &it.standing);
    let currency = standing.map(|it| it.principal.currency()).or_else(|| facts.amount.map(Money::currency));
    let amount = |it: Option<Money>| it.map(Amount::from);
    let number = |it: u32| i32::try_from(it).unwrap_or(i32::MAX);
    copy.row(20)
        .field(&recorded.metadata.merchant_id)
        .field(&*recorded.stream.id)
        .field(&recorded.position)
        .field(&recorded.revision)
        .field(&step.map(|it| number(it.step)))
        .field(PlanHistoryKind::of(event).name())
        .field(&step.map(|it| it.effective_on))
        .field(&effective_at(&recorded.event))
        .field(&currency.map(|it| it.to_string()))
        .field(&amount(facts.amount))
        .field(&facts.number.map(number))
        .field(&facts.payment_id)
        .field(&facts.fact_id)
        .field(&facts.reason)
        .field(&PlanFactDetails::of(event).map(Json))
        .field(&amount(standing.map(|it| it.principal)))
        .field(&amount(standing.map(|it| it.interest)))
        .field(&amount(standing.map(|it| it.fees)))
        .field(&amount(standing.map(|it| it.overpaid)))
        .field(&step.is_some_and(|it| it.is_reapplied));
}

static LISTING: Listing = Listing {
    name: "events of a plan",
    fields: &[
        Field::of("plan_id", Kind::Text),
        Field::sorted("position", Kind::Integer),
        Field::of("kind", Kind::OneOf(PlanHistoryKind::NAMES)),
        Field::nullable("effective_on", Kind::Date),
        Field::of("at", Kind::Timestamp),
        Field::of("amount", Kind::Decimal),
        Field::of("number", Kind::Integer),
        Field::of("payment_id", Kind::Text),
        Field::of("fact_id", Kind::Text),
        Field::of("is_reapplied", Kind::Flag),
    ],
    sort: "-position",
    key: &["position"],
};

/// The fields that the history of a plan can be filtered by, for its documentation.
#[must_use]
pub fn history_fields() -> String {
    LISTING.all_names()
}

/// The events of a plan, the latest first; none where the merchant has no such plan.
///
/// # Errors
/// [`QueryError`].
pub async fn history(
    reads: &Reads,
    merchant: &MerchantId,
    plan_id: &str,
    pairs: &[(String, String)],
) -> Result<Option<Page<PlanHistoryRow>>, QueryError> {
    // A filter like any other, so that a cursor belongs to the plan too.
    let mut asked = pairs.to_vec();
    asked.push(("plan_id".to_owned(), plan_id.to_owned()));
    let page: Page<PlanHistoryRow> =
        reads.page(merchant, (Room::Of(Streams::Plans), "plan_history"), &LISTING, &asked).await?;
    if page.data.is_empty() && !is_known(reads, merchant, plan_id).await? {
        return Ok(None);
    }
    Ok(Some(page))
}

async fn is_known(reads: &Reads, merchant: &MerchantId, plan_id: &str) -> Result<bool, QueryError> {
    let (mut connection, _) =
        reads.begin(About { merchant, rooms: &[Room::Of(Streams::Plans)], only: Some(plan_id) }).await?;
    let sql = "select exists (select from plans where merchant_id = $1 and plan_id = $2)";
    Ok(sqlx::query_scalar(sql).bind(merchant.as_str()).bind(plan_id).fetch_one(&mut *connection).await?)
}
