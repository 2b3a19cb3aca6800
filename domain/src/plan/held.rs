//! A plan that is agreed and not open yet, and the money that came before the goods: it waits, and pays when the plan
//! is opened.

use super::agreement::Agreement;
use super::command::{ApplyPayment, OpenPlan, ReversePayment};
use super::event::*;
use super::refusal::Refusal;
use super::running::Running;
use super::work::{Decided, Moment, Offered, Work};
use crate::id::{AllocationId, PaymentId};
use crate::money::Money;
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// A plan that is agreed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Agreed {
    pub(super) agreement: Agreement,
    /// In the order in which they came.
    held: Vec<Held>,
    released: BTreeMap<AllocationId, (PaymentId, Money)>,
}

/// A payment that waits.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    paid: PaymentHeld,
    /// What went back of it, in minor units.
    released: i128,
}

impl Agreed {
    pub(super) fn new(agreement: Agreement) -> Self {
        Self { agreement, held: Vec::new(), released: BTreeMap::new() }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        match event {
            Event::PaymentHeld(it) => self.held.push(Held { paid: it.clone(), released: 0 }),
            Event::HeldPaymentReleased(it) => {
                let mut left = it.amount.minor();
                for known in self.held.iter_mut().rev().filter(|known| known.paid.payment_id == it.payment_id) {
                    let taken = left.min(known.paid.amount.minor() - known.released);
                    known.released += taken;
                    left -= taken;
                }
                self.released.insert(it.reversal_id.clone(), (it.payment_id.clone(), it.amount));
            }
            Event::Approved(_)
            | Event::Cancelled(_)
            | Event::Opened(_)
            | Event::MerchantPaid(_)
            | Event::InstallmentDue(_)
            | Event::InterestAccrued(_)
            | Event::PaymentApplied(_)
            | Event::PaymentReversed(_)
            | Event::LateFeeCharged(_)
            | Event::LateFeeWaived(_)
            | Event::Refunded(_)
            | Event::Rescheduled(_)
            | Event::RateChanged(_)
            | Event::ChargedOff(_)
            | Event::Unwound(_) => (),
        }
    }

    /// What was said before the plan was opened stays said.
    pub(super) fn hand_over(&self, running: &mut Running) {
        let offers = self
            .held
            .iter()
            .map(|Held { paid, .. }| (paid.application_id.clone(), (paid.payment_id.clone(), paid.amount)));
        running.applications.extend(offers);
        running.reversals.extend(self.released.clone());
    }

    pub(super) fn hold(&self, asked: &ApplyPayment) -> Decided {
        if let Some(known) = self.held.iter().find(|it| it.paid.application_id == asked.application_id) {
            let is_same = known.paid.payment_id == asked.payment_id && known.paid.amount == asked.amount;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("application_id")) };
        }
        if !asked.amount.is_positive() {
            return Err(Refusal::AmountNotPositive);
        }
        Money::zero(self.agreement.financed.currency()).plus(asked.amount)?;
        Ok(vec![Event::PaymentHeld(PaymentHeld {
            plan_id: asked.plan_id.clone(),
            application_id: asked.application_id.clone(),
            payment_id: asked.payment_id.clone(),
            method: asked.method,
            amount: asked.amount,
            at: asked.at,
        })])
    }

    pub(super) fn release(&self, asked: &ReversePayment) -> Decided {
        if let Some((payment_id, amount)) = self.released.get(&asked.reversal_id) {
            let is_same = *payment_id == asked.payment_id && *amount == asked.amount;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("reversal_id")) };
        }
        let of_it = self.held.iter().filter(|it| it.paid.payment_id == asked.payment_id);
        let left: i128 = of_it.map(|it| it.paid.amount.minor() - it.released).sum();
        if asked.amount.minor() > left {
            return Err(Refusal::UnknownPayment);
        }
        Ok(vec![Event::HeldPaymentReleased(HeldPaymentReleased {
            plan_id: asked.plan_id.clone(),
            reversal_id: asked.reversal_id.clone(),
            payment_id: asked.payment_id.clone(),
            amount: asked.amount,
            at: asked.at,
        })])
    }

    /// Opens the plan, and pays what has come already.
    pub(super) fn open(&self, asked: &OpenPlan) -> Decided {
        let agreement = &self.agreement;
        let today = agreement.offer.terms.time_zone.date_of(asked.at);
        if let Some(row) = agreement.schedule.first().filter(|row| row.due_on < today) {
            return Err(Refusal::OfferExpired { first_due_on: row.due_on });
        }
        let opening = Running::opening(agreement, asked, today)?;
        let Event::Opened(opened) = &opening else { return Ok(vec![opening]) };
        let mut work = Work { plan: Running::opened(agreement.clone(), opened), events: vec![opening.clone()] };
        let mut held: Vec<(NaiveDate, &Held)> = self.held.iter().map(|it| (self.paid_on(it), it)).collect();
        held.sort_by_key(|(on, _)| *on);
        for (on, Held { paid, released }) in held {
            let amount = Money::of_minor(paid.amount.minor() - released, paid.amount.currency());
            let (application_id, payment_id, method) =
                (paid.application_id.clone(), paid.payment_id.clone(), paid.method);
            let offered = Offered { application_id, payment_id, method, amount };
            if amount.is_positive() {
                work.pay(Moment { on, at: asked.at, is_reapplied: false }, &offered)?;
            }
        }
        Ok(work.events)
    }

    fn paid_on(&self, it: &Held) -> NaiveDate {
        let offer = &self.agreement.offer;
        offer.terms.time_zone.date_of(it.paid.at).max(offer.starts_on)
    }
}
