//! Who customers are: sealed where it is kept, readable in answers, and gone for good once it is erased.

use mizan_tests::System;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

const SECRETS: [&str; 3] = ["Ada Lovelace", "ada@example.com", "12 St James's Square"];

fn ada() -> Value {
    json!({ "customer_id": "c-1", "name": SECRETS[0], "email": SECRETS[1], "address": SECRETS[2] })
}

/// Every row of every table of ours, as text and as bytes.
async fn everything(connection: &mut PgConnection) -> String {
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select schemaname::text, tablename::text from pg_tables where schemaname in ('public', 'read', 'seal', 'vault')",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    assert!(tables.len() > 15);
    let mut all = String::new();
    for (schema, table) in tables {
        let sql =
            format!("select coalesce(string_agg(encode(it::text::bytea, 'escape'), ' '), '') from {schema}.{table} it");
        let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *connection).await.unwrap();
        all.push_str(&text);
        // Payloads are bytes, which PostgreSQL shows as hexadecimal digits.
        all.push_str(&unhexed(&text));
    }
    all
}

fn unhexed(text: &str) -> String {
    let parts = text.split("\\\\x").skip(1).chain(text.split("\\x").skip(1));
    let each = parts.map(|part| {
        let digits: Vec<u8> = part.bytes().take_while(u8::is_ascii_hexdigit).collect();
        let bytes = digits.chunks_exact(2).filter_map(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok());
        String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
    });
    each.collect()
}

#[tokio::test]
async fn who_a_customer_is_can_be_read_and_erased() {
    let system = System::new().await;
    let api = system.serve().await;
    let told = api.done("record-customer", ada()).await;
    assert_eq!(told["events"].as_array().unwrap().len(), 1);
    assert_eq!(api.done("record-customer", ada()).await["events"], json!([]), "said twice, one fact");
    let shown = api.one("customers/c-1").await;
    assert_eq!(
        (&shown["name"], &shown["email"], &shown["phone"]),
        (&json!(SECRETS[0]), &json!(SECRETS[1]), &Value::Null)
    );
    let listed = api.query("customers?is_erased=false").await;
    assert_eq!(listed["data"][0]["address"], json!(SECRETS[2]));

    // Another one of the same name has another text; the history says of neither who it is.
    api.done("record-customer", json!({ "customer_id": "c-2", "name": SECRETS[0] })).await;
    let events = api.events().await;
    let names: Vec<&Value> = events.iter().map(|it| &it["data"]["details"]["name"]).collect();
    assert!(names[0] != names[1] && names.iter().all(|it| it.as_str().unwrap().starts_with("s1:")), "{names:?}");
    let mut database = PgConnection::connect(system.database_url()).await.unwrap();
    let kept = everything(&mut database).await;
    assert!(kept.contains("customer-recorded.v1") && kept.contains("s1:"), "the search finds what is there");
    for secret in SECRETS {
        assert!(!kept.contains(secret), "{secret} is kept in plain text");
    }

    api.done("erase-customer", json!({ "customer_id": "c-1", "reason": "request 118" })).await;
    let gone = api.one("customers/c-1").await;
    assert_eq!((&gone["is_erased"], &gone["name"], &gone["email"]), (&json!(true), &Value::Null, &Value::Null));
    let before = gone["position"].as_i64().unwrap() - 1;
    let then = api.get(&format!("/v1/queries/customers/c-1?as_of={before}")).await.ok();
    assert_eq!((&then["data"]["is_erased"], &then["data"]["name"]), (&json!(false), &Value::Null), "nor in the past");
    assert_eq!(api.one("customers/c-2").await["name"], json!(SECRETS[0]), "others are as they were");
    let keys = "select count(*) from vault.keys where wrapped is not null";
    assert_eq!(sqlx::query_scalar::<_, i64>(keys).fetch_one(&mut database).await.unwrap(), 1);
    api.refused("record-customer", ada(), "customer_erased", "/customer_id").await;
    assert_eq!(api.done("erase-customer", json!({ "customer_id": "c-1" })).await["events"], json!([]));
    drop(api);
    system.mizan(&["audit", "--json"]).exits(0);
}

/// The key of an idempotent request is kept with a hash of what was said: it must not be a hash of a name.
#[tokio::test]
async fn a_retry_is_known_and_says_nothing_to_whoever_guesses() {
    let system = System::new().await;
    let api = system.serve().await;
    let ask = async |name: &str| {
        let data = json!({ "customer_id": "c-1", "name": name });
        api.send(api.commanding("record-customer", &data).header("Idempotency-Key", "k-1")).await
    };
    let first = ask("Ada Lovelace").await;
    let again = ask("Ada Lovelace").await;
    assert_eq!((first.status, again.status, again.header("idempotency-replayed")), (200, 200, Some("true")));
    ask("Ada King").await.problem(422, "idempotency_key_reused", "");
}

#[tokio::test]
async fn a_card_number_is_no_personal_value() {
    let system = System::new().await;
    let api = system.serve().await;
    let data = json!({ "customer_id": "c-1", "note": "pays with 4111 1111 1111 1111" });
    api.refused("record-customer", data, "card_number_not_allowed", "/note").await;
    assert_eq!(api.get("/v1/queries/customers/c-1").await.status, 404);
}

/// The service dies between the fact and the destruction of the key.
#[tokio::test]
async fn a_key_that_a_crash_left_behind_is_destroyed_by_the_follower() {
    let system = System::new().await;
    let api = system.serve().await;
    api.done("record-customer", ada()).await;
    let mut database = PgConnection::connect(system.database_url()).await.unwrap();
    let kept: Vec<u8> = sqlx::query_scalar("select wrapped from vault.keys").fetch_one(&mut database).await.unwrap();
    api.done("erase-customer", json!({ "customer_id": "c-1" })).await;
    drop(api);
    // As if the last step had not happened.
    sqlx::query("update vault.keys set wrapped = $1, destroyed_at = null")
        .bind(kept)
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::raw_sql("update policy_checkpoint set position = 0").execute(&mut database).await.unwrap();
    let api = system.serve().await;
    let left = "select count(*) from vault.keys where wrapped is not null";
    for _ in 0..1_000 {
        if sqlx::query_scalar::<_, i64>(left).fetch_one(&mut database).await.unwrap() == 0 {
            return;
        }
        api.get("/healthz").await;
    }
    panic!("the key is still there");
}
