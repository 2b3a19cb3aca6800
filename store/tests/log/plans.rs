//! How the log walks: along its indexes, however the tables have grown since anybody looked at them.

use crate::database::Database;
use crate::given::{append, batch, merchant, stream};
use mizan_store::{Log, StreamAppend};
use sqlx::Executor;

/// Appends that would be written differently for a small log and a large one read no table from end to end in either.
/// PostgreSQL knows nothing of the tables here, as in the first hour of a log that is filled fast.
#[tokio::test]
async fn an_append_never_reads_a_whole_table() {
    let database = Database::new().await;
    let log = database.log().await;
    let mut connection = database.connection().await;
    for table in ["events", "streams", "command_keys"] {
        connection
            .execute(sqlx::AssertSqlSafe(format!("alter table {table} set (autovacuum_enabled = false)")))
            .await
            .unwrap();
    }
    for round in 0..3 {
        let asked: Vec<StreamAppend> = (0..1_000).map(|nth| append(&format!("o-{round}-{nth}"), 0, 2)).collect();
        log.append(&batch(asked)).await.unwrap();
    }
    let appends = "select from append_batch(
            array(select 'm-1'::text from generate_series(1, 500)), array(select 'order'::text from generate_series(1, 500)),
            array(select $1 || it from generate_series(1, 500) it), array(select $2 from generate_series(1, 500)),
            array(select 2 from generate_series(1, 500)),
            array(select md5($3 || it)::uuid from generate_series(1, 1000) it),
            array(select 'k'::text from generate_series(1, 1000)), array(select 'x'::bytea from generate_series(1, 1000)),
            array(select 'x'::bytea from generate_series(1, 1000)),
            array(select it from generate_series(1, 500) it), array(select sha256(($3 || it)::bytea) from generate_series(1, 500) it),
            array(select 'x'::bytea from generate_series(1, 500)), array(select $2 + 1 from generate_series(1, 500)),
            array(select $2 + 2 from generate_series(1, 500)))";
    connection.execute("begin").await.unwrap();
    // New streams, old ones, stale ones, used keys, the same again.
    let rounds = [("n-", 0, "a"), ("n-", 2, "b"), ("n-", 0, "c"), ("n-", 4, "b"), ("n-", 2, "b"), ("o-0-", 2, "d")];
    for (prefix, expected, seed) in rounds {
        sqlx::query(appends).bind(prefix).bind(i64::from(expected)).bind(seed).execute(&mut connection).await.unwrap();
    }
    let whole: Vec<(String, i64)> = sqlx::query_as(
        "select relname::text, seq_scan from pg_stat_xact_user_tables \
         where seq_scan > 0 and relname in ('events', 'streams', 'command_keys')",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(whole, []);
    let appended: i64 = sqlx::query_scalar("select position from log_head").fetch_one(&mut connection).await.unwrap();
    assert_eq!(appended, 6_000 + 3_000);
}

/// Streams that are loaded to decide on are found the same way, few or many of them, known or not.
#[tokio::test]
async fn loading_streams_never_reads_a_whole_table() {
    let database = Database::new().await;
    // One connection, whose statistics are told when it is asked to.
    let log = database.log_with(1).await;
    for table in ["events", "streams"] {
        let quiet = format!("alter table {table} set (autovacuum_enabled = false)");
        log.pool().execute(sqlx::AssertSqlSafe(quiet)).await.unwrap();
    }
    for round in 0..5 {
        let asked: Vec<StreamAppend> = (0..1_000).map(|nth| append(&format!("o-{round}-{nth}"), 0, 2)).collect();
        log.append(&batch(asked)).await.unwrap();
    }
    let before = whole_reads(&log).await;
    for count in [1, 100, 1_000] {
        let keys: Vec<_> = (0..count).map(|nth| (merchant("m-1"), stream(&format!("o-3-{}", 2 * nth)))).collect();
        assert_eq!(log.streams(&keys).await.unwrap().len(), 2 * count.min(500));
    }
    assert_eq!(whole_reads(&log).await, before);
}

/// How often the tables of the log were read from end to end.
async fn whole_reads(log: &Log) -> i64 {
    log.pool().execute("select pg_stat_force_next_flush()").await.unwrap();
    let sql = "select sum(seq_scan)::bigint from pg_stat_user_tables where relname in ('events', 'streams')";
    sqlx::query_scalar(sql).fetch_one(log.pool()).await.unwrap()
}
