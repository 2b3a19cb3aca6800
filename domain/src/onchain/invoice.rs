//! Invoices: a price in money that is paid on a chain.
//!
//! Three things are kept apart: how much was paid (`funding`), whether the promised rate still holds (`window`), and
//! whether the order has its money (`settlement`). Deposits may come too small, too large, too late, twice, in another
//! asset, and go again; whatever they do, what they are worth is on the customer's credit until the invoice takes it, and
//! what it does not take stays there. Settling makes a payment of its own for the order; when the chain takes the
//! deposits back that payment is reversed. Nothing here waits: time is told.

mod books;
mod command;
mod counting;
mod event;
mod refunds;
mod refusal;
mod standing;
#[cfg(test)]
mod stories;
mod time;

pub use command::*;
pub use event::*;
pub use refusal::Refusal;
pub use standing::*;

use crate::decider::Decider;
use crate::entry::{Balances, Entry};
use crate::id::{DepositId, InvoiceId, PaymentId, RefundId, ResolutionId};
use crate::money::Money;
use crate::onchain::LatePolicy;
use crate::onchain::wallet::Agreement;
use crate::order::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// An invoice as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Invoice {
    agreement: Option<Agreement>,
    deposits: BTreeMap<DepositId, Came>,
    window: Window,
    is_cancelled: bool,
    settled: Option<Standings>,
    /// How often it was settled.
    settlements: u32,
    /// Set while the merchant has accepted less than what is due.
    is_accepted: bool,
    resolutions: BTreeMap<ResolutionId, Resolution>,
    owed: BTreeMap<RefundId, (PaymentId, Money)>,
    refunds: BTreeMap<RefundId, Vec<Refund>>,
    withdrawn: BTreeSet<RefundId>,
}

/// A deposit at the invoice's address.
#[derive(Debug, Clone, PartialEq)]
struct Came {
    amount: Money,
    step: u32,
    state: DepositState,
    first_seen_at: Timestamp,
    has_promised_rate: bool,
    /// What it was booked at, where it is confirmed.
    value: Option<Money>,
    /// What one that has no promised rate was worth when it was received.
    received_at: Option<Money>,
    decided: Option<Decided>,
}

/// What the merchant decided of a deposit that could not be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decided {
    Accepted(Money),
    Kept,
}

/// A settlement that stands.
#[derive(Debug, Clone, PartialEq)]
struct Standings {
    payment_id: PaymentId,
    amount: Money,
    /// What has to be confirmed of the asset for it to hold.
    needs: i128,
}

#[derive(Debug, Clone, PartialEq)]
struct Refund {
    asked: RefundRequested,
    outcome: Option<RefundOutcome>,
    /// How often a chain has taken its payout back.
    times_orphaned: u32,
    /// Whether it has ever been on the chain, so that the payment has it as given back.
    was_completed: bool,
}

impl Decider for Invoice {
    const CATEGORY: &'static str = "invoice";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Open(asked) => self.open(asked),
            Command::TellTime(asked) => self.tell_time(asked),
            Command::RecordDeposit(asked) => self.in_time(asked.at, |now| now.record_deposit(asked)),
            Command::Resolve(asked) => self.in_time(asked.at, |now| now.resolve(asked)),
            Command::Cancel(asked) => self.in_time(asked.at, |now| now.cancel(asked)),
            Command::RecordOwedRefund(asked) => self.in_time(asked.at, |now| now.record_owed_refund(asked)),
            Command::Refund(asked) => self.in_time(asked.at, |now| now.refund(asked)),
            Command::WithdrawRefund(asked) => self.in_time(asked.at, |now| now.withdraw_refund(asked)),
            Command::EndRefund(asked) => self.in_time(asked.at, |now| now.end_refund(asked)),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Opened(it) => self.agreement = Some(it.agreement.clone()),
            Event::DepositRecorded(it) => self.came(it),
            Event::Settled(it) => {
                self.settlements = it.settlement;
                self.settled = Some(Standings {
                    payment_id: it.payment_id.clone(),
                    amount: it.amount,
                    needs: self.needs_to_hold(),
                });
            }
            Event::SettlementReversed(_) => {
                self.settled = None;
                self.is_accepted = false;
            }
            Event::Expired(_) => self.window = Window::Expired,
            Event::Closed(_) => self.window = Window::Closed,
            Event::Cancelled(_) => {
                self.is_cancelled = true;
                self.window = Window::Closed;
            }
            Event::Resolved(it) => self.resolved(it),
            Event::RefundOwed(it) => {
                self.owed.insert(it.refund_id.clone(), (it.payment_id.clone(), it.amount));
            }
            Event::RefundRequested(it) => {
                let refund = Refund::of((**it).clone());
                self.refunds.entry(it.refund_id.clone()).or_default().push(refund);
            }
            Event::RefundEnded(it) => {
                if let Some(refund) = self.attempt_mut(&it.refund_id, it.attempt) {
                    refund.ended(it.outcome, it.times_orphaned);
                }
            }
            Event::RefundWithdrawn(it) => {
                self.withdrawn.insert(it.refund_id.clone());
            }
        }
    }
}

impl Invoice {
    fn came(&mut self, it: &DepositRecorded) {
        let known = self.deposits.get(&it.deposit_id);
        let came = Came {
            amount: it.amount,
            step: it.step,
            state: it.state,
            first_seen_at: it.first_seen_at,
            has_promised_rate: it.has_promised_rate,
            value: it.value.filter(|_| it.state == DepositState::Confirmed),
            // What was said of other money does not hold for this.
            received_at: known.filter(|known| known.amount == it.amount).and_then(|it| it.received_at).or(it.value),
            decided: known.filter(|known| known.amount == it.amount).and_then(|it| it.decided),
        };
        self.deposits.insert(it.deposit_id.clone(), came);
    }

    fn resolved(&mut self, it: &Resolved) {
        self.resolutions.insert(it.resolution_id.clone(), it.how);
        self.is_accepted |= it.how == Resolution::AcceptAtTodaysValue && self.settled.is_none();
        for taken in &it.deposits {
            if let Some(came) = self.deposits.get_mut(&taken.deposit_id) {
                came.decided = Some(match it.how {
                    Resolution::AcceptAtTodaysValue => Decided::Accepted(taken.worth),
                    Resolution::KeepAsCredit => Decided::Kept,
                });
            }
        }
    }

    fn attempt_mut(&mut self, refund_id: &RefundId, attempt: u32) -> Option<&mut Refund> {
        self.refunds.get_mut(refund_id)?.iter_mut().find(|it| it.asked.attempt == attempt)
    }

    fn known(&self) -> Result<&Agreement, Refusal> {
        self.agreement.as_ref().ok_or(Refusal::UnknownInvoice)
    }

    fn open(&self, asked: &OpenInvoice) -> Result<Vec<Event>, Refusal> {
        if let Some(known) = &self.agreement {
            return if *known == asked.agreement { Ok(Vec::new()) } else { Err(Refusal::exists("invoice_id")) };
        }
        let after = Self { agreement: Some(asked.agreement.clone()), ..Self::default() };
        Ok(vec![Event::Opened(Box::new(Opened {
            agreement: asked.agreement.clone(),
            wallet_id: asked.wallet_id.clone(),
            index: asked.index,
            address: asked.address.clone(),
            standing: after.standing(&asked.agreement),
            at: asked.at,
        }))])
    }

    fn record_deposit(&self, asked: &RecordDeposit) -> Result<Vec<Event>, Refusal> {
        let agreement = self.known()?;
        let known = self.deposits.get(&asked.deposit_id);
        if known.is_some_and(|it| it.step >= asked.step) {
            return Ok(Vec::new());
        }
        let grace = chrono::Duration::seconds(i64::from(agreement.terms.grace_s));
        let until = agreement.quote.expires_at.checked_add_signed(grace).unwrap_or(agreement.quote.expires_at);
        let is_in_time = asked.first_seen_at <= until && (known.is_some() || !self.is_cancelled);
        let is_asset = asked.amount.currency() == agreement.due.currency();
        let mut recorded = DepositRecorded {
            invoice_id: asked.invoice_id.clone(),
            deposit_id: asked.deposit_id.clone(),
            step: asked.step,
            amount: asked.amount,
            state: asked.state,
            first_seen_at: asked.first_seen_at,
            has_promised_rate: known.map_or(is_in_time && is_asset, |it| it.has_promised_rate && is_asset),
            value: asked.value,
            counts: Money::zero(agreement.due.currency()),
            standing: self.standing(agreement),
            entry: Entry::default(),
            at: asked.at,
        };
        // Once without the figures, to know how the invoice stands after it, and then with them.
        let mut after = self.clone();
        after.came(&recorded);
        let counts = after.deposits.get(&asked.deposit_id).map_or(0, |it| after.counts(agreement, it));
        recorded.counts = Money::zero(agreement.due.currency()).with_minor(counts)?;
        recorded.standing = after.standing(agreement);
        recorded.entry = self.entry_to(&after, agreement)?;
        self.and_settle(vec![Event::DepositRecorded(Box::new(recorded))], asked.at)
    }

    /// The events, and what they mean for the settlement: not enough any more reverses it, enough makes it.
    fn and_settle(&self, events: Vec<Event>, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        let mut events = events;
        let mut now = self.clone();
        events.iter().for_each(|event| now.evolve(event));
        let agreement = now.known()?.clone();
        if let Some(reversed) = now.reversal(&agreement, at)? {
            now.evolve(&reversed);
            events.push(reversed);
        }
        if let Some(settled) = now.settlement(&agreement, at)? {
            events.push(settled);
        }
        Ok(events)
    }

    /// A settlement that does not hold any more, or is for less than is there by now.
    fn reversal(&self, agreement: &Agreement, at: Timestamp) -> Result<Option<Event>, Refusal> {
        let Some(settled) = &self.settled else { return Ok(None) };
        let is_more = settled.amount.minor() < agreement.price.minor() && self.is_enough(agreement);
        if self.net(agreement) >= settled.needs && !is_more {
            return Ok(None);
        }
        let after = Self { settled: None, is_accepted: false, settlements: self.settlements, ..self.clone() };
        Ok(Some(Event::SettlementReversed(Box::new(SettlementReversed {
            invoice_id: agreement.invoice_id.clone(),
            settlement: self.settlements,
            payment_id: settled.payment_id.clone(),
            amount: settled.amount,
            standing: after.standing(agreement),
            entry: self.entry_to(&after, agreement)?,
            at,
        }))))
    }

    fn settlement(&self, agreement: &Agreement, at: Timestamp) -> Result<Option<Event>, Refusal> {
        let amount = match (&self.settled, self.is_enough(agreement)) {
            (Some(_), _) => return Ok(None),
            (None, true) => agreement.price,
            (None, false) if self.is_accepted => self.spendable(agreement).at_most(agreement.price),
            (None, false) => return Ok(None),
        };
        if !amount.is_positive() {
            return Ok(None);
        }
        let settlement = self.settlements.saturating_add(1);
        let payment_id = payment_of(&agreement.invoice_id, settlement);
        let needs = self.needs_to_hold();
        let standings = Standings { payment_id: payment_id.clone(), amount, needs };
        let after = Self { settled: Some(standings), settlements: settlement, ..self.clone() };
        Ok(Some(Event::Settled(Box::new(Settled {
            invoice_id: agreement.invoice_id.clone(),
            settlement,
            payment_id,
            order_id: agreement.order_id.clone(),
            customer_id: agreement.customer_id.clone(),
            amount,
            forgiven: after.forgiven(agreement),
            standing: after.standing(agreement),
            entry: self.entry_to(&after, agreement)?,
            at,
        }))))
    }

    fn entry_to(&self, after: &Self, agreement: &Agreement) -> Result<Entry, Refusal> {
        let balances = |it: &Self| -> Balances { books::balances(it, agreement) };
        Ok(balances(after).since(&balances(self)).into_entry(agreement.customer_id.clone())?)
    }

    fn resolve(&self, asked: &Resolve) -> Result<Vec<Event>, Refusal> {
        let agreement = self.known()?;
        if let Some(known) = self.resolutions.get(&asked.resolution_id) {
            return if *known == asked.how { Ok(Vec::new()) } else { Err(Refusal::exists("resolution_id")) };
        }
        let is_accepting = asked.how == Resolution::AcceptAtTodaysValue;
        // Of an invoice that is not settled everything can be kept, also what came in time and is too little.
        let can_be_kept = |it: &Came| {
            let is_undecided = it.state == DepositState::Confirmed && it.decided.is_none();
            !is_accepting && self.settled.is_none() && is_undecided
        };
        // A rate is of one asset: coins of another one wait for a decision with their own.
        let asset = asked.asset.or_else(|| agreement.due.currency().asset().map(|it| it.id));
        let is_of_asset = |it: &Came| !is_accepting || it.amount.currency().asset().map(|it| it.id) == asset;
        let is_about = |it: &Came| is_of_asset(it) && (it.is_waiting_in(self, agreement) || can_be_kept(it));
        let waiting: Vec<(&DepositId, &Came)> = self.deposits.iter().filter(|(_, it)| is_about(it)).collect();
        let can_settle = is_accepting && self.settled.is_none() && self.spendable(agreement).is_positive();
        if waiting.is_empty() && !can_settle {
            return Err(Refusal::NothingToResolve);
        }
        let currency = agreement.price.currency();
        let mut taken = Vec::new();
        for (deposit_id, it) in waiting {
            let worth = match (asked.how, &asked.spot) {
                (Resolution::KeepAsCredit, _) => Money::zero(currency),
                (Resolution::AcceptAtTodaysValue, Some(spot)) if spot.currency == currency => {
                    spot.value_of(it.amount)?
                }
                (Resolution::AcceptAtTodaysValue, Some(_) | None) => return Err(Refusal::RateMissing),
            };
            taken.push(Taken { deposit_id: deposit_id.clone(), worth });
        }
        let mut resolved = Resolved {
            invoice_id: asked.invoice_id.clone(),
            resolution_id: asked.resolution_id.clone(),
            how: asked.how,
            spot: asked.spot.clone().filter(|_| is_accepting),
            deposits: taken,
            reason: asked.reason.clone(),
            standing: self.standing(agreement),
            entry: Entry::default(),
            at: asked.at,
        };
        let mut after = self.clone();
        after.resolved(&resolved);
        resolved.standing = after.standing(agreement);
        resolved.entry = self.entry_to(&after, agreement)?;
        self.and_settle(vec![Event::Resolved(Box::new(resolved))], asked.at)
    }
}

/// The payment with which an invoice pays its order. One that is settled again after a reorg pays with another.
#[must_use]
pub fn payment_of(invoice_id: &InvoiceId, settlement: u32) -> PaymentId {
    PaymentId::derived(&["invoice", invoice_id.as_str(), &settlement.to_string()])
}
