//! Credit lines: how much a customer may owe in a currency, and how much of that is taken.
//!
//! Every event of a customer's credit says how the line stands after it; the row copies that. A line without a limit
//! shows a limit of zero: it is there because plans of that currency are.

use crate::amount::Amount;
use crate::apply::{NotApplied, effective_at};
use crate::bulk::{self, table_row};
use crate::past::{About, Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use chrono::{DateTime, Utc};
use mizan_domain::credit::{self, Exposure};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// What a customer may owe in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct CreditLineRow {
    /// Whose.
    pub customer_id: String,
    /// The currency of the amounts.
    pub currency: String,
    /// How much may be owed; zero where no limit was ever set.
    pub credit_limit: Amount,
    /// What a scoring said, in its own words.
    pub score: Option<String>,
    /// Who scored.
    pub source: Option<String>,
    /// Principal outstanding on open plans, given up or not.
    pub outstanding: Amount,
    /// Promised to plans that are not open yet.
    pub reserved: Amount,
    /// What may still be promised.
    pub available: Amount,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events the customer's credit had then.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

/// All credit lines of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomerCredit {
    /// Whose.
    pub customer_id: String,
    /// How many events the customer's credit has: what `If-Match` takes.
    pub revision: i64,
    /// One a currency.
    pub lines: Vec<CreditLineRow>,
}

/// The customer and the currency inside a merchant.
type Key = (MerchantId, String, String);

#[derive(FromRow)]
struct Known {
    merchant_id: String,
    #[sqlx(flatten)]
    row: CreditLineRow,
}

fn exposure_of(event: &credit::Event) -> &Exposure {
    match event {
        credit::Event::LimitSet(it) => &it.exposure,
        credit::Event::Reserved(it) => &it.exposure,
        credit::Event::ExposureChanged(it) => &it.exposure,
    }
}

pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut touched: BTreeMap<Key, Option<CreditLineRow>> = BTreeMap::new();
    for it in batch {
        if let Event::Credit(event) = &*it.event {
            touched.insert(key(it, event), None);
        }
    }
    if touched.is_empty() {
        return Ok(());
    }
    load(tx, &mut touched).await?;
    for recorded in batch {
        let Event::Credit(event) = &*recorded.event else { continue };
        if let Some(row) = touched.get_mut(&key(recorded, event)) {
            fold(row, recorded, event);
        }
    }
    let rows = touched.iter().filter_map(|((merchant, ..), row)| Some((merchant, row.as_ref()?)));
    Ok(bulk::put(tx, rows).await?)
}

fn key(recorded: &Recorded, event: &credit::Event) -> Key {
    let currency = exposure_of(event).limit.currency();
    (recorded.metadata.merchant_id.clone(), recorded.stream.id.to_string(), currency.to_string())
}

async fn load(tx: &mut PgConnection, touched: &mut BTreeMap<Key, Option<CreditLineRow>>) -> sqlx::Result<()> {
    let merchants: Vec<&str> = touched.keys().map(|it| it.0.as_str()).collect();
    let (customers, currencies): (Vec<&str>, Vec<&str>) =
        touched.keys().map(|(_, customer, currency)| (customer.as_str(), currency.as_str())).unzip();
    let known: Vec<Known> = sqlx::query_as(
        "select credit_lines.* from unnest($1::text[], $2::text[], $3::text[]) \
             as touched(merchant_id, customer_id, currency) \
         join credit_lines using (merchant_id, customer_id, currency)",
    )
    .bind(merchants)
    .bind(customers)
    .bind(currencies)
    .fetch_all(tx)
    .await?;
    for it in known {
        let merchant = MerchantId::parse(&it.merchant_id).map_err(|error| sqlx::Error::Decode(error.into()))?;
        touched.insert((merchant, it.row.customer_id.clone(), it.row.currency.clone()), Some(it.row));
    }
    Ok(())
}

table_row!(
    CreditLineRow,
    "credit_lines",
    key(customer_id, currency),
    fixed(),
    rest(credit_limit, score, source, outstanding, reserved, available, updated_at, revision, position)
);

fn fold(row: &mut Option<CreditLineRow>, recorded: &Recorded, event: &credit::Event) {
    let exposure = exposure_of(event);
    let (score, source) = match event {
        credit::Event::LimitSet(it) => {
            (it.score.as_ref().map(ToString::to_string), it.source.as_ref().map(ToString::to_string))
        }
        // Who scored the customer, and how, stays as it was.
        credit::Event::Reserved(_) | credit::Event::ExposureChanged(_) => {
            row.take().map_or((None, None), |known| (known.score, known.source))
        }
    };
    *row = Some(CreditLineRow {
        customer_id: recorded.stream.id.to_string(),
        currency: exposure.limit.currency().to_string(),
        credit_limit: exposure.limit.into(),
        score,
        source,
        outstanding: exposure.outstanding.into(),
        reserved: exposure.reserved.into(),
        available: exposure.available.into(),
        updated_at: effective_at(&recorded.event),
        revision: recorded.revision,
        position: recorded.position,
    });
}

static LISTING: Listing = Listing {
    name: "credit lines",
    fields: &[
        Field::sorted("customer_id", Kind::Text),
        Field::sorted("currency", Kind::Text),
        Field::sorted("credit_limit", Kind::Decimal),
        Field::of("score", Kind::Text),
        Field::of("source", Kind::Text),
        Field::sorted("outstanding", Kind::Decimal),
        Field::sorted("reserved", Kind::Decimal),
        Field::sorted("available", Kind::Decimal),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "customer_id",
    key: &["customer_id", "currency"],
};

/// The fields that the list of credit lines can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The credit lines of the merchant's customers.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<CreditLineRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Credit), "credit_lines"), &LISTING, pairs).await
}

/// All credit lines of a customer; none where nothing was ever granted.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    customer_id: &str,
) -> Result<Option<Answer<CustomerCredit>>, QueryError> {
    let (mut connection, position) =
        reads.begin(About { merchant, rooms: &[Room::Of(Streams::Credit)], only: Some(customer_id) }).await?;
    let lines: Vec<CreditLineRow> =
        sqlx::query_as("select * from credit_lines where merchant_id = $1 and customer_id = $2 order by currency")
            .bind(merchant.as_str())
            .bind(customer_id)
            .fetch_all(&mut *connection)
            .await?;
    let revision = lines.iter().map(|it| it.revision).max();
    let customer_id = customer_id.to_owned();
    Ok(revision.map(|revision| Answer { data: CustomerCredit { customer_id, revision, lines }, position }))
}
