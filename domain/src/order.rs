//! Orders: what was sold, per line and quantity, and whose money pays for it.
//!
//! An order's status is never stored: it follows from what happened to each unit (open, fulfilled, cancelled,
//! returned) and from the money allocated to it. Values are frozen per unit at placement; a cancellation or return
//! never computes a discount again. This module never speaks to a payment provider: it says what should be refunded,
//! and the [policy](crate::policy) asks the payment.

mod books;
mod command;
mod event;
mod funds;
mod line;
mod pricing;
mod refusal;
#[cfg(test)]
mod stories;

pub use command::*;
pub use event::*;
pub use funds::Funds;
pub use line::LineState;
pub use refusal::Refusal;

use crate::decider::Decider;
use crate::entry::{Balances, Entry};
use crate::id::{
    AdditionId, AllocationId, CancellationId, CustomerId, FulfilmentId, OrderId, PaymentId, RefundId, ReturnId,
};
use crate::money::Money;
use line::Units;
use std::collections::{BTreeMap, BTreeSet};

/// An order as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Order {
    placed: Option<Box<Placed>>,
    lines: Vec<LineState>,
    funds: Vec<Funds>,
    additions: BTreeMap<AdditionId, Vec<PricedLine>>,
    fulfilments: BTreeMap<FulfilmentId, Units>,
    cancellations: BTreeMap<CancellationId, (Units, RefundTo)>,
    returns: BTreeMap<ReturnId, (Units, RefundTo)>,
    allocations: BTreeMap<AllocationId, (PaymentId, Money)>,
    /// Whoever asked for them: this order, the merchant, or a bank that took its transfer back.
    refunds: BTreeMap<RefundId, (PaymentId, Money)>,
    failed_refunds: BTreeSet<RefundId>,
    /// What the price was lessened by after the placement, in minor units; never more than what the lines are worth.
    allowance: i128,
}

impl Decider for Order {
    const CATEGORY: &'static str = "order";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Place(asked) => self.place(asked),
            Command::AddLines(asked) => self.add_lines(asked),
            Command::Fulfil(asked) => self.fulfil(asked),
            Command::Cancel(asked) => self.cancel(asked),
            Command::Return(asked) => self.take_back(asked),
            Command::AllocatePayment(asked) => self.allocate(asked),
            Command::ReleasePayment(asked) => self.release(asked),
            Command::RecordRefundFailure(asked) => self.record_refund_failure(asked),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Placed(it) => {
                self.lines.extend(it.lines.iter().cloned().map(|line| LineState::new(line, 0)));
                self.placed = Some(it.clone());
            }
            Event::LinesAdded(it) => {
                let group = self.additions.len() + 1;
                self.lines.extend(it.lines.iter().cloned().map(|line| LineState::new(line, group)));
                self.additions.insert(it.addition_id.clone(), it.lines.clone());
            }
            Event::LinesFulfilled(it) => {
                let units = Units::of(it.lines.clone(), &self.lines, LineState::open);
                line::apply(&mut self.lines, &units.lines, |line, quantity| line.fulfilled += quantity);
                self.fulfilments.insert(it.fulfilment_id.clone(), units);
            }
            Event::LinesCancelled(it) => {
                let units = Units::of(LineValue::quantities(&it.lines), &self.lines, LineState::open);
                line::apply(&mut self.lines, &units.lines, |line, quantity| line.cancelled += quantity);
                self.allowance = self.allowance.min(line::value(&self.lines));
                self.give_back(&it.released);
                self.cancellations.insert(it.cancellation_id.clone(), (units, it.refund_to));
            }
            Event::LinesReturned(it) => {
                let units = Units::of(LineValue::quantities(&it.lines), &self.lines, LineState::kept);
                line::apply(&mut self.lines, &units.lines, |line, quantity| line.returned += quantity);
                self.allowance = self.allowance.min(line::value(&self.lines));
                self.give_back(&it.released);
                self.returns.insert(it.return_id.clone(), (units, it.refund_to));
            }
            Event::PaymentAllocated(it) => {
                funds::offer(&mut self.funds, it);
                self.allocations.insert(it.allocation_id.clone(), (it.payment_id.clone(), it.offered));
            }
            Event::PaymentReleased(it) => {
                if let Some(funds) = self.funds.iter_mut().find(|funds| funds.payment_id == it.payment_id) {
                    funds.allocated.release(it.released);
                    funds.refunded.absorb(it.amount);
                }
                self.allowance += it.allowance.minor();
                self.refunds.insert(it.refund_id.clone(), (it.payment_id.clone(), it.amount));
            }
            Event::RefundFailed(it) => {
                if let Some(funds) = self.funds.iter_mut().find(|funds| funds.payment_id == it.payment_id) {
                    funds.refunded.release(it.amount);
                }
                self.failed_refunds.insert(it.refund_id.clone());
            }
        }
    }
}

impl Order {
    fn place(&self, asked: &PlaceOrder) -> Result<Vec<Event>, Refusal> {
        let lines = pricing::price(&asked.lines, &asked.discounts, asked.currency, asked.tax_rounding)?;
        let placed = Placed {
            order_id: asked.order_id.clone(),
            customer_id: asked.customer_id.clone(),
            currency: asked.currency,
            total: pricing::total(&lines, asked.currency)?,
            lines,
            tax_rounding: asked.tax_rounding,
            refund_order: asked.refund_order,
            fulfil_when_paid: asked.fulfil_when_paid,
            reference: asked.reference.clone(),
            at: asked.at,
        };
        if let Some(recorded) = &self.placed {
            let again = Placed { at: recorded.at, ..placed };
            return if again == **recorded { Ok(Vec::new()) } else { Err(Refusal::exists("order_id")) };
        }
        // Money may have arrived before its order.
        self.with_waiting_money(Event::Placed(Box::new(placed)), &["placement", asked.order_id.as_str()])
    }

    fn add_lines(&self, asked: &AddLines) -> Result<Vec<Event>, Refusal> {
        let placed = self.placed()?;
        let lines = pricing::price(&asked.lines, &[], placed.currency, placed.tax_rounding)?;
        if let Some(recorded) = self.additions.get(&asked.addition_id) {
            return if *recorded == lines { Ok(Vec::new()) } else { Err(Refusal::exists("addition_id")) };
        }
        if self.lines.len() + lines.len() > LINES_MAX {
            return Err(Refusal::TooManyLines);
        }
        let is_known = |line: &PricedLine| self.lines.iter().any(|known| known.priced.line_id == line.line_id);
        if let Some(place) = lines.iter().position(is_known) {
            return Err(Refusal::DuplicateLine { place });
        }
        let total = pricing::total(&lines, placed.currency)?;
        // Refuses an order whose value would be beyond the largest amount.
        placed.money(line::value(&self.lines)).plus(total.gross)?;
        let added = LinesAdded {
            order_id: asked.order_id.clone(),
            addition_id: asked.addition_id.clone(),
            total,
            party: placed.customer_id.clone(),
            lines,
            at: asked.at,
        };
        // What was paid too much pays for what is added.
        self.with_waiting_money(Event::LinesAdded(added), &["addition", asked.addition_id.as_str()])
    }

    fn fulfil(&self, asked: &Fulfil) -> Result<Vec<Event>, Refusal> {
        let placed = self.placed()?;
        if let Some(recorded) = self.fulfilments.get(&asked.fulfilment_id) {
            return recorded.same_as(&asked.lines, "fulfilment_id");
        }
        let lines = line::resolve(&self.lines, &asked.lines, LineState::open, Refusal::exceeds_open)?;
        let mut after = self.lines.clone();
        line::apply(&mut after, &lines, |line, quantity| line.fulfilled += quantity);
        let paid = placed.allocated(&self.funds);
        let value = placed.money(self.standing(&after, paid).fulfilled_value());
        if placed.fulfil_when_paid && value.exceeds(paid)? {
            return Err(Refusal::NotPaidYet { paid, value });
        }
        let entry = self.change_to(placed, &self.standing(&after, paid)).into_entry(placed.customer_id.clone())?;
        let (order_id, fulfilment_id) = (asked.order_id.clone(), asked.fulfilment_id.clone());
        let reference = asked.reference.clone();
        Ok(vec![Event::LinesFulfilled(LinesFulfilled {
            order_id,
            fulfilment_id,
            lines,
            reference,
            entry,
            at: asked.at,
        })])
    }

    fn cancel(&self, asked: &Cancel) -> Result<Vec<Event>, Refusal> {
        let placed = self.placed()?;
        if let Some((recorded, refund_to)) = self.cancellations.get(&asked.cancellation_id) {
            if *refund_to != asked.refund_to {
                return Err(Refusal::exists("cancellation_id"));
            }
            return recorded.same_as(&asked.lines, "cancellation_id");
        }
        let lines = line::resolve(&self.lines, &asked.lines, LineState::open, Refusal::exceeds_open)?;
        let mut after = self.lines.clone();
        line::apply(&mut after, &lines, |line, quantity| line.cancelled += quantity);
        let removal = self.removal(placed, &after, &lines, asked.refund_to, asked.cancellation_id.as_str())?;
        Ok(vec![Event::LinesCancelled(LinesCancelled {
            order_id: asked.order_id.clone(),
            cancellation_id: asked.cancellation_id.clone(),
            lines: removal.lines,
            value: removal.value,
            refund_to: asked.refund_to,
            released: removal.released,
            entry: removal.change.into_entry(placed.customer_id.clone())?,
            reason: asked.reason.clone(),
            at: asked.at,
        })])
    }

    fn take_back(&self, asked: &Return) -> Result<Vec<Event>, Refusal> {
        let placed = self.placed()?;
        if let Some((recorded, refund_to)) = self.returns.get(&asked.return_id) {
            if *refund_to != asked.refund_to {
                return Err(Refusal::exists("return_id"));
            }
            return recorded.same_as(&asked.lines, "return_id");
        }
        let lines = line::resolve(&self.lines, &asked.lines, LineState::kept, Refusal::exceeds_fulfilled)?;
        let mut after = self.lines.clone();
        line::apply(&mut after, &lines, |line, quantity| line.returned += quantity);
        let removal = self.removal(placed, &after, &lines, asked.refund_to, asked.return_id.as_str())?;
        Ok(vec![Event::LinesReturned(LinesReturned {
            order_id: asked.order_id.clone(),
            return_id: asked.return_id.clone(),
            lines: removal.lines,
            value: removal.value,
            refund_to: asked.refund_to,
            released: removal.released,
            entry: books::as_returns(removal.change).into_entry(placed.customer_id.clone())?,
            reason: asked.reason.clone(),
            at: asked.at,
        })])
    }

    fn allocate(&self, asked: &AllocatePayment) -> Result<Vec<Event>, Refusal> {
        if let Some((payment_id, offered)) = self.allocations.get(&asked.allocation_id) {
            let is_same = *payment_id == asked.payment_id && *offered == asked.amount;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("allocation_id")) };
        }
        // A refund of this money may have been told before the money itself: then less of it is left.
        let left = match self.funds_of(&asked.payment_id) {
            Some(funds) => {
                funds.expect_currency_of(asked.amount)?;
                asked.amount.minus(funds.overdrawn().at_most(asked.amount))?
            }
            None => asked.amount,
        };
        // Before its order, or in another currency, money waits as the customer's credit.
        let allocated = match &self.placed {
            Some(placed) if placed.currency == left.currency() => left.at_most(self.due_on(placed)),
            Some(_) | None => Money::zero(left.currency()),
        };
        Ok(vec![Event::PaymentAllocated(PaymentAllocated {
            order_id: asked.order_id.clone(),
            allocation_id: asked.allocation_id.clone(),
            payment_id: asked.payment_id.clone(),
            method: asked.method,
            offered: asked.amount,
            allocated,
            entry: self.entry_with(allocated.minor(), 0)?,
            at: asked.at,
        })])
    }

    fn release(&self, asked: &ReleasePayment) -> Result<Vec<Event>, Refusal> {
        if let Some((payment_id, amount)) = self.refunds.get(&asked.refund_id) {
            let is_same = *payment_id == asked.payment_id && *amount == asked.amount;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("refund_id")) };
        }
        let known = self.funds_of(&asked.payment_id);
        let funds = known.ok_or_else(|| Refusal::UnknownPayment(asked.payment_id.clone()))?;
        funds.expect_currency_of(asked.amount)?;
        // What was paid too much goes back first; only then does the order owe again.
        let after_credit = asked.amount.minus(funds.unallocated().at_most(asked.amount))?;
        let released = after_credit.at_most(funds.allocated);
        // Where it was paid twice, the other payment takes its place. Beyond that, a refund that nobody will pay again
        // has made the order cheaper.
        let allowance = match asked.effect {
            ReleaseEffect::PriceReduced => {
                let others = self.funds.iter().filter(|it| it.payment_id != asked.payment_id);
                let waiting = others.map(Funds::unallocated).filter(|it| it.currency() == released.currency());
                let waiting = Money::of_minor(waiting.map(Money::minor).sum(), released.currency());
                released.minus(waiting.at_most(released))?
            }
            ReleaseEffect::DueAgain => Money::zero(released.currency()),
        };
        let event = Event::PaymentReleased(PaymentReleased {
            order_id: asked.order_id.clone(),
            refund_id: asked.refund_id.clone(),
            payment_id: asked.payment_id.clone(),
            amount: asked.amount,
            released,
            allowance,
            entry: self.entry_with(-released.minor(), allowance.minor())?,
            at: asked.at,
        });
        self.with_waiting_money(event, &["release", asked.refund_id.as_str()])
    }

    fn record_refund_failure(&self, asked: &RecordRefundFailure) -> Result<Vec<Event>, Refusal> {
        let unknown = || Refusal::UnknownRefund(asked.refund_id.clone());
        let (payment_id, amount) = self.refunds.get(&asked.refund_id).ok_or_else(unknown)?;
        if *payment_id != asked.payment_id || *amount != asked.amount {
            return Err(Refusal::exists("refund_id"));
        }
        if self.failed_refunds.contains(&asked.refund_id) {
            return Ok(Vec::new());
        }
        let failed = Event::RefundFailed(RefundFailed {
            order_id: asked.order_id.clone(),
            refund_id: asked.refund_id.clone(),
            payment_id: asked.payment_id.clone(),
            amount: asked.amount,
            party: self.party(),
            at: asked.at,
        });
        // The money is the customer's again; what the order is owed takes it.
        self.with_waiting_money(failed, &["refund-failed", asked.refund_id.as_str()])
    }

    /// A fact, and the allocations that follow from it: an order never owes while money that came for it waits. Their
    /// ids derive from the cause.
    fn with_waiting_money(&self, fact: Event, cause: &[&str]) -> Result<Vec<Event>, Refusal> {
        if self.funds.is_empty() {
            return Ok(vec![fact]);
        }
        let mut order = self.clone();
        order.evolve(&fact);
        let at = fact.at();
        let mut events = vec![fact];
        for funds in order.funds.clone() {
            let id = AllocationId::derived(&[cause, &[funds.payment_id.as_str()]].concat());
            if let Some(event) = order.reallocated(id, &funds, at)? {
                order.evolve(&event);
                events.push(event);
            }
        }
        Ok(events)
    }

    /// The allocation of money that a payment has left over, where this order is owed something.
    fn reallocated(&self, id: AllocationId, funds: &Funds, at: Timestamp) -> Result<Option<Event>, Refusal> {
        let Some(placed) = &self.placed else { return Ok(None) };
        if funds.offered.currency() != placed.currency {
            return Ok(None);
        }
        let allocated = funds.unallocated().at_most(self.due_on(placed));
        if !allocated.is_positive() {
            return Ok(None);
        }
        Ok(Some(Event::PaymentAllocated(PaymentAllocated {
            order_id: placed.order_id.clone(),
            allocation_id: id,
            payment_id: funds.payment_id.clone(),
            method: funds.method,
            offered: Money::zero(placed.currency),
            allocated,
            entry: self.entry_with(allocated.minor(), 0)?,
            at,
        })))
    }

    /// What taking units off the order means: their frozen value, and whose money becomes free.
    fn removal(
        &self,
        placed: &Placed,
        after: &[LineState],
        lines: &[LineQuantity],
        refund_to: RefundTo,
        cause: &str,
    ) -> Result<Removal, Refusal> {
        let lines = line::values(&self.lines, lines, placed.currency);
        let held = placed.allocated(&self.funds);
        let left = self.standing(after, held);
        let value = placed.money(self.standing(&self.lines, held).value() - left.value());
        let allocated = held.at_most(placed.money(left.value()));
        let free = held.minus(allocated)?;
        let released = funds::release(&self.funds, free, placed.refund_order, |payment_id| match refund_to {
            RefundTo::Credit => None,
            RefundTo::Payment => {
                Some(RefundId::derived(&["order", placed.order_id.as_str(), cause, payment_id.as_str()]))
            }
        });
        let change = self.change_to(placed, &books::Standing { allocated, ..left });
        Ok(Removal { lines, value, released, change })
    }

    /// The order with other lines or other money, and the allowance that such lines can still carry.
    fn standing<'a>(&self, lines: &'a [LineState], allocated: Money) -> books::Standing<'a> {
        books::Standing { lines, allowance: self.allowance.min(line::value(lines)), allocated }
    }

    fn change_to(&self, placed: &Placed, after: &books::Standing<'_>) -> Balances {
        let before = self.standing(&self.lines, placed.allocated(&self.funds));
        books::balances(after).since(&books::balances(&before))
    }

    /// The entry of a change of the allocated money and of the allowance; none before the order is placed.
    fn entry_with(&self, more_allocated: i128, more_allowance: i128) -> Result<Entry, Refusal> {
        let Some(placed) = &self.placed else { return Ok(Entry::default()) };
        let allocated = placed.money(placed.allocated(&self.funds).minor() + more_allocated);
        let now = self.standing(&self.lines, allocated);
        let after = books::Standing { allowance: now.allowance + more_allowance, ..now };
        Ok(self.change_to(placed, &after).into_entry(placed.customer_id.clone())?)
    }

    fn give_back(&mut self, released: &[Released]) {
        funds::give_back(&mut self.funds, released);
        for it in released {
            if let Some(refund_id) = &it.refund_id {
                self.refunds.insert(refund_id.clone(), (it.payment_id.clone(), it.amount));
            }
        }
    }

    fn funds_of(&self, payment_id: &PaymentId) -> Option<&Funds> {
        self.funds.iter().find(|it| it.payment_id == *payment_id)
    }

    fn placed(&self) -> Result<&Placed, Refusal> {
        self.placed.as_deref().ok_or(Refusal::NotPlaced)
    }

    fn party(&self) -> Option<CustomerId> {
        self.placed.as_ref().and_then(|it| it.customer_id.clone())
    }

    /// The lines and what happened to their units.
    #[must_use]
    pub fn lines(&self) -> &[LineState] {
        &self.lines
    }

    /// The payments that money came from.
    #[must_use]
    pub fn funds(&self) -> &[Funds] {
        &self.funds
    }

    /// The order's id, once it is placed.
    #[must_use]
    pub fn id(&self) -> Option<&OrderId> {
        self.placed.as_ref().map(|it| &it.order_id)
    }

    /// The money applied to this order, never more than its value; `None` before it is placed.
    #[must_use]
    pub fn allocated(&self) -> Option<Money> {
        self.placed.as_ref().map(|placed| placed.allocated(&self.funds))
    }

    /// What the order is still owed: the value of everything neither cancelled nor returned, less allowances on it and
    /// what is allocated.
    /// `None` before it is placed.
    #[must_use]
    pub fn due(&self) -> Option<Money> {
        self.placed.as_ref().map(|placed| self.due_on(placed))
    }

    fn due_on(&self, placed: &Placed) -> Money {
        let allocated = placed.allocated(&self.funds);
        placed.money(self.standing(&self.lines, allocated).value() - allocated.minor())
    }
}

impl Placed {
    fn money(&self, minor: i128) -> Money {
        Money::of_minor(minor, self.currency)
    }

    /// Money in another currency waits as credit and is not part of this.
    fn allocated(&self, funds: &[Funds]) -> Money {
        let own = funds.iter().filter(|it| it.allocated.currency() == self.currency);
        self.money(own.map(|it| it.allocated.minor()).sum())
    }
}

struct Removal {
    lines: Vec<LineValue>,
    value: Money,
    released: Vec<Released>,
    change: Balances,
}
