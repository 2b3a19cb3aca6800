//! What time alone does to a plan: due dates, late fees, interest at the month's end; and when it does so next.
//!
//! Nothing here reads a clock: somebody says what time it is, and everything that was to happen until then happens, in
//! the order of its days.

use super::books;
use super::event::*;
use super::running::{Deed, Running};
use super::standing::Status;
use super::terms::day_after;
use super::work::{Decided, Moment, Work};
use crate::order::Timestamp;
use chrono::NaiveDate;

/// Something that time does, in the order in which things of one day happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Due { number: u32 },
    Accrual,
    Fee { number: u32, fee_step: u32, amount: i128 },
}

impl Running {
    /// The day on which time changes the plan next, if nobody else does before.
    pub(super) fn wakes_on(&self) -> Option<NaiveDate> {
        self.happenings(true).map(|(on, _)| on).min()
    }

    /// What time does, soonest first; nothing that is certain not to happen.
    fn next_happening(&self, today: NaiveDate) -> Option<(NaiveDate, Happening)> {
        self.happenings(false).filter(|(on, _)| *on <= today).min()
    }

    /// What is to come by the plan as it stands. Fees whose installment may still be paid in time count as possible.
    fn happenings(&self, with_possible: bool) -> impl Iterator<Item = (NaiveDate, Happening)> {
        let status = self.status();
        let is_running = status == Status::Open;
        let dues = self.ledger.installments.iter().filter(move |it| is_running && !self.is_told(it.number));
        let dues = dues.map(|it| (it.due_on, Happening::Due { number: it.number }));
        let accrual = self.ledger.accrues_next(&self.agreement, self.accrued_to).filter(move |_| is_running);
        let accrual = accrual.map(|on| (on, Happening::Accrual));
        let fees = self.fees(with_possible).filter(move |_| is_running);
        dues.chain(accrual).chain(fees)
    }

    fn is_told(&self, number: u32) -> bool {
        number == 0 || self.told_due.contains(&number)
    }

    /// The fees that an installment draws if it stays unpaid.
    fn fees(&self, with_possible: bool) -> impl Iterator<Item = (NaiveDate, Happening)> {
        let bands = self.agreement.late_fees();
        let order = self.agreement.offer.amount;
        let (charged, count) = self.charged();
        bands.into_iter().flat_map(move |band| {
            self.ledger.installments.iter().filter(|it| it.open() > 0).flat_map(move |it| {
                let number = it.number;
                let each = band.steps.iter().zip(0_u32..);
                each.filter_map(move |(step, fee_step)| {
                    // The first day after the due date and the grace is the first late one.
                    let days = u64::from(band.grace_days) + u64::from(step.after_days) + 1;
                    let on = day_after(it.due_on, days);
                    let amount = band.fee(step, order, it.open(), charged, count);
                    let is_to_come = if with_possible { on > self.looked_to } else { on >= self.looked_to };
                    let is_new = amount > 0 && is_to_come && !self.is_charged(number, fee_step);
                    is_new.then_some((on, Happening::Fee { number, fee_step, amount }))
                })
            })
        })
    }

    pub(super) fn is_charged(&self, number: u32, fee_step: u32) -> bool {
        self.transactions
            .iter()
            .any(|it| matches!(it.deed, Deed::Fee { number: n, fee_step: s, .. } if n == number && s == fee_step))
    }

    /// What was charged and not waived, and how often something was charged.
    pub(super) fn charged(&self) -> (i128, u32) {
        let sum = self.ledger.installments.iter().map(|it| it.fee.owed()).sum();
        let fees = self.transactions.iter().filter(|it| matches!(it.deed, Deed::Fee { .. }));
        (sum, u32::try_from(fees.count()).unwrap_or(u32::MAX))
    }

    /// The part of the discount that a due date earns: by the agreement's shares, as far as there is something left.
    fn discount_at(&self, number: u32) -> i128 {
        let open: Vec<u32> =
            self.ledger.installments.iter().map(|it| it.number).filter(|it| !self.is_told(*it)).collect();
        let share = |number: u32| {
            let place = usize::try_from(number).ok()?.checked_sub(1)?;
            self.agreement.discount_earned.get(place).map(|it| it.minor())
        };
        let shares: Option<Vec<i128>> = open.iter().map(|it| share(*it)).collect();
        let weights = shares.filter(|it| it.iter().sum::<i128>() > 0).unwrap_or_else(|| vec![1; open.len()]);
        let parts = crate::split::by_weights(self.merchant.unearned, &weights).unwrap_or_default();
        open.iter().zip(parts).find(|(it, _)| **it == number).map_or(0, |(_, part)| part)
    }
}

impl Work {
    pub(super) fn passing_time(mut self, at: Timestamp) -> Decided {
        self.pass_time(at)?;
        Ok(self.events)
    }

    /// Everything happens that was to happen until now.
    pub(super) fn pass_time(&mut self, at: Timestamp) -> Result<(), super::Refusal> {
        let today = self.plan.today(at);
        while let Some((on, happening)) = self.plan.next_happening(today) {
            let starts_at = self.plan.agreement.offer.terms.time_zone.start_of(on);
            let moment = Moment { on, at: starts_at, is_reapplied: false };
            match happening {
                Happening::Due { number } => self.fall_due(moment, number)?,
                Happening::Accrual => {
                    let mut next = self.plan.clone();
                    next.accrued_to = on;
                    let nothing = self.nothing_moved();
                    self.record(moment, next, nothing, |step| Event::InterestAccrued(InterestAccrued { step }))?;
                }
                Happening::Fee { number, fee_step, amount } => self.charge(moment, number, fee_step, amount)?,
            }
        }
        Ok(())
    }

    fn fall_due(&mut self, moment: Moment, number: u32) -> Result<(), super::Refusal> {
        let mut next = self.plan.clone();
        next.told_due.insert(number);
        let installment = self.plan.installment(number);
        let until = installment.map_or(moment.on, |it| it.until);
        next.accrued_to = next.accrued_to.max(moment.on).max(until);
        let amount = self.money(installment.map_or(0, super::Installment::outstanding));
        let earned = self.plan.discount_at(number);
        next.merchant.unearned -= earned;
        let moved = books::discount_earned(self.nothing_moved(), earned);
        let discount_earned = self.money(earned);
        self.record(moment, next, moved, |step| {
            Event::InstallmentDue(InstallmentDue { step, number, amount, discount_earned })
        })
    }

    pub(super) fn charge(
        &mut self,
        moment: Moment,
        number: u32,
        fee_step: u32,
        amount: i128,
    ) -> Result<(), super::Refusal> {
        let mut next = self.plan.clone();
        next.ledger.charge(number, amount);
        let amount = self.money(amount);
        self.record(moment, next, self.nothing_moved(), |step| {
            Event::LateFeeCharged(LateFeeCharged { step, number, fee_step, amount })
        })
    }
}
