//! Money that is on its way: what each clearing account still waits for, by age.
//!
//! Nothing here is wrong by itself. A provider that never paid out, or a refund that never arrived, shows itself as an
//! old item.

use chrono::{DateTime, Utc};
use mizan_domain::Account;
use mizan_store::PgPool;
use serde::Serialize;
use sqlx::FromRow;

/// The accounts that come back to zero when everything has arrived.
const CLEARING: [Account; 5] = [
    Account::PspClearing,
    Account::CourierReceivable,
    Account::DisputesReceivable,
    Account::BnplClearing,
    Account::RefundsPending,
];

/// A clearing account of a merchant in a currency, with its open items: payments and orders that have not come back to
/// zero there. Amounts are text; debits are positive.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct Open {
    pub(super) merchant_id: String,
    pub(super) account: String,
    pub(super) currency: String,
    /// How many payments or orders.
    pub(super) items: i64,
    pub(super) balance: String,
    pub(super) up_to_7_days: String,
    pub(super) up_to_30_days: String,
    pub(super) up_to_90_days: String,
    pub(super) older: String,
    /// When the oldest of them began.
    pub(super) oldest: DateTime<Utc>,
}

/// The open items by age today, from the journal.
pub(super) async fn open(pool: &PgPool) -> sqlx::Result<Vec<Open>> {
    let accounts: Vec<&str> = CLEARING.iter().map(Account::base_code).collect();
    let sql = "select merchant_id, account, currency, count(*) as items, sum(amount)::text as balance, \
         coalesce(sum(amount) filter (where age <= interval '7 days'), 0)::text as up_to_7_days, \
         coalesce(sum(amount) filter (where age > interval '7 days' and age <= interval '30 days'), 0)::text as up_to_30_days, \
         coalesce(sum(amount) filter (where age > interval '30 days' and age <= interval '90 days'), 0)::text as up_to_90_days, \
         coalesce(sum(amount) filter (where age > interval '90 days'), 0)::text as older, min(since) as oldest \
         from (select merchant_id, account, currency, sum(debit - credit) as amount, min(effective_at) as since, \
               now() - min(effective_at) as age from read.postings where layer = 'posted' and account = any($1) \
               group by merchant_id, account, currency, category, stream having sum(debit - credit) <> 0) item \
         group by merchant_id, account, currency order by merchant_id, account, currency";
    sqlx::query_as(sql).bind(accounts).fetch_all(pool).await
}
