//! Histories to measure on: sold, paid and delivered orders, decided by the real deciders and appended in large batches.

use crate::Failure;
use chrono::{DateTime, Utc};
use mizan::asking::Asking;
use mizan::commands::read;
use mizan_domain::event::{Aggregate, Command, StreamName};
use mizan_domain::id::MerchantId;
use mizan_domain::metadata::{Metadata, event_id, reaction_id};
use mizan_domain::text::Text;
use mizan_domain::{policy, wire};
use mizan_store::{Batch, Log, NewEvent, Outcome, StreamAppend};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// Orders that are decided and appended together.
const BATCH_ORDERS: u64 = 500;

/// Decides, and keeps what is to be appended.
struct Ledger {
    merchant: MerchantId,
    actor: Text,
    now: DateTime<Utc>,
    streams: BTreeMap<StreamName, (Aggregate, Vec<NewEvent>)>,
    commands: u128,
}

/// Appends so many orders, the first with this number: four events each.
pub(crate) async fn sell(log: &Log, first: u64, orders: u64) -> Result<(), Failure> {
    let mut ledger = Ledger {
        merchant: MerchantId::parse("bench")?,
        actor: Text::parse("bench")?,
        now: "2026-11-01T12:00:00Z".parse()?,
        streams: BTreeMap::new(),
        commands: u128::from(first) << 8,
    };
    let end = first + orders;
    let mut next = first;
    while next < end {
        let until = end.min(next + BATCH_ORDERS);
        for number in next..until {
            for (name, data) in story(number) {
                ledger.ask(name, &data)?;
            }
        }
        ledger.append(log).await?;
        next = until;
    }
    Ok(())
}

/// An order of two lines that is paid and leaves.
fn story(number: u64) -> [(&'static str, Value); 3] {
    let (order, customer) = (format!("o-{number}"), format!("c-{}", number % 50_000));
    let lines = json!([
        { "sku": "kettle-1", "quantity": 1, "unit_price": "24.90", "taxes": [{ "rate": "0.19", "jurisdiction": "DE" }] },
        { "sku": "cup-7", "quantity": 4, "unit_price": "3.20", "taxes": [{ "rate": "0.19", "jurisdiction": "DE" }] },
    ]);
    [
        ("place-order", json!({ "order_id": order, "customer_id": customer, "currency": "EUR", "lines": lines })),
        (
            "receive-payment",
            json!({
                "payment_id": format!("p-{number}"), "order_id": order, "customer_id": customer, "method": "card",
                "amount": "44.86", "currency": "EUR", "provider_reference": format!("ch_3Q{number:08}"),
            }),
        ),
        ("fulfil-order", json!({ "order_id": order, "fulfilment_id": "s-1" })),
    ]
}

impl Ledger {
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
        let (merchant_id, actor) = (self.merchant.clone(), self.actor.clone());
        let metadata = Metadata { merchant_id, actor, command_id, correlation_id, causation_id, trace: None };
        let metadata = serde_json::to_vec(&metadata)?;
        let new = || (Aggregate::empty_for(command), Vec::new());
        let (state, made) = self.streams.entry(command.stream()).or_insert_with(new);
        let mut events = Vec::new();
        for (nth, event) in state.decide(command)?.into_iter().enumerate() {
            let (event_id, written) = (event_id(command_id, nth), wire::write(&event)?);
            let (kind, payload, metadata) = (written.kind, written.payload, metadata.clone());
            made.push(NewEvent { event_id, kind, payload, metadata });
            state.evolve(&event);
            events.push((event_id, policy::react(&event)));
        }
        Ok(events)
    }

    async fn append(&mut self, log: &Log) -> Result<(), Failure> {
        let append = |(stream, (_, events))| {
            let merchant = self.merchant.clone();
            StreamAppend { merchant, stream, expected: 0, events, keys: Vec::new() }
        };
        let streams = std::mem::take(&mut self.streams).into_iter().map(append).collect();
        let outcomes = log.append(&Batch { streams }).await?;
        let is_done = outcomes.iter().all(|it| matches!(it, Outcome::Appended { .. }));
        if is_done { Ok(()) } else { Err("a batch was not appended".into()) }
    }
}
