//! Whether two sets of read models are equal, byte for byte, and where they first differ.

use crate::schema;
use mizan_store::{PgPool, pool};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// What all rows of a table come to, in whatever order they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    /// How many rows.
    pub rows: i64,
    /// The sum of the hashes of every row with all its columns.
    pub hash: String,
}

/// A row that is not the same in the live read models and in the rebuilt ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The row's key, from the merchant on.
    pub key: String,
    /// The live row, as JSON; none where there is no such row.
    pub live: Option<String>,
    /// The rebuilt row, as JSON; none where there is no such row.
    pub rebuilt: Option<String>,
}

/// The statements of one table.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    fingerprint: &'static str,
    difference: &'static str,
}

macro_rules! table {
    ($name:literal, $keys:literal) => {
        Table {
            name: $name,
            fingerprint: concat!(
                "select count(*), concat(sum(('x' || left(hash, 16))::bit(64)::bigint::numeric), ' ', \
                 sum(('x' || right(hash, 16))::bit(64)::bigint::numeric)) from (select md5(one::text) as hash from ",
                $name,
                " as one) hashed"
            ),
            difference: concat!(
                "select concat_ws('/', ", $keys, "), row_to_json(live)::text, row_to_json(rebuilt)::text from read.",
                $name, " live full join read_next.", $name, " rebuilt using (", $keys, ") \
                 where live::text is distinct from rebuilt::text order by ", $keys, " limit 1"
            ),
        }
    };
}

/// Every read model's table; the checkpoint is not one.
pub(crate) static TABLES: [Table; 21] = [
    table!("orders", "merchant_id, order_id"),
    table!("payments", "merchant_id, payment_id"),
    table!("accounts", "merchant_id, account, currency"),
    table!("journal", "merchant_id, position"),
    table!("journal_blocks", "merchant_id, account, block, currency"),
    table!("statement_lines", "merchant_id, position"),
    table!("takings", "merchant_id, position"),
    table!("plans", "merchant_id, plan_id"),
    table!("plan_installments", "merchant_id, plan_id, number"),
    table!("plan_history", "merchant_id, plan_id, position"),
    table!("plan_agreements", "merchant_id, plan_id"),
    table!("credit_lines", "merchant_id, customer_id, currency"),
    table!("clocks", "merchant_id"),
    table!("periods", "merchant_id, until"),
    table!("customers", "merchant_id, customer_id"),
    table!("wallets", "merchant_id, wallet_id"),
    table!("onchain_addresses", "merchant_id, wallet_id, index"),
    table!("invoices", "merchant_id, invoice_id"),
    table!("deposits", "merchant_id, deposit_id"),
    table!("holdings", "merchant_id, holding_id"),
    table!("payouts", "merchant_id, payout_id"),
];

/// The fingerprint of every table in a schema, at one moment; empty where there are no read models.
///
/// # Errors
/// The database does not answer.
pub async fn fingerprints(pool: &PgPool, schema: &str) -> sqlx::Result<BTreeMap<&'static str, Fingerprint>> {
    let mut tx = snapshot(pool).await?;
    of_schema(&mut tx, schema).await
}

/// A transaction that sees one moment, and may take its time.
pub(crate) async fn snapshot(pool: &PgPool) -> sqlx::Result<sqlx::Transaction<'static, sqlx::Postgres>> {
    let mut tx = pool::transaction(pool).await?;
    let settings =
        "set transaction isolation level repeatable read, read only; set local statement_timeout = 0; select 1";
    sqlx::raw_sql(settings).execute(&mut *tx).await?;
    Ok(tx)
}

pub(crate) async fn of_schema(
    tx: &mut PgConnection,
    schema: &str,
) -> sqlx::Result<BTreeMap<&'static str, Fingerprint>> {
    let mut all = BTreeMap::new();
    if !schema::enter(tx, schema).await? {
        return Ok(all);
    }
    for table in &TABLES {
        let (rows, hash) = sqlx::query_as(table.fingerprint).fetch_one(&mut *tx).await?;
        all.insert(table.name, Fingerprint { rows, hash });
    }
    Ok(all)
}

/// The first row in which the live and the rebuilt table differ.
pub(crate) async fn difference(tx: &mut PgConnection, table: &'static Table) -> sqlx::Result<Option<Difference>> {
    let found = sqlx::query_as(table.difference).fetch_optional(tx).await?;
    Ok(found.map(|(key, live, rebuilt)| Difference { table: table.name, key, live, rebuilt }))
}
