//! How far the log is applied, and the one transaction that moves it.
//!
//! A batch and its checkpoint are one transaction, so every event is in the rows exactly once, whatever crashes. One
//! runner applies at a time, whichever process it is in: an advisory lock of that transaction sees to it, which cannot
//! be left behind by anybody. The checkpoint moves by compare-and-set before anything else is written, so a runner that
//! counted on other tables (before a rebuild took their place) or on an older position writes nothing.

use crate::apply::{self, NotApplied, apply};
use crate::schema;
use mizan_store::{PgPool, Position, Recorded, pool};
use sqlx::{FromRow, PgConnection};
use std::sync::Arc;

/// Held by whoever applies to the live read models, or replaces them.
pub(crate) const RUNNER_LOCK: i64 = 0x4d49_5a41_4e01;

/// The position of the live read models.
pub(crate) const LIVE_POSITION: &str = "select position from read.checkpoint";

/// A place in the history of one incarnation of the tables.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Mark {
    pub(crate) position: Position,
    pub(crate) epoch: i64,
    pub(crate) shape: String,
}

/// Who else may be at work on the same tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Other runners: take the lock for the transaction, or leave it.
    Shared,
    /// Nobody: the tables are not live yet, or the caller has the lock.
    Alone,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    Yes,
    /// Another runner is at it now.
    Busy,
    /// The checkpoint is not where the caller thought: look again.
    Moved,
}

/// Where a schema's read models are; none where there is no such schema.
pub(crate) async fn mark(pool: &PgPool, schema: &str) -> sqlx::Result<Option<Mark>> {
    let mut tx = pool::transaction(pool).await?;
    if !schema::enter(&mut tx, schema).await? {
        return Ok(None);
    }
    sqlx::query_as("select position, epoch, shape from checkpoint").fetch_optional(&mut *tx).await
}

/// Applies a batch that follows the mark, and moves the checkpoint to its last event; or changes nothing.
pub(crate) async fn apply_batch(
    pool: &PgPool,
    schema: &str,
    mark: &Mark,
    batch: &[Arc<Recorded>],
    guard: Guard,
) -> Result<Applied, NotApplied> {
    let Some(last) = batch.last() else { return Ok(Applied::Yes) };
    let mut tx = pool::transaction(pool).await?;
    if !enter(&mut tx, schema, guard).await? {
        tx.rollback().await?;
        return Ok(Applied::Busy);
    }
    if !advance(&mut tx, mark, last.position).await? {
        // Now, and not when the connection is handed back some time: the lock goes with it.
        tx.rollback().await?;
        return Ok(Applied::Moved);
    }
    let applied = match guard {
        Guard::Shared => apply(&mut tx, batch).await,
        Guard::Alone => side_by_side(pool, schema, &mut tx, batch).await,
    };
    if let Err(not_applied) = applied {
        // As above: whoever tries again finds the lock free.
        tx.rollback().await?;
        return Err(not_applied);
    }
    tx.commit().await?;
    Ok(Applied::Yes)
}

/// Sets the transaction up, and takes the lock where others may want it; false where they have it.
async fn enter(tx: &mut PgConnection, schema: &str, guard: Guard) -> sqlx::Result<bool> {
    // What a power cut takes, rows and checkpoint together, is applied again from the log.
    let setting = sqlx::query_scalar(
        "select case when $1 then pg_try_advisory_xact_lock($2) else true end \
         from set_config('synchronous_commit', 'off', true) as fast, set_config('search_path', $3, true) as entered",
    );
    setting.bind(guard == Guard::Shared).bind(RUNNER_LOCK).bind(schema).fetch_one(tx).await
}

/// Applies a batch in two transactions at once, on two cores, for tables that are not live yet. Whoever dies between the
/// two commits leaves rows that are added a second time: their keys are made when all rows are there, and refuse them.
async fn side_by_side(
    pool: &PgPool,
    schema: &str,
    tx: &mut PgConnection,
    batch: &[Arc<Recorded>],
) -> Result<(), NotApplied> {
    let mut second = pool::transaction(pool).await?;
    enter(&mut second, schema, Guard::Alone).await?;
    let (streams, books) = tokio::join!(apply::streams(tx, batch), apply::books(&mut second, batch));
    match streams.and(books) {
        Ok(()) => Ok(second.commit().await?),
        Err(not_applied) => {
            second.rollback().await?;
            Err(not_applied)
        }
    }
}

async fn advance(tx: &mut PgConnection, from: &Mark, to: Position) -> sqlx::Result<bool> {
    let sql = "update checkpoint set position = $1 where position = $2 and epoch = $3 and shape = $4";
    let query = sqlx::query(sql).bind(to).bind(from.position).bind(from.epoch).bind(&from.shape);
    Ok(query.execute(tx).await?.rows_affected() == 1)
}
