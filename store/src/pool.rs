//! Connections that a cancelled caller cannot poison.
//!
//! sqlx 0.9.0 leaves a pooled connection inside an open transaction when the future of `begin()` is dropped in flight
//! (actix-web drops a handler when the client resets the connection); the next borrower's writes would then be
//! acknowledged and rolled back later (transact-rs/sqlx #4385, #4393). So every connection gets a ROLLBACK when it
//! comes back, and transactions begin only here.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgPool, Postgres, Transaction};
use std::time::Duration;

/// How long a statement may run.
const STATEMENT_TIMEOUT_S: u32 = 60;
/// How long a statement may wait for a lock.
const LOCK_TIMEOUT_S: u32 = 10;
/// How long a transaction may do nothing.
const IDLE_TRANSACTION_TIMEOUT_S: u32 = 60;
/// How long to wait for a free connection.
const ACQUIRE_TIMEOUT_S: u64 = 2;
/// A connection that has idled for longer is asked whether it lives before it is used.
pub const IDLE_UNTESTED_MAX: Duration = Duration::from_millis(500);

/// A pool of guarded connections.
///
/// # Errors
/// The database cannot be reached.
pub async fn connect(options: PgConnectOptions, connections_max: u32) -> sqlx::Result<PgPool> {
    guarded(connections_max).connect_with(with_limits(options)).await
}

/// What every connection agrees on with the server: how long it may take, and what it sees.
#[must_use]
pub fn with_limits(options: PgConnectOptions) -> PgConnectOptions {
    options.application_name("mizan").options([
        // What one statement of a batch has waited for, the next one must see.
        ("default_transaction_isolation", "read committed".to_owned()),
        // Read models are asked for by their bare names, so that what stands in a nearer schema can take their place.
        ("search_path", "public,read".to_owned()),
        ("statement_timeout", format!("{STATEMENT_TIMEOUT_S}s")),
        ("lock_timeout", format!("{LOCK_TIMEOUT_S}s")),
        ("idle_in_transaction_session_timeout", format!("{IDLE_TRANSACTION_TIMEOUT_S}s")),
        // ROLLBACK outside a transaction warns; that is every release.
        ("client_min_messages", "error".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("jit", "off".to_owned()),
    ])
}

/// Pool options with the ROLLBACK guard.
#[must_use]
pub fn guarded(connections_max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(ACQUIRE_TIMEOUT_S))
        // Asking each time would cost a round trip each time; never asking, an error for every connection of the pool
        // after a restart of PostgreSQL. A busy connection that dies shows itself at its next use.
        .test_before_acquire(false)
        .before_acquire(|connection, it| {
            Box::pin(async move { Ok(it.idle_for < IDLE_UNTESTED_MAX || connection.ping().await.is_ok()) })
        })
        .after_release(|connection, _| Box::pin(async move { Ok(connection.execute("ROLLBACK").await.is_ok()) }))
}

/// Begins a transaction. The only place that may: see the head of this module.
///
/// # Errors
/// The database cannot be reached.
#[allow(clippy::disallowed_methods, reason = "the guard of this module makes it safe")]
pub async fn transaction(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin().await
}
