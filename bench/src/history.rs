//! Histories to measure on: orders decided by the real deciders and appended in large batches, past HTTP.

use crate::Failure;
use chrono::{DateTime, Utc};
use mizan::asking::Asking;
use mizan::commands::read;
use mizan_domain::event::{Aggregate, Command, StreamName};
use mizan_domain::id::MerchantId;
use mizan_domain::metadata::{Metadata, event_id, reaction_id};
use mizan_domain::text::Text;
use mizan_domain::{policy, wire};
use mizan_store::{Keyed, Log, NewEvent, Taken, WholeBatch, WholeEvent, WholeStream};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Orders that are decided and appended together.
const BATCH_ORDERS: u64 = 500;

/// What becomes of each order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    /// Placed: one event.
    Placed,
    /// Placed, paid and delivered: four events.
    Sold,
}

impl Story {
    pub(crate) fn events(self) -> u64 {
        match self {
            Self::Placed => 1,
            Self::Sold => 4,
        }
    }
}

/// A history of orders whose names are those of [`crate::requests`].
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) log: Log,
    pub(crate) merchant: MerchantId,
    pub(crate) story: Story,
    pub(crate) customers: u64,
}

/// Decides, and keeps what is to be appended.
struct Ledger<'a> {
    history: &'a History,
    actor: Text,
    now: DateTime<Utc>,
    streams: BTreeMap<StreamName, Stream>,
    commands: u128,
}

struct Stream {
    state: Aggregate,
    events: Vec<NewEvent>,
    keys: Vec<Keyed>,
}

impl History {
    /// Appends the orders with these numbers. Each command has an idempotency key, as those of clients have.
    pub(crate) async fn append(&self, numbers: Range<u64>) -> Result<(), Failure> {
        let mut ledger = Ledger {
            history: self,
            actor: Text::parse("bench")?,
            now: "2026-11-01T12:00:00Z".parse()?,
            streams: BTreeMap::new(),
            commands: u128::from(numbers.start) << 8,
        };
        let mut appending: Option<JoinHandle<Result<(), Failure>>> = None;
        let mut next = numbers.start;
        while next < numbers.end {
            let until = numbers.end.min(next + BATCH_ORDERS);
            for number in next..until {
                for (name, data) in self.commands(number) {
                    ledger.ask(name, &data)?;
                }
            }
            let batch = ledger.batch();
            if let Some(before) = appending.take() {
                before.await??;
            }
            // The next ones are decided while these are written.
            appending = Some(tokio::spawn(append(self.log.clone(), batch)));
            next = until;
        }
        if let Some(last) = appending {
            last.await??;
        }
        Ok(())
    }

    fn commands(&self, number: u64) -> Vec<(&'static str, Value)> {
        let (order, customer) = (format!("o-{number:09}"), format!("c-{:09}", number % self.customers));
        let lines = json!([
            { "sku": "kettle-1", "quantity": 1, "unit_price": "24.90", "taxes": [{ "rate": "0.19", "jurisdiction": "DE" }] },
            { "sku": "cup-7", "quantity": 4, "unit_price": "3.20", "taxes": [{ "rate": "0.19", "jurisdiction": "DE" }] },
        ]);
        let place = json!({ "order_id": order, "customer_id": customer, "currency": "EUR", "lines": lines });
        match self.story {
            Story::Placed => vec![("place-order", place)],
            Story::Sold => vec![
                ("place-order", place),
                (
                    "receive-payment",
                    json!({
                        "payment_id": format!("p-{number:09}"), "order_id": order, "customer_id": customer,
                        "method": "card", "amount": "44.86", "currency": "EUR",
                        "provider_reference": format!("ch_3Q{number:09}"),
                    }),
                ),
                ("fulfil-order", json!({ "order_id": order, "fulfilment_id": "s-1" })),
            ],
        }
    }
}

impl Ledger<'_> {
    fn ask(&mut self, name: &str, data: &Value) -> Result<(), Failure> {
        let asking = read(name, data.to_string().as_bytes(), self.now).ok_or("no such command")?;
        let Asking::Command(command) = asking.map_err(|fault| format!("{name}: {}", fault.message))? else {
            return Err("the command needs an engine".into());
        };
        self.commands += 1;
        let story = Uuid::from_u128(self.commands << 64 | 0x5000_8000_0000_0000_0000);
        let mut asked = VecDeque::from([(story, None, command)]);
        while let Some((id, cause, command)) = asked.pop_front() {
            for (event_id, reactions) in self.decide(story, id, cause, &command)? {
                let each = reactions.into_iter().enumerate();
                asked.extend(each.map(|(nth, it)| (reaction_id(event_id, nth), Some(event_id), it)));
            }
        }
        Ok(())
    }

    fn decide(
        &mut self,
        correlation_id: Uuid,
        command_id: Uuid,
        causation_id: Option<Uuid>,
        command: &Command,
    ) -> Result<Vec<(Uuid, Vec<Command>)>, Failure> {
        let (merchant_id, actor) = (self.history.merchant.clone(), self.actor.clone());
        let metadata = Metadata { merchant_id, actor, command_id, correlation_id, causation_id, trace: None };
        let metadata = serde_json::to_vec(&metadata)?;
        let new = || Stream { state: Aggregate::empty_for(command), events: Vec::new(), keys: Vec::new() };
        let stream = self.streams.entry(command.stream()).or_insert_with(new);
        let first_revision = stream.events.len() as i64 + 1;
        let mut events = Vec::new();
        for (nth, event) in stream.state.decide(command)?.into_iter().enumerate() {
            let (event_id, written) = (event_id(command_id, nth), wire::write(&event)?);
            let (kind, payload, metadata) = (written.kind, written.payload, metadata.clone());
            stream.events.push(NewEvent { event_id, kind, payload, metadata });
            stream.state.evolve(&event);
            events.push((event_id, policy::react(&event)));
        }
        if causation_id.is_none() {
            let (key, fingerprint) = hashes(self.commands);
            let last_revision = stream.events.len() as i64;
            stream.keys.push(Keyed { key, fingerprint, first_revision, last_revision });
        }
        Ok(events)
    }

    /// What has been decided since the last time.
    fn batch(&mut self) -> WholeBatch {
        let mut batch = WholeBatch::default();
        for (nth, (stream, it)) in std::mem::take(&mut self.streams).into_iter().enumerate() {
            let (merchant, count) = (self.history.merchant.clone(), it.events.len() as i32);
            batch.streams.push(WholeStream { merchant, stream, expected: 0, count });
            batch.events.extend(it.events.into_iter().zip(1..).map(|(event, revision)| WholeEvent {
                stream: nth,
                revision,
                event_id: event.event_id,
                kind: event.kind,
                payload: event.payload.into(),
                metadata: event.metadata.into(),
            }));
            batch.keys.extend(it.keys.into_iter().map(|key| (nth, key)));
        }
        batch
    }
}

async fn append(log: Log, batch: WholeBatch) -> Result<(), Failure> {
    let taken = log.append_whole(&batch).await?;
    // What follows is in the history with it: nobody has to look for it.
    log.move_policy_checkpoint(log.head().await?).await?;
    if taken == Taken::Not { Err("a batch was not appended".into()) } else { Ok(()) }
}

/// A key's hash and a fingerprint: as long and as random as real ones.
fn hashes(command: u128) -> (Vec<u8>, Vec<u8>) {
    let mut random = SmallRng::seed_from_u64(command as u64);
    let mut hash = || (0..4).flat_map(|_| random.random::<u64>().to_be_bytes()).collect();
    (hash(), hash())
}
