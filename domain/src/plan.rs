//! Installment plans: buy now, pay later, to the last cent.
//!
//! A plan is agreed (within the customer's credit line), opened when the goods are the customer's, paid, and ends
//! settled or given up. The terms are data of the agreement. Time is a command: the domain never asks what day it is,
//! it says when it wants to be told (`wakes_at`). A fact that comes to light late is put in its place: what came after
//! it is undone and done again, by new events, never by editing.
//!
//! The arithmetic of dates, interest and rates is in `schedule`, `interest` and `apr`; who may have how much credit is
//! in `crate::credit`. This module never moves money itself: payments do, and policies connect them.

pub mod agreement;
mod amortisation;
pub mod apr;
mod books;
pub mod business_days;
mod changes;
mod command;
pub mod day_count;
mod digits;
pub mod discount;
mod event;
pub mod frequency;
mod giving;
mod held;
pub mod installment;
pub mod interest;
pub mod late_fees;
mod ledger;
pub mod nominal_rate;
mod past;
mod refusal;
mod running;
pub mod schedule;
mod standing;
#[cfg(test)]
pub(crate) mod stories;
pub mod terms;
mod time;
mod work;

pub use agreement::{Agreement, BadTerms, Disclosure, Offer};
pub use apr::{Apr, Flow};
pub use business_days::{Adjust, BusinessDays};
pub use command::*;
pub use day_count::DayCount;
pub use event::*;
pub use frequency::{Frequency, MonthEnd};
pub use installment::{Installment, Part};
pub use late_fees::{FeeAmount, FeeStep, LateFees};
pub use ledger::{Allocated, ChargeOff};
pub use nominal_rate::NominalRate;
pub use refusal::Refusal;
pub use schedule::{Absorbs, Amortisation, BadSchedule, Period, Row, ScheduleTerms};
pub use standing::{Standing, Status, Step};
pub use terms::{
    Accrual, Allocation, Bucket, Cancels, Component, DownPayment, EarlySettlement, MerchantDiscount, OnRefund,
    Overpayment, RefundPolicy, Terms, TimeZone,
};

use crate::decider::Decider;
use crate::money::Money;
use chrono::NaiveDate;
use held::Agreed;
use running::Running;
use work::Work;

/// A plan as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    stage: Stage,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Stage {
    #[default]
    New,
    Approved(Box<Agreed>),
    Cancelled(Box<Agreement>),
    /// Open, settled or charged off.
    Open(Box<Running>),
}

impl Decider for Plan {
    const CATEGORY: &'static str = "plan";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Approve(asked) => self.approve(asked),
            Command::Cancel(asked) => self.cancel(asked),
            Command::Open(asked) => self.open(asked),
            Command::PayMerchant(asked) => self.running()?.pay_merchant(asked),
            Command::PassTime(asked) => Work::on(self.running()?).passing_time(asked.at),
            Command::ApplyPayment(asked) => match &self.stage {
                Stage::Approved(agreed) => agreed.hold(asked),
                Stage::New | Stage::Cancelled(_) | Stage::Open(_) => Work::on(self.running()?).apply_payment(asked),
            },
            Command::ReversePayment(asked) => match &self.stage {
                Stage::Approved(agreed) => agreed.release(asked),
                Stage::New | Stage::Cancelled(_) | Stage::Open(_) => Work::on(self.running()?).reverse_payment(asked),
            },
            Command::WaiveFee(asked) => Work::on(self.running()?).waive_fee(asked),
            Command::Refund(asked) => Work::on(self.running()?).refund(asked),
            Command::Reschedule(asked) => Work::on(self.running()?).reschedule(asked),
            Command::ChangeRate(asked) => Work::on(self.running()?).change_rate(asked),
            Command::ChargeOff(asked) => Work::on(self.running()?).charge_off(asked),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Approved(it) => self.stage = Stage::Approved(Box::new(Agreed::new(it.agreement.clone()))),
            Event::Cancelled(_) => {
                if let Stage::Approved(agreed) = &self.stage {
                    self.stage = Stage::Cancelled(Box::new(agreed.agreement.clone()));
                }
            }
            Event::PaymentHeld(_) | Event::HeldPaymentReleased(_) => {
                if let Stage::Approved(agreed) = &mut self.stage {
                    agreed.evolve(event);
                }
            }
            Event::Opened(it) => {
                if let Stage::Approved(agreed) = &self.stage {
                    let mut running = Running::opened(agreed.agreement.clone(), it);
                    agreed.hand_over(&mut running);
                    self.stage = Stage::Open(Box::new(running));
                }
            }
            other => {
                if let Stage::Open(running) = &mut self.stage {
                    running.evolve(other);
                }
            }
        }
    }
}

impl Plan {
    fn approve(&self, asked: &Approve) -> Result<Vec<Event>, Refusal> {
        match self.agreement() {
            Some(known) if *known == asked.agreement => Ok(Vec::new()),
            Some(_) => Err(Refusal::exists("plan_id")),
            None => Ok(vec![Event::Approved(Box::new(Approved { agreement: asked.agreement.clone(), at: asked.at }))]),
        }
    }

    fn cancel(&self, asked: &CancelPlan) -> Result<Vec<Event>, Refusal> {
        match &self.stage {
            Stage::New => Err(Refusal::UnknownPlan),
            Stage::Cancelled(_) => Ok(Vec::new()),
            Stage::Open(_) => Err(Refusal::AlreadyOpen),
            Stage::Approved(agreed) => Ok(vec![Event::Cancelled(Cancelled {
                plan_id: asked.plan_id.clone(),
                customer_id: agreed.agreement.offer.customer_id.clone(),
                amount: agreed.agreement.financed,
                reason: asked.reason.clone(),
                at: asked.at,
            })]),
        }
    }

    fn open(&self, asked: &OpenPlan) -> Result<Vec<Event>, Refusal> {
        match &self.stage {
            Stage::New => Err(Refusal::UnknownPlan),
            Stage::Cancelled(_) => Err(Refusal::Cancelled),
            Stage::Open(_) => Ok(Vec::new()),
            Stage::Approved(agreed) => agreed.open(asked),
        }
    }

    fn running(&self) -> Result<&Running, Refusal> {
        match &self.stage {
            Stage::New => Err(Refusal::UnknownPlan),
            Stage::Approved(_) => Err(Refusal::NotOpen),
            Stage::Cancelled(_) => Err(Refusal::Cancelled),
            Stage::Open(running) => Ok(running),
        }
    }

    /// What was agreed; none before that.
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        match &self.stage {
            Stage::New => None,
            Stage::Approved(it) => Some(&it.agreement),
            Stage::Cancelled(it) => Some(it),
            Stage::Open(it) => Some(&it.agreement),
        }
    }

    /// Where it is; none before it is agreed.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        match &self.stage {
            Stage::New => None,
            Stage::Approved(_) => Some(Status::Approved),
            Stage::Cancelled(_) => Some(Status::Cancelled),
            Stage::Open(it) => Some(it.status()),
        }
    }

    /// The installments as they stand; none before the plan is open.
    #[must_use]
    pub fn installments(&self) -> &[Installment] {
        match &self.stage {
            Stage::New | Stage::Approved(_) | Stage::Cancelled(_) => &[],
            Stage::Open(it) => &it.ledger.installments,
        }
    }

    /// How it stands; none before the plan is open.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        match &self.stage {
            Stage::New | Stage::Approved(_) | Stage::Cancelled(_) => None,
            Stage::Open(it) => Some(it.standing()),
        }
    }

    /// What would settle the plan on a day; none where it is not open or nothing is owed.
    #[must_use]
    pub fn payoff(&self, on: NaiveDate) -> Option<Money> {
        match &self.stage {
            Stage::New | Stage::Approved(_) | Stage::Cancelled(_) => None,
            Stage::Open(it) => it.payoff(on),
        }
    }
}
