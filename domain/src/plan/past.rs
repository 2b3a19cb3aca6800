//! Facts that come to light late: what came after them is undone, they are put in their place, and it is done again.
//!
//! Every step of that is an event, and the history is never edited. Cash that a refund gave back stays given back, and
//! time that has passed stays passed: only what is owed is worked out anew.

use super::command::ReversePayment;
use super::event::*;
use super::ledger::{Ledger, Totals};
use super::refusal::Refusal;
use super::running::{Deed, Payment, Running, Transaction};
use super::work::{Decided, Moment, Offered, Work};
use crate::order::Timestamp;
use chrono::NaiveDate;

impl Running {
    /// The customer's side as if only these had been done.
    fn ledger_after(&self, done: &[Transaction]) -> Ledger {
        let mut ledger = Ledger {
            currency: self.ledger.currency,
            installments: self.agreement.installments(),
            rate: self.agreement.offer.terms.schedule.rate,
            totals: Totals::default(),
            charged_off: None,
        };
        for it in done {
            ledger.redo(self, it);
        }
        ledger
    }
}

impl Ledger {
    fn redo(&mut self, plan: &Running, it: &Transaction) {
        let agreement = &plan.agreement;
        match &it.deed {
            Deed::Payment(payment) => drop(self.pay(agreement, it.on, payment.amount.minor())),
            Deed::Fee { number, amount, .. } => self.charge(*number, amount.minor()),
            Deed::Waiver { number, amount, .. } => {
                self.waive(*number, amount.minor());
            }
            Deed::Refund { amount, cash, interest_returned, .. } => {
                self.refund(agreement, it.on, amount.minor(), Some(cash.minor()));
                self.totals.interest_returned += interest_returned.minor();
            }
            Deed::Reschedule { how, .. } => match how {
                super::Rescheduling::ReAge { first_due_on, payments } => {
                    self.re_age(agreement, it.on, *first_due_on, *payments);
                }
                super::Rescheduling::ReAmortise => {
                    self.re_amortise(agreement, it.on);
                }
            },
            Deed::Rate { rate, .. } => self.change_rate(agreement, it.on, *rate),
            Deed::ChargeOff(how) => self.charge_off(*how),
        }
    }
}

impl Work {
    /// A payment of a day before something that already counts.
    pub(super) fn back_dated(&mut self, on: NaiveDate, at: Timestamp, offered: Offered) -> Result<(), Refusal> {
        let undone = self.plan.after(on);
        self.unwind(on, at, &undone)?;
        self.pay(Moment { on, at, is_reapplied: false }, &offered)?;
        undone.into_iter().try_for_each(|it| self.do_again(it, at))
    }

    /// Money of a payment went back: what it paid is owed again, from the day it was paid.
    pub(super) fn reverse_payment(mut self, asked: &ReversePayment) -> Decided {
        if let Some((payment_id, amount)) = self.plan.reversals.get(&asked.reversal_id) {
            let is_same = *payment_id == asked.payment_id && *amount == asked.amount;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("reversal_id")) };
        }
        self.pass_time(asked.at)?;
        let is_of_it =
            |it: &Transaction| matches!(&it.deed, Deed::Payment(known) if known.payment_id == asked.payment_id);
        let of_it: Vec<&Transaction> = self.plan.transactions.iter().filter(|it| is_of_it(it)).collect();
        let mut left = asked.amount.minor();
        let mut first = None;
        for it in of_it.iter().rev() {
            if let (Deed::Payment(payment), true) = (&it.deed, left > 0) {
                left -= payment.amount.minor();
                first = Some(it.step);
            }
        }
        let (Some(first), true) = (first, left <= 0) else { return Err(Refusal::UnknownPayment) };
        // In the order of time, which is the order of their steps: everything from the reversed payment on.
        let place = self.plan.transactions.iter().position(|it| it.step == first).unwrap_or(0);
        let undone: Vec<Transaction> = self.plan.transactions.iter().skip(place).cloned().collect();
        let on = undone.first().map_or(self.plan.last_on(), |it| it.on);
        self.unwind(on, asked.at, &undone)?;
        let moment = Moment { on, at: asked.at, is_reapplied: false };
        let (reversal_id, payment_id, amount) = (asked.reversal_id.clone(), asked.payment_id.clone(), asked.amount);
        let same = self.plan.clone();
        self.record(moment, same, self.nothing_moved(), |step| {
            Event::PaymentReversed(PaymentReversed { step, reversal_id, payment_id, amount })
        })?;
        for it in lessened(undone, asked) {
            self.do_again(it, asked.at)?;
        }
        Ok(self.events)
    }

    fn unwind(&mut self, on: NaiveDate, at: Timestamp, undone: &[Transaction]) -> Result<(), Refusal> {
        let steps: Vec<u32> = undone.iter().map(|it| it.step).collect();
        let kept: Vec<Transaction> =
            self.plan.transactions.iter().filter(|it| !steps.contains(&it.step)).cloned().collect();
        let mut next = self.plan.clone();
        next.ledger = self.plan.ledger_after(&kept);
        next.transactions = kept;
        self.record(Moment { on, at, is_reapplied: false }, next, self.nothing_moved(), |step| {
            Event::Unwound(Unwound { step, undone: steps })
        })
    }

    fn do_again(&mut self, it: Transaction, at: Timestamp) -> Result<(), Refusal> {
        let moment = Moment { on: it.on, at, is_reapplied: true };
        match it.deed {
            Deed::Payment(Payment { application_id, payment_id, method, amount, .. }) => {
                self.pay(moment, &Offered { application_id, payment_id, method, amount })
            }
            // Only where it is still late, and never more than it was.
            Deed::Fee { number, fee_step, amount } => {
                let Some((installment, band)) = self.plan.installment(number).zip(self.plan.agreement.late_fees())
                else {
                    return Ok(());
                };
                let (charged, count) = self.plan.charged();
                let step = usize::try_from(fee_step).ok().and_then(|place| band.steps.get(place));
                let (open, order) = (installment.open(), self.plan.agreement.offer.amount);
                let fee = step.map_or(0, |step| band.fee(step, order, open, charged, count)).min(amount.minor());
                if open > 0 && fee > 0 { self.charge(moment, number, fee_step, fee) } else { Ok(()) }
            }
            Deed::Waiver { waiver_id, number, amount } => {
                let has_fees = self.plan.installment(number).is_some_and(|it| it.fee.outstanding() > 0);
                if has_fees { self.waive(moment, waiver_id, number, amount.minor(), None) } else { Ok(()) }
            }
            Deed::Refund { refund_id, amount, cash, cash_back, interest_returned } => {
                self.refund_again(moment, refund_id, amount, (cash, cash_back), interest_returned)
            }
            Deed::Reschedule { reschedule_id, how } => {
                match self.put_on_other_dates(moment, reschedule_id, how, None) {
                    // Everything to come was paid in the meantime: there is nothing to share.
                    Err(Refusal::NothingToCome) => Ok(()),
                    other => other,
                }
            }
            Deed::Rate { reschedule_id, rate } => self.give_rate(moment, reschedule_id, rate),
            Deed::ChargeOff(how) => {
                if self.plan.ledger.owed() > 0 {
                    self.give_up(moment, how, None)
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// The transactions without so much of a payment, the latest of it first.
fn lessened(mut undone: Vec<Transaction>, asked: &ReversePayment) -> Vec<Transaction> {
    let mut left = asked.amount.minor();
    for it in undone.iter_mut().rev() {
        if let Deed::Payment(payment) = &mut it.deed
            && payment.payment_id == asked.payment_id
        {
            let taken = left.min(payment.amount.minor());
            payment.amount = crate::Money::of_minor(payment.amount.minor() - taken, payment.amount.currency());
            left -= taken;
        }
    }
    undone.retain(|it| !matches!(&it.deed, Deed::Payment(payment) if payment.amount.is_zero()));
    undone
}
