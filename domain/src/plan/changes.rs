//! Changes of the schedule: prepayments that make payments smaller or fewer, new dates, another rate.
//!
//! What was answered of an installment stays; only what is outstanding moves.

use super::agreement::Agreement;
use super::installment::{Installment, Part};
use super::ledger::{Allocated, Ledger};
use super::nominal_rate::NominalRate;
use super::schedule::{self, Period, ScheduleTerms};
use super::terms::{Component, Overpayment, When};
use crate::money::Money;
use chrono::NaiveDate;

impl Part {
    /// Owes this much from now on, whatever was answered before.
    fn owe(&mut self, outstanding: i128) {
        let change = outstanding - self.outstanding();
        self.due.absorb(Money::of_minor(change, self.due.currency()));
    }
}

impl Installment {
    fn period(&self) -> Period {
        Period { number: self.number, from: self.from, until: self.until, due_on: self.due_on }
    }

    fn is_empty(&self) -> bool {
        [&self.principal, &self.interest, &self.fee].iter().all(|part| part.due.is_zero())
    }
}

impl Ledger {
    /// Pays principal now, and shares what is left over the payments to come, smaller or fewer.
    pub(super) fn prepay_evenly(
        &mut self,
        agreement: &Agreement,
        on: NaiveDate,
        left: &mut i128,
        allocated: &mut Vec<Allocated>,
    ) {
        let to_come = self.places(|ledger, place| ledger.when(place, on) == When::InAdvance);
        let Some(first) = to_come.first().copied() else { return };
        let outstanding: i128 = to_come.iter().map(|place| self.principal_at(*place)).sum();
        let prepaid = (*left).min(outstanding);
        if prepaid <= 0 {
            return;
        }
        let usual = self.installments.get(first).map_or(0, Installment::open);
        let terms = agreement.at_rate(self.rate);
        let (rest, periods) = (self.money(outstanding - prepaid), self.periods_at(&to_come));
        let shares = match agreement.offer.terms.overpayment {
            Overpayment::ReduceCount => schedule::reschedule_keeping_payment(&terms, rest, &periods, self.money(usual)),
            Overpayment::NextInstallment
            | Overpayment::LastInstallment
            | Overpayment::ReduceAmount
            | Overpayment::Credit => schedule::reschedule(&terms, rest, &periods),
        };
        self.owe_at(&to_come, &shares);
        // The installment before those to come shows what was paid with it.
        let place = first.checked_sub(1).unwrap_or(first);
        let prepaid = self.money(prepaid);
        if let Some(it) = self.installments.get_mut(place) {
            it.principal.due.absorb(prepaid);
            it.principal.paid.absorb(prepaid);
            let (number, component) = (it.number, Component::Principal);
            match allocated.iter_mut().find(|it| it.number == number && it.component == component) {
                Some(known) => known.amount.absorb(prepaid),
                None => allocated.push(Allocated { number, component, amount: prepaid }),
            }
            *left -= prepaid.minor();
        }
        self.installments.retain(|it| !it.is_empty());
    }

    /// Moves everything outstanding to new installments. Interest that time has not earned is asked anew.
    pub(super) fn re_age(&mut self, agreement: &Agreement, on: NaiveDate, first_due_on: NaiveDate, payments: u32) {
        let all = self.places(|_, _| true);
        let principal: i128 = all.iter().map(|place| self.principal_at(*place)).sum();
        let arrears = self.clear(agreement, on, &all);
        let first_number = self.next_number() + u32::from(arrears.outstanding() > 0);
        let terms = ScheduleTerms { payments, first_due_on: Some(first_due_on), ..agreement.at_rate(self.rate) };
        let periods = schedule::periods(&terms, on, payments, first_number);
        let shares = schedule::reschedule(&terms, self.money(principal), &periods);
        self.carry(arrears, on, first_due_on);
        for (period, (principal, interest)) in periods.iter().zip(shares) {
            self.installments.push(Installment {
                number: period.number,
                from: period.from,
                until: period.until,
                due_on: period.due_on,
                principal: Part::due(principal),
                interest: Part::due(interest),
                fee: Part::due(self.money(0)),
            });
        }
        self.tidy();
    }

    /// Shares what is late over the installments to come. `false` where none is.
    pub(super) fn re_amortise(&mut self, agreement: &Agreement, on: NaiveDate) -> bool {
        let late = self.places(|ledger, place| ledger.installments.get(place).is_some_and(|it| it.due_on <= on));
        let to_come = self.places(|ledger, place| ledger.installments.get(place).is_some_and(|it| it.due_on > on));
        let Some(next_due_on) = to_come.first().and_then(|place| self.installments.get(*place)).map(|it| it.due_on)
        else {
            return false;
        };
        let principal: i128 = late.iter().chain(&to_come).map(|place| self.principal_at(*place)).sum();
        let arrears = self.clear(agreement, on, &late);
        let periods = self.periods_at(&to_come);
        let shares = schedule::reschedule(&agreement.at_rate(self.rate), self.money(principal), &periods);
        self.owe_at(&to_come, &shares);
        self.carry(arrears, on, next_due_on);
        self.tidy();
        true
    }

    /// Gives periods that begin on a day or later another rate.
    pub(super) fn change_rate(&mut self, agreement: &Agreement, on: NaiveDate, rate: NominalRate) {
        self.rate = rate;
        let to_come = self.places(|ledger, place| {
            ledger.installments.get(place).is_some_and(|it| it.number > 0 && it.from >= on && it.from < it.until)
        });
        let principal: i128 = to_come.iter().map(|place| self.principal_at(*place)).sum();
        let periods = self.periods_at(&to_come);
        let shares = schedule::reschedule(&agreement.at_rate(rate), self.money(principal), &periods);
        self.owe_at(&to_come, &shares);
    }

    /// Nothing is outstanding of these any more; gives back interest that time has earned, and the fees.
    fn clear(&mut self, agreement: &Agreement, on: NaiveDate, places: &[usize]) -> Installment {
        let (mut interest, mut fee) = (0, 0);
        for place in places {
            let earned = self.earned(agreement, *place, on);
            let Some(it) = self.installments.get_mut(*place) else { continue };
            interest += (earned - it.interest.paid.minor()).max(0).min(it.interest.outstanding());
            fee += it.fee.outstanding();
            it.principal.owe(0);
            it.interest.owe(0);
            it.fee.owe(0);
        }
        let zero = Part::due(self.money(0));
        let (interest, fee) = (Part::due(self.money(interest)), Part::due(self.money(fee)));
        Installment { number: 0, from: on, until: on, due_on: on, principal: zero, interest, fee }
    }

    /// An installment for what was earned and late, due with the next one.
    fn carry(&mut self, arrears: Installment, on: NaiveDate, due_on: NaiveDate) {
        if arrears.outstanding() > 0 {
            let number = self.next_number();
            self.installments.push(Installment { number, from: on, until: on, due_on, ..arrears });
        }
    }

    fn owe_at(&mut self, places: &[usize], shares: &[(Money, Money)]) {
        let nothing = (self.money(0), self.money(0));
        let shares = shares.iter().chain(std::iter::repeat(&nothing));
        for (place, (principal, interest)) in places.iter().zip(shares) {
            if let Some(it) = self.installments.get_mut(*place) {
                it.principal.owe(principal.minor());
                it.interest.owe(interest.minor());
            }
        }
    }

    fn places(&self, which: impl Fn(&Self, usize) -> bool) -> Vec<usize> {
        (0..self.installments.len()).filter(|place| which(self, *place)).collect()
    }

    pub(super) fn principal_at(&self, place: usize) -> i128 {
        self.installments.get(place).map_or(0, |it| it.principal.outstanding())
    }

    pub(super) fn periods_at(&self, places: &[usize]) -> Vec<Period> {
        places.iter().filter_map(|place| self.installments.get(*place)).map(Installment::period).collect()
    }

    fn next_number(&self) -> u32 {
        self.installments.iter().map(|it| it.number).max().map_or(1, |number| number.saturating_add(1))
    }

    /// In the order of the due dates, and nothing that says nothing.
    pub(super) fn tidy(&mut self) {
        self.installments.retain(|it| !it.is_empty());
        self.installments.sort_by_key(|it| (it.due_on, it.number));
    }
}
