//! The auditor's verdict, at the command line: yes, no, or not known; and what exactly is wrong.

use mizan_store::seal::Keys;
use mizan_tests::{Run, System};
use serde_json::{Value, json};
use sqlx::Connection;
use std::path::{Path, PathBuf};

const YES: i32 = 0;
const NO: i32 = 1;
const NOT_KNOWN: i32 = 2;

/// Orders with a payment each, by the command line alone: three events each.
fn import(system: &System, orders: std::ops::Range<usize>) {
    let lines = orders.map(|nth| {
        let lines = json!([{ "sku": "قهوة \"1kg\"", "quantity": 1, "unit_price": "5.00" }]);
        let order = json!({ "order_id": format!("o-{nth}"), "currency": "EUR", "lines": lines });
        let payment = json!({
            "payment_id": format!("p-{nth}"), "order_id": format!("o-{nth}"), "method": "card", "amount": "6.00", "currency": "EUR",
        });
        let command = |name: &str, data: Value| json!({ "command": name, "data": data }).to_string();
        format!("{}\n{}\n", command("place-order", order), command("receive-payment", payment))
    });
    let path = system.file("commands.ndjson");
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    system.mizan(&["import", path.to_str().unwrap()]).exits(YES);
}

/// Does what only somebody with the database's own powers can do.
async fn forge(system: &System, statement: &str) {
    let tables = ["events", "streams", "log_head"];
    let switch = |to: &str| tables.map(|it| format!("alter table {it} {to} trigger all;")).concat();
    let all = format!("{} {statement}; {}", switch("disable"), switch("enable"));
    let mut database = sqlx::PgConnection::connect(system.database_url()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(all)).execute(&mut database).await.unwrap();
}

/// Exports, and gives back the file, the verifier key, and the checkpoint in it.
fn export(system: &System, name: &str) -> (PathBuf, String, PathBuf) {
    let (history, checkpoint) = (system.file(&format!("{name}.ndjson")), system.file(&format!("{name}.txt")));
    system.mizan(&["export", history.to_str().unwrap()]).exits(YES);
    let key = system.mizan(&["key", "show"]).exits(YES).stdout.trim().to_owned();
    let text = std::fs::read_to_string(&history).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    std::fs::write(&checkpoint, first["checkpoint"].as_str().unwrap()).unwrap();
    (history, key, checkpoint)
}

fn verify(system: &System, history: &Path, key: &str, kept: &[&Path]) -> Run {
    let mut arguments = vec!["audit", "verify", "--json", "--key", key, "--history", history.to_str().unwrap()];
    arguments.extend(kept.iter().flat_map(|it| ["--checkpoint", it.to_str().unwrap()]));
    // An auditor has no database, and needs none.
    Run::of(system.command(&arguments).args(["--database-url", "postgres://nobody@127.0.0.1:1/nothing"]))
}

fn audit(system: &System, arguments: &[&str]) -> Run {
    system.mizan(&[&["audit", "--json"], arguments].concat())
}

/// The codes of what was found.
fn found(run: &Run) -> Vec<String> {
    let findings = run.json()["findings"]["first"].clone();
    findings.as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_exported_history_is_checked_without_anything_of_ours() {
    let system = System::new().await;
    import(&system, 0..10);
    let (_, key, old) = export(&system, "old");
    import(&system, 10..20);
    let (history, _, new) = export(&system, "new");
    let verdict = verify(&system, &history, &key, &[&old, &new]).exits(YES).json();
    let expected = json!({ "holds": true, "events": 60, "streams": 40, "sealed": 60, "checkpoints_true": 3, "sums": { "EUR": "0.00 EUR" } });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(verdict[name], *value, "{name} of {verdict}");
    }
    // Through a pipe too, and in words.
    let mut command = system.command(&["audit", "verify", "--history", "-", "--key", &key]);
    let told = Run::of(command.stdin(std::fs::File::open(&history).unwrap())).exits(YES).stdout;
    assert!(told.contains("60 events of 40 streams") && told.contains("VERDICT: YES"), "{told}");
    let stdout = system.mizan(&["export"]).exits(YES).stdout;
    assert_eq!(stdout, std::fs::read_to_string(&history).unwrap());
}

/// Each line of the file, whatever is done to it.
#[tokio::test]
async fn an_edited_export_is_found_out() {
    let system = System::new().await;
    import(&system, 0..5);
    let (history, key, kept) = export(&system, "true");
    let text = std::fs::read_to_string(&history).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let without = |nth: usize| joined(&[&lines[..nth], &lines[nth + 1..]].concat());
    let of_kind = |kind: &str| lines.iter().position(|line| line.contains(&format!("\"kind\":\"{kind}"))).unwrap();
    let (placed, received) = (of_kind("order-placed"), of_kind("payment-received"));
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    let edited = |nth: usize, from: &str, to: &str| {
        assert!(lines[nth].contains(from), "{}", lines[nth]);
        let edited = lines[nth].replacen(from, to, 1);
        joined(&[&lines[..nth], &[edited.as_str()], &lines[nth + 1..]].concat())
    };
    for (name, text, code) in [
        ("a name in a payload", edited(placed, "1kg", "2kg"), "other_history"),
        ("white space in a payload", edited(placed, r#""payload":"{"#, r#""payload":"{ "#), "other_history"),
        ("metadata", edited(received, "import", "imposter"), "other_history"),
        ("a time", edited(4, r#""recorded_at_us":1"#, r#""recorded_at_us":2"#), "other_history"),
        ("a revision", edited(placed, r#""revision":1"#, r#""revision":2"#), "revision"),
        ("a stream", edited(placed, r#""name":"o-"#, r#""name":"x-"#), "other_history"),
        ("an entry", edited(received, r#"\"debit\":\"6.00"#, r#"\"debit\":\"6.01"#), "unreadable"),
        ("a line less", without(6), "hole"),
        ("two lines swapped", joined(&swapped), "hole"),
        ("no end", without(lines.len() - 1), "broken_off"),
        ("another end", text.replace("end_after\":15", "end_after\":14"), "bad_line"),
        ("the last event gone", joined(&[&lines[..15], &[&last.replace("15", "14")[..]]].concat()), "end_missing"),
        ("another checkpoint", text.replacen(r"\n15\n", r"\n14\n", 1), "signature"),
        ("no JSON", edited(placed, "{", ""), "bad_line"),
    ] {
        let path = system.file("forged.ndjson");
        std::fs::write(&path, text).unwrap();
        let run = verify(&system, &path, &key, &[&kept]).exits(NO);
        assert!(found(&run).iter().any(|it| it == code), "{name}: {code} is not among {run:?}");
    }
    // Another service's history, in which everything fits together.
    let other = System::new().await;
    import(&other, 0..5);
    let (forgery, forgers_key, forgers_checkpoint) = export(&other, "other");
    verify(&other, &forgery, &forgers_key, &[&forgers_checkpoint]).exits(YES);
    assert!(found(&verify(&system, &forgery, &key, &[]).exits(NO)).contains(&"keys".to_owned()));
    let run = verify(&system, &forgery, &forgers_key, &[&kept]).exits(NO);
    assert!(found(&run).contains(&"signature".to_owned()), "{run:?}");
    // What cannot be found out is not a no.
    let path = system.file("empty.ndjson");
    std::fs::write(&path, format!("{}\n", first.replace("mizan_history\":1", "mizan_history\":2"))).unwrap();
    for (path, key, kept) in [
        (&system.file("nowhere"), key.as_str(), &kept),
        (&path, key.as_str(), &kept),
        (&history, "no key", &kept),
        (&history, key.as_str(), &system.file("nowhere")),
    ] {
        let run = verify(&system, path, key, &[kept]).exits(NOT_KNOWN);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{run:?}");
    }
}

/// Whoever kept the first key can follow it to the key of today.
#[tokio::test]
async fn an_old_key_and_an_old_checkpoint_outlive_a_change_of_keys() {
    let system = System::new().await;
    import(&system, 0..3);
    let (_, first, old) = export(&system, "old");
    let second = system.mizan(&["key", "rotate"]).exits(YES).stdout.trim().to_owned();
    assert_eq!(system.mizan(&["key", "show"]).exits(YES).stdout.trim(), second);
    import(&system, 3..6);
    let (history, _, new) = export(&system, "new");
    for key in [&first, &second] {
        let verdict = verify(&system, &history, key, &[&old, &new]).exits(YES).json();
        assert_eq!(verdict["checkpoints_true"], 4, "the file's, both that were kept, and the record: {verdict}");
        audit(&system, &["--key", key, "--checkpoint", old.to_str().unwrap()]).exits(YES);
    }
    let all = system.mizan(&["key", "show", "--all"]).exits(YES).json();
    let keys = Keys::read(&serde_json::from_value(all).unwrap()).unwrap();
    assert_eq!((keys.of_size(9).to_string(), keys.of_size(10).to_string()), (first, second));
    let stranger = "mizan/a+33d7b496+AeHTSWA8+aQd9KmDlOQ7f0VNgxTXgiGDBMYWbwzpbvhP";
    let run = audit(&system, &["--key", stranger]);
    assert_ne!(run.status, YES, "{run:?}");
}

#[tokio::test]
async fn a_sound_system_gets_a_yes() {
    let system = System::new().await;
    let empty = audit(&system, &[]).exits(YES).json();
    assert_eq!((&empty["holds"], &empty["history"]["events"]), (&json!(true), &json!(0)));
    import(&system, 0..20);
    let (_, key, kept) = export(&system, "kept");
    import(&system, 20..30);
    let verdict = audit(&system, &["--key", &key, "--checkpoint", kept.to_str().unwrap()]).exits(YES).json();
    assert_eq!((&verdict["history"]["events"], &verdict["sums"]), (&json!(90), &json!({ "EUR": "0.00 EUR" })));
    assert_eq!((&verdict["accounts_at"], &verdict["read_models"]["compared_at"]), (&json!(90), &json!(90)));
    assert_eq!(verdict["read_models"]["tables"]["orders"]["rows"], 30);
    // Thirty payments that no provider has paid out.
    let open = &verdict["clearing"][0];
    assert_eq!(
        (&open["account"], &open["items"], &open["balance"]),
        (&json!("psp_clearing"), &json!(30), &json!("180.00"))
    );
    let told = system.mizan(&["audit"]).exits(YES).stdout;
    assert!(told.contains("VERDICT: YES") && told.contains("90 events of 60 streams"), "{told}");
}

#[tokio::test]
async fn an_edited_event_is_named() {
    let system = System::new().await;
    import(&system, 0..10);
    export(&system, "kept");
    let edit = "update events set payload = convert_to(replace(convert_from(payload, 'UTF8'), '1kg', '2kg'), 'UTF8') where position = 4";
    forge(&system, edit).await;
    let run = audit(&system, &[]).exits(NO);
    let first = run.json()["findings"]["first"][0].clone();
    assert_eq!((&first["code"], &first["position"]), (&json!("leaf"), &json!(4)), "{run:?}");
    assert!(first["detail"].as_str().unwrap().contains("the order-placed.v1 at position 4 of order/o-"), "{first}");
    assert!(found(&run).contains(&"read_model".to_owned()), "the read models knew it otherwise: {run:?}");
    assert!(system.mizan(&["audit"]).exits(NO).stdout.contains("VERDICT: NO"));
}

/// Everything that the seal had is gone with the tail, and the head says nothing of it: only the kept checkpoint does.
#[tokio::test]
async fn a_tail_that_was_cut_off_is_missed() {
    let system = System::new().await;
    import(&system, 0..10);
    let (_, key, kept) = export(&system, "kept");
    let cut = "delete from events where position > 27; delete from streams where stream_id not in (select stream_id from events); \
               update log_head set position = 27; drop schema read cascade; \
               alter table seal.checkpoints disable trigger all; alter table seal.tiles disable trigger all; \
               delete from seal.checkpoints; delete from seal.tiles";
    forge(&system, cut).await;
    audit(&system, &[]).exits(YES);
    let run = audit(&system, &["--key", &key, "--checkpoint", kept.to_str().unwrap()]).exits(NO);
    assert_eq!(found(&run), ["end_missing"], "{run:?}");
    // The service goes on, but signs no more, and says so.
    let api = system.serve().await;
    let mut readiness = api.get("/readyz").await.ok();
    let mut again = tokio::time::interval(std::time::Duration::from_millis(50));
    while readiness["seal"]["halted"].is_null() {
        again.tick().await;
        readiness = api.get("/readyz").await.ok();
    }
    assert!(readiness["seal"]["halted"].as_str().unwrap().contains("the end of the history is missing"), "{readiness}");
    assert_eq!(readiness["ready"], true);
    let order = json!({ "order_id": "o-99", "currency": "EUR", "lines": [{ "sku": "a", "quantity": 1, "unit_price": "5.00" }] });
    api.done("place-order", order).await;
}

#[tokio::test]
async fn a_read_model_that_lies_is_named_with_its_row_and_its_event() {
    let system = System::new().await;
    import(&system, 0..10);
    let mut database = sqlx::PgConnection::connect(system.database_url()).await.unwrap();
    let mut damage = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
    damage("update read.orders set reference = 'forged' where order_id = 'o-3'").await;
    damage("update read.accounts set debits = debits + 1, balance = balance + 1 where account = 'psp_clearing'").await;
    damage("update read.payments set refundable = -1 where payment_id = 'p-2'").await;
    let run = audit(&system, &[]).exits(NO);
    let codes = found(&run);
    for code in ["read_model", "account", "pool"] {
        assert!(codes.iter().any(|it| it == code), "{code} is not among {run:?}");
    }
    let verdict = run.json();
    let findings = verdict["findings"]["first"].as_array().unwrap();
    let order = findings.iter().find(|it| it["detail"].as_str().unwrap().starts_with("orders at local/o-3")).unwrap();
    assert!(order["detail"].as_str().unwrap().contains("of order/o-3"), "{order}");
    // A rebuild puts it right.
    system.mizan(&["rebuild"]).exits(NO);
    audit(&system, &[]).exits(YES);
}
