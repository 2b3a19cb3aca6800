//! Builds the read models anew from the log, beside the live ones, compares the two, and puts the new in the place of
//! the old.
//!
//! Everybody can go on asking meanwhile, and the live projector goes on too: it is held only for the moment in which
//! both stand at the same position, and for the flip.

use crate::checkpoint::{self, Guard, Mark, RUNNER_LOCK};
use crate::fingerprint::{self, TABLES};
pub use crate::fingerprint::{Difference, Fingerprint};
use crate::projector::{CatchUpError, Halted, catch_up};
use crate::runner::{Runner, Step, Trouble};
use crate::schema::{self, LIVE, NEXT};
use mizan_store::log::READ_EVENTS_MAX;
use mizan_store::{Log, LogError, PgPool, Position};
use serde::Serialize;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Held by the one rebuild that may run.
const REBUILD_LOCK: i64 = 0x4d49_5a41_4e03;
/// How often a passing trouble of the database is tried again.
const ATTEMPTS_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Applied so far.
    pub position: Position,
    /// The end of the log when it was last seen.
    pub head: Position,
}

/// What a rebuild came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuildReport {
    /// Where the rebuilt read models stand.
    pub position: Position,
    /// How many events were applied.
    pub events: i64,
    /// How long applying and indexing them took, in milliseconds; comparing is not included.
    pub elapsed_ms: u64,
    /// Events applied per second.
    pub events_per_second: u64,
    /// The position at which both were compared; none where the live ones were made by another version.
    pub compared_at: Option<Position>,
    /// The rebuilt tables at that position (at the end, where nothing was compared).
    pub tables: BTreeMap<&'static str, Fingerprint>,
    /// The first differing row of each table that differs.
    pub differences: Vec<Difference>,
    /// Whether the rebuilt read models are the live ones now.
    pub is_live: bool,
}

/// Why there was no rebuild. The live read models are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another process is at it.
    #[error("another rebuild is running; wait for its end")]
    AlreadyRunning,
    /// An event cannot be applied.
    #[error(transparent)]
    Halted(#[from] Halted),
    /// The log did not answer.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database did not answer, or refused.
    #[error("the read models' database did not answer: {0}")]
    Database(#[from] sqlx::Error),
}

/// Builds the read models anew, compares, and makes the new ones live, whether they differ or not: they are what the
/// log says. The report names what differed.
///
/// # Errors
/// [`RebuildError`]; then the live read models stay.
pub async fn rebuild(log: &Log, progress: impl FnMut(Progress)) -> Result<RebuildReport, RebuildError> {
    Rebuild::begin(log, progress).await?.run(true).await
}

/// Builds the read models anew and compares, and throws the new ones away.
///
/// # Errors
/// [`RebuildError`].
pub async fn audit(log: &Log, progress: impl FnMut(Progress)) -> Result<RebuildReport, RebuildError> {
    Rebuild::begin(log, progress).await?.run(false).await
}

struct Rebuild<'a, P> {
    log: &'a Log,
    /// A connection of its own: its locks end with it, whatever happens to the process.
    holder: PgConnection,
    runner: Runner,
    progress: P,
    events: i64,
    elapsed: Duration,
}

impl<'a, P: FnMut(Progress)> Rebuild<'a, P> {
    async fn begin(log: &'a Log, progress: P) -> Result<Self, RebuildError> {
        let mut holder = PgConnection::connect_with(&log.pool().connect_options()).await?;
        let lock = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(REBUILD_LOCK);
        if !lock.fetch_one(&mut holder).await? {
            return Err(RebuildError::AlreadyRunning);
        }
        schema::make_next(log.pool()).await?;
        let runner = Runner::new(log, NEXT, Guard::Alone, READ_EVENTS_MAX);
        Ok(Self { log, holder, runner, progress, events: 0, elapsed: Duration::ZERO })
    }

    async fn run(mut self, goes_live: bool) -> Result<RebuildReport, RebuildError> {
        let pool = self.log.pool();
        match catch_up(self.log).await {
            // A halted or outdated live set is compared as far as it got; it is what a rebuild is for.
            Ok(_) | Err(CatchUpError::Halted(_)) => (),
            Err(CatchUpError::Database(error)) => return Err(error.into()),
        }
        let live = live_mark(pool).await?;
        self.build(live.position).await?;
        let begun = Instant::now();
        schema::index_next(pool).await?;
        self.elapsed += begun.elapsed();
        let (mut compared_at, mut tables, mut differences) = (None, BTreeMap::new(), Vec::new());
        if live.shape == schema::shape() {
            let (position, mut snapshot) = self.meet().await?;
            compared_at = Some(position);
            (tables, differences) = compare(&mut snapshot).await?;
        }
        let head = self.log.head().await?;
        self.build(head).await?;
        if compared_at.is_none() {
            tables = fingerprint::fingerprints(pool, NEXT).await?;
        }
        if goes_live {
            self.go_live().await?;
        } else {
            schema::drop_next(pool).await?;
        }
        let (position, events) = (self.runner.position(), self.events);
        let elapsed_ms = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX);
        let events_per_second = events.unsigned_abs().saturating_mul(1_000) / elapsed_ms.max(1);
        // Closing it gives its locks back.
        self.holder.close().await?;
        Ok(RebuildReport {
            position,
            events,
            elapsed_ms,
            events_per_second,
            compared_at,
            tables,
            differences,
            is_live: goes_live,
        })
    }

    /// Applies up to a position.
    async fn build(&mut self, until: Position) -> Result<(), RebuildError> {
        let mut attempts = 0;
        let begun = Instant::now();
        loop {
            match self.runner.step(Some(until)).await {
                Ok(Step::Applied { events, position }) => {
                    attempts = 0;
                    self.events += i64::try_from(events).unwrap_or(i64::MAX);
                    (self.progress)(Progress { position, head: until });
                }
                Ok(Step::Elsewhere(_)) => (),
                Ok(Step::CaughtUp(_)) => break,
                Err(Trouble::Passing(_)) if attempts < ATTEMPTS_MAX => {
                    attempts += 1;
                    sleep(PAUSE).await;
                }
                Err(Trouble::Passing(error)) => return Err(error.into()),
                Err(Trouble::Poison { position, reason }) => return Err(Halted { position, reason }.into()),
                Err(Trouble::OtherShape { reason }) => {
                    return Err(Halted { position: self.runner.position(), reason }.into());
                }
            }
        }
        self.elapsed += begun.elapsed();
        Ok(())
    }

    /// Brings the rebuilt read models to where the live ones are, and looks at both in that moment.
    async fn meet(&mut self) -> Result<(Position, Transaction<'static, Postgres>), RebuildError> {
        let pool = self.log.pool();
        self.hold_runners().await?;
        let live = live_mark(pool).await?;
        self.build(live.position).await?;
        let snapshot = fingerprint::snapshot(pool).await?;
        self.release_runners().await?;
        Ok((live.position, snapshot))
    }

    async fn go_live(&mut self) -> Result<(), RebuildError> {
        let pool = self.log.pool();
        self.hold_runners().await?;
        let head = self.log.head().await?;
        self.build(head).await?;
        schema::flip(pool).await?;
        self.release_runners().await?;
        if let Err(error) = schema::drop_old(pool).await {
            tracing::warn!(%error, "the read models that were replaced are still there; the next rebuild drops them");
        }
        Ok(())
    }

    async fn hold_runners(&mut self) -> sqlx::Result<()> {
        sqlx::query("select pg_advisory_lock($1)").bind(RUNNER_LOCK).execute(&mut self.holder).await?;
        Ok(())
    }

    async fn release_runners(&mut self) -> sqlx::Result<()> {
        sqlx::query("select pg_advisory_unlock($1)").bind(RUNNER_LOCK).execute(&mut self.holder).await?;
        Ok(())
    }
}

async fn live_mark(pool: &PgPool) -> sqlx::Result<Mark> {
    checkpoint::mark(pool, LIVE).await?.ok_or(sqlx::Error::RowNotFound)
}

async fn compare(snapshot: &mut PgConnection) -> sqlx::Result<(BTreeMap<&'static str, Fingerprint>, Vec<Difference>)> {
    let live = fingerprint::of_schema(snapshot, LIVE).await?;
    let rebuilt = fingerprint::of_schema(snapshot, NEXT).await?;
    let mut differences = Vec::new();
    for table in TABLES.iter().filter(|it| live.get(it.name) != rebuilt.get(it.name)) {
        differences.extend(fingerprint::difference(snapshot, table).await?);
    }
    Ok((rebuilt, differences))
}
