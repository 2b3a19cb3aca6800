//! Accounting periods that were closed, each with the trial balance that was signed then.

use crate::apply::{NotApplied, effective_at};
use crate::bulk::Copy;
use crate::past::{About, Room};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use chrono::{DateTime, NaiveDate, Utc};
use mizan_domain::Entry;
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::period;
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use std::sync::Arc;
use utoipa::ToSchema;

/// The day that a posting belongs to: the day it counts for, or the first day of the period that was open when it was
/// recorded. For statements that ask the journal under its own name.
pub(crate) const POSTED_ON: &str = "greatest(journal.effective_on, (select max(periods.until) + 1 from periods \
     where periods.merchant_id = journal.merchant_id and periods.through < journal.position))";

/// A closed period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct PeriodRow {
    /// Its last day, in UTC. It begins where the one before it ends.
    pub until: NaiveDate,
    /// The position of the last event that it counts; what was recorded later is posted to the next one.
    #[schema(value_type = i64)]
    pub through: Position,
    /// The balance of every account in every currency that was not zero.
    #[schema(value_type = Object)]
    pub trial_balance: Json<Entry>,
    /// The same as a signed note (C2SP signed-note), by the key that seals the history.
    pub note: String,
    /// When it was closed.
    pub closed_at: DateTime<Utc>,
    /// Its event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut copy = Copy::default();
    for recorded in batch {
        let Event::Period(period::Event::Closed(it)) = &*recorded.event else { continue };
        copy.row(7)
            .field(&recorded.metadata.merchant_id)
            .field(&it.until)
            .field(&i64::try_from(it.statement.through).unwrap_or(i64::MAX))
            .field(&Json(&it.statement.trial_balance))
            .field(&it.statement.note)
            .field(&effective_at(&recorded.event))
            .field(&recorded.position);
    }
    Ok(copy.send(tx, COPY).await?)
}

const COPY: &str =
    "copy periods (merchant_id, until, through, trial_balance, note, closed_at, position) from stdin (format binary)";

static LISTING: Listing = Listing {
    name: "periods",
    fields: &[
        Field::sorted("until", Kind::Date),
        Field::of("closed_at", Kind::Timestamp),
        Field::of("position", Kind::Integer),
    ],
    sort: "-until",
    key: &["until"],
};

/// The fields that the list of periods can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's closed periods, the latest first.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<PeriodRow>, QueryError> {
    reads.page(merchant, (Room::Books, "periods"), &LISTING, pairs).await
}

/// The closed period that ends with a day; none where no such period was closed.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    until: NaiveDate,
) -> Result<Option<Answer<PeriodRow>>, QueryError> {
    let (mut connection, position) = reads.begin(About { merchant, rooms: &[Room::Books], only: None }).await?;
    let query = sqlx::query_as("select * from periods where merchant_id = $1 and until = $2");
    let row = query.bind(merchant.as_str()).bind(until).fetch_optional(&mut *connection).await?;
    Ok(row.map(|data| Answer { data, position }))
}
