//! The customer's side of a plan: what is owed of every installment, and how money and debt move over it.
//!
//! Everything here is a function of the ledger, the agreement, a day and an amount, so that a payment that comes to light
//! late can be put in its place and everything after it be done again. Nothing here makes events.

use super::agreement::Agreement;
use super::installment::{Answer, Installment};
use super::interest;
use super::nominal_rate::NominalRate;
use super::terms::{Accrual, Bucket, Component, EarlySettlement, Overpayment, When};
use crate::money::{Currency, Money};
use crate::rate::Rounding;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The customer's side of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ledger {
    pub(super) currency: Currency,
    pub(super) installments: Vec<Installment>,
    /// The rate that counts now.
    pub(super) rate: NominalRate,
    pub(super) totals: Totals,
    pub(super) charged_off: Option<ChargeOff>,
}

/// What no installment shows, in minor units. All of them only grow, but when a later fact is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    /// Money beyond everything owed.
    pub(super) to_credit: i128,
    /// Paid after the charge-off.
    pub(super) recovered: i128,
    /// Refunds of debt that was charged off.
    pub(super) refund_recovered: i128,
    /// Refunds of what was paid.
    pub(super) cash_back: i128,
    /// Interest given back with refunds.
    pub(super) interest_returned: i128,
}

/// How a plan was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeOff {
    /// The customer does not pay.
    Default,
    /// There never was such a customer.
    Fraud,
}

/// A part of a payment, and what it paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocated {
    /// The installment.
    pub number: u32,
    /// Which part of it.
    pub component: Component,
    /// How much.
    pub amount: Money,
}

/// What became of a payment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Paid {
    pub(super) allocated: Vec<Allocated>,
    pub(super) to_credit: i128,
    pub(super) recovered: i128,
    pub(super) settles: bool,
}

/// What became of a refund.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RefundEffect {
    /// Debt that fell, in the order it fell.
    pub(super) debt: Vec<(u32, i128)>,
    /// Debt that had been charged off.
    pub(super) recovered: i128,
    /// What was paid already and goes back.
    pub(super) cash: i128,
}

impl Ledger {
    pub(super) fn money(&self, minor: i128) -> Money {
        Money::of_minor(minor, self.currency)
    }

    /// What is outstanding of a component.
    pub(super) fn outstanding(&self, component: Component) -> i128 {
        self.installments.iter().map(|it| it.part(component).outstanding()).sum()
    }

    /// Everything outstanding.
    pub(super) fn owed(&self) -> i128 {
        self.installments.iter().map(Installment::outstanding).sum()
    }

    /// Principal that is outstanding from an installment on: what its interest is for.
    fn balance_from(&self, place: usize) -> i128 {
        self.installments.iter().skip(place).map(|it| it.principal.outstanding()).sum()
    }

    /// How an installment lies to a day: the one whose period the day lies in is being paid now.
    pub(super) fn when(&self, place: usize, on: NaiveDate) -> When {
        let is_late = |it: &Installment| it.due_on < on;
        match self.installments.get(place) {
            Some(it) if is_late(it) => When::PastDue,
            Some(it) if it.due_on == on || it.from < on => {
                let is_first = self.installments.iter().take(place).all(|before| before.due_on <= on);
                if is_first { When::Due } else { When::InAdvance }
            }
            Some(_) | None => When::InAdvance,
        }
    }

    /// Interest of an installment that time has earned by a day, of what the contract asks for it.
    pub(super) fn earned(&self, agreement: &Agreement, place: usize, on: NaiveDate) -> i128 {
        let Some(it) = self.installments.get(place) else { return 0 };
        let owed = it.interest.owed();
        if it.until <= on || it.due_on <= on {
            return owed;
        }
        if on <= it.from {
            return 0;
        }
        // What was paid of it in advance lessened no balance before the day it fell due.
        let later = self.installments.iter().skip(place);
        let balance: i128 = later.map(|it| it.principal.owed()).sum();
        let period = super::Period { number: it.number, from: it.from, until: it.until, due_on: it.due_on };
        let terms = agreement.at_rate(self.rate);
        if terms.amortisation == super::Amortisation::EqualParts {
            // Flat interest is the same every day of the period.
            let (days, period) = ((on - it.from).num_days(), (it.until - it.from).num_days().max(1));
            return Rounding::HalfEven.divide(owed.saturating_mul(days.into()), period.into()).clamp(0, owed);
        }
        interest::accrued(&terms, &period, self.money(balance), on).minor().clamp(0, owed)
    }

    /// Interest of an installment as the books have it: what time has earned, and no less than what was paid.
    pub(super) fn accrued(&self, agreement: &Agreement, place: usize, to: NaiveDate) -> i128 {
        let Some(it) = self.installments.get(place) else { return 0 };
        let limit = it.interest.owed() - it.interest.written_off.minor();
        self.earned(agreement, place, to).max(it.interest.paid.minor()).min(limit)
    }

    /// Interest of an installment that stays due when everything is paid on a day.
    fn interest_at_settlement(&self, agreement: &Agreement, place: usize, on: NaiveDate) -> i128 {
        let Some(it) = self.installments.get(place) else { return 0 };
        let is_current = it.from < on && on < it.until;
        match agreement.offer.terms.early_settlement {
            EarlySettlement::ToPeriodEnd if is_current => it.interest.owed(),
            EarlySettlement::ToPeriodEnd | EarlySettlement::ToDay => self.earned(agreement, place, on),
        }
    }

    /// What pays everything on a day. Interest that time has not earned is never due.
    pub(super) fn payoff(&self, agreement: &Agreement, on: NaiveDate) -> i128 {
        let each = self.installments.iter().enumerate().map(|(place, it)| {
            let interest = self.interest_at_settlement(agreement, place, on) - it.interest.paid.minor();
            it.principal.outstanding() + it.fee.outstanding() + interest
        });
        each.sum::<i128>().max(0)
    }

    /// Takes a payment.
    pub(super) fn pay(&mut self, agreement: &Agreement, on: NaiveDate, amount: i128) -> Paid {
        if self.charged_off.is_some() {
            return self.recover(amount);
        }
        let mut paid = Paid { allocated: Vec::new(), to_credit: 0, recovered: 0, settles: false };
        let was_owed = self.owed() > 0;
        let mut left = amount;
        if was_owed && amount >= self.payoff(agreement, on) {
            left += self.forgo_interest(agreement, on);
            paid.settles = true;
            for place in 0..self.installments.len() {
                for component in [Component::Fee, Component::Interest, Component::Principal] {
                    self.pay_part(place, component, &mut left, &mut paid.allocated);
                }
            }
        } else {
            self.allocate(agreement, on, &mut left, &mut paid.allocated);
        }
        paid.to_credit = left;
        self.totals.to_credit += left;
        paid
    }

    fn recover(&mut self, amount: i128) -> Paid {
        let given_up: i128 = self.installments.iter().map(|it| it.principal.written_off.minor()).sum();
        let left = given_up - self.totals.recovered - self.totals.refund_recovered;
        let recovered = amount.min(left.max(0));
        self.totals.recovered += recovered;
        self.totals.to_credit += amount - recovered;
        Paid { allocated: Vec::new(), to_credit: amount - recovered, recovered, settles: false }
    }

    /// Cancels the interest that an early settlement saves; gives back what of it was paid already.
    fn forgo_interest(&mut self, agreement: &Agreement, on: NaiveDate) -> i128 {
        let mut free = 0;
        for place in 0..self.installments.len() {
            let kept = self.interest_at_settlement(agreement, place, on);
            if let Some(it) = self.installments.get_mut(place) {
                let too_much = (it.interest.paid.minor() - kept).max(0);
                it.interest.paid.release(Money::of_minor(too_much, it.interest.paid.currency()));
                free += too_much;
                let saved = it.interest.owed() - kept;
                it.interest.take(Answer::Cancelled, saved);
            }
        }
        free
    }

    fn pay_part(&mut self, place: usize, component: Component, left: &mut i128, allocated: &mut Vec<Allocated>) {
        let currency = self.currency;
        let Some(it) = self.installments.get_mut(place) else { return };
        let taken = it.part_mut(component).take(Answer::Paid, *left);
        if taken == 0 {
            return;
        }
        *left -= taken;
        let (number, amount) = (it.number, Money::of_minor(taken, currency));
        match allocated.iter_mut().find(|it| it.number == number && it.component == component) {
            Some(known) => known.amount.absorb(amount),
            None => allocated.push(Allocated { number, component, amount }),
        }
    }

    /// Pays bucket by bucket, as the terms' table says.
    fn allocate(&mut self, agreement: &Agreement, on: NaiveDate, left: &mut i128, allocated: &mut Vec<Allocated>) {
        let terms = &agreement.offer.terms;
        let buckets = &terms.allocation.order;
        let is_one_group = |a: &Bucket, b: &Bucket| terms.allocation.by_installment && a.when() == b.when();
        for group in buckets.chunk_by(is_one_group) {
            let Some(when) = group.first().map(|it| it.when()) else { continue };
            if when == When::InAdvance && terms.overpayment != Overpayment::NextInstallment {
                if group.iter().any(|it| it.component() == Component::Principal) {
                    self.prepay(agreement, on, left, allocated);
                }
                continue;
            }
            for place in 0..self.installments.len() {
                if self.when(place, on) == when {
                    for bucket in group {
                        self.pay_part(place, bucket.component(), left, allocated);
                    }
                }
            }
        }
    }

    /// Money beyond the current installment, where it does not simply pay the next one.
    fn prepay(&mut self, agreement: &Agreement, on: NaiveDate, left: &mut i128, allocated: &mut Vec<Allocated>) {
        match agreement.offer.terms.overpayment {
            Overpayment::LastInstallment => {
                let before = self.balances();
                for place in (0..self.installments.len()).rev() {
                    if self.when(place, on) == When::InAdvance {
                        self.pay_part(place, Component::Principal, left, allocated);
                    }
                }
                self.lessen_interest(agreement, on, &before);
            }
            Overpayment::ReduceAmount | Overpayment::ReduceCount => self.prepay_evenly(agreement, on, left, allocated),
            Overpayment::NextInstallment | Overpayment::Credit => (),
        }
    }

    /// The balance that every installment's interest is for.
    fn balances(&self) -> Vec<i128> {
        (0..self.installments.len()).map(|place| self.balance_from(place)).collect()
    }

    /// Interest that time has not earned falls with the balance that it was for.
    fn lessen_interest(&mut self, agreement: &Agreement, on: NaiveDate, before: &[i128]) {
        for (place, was) in before.iter().enumerate() {
            let now = self.balance_from(place);
            let earned = self.earned(agreement, place, on);
            let Some(it) = self.installments.get_mut(place) else { continue };
            if *was <= now || *was <= 0 {
                continue;
            }
            let to_come = it.interest.owed() - earned;
            let stays = Rounding::HalfEven.divide(to_come.max(0).saturating_mul(now.max(0)), *was);
            it.interest.take(Answer::Cancelled, to_come - stays);
        }
    }

    /// Cancels debt for a refund, and says what has to go back in cash. `cash` is given where that is decided already.
    pub(super) fn refund(
        &mut self,
        agreement: &Agreement,
        on: NaiveDate,
        amount: i128,
        cash: Option<i128>,
    ) -> RefundEffect {
        let mut left = amount - cash.unwrap_or(0);
        let before = self.balances();
        let mut debt = Vec::new();
        self.cancel(agreement, on, &mut left, &mut debt);
        self.lessen_interest(agreement, on, &before);
        let given_up: i128 = self.installments.iter().map(|it| it.principal.written_off.minor()).sum();
        let recovered = left.min((given_up - self.totals.recovered - self.totals.refund_recovered).max(0));
        self.totals.refund_recovered += recovered;
        left -= recovered;
        let cash = cash.unwrap_or(0) + left;
        self.totals.cash_back += cash;
        RefundEffect { debt, recovered, cash }
    }

    fn cancel_at(&mut self, place: usize, at_most: i128, left: &mut i128, debt: &mut Vec<(u32, i128)>) {
        let Some(it) = self.installments.get_mut(place) else { return };
        let taken = it.principal.take(Answer::Cancelled, at_most.min(*left));
        if taken == 0 {
            return;
        }
        *left -= taken;
        let number = it.number;
        match debt.iter_mut().find(|(known, _)| *known == number) {
            Some((_, amount)) => *amount += taken,
            None => debt.push((number, taken)),
        }
    }

    fn cancel(&mut self, agreement: &Agreement, on: NaiveDate, left: &mut i128, debt: &mut Vec<(u32, i128)>) {
        let all = 0..self.installments.len();
        match agreement.offer.terms.refund.cancels {
            super::terms::Cancels::LastFirst => all.rev().for_each(|place| self.cancel_at(place, *left, left, debt)),
            super::terms::Cancels::NextFirst => all.for_each(|place| self.cancel_at(place, *left, left, debt)),
            super::terms::Cancels::EveryInstallment => {
                let is_late =
                    |ledger: &Self, place: usize| ledger.installments.get(place).is_some_and(|it| it.due_on < on);
                let (late, to_come): (Vec<usize>, Vec<usize>) = all.partition(|place| is_late(self, *place));
                for place in late {
                    self.cancel_at(place, *left, left, debt);
                }
                // Where a share is more than an installment has, the others carry the rest.
                while *left > 0 {
                    let open =
                        |place: &usize| self.installments.get(*place).is_some_and(|it| it.principal.outstanding() > 0);
                    let open: Vec<usize> = to_come.iter().copied().filter(open).collect();
                    if open.is_empty() {
                        return;
                    }
                    let parts = super::ScheduleTerms {
                        amortisation: super::Amortisation::EqualPrincipal,
                        ..agreement.at_rate(NominalRate::ZERO)
                    };
                    let shares = super::schedule::reschedule(&parts, self.money(*left), &self.periods_at(&open));
                    for (place, (share, _)) in open.iter().zip(shares) {
                        self.cancel_at(*place, share.minor(), left, debt);
                    }
                }
            }
        }
    }

    /// Adds a fee to an installment.
    pub(super) fn charge(&mut self, number: u32, amount: i128) {
        let fee = self.money(amount);
        if let Some(it) = self.installments.iter_mut().find(|it| it.number == number) {
            it.fee.due.absorb(fee);
        }
    }

    /// Forgives at most so much of the fees of an installment; gives back how much.
    pub(super) fn waive(&mut self, number: u32, at_most: i128) -> i128 {
        let it = self.installments.iter_mut().find(|it| it.number == number);
        it.map_or(0, |it| it.fee.take(Answer::Waived, at_most))
    }

    /// Gives up everything outstanding.
    pub(super) fn charge_off(&mut self, how: ChargeOff) {
        for it in &mut self.installments {
            for component in [Component::Principal, Component::Interest, Component::Fee] {
                let part = it.part_mut(component);
                part.take(Answer::WrittenOff, part.outstanding());
            }
        }
        self.charged_off = Some(how);
    }

    /// The next day after `after` on which interest enters the books by the calendar alone.
    pub(super) fn accrues_next(&self, agreement: &Agreement, after: NaiveDate) -> Option<NaiveDate> {
        let is_running = |it: &&Installment| it.interest.outstanding() > 0 && it.until > after;
        let running = self.installments.iter().find(is_running)?;
        let tomorrow = super::terms::day_after(after.max(running.from), 1);
        match agreement.offer.terms.accrual {
            Accrual::WithInstallment => None,
            Accrual::Daily => Some(tomorrow),
            Accrual::MonthEnd => Some(super::terms::month_end(tomorrow)),
        }
    }
}
