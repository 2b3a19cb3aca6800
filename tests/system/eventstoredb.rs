//! The whole system with its history on EventStoreDB: a story from end to end, through a restart of the server; and a
//! history that moves there and back.

use eventstoredb_in_process::Server;
use mizan_tests::{Client, Service, System};
use reqwest::Method;
use serde_json::{Value, json};

const DONE: i32 = 0;
const FAILED: i32 = 1;
const NO: i32 = 1;

/// An order, paid and delivered by those who do so.
async fn sale(api: &Client, nth: usize) {
    let lines = json!([{ "line_id": "a", "sku": "coffee", "quantity": 2, "unit_price": "6.00" }]);
    api.done("place-order", json!({ "order_id": format!("o-{nth}"), "currency": "EUR", "lines": lines })).await;
    pay(api, nth).await;
}

async fn pay(api: &Client, nth: usize) {
    let payment = json!({
        "payment_id": format!("p-{nth}"), "order_id": format!("o-{nth}"), "method": "card", "amount": "12.00",
        "currency": "EUR",
    });
    api.done("receive-payment", payment).await;
}

async fn assert_paid(api: &Service, orders: std::ops::Range<usize>) {
    for nth in orders {
        assert_eq!(api.one(&format!("orders/o-{nth}")).await["payment_status"], "paid", "o-{nth}");
    }
}

fn audit(system: &System, arguments: &[&str]) -> Value {
    let verdict = system.mizan(&[&["audit", "--json"], arguments].concat()).exits(DONE).json();
    assert_eq!((&verdict["holds"], &verdict["findings"]["count"]), (&json!(true), &json!(0)), "{verdict}");
    verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_on_eventstoredb_survives_its_server_and_is_complete() {
    let mut server = Server::start();
    let system = System::on_eventstoredb(server.address()).await;
    let mut api = system.serve().await;
    for nth in 0..5 {
        sale(&api, nth).await;
    }
    api.done("refund-payment", json!({ "payment_id": "p-0", "refund_id": "r-1", "amount": "2.00", "currency": "EUR" }))
        .await;

    assert_paid(&api, 1..5).await;

    // The server goes away under an order, comes back, and nobody has to ask twice. What is shown stays.
    server.stop();
    assert_eq!(api.send(api.bare(Method::GET, "/readyz")).await.status, 503);
    assert_paid(&api, 1..5).await;
    let client = api.client();
    let asked = tokio::spawn(async move { sale(&client, 5).await });
    tokio::task::yield_now().await;
    server.start_again();
    asked.await.unwrap();
    assert_eq!(api.send(api.bare(Method::GET, "/readyz")).await.status, 200);

    // So does the service, in the middle of everything.
    api.kill();
    let mut api = system.serve().await;
    sale(&api, 6).await;
    assert_paid(&api, 1..7).await;
    let events = api.events().await;
    let positions: Vec<i64> = events.iter().map(|it| it["position"].as_i64().unwrap()).collect();
    assert_eq!(positions, (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    assert!(!api.log().contains("changeit"), "the password is in the log");
    assert!(api.stop().success());

    let kept = server.records().iter().filter(|it| it.stream.starts_with("mizan.")).count();
    assert_eq!(kept, events.len(), "EventStoreDB has every event, and once");
    let verdict = audit(&system, &[]);
    assert_eq!(verdict["history"]["events"], json!(events.len()));
    assert_eq!(verdict["read_models"]["compared_at"], json!(events.len()));
    let replayed = system.mizan(&["replay", "--json"]).exits(DONE).json();
    assert_eq!((&replayed["events"], &replayed["balanced"]), (&json!(events.len()), &json!(true)));
    system.mizan(&["rebuild"]).exits(DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_behind_everybodys_back_is_found_by_the_audit() {
    let server = Server::start();
    let system = System::on_eventstoredb(server.address()).await;
    let mut api = system.serve().await;
    for nth in 0..3 {
        sale(&api, nth).await;
    }
    assert!(api.stop().success());
    system.mizan(&["export", system.file("before.ndjson").to_str().unwrap()]).exits(DONE);
    audit(&system, &[]);
    let nth = server.records().iter().position(|it| it.metadata["type"] == "payment-received.v1").unwrap();
    server.tamper(nth, |it| {
        let edited = String::from_utf8(it.data.to_vec()).unwrap().replace("12.00", "92.00");
        it.data = edited.into_bytes().into();
    });
    let verdict = system.mizan(&["audit", "--json"]);
    let verdict = verdict.exits(NO).json();
    let codes: Vec<&str> =
        verdict["findings"]["first"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"leaf") && codes.contains(&"read_models"), "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_moves_to_eventstoredb_and_back_and_goes_on() {
    let system = System::new().await;
    let mut api = system.serve().await;
    for nth in 0..4 {
        sale(&api, nth).await;
    }
    assert!(api.stop().success());
    let history = system.file("history.ndjson");
    system.mizan(&["export", history.to_str().unwrap()]).exits(DONE);
    let key = system.mizan(&["key", "show"]).exits(DONE).stdout.trim().to_owned();
    let root = audit(&system, &[])["history"]["root"].clone();

    let server = Server::start();
    let there = System::on_eventstoredb(server.address()).await;
    let moved = move_to(&there, &system, &history, &key);
    assert_eq!((&moved["root"], &moved["known"]), (&root, &json!(0)));
    // Said twice, it is there once.
    let again = there.mizan(&["import", "--json", history.to_str().unwrap()]).exits(DONE).json();
    assert_eq!(again["known"], again["events"]);
    assert_eq!(audit(&there, &["--key", &key])["history"]["root"], root);
    let mut api = there.serve().await;
    sale(&api, 4).await;
    assert_paid(&api, 0..5).await;
    assert!(api.stop().success());

    let back = System::new().await;
    let history = there.file("history.ndjson");
    there.mizan(&["export", history.to_str().unwrap()]).exits(DONE);
    let moved = move_to(&back, &there, &history, &key);
    assert_eq!(moved["root"], audit(&there, &["--key", &key])["history"]["root"]);
    let api = back.serve().await;
    sale(&api, 5).await;
    assert_paid(&api, 0..6).await;
}

/// Imports into another system, which gets the files of the seal first.
fn move_to(to: &System, from: &System, history: &std::path::Path, key: &str) -> Value {
    std::fs::create_dir_all(to.data_dir()).unwrap();
    for file in ["seal-key", "seal-last"] {
        std::fs::copy(from.data_dir().join(file), to.data_dir().join(file)).unwrap();
    }
    let moved = to.mizan(&["import", "--json", "--key", key, history.to_str().unwrap()]).exits(DONE);
    assert_eq!(moved.stderr, "");
    moved.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_changed_is_not_imported_at_all() {
    let system = System::new().await;
    let mut api = system.serve().await;
    sale(&api, 0).await;
    assert!(api.stop().success());
    let history = system.file("history.ndjson");
    system.mizan(&["export", history.to_str().unwrap()]).exits(DONE);
    let text = std::fs::read_to_string(&history).unwrap();
    let other = System::new().await;
    for (what, changed) in [
        ("an amount", text.replacen("12.00", "13.00", 1)),
        (
            "a line less",
            text.lines().enumerate().filter(|(nth, _)| *nth != 2).map(|(_, it)| format!("{it}\n")).collect(),
        ),
        ("broken off", text[..text.len() / 2].to_owned()),
    ] {
        let file = other.file("changed.ndjson");
        std::fs::write(&file, changed).unwrap();
        let refused = other.mizan(&["import", file.to_str().unwrap()]).exits(FAILED);
        assert!(refused.stderr.starts_with("mizan: "), "{what}: {refused:?}");
    }
    let wrong = ["import", "--key", "mizan/0+00000000+AQ==", history.to_str().unwrap()];
    assert_ne!(other.mizan(&wrong).status, DONE);
    let head = other.mizan(&["replay", "--json"]).exits(DONE).json();
    assert_eq!(head["events"], json!(0), "nothing was imported");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_not_begun_anew_where_the_store_was_forgotten() {
    let server = Server::start();
    let system = System::on_eventstoredb(server.address()).await;
    let mut api = system.serve().await;
    sale(&api, 0).await;
    assert!(api.stop().success());
    let mut command = system.command(&["replay"]);
    let refused = mizan_tests::Run::of(command.env_remove("MIZAN_STORE")).exits(FAILED);
    assert!(refused.stderr.contains("--store esdb://"), "{refused:?}");
    let mut command = system.command(&["replay", "--store", "postgres://user:s3cret@host"]);
    let refused = mizan_tests::Run::of(&mut command).exits(FAILED);
    assert!(refused.stderr.contains("esdb://") && !refused.stderr.contains("s3cret"), "{refused:?}");
}
