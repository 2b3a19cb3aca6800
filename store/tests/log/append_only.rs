//! What was written stays written, whoever asks for the contrary.

use crate::database::Database;
use crate::given::{append, append_one, batch, history, is_appended, keyed_append};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

const TABLES: [&str; 4] = ["events", "command_keys", "streams", "log_head"];

/// Each of these is refused, also where it would find no row to change.
const FORBIDDEN: [&str; 30] = [
    "update events set payload = 'forged' where position = 1",
    "update events set payload = payload",
    "update events set kind = 'order-closed.v1' where false",
    "update events set recorded_at = recorded_at - interval '1 day'",
    "delete from events",
    "delete from events where position = (select max(position) from events)",
    "delete from events where false",
    "truncate events",
    "truncate events cascade",
    "truncate events, command_keys, streams, log_head restart identity cascade",
    "with gone as (delete from events returning 1) select * from gone",
    "insert into events select * from events on conflict (position) do update set payload = 'forged'",
    "update command_keys set fingerprint = 'forged'",
    "update command_keys set last_revision = 0 where false",
    "delete from command_keys",
    "truncate command_keys",
    "insert into command_keys select * from command_keys on conflict (merchant_id, key) do update set name = 'forged'",
    "update streams set name = 'forged'",
    "update streams set merchant_id = 'forged'",
    "update streams set category = 'forged'",
    "update streams set stream_id = default",
    "update streams set name = name where false",
    "delete from streams",
    "truncate streams",
    "update log_head set position = position - 1",
    "update log_head set position = 0",
    "update log_head set recorded_at = recorded_at - interval '1 microsecond'",
    "update log_head set position = position + 1, recorded_at = '1970-01-01'",
    "delete from log_head",
    "truncate log_head",
];

/// Everything that is in the tables of the log.
async fn content(connection: &mut PgConnection) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let sql = AssertSqlSafe(format!("select it::text from {table} it order by 1"));
        let rows = connection.fetch_all(sql).await.unwrap();
        all.extend(rows.iter().map(|row| format!("{table} {}", row.get::<String, _>(0))));
    }
    all
}

async fn assert_all_is_refused(connection: &mut PgConnection) {
    let before = content(connection).await;
    assert!(before.len() >= 8, "there is something to lose: {before:?}");
    for sql in FORBIDDEN {
        let refused = connection.execute(sql).await.map(|_| ()).map_err(|error| error.into_database_error().unwrap());
        let code = refused.as_ref().map_err(|error| error.code().unwrap_or_default().into_owned());
        assert_eq!(code, Err("23001".to_owned()), "{sql}: {refused:?}");
    }
    assert_eq!(content(connection).await, before);
}

/// A log with two streams of two events each.
async fn database_with_a_history() -> Database {
    let database = Database::new().await;
    let log = database.log().await;
    let streams = [keyed_append("o-1", 0, 2, "k-1"), keyed_append("o-2", 0, 2, "k-2")];
    assert!(log.append(&batch(streams)).await.unwrap().iter().all(is_appended));
    database
}

#[tokio::test]
async fn a_superuser_does_not_edit_history() {
    let database = database_with_a_history().await;
    let mut connection = database.connection().await;
    assert_all_is_refused(&mut connection).await;
    // Nor as a replica would, for which ordinary triggers sleep.
    connection.execute("set session_replication_role = replica").await.unwrap();
    assert_all_is_refused(&mut connection).await;
    // And history goes on.
    let log = database.log().await;
    assert!(is_appended(&append_one(&log, append("o-1", 2, 1)).await.unwrap()));
    assert_eq!(history(&log).await.len(), 5);
}

#[tokio::test]
async fn the_owner_of_the_tables_does_not_edit_history() {
    let database = database_with_a_history().await;
    let mut connection = database.connection().await;
    let owner = format!("owner_of_{}", database.name);
    connection.execute(AssertSqlSafe(format!("create role {owner}"))).await.unwrap();
    for table in TABLES {
        let give = AssertSqlSafe(format!("alter table {table} owner to {owner}"));
        connection.execute(give).await.unwrap();
    }
    connection.execute(AssertSqlSafe(format!("set role {owner}"))).await.unwrap();
    assert_all_is_refused(&mut connection).await;
}

#[tokio::test]
async fn there_is_one_head_and_one_of_each_stream() {
    let database = database_with_a_history().await;
    let mut connection = database.connection().await;
    for sql in [
        "insert into log_head (position, recorded_at) values (0, now())",
        "insert into log_head (one, position, recorded_at) values (false, 0, now())",
        "insert into streams (merchant_id, category, name) values ('m-1', 'order', 'o-1')",
        "insert into events select 0, 9, 1, event_id, kind, recorded_at, payload, metadata from events limit 1",
        "insert into events select 9, 9, 0, event_id, kind, recorded_at, payload, metadata from events limit 1",
        "insert into events select 1, 9, 1, event_id, kind, recorded_at, payload, metadata from events limit 1",
        "insert into events select 9, 1, 1, event_id, kind, recorded_at, payload, metadata from events limit 1",
    ] {
        connection.execute(sql).await.unwrap_err();
    }
    assert_eq!(history(&database.log().await).await.len(), 4);
}
