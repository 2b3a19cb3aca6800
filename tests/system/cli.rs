//! The command line: help that teaches, results on standard output, an exit status that tells.

use mizan_tests::{Run, System};
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

const DONE: i32 = 0;
const FAILED: i32 = 1;
const NOT_UNDERSTOOD: i32 = 2;
const REFUSED: i32 = 3;

fn place(order_id: &str, price: &str) -> String {
    let lines = json!([{ "sku": "a", "quantity": 1, "unit_price": price }]);
    json!({ "command": "place-order", "data": { "order_id": order_id, "currency": "EUR", "lines": lines } }).to_string()
}

fn pay(payment_id: &str, order_id: &str, amount: &str) -> String {
    let data = json!({ "payment_id": payment_id, "order_id": order_id, "method": "card", "amount": amount, "currency": "EUR" });
    json!({ "command": "receive-payment", "data": data }).to_string()
}

fn file(system: &System, name: &str, lines: &[String]) -> PathBuf {
    let path = system.file(name);
    std::fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    path
}

fn import(system: &System, arguments: &[&str]) -> Run {
    system.mizan(&[&["import"], arguments].concat())
}

#[tokio::test]
async fn help_says_what_each_command_is_for() {
    let system = System::new().await;
    let help = system.mizan(&["--help"]).exits(DONE).stdout;
    for command in ["serve", "demo", "import", "replay", "audit", "export", "rebuild", "openapi", "doctor", "key"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in the help:\n{help}");
        let own = system.mizan(&[command, "--help"]).exits(DONE).stdout;
        assert!(own.contains("Usage: mizan") && own.lines().next().unwrap().len() > 10, "{own}");
    }
    for variable in ["DATABASE_URL", "MIZAN_DATA_DIR"] {
        assert!(help.contains(variable), "{help}");
    }
    assert!(system.mizan(&["--version"]).exits(DONE).stdout.starts_with("mizan "));
    for wrong in [&["improt"][..], &["import"], &["serve", "--listen", "here"], &["replay", "--fast"]] {
        let run = system.mizan(wrong).exits(NOT_UNDERSTOOD);
        assert!(run.stdout.is_empty() && run.stderr.contains("--help"), "{run:?}");
    }
}

#[tokio::test]
async fn an_import_run_twice_does_everything_once() {
    let system = System::new().await;
    let lines = [place("o-1", "5.00"), pay("p-1", "o-1", "5.00"), place("o-2", "7.00")];
    let path = file(&system, "orders.ndjson", &lines);
    let first = import(&system, &[path.to_str().unwrap(), "--json"]).exits(DONE).json();
    let expected = json!({ "lines": 3, "accepted": 3, "repeated": 0, "refused": 0, "head": 4, "refused_by_code": {} });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(first[name], *value, "{name} of {first}");
    }
    let second = import(&system, &[path.to_str().unwrap(), "--json"]).exits(DONE).json();
    assert_eq!((&second["accepted"], &second["repeated"], &second["head"]), (&json!(0), &json!(3), &json!(4)));
    // People get sentences.
    let told = import(&system, &[path.to_str().unwrap()]).exits(DONE).stdout;
    assert!(told.contains("3 had been said before") && told.contains("the history has 4 events"), "{told}");
    // And the service sees what the command line did.
    let api = system.serve().await;
    assert_eq!(api.one("orders/o-1").await["payment_status"], "paid");
    assert_eq!(api.events().await[0]["metadata"]["actor"], "import");
}

/// Every line that was refused is in the report, with its number in the file and its reason.
#[tokio::test]
async fn what_an_import_refuses_is_reported_line_by_line() {
    let system = System::new().await;
    let lines = [
        String::new(),
        place("o-1", "5.001"),
        " \t".to_owned(),
        "{".to_owned(),
        place("o-1", "5.00"),
        "\u{a0}".to_owned(),
        pay("p-1", "o-9", "0.00"),
        place("4111111111111111", "5.00"),
        pay("p-2", "o-1", "5.00"),
    ];
    let path = file(&system, "mixed.ndjson", &lines);
    let report = system.file("refused.ndjson");
    let arguments = [path.to_str().unwrap(), "--json", "--refusals", report.to_str().unwrap()];
    let run = import(&system, &arguments).exits(REFUSED).json();
    assert_eq!((&run["lines"], &run["accepted"], &run["refused"]), (&json!(7), &json!(2), &json!(5)));
    let expected = json!({
        "too_many_decimals": 1, "malformed_json": 2, "amount_not_positive": 1, "card_number_not_allowed": 1,
    });
    assert_eq!(run["refused_by_code"], expected);
    let refused = std::fs::read_to_string(&report).unwrap();
    assert!(!refused.contains("4111111111111111"), "a card number is kept in the report");
    let refused: Vec<Value> = refused.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = refused.iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 4, 6, 7, 8]);
    assert_eq!((&refused[0]["problem"]["code"], &refused[0]["text"]), (&json!("too_many_decimals"), &json!(lines[1])));
    // A pipe will do as well.
    let mut child = system.command(&["import", "-", "--json"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(place("o-2", "1.00").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["accepted"], 1);
}

#[tokio::test]
async fn an_import_that_cannot_begin_says_why() {
    let system = System::new().await;
    let missing = import(&system, &["/no/such/file"]).exits(FAILED);
    assert!(missing.stderr.contains("/no/such/file"), "{missing:?}");
    let path = file(&system, "one.ndjson", &[place("o-1", "1.00")]);
    let unwritable = import(&system, &[path.to_str().unwrap(), "--refusals", "/no/such/place"]).exits(FAILED);
    assert!(unwritable.stderr.contains("/no/such/place"), "{unwritable:?}");
    assert_eq!(system.mizan(&["replay", "--json"]).exits(DONE).json()["events"], 0);
}

#[tokio::test]
async fn a_replay_counts_the_history_and_finds_the_books_balanced() {
    let system = System::new().await;
    let empty = system.mizan(&["replay", "--json"]).exits(DONE).json();
    assert_eq!((&empty["events"], &empty["balanced"], &empty["sums"]), (&json!(0), &json!(true), &json!({})));
    let path = file(&system, "one.ndjson", &[place("o-1", "5.00"), pay("p-1", "o-1", "6.00")]);
    import(&system, &[path.to_str().unwrap()]).exits(DONE);
    let verdict = system.mizan(&["replay", "--json"]).exits(DONE).json();
    let kinds = json!({ "order-placed.v1": 1, "payment-received.v1": 1, "order-payment-allocated.v1": 1 });
    let balances = json!({ "psp_clearing EUR": "6.00 EUR", "customer_credit EUR": "-1.00 EUR", "deferred_revenue EUR": "-5.00 EUR" });
    assert_eq!((&verdict["events_by_kind"], &verdict["balances"]), (&kinds, &balances));
    assert_eq!((&verdict["streams"], &verdict["sums"]), (&json!(2), &json!({ "EUR": "0.00 EUR" })));
    let told = system.mizan(&["replay"]).exits(DONE).stdout;
    assert!(told.contains("The history has no hole") && told.contains("3 events of 2 streams"), "{told}");
}

/// A history with a hole, or an event that nobody can read, is not whole, and the exit status says so.
#[tokio::test]
async fn a_replay_of_a_damaged_history_fails_and_names_the_place() {
    use sqlx::Connection;
    let system = System::new().await;
    let path = file(&system, "one.ndjson", &[place("o-1", "5.00"), pay("p-1", "o-1", "6.00")]);
    import(&system, &[path.to_str().unwrap()]).exits(DONE);
    let mut database = sqlx::PgConnection::connect(system.database_url()).await.unwrap();
    // What only somebody with the database's own powers can do: one leg of an entry, a cent more.
    let mut damage = async |statement: &str| {
        let all = format!("alter table events disable trigger all; {statement}; alter table events enable trigger all");
        sqlx::raw_sql(sqlx::AssertSqlSafe(all)).execute(&mut database).await.unwrap();
    };
    let leg = |from: &str, to: &str| {
        format!(
            "update events set payload = convert_to(replace(convert_from(payload, 'UTF8'), \
             '\"debit\":\"{from}', '\"debit\":\"{to}'), 'UTF8') where kind = 'order-payment-allocated.v1'"
        )
    };
    damage(&leg("5.00", "5.01")).await;
    let run = system.mizan(&["replay"]).exits(FAILED);
    assert!(run.stderr.contains("position 3") && run.stderr.contains("out of balance by 0.01 EUR"), "{run:?}");
    damage(&leg("5.01", "5.00")).await;
    system.mizan(&["replay"]).exits(DONE);
    damage("delete from events where position = 2").await;
    let run = system.mizan(&["replay"]).exits(FAILED);
    assert!(run.stderr.contains("after position 1 comes 3"), "{run:?}");
}

/// Built beside the live ones, compared, and put in their place; damage is found, named and repaired.
#[tokio::test]
async fn a_rebuild_finds_what_is_not_as_the_history_says_and_puts_it_right() {
    use sqlx::Connection;
    let system = System::new().await;
    let path = file(&system, "one.ndjson", &[place("o-1", "5.00"), pay("p-1", "o-1", "6.00")]);
    import(&system, &[path.to_str().unwrap()]).exits(DONE);
    let whole = system.mizan(&["rebuild", "--json"]).exits(DONE).json();
    let sums = (&whole["position"], &whole["compared_at"], &whole["differences"], &whole["is_live"]);
    assert_eq!(sums, (&json!(3), &json!(3), &json!([]), &json!(true)));
    assert_eq!(whole["tables"]["orders"]["rows"], 1);

    let mut database = sqlx::PgConnection::connect(system.database_url()).await.unwrap();
    let damage = "update read.accounts set balance = balance + 1 where account = 'psp_clearing'";
    sqlx::raw_sql(damage).execute(&mut database).await.unwrap();
    let found = system.mizan(&["rebuild", "--json"]).exits(FAILED).json();
    assert_eq!(found["differences"][0]["table"], "accounts");
    assert!(found["differences"][0]["key"].as_str().unwrap().contains("psp_clearing"), "{found}");
    let again = system.mizan(&["rebuild", "--json"]).exits(DONE).json();
    assert_eq!(again["tables"], whole["tables"], "repaired");
    assert!(system.mizan(&["rebuild"]).exits(DONE).stdout.contains("byte for byte"));
}

/// A service goes on answering while its read models are rebuilt under it.
#[tokio::test]
async fn a_rebuild_under_a_running_service_is_not_noticed() {
    let system = System::new().await;
    let api = system.serve().await;
    for nth in 0..5 {
        let order = serde_json::from_str::<Value>(&place(&format!("o-{nth}"), "5.00")).unwrap()["data"].take();
        api.done("place-order", order).await;
        system.mizan(&["rebuild", "--json"]).exits(DONE);
        assert_eq!(api.query("orders?limit=100").await["data"].as_array().unwrap().len(), nth + 1);
    }
    assert_eq!(api.send(api.bare(reqwest::Method::GET, "/readyz")).await.status, 200);
}

#[tokio::test]
async fn the_doctor_finds_a_database_or_says_what_to_do() {
    let system = System::new().await;
    let well = system.mizan(&["doctor", "--json"]).exits(DONE).json();
    assert!(well.as_array().unwrap().iter().all(|it| it["ok"] == true), "{well:#}");
    let ill = system
        .command(&["doctor", "--json"])
        .args(["--database-url", "postgres://nobody@127.0.0.1:1/nothing"])
        .output();
    let ill = ill.unwrap();
    assert_eq!(ill.status.code(), Some(FAILED), "{ill:?}");
    let found: Value = serde_json::from_slice(&ill.stdout).unwrap();
    assert!(found[0]["ok"] == false && !found[0]["remedy"].as_str().unwrap().is_empty(), "{found}");
    // Without a database of one's own, the machine is examined.
    let mut machine = system.command(&["doctor", "--json"]);
    let machine = Run::of(machine.env_remove("DATABASE_URL")).json();
    assert!(!machine.as_array().unwrap().is_empty());
    let told = system.mizan(&["doctor"]).exits(DONE).stdout;
    assert!(told.contains("ok"), "{told}");
}

#[tokio::test]
async fn the_key_is_made_once_and_is_for_its_owner_only() {
    let system = System::new().await;
    let key = || Run::of(system.command(&["key"]).env_remove("MIZAN_API_KEY")).exits(DONE).stdout;
    let first = key();
    assert!(first.starts_with("mzn_test_") && first.trim().len() == 47, "{first:?}");
    assert_eq!(key(), first);
    let mode = std::fs::metadata(system.data_dir().join("api-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // What the environment says goes first.
    assert_ne!(system.mizan(&["key"]).exits(DONE).stdout, first);
}

#[tokio::test]
async fn a_service_that_cannot_start_says_why_and_changes_nothing() {
    let system = System::new().await;
    let api = system.serve().await;
    let taken = system.mizan(&["serve", "--listen", api.address()]).exits(FAILED);
    assert!(taken.stderr.contains("--listen") && taken.stderr.contains(api.address()), "{taken:?}");
    for url in ["postgres://nobody@127.0.0.1:1/nothing", "mysql://here/there", "nonsense"] {
        let mut command = system.command(&["serve", "--listen", "127.0.0.1:0"]);
        let run = Run::of(command.args(["--database-url", url])).exits(FAILED);
        assert!(run.stdout.is_empty() && run.stderr.contains("mizan: "), "{url}: {run:?}");
    }
    // The document needs neither.
    let mut command = system.command(&["openapi"]);
    let _document =
        Run::of(command.args(["--database-url", "postgres://nobody@127.0.0.1:1/nothing"])).exits(DONE).json();
    assert_eq!(api.head().await, 0);
}

/// The first thing that anybody starts: nothing but PostgreSQL's programs, and there is a shop with orders and payments.
#[tokio::test]
async fn a_demonstration_needs_nothing_and_can_be_started_again() {
    let system = System::embedded().await;
    let begun = Instant::now();
    let first = {
        let api = system.demo().await;
        let order: Value = serde_json::from_str(&place("my-first", "5.00")).unwrap();
        api.done("place-order", order["data"].clone()).await;
        println!("from nothing to the first command: {:?}", begun.elapsed());
        let books = api.books("EUR").await;
        assert!(books.len() > 5, "{books:?}");
        let statuses = api.query("orders?limit=100").await;
        let statuses = statuses["data"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap().to_owned());
        assert!(statuses.collect::<std::collections::BTreeSet<_>>().len() > 2, "the shop is dull");
        (books, api.head().await)
    };
    let api = system.demo().await;
    assert_eq!((api.books("EUR").await, api.head().await), first, "the second start has changed something");
}

/// Asked to end, it answers what is under way, and ends well.
#[tokio::test]
async fn a_service_that_is_told_to_stop_stops_with_status_zero() {
    let system = System::new().await;
    let mut api = system.serve().await;
    let order: Value = serde_json::from_str(&place("o-1", "5.00")).unwrap();
    api.done("place-order", order["data"].clone()).await;
    assert_eq!(api.stop().code(), Some(DONE), "{}", api.log());
    assert_eq!(system.mizan(&["replay", "--json"]).exits(DONE).json()["events"], 1);
}
