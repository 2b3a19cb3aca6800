//! Credit lines: how much a customer may owe, and how much of that is taken.
//!
//! Exposure is what is outstanding on open plans and what is promised to plans that are not open yet. Checking the limit
//! and reserving a part of it is one decision of one stream, so two baskets at the same moment cannot both take the
//! last of it. Whether a customer is worth a limit is decided elsewhere: score and source are recorded as facts.

mod command;
mod event;
mod refusal;

pub use command::*;
pub use event::*;
pub use refusal::Refusal;

use crate::decider::Decider;
use crate::id::{CustomerId, PlanId, derived_uuid};
use crate::money::{Currency, Money};
use crate::plan::Agreement;
use crate::text::Text;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The credit of one customer as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Credit {
    lines: BTreeMap<Currency, Line>,
    plans: BTreeMap<PlanId, Taken>,
}

#[derive(Debug, Clone, PartialEq)]
struct Line {
    limit: Money,
    score: Option<Text>,
    source: Option<Text>,
}

/// What a plan takes of a line.
#[derive(Debug, Clone, PartialEq)]
struct Taken {
    amount: Money,
    /// The step of the plan that said so; 0 while it is only reserved.
    step: u32,
    /// Names the agreement, so that the same one asked for again is known.
    agreement: Uuid,
}

impl Decider for Credit {
    const CATEGORY: &'static str = "credit";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::SetLimit(asked) => self.set_limit(asked),
            Command::Reserve(asked) => self.reserve(asked),
            Command::RecordExposure(asked) => self.record_exposure(asked),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::LimitSet(it) => {
                let line = Line { limit: it.limit, score: it.score.clone(), source: it.source.clone() };
                self.lines.insert(it.limit.currency(), line);
            }
            Event::Reserved(it) => {
                let agreement = name_of(&it.agreement);
                self.plans.insert(it.agreement.offer.plan_id.clone(), Taken { amount: it.amount, step: 0, agreement });
            }
            Event::ExposureChanged(it) => {
                if let Some(taken) = self.plans.get_mut(&it.plan_id) {
                    taken.amount = it.outstanding;
                    taken.step = it.step;
                }
            }
        }
    }
}

impl Credit {
    fn set_limit(&self, asked: &SetLimit) -> Result<Vec<Event>, Refusal> {
        let known = self.lines.get(&asked.limit.currency());
        let asked_line = Line { limit: asked.limit, score: asked.score.clone(), source: asked.source.clone() };
        if known.is_some_and(|known| *known == asked_line) {
            return Ok(Vec::new());
        }
        Ok(vec![Event::LimitSet(LimitSet {
            customer_id: asked.customer_id.clone(),
            limit: asked.limit,
            score: asked.score.clone(),
            source: asked.source.clone(),
            reason: asked.reason.clone(),
            exposure: self.exposure_with(asked.limit, asked.limit.currency(), 0),
            at: asked.at,
        })])
    }

    fn reserve(&self, asked: &Reserve) -> Result<Vec<Event>, Refusal> {
        let offer = &asked.offer;
        let agreement = Agreement::of(offer.clone());
        if let Some(known) = self.plans.get(&offer.plan_id) {
            let is_same = agreement.is_ok_and(|it| name_of(&it) == known.agreement);
            return if is_same {
                Ok(Vec::new())
            } else {
                Err(Refusal::ExistsWithDifferentContent { field: "plan_id" })
            };
        }
        let agreement = agreement?;
        let currency = offer.amount.currency();
        let line = self.lines.get(&currency).ok_or(Refusal::NoCreditLine { currency })?;
        let amount = agreement.financed;
        let available = Money::of_minor((line.limit.minor() - self.taken(currency)).max(0), currency);
        if amount.minor() > available.minor() {
            return Err(Refusal::ExceedsLimit { asked: amount, available });
        }
        Ok(vec![Event::Reserved(Box::new(Reserved {
            agreement,
            amount,
            exposure: self.exposure_with(line.limit, currency, amount.minor()),
            at: asked.at,
        }))])
    }

    /// A plan was opened, paid, refunded, cancelled or given up. Facts of a plan may be told in another order than they
    /// happened: the latest step counts.
    fn record_exposure(&self, asked: &RecordExposure) -> Result<Vec<Event>, Refusal> {
        let Some(known) = self.plans.get(&asked.plan_id) else { return Err(Refusal::UnknownPlan) };
        if known.step >= asked.step || (known.amount == asked.outstanding && known.step > 0) {
            return Ok(Vec::new());
        }
        let currency = asked.outstanding.currency();
        let limit = self.lines.get(&currency).map_or(Money::zero(currency), |line| line.limit);
        let change = asked.outstanding.minor() - known.amount.minor();
        Ok(vec![Event::ExposureChanged(ExposureChanged {
            customer_id: asked.customer_id.clone(),
            plan_id: asked.plan_id.clone(),
            outstanding: asked.outstanding,
            step: asked.step,
            exposure: self.exposure_after(limit, currency, &asked.plan_id, change),
            at: asked.at,
        })])
    }

    /// What all plans take of the line of a currency, in minor units.
    fn taken(&self, currency: Currency) -> i128 {
        self.of(currency).map(|it| it.amount.minor()).sum()
    }

    fn of(&self, currency: Currency) -> impl Iterator<Item = &Taken> {
        self.plans.values().filter(move |it| it.amount.currency() == currency)
    }

    fn exposure_with(&self, limit: Money, currency: Currency, more_reserved: i128) -> Exposure {
        let sum = |is_open: bool| -> i128 {
            self.of(currency).filter(|it| (it.step > 0) == is_open).map(|it| it.amount.minor()).sum()
        };
        Exposure::of(limit, sum(true), sum(false) + more_reserved)
    }

    fn exposure_after(&self, limit: Money, currency: Currency, plan_id: &PlanId, change: i128) -> Exposure {
        let others = self.plans.iter().filter(|(id, it)| *id != plan_id && it.amount.currency() == currency);
        let (mut outstanding, mut reserved) = (0, 0);
        for (_, it) in others {
            if it.step > 0 {
                outstanding += it.amount.minor();
            } else {
                reserved += it.amount.minor();
            }
        }
        let own = self.plans.get(plan_id).map_or(0, |it| it.amount.minor());
        Exposure::of(limit, outstanding + own + change, reserved)
    }

    /// What a customer may still owe in a currency; none where there is no line.
    #[must_use]
    pub fn available(&self, currency: Currency) -> Option<Money> {
        let line = self.lines.get(&currency)?;
        Some(Money::of_minor((line.limit.minor() - self.taken(currency)).max(0), currency))
    }
}

/// The same agreement always has the same name.
fn name_of(agreement: &Agreement) -> Uuid {
    let text = serde_json::to_string(agreement).unwrap_or_default();
    derived_uuid(&["agreement", &text])
}

impl Command {
    /// The customer that is asked about.
    #[must_use]
    pub fn customer_id(&self) -> &CustomerId {
        match self {
            Self::SetLimit(it) => &it.customer_id,
            Self::Reserve(it) => &it.offer.customer_id,
            Self::RecordExposure(it) => &it.customer_id,
        }
    }
}
