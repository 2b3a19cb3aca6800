//! The general ledger: what every account has, and whether it all sums to zero.

mod changes;
mod trial_balance;

use crate::amount::Amount;
use crate::apply::NotApplied;
use crate::bulk::Columns;
use crate::journal::{self, Layer};
use crate::past::Room;
use crate::reads::{Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing, Sorts};
pub use changes::{AccountChange, TrialBalanceChanges, changes};
use mizan_domain::entry::Posting;
use mizan_domain::id::MerchantId;
use mizan_domain::{Account, Currency};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
pub use trial_balance::{TrialBalance, TrialBalanceLine, TrialBalanceTotal, balances, trial_balance};
use utoipa::ToSchema;

/// An account in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct AccountRow {
    /// The account's code, for example `psp_clearing` or `tax_payable:DE`.
    pub account: String,
    /// The currency of the amounts.
    pub currency: String,
    /// `asset`, `liability`, `revenue`, `expense` or `trading`.
    pub class: String,
    /// Everything that ever went to its debit.
    pub debits: Amount,
    /// Everything that ever went to its credit.
    pub credits: Amount,
    /// Debits less credits: positive where the account is in debit.
    pub balance: Amount,
    /// Expected to its debit, ever: authorisations, and what became of them.
    pub pending_debits: Amount,
    /// Expected to its credit, ever.
    pub pending_credits: Amount,
    /// The last event that moved it.
    #[schema(value_type = i64)]
    pub position: Position,
}

/// Sums of one batch, in minor units.
struct Moved {
    debits: i128,
    credits: i128,
    pending_debits: i128,
    pending_credits: i128,
    position: Position,
}

/// Balances are added to in the database, so nothing has to be read first.
pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut moved: BTreeMap<(&MerchantId, &Account, Currency), Moved> = BTreeMap::new();
    for recorded in batch {
        for (layer, entry) in journal::entries(recorded) {
            for posting in entry.postings() {
                let key = (&recorded.metadata.merchant_id, posting.account(), posting.signed().currency());
                let none =
                    Moved { debits: 0, credits: 0, pending_debits: 0, pending_credits: 0, position: Position::START };
                let moved = moved.entry(key).or_insert(none);
                moved.position = recorded.position;
                let sum = match (layer, posting) {
                    (Layer::Posted, Posting::Debit { .. }) => &mut moved.debits,
                    (Layer::Posted, Posting::Credit { .. }) => &mut moved.credits,
                    (Layer::Pending, Posting::Debit { .. }) => &mut moved.pending_debits,
                    (Layer::Pending, Posting::Credit { .. }) => &mut moved.pending_credits,
                };
                // A hundred thousand million times the largest amount fits.
                *sum = sum.saturating_add(posting.signed().minor().abs());
            }
        }
    }
    let mut columns = Columns::default();
    for ((merchant, account, currency), it) in moved {
        let amount = |minor| Amount::of_minor(minor, currency);
        columns
            .row()
            .field(merchant)
            .field(&account.to_string())
            .field(&*currency.code())
            .field(account.class().name())
            .field(&amount(it.debits))
            .field(&amount(it.credits))
            .field(&amount(it.debits - it.credits))
            .field(&amount(it.pending_debits))
            .field(&amount(it.pending_credits))
            .field(&it.position);
    }
    Ok(columns.send(tx, ADD).await?)
}

const ADD: &str = "insert into accounts as known (merchant_id, account, currency, class, debits, credits, balance, \
         pending_debits, pending_credits, position) \
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[], \
         $8::numeric[], $9::numeric[], $10::bigint[]) \
     on conflict (merchant_id, account, currency) do update set debits = known.debits + excluded.debits, \
     credits = known.credits + excluded.credits, balance = known.balance + excluded.balance, \
     pending_debits = known.pending_debits + excluded.pending_debits, \
     pending_credits = known.pending_credits + excluded.pending_credits, position = excluded.position";

static LISTING: Listing = Listing {
    name: "accounts",
    fields: &[
        Field::sorted("account", Kind::Text),
        Field::sorted("currency", Kind::Text),
        Field::of("class", Kind::OneOf(&["asset", "liability", "revenue", "expense", "trading"])),
        Field::sorted("balance", Kind::Decimal),
        Field::of("debits", Kind::Decimal),
        Field::of("credits", Kind::Decimal),
        Field { name: "position", kind: Kind::Integer, sorts: Sorts::Yes },
    ],
    sort: "account",
    key: &["account", "currency"],
};

/// The fields that the list of accounts can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The accounts that ever had a posting.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<AccountRow>, QueryError> {
    reads.page(merchant, (Room::Books, "accounts"), &LISTING, pairs).await
}
