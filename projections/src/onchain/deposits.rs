//! Deposits: every output and token transfer that watchers told of, as the chain shows it now.

use super::never_begun;
use crate::amount::Amount;
use crate::apply::{Misfit, effective_at};
use crate::bulk::table_row;
use crate::names::names;
use crate::past::{Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use crate::streams::{StreamRow, by_stream};
use chrono::{DateTime, SubsecRound, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::deposit::{self, Confirmed, Seen, Undone};
use mizan_domain::onchain::{Block, Confirming, Place};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

names! {
    /// How a deposit stands.
    DepositState {
        /// It waits for a block, or for more of them.
        Seen = "seen",
        /// It is deep enough to count.
        Confirmed = "confirmed",
        /// It is so deep that nobody looks any more.
        Final = "final",
        /// The block that it counted in is not in the chain any more; it may come into another.
        Orphaned = "orphaned",
        /// Another transaction spent the same money.
        Replaced = "replaced",
        /// The transaction had no effect.
        Failed = "failed",
    }
}

names! {
    /// Where in a transaction a deposit is.
    DepositPlace {
        /// An output, by its number.
        Output = "output",
        /// A log of a token transfer, by its number.
        Log = "log",
        /// The value of the transaction itself.
        Value = "value",
    }
}

/// An output or token transfer to an address that was given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct DepositRow {
    /// Derived from its place on the chain.
    pub deposit_id: String,
    /// The chain, by its CAIP-2 name.
    pub chain: String,
    /// The transaction.
    pub transaction: String,
    /// Where in it.
    #[sqlx(try_from = "String")]
    pub place: DepositPlace,
    /// The number of the output or log.
    pub index: Option<i64>,
    /// What came, by its CAIP-19 name.
    pub asset: String,
    /// Digits after its point.
    pub decimals: i32,
    /// How much.
    pub amount: Amount,
    /// Where to.
    pub address: String,
    /// Whose address it is.
    pub wallet_id: String,
    /// The invoice that the address was given to.
    pub invoice_id: Option<String>,
    /// Who was expected to pay.
    pub customer_id: Option<String>,
    /// How it stands.
    #[sqlx(try_from = "String")]
    pub state: DepositState,
    /// Whether its sender may still replace it.
    pub is_replaceable: bool,
    /// How many confirmations an amount like this needs.
    pub confirmations_needed: i64,
    /// How many it had when it was last told.
    pub confirmations: i64,
    /// How often it was confirmed: more than once after a reorg.
    pub times_confirmed: i64,
    /// The height of the block that it counts in.
    pub block_height: Option<i64>,
    /// The hash of that block.
    pub block_hash: Option<String>,
    /// What one whole unit cost when it was confirmed.
    pub rate: Option<String>,
    /// Who said so.
    pub source: Option<String>,
    /// The currency of rate and value.
    pub currency: Option<String>,
    /// What it was booked at; none where it does not count.
    pub value: Option<Amount>,
    /// The transaction that took its place, where known.
    pub replaced_by: Option<String>,
    /// How deep deposits to its address have to be, as it was agreed.
    #[schema(value_type = Object)]
    pub confirming: Json<Confirming>,
    /// When it was seen for the first time.
    pub first_seen_at: DateTime<Utc>,
    /// When it was confirmed, as long as it is.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// The look at the chain that told of it last.
    pub sequence: i64,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events it has.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

table_row!(
    DepositRow,
    "deposits",
    key(deposit_id),
    fixed(),
    rest(
        chain,
        transaction,
        place,
        index,
        asset,
        decimals,
        amount,
        address,
        wallet_id,
        invoice_id,
        customer_id,
        state,
        is_replaceable,
        confirmations_needed,
        confirmations,
        times_confirmed,
        block_height,
        block_hash,
        rate,
        source,
        currency,
        value,
        replaced_by,
        confirming,
        first_seen_at,
        confirmed_at,
        sequence,
        updated_at,
        revision,
        position,
    )
);

impl StreamRow for DepositRow {
    const LOAD: &'static str = by_stream!(deposits, deposit_id);

    fn follows(recorded: &Recorded) -> bool {
        matches!(*recorded.event, Event::Deposit(_))
    }

    fn stream_id(&self) -> &str {
        &self.deposit_id
    }

    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit> {
        use deposit::Event as It;
        let Event::Deposit(event) = &*recorded.event else { return Ok(()) };
        if let It::Seen(it) = event {
            let times_confirmed = row.as_ref().map_or(0, |known| known.times_confirmed);
            *row = Some(Self { times_confirmed, ..Self::seen(recorded, it) });
        }
        let row = row.as_mut().ok_or_else(|| never_begun(recorded))?;
        row.updated_at = effective_at(&recorded.event);
        row.revision = recorded.revision;
        row.position = recorded.position;
        match event {
            It::Seen(it) => row.sequence = clamped(it.sequence),
            It::Confirmed(it) => row.confirmed(it),
            It::Finalised(it) => {
                row.state = DepositState::Final;
                row.confirmations = it.confirmations.into();
                row.is_in(Some(&it.block));
                row.sequence = clamped(it.sequence);
            }
            It::Orphaned(it) => row.undone(DepositState::Orphaned, it),
            It::Replaced(it) => row.undone(DepositState::Replaced, it),
            It::Failed(it) => row.undone(DepositState::Failed, it),
        }
        Ok(())
    }
}

/// Counts of chains are unsigned and far from this bound.
fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl DepositRow {
    fn seen(recorded: &Recorded, it: &Seen) -> Self {
        let unit = it.amount.currency();
        let (place, index) = match it.output.place {
            Place::Output(index) => (DepositPlace::Output, Some(index.into())),
            Place::Log(index) => (DepositPlace::Log, Some(index.into())),
            Place::Value => (DepositPlace::Value, None),
        };
        Self {
            deposit_id: recorded.stream.id.to_string(),
            chain: it.output.chain.to_string(),
            transaction: it.output.transaction.to_string(),
            place,
            index,
            asset: unit.to_string(),
            decimals: i32::try_from(unit.decimals()).unwrap_or(0),
            amount: it.amount.into(),
            address: it.to.as_str().to_owned(),
            wallet_id: it.watch.wallet_id.to_string(),
            invoice_id: it.watch.invoice_id.as_ref().map(ToString::to_string),
            customer_id: it.watch.customer_id.as_ref().map(ToString::to_string),
            state: DepositState::Seen,
            is_replaceable: it.is_replaceable,
            confirmations_needed: it.confirmations_needed.into(),
            confirmations: 0,
            times_confirmed: 0,
            block_height: None,
            block_hash: None,
            rate: None,
            source: None,
            currency: None,
            value: None,
            replaced_by: None,
            confirming: Json(it.watch.confirming.clone()),
            first_seen_at: it.first_seen_at.trunc_subsecs(6),
            confirmed_at: None,
            sequence: clamped(it.sequence),
            updated_at: effective_at(&recorded.event),
            revision: recorded.revision,
            position: recorded.position,
        }
    }

    fn confirmed(&mut self, it: &Confirmed) {
        self.state = DepositState::Confirmed;
        self.confirmations = it.confirmations.into();
        self.times_confirmed = it.confirmation.into();
        self.is_in(it.block.as_ref());
        self.rate = Some(it.spot.rate.to_string());
        self.source = Some(it.spot.source.to_string());
        self.currency = Some(it.spot.currency.to_string());
        self.value = Some(it.value.into());
        self.confirmed_at = Some(self.updated_at);
        self.sequence = clamped(it.sequence);
    }

    fn undone(&mut self, state: DepositState, it: &Undone) {
        self.state = state;
        self.confirmations = 0;
        self.is_in(None);
        (self.rate, self.source, self.currency, self.value) = (None, None, None, None);
        self.replaced_by = it.by.as_ref().map(ToString::to_string);
        self.confirmed_at = None;
        self.sequence = clamped(it.sequence);
    }

    fn is_in(&mut self, block: Option<&Block>) {
        self.block_height = block.map(|it| clamped(it.height));
        self.block_hash = block.map(|it| it.hash.to_string());
    }
}

static LISTING: Listing = Listing {
    name: "deposits",
    fields: &[
        Field::sorted("deposit_id", Kind::Text),
        Field::of("chain", Kind::Text),
        Field::of("transaction", Kind::Text),
        Field::of("asset", Kind::Text),
        Field::sorted("amount", Kind::Decimal),
        Field::of("address", Kind::Text),
        Field::of("wallet_id", Kind::Text),
        Field::of("invoice_id", Kind::Text),
        Field::of("customer_id", Kind::Text),
        Field::of("state", Kind::OneOf(DepositState::NAMES)),
        Field::of("is_replaceable", Kind::Flag),
        Field::of("times_confirmed", Kind::Integer),
        Field::nullable("block_height", Kind::Integer),
        Field::of("currency", Kind::Text),
        Field::nullable("value", Kind::Decimal),
        Field::sorted("first_seen_at", Kind::Timestamp),
        Field::nullable("confirmed_at", Kind::Timestamp),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "-first_seen_at",
    key: &["deposit_id"],
};

/// The fields that the list of deposits can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's deposits, the latest first.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<DepositRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Deposits), "deposits"), &LISTING, pairs).await
}

/// One deposit; none where the merchant has no such deposit.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    deposit_id: &str,
) -> Result<Option<Answer<DepositRow>>, QueryError> {
    let statement = "select * from deposits where merchant_id = $1 and deposit_id = $2";
    reads.one((Streams::Deposits, statement), merchant, deposit_id).await
}
