//! Deposits: one output or token transfer each, as the chain shows it and takes it back.
//!
//! A deposit is its place on the chain, so that a thousand notifications are one fact. It may be seen, confirmed, final,
//! orphaned, replaced and confirmed again in another block, in any order that watchers tell it. Which of two looks at the
//! chain is the newer one is said by the watcher's own count of looks (`sequence`): what an older look saw changes nothing.
//! Failed and zero-value transfers are no deposits. Here nothing is known of orders; policies carry on what happened.

mod books;
mod command;
mod event;
mod refusal;
#[cfg(test)]
mod stories;

pub use command::*;
pub use event::*;
pub use refusal::Refusal;

use crate::decider::Decider;
use crate::entry::Entry;
use crate::money::Money;
use crate::onchain::{Address, Block, Output};
use crate::order::Timestamp;

/// A deposit as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deposit {
    known: Option<Known>,
    stage: Stage,
    /// How often it has been confirmed.
    confirmations: u32,
    /// The newest look that told something.
    sequence: u64,
    /// How many facts there are.
    step: u32,
}

/// What is known of the output itself.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    output: Output,
    amount: Money,
    to: Address,
    watch: Watch,
    needed: u32,
    first_seen_at: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Stage {
    /// On its way, or not known at all.
    #[default]
    Waiting,
    Confirmed(Standing),
    Final(Standing),
    /// Replaced or failed.
    Gone,
}

/// A confirmation that stands.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    block: Option<Block>,
    step: u32,
    value: Money,
    entry: Entry,
}

impl Decider for Deposit {
    const CATEGORY: &'static str = "deposit";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Observe(seen) => self.observe(seen),
        }
    }

    fn evolve(&mut self, event: &Event) {
        (self.sequence, self.step) = event.order();
        match event {
            Event::Seen(it) => {
                self.known = Some(Known {
                    output: it.output.clone(),
                    amount: it.amount,
                    to: it.to.clone(),
                    watch: it.watch.clone(),
                    needed: it.confirmations_needed,
                    first_seen_at: it.first_seen_at,
                });
                self.stage = Stage::Waiting;
            }
            Event::Confirmed(it) => {
                self.confirmations = it.confirmation;
                self.stage = Stage::Confirmed(Standing {
                    block: it.block.clone(),
                    step: it.step,
                    value: it.value,
                    entry: it.entry.clone(),
                });
            }
            Event::Finalised(it) => {
                if let Stage::Confirmed(standing) = &self.stage {
                    let block = Some(it.block.clone());
                    self.stage = Stage::Final(Standing { block, ..standing.clone() });
                }
            }
            Event::Orphaned(_) => self.stage = Stage::Waiting,
            Event::Replaced(_) | Event::Failed(_) => self.stage = Stage::Gone,
        }
    }
}

impl Deposit {
    fn observe(&self, seen: &Observation) -> Result<Vec<Event>, Refusal> {
        let asset = seen.amount.currency().asset();
        if asset.is_none_or(|it| it.id.chain != seen.output.chain) || seen.to.chain() != seen.output.chain {
            return Err(Refusal::OtherChain);
        }
        if seen.spot.as_ref().is_some_and(|it| it.currency.asset().is_some()) {
            return Err(Refusal::RateInAsset);
        }
        // Poison for address books, and no money.
        if !seen.amount.is_positive() {
            return Ok(Vec::new());
        }
        if self.known.is_some() && seen.sequence <= self.sequence {
            return Ok(Vec::new());
        }
        let mut told = Told { deposit: self.clone(), events: Vec::new(), seen };
        match &seen.sighting {
            Sighting::Seen => told.is_waiting()?,
            Sighting::Included { block, confirmations, is_finalized } => {
                told.is_included(block, *confirmations, *is_finalized)?;
            }
            Sighting::Orphaned => told.is_undone(Event::Orphaned),
            Sighting::Replaced { .. } => told.is_undone(Event::Replaced),
            Sighting::Failed => told.is_undone(Event::Failed),
        }
        Ok(told.events)
    }

    fn standing(&self) -> Option<&Standing> {
        match &self.stage {
            Stage::Confirmed(it) | Stage::Final(it) => Some(it),
            Stage::Waiting | Stage::Gone => None,
        }
    }
}

/// One look, and what it makes of the deposit.
struct Told<'a> {
    deposit: Deposit,
    events: Vec<Event>,
    seen: &'a Observation,
}

impl Told<'_> {
    fn say(&mut self, event: Event) {
        self.deposit.evolve(&event);
        self.events.push(event);
    }

    /// It waits for a block. One that was in a block is on its way again: that block is gone.
    fn is_waiting(&mut self) -> Result<(), Refusal> {
        if self.deposit.standing().is_some_and(|it| it.block.is_some()) {
            self.is_undone(Event::Orphaned);
        }
        self.is_there();
        if self.deposit.standing().is_none() && self.needed() == 0 {
            return self.is_confirmed(None, 0);
        }
        Ok(())
    }

    fn is_included(&mut self, block: &Block, confirmations: u32, is_finalized: bool) -> Result<(), Refusal> {
        if let Some(standing) = self.deposit.standing() {
            let is_same_block = standing.block.as_ref().is_none_or(|it| it == block);
            if !is_same_block {
                self.is_undone(Event::Orphaned);
            } else if self.is_other() {
                return Err(Refusal::ExistsWithDifferentContent { field: "amount" });
            }
        }
        self.is_there();
        if self.deposit.standing().is_none() && confirmations >= self.needed() {
            self.is_confirmed(Some(block.clone()), confirmations)?;
        }
        let is_final = self.seen.watch.confirming.is_final(confirmations, is_finalized);
        if is_final && matches!(self.deposit.stage, Stage::Confirmed(_)) {
            let Some(known) = &self.deposit.known else { return Ok(()) };
            let event = Finalised {
                deposit_id: known.output.deposit_id(),
                step: self.deposit.step + 1,
                block: block.clone(),
                confirmations,
                sequence: self.seen.sequence,
                at: self.seen.at,
            };
            self.say(Event::Finalised(event));
        }
        Ok(())
    }

    /// Whether the output is not what it was: a token transfer may bring another amount in another block.
    fn is_other(&self) -> bool {
        let known = self.deposit.known.as_ref();
        known.is_none_or(|it| it.amount != self.seen.amount || it.to != self.seen.to)
    }

    fn needed(&self) -> u32 {
        self.deposit.known.as_ref().map_or(1, |it| it.needed)
    }

    /// Tells that it is on its way, where that is news.
    fn is_there(&mut self) {
        let is_back = self.deposit.stage == Stage::Gone;
        let is_news = is_back || (self.deposit.standing().is_none() && self.is_other());
        if !is_news {
            return;
        }
        let (seen, known) = (self.seen, self.deposit.known.as_ref());
        // A transaction in a block cannot be replaced any more.
        let is_replaceable = seen.is_replaceable && seen.sighting == Sighting::Seen;
        let event = Seen {
            deposit_id: seen.output.deposit_id(),
            step: self.deposit.step + 1,
            output: seen.output.clone(),
            amount: seen.amount,
            to: seen.to.clone(),
            is_replaceable,
            watch: seen.watch.clone(),
            confirmations_needed: seen.watch.confirming.needed(seen.amount, is_replaceable),
            spot: seen.spot.clone(),
            first_seen_at: known.map_or(seen.first_seen_at.min(seen.at), |it| it.first_seen_at),
            sequence: seen.sequence,
            at: seen.at,
        };
        self.say(Event::Seen(event));
    }

    fn is_confirmed(&mut self, block: Option<Block>, confirmations: u32) -> Result<(), Refusal> {
        let Some(known) = &self.deposit.known else { return Ok(()) };
        let spot = self.seen.spot.clone().ok_or(Refusal::RateMissing)?;
        let value = spot.value_of(known.amount)?;
        let event = Confirmed {
            deposit_id: known.output.deposit_id(),
            step: self.deposit.step + 1,
            output: known.output.clone(),
            amount: known.amount,
            watch: known.watch.clone(),
            block,
            confirmations,
            confirmation: self.deposit.confirmations + 1,
            entry: books::confirmed(known.amount, value, known.watch.customer_id.clone())?,
            value,
            spot,
            first_seen_at: known.first_seen_at,
            sequence: self.seen.sequence,
            at: self.seen.at,
        };
        self.say(Event::Confirmed(event));
        Ok(())
    }

    /// The chain takes it back. What was never told needs no taking back, and one that still waits cannot be orphaned.
    fn is_undone(&mut self, as_event: impl Fn(Undone) -> Event) {
        let Some(known) = self.deposit.known.clone() else { return };
        let standing = self.deposit.standing().cloned();
        let is_orphaning = self.seen.sighting == Sighting::Orphaned;
        if self.deposit.stage == Stage::Gone || (is_orphaning && standing.is_none()) {
            return;
        }
        let by = match &self.seen.sighting {
            Sighting::Replaced { by } => by.clone(),
            Sighting::Seen | Sighting::Included { .. } | Sighting::Orphaned | Sighting::Failed => None,
        };
        let confirmation = self.deposit.confirmations;
        self.say(as_event(Undone {
            deposit_id: known.output.deposit_id(),
            step: self.deposit.step + 1,
            output: known.output,
            amount: known.amount,
            watch: known.watch,
            undoes: standing.as_ref().map(|it| ConfirmationUndone { confirmation, step: it.step, value: it.value }),
            by,
            first_seen_at: known.first_seen_at,
            sequence: self.seen.sequence,
            entry: standing.map_or_else(Entry::default, |it| it.entry.mirrored()),
            at: self.seen.at,
        }));
    }
}
