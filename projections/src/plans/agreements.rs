//! What was agreed, exactly as the event has it: the data of agreement documents.

use crate::apply::{NotApplied, effective_at};
use crate::bulk::Copy;
use crate::past::Streams;
use crate::reads::{Answer, QueryError, Reads};
use chrono::{DateTime, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::plan;
use mizan_store::{Position, Recorded};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use std::sync::Arc;
use utoipa::ToSchema;

/// What was agreed: offer, terms, schedule and disclosure.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
pub struct PlanAgreement {
    /// The plan.
    pub plan_id: String,
    /// When it was agreed.
    pub at: DateTime<Utc>,
    /// The event that says so: its proof is at `/v1/events/{position}`.
    #[schema(value_type = i64)]
    pub position: Position,
    /// Everything that was agreed, frozen. Money is text with its currency, `"12.30 EUR"`, as in events.
    #[schema(value_type = Object)]
    pub agreement: Json<Box<RawValue>>,
}

pub(super) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut copy = Copy::default();
    for recorded in batch {
        let Event::Plan(plan::Event::Approved(it)) = &*recorded.event else { continue };
        copy.row(5)
            .field(&recorded.metadata.merchant_id)
            .field(&*recorded.stream.id)
            .field(&recorded.position)
            .field(&effective_at(&recorded.event))
            .field(&Json(&it.agreement));
    }
    Ok(copy.send(tx, COPY).await?)
}

const COPY: &str = "copy plan_agreements (merchant_id, plan_id, position, at, agreement) from stdin (format binary)";

/// What was agreed; none where the merchant has no such plan.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn agreement(
    reads: &Reads,
    merchant: &MerchantId,
    plan_id: &str,
) -> Result<Option<Answer<PlanAgreement>>, QueryError> {
    let statement = "select * from plan_agreements where merchant_id = $1 and plan_id = $2";
    reads.one((Streams::Plans, statement), merchant, plan_id).await
}
