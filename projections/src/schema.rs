//! The schemas that the read models live in: made from one file, entered by search path, swapped by name.

use mizan_domain::id::derived_uuid;
use mizan_store::{PgPool, pool};
use sqlx::{AssertSqlSafe, PgConnection};

/// The schema that queries read.
pub const LIVE: &str = "read";
/// The schema in which a rebuild works.
pub const NEXT: &str = "read_next";

/// Counts up when a fold changes what it makes of the same events, so that rows of the old kind are not mixed with new
/// ones. A change of the tables changes the shape by itself.
const FOLD_VERSION: &str = "4";

const TABLES: &str = include_str!("../../migrations/read/read_models.sql");
/// The view of the journal with a row a leg, without the words that make it.
pub(crate) const POSTINGS: &str = include_str!("../../migrations/read/postings.sql");
const INDEXES: &str = include_str!("../../migrations/read/read_indexes.sql");

/// Held while a schema is made, so that two processes that start at once make one.
const MAKING_LOCK: i64 = 0x4d49_5a41_4e02;

/// What this program makes: its tables and its way to fill them.
#[must_use]
pub fn shape() -> String {
    derived_uuid(&["read-models", FOLD_VERSION, TABLES, POSTINGS, INDEXES]).to_string()
}

/// Makes the live read models, empty, where there are none.
///
/// # Errors
/// The database does not answer, or refuses.
pub async fn prepare(pool: &PgPool) -> sqlx::Result<()> {
    let mut tx = pool::transaction(pool).await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(MAKING_LOCK).execute(&mut *tx).await?;
    if !enter(&mut tx, LIVE).await? {
        sqlx::raw_sql("create schema if not exists read").execute(&mut *tx).await?;
        fill(&mut tx, LIVE).await?;
        sqlx::raw_sql(INDEXES).execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// Makes the tables of a rebuild, empty and without indexes; what an earlier rebuild left there goes.
pub(crate) async fn make_next(pool: &PgPool) -> sqlx::Result<()> {
    let mut tx = pool::transaction(pool).await?;
    sqlx::raw_sql("drop schema if exists read_next cascade; create schema read_next").execute(&mut *tx).await?;
    fill(&mut tx, NEXT).await?;
    tx.commit().await
}

/// Makes the indexes of a rebuild, which by now has its rows.
pub(crate) async fn index_next(pool: &PgPool) -> sqlx::Result<()> {
    let mut tx = pool::transaction(pool).await?;
    enter(&mut tx, NEXT).await?;
    // As long as it takes, and with room to sort.
    sqlx::raw_sql("set local statement_timeout = 0; set local maintenance_work_mem = '256MB'")
        .execute(&mut *tx)
        .await?;
    sqlx::raw_sql(INDEXES).execute(&mut *tx).await?;
    // Without it the first queries after the flip would be planned for empty tables.
    sqlx::raw_sql(
        "analyze orders, payments, accounts, journal, journal_blocks, statement_lines, takings, plans, plan_installments, \
         plan_history, plan_agreements, credit_lines, clocks, periods, customers, wallets, onchain_addresses, \
         invoices, deposits, holdings, payouts",
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

async fn fill(tx: &mut PgConnection, schema: &str) -> sqlx::Result<()> {
    sqlx::query("select set_config('search_path', $1, true)").bind(schema).execute(&mut *tx).await?;
    sqlx::raw_sql(TABLES).execute(&mut *tx).await?;
    sqlx::raw_sql(AssertSqlSafe(format!("create view postings as {POSTINGS}"))).execute(&mut *tx).await?;
    sqlx::query("insert into checkpoint (position, epoch, shape) values (0, 1, $1)").bind(shape()).execute(tx).await?;
    Ok(())
}

/// Makes unqualified names mean this schema until the transaction ends; says whether read models are in it.
pub(crate) async fn enter(tx: &mut PgConnection, schema: &str) -> sqlx::Result<bool> {
    let sql =
        "select to_regclass(quote_ident($1) || '.checkpoint') is not null from set_config('search_path', $1, true)";
    sqlx::query_scalar(sql).bind(schema).fetch_one(tx).await
}

/// Puts the rebuilt read models in the place of the live ones, in one transaction that locks no table: statements that
/// run go on with the old ones, later ones find the new.
pub(crate) async fn flip(pool: &PgPool) -> sqlx::Result<()> {
    drop_old(pool).await?;
    let mut tx = pool::transaction(pool).await?;
    sqlx::raw_sql(
        "update read_next.checkpoint set epoch = (select epoch + 1 from read.checkpoint); \
         alter schema read rename to read_old; \
         alter schema read_next rename to read",
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Drops the read models that a flip replaced. It gives way to statements that still read them, so that none of them
/// is ever chosen as the victim of a deadlock.
pub(crate) async fn drop_old(pool: &PgPool) -> sqlx::Result<()> {
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    const ATTEMPTS_MAX: u32 = 300;
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = pool::transaction(pool).await?;
        let dropping = "set local lock_timeout = '100ms'; drop schema if exists read_old cascade";
        match sqlx::raw_sql(dropping).execute(&mut *tx).await {
            Ok(_) => return tx.commit().await,
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => (),
            Err(error) => return Err(error),
        }
        tx.rollback().await?;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(sqlx::Error::Protocol("read_old is still being read after 30 s and was not dropped".to_owned()))
}

/// Drops the tables of a rebuild that is not to go live.
pub(crate) async fn drop_next(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::raw_sql("drop schema if exists read_next cascade").execute(pool).await?;
    Ok(())
}
