//! The installments of plans as they stand: one row each, replaced whenever a step changed it.
//!
//! A step carries the installments that it changed as they are then, so nothing has to be read first.

use crate::amount::Amount;
use crate::apply::{Misfit, NotApplied};
use crate::bulk::{self, table_row};
use crate::past::{Room, Streams};
use crate::reads::{Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use chrono::NaiveDate;
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::plan::{Installment, Step};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// One payment of a plan. Of every part, outstanding is what is due less all the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct InstallmentRow {
    /// The plan.
    pub plan_id: String,
    /// From 1; 0 is the down payment.
    pub number: i32,
    /// Who pays.
    pub customer_id: String,
    /// The currency of the amounts.
    pub currency: String,
    /// When it is to be paid, a date in the plan's time zone.
    pub due_on: NaiveDate,
    /// The first day of the period that its interest is for.
    pub from_on: NaiveDate,
    /// The end of that period.
    pub until_on: NaiveDate,
    /// What the contract asks of the amount financed.
    pub principal_due: Amount,
    /// What payments paid of the amount financed.
    pub principal_paid: Amount,
    /// What a refund, a settlement or a change of the schedule cancelled of the amount financed.
    pub principal_cancelled: Amount,
    /// What was forgiven of the amount financed.
    pub principal_waived: Amount,
    /// What a charge-off gave up of the amount financed.
    pub principal_written_off: Amount,
    /// What is still to be paid of the amount financed.
    pub principal_outstanding: Amount,
    /// What the contract asks of interest.
    pub interest_due: Amount,
    /// What payments paid of interest.
    pub interest_paid: Amount,
    /// What a refund, a settlement or a change of the schedule cancelled of interest.
    pub interest_cancelled: Amount,
    /// What was forgiven of interest.
    pub interest_waived: Amount,
    /// What a charge-off gave up of interest.
    pub interest_written_off: Amount,
    /// What is still to be paid of interest.
    pub interest_outstanding: Amount,
    /// What the contract asks of fees for being late.
    pub fee_due: Amount,
    /// What payments paid of fees for being late.
    pub fee_paid: Amount,
    /// What a refund, a settlement or a change of the schedule cancelled of fees for being late.
    pub fee_cancelled: Amount,
    /// What was forgiven of fees for being late.
    pub fee_waived: Amount,
    /// What a charge-off gave up of fees for being late.
    pub fee_written_off: Amount,
    /// What is still to be paid of fees for being late.
    pub fee_outstanding: Amount,
    /// All that is still to be paid.
    pub outstanding: Amount,
    /// Whether nothing is.
    pub is_settled: bool,
    /// The last event that changed it.
    #[schema(value_type = i64)]
    pub position: Position,
}

/// The plan and the number inside a merchant.
type Key<'a> = (&'a MerchantId, &'a str, u32);

/// What became of every installment that a batch touched: its row, or none where it is no more.
pub(super) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut touched: BTreeMap<Key<'_>, Option<InstallmentRow>> = BTreeMap::new();
    for recorded in batch {
        let Event::Plan(event) = &*recorded.event else { continue };
        let Some(step) = event.step() else { continue };
        let key = |number| (&recorded.metadata.merchant_id, step.plan_id.as_str(), number);
        for number in &step.removed {
            touched.insert(key(*number), None);
        }
        for it in &step.installments {
            let row = InstallmentRow::of(it, step, recorded.position).map_err(|it| it.at(recorded.position))?;
            touched.insert(key(it.number), Some(row));
        }
    }
    remove(tx, touched.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| *key)).await?;
    let rows = touched.iter().filter_map(|((merchant, ..), row)| Some((*merchant, row.as_ref()?)));
    Ok(bulk::put(tx, rows).await?)
}

async fn remove<'a>(tx: &mut PgConnection, keys: impl Iterator<Item = Key<'a>>) -> sqlx::Result<()> {
    let (mut merchants, mut plans, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (merchant, plan_id, number) in keys {
        merchants.push(merchant.as_str());
        plans.push(plan_id);
        numbers.push(i64::from(number));
    }
    if merchants.is_empty() {
        return Ok(());
    }
    let sql = "delete from plan_installments as it \
         using unnest($1::text[], $2::text[], $3::bigint[]) as gone(merchant_id, plan_id, number) \
         where it.merchant_id = gone.merchant_id and it.plan_id = gone.plan_id and it.number = gone.number";
    sqlx::query(sql).bind(merchants).bind(plans).bind(numbers).execute(tx).await?;
    Ok(())
}

table_row!(
    InstallmentRow,
    "plan_installments",
    key(plan_id, number),
    fixed(),
    rest(
        customer_id,
        currency,
        due_on,
        from_on,
        until_on,
        principal_due,
        principal_paid,
        principal_cancelled,
        principal_waived,
        principal_written_off,
        principal_outstanding,
        interest_due,
        interest_paid,
        interest_cancelled,
        interest_waived,
        interest_written_off,
        interest_outstanding,
        fee_due,
        fee_paid,
        fee_cancelled,
        fee_waived,
        fee_written_off,
        fee_outstanding,
        outstanding,
        is_settled,
        position
    )
);

impl InstallmentRow {
    fn of(it: &Installment, step: &Step, position: Position) -> Result<Self, Misfit> {
        let currency = it.principal.due.currency();
        let number = i32::try_from(it.number).map_err(|_| Misfit::because("an installment's number is too large"))?;
        Ok(Self {
            plan_id: step.plan_id.to_string(),
            number,
            customer_id: step.customer_id.to_string(),
            currency: currency.to_string(),
            due_on: it.due_on,
            from_on: it.from,
            until_on: it.until,
            principal_due: it.principal.due.into(),
            principal_paid: it.principal.paid.into(),
            principal_cancelled: it.principal.cancelled.into(),
            principal_waived: it.principal.waived.into(),
            principal_written_off: it.principal.written_off.into(),
            principal_outstanding: Amount::of_minor(it.principal.outstanding(), currency),
            interest_due: it.interest.due.into(),
            interest_paid: it.interest.paid.into(),
            interest_cancelled: it.interest.cancelled.into(),
            interest_waived: it.interest.waived.into(),
            interest_written_off: it.interest.written_off.into(),
            interest_outstanding: Amount::of_minor(it.interest.outstanding(), currency),
            fee_due: it.fee.due.into(),
            fee_paid: it.fee.paid.into(),
            fee_cancelled: it.fee.cancelled.into(),
            fee_waived: it.fee.waived.into(),
            fee_written_off: it.fee.written_off.into(),
            fee_outstanding: Amount::of_minor(it.fee.outstanding(), currency),
            outstanding: Amount::of_minor(it.outstanding(), currency),
            is_settled: it.outstanding() == 0,
            position,
        })
    }
}

static LISTING: Listing = Listing {
    name: "installments",
    fields: &[
        Field::sorted("due_on", Kind::Date),
        Field::sorted("plan_id", Kind::Text),
        Field::sorted("number", Kind::Integer),
        Field::of("customer_id", Kind::Text),
        Field::of("currency", Kind::Text),
        Field::of("is_settled", Kind::Flag),
        Field::sorted("outstanding", Kind::Decimal),
        Field::of("principal_outstanding", Kind::Decimal),
        Field::of("interest_outstanding", Kind::Decimal),
        Field::of("fee_outstanding", Kind::Decimal),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "due_on",
    key: &["plan_id", "number"],
};

/// The fields that the list of installments can be filtered by, for its documentation.
#[must_use]
pub fn installment_fields() -> String {
    LISTING.all_names()
}

/// The installments of the merchant's plans, the first due first; `is_settled=false` are those still to be paid.
///
/// # Errors
/// [`QueryError`].
pub async fn installments(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<InstallmentRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Plans), "plan_installments"), &LISTING, pairs).await
}
