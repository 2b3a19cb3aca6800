//! Stored bytes, read as facts.

use crate::log::{Position, Stored};
use crate::seal::Leaf;
use chrono::{DateTime, Utc};
use mizan_domain::event::{Event, StreamName};
use mizan_domain::metadata::Metadata;
use mizan_domain::onchain::{deposit::Deposit, holding::Holding, invoice::Invoice, payout::Payout, wallet::Wallet};
use mizan_domain::{Decider, wire};
use mizan_domain::{clock::Clock, credit::Credit, customer::Customer};
use mizan_domain::{order::Order, payment::Payment, period::Periods, plan::Plan};
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// An event with everything that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its place in the history.
    pub position: Position,
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream, from 1.
    pub revision: i64,
    /// Derived from its command.
    pub event_id: Uuid,
    /// What happened, with its version.
    pub kind: Cow<'static, str>,
    /// When it was made durable.
    pub recorded_at: DateTime<Utc>,
    /// Whose it is, who asked, and as part of what.
    pub metadata: Arc<Metadata>,
    /// What happened.
    pub event: Arc<Event>,
}

/// An event that cannot be read. A reader stops at it and says so; it never skips.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event at position {position} cannot be read: {reason}")]
pub struct Unreadable {
    /// Where.
    pub position: Position,
    /// Why.
    pub reason: String,
}

impl TryFrom<Stored> for Recorded {
    type Error = Unreadable;

    fn try_from(it: Stored) -> Result<Self, Unreadable> {
        let (metadata, event) = understood(&Leaf::from(&it))?;
        Ok(Self {
            position: it.position,
            stream: StreamName { category: category_of(&event), id: it.name.into() },
            revision: it.revision,
            event_id: it.event_id,
            kind: it.kind.into(),
            recorded_at: it.recorded_at,
            metadata: Arc::new(metadata),
            event: Arc::new(event),
        })
    }
}

/// What an event says, held against the place where it stands; for readers who need nothing else of the place.
///
/// # Errors
/// [`Unreadable`].
pub fn understood(it: &Leaf<'_>) -> Result<(Metadata, Event), Unreadable> {
    let bad = |reason: String| Unreadable { position: Position::new(it.position), reason };
    let metadata: Metadata = serde_json::from_slice(it.metadata).map_err(|error| bad(format!("metadata: {error}")))?;
    if metadata.merchant_id.as_str() != it.merchant {
        return Err(bad(format!("its stream is of {}, its metadata of {}", it.merchant, metadata.merchant_id)));
    }
    let event = wire::read(it.kind, it.payload).map_err(|error| bad(error.to_string()))?;
    if category_of(&event) != it.category {
        return Err(bad(format!("a {} stands in a stream of category {}", it.kind, it.category)));
    }
    Ok((metadata, event))
}

fn category_of(event: &Event) -> &'static str {
    match event {
        Event::Order(_) => Order::CATEGORY,
        Event::Payment(_) => Payment::CATEGORY,
        Event::Credit(_) => Credit::CATEGORY,
        Event::Plan(_) => Plan::CATEGORY,
        Event::Clock(_) => Clock::CATEGORY,
        Event::Period(_) => Periods::CATEGORY,
        Event::Customer(_) => Customer::CATEGORY,
        Event::Wallet(_) => Wallet::CATEGORY,
        Event::Invoice(_) => Invoice::CATEGORY,
        Event::Deposit(_) => Deposit::CATEGORY,
        Event::Holding(_) => Holding::CATEGORY,
        Event::Payout(_) => Payout::CATEGORY,
    }
}
