//! One private cluster for all tests, a database for each, and a ledger that asks the real deciders.

use chrono::{DateTime, TimeDelta, Utc};
use mizan_domain::event::{Aggregate, Command, Event, StreamName};
use mizan_domain::id::MerchantId;
use mizan_domain::metadata::{Metadata, event_id, reaction_id};
use mizan_domain::order::{self, LineKind, NewLine, PlaceOrder, Price, RefundOrder, Tax, TaxRounding};
use mizan_domain::payment::{self, Intent, Method};
use mizan_domain::rate::Rate;
use mizan_domain::text::Text;
use mizan_domain::{Money, Refusal, policy, wire};
use mizan_store::embedded::{Cluster, Settings};
use mizan_store::{Batch, Log, NewEvent, Outcome, StreamAppend};
use sqlx::{Connection, PgConnection};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Longer than anything takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    cluster: Cluster,
    /// Its supervision lives here; each test has a runtime of its own, which ends with it.
    _runtime: Runtime,
    /// Removes the data when this process has ended, however it ends: the pipe to it closes then.
    _sweeper: Child,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| std::thread::spawn(start_server).join().unwrap())
}

fn start_server() -> Server {
    let data_dir: PathBuf = std::env::temp_dir().join(format!("mizan-projections-{}", Uuid::now_v7().simple()));
    std::fs::create_dir(&data_dir).unwrap();
    open_to_all(&data_dir);
    let sweep = "cat >/dev/null; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; rm -rf \"$1\" && exit; done";
    let mut sweeper = Process::new("/bin/sh");
    sweeper.args(["-c", sweep, "sweeper"]).arg(&data_dir).stdin(Stdio::piped()).stderr(Stdio::null());
    let sweeper = sweeper.spawn().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let settings = Settings { data_dir, durable: false };
    let cluster = runtime.block_on(Cluster::start(settings)).unwrap_or_else(|why| panic!("{why}"));
    Server { cluster, _runtime: runtime, _sweeper: sweeper }
}

fn open_to_all(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A log in a database of its own.
pub(super) async fn fresh_log() -> Log {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let cluster = &server().cluster;
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect_with(&cluster.connect_options()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut admin).await.unwrap();
    Log::connect(cluster.connect_options_for(&name), 8).await.unwrap()
}

/// Decides commands, lets the policies react, and keeps what is to be appended.
pub(super) struct Ledger {
    pub(super) log: Log,
    states: BTreeMap<(MerchantId, StreamName), (Aggregate, i64)>,
    waiting: BTreeMap<(MerchantId, StreamName), StreamAppend>,
    commands: u128,
    minutes: i64,
}

impl Ledger {
    pub(super) async fn new() -> Self {
        Self::on(fresh_log().await)
    }

    pub(super) fn on(log: Log) -> Self {
        Self { log, states: BTreeMap::new(), waiting: BTreeMap::new(), commands: 0, minutes: 0 }
    }

    /// A minute later each time.
    pub(super) fn now(&mut self) -> DateTime<Utc> {
        self.minutes += 1;
        let start: DateTime<Utc> = "2026-01-05T10:00:00Z".parse().unwrap();
        start + TimeDelta::minutes(self.minutes)
    }

    /// Decides a command and all that follows from it. Nothing is in the log before [`Self::flush`].
    pub(super) fn ask(&mut self, merchant: &str, command: impl Into<Command>) -> Result<(), Refusal> {
        self.commands += 1;
        let first = Uuid::from_u128(self.commands << 64 | 0x5000_8000_0000_0000_0000);
        let mut asked = VecDeque::from([(first, None, command.into())]);
        while let Some((id, cause, command)) = asked.pop_front() {
            let decided = match self.decide(merchant, first, id, cause.as_ref().map(|(id, _)| *id), &command) {
                Ok(events) => events,
                Err(refusal) => match &cause {
                    None => return Err(refusal),
                    Some((_, event)) => {
                        let otherwise = policy::on_refusal(event, &command);
                        asked.extend(otherwise.map(|it| (reaction_id(id, 0), cause.clone(), it)));
                        continue;
                    }
                },
            };
            for (event_id, event) in decided {
                for (nth, reaction) in policy::react(&event).into_iter().enumerate() {
                    asked.push_back((reaction_id(event_id, nth), Some((event_id, event.clone())), reaction));
                }
            }
        }
        Ok(())
    }

    fn decide(
        &mut self,
        merchant: &str,
        first: Uuid,
        command_id: Uuid,
        causation_id: Option<Uuid>,
        command: &Command,
    ) -> Result<Vec<(Uuid, Event)>, Refusal> {
        let key = (id(merchant), command.stream());
        let (state, revision) = self.states.entry(key.clone()).or_insert_with(|| (Aggregate::empty_for(command), 0));
        let events = state.decide(command)?;
        let metadata = Metadata {
            merchant_id: key.0.clone(),
            actor: text("test"),
            command_id,
            correlation_id: first,
            causation_id,
            trace: None,
        };
        let metadata = serde_json::to_vec(&metadata).unwrap();
        let append = self.waiting.entry(key.clone()).or_insert_with(|| StreamAppend {
            merchant: key.0.clone(),
            stream: key.1.clone(),
            expected: *revision,
            events: Vec::new(),
            keys: Vec::new(),
        });
        let mut made = Vec::new();
        for (nth, event) in events.into_iter().enumerate() {
            let event_id = event_id(command_id, nth);
            let written = wire::write(&event).unwrap();
            let (kind, payload, metadata) = (written.kind, written.payload, metadata.clone());
            append.events.push(NewEvent { event_id, kind, payload, metadata });
            state.evolve(&event);
            *revision += 1;
            made.push((event_id, event));
        }
        Ok(made)
    }

    /// Appends everything that was decided, a batch of streams at a time.
    pub(super) async fn flush(&mut self) {
        let streams: Vec<StreamAppend> =
            std::mem::take(&mut self.waiting).into_values().filter(|it| !it.events.is_empty()).collect();
        for streams in streams.chunks(1_000) {
            let outcomes = self.log.append(&Batch { streams: streams.to_vec() }).await.unwrap();
            assert!(outcomes.iter().all(|it| matches!(it, Outcome::Appended { .. })));
        }
    }

    /// Decides and appends.
    pub(super) async fn does(&mut self, merchant: &str, command: impl Into<Command>) {
        self.ask(merchant, command).unwrap_or_else(|refusal| panic!("{refusal}"));
        self.flush().await;
    }

    /// An event that no program can read.
    pub(super) async fn append_poison(&mut self, merchant: &str) {
        let metadata = Metadata {
            merchant_id: id(merchant),
            actor: text("test"),
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            trace: None,
        };
        let event = NewEvent {
            event_id: Uuid::nil(),
            kind: "order-exploded.v1",
            payload: b"{}".to_vec(),
            metadata: serde_json::to_vec(&metadata).unwrap(),
        };
        let stream = StreamName { category: "order", id: "o-poison".into() };
        let (merchant, expected, keys) = (id(merchant), 0, Vec::new());
        let append = StreamAppend { merchant, stream, expected, events: vec![event], keys };
        self.log.append(&Batch { streams: vec![append] }).await.unwrap();
    }
}

/// An id that is known to be good.
pub(super) fn id<T: for<'de> serde::Deserialize<'de>>(text: &str) -> T {
    serde_json::from_value(serde_json::Value::from(text)).unwrap()
}

pub(super) fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

/// `12.30 EUR`
pub(super) fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// `gross` is the price of a unit, with 20 % tax in it.
pub(super) fn line(line_id: &str, quantity: u32, gross: &str) -> NewLine {
    NewLine {
        line_id: id(line_id),
        sku: text(&format!("sku-{line_id}")),
        kind: LineKind::Goods,
        quantity,
        price: Price::Unit(money(gross)),
        prices_include_tax: true,
        taxes: vec![Tax { jurisdiction: Some(id("DE")), rate: Rate::parse("0.20").unwrap() }],
        discounts: Vec::new(),
    }
}

pub(super) fn place(order: &str, customer: &str, lines: Vec<NewLine>, at: DateTime<Utc>) -> Command {
    let currency = match &lines[0].price {
        Price::Unit(price) => price.currency(),
        Price::Tiers { tiers, .. } => tiers[0].unit_price.currency(),
    };
    Command::Order(order::Command::Place(Box::new(PlaceOrder {
        order_id: id(order),
        customer_id: Some(id(customer)),
        currency,
        lines,
        discounts: Vec::new(),
        tax_rounding: TaxRounding::default(),
        refund_order: RefundOrder::default(),
        fulfil_when_paid: false,
        reference: Some(text(&format!("basket of {customer}"))),
        at,
    })))
}

pub(super) fn intent(payment: &str, order: &str, customer: &str, method: Method, amount: &str) -> Intent {
    Intent {
        payment_id: id(payment),
        order_id: Some(id(order)),
        plan_id: None,
        invoice_id: None,
        customer_id: Some(id(customer)),
        method,
        amount: money(amount),
        provider_reference: Some(text(&format!("ref-{payment}"))),
    }
}

pub(super) fn receive(intent: Intent, at: DateTime<Utc>) -> Command {
    Command::Payment(payment::Command::Receive(payment::Receive { intent, at }))
}

pub(super) fn authorise(intent: Intent, at: DateTime<Utc>) -> Command {
    Command::Payment(payment::Command::Authorise(payment::Authorise { intent, at }))
}

pub(super) fn capture(payment: &str, capture: &str, amount: &str, is_final: bool, at: DateTime<Utc>) -> Command {
    Command::Payment(payment::Command::Capture(payment::CapturePayment {
        payment_id: id(payment),
        capture_id: id(capture),
        amount: money(amount),
        is_final,
        at,
    }))
}

/// No lines are all of them.
fn units(lines: &[(&str, u32)]) -> Option<Vec<order::LineQuantity>> {
    if lines.is_empty() {
        return None;
    }
    Some(lines.iter().map(|(line, quantity)| order::LineQuantity { line_id: id(line), quantity: *quantity }).collect())
}

pub(super) fn fulfil(order: &str, shipment: &str, lines: &[(&str, u32)], at: DateTime<Utc>) -> Command {
    Command::Order(order::Command::Fulfil(order::Fulfil {
        order_id: id(order),
        fulfilment_id: id(shipment),
        lines: units(lines),
        reference: None,
        at,
    }))
}

pub(super) fn cancel(order: &str, cancellation: &str, lines: &[(&str, u32)], at: DateTime<Utc>) -> Command {
    Command::Order(order::Command::Cancel(order::Cancel {
        order_id: id(order),
        cancellation_id: id(cancellation),
        lines: units(lines),
        refund_to: order::RefundTo::Payment,
        reason: Some(text("out of stock")),
        at,
    }))
}

pub(super) fn take_back(order: &str, return_id: &str, lines: &[(&str, u32)], at: DateTime<Utc>) -> Command {
    Command::Order(order::Command::Return(order::Return {
        order_id: id(order),
        return_id: id(return_id),
        lines: units(lines),
        refund_to: order::RefundTo::Payment,
        reason: None,
        at,
    }))
}

/// The key and the value of each parameter.
pub(super) fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
