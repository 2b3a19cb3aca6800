//! The journal: every posting that ever was, as the events carry them.

use crate::amount::Amount;
use crate::apply::{NotApplied, counts_from};
use crate::bulk::Copy;
use crate::names::names;
use crate::past::{About, Room};
use crate::periods::POSTED_ON;
use crate::reads::{Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing, Search};
use chrono::{DateTime, NaiveDate, Utc};
use mizan_domain::entry::{Entry, Posting};
use mizan_domain::id::MerchantId;
use mizan_domain::wire;
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, QueryBuilder};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

names! {
    /// What kind of knowledge a posting is.
    Layer {
        /// Money that moved.
        Posted = "posted",
        /// Money that is expected, an authorisation for example.
        Pending = "pending",
    }
}

/// One event's postings: debits and credits that are equal in every currency and layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// The event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
    /// The event.
    pub event_id: Uuid,
    /// What happened, with its version.
    pub kind: String,
    /// `order`, `payment` or `plan`.
    pub category: String,
    /// The id of the order, payment or plan.
    pub stream: String,
    /// The first command of the story.
    pub correlation_id: Uuid,
    /// The customer whose money it is, where known.
    pub party: Option<String>,
    /// From when it counts: when it happened, or the day that a step of a plan counts for where it was done again.
    pub effective_at: DateTime<Utc>,
    /// The day that counts: that of `effective_at`, in the time zone of the plan where it is one.
    pub effective_on: NaiveDate,
    /// The day that it is posted to: `effective_on`, or the first day of the period that was open when it was recorded.
    pub posted_on: NaiveDate,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The legs, in the order of the event.
    pub postings: Vec<JournalPosting>,
}

/// One leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalPosting {
    /// Its number in the event, from 1.
    pub leg: i32,
    /// What kind of knowledge it is.
    pub layer: Layer,
    /// The account.
    pub account: String,
    /// The currency of the amounts.
    pub currency: String,
    /// To the debit, or zero.
    pub debit: Amount,
    /// To the credit, or zero.
    pub credit: Amount,
}

#[derive(FromRow)]
struct Row {
    position: Position,
    leg: i32,
    #[sqlx(try_from = "String")]
    layer: Layer,
    account: String,
    currency: String,
    debit: Amount,
    credit: Amount,
    party: Option<String>,
    event_id: Uuid,
    kind: String,
    category: String,
    stream: String,
    correlation_id: Uuid,
    effective_at: DateTime<Utc>,
    effective_on: NaiveDate,
    posted_on: NaiveDate,
    recorded_at: DateTime<Utc>,
}

/// Every entry of an event with its layer.
pub(crate) fn entries(recorded: &Recorded) -> impl Iterator<Item = (Layer, &Entry)> {
    let posted = recorded.event.entry().map(|it| (Layer::Posted, it));
    posted.into_iter().chain(recorded.event.pending().map(|it| (Layer::Pending, it)))
}

pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut copy = Copy::default();
    for recorded in batch {
        let legs =
            entries(recorded).flat_map(|(layer, entry)| entry.postings().iter().map(move |it| (layer, entry, it)));
        for (nth, (layer, entry, posting)) in legs.enumerate() {
            push(&mut copy, recorded, nth + 1, layer, entry, posting);
        }
    }
    Ok(copy.send(tx, COPY).await?)
}

const COPY: &str = "copy journal (merchant_id, position, leg, layer, account, currency, debit, credit, party, event_id, \
                    kind, category, stream, correlation_id, effective_at, effective_on, recorded_at) from stdin";

fn push(copy: &mut Copy, recorded: &Recorded, leg: usize, layer: Layer, entry: &Entry, posting: &Posting) {
    let currency = posting.signed().currency();
    let nothing = Amount::zero(currency);
    let (debit, credit) = match posting {
        Posting::Debit { debit, .. } => ((*debit).into(), nothing),
        Posting::Credit { credit, .. } => (nothing, (*credit).into()),
    };
    copy.text(recorded.metadata.merchant_id.as_str())
        .plain(recorded.position)
        .plain(leg)
        .plain(layer.name())
        .plain(posting.account())
        .plain(currency)
        .amount(debit)
        .amount(credit)
        .optional(entry.party().map(|it| it.as_str()))
        .plain(recorded.event_id)
        .text(&recorded.kind)
        .plain(recorded.stream.category)
        .text(&recorded.stream.id)
        .plain(recorded.metadata.correlation_id)
        .time(counts_from(&recorded.event))
        .plain(recorded.event.effective_on())
        .time(recorded.recorded_at)
        .end();
}

const LISTING: Listing = Listing {
    name: "journal entries",
    fields: &[
        Field::sorted("position", Kind::Integer),
        Field::sorted("effective_at", Kind::Timestamp),
        Field::of("effective_on", Kind::Date),
        Field::of("posted_on", Kind::Date),
        Field::of("recorded_at", Kind::Timestamp),
        Field::of("account", Kind::Text),
        Field::of("currency", Kind::Text),
        Field::of("layer", Kind::OneOf(Layer::NAMES)),
        Field::of("debit", Kind::Decimal),
        Field::of("credit", Kind::Decimal),
        Field::of("party", Kind::Text),
        Field::of("event_id", Kind::Uuid),
        Field::of("kind", Kind::OneOf(wire::KINDS)),
        Field::of("category", Kind::OneOf(&["order", "payment", "plan"])),
        Field::of("stream", Kind::Text),
        Field::of("correlation_id", Kind::Uuid),
    ],
    sort: "-position",
    key: &["position"],
};

/// The fields that the list of the journal can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// Entries of which at least one posting is as asked, whole.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<JournalEntry>, QueryError> {
    static ENTRIES: &Listing = &LISTING;
    let search = Search::parse(ENTRIES, merchant, pairs)?;
    let mut sql = QueryBuilder::new("with journal as not materialized (select journal.*, ");
    sql.push(POSTED_ON).push(" as posted_on from journal), ");
    sql.push("found as (select position, effective_at from journal where merchant_id = ");
    sql.push_bind(merchant.as_str());
    search.push_filters(&mut sql);
    search.push_after(&mut sql);
    // All postings of an entry have its position and its time.
    sql.push(" group by position, effective_at");
    search.push_order(&mut sql);
    sql.push(") select journal.* from found join journal using (position, effective_at) where merchant_id = ");
    sql.push_bind(merchant.as_str());
    search.push_order_alone(&mut sql);
    sql.push(", leg");
    let (mut connection, position) = reads.begin(About { merchant, rooms: &[Room::Books], only: None }).await?;
    let rows: Vec<Row> = sql.build_query_as().fetch_all(&mut *connection).await?;
    Ok(search.into_page(grouped(rows), position))
}

fn grouped(rows: Vec<Row>) -> Vec<JournalEntry> {
    let mut entries: Vec<JournalEntry> = Vec::new();
    for it in rows {
        let Row { leg, layer, account, currency, debit, credit, .. } = it;
        let posting = JournalPosting { leg, layer, account, currency, debit, credit };
        match entries.last_mut().filter(|entry| entry.position == it.position) {
            Some(entry) => entry.postings.push(posting),
            None => entries.push(JournalEntry {
                position: it.position,
                event_id: it.event_id,
                kind: it.kind,
                category: it.category,
                stream: it.stream,
                correlation_id: it.correlation_id,
                party: it.party,
                effective_at: it.effective_at,
                effective_on: it.effective_on,
                posted_on: it.posted_on,
                recorded_at: it.recorded_at,
                postings: vec![posting],
            }),
        }
    }
    entries
}
