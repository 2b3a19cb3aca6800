//! The general ledger: what every account has, and whether it all sums to zero.

use crate::amount::Amount;
use crate::apply::{Misfit, NotApplied};
use crate::bulk;
use crate::journal::{self, Layer};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing, SearchError, Sorts};
use mizan_domain::entry::Posting;
use mizan_domain::id::MerchantId;
use mizan_domain::{Account, Currency};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeMap;
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
pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Recorded]) -> Result<(), NotApplied> {
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
    let row = |((merchant, account, currency), it): ((&MerchantId, &Account, Currency), Moved)| {
        let amount = |minor| Amount::of_minor(minor, currency);
        let row = AccountRow {
            account: account.to_string(),
            currency: currency.to_string(),
            class: account.class().name().to_owned(),
            debits: amount(it.debits),
            credits: amount(it.credits),
            balance: amount(it.debits - it.credits),
            pending_debits: amount(it.pending_debits),
            pending_credits: amount(it.pending_credits),
            position: it.position,
        };
        (merchant.clone(), row)
    };
    let rows: Vec<(MerchantId, AccountRow)> = moved.into_iter().map(row).collect();
    Ok(bulk::write(tx, ADD, rows.iter().map(|(merchant, row)| (merchant, row))).await?)
}

const ADD: &str = "insert into accounts as known select * from json_populate_recordset(null::accounts, $1::json) \
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
    reads.page(merchant, "read.accounts", &LISTING, pairs).await
}

/// The balance of every account, to the debit or to the credit, and their sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialBalance {
    /// A line for each account and currency, by currency and account.
    pub lines: Vec<TrialBalanceLine>,
    /// Their sums, one for each currency.
    pub totals: Vec<TrialBalanceTotal>,
    /// Whether debit and credit are equal in every currency. Anything else is a fault in the books.
    pub is_balanced: bool,
}

/// One account in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialBalanceLine {
    /// The account.
    pub account: String,
    /// Its class.
    pub class: String,
    /// The currency of the amounts.
    pub currency: String,
    /// The balance, where it is a debit.
    pub debit: Amount,
    /// The balance, where it is a credit.
    pub credit: Amount,
}

/// The sums of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialBalanceTotal {
    /// The currency.
    pub currency: String,
    /// The sum of the debits.
    pub debit: Amount,
    /// The sum of the credits; equal to the debits.
    pub credit: Amount,
}

/// The trial balance. It takes `currency`, and nothing else.
///
/// # Errors
/// [`QueryError`].
pub async fn trial_balance(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Answer<TrialBalance>, QueryError> {
    let mut currency = None;
    for (name, value) in pairs {
        match name.as_str() {
            "currency" => currency = Some(value),
            _unknown => {
                let message = format!("the trial balance has no {name:?}; it takes currency");
                return Err(SearchError::new("unknown_parameter", name, message).into());
            }
        }
    }
    let (mut connection, position) = reads.begin().await?;
    let rows: Vec<AccountRow> = sqlx::query_as(
        "select * from read.accounts where merchant_id = $1 and ($2::text is null or currency = $2) \
         order by currency, account",
    )
    .bind(merchant.as_str())
    .bind(currency)
    .fetch_all(&mut *connection)
    .await?;
    let data = balanced(rows).map_err(|_| sqlx::Error::Protocol("a sum of balances is too large".to_owned()))?;
    Ok(Answer { data, position })
}

fn balanced(rows: Vec<AccountRow>) -> Result<TrialBalance, Misfit> {
    let mut totals: Vec<TrialBalanceTotal> = Vec::new();
    let mut lines = Vec::with_capacity(rows.len());
    for it in rows {
        let nothing = it.balance.minus(it.balance)?;
        let (debit, credit) =
            if it.balance.is_positive() { (it.balance, nothing) } else { (nothing, it.balance.negated()) };
        match totals.last_mut().filter(|total| total.currency == it.currency) {
            Some(total) => {
                total.debit.add(debit)?;
                total.credit.add(credit)?;
            }
            None => totals.push(TrialBalanceTotal { currency: it.currency.clone(), debit, credit }),
        }
        let AccountRow { account, class, currency, .. } = it;
        lines.push(TrialBalanceLine { account, class, currency, debit, credit });
    }
    let is_balanced = totals.iter().all(|it| it.debit == it.credit);
    Ok(TrialBalance { lines, totals, is_balanced })
}
