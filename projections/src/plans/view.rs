//! One plan with everything about it, in one answer.

use super::{InstallmentRow, PlanHistoryRow, PlanRow};
use crate::past::{About, Room, Streams};
use crate::reads::{Answer, QueryError, Reads};
use mizan_domain::id::MerchantId;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

/// The most history that one plan is shown with; all of it is at an address of its own. [`plan_view`] has it too.
pub const HISTORY_SHOWN_MAX: i64 = 200;

/// A plan with its schedule and what happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct PlanView {
    /// How it stands.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub plan: PlanRow,
    /// By due date; none before it is open.
    #[schema(value_type = Vec<InstallmentRow>)]
    pub installments: Json<Vec<InstallmentRow>>,
    /// The latest events, the last one first; `/history` has all.
    #[schema(value_type = Vec<PlanHistoryRow>)]
    pub history: Json<Vec<PlanHistoryRow>>,
    /// How many events there are.
    pub history_count: i64,
}

/// The columns of a view of `plans`. They are part of one statement, so that a rebuild that goes live meanwhile cannot
/// mix two incarnations. Amounts become text before they become JSON: as numbers they would not be amounts.
macro_rules! plan_view {
    () => {
        "plans.*, \
     coalesce((select json_agg(it order by it.due_on, it.number) from (select plan_id, number, customer_id, currency, \
         due_on, from_on, until_on, \
         principal_due::text, principal_paid::text, principal_cancelled::text, \
         principal_waived::text, principal_written_off::text, principal_outstanding::text, \
         interest_due::text, interest_paid::text, interest_cancelled::text, \
         interest_waived::text, interest_written_off::text, interest_outstanding::text, \
         fee_due::text, fee_paid::text, fee_cancelled::text, \
         fee_waived::text, fee_written_off::text, fee_outstanding::text, \
         outstanding::text, is_settled, position from plan_installments part \
         where part.merchant_id = plans.merchant_id and part.plan_id = plans.plan_id) as it), '[]') as installments, \
     coalesce((select json_agg(it order by it.position desc) from (select plan_id, position, revision, step, kind, \
         effective_on, at, currency, amount::text, number, payment_id, fact_id, reason, details, principal::text, \
         interest::text, fees::text, overpaid::text, is_reapplied from plan_history part \
         where part.merchant_id = plans.merchant_id and part.plan_id = plans.plan_id \
         order by position desc limit 200) as it), '[]') as history, \
     (select count(*) from plan_history part \
         where part.merchant_id = plans.merchant_id and part.plan_id = plans.plan_id) as history_count"
    };
}
pub(crate) use plan_view;

const VIEW: &str = concat!("select ", plan_view!(), " from plans where merchant_id = $1 and plan_id = $2");

/// One plan with its installments and its latest history; none where the merchant has no such plan.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(reads: &Reads, merchant: &MerchantId, plan_id: &str) -> Result<Option<Answer<PlanView>>, QueryError> {
    let (mut connection, position) =
        reads.begin(About { merchant, rooms: &[Room::Of(Streams::Plans)], only: Some(plan_id) }).await?;
    let query = sqlx::query_as(VIEW).bind(merchant.as_str()).bind(plan_id);
    let found = query.fetch_optional(&mut *connection).await?;
    Ok(found.map(|data| Answer { data, position }))
}
