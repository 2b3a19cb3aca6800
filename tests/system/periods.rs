//! Closing the books: the trial balance that was signed stays what it was, whatever comes to light later.

use mizan_store::seal::{Keys, KeysText};
use mizan_tests::{Service, System};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

async fn sell(api: &Service, number: u32, day: &str) {
    let at = format!("{day}T12:00:00Z");
    let lines = json!([{ "sku": "a", "quantity": 1, "unit_price": "10.00", "taxes": [{ "rate": "0.2" }] }]);
    let (order, payment) = (format!("o-{number}"), format!("p-{number}"));
    let order = json!({ "order_id": order, "currency": "EUR", "lines": lines, "occurred_at": at });
    api.done("place-order", order).await;
    let paid = json!({
        "payment_id": payment, "order_id": format!("o-{number}"), "method": "card", "amount": "12.00", "currency": "EUR", "occurred_at": at,
    });
    api.done("receive-payment", paid).await;
}

/// `account -> balance`, debits positive, as a trial balance shows it.
async fn balances(api: &Service, query: &str) -> Vec<String> {
    let books = api.query(&format!("trial-balance?{query}")).await["data"].take();
    assert_eq!(books["is_balanced"], json!(true));
    let lines = books["lines"].as_array().unwrap().iter().filter(|it| it["debit"] != it["credit"]);
    lines.map(|it| format!("{} {} {}", it["account"], it["debit"], it["credit"])).collect()
}

async fn begun(system: &System) -> Service {
    let api = system.serve().await;
    api.done("start-clock", json!({ "at": "2026-03-11T00:00:00Z" })).await;
    sell(&api, 1, "2026-03-10").await;
    api.done("advance-clock", json!({ "to": "2026-04-03T00:00:00Z" })).await;
    sell(&api, 2, "2026-04-02").await;
    api
}

#[tokio::test]
async fn what_was_signed_stays_and_what_comes_late_is_posted_to_the_open_period() {
    let system = System::new().await;
    let api = begun(&system).await;
    let march = balances(&api, "until=2026-03-31").await;
    assert!(march.iter().any(|it| it.contains("psp_clearing") && it.contains("12.00")), "{march:?}");
    let told = api.done("close-period", json!({ "until": "2026-03-31" })).await;
    assert_eq!(told["events"][0]["kind"], "period-closed.v1");
    assert_eq!(api.done("close-period", json!({ "until": "2026-03-31" })).await["events"], json!([]));
    let closed = api.query("periods/2026-03-31").await["data"].take();
    assert_eq!(closed["trial_balance"], told["events"][0]["data"]["trial_balance"]);

    // A sale of March that nobody had told.
    sell(&api, 3, "2026-03-20").await;
    assert_eq!(balances(&api, "until=2026-03-31").await, march, "March is closed");
    let by_day = balances(&api, "effective_at=2026-03-31").await;
    assert!(by_day.iter().any(|it| it.contains("psp_clearing") && it.contains("24.00")), "{by_day:?}");
    let april = balances(&api, "from=2026-04-01").await;
    assert!(april.iter().any(|it| it.contains("psp_clearing") && it.contains("24.00")), "{april:?}");
    let late = api.query("journal?stream=p-3").await["data"].take();
    assert_eq!((&late[0]["effective_on"], &late[0]["posted_on"]), (&json!("2026-03-20"), &json!("2026-04-01")));
    assert_eq!(api.query("journal?posted_on[gte]=2026-04-01&stream=p-1").await["data"], json!([]));

    // The note is signed by the key that anybody can get, and says the same.
    let keys = api.get("/v1/verifier-keys").await.ok();
    let text = KeysText { first: keys["first"].as_str().unwrap().to_owned(), rotations: Vec::new() };
    let keys = Keys::read(&text).unwrap();
    let note = api.get("/v1/queries/periods/2026-03-31/note").await;
    let note = String::from_utf8(note.body).unwrap();
    let said = keys.statement(&note).unwrap();
    assert!(said.contains("\nuntil 2026-03-31\n") && said.contains("\npsp_clearing debit 12.00 EUR\n"), "{said}");
    assert!(keys.checkpoint(&note).is_err(), "it is no checkpoint");

    // And the auditor sums it again, with the database and without.
    drop(api);
    let verdict = system.mizan(&["audit", "--json"]).exits(0).json();
    assert_eq!(verdict["periods"], json!(1));
    let history = system.file("history.ndjson");
    system.mizan(&["export", history.to_str().unwrap()]).exits(0);
    let key = system.mizan(&["key", "show"]).exits(0).stdout.trim().to_owned();
    let verify = ["audit", "verify", "--json", "--history", history.to_str().unwrap(), "--key", &key];
    assert_eq!(system.mizan(&verify).exits(0).json()["periods"], json!(1));
}

#[tokio::test]
async fn periods_end_once_in_order_and_not_before_they_are_over() {
    let system = System::new().await;
    let api = begun(&system).await;
    api.refused("close-period", json!({ "until": "2026-04-03" }), "period_not_over", "/until").await;
    api.done("close-period", json!({ "until": "2026-04-02" })).await;
    api.refused("close-period", json!({ "until": "2026-03-31" }), "period_already_closed", "/until").await;
    api.refused("close-period", json!({ "until": "soon" }), "not_a_date", "/until").await;
    assert_eq!(api.get("/v1/queries/periods/2026-03-31").await.status, 404);
    assert_eq!(api.get("/v1/queries/periods/march").await.status, 404);
    let before = api.query("periods?as_of=1").await;
    assert_eq!(before["data"], json!([]), "nothing was closed then");
    let preview = api.send(api.commanding("close-period?dry_run=true", &json!({ "until": "2026-04-02" }))).await.ok();
    assert_eq!(preview["events"], json!([]));
}

/// Somebody with the powers of the database writes another balance into the event, and seals nothing.
#[tokio::test]
async fn a_forged_trial_balance_is_found() {
    let system = System::new().await;
    let api = begun(&system).await;
    api.done("close-period", json!({ "until": "2026-03-31" })).await;
    drop(api);
    let forge = "alter table events disable trigger all; update events set payload = convert_to(replace(replace( \
                 convert_from(payload, 'UTF8'), '12.00 EUR', '13.00 EUR'), '10.00 EUR', '11.00 EUR'), 'UTF8') \
                 where kind = 'period-closed.v1'; alter table events enable trigger all";
    let mut database = PgConnection::connect(system.database_url()).await.unwrap();
    sqlx::raw_sql(forge).execute(&mut database).await.unwrap();
    let found = system.mizan(&["audit", "--json"]).exits(1).json();
    let codes: Vec<&Value> = found["findings"]["first"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert!(codes.contains(&&json!("period_balance")) && codes.contains(&&json!("period_signature")), "{codes:?}");
}
