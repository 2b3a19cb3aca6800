//! Real orders: the Olist data set, where it lies beside the repository, and a made-up sample of its shape everywhere.
//!
//! What must come out is computed here from the CSV files alone, row by row, and compared to the cent with the report of the
//! import, the history, the read models and the books.

use mizan_projections::fingerprints;
mod plans;

use mizan_tests::olist::{self, Installments};
use mizan_tests::{Run, System, minor};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

const REFUSED: i32 = 3;

#[tokio::test]
async fn a_sample_of_every_peculiarity_reconciles_to_the_cent() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("olist-sample");
    let csv = reconciles(&sample).await;
    assert_eq!((csv.orders.len(), csv.items, csv.payments, csv.paid()), (43, 38, 62, 471_353));
}

#[tokio::test]
async fn the_real_orders_reconcile_to_the_cent() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/olist");
    if !real.is_dir() {
        println!("{} is not there: only the sample is tested", real.display());
        return;
    }
    let csv = reconciles(&real).await;
    assert_eq!((csv.orders.len(), csv.items, csv.payments), (8_135, 8_365, 8_924));
    assert_eq!(csv.paid(), 142_860_281, "1,428,602.81");
}

async fn reconciles(dir: &Path) -> Csv {
    let csv = Csv::read(dir);
    let system = System::new().await;
    let commands = convert(&system, dir, &csv);

    let report = import(&system, &commands);
    reconcile_report(&csv, &report);
    let api = system.serve().await;
    reconcile_history(&csv, &api.events().await);
    assert_eq!(api.books("BRL").await, csv.books());
    reconcile_takings(&csv, &api).await;

    // Once more: nothing new, and the same is refused for the same reasons.
    let again = import(&system, &commands);
    assert_eq!((again.count("accepted"), again.count("repeated")), (0, report.count("accepted")));
    assert_eq!((again.count("head"), &again.refusals), (report.count("head"), &report.refusals));

    // Read models built anew are the same, byte for byte, by their own word and by a look from outside.
    let before = live(&system).await;
    let rebuilt = timed("rebuild", || system.mizan(&["rebuild", "--json"]).exits(0).json());
    assert_eq!((&rebuilt["differences"], &rebuilt["compared_at"]), (&json!([]), &report.summary["head"]));
    assert_eq!(rebuilt["tables"], before);
    assert_eq!(live(&system).await, before);
    assert_eq!(before["payments"]["rows"], csv.received().count());

    let verdict = timed("replay", || system.mizan(&["replay", "--json"]).exits(0).json());
    assert_eq!((&verdict["balanced"], &verdict["sums"]), (&json!(true), &json!({ "BRL": "0.00 BRL" })));
    assert_eq!(verdict["events"], report.summary["head"]);
    csv
}

/// What the rows of the live read models come to.
async fn live(system: &System) -> Value {
    let pool = sqlx::PgPool::connect(system.database_url()).await.unwrap();
    let tables = fingerprints(&pool, "read").await.unwrap();
    // A connection that lingers in its transaction would hold up a rebuild.
    pool.close().await;
    serde_json::to_value(tables).unwrap()
}

fn convert(system: &System, dir: &Path, csv: &Csv) -> PathBuf {
    let path = system.file("olist.ndjson");
    let summary = olist::convert(dir, Installments::AtOnce, &mut File::create(&path).unwrap()).unwrap();
    assert_eq!((summary.orders, summary.items, summary.payments), (csv.orders.len(), csv.items, csv.payments));
    let sent = |command: &str| summary.commands.get(command).copied().unwrap_or(0);
    assert_eq!((sent("place-order"), sent("receive-payment")), (csv.orders.len(), csv.payments), "a row, a command");
    path
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    println!("{what}: {:?}", begun.elapsed());
    done
}

/// What an import reported.
struct Report {
    summary: Value,
    refusals: Vec<Value>,
}

impl Report {
    fn count(&self, name: &str) -> u64 {
        self.summary[name].as_u64().unwrap()
    }
}

fn import(system: &System, commands: &Path) -> Report {
    let refusals = system.file("refusals.ndjson");
    let arguments = ["import", commands.to_str().unwrap(), "--json", "--refusals", refusals.to_str().unwrap()];
    let summary = timed("import", || Run::of(&mut system.command(&arguments)).exits(REFUSED).json());
    println!("{summary}");
    let refusals = std::fs::read_to_string(&refusals).unwrap();
    Report { summary, refusals: refusals.lines().map(|line| serde_json::from_str(line).unwrap()).collect() }
}

/// Every row became an accepted command or a line of the report with the reason that it must have.
fn reconcile_report(csv: &Csv, report: &Report) {
    assert_eq!(report.count("lines"), report.count("accepted") + report.count("refused"));
    assert_eq!((report.count("repeated"), report.count("refused")), (0, report.refusals.len() as u64));
    let mut refused: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for it in &report.refusals {
        let command: Value = serde_json::from_str(it["text"].as_str().unwrap()).unwrap();
        let id = ["payment_id", "order_id"].into_iter().find_map(|name| command["data"][name].as_str()).unwrap();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let key = (text(&command["command"]), text(&it["problem"]["code"]));
        assert!(refused.entry(key).or_default().insert(id.to_owned()), "{id} was refused twice");
    }
    let orders = |is_refused: fn(&Order) -> bool| csv.orders.values().filter(move |it| is_refused(it));
    let payments = |is_refused: fn(&Payment) -> bool| {
        let ids =
            csv.orders.iter().flat_map(|(order_id, it)| it.payments.iter().map(move |payment| (order_id, payment)));
        ids.filter(move |(_, it)| is_refused(it))
            .map(|(order_id, it)| format!("{order_id}-{}", it.sequential))
            .collect()
    };
    let expected = [
        ("place-order", "no_lines", orders(|it| it.items.is_empty()).map(|it| it.order_id.clone()).collect()),
        ("receive-payment", "amount_not_positive", payments(|it| it.cents == 0 && it.kind != "not_defined")),
        ("receive-payment", "unknown_value", payments(|it| it.kind == "not_defined")),
    ];
    let expected = expected.into_iter().map(|(command, code, ids)| ((command.to_owned(), code.to_owned()), ids));
    let expected: BTreeMap<_, BTreeSet<String>> = expected.collect();
    assert_eq!(refused, expected);
}

/// The payments of the files are those of the history, each with its cents; so are the orders with their items.
fn reconcile_history(csv: &Csv, events: &[Value]) {
    let amount = |it: &Value| minor(it.as_str().unwrap().strip_suffix(" BRL").unwrap());
    let of = |kind: &'static str| events.iter().filter(move |it| it["kind"] == kind).map(|it| &it["data"]);
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let received = of("payment-received.v1").map(|it| (text(&it["payment_id"]), amount(&it["amount"])));
    let received: BTreeMap<String, i128> = received.collect();
    let expected = csv.received().map(|(order_id, it)| (format!("{order_id}-{}", it.sequential), it.cents));
    assert_eq!(received, expected.collect());
    // Nothing that was refused was worth a cent, so all the money of the files is there.
    assert_eq!(received.values().sum::<i128>(), csv.paid());
    let placed = of("order-placed.v1").map(|it| (text(&it["order_id"]), amount(&it["total"]["gross"])));
    let with_items = csv.orders.values().filter(|it| !it.items.is_empty());
    assert_eq!(placed.collect::<BTreeMap<_, _>>(), with_items.map(|it| (it.order_id.clone(), it.gross())).collect());
}

/// The days of the shop, in its own time zone, come to the same sums by every way of paying.
async fn reconcile_takings(csv: &Csv, api: &mizan_tests::Client) {
    let mut takings: BTreeMap<String, (i128, usize)> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = api.query(&format!("daily-takings?time_zone=America/Sao_Paulo&limit=100{cursor}")).await;
        for row in page["data"].as_array().unwrap() {
            let sum = takings.entry(row["method"].as_str().unwrap().to_owned()).or_default();
            sum.0 += minor(row["captured"].as_str().unwrap());
            sum.1 += usize::try_from(row["movements"].as_u64().unwrap()).unwrap();
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let mut expected: BTreeMap<String, (i128, usize)> = BTreeMap::new();
    for (_, it) in csv.received() {
        let sum = expected.entry(it.method().to_owned()).or_default();
        *sum = (sum.0 + it.cents, sum.1 + 1);
    }
    assert_eq!(takings, expected);
}

/// The files, read without any help of the converter.
struct Csv {
    orders: BTreeMap<String, Order>,
    items: usize,
    payments: usize,
}

struct Order {
    order_id: String,
    status: String,
    /// Whether the carrier had it.
    has_left: bool,
    /// Price and freight of each item, in cents.
    items: Vec<(i128, i128)>,
    payments: Vec<Payment>,
}

struct Payment {
    sequential: String,
    kind: String,
    installments: u32,
    cents: i128,
}

impl Csv {
    fn read(dir: &Path) -> Self {
        let rows = |name: &str| -> Vec<BTreeMap<String, String>> {
            let mut reader = csv::Reader::from_path(dir.join(name)).unwrap();
            let headers = reader.headers().unwrap().clone();
            let each = reader.records().map(|row| row.unwrap().deserialize::<Row>(Some(&headers)).unwrap().0);
            each.collect()
        };
        let mut orders = BTreeMap::new();
        for row in rows("orders.csv") {
            let order = Order {
                order_id: row["order_id"].clone(),
                status: row["order_status"].clone(),
                has_left: !row["order_delivered_carrier_date"].is_empty(),
                items: Vec::new(),
                payments: Vec::new(),
            };
            assert!(orders.insert(row["order_id"].clone(), order).is_none(), "an order twice");
        }
        let (items, payments) = (rows("order_items.csv"), rows("order_payments.csv"));
        for row in &items {
            let order: &mut Order = orders.get_mut(&row["order_id"]).unwrap();
            order.items.push((cents(&row["price"]), cents(&row["freight_value"])));
        }
        for row in &payments {
            let (sequential, kind) = (row["payment_sequential"].clone(), row["payment_type"].clone());
            let installments = row["payment_installments"].parse().unwrap();
            let payment = Payment { sequential, kind, installments, cents: cents(&row["payment_value"]) };
            orders.get_mut(&row["order_id"]).unwrap().payments.push(payment);
        }
        Self { orders, items: items.len(), payments: payments.len() }
    }

    fn paid(&self) -> i128 {
        self.orders.values().map(Order::paid).sum()
    }

    /// What cards paid in more than one installment.
    fn paid_in_installments(&self) -> i128 {
        let in_parts = self.received().filter(|(_, it)| it.kind == "credit_card" && it.installments > 1);
        in_parts.map(|(_, it)| it.cents).sum()
    }

    /// The payments that are any.
    fn received(&self) -> impl Iterator<Item = (&String, &Payment)> {
        let all =
            self.orders.iter().flat_map(|(order_id, it)| it.payments.iter().map(move |payment| (order_id, payment)));
        all.filter(|(_, it)| it.cents > 0 && it.kind != "not_defined")
    }

    /// The books that must come of it, by what is known of each order.
    fn books(&self) -> BTreeMap<String, String> {
        let mut books: BTreeMap<&str, i128> = BTreeMap::new();
        let mut debit = |account: &'static str, cents: i128| *books.entry(account).or_default() += cents;
        for (_, it) in self.received() {
            let account = match it.method() {
                "card" => "psp_clearing",
                "bank_transfer" => "bank",
                _voucher => "gift_card",
            };
            debit(account, it.cents);
        }
        for it in self.orders.values() {
            // The files have no payment that is nothing and counts, so what was paid is what was received.
            let (paid, gross) = (it.paid(), it.gross());
            let used = paid.min(gross);
            // Too much, or for an order that there is not.
            debit("customer_credit", used - paid);
            let (goods, freight): (i128, i128) = it.items.iter().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
            match (it.status.as_str(), it.has_left) {
                (_, _) if it.items.is_empty() => (),
                ("delivered" | "shipped", _) => {
                    debit("sales", -goods);
                    debit("shipping", -freight);
                    debit("ar_customer", gross - used);
                }
                ("canceled" | "unavailable", true) => {
                    debit("sales", -goods);
                    debit("shipping", -freight);
                    debit("returns", gross);
                    debit("refunds_pending", -used);
                }
                ("canceled" | "unavailable", false) => debit("refunds_pending", -used),
                (_waiting, _) => debit("deferred_revenue", -used),
            }
        }
        let shown = |cents: i128| {
            let (sign, cents) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
            format!("{sign}{}.{:02}", cents / 100, cents % 100)
        };
        books.into_iter().filter(|(_, it)| *it != 0).map(|(account, it)| (account.to_owned(), shown(it))).collect()
    }
}

impl Order {
    fn paid(&self) -> i128 {
        self.payments.iter().map(|it| it.cents).sum()
    }

    fn gross(&self) -> i128 {
        self.items.iter().map(|(price, freight)| price + freight).sum()
    }
}

impl Payment {
    fn method(&self) -> &str {
        match self.kind.as_str() {
            "credit_card" | "debit_card" => "card",
            "boleto" => "bank_transfer",
            other => other,
        }
    }
}

#[derive(Deserialize)]
struct Row(BTreeMap<String, String>);

/// Cents of `144.0`, by its digits.
fn cents(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 2, "{text} has parts of a cent");
    minor(&format!("{whole}.{fraction:0<2}"))
}
