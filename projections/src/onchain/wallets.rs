//! Watch-only wallets: what they are, and how many addresses in a row nobody has paid to.

use super::addresses;
use super::never_begun;
use crate::apply::{Misfit, NotApplied, effective_at};
use crate::bulk::table_row;
use crate::past::{Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use crate::streams::{self, Kept, StreamRow, by_stream};
use chrono::{DateTime, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::wallet::{self, GAP_LIMIT};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use std::sync::Arc;
use utoipa::ToSchema;

/// A watch-only wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct WalletRow {
    /// The wallet.
    pub wallet_id: String,
    /// Its chain, by its CAIP-2 name.
    pub chain: String,
    /// The type of its addresses: `p2pkh`, `p2sh_p2wpkh`, `p2wpkh`, `p2tr` or `evm`.
    pub script: String,
    /// The account's public key, as it was written. It can show every payment to the wallet, and spend nothing.
    pub account_key: String,
    /// What the merchant calls it.
    pub label: Option<String>,
    /// How many addresses were given out.
    pub allocated: i64,
    /// How many of them somebody paid to.
    pub used: i64,
    /// How many at the end nobody paid to.
    pub unused_in_a_row: i64,
    /// Whether that is as many as wallet programs look ahead: a restored wallet may not find the next one by itself.
    pub is_beyond_gap: bool,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events it has: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

pub(crate) async fn apply(
    tx: &mut PgConnection,
    kept: &mut Kept<WalletRow>,
    batch: &[Arc<Recorded>],
) -> Result<(), NotApplied> {
    streams::apply(tx, kept, batch).await?;
    Ok(addresses::apply(tx, batch).await?)
}

table_row!(
    WalletRow,
    "wallets",
    key(wallet_id),
    fixed(),
    rest(
        chain,
        script,
        account_key,
        label,
        allocated,
        used,
        unused_in_a_row,
        is_beyond_gap,
        opened_at,
        updated_at,
        revision,
        position,
    )
);

impl StreamRow for WalletRow {
    const LOAD: &'static str = by_stream!(wallets, wallet_id);

    fn follows(recorded: &Recorded) -> bool {
        matches!(*recorded.event, Event::Wallet(_))
    }

    fn stream_id(&self) -> &str {
        &self.wallet_id
    }

    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit> {
        let Event::Wallet(event) = &*recorded.event else { return Ok(()) };
        if let (None, wallet::Event::Opened(it)) = (&row, event) {
            *row = Some(Self::opened(recorded, it));
        }
        let row = row.as_mut().ok_or_else(|| never_begun(recorded))?;
        row.updated_at = effective_at(&recorded.event);
        row.revision = recorded.revision;
        row.position = recorded.position;
        match event {
            wallet::Event::Opened(_) => (),
            wallet::Event::AddressAllocated(it) => {
                row.allocated += 1;
                row.unused_in_a_row = it.unused_in_a_row.into();
            }
            wallet::Event::AddressUsed(it) => {
                row.used += 1;
                row.unused_in_a_row = it.unused_in_a_row.into();
            }
        }
        row.is_beyond_gap = row.unused_in_a_row >= i64::from(GAP_LIMIT);
        Ok(())
    }
}

impl WalletRow {
    fn opened(recorded: &Recorded, it: &wallet::Opened) -> Self {
        let at = effective_at(&recorded.event);
        Self {
            wallet_id: recorded.stream.id.to_string(),
            chain: it.key.chain().to_string(),
            script: it.key.script().to_string(),
            account_key: it.key.as_str().to_owned(),
            label: it.label.as_ref().map(ToString::to_string),
            allocated: 0,
            used: 0,
            unused_in_a_row: 0,
            is_beyond_gap: false,
            opened_at: at,
            updated_at: at,
            revision: recorded.revision,
            position: recorded.position,
        }
    }
}

static LISTING: Listing = Listing {
    name: "wallets",
    fields: &[
        Field::sorted("wallet_id", Kind::Text),
        Field::of("chain", Kind::Text),
        Field::of("script", Kind::Text),
        Field::of("label", Kind::Text),
        Field::sorted("allocated", Kind::Integer),
        Field::sorted("used", Kind::Integer),
        Field::sorted("unused_in_a_row", Kind::Integer),
        Field::of("is_beyond_gap", Kind::Flag),
        Field::sorted("opened_at", Kind::Timestamp),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "wallet_id",
    key: &["wallet_id"],
};

/// The fields that the list of wallets can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's wallets, by their ids.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<WalletRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Wallets), "wallets"), &LISTING, pairs).await
}

/// One wallet; none where the merchant has no such wallet.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    wallet_id: &str,
) -> Result<Option<Answer<WalletRow>>, QueryError> {
    let statement = "select * from wallets where merchant_id = $1 and wallet_id = $2";
    reads.one((Streams::Wallets, statement), merchant, wallet_id).await
}
