//! The union of all aggregates: any command, any event, any state, any refusal.

use crate::decider::{Decider, Refused};
use crate::entry::Entry;
use crate::order::{self, Order, Timestamp};
use crate::payment::{self, Payment};
use std::fmt;
use std::sync::Arc;

/// The name of a stream inside a merchant: its category and the aggregate's id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName {
    /// For example `order`.
    pub category: &'static str,
    /// For example `o-1`.
    pub id: Arc<str>,
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.category, self.id)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Anything that can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Of an order.
    Order(order::Command),
    /// Of a payment.
    Payment(payment::Command),
}

impl Command {
    /// The stream that decides it.
    #[must_use]
    pub fn stream(&self) -> StreamName {
        match self {
            Self::Order(it) => StreamName { category: Order::CATEGORY, id: it.order_id().as_str().into() },
            Self::Payment(it) => StreamName { category: Payment::CATEGORY, id: it.payment_id().as_str().into() },
        }
    }
}

/// Anything that can have happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// To an order.
    Order(order::Event),
    /// To a payment.
    Payment(payment::Event),
}

impl Event {
    /// The entry of the fact in the posted layer, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Order(it) => it.entry(),
            Self::Payment(it) => it.entry(),
        }
    }

    /// The entry in the pending layer: what is expected, not what is there.
    #[must_use]
    pub fn pending(&self) -> Option<&Entry> {
        match self {
            Self::Order(_) => None,
            Self::Payment(it) => it.pending(),
        }
    }

    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Order(it) => it.at(),
            Self::Payment(it) => it.at(),
        }
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Says an order.
    #[error(transparent)]
    Order(#[from] order::Refusal),
    /// Says a payment.
    #[error(transparent)]
    Payment(#[from] payment::Refusal),
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Order(it) => it.code(),
            Self::Payment(it) => it.code(),
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::Order(it) => it.pointer(),
            Self::Payment(it) => it.pointer(),
        }
    }
}

/// The state of any stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregate {
    /// An order.
    Order(Box<Order>),
    /// A payment.
    Payment(Box<Payment>),
}

impl Aggregate {
    /// The state before the first event of the stream that this command asks.
    #[must_use]
    pub fn empty_for(command: &Command) -> Self {
        match command {
            Command::Order(_) => Self::Order(Box::default()),
            Command::Payment(_) => Self::Payment(Box::default()),
        }
    }

    /// Decides a command. A command for another kind of aggregate decides nothing.
    ///
    /// # Errors
    /// The aggregate's refusal.
    pub fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match (self, command) {
            (Self::Order(state), Command::Order(it)) => Ok(state.decide(it)?.into_iter().map(Event::Order).collect()),
            (Self::Payment(state), Command::Payment(it)) => {
                Ok(state.decide(it)?.into_iter().map(Event::Payment).collect())
            }
            (Self::Order(_), Command::Payment(_)) | (Self::Payment(_), Command::Order(_)) => Ok(Vec::new()),
        }
    }

    /// Takes over a fact. A fact of another kind of aggregate changes nothing.
    pub fn evolve(&mut self, event: &Event) {
        match (self, event) {
            (Self::Order(state), Event::Order(it)) => state.evolve(it),
            (Self::Payment(state), Event::Payment(it)) => state.evolve(it),
            (Self::Order(_), Event::Payment(_)) | (Self::Payment(_), Event::Order(_)) => (),
        }
    }
}
