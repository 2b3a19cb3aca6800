//! How far the log is applied, and the one transaction that moves it.
//!
//! A batch and its checkpoint are one transaction, so every event is in the rows exactly once, whatever crashes. One
//! runner applies at a time, whichever process it is in: an advisory lock of that transaction sees to it, which cannot
//! be left behind by anybody. The checkpoint moves by compare-and-set before anything else is written, so a runner that
//! counted on other tables (before a rebuild took their place) or on an older position writes nothing.

use crate::apply::{self, NotApplied, apply};
use crate::lately::Kept;
use crate::schema;
use mizan_store::{PgConnectOptions, PgPool, Position, Recorded, pool};
use sqlx::{Connection, FromRow, PgConnection};
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

/// Where a runner writes: connections that nobody else uses, and what it has written lately.
pub(crate) struct Desk {
    options: PgConnectOptions,
    guard: Guard,
    first: Option<PgConnection>,
    /// For tables that are not live yet, which two transactions fill at once.
    second: Option<PgConnection>,
    /// What it has written lately, as it was after the batch that ended at this place of this incarnation.
    kept: Option<(Position, i64, Kept)>,
}

impl Desk {
    pub(crate) fn new(pool: &PgPool, schema: &str, guard: Guard) -> Self {
        let options = pool::with_limits((*pool.connect_options()).clone()).options([
            ("search_path", schema),
            // What a power cut takes, rows and checkpoint together, is applied again from the log.
            ("synchronous_commit", "off"),
            // Few rows of large tables, always by their keys; and statements that are planned once.
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("plan_cache_mode", "force_generic_plan"),
        ]);
        Self { options, guard, first: None, second: None, kept: None }
    }

    /// Applies a batch that follows the mark, and moves the checkpoint to its last event; or changes nothing.
    pub(crate) async fn apply(&mut self, mark: &Mark, batch: &[Arc<Recorded>]) -> Result<Applied, NotApplied> {
        let Some(last) = batch.last() else { return Ok(Applied::Yes) };
        // Taken out, and put back when all is well: whoever fails, or is cancelled in the middle, has let go of what is
        // kept, and with the connection of everything that was not committed.
        let kept = self.kept.take().filter(|it| (it.0, it.1) == (mark.position, mark.epoch));
        let mut kept = kept.map_or_else(Kept::default, |it| it.2);
        let mut tx = begin(self.first.take(), &self.options).await?;
        let begun = advance(&mut tx, self.guard, mark, last.position).await?;
        if begun != Applied::Yes {
            // The lock goes with it.
            control(&mut tx, "rollback").await?;
            self.first = Some(tx);
            return Ok(begun);
        }
        let applied = match self.guard {
            Guard::Shared => apply(&mut tx, &mut kept, batch).await,
            Guard::Alone => self.side_by_side(&mut tx, &mut kept, batch).await,
        };
        match applied {
            Ok(()) => {
                control(&mut tx, "commit").await?;
                (self.first, self.kept) = (Some(tx), Some((last.position, mark.epoch, kept)));
                Ok(Applied::Yes)
            }
            Err(NotApplied::Database(error)) => Err(error.into()),
            Err(misfit) => {
                // As above: whoever tries again finds the lock free.
                control(&mut tx, "rollback").await?;
                self.first = Some(tx);
                Err(misfit)
            }
        }
    }

    /// Applies a batch in two transactions at once, on two cores, for tables that are not live yet. Whoever dies between
    /// the two commits leaves rows that are added a second time: their keys are made when all rows are there, and refuse
    /// them.
    async fn side_by_side(
        &mut self,
        tx: &mut PgConnection,
        kept: &mut Kept,
        batch: &[Arc<Recorded>],
    ) -> Result<(), NotApplied> {
        let mut second = begin(self.second.take(), &self.options).await?;
        let streams = apply::streams(tx, &mut kept.streams, batch);
        let (streams, books) = tokio::join!(streams, apply::books(&mut second, &mut kept.books, batch));
        streams.and(books)?;
        control(&mut second, "commit").await?;
        self.second = Some(second);
        Ok(())
    }
}

/// Begins a transaction on a connection of our own.
async fn begin(open: Option<PgConnection>, options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    let mut tx = match open {
        Some(open) => open,
        None => PgConnection::connect_with(options).await?,
    };
    control(&mut tx, "begin").await?;
    Ok(tx)
}

/// Begins or ends a transaction.
async fn control(tx: &mut PgConnection, how: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(how).execute(tx).await?;
    Ok(())
}

/// Takes the lock, where others may want it, and moves the checkpoint.
async fn advance(tx: &mut PgConnection, guard: Guard, from: &Mark, to: Position) -> sqlx::Result<Applied> {
    let sql = "with turn as materialized \
                   (select case when $5 then pg_try_advisory_xact_lock($6) else true end as is_mine), \
               moved as (update checkpoint set position = $1 from turn \
                   where is_mine and position = $2 and epoch = $3 and shape = $4 returning 1) \
               select is_mine, exists (select from moved) from turn";
    let query = sqlx::query_as(sql).bind(to).bind(from.position).bind(from.epoch).bind(&from.shape);
    let (is_mine, is_moved) = query.bind(guard == Guard::Shared).bind(RUNNER_LOCK).fetch_one(tx).await?;
    Ok(match (is_mine, is_moved) {
        (false, _) => Applied::Busy,
        (true, false) => Applied::Moved,
        (true, true) => Applied::Yes,
    })
}
