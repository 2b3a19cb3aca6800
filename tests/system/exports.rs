//! What leaves the house: journals for tables and for other programs' books, and CloudEvents, each the same as what the
//! service says of itself.

mod books;
mod pieces;

use mizan_tests::{Service, System, minor};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Balances in minor units by account and currency, without those that are nothing.
type Balances = BTreeMap<(String, String), i128>;

/// A shop with something of everything: orders, several currencies with 0, 2 and 3 decimals, taxes owed to authorities
/// whose names differ by a letter's size, refunds, disputes, fees, payouts, a plan with interest and late fees that is
/// paid out of order, on a clock that begins in 2024.
async fn bazaar(api: &Service) {
    api.done("start-clock", json!({ "at": "2024-01-01T12:00:00Z" })).await;
    for (currency, price, more) in [("EUR", "59.99", "0.01"), ("JPY", "1200", "1"), ("KWD", "7.125", "0.001")] {
        sale(api, currency, price, more).await;
    }
    let limit = json!({ "customer_id": "c-1", "limit": "1000.00", "currency": "EUR" });
    api.done("set-credit-limit", limit).await;
    let lines = json!([{ "line_id": "a", "sku": "grinder", "quantity": 1, "unit_price": "100.00" }]);
    let order = json!({ "order_id": "o-plan", "customer_id": "c-1", "currency": "EUR", "lines": lines });
    api.done("place-order", order).await;
    let terms = json!({
        "payments": 4, "frequency": "monthly", "rate": "0.12", "merchant_discount": { "rate": "0.06" },
        "late_fees": [{ "grace_days": 3, "steps": [{ "amount": "5.00" }] }],
    });
    let plan = json!({
        "plan_id": "n-1", "customer_id": "c-1", "order_id": "o-plan", "amount": "100.00", "currency": "EUR", "terms": terms,
    });
    api.done("approve-plan", plan).await;
    api.done("open-plan", json!({ "plan_id": "n-1" })).await;
    api.done("advance-clock", json!({ "to": "2024-03-20T12:00:00Z" })).await;
    // Paid in time, but that came to light only now: fees are unwound.
    let payment = json!({
        "payment_id": "p-plan", "plan_id": "n-1", "customer_id": "c-1", "method": "card", "amount": "25.63",
        "currency": "EUR", "occurred_at": "2024-02-01T09:00:00Z",
    });
    api.done("receive-payment", payment).await;
    api.done("pay-merchant", json!({ "plan_id": "n-1", "payout_id": "y-1" })).await;
    let refund = json!({ "plan_id": "n-1", "refund_id": "rf-1", "amount": "30.00", "currency": "EUR" });
    api.done("refund-plan", refund).await;
    api.done("advance-clock", json!({ "to": "2024-07-01T12:00:00Z" })).await;
}

/// Two units sold and paid with a little too much, one of them returned; a dispute, a fee, a payout.
async fn sale(api: &Service, currency: &str, price: &str, more: &str) {
    let id = |kind: &str| format!("{kind}-{currency}");
    let taxes = |jurisdiction: &str| json!([{ "rate": "0.19", "jurisdiction": jurisdiction }]);
    let lines = json!([
        { "line_id": "a", "sku": "coffee", "quantity": 2, "unit_price": price, "taxes": taxes("DE"), "prices_include_tax": true },
        { "line_id": "b", "sku": "cup", "quantity": 1, "unit_price": price, "taxes": taxes("de"), "prices_include_tax": true },
    ]);
    let order = json!({ "order_id": id("o"), "customer_id": "c-1", "currency": currency, "lines": lines });
    let placed = api.done("place-order", order).await;
    let gross = placed["events"][0]["data"]["total"]["gross"].as_str().unwrap().split(' ').next().unwrap().to_owned();
    let payment = |nth: usize, amount: &str| {
        json!({
            "payment_id": format!("p-{currency}-{nth}"), "order_id": id("o"), "customer_id": "c-1", "method": "card",
            "amount": amount, "currency": currency,
        })
    };
    api.done("receive-payment", payment(1, &gross)).await;
    api.done("receive-payment", payment(2, more)).await;
    api.done("fulfil-order", json!({ "order_id": id("o"), "fulfilment_id": "s-1" })).await;
    let back = json!({ "order_id": id("o"), "return_id": "r-1", "lines": [{ "line_id": "a", "quantity": 1 }] });
    api.done("return-order", back).await;
    let of = |name: &str, value: &str, amount: &str| json!({ "payment_id": id("p") + "-1", name: value, "amount": amount, "currency": currency });
    api.done("open-dispute", of("dispute_id", "d-1", more)).await;
    api.done("record-fee", of("fee_id", "f-1", more)).await;
    api.done("record-payout", of("payout_id", "y-1", more)).await;
}

/// What the service says.
async fn trial_balance(api: &Service) -> Balances {
    let answer = api.one("trial-balance").await;
    let mut balances = Balances::new();
    for line in answer["lines"].as_array().unwrap() {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let balance = minor(&text("debit")) - minor(&text("credit"));
        add(&mut balances, &text("account"), &text("currency"), balance);
    }
    balances
}

fn add(balances: &mut Balances, account: &str, currency: &str, minor: i128) {
    let key = (account.to_owned(), currency.to_owned());
    let sum = balances.entry(key.clone()).or_default();
    *sum += minor;
    if *sum == 0 {
        balances.remove(&key);
    }
}

/// Exports to a file and gives back its bytes, and what was said of it.
fn export(system: &System, format: &str, more: &[&str]) -> (Vec<u8>, String) {
    let file = system.file(&format!("export.{format}"));
    let arguments = [&["export", "--format", format, file.to_str().unwrap()], more].concat();
    let run = system.mizan(&arguments).exits(0);
    assert_eq!(run.stdout, "", "the file has it, not standard output");
    (std::fs::read(file).unwrap(), run.stderr)
}

/// The rows of a CSV journal.
fn rows(csv: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(csv).deserialize().map(|row| row.unwrap()).collect()
}

fn summed(rows: &[BTreeMap<String, String>]) -> Balances {
    let mut balances = Balances::new();
    for row in rows {
        add(&mut balances, &row["account"], &row["currency"], minor(&row["amount"]));
    }
    balances
}

#[tokio::test]
async fn a_journal_sums_to_the_trial_balance() {
    let system = System::new().await;
    let api = system.serve().await;
    bazaar(&api).await;
    let expected = trial_balance(&api).await;
    assert!(expected.len() > 25, "something of everything: {expected:?}");
    let (csv, told) = export(&system, "journal-csv", &[]);
    let rows = rows(&csv);
    assert_eq!(summed(&rows), expected);
    // Every row as the event carries it.
    let events = api.events().await;
    let of = |row: &BTreeMap<String, String>| events[row["position"].parse::<usize>().unwrap() - 1].clone();
    for row in &rows {
        let event = of(row);
        let posting = &event["data"]["entry"]["postings"][row["leg"].parse::<usize>().unwrap() - 1];
        let (side, sign) = if row["amount"].starts_with('-') { ("credit", "-") } else { ("debit", "") };
        let (amount, currency) = posting[side].as_str().unwrap().split_once(' ').unwrap();
        let said = (posting["account"].as_str().unwrap(), format!("{sign}{amount}"), currency);
        assert_eq!(said, (row["account"].as_str(), row["amount"].clone(), row["currency"].as_str()));
        for (column, field) in
            [("stream", &event["stream"]), ("kind", &event["kind"]), ("event_id", &event["event_id"])]
        {
            assert_eq!(row[column], field.as_str().unwrap(), "{column} of {event}");
        }
        let day = event["data"]["effective_on"].as_str().or(event["data"]["at"].as_str()).unwrap();
        assert_eq!(row["date"], day[..10]);
        assert_eq!(row["party"], event["data"]["entry"]["party"].as_str().unwrap_or_default());
    }
    // None is left out, and the last word counts them.
    let postings = |it: &Value| it["data"]["entry"]["postings"].as_array().map_or(0, Vec::len);
    assert_eq!(rows.len(), events.iter().map(postings).sum::<usize>());
    let entries = events.iter().filter(|it| postings(it) > 0).count();
    let first = format!("{entries} entries, {} postings, of local, positions 1 to {}", rows.len(), events.len());
    assert_eq!(told.lines().next(), Some(first.as_str()));
    for (currency, nothing) in [("EUR", "0.00"), ("JPY", "0"), ("KWD", "0.000")] {
        let line = told.lines().find(|line| line.trim_start().starts_with(currency)).unwrap();
        assert!(line.ends_with(&format!(", sum {nothing}")), "{line}");
    }
    // All other journals have the same entries, and standard output has what a file has.
    for format in ["journal-parquet", "hledger", "beancount"] {
        assert_eq!(export(&system, format, &[]).1, told, "{format}");
    }
    assert_eq!(system.mizan(&["export", "--format", "journal-csv"]).exits(0).stdout.into_bytes(), csv);
}

/// Read by the library that wrote it; pyarrow, by hand, reads the same.
#[tokio::test]
async fn a_parquet_file_has_the_same_rows_as_the_csv() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    let system = System::new().await;
    let api = system.serve().await;
    bazaar(&api).await;
    let expected = rows(&export(&system, "journal-csv", &[]).0);
    export(&system, "journal-parquet", &[]);
    let file = std::fs::File::open(system.file("export.journal-parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let mut read = Vec::new();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let fields = row.get_column_iter().map(|(name, field)| {
            let text = match field {
                Field::Null => String::new(),
                Field::Str(text) => text.clone(),
                Field::Long(number) => number.to_string(),
                Field::Int(number) => number.to_string(),
                Field::Date(days) => {
                    (chrono::NaiveDate::default() + chrono::TimeDelta::days((*days).into())).to_string()
                }
                Field::TimestampMicros(micros) => {
                    let moment = chrono::DateTime::from_timestamp_micros(*micros).unwrap();
                    moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
                }
                Field::Decimal(decimal) => {
                    assert_eq!((decimal.precision(), decimal.scale()), (38, 18));
                    let scaled = i128::from_be_bytes(decimal.data().try_into().unwrap());
                    with_18_decimals(scaled)
                }
                other => panic!("{name} is {other:?}"),
            };
            (name.clone(), text)
        });
        read.push(fields.collect::<BTreeMap<_, _>>());
    }
    assert_eq!(read.len(), expected.len());
    for (read, mut expected) in read.into_iter().zip(expected) {
        let amount = expected.get_mut("amount").unwrap();
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        *amount = format!("{whole}.{fraction:0<18}");
        assert_eq!(read, expected);
    }
}

/// A number with 18 decimals.
fn with_18_decimals(scaled: i128) -> String {
    let digits = format!("{:019}", scaled.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - 18);
    format!("{}{whole}.{fraction}", if scaled < 0 { "-" } else { "" })
}
