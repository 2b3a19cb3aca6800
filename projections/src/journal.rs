//! The journal: every posting that ever was, as the events carry them.
//!
//! A row is an entry whole, with its legs as arrays; the view `postings` shows a row a leg to whoever sums them. Where an
//! account stands is noted once for each stretch of the history (`journal_blocks`), not with each posting: a rare account
//! is found by that on a history of any length, and writing costs next to nothing.

use crate::amount::Amount;
use crate::apply::{NotApplied, counts_from};
use crate::bulk::{Columns, Copy};
use crate::lately::KeptBooks;
use crate::names::names;
use crate::past::{About, Room};
use crate::periods::POSTED_ON;
use crate::reads::{Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing, Search, Value};
use chrono::{DateTime, NaiveDate, Utc};
use mizan_domain::entry::{Entry, Posting};
use mizan_domain::id::{CustomerId, MerchantId};
use mizan_domain::{Account, Currency, wire};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use std::borrow::Cow;
use std::collections::HashSet;
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
    event_id: Uuid,
    kind: String,
    category: String,
    stream: String,
    correlation_id: Uuid,
    party: Option<String>,
    effective_at: DateTime<Utc>,
    effective_on: NaiveDate,
    posted_on: NaiveDate,
    recorded_at: DateTime<Utc>,
    posted: i32,
    accounts: Vec<String>,
    currencies: Vec<String>,
    amounts: Vec<Amount>,
}

/// Every entry of an event with its layer.
pub(crate) fn entries(recorded: &Recorded) -> impl Iterator<Item = (Layer, &Entry)> {
    let posted = recorded.event.entry().map(|it| (Layer::Posted, it));
    posted.into_iter().chain(recorded.event.pending().map(|it| (Layer::Pending, it)))
}

/// How many positions one row of `journal_blocks` stands for.
const BLOCK_POSITIONS: i64 = 4_096;

/// Which blocks were written lately, so that they are not written again with every batch.
#[derive(Default)]
pub(crate) struct Blocks {
    block: i64,
    known: HashSet<(MerchantId, Account, Currency)>,
}

impl Blocks {
    /// Whether nothing of this account was seen in the block; blocks come one after the other.
    fn is_new(&mut self, block: i64, merchant: &MerchantId, account: &Account, currency: Currency) -> bool {
        if block != self.block {
            self.block = block;
            self.known.clear();
        }
        let key = (merchant.clone(), account.clone(), currency);
        !self.known.contains(&key) && self.known.insert(key)
    }
}

/// One row an entry: its legs are arrays. Which accounts stand where is noted a block at a time.
pub(crate) async fn apply(
    tx: &mut PgConnection,
    kept: &mut KeptBooks,
    batch: &[Arc<Recorded>],
) -> Result<(), NotApplied> {
    let (mut copy, mut blocks) = (Copy::default(), Columns::default());
    let mut legs = Legs::default();
    for recorded in batch {
        legs.clear();
        let block = recorded.position.number() / BLOCK_POSITIONS;
        for (layer, entry) in entries(recorded) {
            for posting in entry.postings() {
                legs.push(layer, posting);
                let (account, currency) = (posting.account(), posting.signed().currency());
                if kept.blocks.is_new(block, &recorded.metadata.merchant_id, account, currency) {
                    blocks
                        .row()
                        .field(&recorded.metadata.merchant_id)
                        .field(&account.to_string())
                        .field(&block)
                        .field(&*currency.code())
                        .field(&recorded.position);
                }
            }
        }
        if !legs.accounts.is_empty() {
            push(&mut copy, recorded, &legs);
        }
    }
    copy.send(tx, COPY).await?;
    Ok(blocks.send(tx, NOTE_BLOCKS).await?)
}

/// The legs of an entry, the posted ones first.
#[derive(Default)]
struct Legs {
    posted: i32,
    accounts: Vec<String>,
    currencies: Vec<Cow<'static, str>>,
    /// Debits are positive.
    amounts: Vec<Amount>,
}

impl Legs {
    fn clear(&mut self) {
        self.posted = 0;
        self.accounts.clear();
        self.currencies.clear();
        self.amounts.clear();
    }

    fn push(&mut self, layer: Layer, posting: &Posting) {
        if layer == Layer::Posted {
            self.posted += 1;
        }
        let signed = posting.signed();
        self.accounts.push(posting.account().to_string());
        self.currencies.push(signed.currency().code());
        self.amounts.push(signed.into());
    }

    /// All of them, or one that counts for all.
    fn currencies(&self) -> &[Cow<'static, str>] {
        match self.currencies.split_first() {
            Some((first, others)) if others.iter().all(|it| it == first) => {
                self.currencies.get(..1).unwrap_or_default()
            }
            Some(_) | None => &self.currencies,
        }
    }
}

const COPY: &str = "copy journal (merchant_id, position, posted, accounts, currencies, amounts, party, event_id, kind, \
                    category, stream, correlation_id, effective_at, effective_on, recorded_at) from stdin (format binary)";

const NOTE_BLOCKS: &str = "insert into journal_blocks (merchant_id, account, block, currency, position) \
    select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[]) on conflict do nothing";

fn push(copy: &mut Copy, recorded: &Recorded, legs: &Legs) {
    // An event has one customer whose money it is, whatever the layer.
    let party = entries(recorded).find_map(|(_, entry)| entry.party());
    copy.row(15)
        .field(&recorded.metadata.merchant_id)
        .field(&recorded.position)
        .field(&legs.posted)
        .list(&legs.accounts)
        .list(legs.currencies())
        .list(&legs.amounts)
        .field(&party.map(CustomerId::as_str))
        .field(&recorded.event_id)
        .field(&recorded.kind)
        .field(recorded.stream.category)
        .field(&*recorded.stream.id)
        .field(&recorded.metadata.correlation_id)
        .field(&counts_from(&recorded.event))
        .field(&recorded.event.effective_on())
        .field(&recorded.recorded_at);
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

/// The fields of a posting; all others are of its entry.
const OF_A_POSTING: [&str; 5] = ["account", "currency", "layer", "debit", "credit"];

/// How many blocks of positions are looked through for an account before the list is walked in its own order instead.
const BLOCKS_SORTED_MAX: i64 = 64;

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
    let (mut connection, position) = reads.begin(About { merchant, rooms: &[Room::Books], only: None }).await?;
    let accounts = search.texts("account");
    let by_blocks = match &accounts {
        Some(_) if search.is_sorted_by("position") => true,
        Some(accounts) => are_rare(&mut connection, merchant, accounts).await?,
        None => false,
    };
    let mut sql = QueryBuilder::new("select it.* from ");
    match accounts.filter(|_| by_blocks) {
        Some(accounts) => push_blocks(&mut sql, &search, merchant, &accounts),
        None => {
            push_entries(&mut sql, &search, merchant);
            sql.push(")");
        }
    }
    sql.push(" it");
    search.push_order_of(&mut sql, (by_blocks && search.is_sorted_by("position")).then_some("it.block"));
    let rows: Vec<Row> = sql.build_query_as().fetch_all(&mut *connection).await?;
    Ok(search.into_page(rows.into_iter().map(JournalEntry::from).collect(), position))
}

/// Whether so few blocks have postings of these accounts that all of them can be looked through and sorted.
async fn are_rare(connection: &mut PgConnection, merchant: &MerchantId, accounts: &[&str]) -> sqlx::Result<bool> {
    let sql =
        "select count(*) from (select from journal_blocks where merchant_id = $1 and account = any($2) limit $3) it";
    let query = sqlx::query_scalar::<_, i64>(sql).bind(merchant.as_str()).bind(accounts).bind(BLOCKS_SORTED_MAX + 1);
    Ok(query.fetch_one(connection).await? <= BLOCKS_SORTED_MAX)
}

/// Writes the entries that are asked for, but for the closing parenthesis.
fn push_entries(sql: &mut QueryBuilder<Postgres>, search: &Search, merchant: &MerchantId) {
    sql.push("(select entry.* from (select journal.*, ").push(POSTED_ON);
    sql.push(" as posted_on from journal) entry where merchant_id = ").push_bind(merchant.as_str().to_owned());
    search.push_filters_on(sql, |name| !OF_A_POSTING.contains(&name));
    if search.filters_on(|name| OF_A_POSTING.contains(&name)) {
        if let Some(accounts) = search.texts("account") {
            let accounts: Vec<String> = accounts.into_iter().map(str::to_owned).collect();
            sql.push(" and accounts && ").push_bind(accounts);
        }
        sql.push(
            " and exists (select from (select account, coalesce(currencies[number], currencies[1]) as currency, \
             case when number <= posted then 'posted' else 'pending' end as layer, \
             greatest(amount, 0) as debit, greatest(-amount, 0) as credit \
             from unnest(accounts, amounts) with ordinality as leg (account, amount, number)) leg where true",
        );
        search.push_filters_on(sql, |name| OF_A_POSTING.contains(&name));
        sql.push(")");
    }
    search.push_after(sql);
}

/// Writes the entries that are asked for, from those blocks of positions alone in which an account stands, the nearest
/// first.
fn push_blocks(sql: &mut QueryBuilder<Postgres>, search: &Search, merchant: &MerchantId, accounts: &[&str]) {
    let accounts: Vec<String> = accounts.iter().map(|it| (*it).to_owned()).collect();
    sql.push("(select block.block, found.* from (select distinct block from journal_blocks where merchant_id = ");
    sql.push_bind(merchant.as_str().to_owned()).push(" and account = ");
    // One account is in the order of the index.
    match accounts.as_slice() {
        [one] => sql.push_bind(one.clone()),
        _several => sql.push("any(").push_bind(accounts).push(")"),
    };
    if let Some(Value::Integer(reached)) = search.reached().filter(|_| search.is_sorted_by("position")) {
        let (comes, block) = if search.is_descending() { (" <= ", reached) } else { (" >= ", reached) };
        sql.push(" and block").push(comes).push_bind(block / BLOCK_POSITIONS);
    }
    sql.push(" order by block").push(if search.is_descending() { " desc" } else { "" });
    sql.push(") block cross join lateral ");
    push_entries(sql, search, merchant);
    sql.push(" and position >= block.block * ").push_bind(BLOCK_POSITIONS);
    sql.push(" and position < (block.block + 1) * ").push_bind(BLOCK_POSITIONS);
    sql.push(") found)");
}

impl From<Row> for JournalEntry {
    fn from(it: Row) -> Self {
        let first_currency = it.currencies.first().cloned().unwrap_or_default();
        let mut currencies = it.currencies.into_iter();
        let postings = it.accounts.into_iter().zip(it.amounts).zip(1..).map(|((account, amount), leg)| {
            let layer = if leg <= it.posted { Layer::Posted } else { Layer::Pending };
            let currency = currencies.next().unwrap_or_else(|| first_currency.clone());
            let nothing = amount.nothing();
            let (debit, credit) = if amount.is_positive() { (amount, nothing) } else { (nothing, amount.negated()) };
            JournalPosting { leg, layer, account, currency, debit, credit }
        });
        Self {
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
            postings: postings.collect(),
        }
    }
}
