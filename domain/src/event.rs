//! The union of all aggregates: any command, any event, any state, any refusal.

use crate::clock::{self, Clock};
use crate::credit::{self, Credit};
use crate::customer::{self, Customer};
use crate::decider::{Decider, Refused};
use crate::entry::Entry;
use crate::id::derived_uuid;
use crate::onchain::deposit::{self, Deposit};
use crate::onchain::holding::{self, Holding};
use crate::onchain::invoice::{self, Invoice};
use crate::onchain::payout::{self, Payout};
use crate::onchain::wallet::{self, Wallet};
use crate::order::{self, Order, Timestamp};
use crate::payment::{self, Payment};
use crate::period::{self, Periods};
use crate::plan::{self, Plan};
use chrono::NaiveDate;
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
    /// Of a customer's credit.
    Credit(credit::Command),
    /// Of an installment plan.
    Plan(plan::Command),
    /// Of the merchant's clock.
    Clock(clock::Command),
    /// Of the merchant's accounting periods.
    Period(period::Command),
    /// Of who a customer is.
    Customer(customer::Command),
    /// Of a watch-only wallet.
    Wallet(wallet::Command),
    /// Of an invoice on a chain.
    Invoice(invoice::Command),
    /// Of an output or token transfer.
    Deposit(deposit::Command),
    /// Of what is held of an asset.
    Holding(holding::Command),
    /// Of a payout on a chain.
    Payout(payout::Command),
}

impl Command {
    /// Whether this is what streams begin with, so that where there is one already, it hardly ever makes an event.
    #[must_use]
    pub fn begins(&self) -> bool {
        matches!(
            self,
            Self::Order(order::Command::Place(_))
                | Self::Payment(payment::Command::Authorise(_) | payment::Command::Receive(_))
        )
    }

    /// The stream that decides it.
    #[must_use]
    pub fn stream(&self) -> StreamName {
        match self {
            Self::Order(it) => StreamName { category: Order::CATEGORY, id: it.order_id().as_str().into() },
            Self::Payment(it) => StreamName { category: Payment::CATEGORY, id: it.payment_id().as_str().into() },
            Self::Credit(it) => StreamName { category: Credit::CATEGORY, id: it.customer_id().as_str().into() },
            Self::Plan(it) => StreamName { category: Plan::CATEGORY, id: it.plan_id().as_str().into() },
            Self::Clock(_) => StreamName { category: Clock::CATEGORY, id: clock::NAME.into() },
            Self::Period(_) => StreamName { category: Periods::CATEGORY, id: period::NAME.into() },
            Self::Customer(it) => StreamName { category: Customer::CATEGORY, id: it.customer_id().as_str().into() },
            Self::Wallet(it) => StreamName { category: Wallet::CATEGORY, id: it.wallet_id().as_str().into() },
            Self::Invoice(it) => StreamName { category: Invoice::CATEGORY, id: it.invoice_id().as_str().into() },
            Self::Deposit(it) => StreamName { category: Deposit::CATEGORY, id: it.deposit_id().as_str().into() },
            Self::Holding(it) => StreamName { category: Holding::CATEGORY, id: holding_name(it.asset()).into() },
            Self::Payout(it) => StreamName { category: Payout::CATEGORY, id: it.payout_id().as_str().into() },
        }
    }
}

/// One stream an asset. Its CAIP-19 name is no id, so the stream has an id that derives from it.
#[must_use]
pub fn holding_name(asset: crate::onchain::AssetId) -> String {
    derived_uuid(&["holding", &asset.to_string()]).to_string()
}

/// Anything that can have happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// To an order.
    Order(order::Event),
    /// To a payment.
    Payment(payment::Event),
    /// To a customer's credit.
    Credit(credit::Event),
    /// To an installment plan.
    Plan(plan::Event),
    /// To the merchant's clock.
    Clock(clock::Event),
    /// To the merchant's accounting periods.
    Period(period::Event),
    /// To who a customer is.
    Customer(customer::Event),
    /// To a watch-only wallet.
    Wallet(wallet::Event),
    /// To an invoice on a chain.
    Invoice(invoice::Event),
    /// To an output or token transfer.
    Deposit(deposit::Event),
    /// To what is held of an asset.
    Holding(holding::Event),
    /// To a payout on a chain.
    Payout(payout::Event),
}

impl Event {
    /// The entry of the fact in the posted layer, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Order(it) => it.entry(),
            Self::Payment(it) => it.entry(),
            Self::Plan(it) => it.entry(),
            Self::Invoice(it) => it.entry(),
            Self::Deposit(it) => it.entry(),
            Self::Holding(it) => it.entry(),
            Self::Credit(_)
            | Self::Clock(_)
            | Self::Period(_)
            | Self::Customer(_)
            | Self::Wallet(_)
            | Self::Payout(_) => None,
        }
    }

    /// The entry in the pending layer: what is expected, not what is there.
    #[must_use]
    pub fn pending(&self) -> Option<&Entry> {
        match self {
            Self::Payment(it) => it.pending(),
            Self::Order(_)
            | Self::Credit(_)
            | Self::Plan(_)
            | Self::Clock(_)
            | Self::Period(_)
            | Self::Customer(_)
            | Self::Wallet(_)
            | Self::Invoice(_)
            | Self::Deposit(_)
            | Self::Holding(_)
            | Self::Payout(_) => None,
        }
    }

    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Order(it) => it.at(),
            Self::Payment(it) => it.at(),
            Self::Credit(it) => it.at(),
            Self::Plan(it) => it.at(),
            Self::Clock(it) => it.at(),
            Self::Period(it) => it.at(),
            Self::Customer(it) => it.at(),
            Self::Wallet(it) => it.at(),
            Self::Invoice(it) => it.at(),
            Self::Deposit(it) => it.at(),
            Self::Holding(it) => it.at(),
            Self::Payout(it) => it.at(),
        }
    }

    /// The day it counts for in the books: that of [`at`](Self::at) in UTC, or for a step of a plan the day that it
    /// names, in the plan's time zone, and for the valuation of a holding the day that it is of. Where a step was done
    /// again because an earlier fact came to light, the two differ.
    #[must_use]
    pub fn effective_on(&self) -> NaiveDate {
        let day = match self {
            Self::Plan(it) => it.step().map(|step| step.effective_on),
            Self::Holding(it) => it.counts_on(),
            Self::Order(_)
            | Self::Payment(_)
            | Self::Credit(_)
            | Self::Clock(_)
            | Self::Period(_)
            | Self::Customer(_)
            | Self::Wallet(_)
            | Self::Invoice(_)
            | Self::Deposit(_)
            | Self::Payout(_) => None,
        };
        day.unwrap_or_else(|| self.at().date_naive())
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
    /// Says a customer's credit.
    #[error(transparent)]
    Credit(#[from] credit::Refusal),
    /// Says an installment plan.
    #[error(transparent)]
    Plan(#[from] plan::Refusal),
    /// Says the merchant's clock.
    #[error(transparent)]
    Clock(#[from] clock::Refusal),
    /// Say the merchant's accounting periods.
    #[error(transparent)]
    Period(#[from] period::Refusal),
    /// Says who a customer is.
    #[error(transparent)]
    Customer(#[from] customer::Refusal),
    /// Says a watch-only wallet.
    #[error(transparent)]
    Wallet(#[from] wallet::Refusal),
    /// Says an invoice on a chain.
    #[error(transparent)]
    Invoice(#[from] invoice::Refusal),
    /// Says an output or token transfer.
    #[error(transparent)]
    Deposit(#[from] deposit::Refusal),
    /// Says what is held of an asset.
    #[error(transparent)]
    Holding(#[from] holding::Refusal),
    /// Says a payout on a chain.
    #[error(transparent)]
    Payout(#[from] payout::Refusal),
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Order(it) => it.code(),
            Self::Payment(it) => it.code(),
            Self::Credit(it) => it.code(),
            Self::Plan(it) => it.code(),
            Self::Clock(it) => it.code(),
            Self::Period(it) => it.code(),
            Self::Customer(it) => it.code(),
            Self::Wallet(it) => it.code(),
            Self::Invoice(it) => it.code(),
            Self::Deposit(it) => it.code(),
            Self::Holding(it) => it.code(),
            Self::Payout(it) => it.code(),
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::Order(it) => it.pointer(),
            Self::Payment(it) => it.pointer(),
            Self::Credit(it) => it.pointer(),
            Self::Plan(it) => it.pointer(),
            Self::Clock(it) => it.pointer(),
            Self::Period(it) => it.pointer(),
            Self::Customer(it) => it.pointer(),
            Self::Wallet(it) => it.pointer(),
            Self::Invoice(it) => it.pointer(),
            Self::Deposit(it) => it.pointer(),
            Self::Holding(it) => it.pointer(),
            Self::Payout(it) => it.pointer(),
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
    /// A customer's credit.
    Credit(Box<Credit>),
    /// An installment plan.
    Plan(Box<Plan>),
    /// The merchant's clock.
    Clock(Clock),
    /// The merchant's accounting periods.
    Period(Periods),
    /// Who a customer is.
    Customer(Box<Customer>),
    /// A watch-only wallet.
    Wallet(Box<Wallet>),
    /// An invoice on a chain.
    Invoice(Box<Invoice>),
    /// An output or token transfer.
    Deposit(Box<Deposit>),
    /// What is held of an asset.
    Holding(Box<Holding>),
    /// A payout on a chain.
    Payout(Box<Payout>),
}

impl Aggregate {
    /// The state before the first event of the stream that this command asks.
    #[must_use]
    pub fn empty_for(command: &Command) -> Self {
        match command {
            Command::Order(_) => Self::Order(Box::default()),
            Command::Payment(_) => Self::Payment(Box::default()),
            Command::Credit(_) => Self::Credit(Box::default()),
            Command::Plan(_) => Self::Plan(Box::default()),
            Command::Clock(_) => Self::Clock(Clock::default()),
            Command::Period(_) => Self::Period(Periods::default()),
            Command::Customer(_) => Self::Customer(Box::default()),
            Command::Wallet(_) => Self::Wallet(Box::default()),
            Command::Invoice(_) => Self::Invoice(Box::default()),
            Command::Deposit(_) => Self::Deposit(Box::default()),
            Command::Holding(_) => Self::Holding(Box::default()),
            Command::Payout(_) => Self::Payout(Box::default()),
        }
    }

    /// The state before an event of this kind of stream, for readers of the history.
    #[must_use]
    pub fn empty_of(event: &Event) -> Self {
        match event {
            Event::Order(_) => Self::Order(Box::default()),
            Event::Payment(_) => Self::Payment(Box::default()),
            Event::Credit(_) => Self::Credit(Box::default()),
            Event::Plan(_) => Self::Plan(Box::default()),
            Event::Clock(_) => Self::Clock(Clock::default()),
            Event::Period(_) => Self::Period(Periods::default()),
            Event::Customer(_) => Self::Customer(Box::default()),
            Event::Wallet(_) => Self::Wallet(Box::default()),
            Event::Invoice(_) => Self::Invoice(Box::default()),
            Event::Deposit(_) => Self::Deposit(Box::default()),
            Event::Holding(_) => Self::Holding(Box::default()),
            Event::Payout(_) => Self::Payout(Box::default()),
        }
    }

    /// Decides a command. A command for another kind of aggregate decides nothing.
    ///
    /// # Errors
    /// The aggregate's refusal.
    pub fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match (self, command) {
            (Self::Order(state), Command::Order(it)) => Ok(all(state.decide(it)?, Event::Order)),
            (Self::Payment(state), Command::Payment(it)) => Ok(all(state.decide(it)?, Event::Payment)),
            (Self::Credit(state), Command::Credit(it)) => Ok(all(state.decide(it)?, Event::Credit)),
            (Self::Plan(state), Command::Plan(it)) => Ok(all(state.decide(it)?, Event::Plan)),
            (Self::Clock(state), Command::Clock(it)) => Ok(all(state.decide(it)?, Event::Clock)),
            (Self::Period(state), Command::Period(it)) => Ok(all(state.decide(it)?, Event::Period)),
            (Self::Customer(state), Command::Customer(it)) => Ok(all(state.decide(it)?, Event::Customer)),
            (Self::Wallet(state), Command::Wallet(it)) => Ok(all(state.decide(it)?, Event::Wallet)),
            (Self::Invoice(state), Command::Invoice(it)) => Ok(all(state.decide(it)?, Event::Invoice)),
            (Self::Deposit(state), Command::Deposit(it)) => Ok(all(state.decide(it)?, Event::Deposit)),
            (Self::Holding(state), Command::Holding(it)) => Ok(all(state.decide(it)?, Event::Holding)),
            (Self::Payout(state), Command::Payout(it)) => Ok(all(state.decide(it)?, Event::Payout)),
            (
                Self::Order(_)
                | Self::Payment(_)
                | Self::Credit(_)
                | Self::Plan(_)
                | Self::Clock(_)
                | Self::Period(_)
                | Self::Customer(_)
                | Self::Wallet(_)
                | Self::Invoice(_)
                | Self::Deposit(_)
                | Self::Holding(_)
                | Self::Payout(_),
                _,
            ) => Ok(Vec::new()),
        }
    }

    /// Takes over a fact. A fact of another kind of aggregate changes nothing.
    pub fn evolve(&mut self, event: &Event) {
        match (self, event) {
            (Self::Order(state), Event::Order(it)) => state.evolve(it),
            (Self::Payment(state), Event::Payment(it)) => state.evolve(it),
            (Self::Credit(state), Event::Credit(it)) => state.evolve(it),
            (Self::Plan(state), Event::Plan(it)) => state.evolve(it),
            (Self::Clock(state), Event::Clock(it)) => state.evolve(it),
            (Self::Period(state), Event::Period(it)) => state.evolve(it),
            (Self::Customer(state), Event::Customer(it)) => state.evolve(it),
            (Self::Wallet(state), Event::Wallet(it)) => state.evolve(it),
            (Self::Invoice(state), Event::Invoice(it)) => state.evolve(it),
            (Self::Deposit(state), Event::Deposit(it)) => state.evolve(it),
            (Self::Holding(state), Event::Holding(it)) => state.evolve(it),
            (Self::Payout(state), Event::Payout(it)) => state.evolve(it),
            (
                Self::Order(_)
                | Self::Payment(_)
                | Self::Credit(_)
                | Self::Plan(_)
                | Self::Clock(_)
                | Self::Period(_)
                | Self::Customer(_)
                | Self::Wallet(_)
                | Self::Invoice(_)
                | Self::Deposit(_)
                | Self::Holding(_)
                | Self::Payout(_),
                _,
            ) => (),
        }
    }
}

fn all<T>(events: Vec<T>, of: impl Fn(T) -> Event) -> Vec<Event> {
    events.into_iter().map(of).collect()
}
