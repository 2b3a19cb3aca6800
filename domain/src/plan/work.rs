//! Deciding on an open plan: every decision first lets time pass, then does what was asked, one event at a time.

use super::books;
use super::command::{ApplyPayment, ChangeRate, ChargeOffPlan, ReschedulePlan, Rescheduling, WaiveFee};
use super::event::*;
use super::ledger::Ledger;
use super::refusal::Refusal;
use super::running::{Deed, Running};
use super::standing::{Status, Step};
use super::terms::Component;
use crate::entry::Balances;
use crate::id::{AllocationId, PaymentId, PlanId, WaiverId};
use crate::money::Money;
use crate::order::Timestamp;
use crate::payment::Method;
use chrono::NaiveDate;

pub(super) type Decided = Result<Vec<Event>, Refusal>;

/// A plan while something is decided about it.
pub(super) struct Work {
    pub(super) plan: Running,
    pub(super) events: Vec<Event>,
}

/// When something counts, and when it was said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) on: NaiveDate,
    pub(super) at: Timestamp,
    pub(super) is_reapplied: bool,
}

impl Work {
    pub(super) fn on(plan: &Running) -> Self {
        Self { plan: plan.clone(), events: Vec::new() }
    }

    pub(super) fn money(&self, minor: i128) -> Money {
        self.plan.ledger.money(minor)
    }

    /// Records a step: `next` is the plan after it, `moved` what changed between the book and the merchant.
    pub(super) fn record(
        &mut self,
        moment: Moment,
        mut next: Running,
        mut moved: Balances,
        event: impl FnOnce(Box<Step>) -> Event,
    ) -> Result<(), Refusal> {
        next.looked_to = next.looked_to.max(next.today(moment.at));
        if next.ledger.owed() == 0 && next.merchant.unearned > 0 {
            // Nothing is left that time could earn it with.
            moved = books::discount_earned(moved, next.merchant.unearned);
            next.merchant.unearned = 0;
        }
        let before = books::customer_side(&self.plan.ledger, &self.plan.agreement, self.plan.accrued_to);
        let after = books::customer_side(&next.ledger, &next.agreement, next.accrued_to);
        let offer = &self.plan.agreement.offer;
        let entry = after.plus(moved).since(&before).into_entry(Some(offer.customer_id.clone()))?;
        let (installments, removed) = changes(&self.plan.ledger, &next.ledger);
        let step = Step {
            plan_id: offer.plan_id.clone(),
            customer_id: offer.customer_id.clone(),
            step: self.plan.steps.saturating_add(1),
            effective_on: moment.on,
            is_reapplied: moment.is_reapplied,
            installments,
            removed,
            standing: next.standing(),
            entry,
            at: moment.at,
        };
        let event = event(Box::new(step));
        self.plan.evolve(&event);
        self.events.push(event);
        Ok(())
    }

    pub(super) fn nothing_moved(&self) -> Balances {
        Balances::new(self.plan.ledger.currency)
    }

    pub(super) fn plan_id(&self) -> PlanId {
        self.plan.agreement.offer.plan_id.clone()
    }

    /// Lets time pass to what the clock says, and gives the moment of a decision that is made now: it counts for today,
    /// and for no day before something that already counts.
    pub(super) fn now(&mut self, at: Timestamp) -> Result<Moment, Refusal> {
        self.pass_time(at)?;
        let on = self.plan.today(at).max(self.plan.last_on());
        Ok(Moment { on, at, is_reapplied: false })
    }

    pub(super) fn apply_payment(mut self, asked: &ApplyPayment) -> Decided {
        match self.plan.applications.get(&asked.application_id) {
            Some((payment_id, amount)) if *payment_id == asked.payment_id && *amount == asked.amount => {
                return Ok(Vec::new());
            }
            Some(_) => return Err(Refusal::exists("application_id")),
            None => (),
        }
        if !asked.amount.is_positive() {
            return Err(Refusal::AmountNotPositive);
        }
        self.money(0).plus(asked.amount)?;
        let on = self.plan.today(asked.at).max(self.plan.agreement.offer.starts_on);
        let offer = Offered {
            application_id: asked.application_id.clone(),
            payment_id: asked.payment_id.clone(),
            method: asked.method,
            amount: asked.amount,
        };
        if on < self.plan.last_on() {
            self.back_dated(on, asked.at, offer)?;
        } else {
            self.pass_time(asked.at)?;
            self.pay(Moment { on, at: asked.at, is_reapplied: false }, &offer)?;
        }
        Ok(self.events)
    }

    /// Applies a payment, and forgives the fees that the terms forgive to who pays at once.
    pub(super) fn pay(&mut self, moment: Moment, offered: &Offered) -> Result<(), Refusal> {
        self.forgive(moment, offered)?;
        let mut next = self.plan.clone();
        let paid = next.ledger.pay(&self.plan.agreement, moment.on, offered.amount.minor());
        let (to_credit, recovered) = (self.money(paid.to_credit), self.money(paid.recovered));
        let Offered { application_id, payment_id, method, amount } = offered.clone();
        let (allocated, settles) = (paid.allocated, paid.settles);
        self.record(moment, next, self.nothing_moved(), |step| {
            Event::PaymentApplied(PaymentApplied {
                step,
                application_id,
                payment_id,
                method,
                amount,
                allocated,
                to_credit,
                recovered,
                settles,
            })
        })
    }

    fn forgive(&mut self, moment: Moment, offered: &Offered) -> Result<(), Refusal> {
        let Some(days) = self.plan.agreement.late_fees().and_then(|it| it.waived_within_days) else { return Ok(()) };
        let fees = self.plan.transactions.iter().filter_map(|it| match it.deed {
            Deed::Fee { number, fee_step, .. } => Some((number, fee_step, it.on)),
            Deed::Payment(_)
            | Deed::Waiver { .. }
            | Deed::Refund { .. }
            | Deed::Reschedule { .. }
            | Deed::Rate { .. }
            | Deed::ChargeOff(_) => None,
        });
        let fees: Vec<(u32, u32, NaiveDate)> = fees.collect();
        let mut left = offered.amount.minor();
        for (number, fee_step, charged_on) in fees {
            let Some(it) = self.plan.installment(number) else { continue };
            let (open, fee) = (it.open(), it.fee.outstanding());
            let is_in_time = moment.on <= super::terms::day_after(charged_on, u64::from(days));
            if fee == 0 || open == 0 || open > left || !is_in_time {
                continue;
            }
            left -= open;
            let waiver_id = WaiverId::derived(&[
                self.plan_id().as_str(),
                &number.to_string(),
                &fee_step.to_string(),
                offered.application_id.as_str(),
            ]);
            self.waive(moment, waiver_id, number, fee, None)?;
        }
        Ok(())
    }

    pub(super) fn waive_fee(mut self, asked: &WaiveFee) -> Decided {
        for known in &self.plan.transactions {
            if let Deed::Waiver { waiver_id, number, amount } = &known.deed
                && *waiver_id == asked.waiver_id
            {
                let is_same = *number == asked.number && asked.amount.is_none_or(|it| it == *amount);
                return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("waiver_id")) };
            }
        }
        let moment = self.now(asked.at)?;
        let Some(it) = self.plan.installment(asked.number) else {
            return Err(Refusal::UnknownInstallment { number: asked.number });
        };
        let left = self.money(it.fee.outstanding());
        let amount = asked.amount.unwrap_or(left);
        if left.is_zero() {
            return Err(Refusal::NothingOwed);
        }
        if amount.exceeds(left)? {
            return Err(Refusal::ExceedsFees { asked: amount, left });
        }
        if !amount.is_positive() {
            return Err(Refusal::AmountNotPositive);
        }
        self.waive(moment, asked.waiver_id.clone(), asked.number, amount.minor(), asked.reason.clone())?;
        Ok(self.events)
    }

    pub(super) fn waive(
        &mut self,
        moment: Moment,
        waiver_id: WaiverId,
        number: u32,
        at_most: i128,
        reason: Option<crate::text::Text>,
    ) -> Result<(), Refusal> {
        let mut next = self.plan.clone();
        let amount = self.money(next.ledger.waive(number, at_most));
        self.record(moment, next, self.nothing_moved(), |step| {
            Event::LateFeeWaived(LateFeeWaived { step, waiver_id, number, amount, reason })
        })
    }

    pub(super) fn reschedule(mut self, asked: &ReschedulePlan) -> Decided {
        if let Some(known) = self.known_change(&asked.reschedule_id) {
            let is_same = matches!(known, Deed::Reschedule { how, .. } if *how == asked.how);
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("reschedule_id")) };
        }
        let moment = self.now(asked.at)?;
        self.still_owing()?;
        if let Rescheduling::ReAge { first_due_on, payments } = asked.how {
            let terms = super::ScheduleTerms {
                payments,
                first_due_on: Some(first_due_on),
                ..self.plan.agreement.at_rate(self.plan.ledger.rate)
            };
            let principal = self.plan.ledger.outstanding(Component::Principal).max(1);
            super::schedule::schedule(&terms, self.money(principal), moment.on)
                .map_err(|bad| Refusal::BadSchedule { field: bad.field(), why: bad.to_string() })?;
        }
        self.put_on_other_dates(moment, asked.reschedule_id.clone(), asked.how, asked.reason.clone())?;
        Ok(self.events)
    }

    pub(super) fn put_on_other_dates(
        &mut self,
        moment: Moment,
        reschedule_id: crate::id::RescheduleId,
        how: Rescheduling,
        reason: Option<crate::text::Text>,
    ) -> Result<(), Refusal> {
        let mut next = self.plan.clone();
        match how {
            Rescheduling::ReAge { first_due_on, payments } => {
                next.ledger.re_age(&self.plan.agreement, moment.on, first_due_on, payments);
                // What was earned to this day is owed on its own from now on.
                next.accrued_to = next.accrued_to.max(moment.on);
            }
            Rescheduling::ReAmortise => {
                if !next.ledger.re_amortise(&self.plan.agreement, moment.on) {
                    return Err(Refusal::NothingToCome);
                }
                next.accrued_to = next.accrued_to.max(moment.on);
            }
        }
        self.record(moment, next, self.nothing_moved(), |step| {
            Event::Rescheduled(Rescheduled { step, reschedule_id, how, reason })
        })
    }

    pub(super) fn change_rate(mut self, asked: &ChangeRate) -> Decided {
        if let Some(known) = self.known_change(&asked.reschedule_id) {
            let is_same = matches!(known, Deed::Rate { rate, .. } if *rate == asked.rate);
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("reschedule_id")) };
        }
        let moment = self.now(asked.at)?;
        self.still_owing()?;
        self.give_rate(moment, asked.reschedule_id.clone(), asked.rate)?;
        Ok(self.events)
    }

    pub(super) fn give_rate(
        &mut self,
        moment: Moment,
        reschedule_id: crate::id::RescheduleId,
        rate: super::NominalRate,
    ) -> Result<(), Refusal> {
        let mut next = self.plan.clone();
        next.ledger.change_rate(&self.plan.agreement, moment.on, rate);
        self.record(moment, next, self.nothing_moved(), |step| {
            Event::RateChanged(RateChanged { step, reschedule_id, rate })
        })
    }

    pub(super) fn charge_off(mut self, asked: &ChargeOffPlan) -> Decided {
        if let Some(how) = self.plan.ledger.charged_off {
            return if how == asked.how { Ok(Vec::new()) } else { Err(Refusal::ChargedOff) };
        }
        let moment = self.now(asked.at)?;
        self.still_owing()?;
        self.give_up(moment, asked.how, asked.reason.clone())?;
        Ok(self.events)
    }

    pub(super) fn give_up(
        &mut self,
        moment: Moment,
        how: super::ChargeOff,
        reason: Option<crate::text::Text>,
    ) -> Result<(), Refusal> {
        let mut next = self.plan.clone();
        let principal = self.money(next.ledger.outstanding(Component::Principal));
        let discount_earned = self.money(next.merchant.unearned);
        next.ledger.charge_off(how);
        self.record(moment, next, self.nothing_moved(), |step| {
            Event::ChargedOff(ChargedOff { step, how, principal, discount_earned, reason })
        })
    }

    fn known_change(&self, id: &crate::id::RescheduleId) -> Option<&Deed> {
        self.plan.transactions.iter().map(|it| &it.deed).find(|deed| match deed {
            Deed::Reschedule { reschedule_id, .. } | Deed::Rate { reschedule_id, .. } => reschedule_id == id,
            Deed::Payment(_) | Deed::Fee { .. } | Deed::Waiver { .. } | Deed::Refund { .. } | Deed::ChargeOff(_) => {
                false
            }
        })
    }

    fn still_owing(&self) -> Result<(), Refusal> {
        match self.plan.status() {
            Status::ChargedOff => Err(Refusal::ChargedOff),
            Status::Settled => Err(Refusal::NothingOwed),
            Status::Approved | Status::Cancelled | Status::Open => Ok(()),
        }
    }
}

/// Money of a payment on its way to the plan.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) application_id: AllocationId,
    pub(super) payment_id: PaymentId,
    pub(super) method: Method,
    pub(super) amount: Money,
}

/// The installments that are other than they were, and those that are no more.
fn changes(before: &Ledger, after: &Ledger) -> (Vec<super::Installment>, Vec<u32>) {
    let is_new = |it: &&super::Installment| !before.installments.contains(it);
    let is_gone = |it: &&super::Installment| after.installments.iter().all(|known| known.number != it.number);
    let changed = after.installments.iter().filter(is_new).cloned().collect();
    (changed, before.installments.iter().filter(is_gone).map(|it| it.number).collect())
}
