//! Customers as they are kept: sealed. Whoever answers a question opens the values with the customer's key, if there
//! still is one; nothing personal stands in these rows, nor in a copy of them.

use crate::apply::{NotApplied, effective_at};
use crate::bulk::{self, table_row};
use crate::past::{Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use chrono::{DateTime, Utc};
use mizan_domain::customer::{self, Details, Sealed};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A customer, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
pub struct CustomerRow {
    /// Their opaque id.
    pub customer_id: String,
    /// What is known of them, sealed value by value; nothing, once they are erased.
    pub details: Json<Details<Sealed>>,
    /// Whether they were erased.
    pub is_erased: bool,
    /// When they were.
    pub erased_at: Option<DateTime<Utc>>,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events there are: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    pub position: Position,
}

pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    // Every event says everything, so the last one counts.
    let mut last: BTreeMap<(&MerchantId, Arc<str>), CustomerRow> = BTreeMap::new();
    for recorded in batch {
        let Event::Customer(event) = &*recorded.event else { continue };
        let updated_at = effective_at(&recorded.event);
        let (details, erased_at) = match event {
            customer::Event::Recorded(it) => (it.details.clone(), None),
            customer::Event::Erased(_) => (Details::default(), Some(updated_at)),
        };
        let row = CustomerRow {
            customer_id: recorded.stream.id.to_string(),
            details: Json(details),
            is_erased: erased_at.is_some(),
            erased_at,
            updated_at,
            revision: recorded.revision,
            position: recorded.position,
        };
        last.insert((&recorded.metadata.merchant_id, Arc::clone(&recorded.stream.id)), row);
    }
    Ok(bulk::put(tx, last.iter().map(|((merchant, _), row)| (*merchant, row))).await?)
}

table_row!(
    CustomerRow,
    "customers",
    key(customer_id),
    fixed(),
    rest(details, is_erased, erased_at, updated_at, revision, position)
);

static LISTING: Listing = Listing {
    name: "customers",
    fields: &[
        Field::sorted("customer_id", Kind::Text),
        Field::of("is_erased", Kind::Flag),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "customer_id",
    key: &["customer_id"],
};

/// The fields that the list of customers can be filtered by, for its documentation. What is sealed cannot be searched.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's customers, by their ids.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<CustomerRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Customers), "customers"), &LISTING, pairs).await
}

/// One customer; none of whom nothing was recorded.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    customer_id: &str,
) -> Result<Option<Answer<CustomerRow>>, QueryError> {
    let statement = "select * from customers where merchant_id = $1 and customer_id = $2";
    reads.one((Streams::Customers, statement), merchant, customer_id).await
}
