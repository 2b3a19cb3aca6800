//! An auditor who reads events alone and does every sum himself.
//!
//! He knows none of the aggregates' code: values of units are written out one by one, balances are summed posting by
//! posting, and what the books should say follows from quantities and payments. The first thing that is wrong is told.

macro_rules! expect {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(format!($($words)+));
        }
    };
}

mod payments;

use crate::account::Account;
use crate::entry::Entry;
use crate::event::Event;
use crate::id::{CaptureId, DisputeId, LineId, PaymentId, RefundId};
use crate::money::{Currency, Money};
use crate::order::{self, LineKind, LineQuantity, LineValue, PricedLine, Released, Total};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is wrong, in words.
pub(crate) type Finding = Result<(), String>;

/// Debit balances by account.
#[derive(Default)]
struct Ledger(BTreeMap<(Currency, Account), i128>);

impl Ledger {
    fn book(&mut self, entry: &Entry) -> Finding {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for posting in entry.postings() {
            let amount = posting.signed();
            expect!(!amount.is_zero(), "an empty leg in {entry:?}");
            *sums.entry(amount.currency()).or_default() += amount.minor();
            *self.0.entry((amount.currency(), posting.account().clone())).or_default() += amount.minor();
        }
        expect!(sums.values().all(|sum| *sum == 0), "out of balance: {entry:?}");
        Ok(())
    }

    fn debit(&self, currency: Currency, account: &Account) -> i128 {
        self.0.get(&(currency, account.clone())).copied().unwrap_or(0)
    }

    fn credit(&self, currency: Currency, account: &Account) -> i128 {
        -self.debit(currency, account)
    }

    fn tax_credit(&self, currency: Currency) -> i128 {
        let taxes =
            self.0.iter().filter(|((of, account), _)| *of == currency && matches!(account, Account::TaxPayable(_)));
        taxes.map(|(_, debit)| -debit).sum()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Done,
    Undone,
}

/// A payment as its events tell it, in minor units.
pub(crate) struct Paid {
    pub(crate) currency: Currency,
    has_order: bool,
    authorised: i128,
    given_back: i128,
    captures: BTreeMap<CaptureId, (i128, bool)>,
    refunds: BTreeMap<RefundId, (i128, Fate)>,
    disputes: BTreeMap<DisputeId, (i128, Fate)>,
}

impl Paid {
    /// What was captured and not reversed.
    pub(crate) fn captured(&self) -> i128 {
        self.captures.values().filter(|(_, is_reversed)| !is_reversed).map(|(amount, _)| amount).sum()
    }

    /// What is on its way back or arrived there.
    pub(crate) fn refunded(&self) -> i128 {
        self.refunds.values().filter(|(_, fate)| *fate != Fate::Undone).map(|(amount, _)| amount).sum()
    }

    /// What banks have taken, and kept or not decided yet.
    pub(crate) fn disputed(&self) -> i128 {
        self.disputes.values().filter(|(_, fate)| *fate != Fate::Undone).map(|(amount, _)| amount).sum()
    }

    /// What nobody has taken back; negative where a bank took more than was left.
    pub(crate) fn left(&self) -> i128 {
        self.captured() - self.refunded() - self.disputed()
    }

    /// Every refund that this payment knows, and every dispute and capture.
    pub(crate) fn refund_ids(&self) -> Vec<&RefundId> {
        self.refunds.keys().collect()
    }

    pub(crate) fn dispute_ids(&self) -> Vec<&DisputeId> {
        self.disputes.keys().collect()
    }

    pub(crate) fn capture_ids(&self) -> Vec<&CaptureId> {
        self.captures.keys().collect()
    }

    /// What is promised and neither taken nor given back.
    pub(crate) fn expected(&self) -> i128 {
        let taken: i128 = self.captures.values().map(|(amount, _)| amount).sum();
        (self.authorised - self.given_back - taken).max(0)
    }
}

/// The money of one payment, as an order's events tell it.
#[derive(Clone, Copy)]
struct Held {
    currency: Currency,
    offered: i128,
    allocated: i128,
    back: i128,
}

/// A line as an order's events tell it.
struct Sold {
    line: PricedLine,
    fulfilled: u32,
    cancelled: u32,
    returned: u32,
    /// Net, tax and gross of what was cancelled or returned.
    removed: [i128; 3],
}

impl Sold {
    fn kept(&self) -> usize {
        (self.fulfilled - self.returned) as usize
    }

    fn open(&self) -> u32 {
        self.line.quantity - self.fulfilled - self.cancelled
    }

    fn worth(&self) -> [i128; 3] {
        [self.line.net, tax_of(&self.line), self.line.gross].map(Money::minor)
    }

    /// What every unit is worth, one by one: the first ones carry the larger cents.
    fn units(&self, total: i128) -> Vec<i128> {
        let count = i128::from(self.line.quantity);
        (0..count).map(|nth| total / count + i128::from(nth < total % count)).collect()
    }

    /// The units that are kept are the last ones.
    fn of_kept(&self, total: i128) -> i128 {
        self.units(total).iter().rev().take(self.kept()).sum()
    }
}

fn tax_of(line: &PricedLine) -> Money {
    Money::of_minor(line.gross.minor() - line.net.minor(), line.gross.currency())
}

#[derive(Default)]
pub(crate) struct Auditor {
    posted: Ledger,
    /// The order's own entries.
    of_order: Ledger,
    pending: Ledger,
    pub(crate) payments: BTreeMap<PaymentId, Paid>,
    currency: Option<Currency>,
    lines: BTreeMap<LineId, Sold>,
    held: BTreeMap<PaymentId, Held>,
    /// What the order became cheaper by; never more than what is left of its lines.
    allowance: i128,
    /// The refunds that the order expects or knows.
    known_refunds: BTreeSet<RefundId>,
}

impl Auditor {
    /// Takes over an event, checks it, and checks what must hold after each one.
    pub(crate) fn observe(&mut self, event: &Event) -> Finding {
        if let Some(entry) = event.entry() {
            self.posted.book(entry)?;
            if matches!(event, Event::Order(_)) {
                self.of_order.book(entry)?;
            }
        }
        if let Some(entry) = event.pending() {
            self.pending.book(entry)?;
        }
        match event {
            Event::Order(event) => {
                self.observe_order(event)?;
                self.check_lines()?;
                self.check_books_of_the_order()
            }
            Event::Payment(event) => {
                self.observe_payment(event)?;
                self.check_payments()
            }
            Event::Credit(_)
            | Event::Plan(_)
            | Event::Clock(_)
            | Event::Period(_)
            | Event::Customer(_)
            | Event::Wallet(_)
            | Event::Invoice(_)
            | Event::Deposit(_)
            | Event::Holding(_)
            | Event::Payout(_) => Ok(()),
        }
    }

    fn observe_order(&mut self, event: &order::Event) -> Finding {
        use order::Event as It;
        match event {
            It::Placed(it) => {
                self.currency = Some(it.currency);
                self.sell(&it.lines, it.total)
            }
            It::LinesAdded(it) => self.sell(&it.lines, it.total),
            It::LinesFulfilled(it) => self.count(&it.lines, |line, quantity| line.fulfilled += quantity),
            It::LinesCancelled(it) => {
                self.count(&LineValue::quantities(&it.lines), |line, quantity| line.cancelled += quantity)?;
                self.remove(&it.lines, it.value, &it.released)
            }
            It::LinesReturned(it) => {
                self.count(&LineValue::quantities(&it.lines), |line, quantity| line.returned += quantity)?;
                self.remove(&it.lines, it.value, &it.released)
            }
            It::PaymentAllocated(it) => {
                let currency = it.offered.currency();
                let new = Held { currency, offered: 0, allocated: 0, back: 0 };
                let held = self.held.entry(it.payment_id.clone()).or_insert(new);
                held.offered += it.offered.minor();
                held.allocated += it.allocated.minor();
                Ok(())
            }
            It::PaymentReleased(it) => {
                expect!(self.known_refunds.insert(it.refund_id.clone()), "refund {} is told twice", it.refund_id);
                let held = self.held.get_mut(&it.payment_id).ok_or("a release of unknown money")?;
                held.allocated -= it.released.minor();
                held.back += it.amount.minor();
                expect!(it.allowance.minor() >= 0 && it.allowance <= it.released, "an allowance of {}", it.allowance);
                self.allowance += it.allowance.minor();
                Ok(())
            }
            It::RefundFailed(it) => {
                expect!(self.known_refunds.contains(&it.refund_id), "refund {} was never known", it.refund_id);
                let held = self.held.get_mut(&it.payment_id).ok_or("a failure of unknown money")?;
                held.back -= it.amount.minor();
                Ok(())
            }
        }
    }

    fn sell(&mut self, lines: &[PricedLine], total: Total) -> Finding {
        let mut sums = [0, 0, 0];
        for line in lines {
            let taxes: i128 = line.taxes.iter().map(|it| it.amount.minor()).sum();
            let after_discount = line.subtotal.minor() - line.discount.minor();
            let priced = if line.prices_include_tax { line.gross } else { line.net };
            expect!(priced.minor() == after_discount, "discount and value differ: {line:?}");
            expect!(line.net.minor() + taxes == line.gross.minor(), "the taxes do not sum: {line:?}");
            let parts = [line.subtotal, line.discount, line.net, line.gross];
            let parts = parts.into_iter().chain(line.taxes.iter().map(|it| it.amount));
            expect!(parts.into_iter().all(|it| it.minor() >= 0), "something is negative: {line:?}");
            let sold = Sold { line: line.clone(), fulfilled: 0, cancelled: 0, returned: 0, removed: [0; 3] };
            let worth = sold.worth();
            sums.iter_mut().zip(worth).for_each(|(sum, part)| *sum += part);
            expect!(self.lines.insert(line.line_id.clone(), sold).is_none(), "line {} is sold twice", line.line_id);
        }
        expect!(sums == [total.net, total.tax, total.gross].map(Money::minor), "{total:?} is not {sums:?}");
        Ok(())
    }

    fn count(&mut self, lines: &[LineQuantity], count: impl Fn(&mut Sold, u32)) -> Finding {
        for it in lines {
            expect!(it.quantity > 0, "no unit of line {}", it.line_id);
            count(self.lines.get_mut(&it.line_id).ok_or("units of an unknown line")?, it.quantity);
        }
        Ok(())
    }

    fn remove(&mut self, lines: &[LineValue], value: Money, released: &[Released]) -> Finding {
        let mut sum = 0;
        for it in lines {
            let parts = [it.net, it.tax, it.gross].map(Money::minor);
            expect!(parts.iter().all(|part| *part >= 0) && parts[0] + parts[1] == parts[2], "bad value {it:?}");
            let line = self.lines.get_mut(&it.line_id).ok_or("a value of an unknown line")?;
            line.removed.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            sum += parts[2];
        }
        let given_already = (self.allowance - self.left_of_lines()).max(0);
        self.allowance -= given_already;
        expect!(sum - given_already == value.minor(), "{value} is not the sum {sum} less {given_already}");
        let freed: i128 = released.iter().map(|it| it.amount.minor()).sum();
        expect!(freed <= sum, "{freed} is released of {value}");
        for it in released {
            let held = self.held.get_mut(&it.payment_id).ok_or("a release of unknown money")?;
            expect!(it.amount.is_positive() && it.amount.minor() <= held.allocated, "{it:?} of {}", held.allocated);
            held.allocated -= it.amount.minor();
            if let Some(refund_id) = &it.refund_id {
                expect!(self.known_refunds.insert(refund_id.clone()), "refund {refund_id} is asked twice");
                held.back += it.amount.minor();
            }
        }
        Ok(())
    }

    fn check_lines(&self) -> Finding {
        for (id, line) in &self.lines {
            expect!(line.fulfilled + line.cancelled <= line.line.quantity, "line {id}: more units than were placed");
            expect!(line.returned <= line.fulfilled, "line {id}: more came back than left");
            let (removed, worth) = (line.removed, line.worth());
            expect!(
                removed.iter().zip(worth).all(|(part, whole)| *part <= whole),
                "line {id}: {removed:?} of {worth:?}"
            );
            if line.cancelled + line.returned == line.line.quantity {
                expect!(removed == worth, "line {id}: all its units sum to {removed:?}, not {worth:?}");
            }
        }
        Ok(())
    }

    /// What the order still owes, once it is placed.
    pub(crate) fn due(&self) -> Option<i128> {
        self.currency.map(|_| self.value() - self.allocated())
    }

    /// What the order is worth without what was cancelled and returned, and without the allowance.
    fn value(&self) -> i128 {
        self.left_of_lines() - self.allowance
    }

    fn left_of_lines(&self) -> i128 {
        self.lines.values().map(|it| it.worth()[2] - it.removed[2]).sum()
    }

    fn allocated(&self) -> i128 {
        self.held.values().map(|it| it.allocated).sum()
    }

    fn check_books_of_the_order(&self) -> Finding {
        for (id, held) in &self.held {
            expect!(held.allocated >= 0 && held.allocated <= held.offered, "payment {id} is used beyond its money");
            expect!(
                held.allocated == 0 || Some(held.currency) == self.currency,
                "payment {id} is used in {:?}",
                held.currency
            );
        }
        let Some(currency) = self.currency else { return Ok(()) };
        let (books, allocated, value) = (&self.of_order, self.allocated(), self.value());
        expect!(allocated <= value, "{allocated} is allocated to a value of {value}");
        let mut kept_of: HashMap<LineKind, i128> = HashMap::new();
        let (mut kept, mut kept_tax) = (0, 0);
        for line in self.lines.values() {
            let [_, tax, gross] = line.worth().map(|total| line.of_kept(total));
            kept += gross;
            kept_tax += tax;
            *kept_of.entry(line.line.kind).or_default() += gross - tax;
        }
        let earned = |kind: LineKind| kept_of.get(&kind).copied().unwrap_or(0);
        let sales = earned(LineKind::Goods) + earned(LineKind::Shipping);
        let booked = [Account::Sales, Account::Shipping, Account::Returns].map(|it| books.credit(currency, &it));
        // What was delivered carries the allowance first: its net part is shown as returns, its tax is not owed.
        let given = self.allowance.min(kept);
        let not_sold = sales - booked.iter().sum::<i128>();
        expect!((0..=given).contains(&not_sold), "{booked:?} of sales, shipping, returns for {sales} kept");
        let (kept, kept_tax) = (kept - given, kept_tax - (given - not_sold));
        expect!(books.credit(currency, &Account::GiftCard) == earned(LineKind::GiftCard), "vouchers sold");
        expect!(
            books.debit(currency, &Account::ArCustomer) == (kept - allocated).max(0),
            "owed for what was delivered"
        );
        expect!(books.debit(currency, &Account::CustomerCredit) == allocated, "taken from the customer's credit");
        let (deferred, tax) = (books.credit(currency, &Account::DeferredRevenue), books.tax_credit(currency));
        let advance = (allocated - kept).max(0);
        expect!(deferred >= 0 && tax >= kept_tax, "deferred {deferred}, tax {tax} of which {kept_tax} kept");
        expect!(deferred + tax - kept_tax == advance, "deferred {deferred}, tax {tax} for an advance of {advance}");
        self.check_taxes(currency, allocated == value && self.allowance == 0)
    }

    /// Of an order that is paid, every authority is owed its tax on exactly what is not removed.
    fn check_taxes(&self, currency: Currency, is_paid: bool) -> Finding {
        let is_whole = |it: &Sold| it.cancelled + it.returned == 0 || it.cancelled + it.returned == it.line.quantity;
        if !is_paid || !self.lines.values().all(is_whole) {
            return Ok(());
        }
        let mut owed: BTreeMap<Account, i128> = BTreeMap::new();
        for line in self.lines.values().filter(|it| it.cancelled + it.returned == 0) {
            for tax in &line.line.taxes {
                *owed.entry(Account::TaxPayable(tax.tax.jurisdiction.clone())).or_default() += tax.amount.minor();
            }
        }
        for (account, owed) in owed {
            let booked = self.of_order.credit(currency, &account);
            expect!(booked == owed, "{account} is {booked}, not {owed}");
        }
        Ok(())
    }
}
