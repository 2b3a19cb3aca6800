//! The clocks of merchants in test mode: what they show. A merchant without a row has none; its time is the world's.

use crate::apply::{NotApplied, effective_at};
use crate::bulk::{self, table_row};
use crate::past::{About, Room, Streams};
use crate::reads::{Answer, QueryError, Reads};
use chrono::{DateTime, NaiveDate, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// A merchant's own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct ClockRow {
    /// What it shows; it stands still until it is advanced.
    pub now: DateTime<Utc>,
    /// How many events it has: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut clocks: BTreeMap<&MerchantId, ClockRow> = BTreeMap::new();
    for it in batch {
        if let Event::Clock(_) = *it.event {
            let now = effective_at(&it.event);
            let row = ClockRow { now, revision: it.revision, position: it.position };
            clocks.insert(&it.metadata.merchant_id, row);
        }
    }
    Ok(bulk::put(tx, clocks.iter().map(|(merchant, row)| (*merchant, row))).await?)
}

table_row!(ClockRow, "clocks", key(), fixed(), rest(now, revision, position));

/// The merchant's own clock; none in live mode.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(reads: &Reads, merchant: &MerchantId) -> Result<Option<Answer<ClockRow>>, QueryError> {
    let (mut connection, position) =
        reads.begin(About { merchant, rooms: &[Room::Of(Streams::Clock)], only: None }).await?;
    let row = sqlx::query_as("select * from clocks where merchant_id = $1")
        .bind(merchant.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    Ok(row.map(|data| Answer { data, position }))
}

/// What the merchant's own clock shows; none in live mode.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn now(reads: &Reads, merchant: &MerchantId) -> Result<Option<DateTime<Utc>>, QueryError> {
    Ok(get(reads, merchant).await?.map(|it| it.data.now))
}

/// The date in UTC by the merchant's own clock, or by the world's where it has none.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn today(reads: &Reads, merchant: &MerchantId, live: DateTime<Utc>) -> Result<NaiveDate, QueryError> {
    Ok(now(reads, merchant).await?.unwrap_or(live).date_naive())
}
