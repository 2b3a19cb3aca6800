//! Installment plans as dashboards see them: the row, its fold and its queries.
//!
//! Every event of an open plan says how the plan stands after it; the row copies that. Only what was paid and refunded
//! is added up, from the facts that happened for the first time: what is done again because an earlier fact came to
//! light moved no money. Installments, history and agreements have tables of their own, so the row never grows.

pub mod ageing;
mod agreements;
pub mod due;
mod history;
mod installments;
mod view;
mod waking;

use crate::amount::Amount;
use crate::apply::{Misfit, NotApplied, effective_at};
use crate::bulk::table_row;
use crate::past::{Room, Streams};
use crate::reads::{Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use crate::streams::{self, Kept, StreamRow, by_stream};
pub use agreements::{PlanAgreement, agreement};
use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
pub use history::{
    PlanCancelledDebt, PlanCashBack, PlanFactDetails, PlanHistoryKind, PlanHistoryRow, PlanPaidPart, history,
    history_fields,
};
pub use installments::{InstallmentRow, installment_fields, installments};
use mizan_domain::Currency;
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::plan::{self, Agreement, Standing, Status};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use std::sync::Arc;
use utoipa::ToSchema;
pub(crate) use view::plan_view;
pub use view::{HISTORY_SHOWN_MAX, PlanView, get};
pub use waking::{Waking, waking, waking_of};

/// An installment plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct PlanRow {
    /// The plan.
    pub plan_id: String,
    /// Who pays in parts.
    pub customer_id: String,
    /// What was bought, where it was an order.
    pub order_id: Option<String>,
    /// The merchant's name for its terms.
    pub product: Option<String>,
    /// The currency of all amounts here.
    pub currency: String,
    /// `approved`, `cancelled`, `open`, `settled` or `charged_off`.
    pub status: String,
    /// What was bought for, the down payment included.
    pub amount: Amount,
    /// What is paid on the first day.
    pub down_payment: Amount,
    /// The amount without the down payment.
    pub financed: Amount,
    /// What the merchant leaves to the book that carries the plan.
    pub discount: Amount,
    /// All interest, as agreed.
    pub finance_charge: Amount,
    /// All payments, as agreed.
    pub total_cost: Amount,
    /// The annual percentage rate of Regulation Z, in percent, as agreed.
    pub apr_us: Option<String>,
    /// The annual percentage rate of the Consumer Credit Directive, in percent, as agreed.
    pub apr_eu: Option<String>,
    /// The nominal annual rate that counts now, as a fraction of one.
    pub rate: String,
    /// The day that interest and the schedule count from.
    pub starts_on: NaiveDate,
    /// When the goods became the customer's; none before.
    pub opened_at: Option<DateTime<Utc>>,
    /// Principal still to be paid.
    pub principal: Amount,
    /// Interest still to be paid, to the end of the contract.
    pub interest: Amount,
    /// Fees still to be paid.
    pub fees: Amount,
    /// Principal, interest and fees.
    pub outstanding: Amount,
    /// Interest that time has earned and nobody has paid.
    pub accrued: Amount,
    /// What payments brought, less those that did not hold or went back.
    pub paid: Amount,
    /// What of the purchase was refunded, as debt or as cash.
    pub refunded: Amount,
    /// What the customer paid beyond everything owed.
    pub overpaid: Amount,
    /// Principal that was given up.
    pub charged_off: Amount,
    /// What came in after the charge-off.
    pub recovered: Amount,
    /// Refunds of debt that had been charged off.
    pub refund_recovered: Amount,
    /// What refunds gave back of what was paid.
    pub cash_back: Amount,
    /// Interest given back with refunds.
    pub interest_returned: Amount,
    /// What the merchant is still to be paid; negative where refunds took more back.
    pub merchant_payable: Amount,
    /// The merchant's discount that time has not earned yet.
    pub discount_unearned: Amount,
    /// The due date of the first installment that is not paid.
    pub next_due_on: Option<NaiveDate>,
    /// When time alone changes the plan next.
    pub wakes_at: Option<DateTime<Utc>>,
    /// When it was agreed.
    pub created_at: DateTime<Utc>,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events it has: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

table_row!(
    PlanRow,
    "plans",
    key(plan_id),
    fixed(
        customer_id,
        order_id,
        product,
        currency,
        amount,
        down_payment,
        financed,
        discount,
        finance_charge,
        total_cost,
        apr_us,
        apr_eu,
        starts_on,
        created_at
    ),
    rest(
        status,
        rate,
        opened_at,
        principal,
        interest,
        fees,
        outstanding,
        accrued,
        paid,
        refunded,
        overpaid,
        charged_off,
        recovered,
        refund_recovered,
        cash_back,
        interest_returned,
        merchant_payable,
        discount_unearned,
        next_due_on,
        wakes_at,
        updated_at,
        revision,
        position,
    )
);

impl StreamRow for PlanRow {
    const LOAD: &'static str = by_stream!(plans, plan_id);

    fn follows(recorded: &Recorded) -> bool {
        matches!(*recorded.event, Event::Plan(_))
    }

    fn stream_id(&self) -> &str {
        &self.plan_id
    }

    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit> {
        let Event::Plan(event) = &*recorded.event else { return Ok(()) };
        fold(row, recorded, event)
    }
}

pub(crate) async fn apply(
    tx: &mut PgConnection,
    kept: &mut Kept<PlanRow>,
    batch: &[Arc<Recorded>],
) -> Result<(), NotApplied> {
    streams::apply(tx, kept, batch).await?;
    installments::apply(tx, batch).await?;
    history::apply(tx, batch).await?;
    agreements::apply(tx, batch).await
}

fn fold(row: &mut Option<PlanRow>, recorded: &Recorded, event: &plan::Event) -> Result<(), Misfit> {
    use plan::Event as It;
    let row = match (row.as_mut(), event) {
        (Some(known), _) => known,
        (None, It::Approved(it)) => row.insert(PlanRow::begun(recorded, &it.agreement)),
        (None, _other) => return Err(Misfit::because(format!("{} of a plan that was never agreed", recorded.kind))),
    };
    row.updated_at = effective_at(&recorded.event);
    row.revision = recorded.revision;
    row.position = recorded.position;
    if let Some(step) = event.step() {
        row.stands(&step.standing)?;
    }
    match event {
        It::Cancelled(_) => row.status = Status::Cancelled.name().to_owned(),
        It::Opened(_) => row.opened_at = Some(row.updated_at),
        It::MerchantPaid(it) => row.merchant_payable = it.merchant_payable.into(),
        It::PaymentApplied(it) if !it.step.is_reapplied => row.paid.add(it.amount)?,
        It::PaymentReversed(it) => row.paid.take(it.amount)?,
        It::Refunded(it) if !it.step.is_reapplied => row.refunded.add(it.amount)?,
        It::Approved(_)
        | It::PaymentHeld(_)
        | It::HeldPaymentReleased(_)
        | It::InstallmentDue(_)
        | It::InterestAccrued(_)
        | It::PaymentApplied(_)
        | It::LateFeeCharged(_)
        | It::LateFeeWaived(_)
        | It::Refunded(_)
        | It::Rescheduled(_)
        | It::RateChanged(_)
        | It::ChargedOff(_)
        | It::Unwound(_) => (),
    }
    Ok(())
}

impl PlanRow {
    fn begun(recorded: &Recorded, agreement: &Agreement) -> Self {
        let (offer, disclosure) = (&agreement.offer, &agreement.disclosure);
        let currency: Currency = offer.amount.currency();
        let nothing = Amount::zero(currency);
        let at = effective_at(&recorded.event);
        Self {
            plan_id: recorded.stream.id.to_string(),
            customer_id: offer.customer_id.to_string(),
            order_id: offer.order_id.as_ref().map(ToString::to_string),
            product: offer.product.as_ref().map(ToString::to_string),
            currency: currency.to_string(),
            status: Status::Approved.name().to_owned(),
            amount: offer.amount.into(),
            down_payment: agreement.down_payment.into(),
            financed: agreement.financed.into(),
            discount: agreement.discount.into(),
            finance_charge: disclosure.finance_charge.into(),
            total_cost: disclosure.total_cost.into(),
            apr_us: disclosure.apr_us.map(|it| it.to_string()),
            apr_eu: disclosure.apr_eu.map(|it| it.to_string()),
            rate: offer.terms.schedule.rate.to_string(),
            starts_on: offer.starts_on,
            opened_at: None,
            principal: nothing,
            interest: nothing,
            fees: nothing,
            outstanding: nothing,
            accrued: nothing,
            paid: nothing,
            refunded: nothing,
            overpaid: nothing,
            charged_off: nothing,
            recovered: nothing,
            refund_recovered: nothing,
            cash_back: nothing,
            interest_returned: nothing,
            merchant_payable: nothing,
            discount_unearned: nothing,
            next_due_on: None,
            wakes_at: None,
            created_at: at,
            updated_at: at,
            revision: recorded.revision,
            position: recorded.position,
        }
    }

    fn stands(&mut self, it: &Standing) -> Result<(), Misfit> {
        self.status = it.status.name().to_owned();
        self.rate = it.rate.to_string();
        self.principal = it.principal.into();
        self.interest = it.interest.into();
        self.fees = it.fees.into();
        self.outstanding = self.principal.plus(self.interest)?.plus(self.fees)?;
        self.accrued = it.accrued.into();
        self.overpaid = it.overpaid.into();
        self.charged_off = it.charged_off.into();
        self.recovered = it.recovered.into();
        self.refund_recovered = it.refund_recovered.into();
        self.cash_back = it.cash_back.into();
        self.interest_returned = it.interest_returned.into();
        self.merchant_payable = it.merchant_payable.into();
        self.discount_unearned = it.discount_unearned.into();
        self.next_due_on = it.next_due_on;
        self.wakes_at = it.wakes_at.map(|at| at.trunc_subsecs(6));
        Ok(())
    }
}

static LISTING: Listing = Listing {
    name: "plans",
    fields: &[
        Field::sorted("plan_id", Kind::Text),
        Field::of("customer_id", Kind::Text),
        Field::of("order_id", Kind::Text),
        Field::of("product", Kind::Text),
        Field::of("currency", Kind::Text),
        Field::of("status", Kind::OneOf(&Status::NAMES)),
        Field::sorted("amount", Kind::Decimal),
        Field::of("financed", Kind::Decimal),
        Field::of("rate", Kind::Text),
        Field::sorted("starts_on", Kind::Date),
        Field::nullable("opened_at", Kind::Timestamp),
        Field::of("principal", Kind::Decimal),
        Field::of("interest", Kind::Decimal),
        Field::of("fees", Kind::Decimal),
        Field::sorted("outstanding", Kind::Decimal),
        Field::of("accrued", Kind::Decimal),
        Field::of("paid", Kind::Decimal),
        Field::of("refunded", Kind::Decimal),
        Field::of("overpaid", Kind::Decimal),
        Field::of("charged_off", Kind::Decimal),
        Field::of("recovered", Kind::Decimal),
        Field::of("merchant_payable", Kind::Decimal),
        Field::of("discount_unearned", Kind::Decimal),
        Field::nullable("next_due_on", Kind::Date),
        Field::nullable("wakes_at", Kind::Timestamp),
        Field::sorted("created_at", Kind::Timestamp),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "-created_at",
    key: &["plan_id"],
};

/// The fields that the list of plans can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's plans, the latest first.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<PlanRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Plans), "plans"), &LISTING, pairs).await
}
