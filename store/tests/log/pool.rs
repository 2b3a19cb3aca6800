//! Connections that died while nobody used them.

use crate::database::Database;
use crate::given::{append, append_one, history, is_appended};
use mizan_store::pool::IDLE_UNTESTED_MAX;
use sqlx::Executor;

/// After a restart of PostgreSQL every connection of the pool is dead. Whoever asks next is not answered with that.
#[tokio::test]
async fn connections_that_died_idle_are_replaced_unnoticed() {
    let database = Database::new().await;
    let log = database.log_with(8).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(log.pool().acquire().await.unwrap());
    }
    drop(held);
    let mut connection = database.connection().await;
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity \
                where datname = current_database() and application_name = 'mizan' and pid <> pg_backend_pid()";
    let killed = connection.execute(kill).await.unwrap().rows_affected();
    assert_eq!(killed, 8);
    // Not to wait for anybody: the passing of this time is what the test is about.
    tokio::time::sleep(IDLE_UNTESTED_MAX).await;
    for revision in 0..8 {
        assert!(is_appended(&append_one(&log, append("o-1", revision, 1)).await.unwrap()));
    }
    assert_eq!(history(&log).await.len(), 8);
}
