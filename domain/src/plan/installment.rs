//! One payment of a plan, and what became of every part of it.

use super::terms::Component;
use crate::money::Money;
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize};

/// What is owed of one component, and how it was answered. Outstanding is what is due, less all the others; it is never
/// negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What the contract asks.
    pub due: Money,
    /// What payments paid.
    #[serde(skip_serializing_if = "is_nothing")]
    pub paid: Money,
    /// What a refund, a settlement or a change of the schedule cancelled.
    #[serde(skip_serializing_if = "is_nothing")]
    pub cancelled: Money,
    /// What was forgiven.
    #[serde(skip_serializing_if = "is_nothing")]
    pub waived: Money,
    /// What a charge-off gave up.
    #[serde(skip_serializing_if = "is_nothing")]
    pub written_off: Money,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            due: Money,
            paid: Option<Money>,
            cancelled: Option<Money>,
            waived: Option<Money>,
            written_off: Option<Money>,
        }
        let it = Written::deserialize(deserializer)?;
        let zero = Money::zero(it.due.currency());
        Ok(Self {
            due: it.due,
            paid: it.paid.unwrap_or(zero),
            cancelled: it.cancelled.unwrap_or(zero),
            waived: it.waived.unwrap_or(zero),
            written_off: it.written_off.unwrap_or(zero),
        })
    }
}

impl Part {
    /// Due, and nothing more.
    #[must_use]
    pub fn due(due: Money) -> Self {
        let zero = Money::zero(due.currency());
        Self { due, paid: zero, cancelled: zero, waived: zero, written_off: zero }
    }

    /// What is still to be paid, in minor units.
    #[must_use]
    pub fn outstanding(&self) -> i128 {
        self.owed() - self.paid.minor() - self.written_off.minor()
    }

    /// What was ever to be paid, in minor units: due, less what was cancelled and waived.
    #[must_use]
    pub fn owed(&self) -> i128 {
        self.due.minor() - self.cancelled.minor() - self.waived.minor()
    }

    /// Takes at most this much of what is outstanding into one of the answers; gives back what it took.
    pub(super) fn take(&mut self, answer: Answer, at_most: i128) -> i128 {
        let taken = self.outstanding().min(at_most).max(0);
        let slot = match answer {
            Answer::Paid => &mut self.paid,
            Answer::Cancelled => &mut self.cancelled,
            Answer::Waived => &mut self.waived,
            Answer::WrittenOff => &mut self.written_off,
        };
        slot.absorb(Money::of_minor(taken, slot.currency()));
        taken
    }
}

/// For serde, which passes a reference.
fn is_nothing(amount: &Money) -> bool {
    amount.is_zero()
}

/// How a debt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Paid,
    Cancelled,
    Waived,
    WrittenOff,
}

/// One payment of a plan. Number 0 is the down payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installment {
    /// From 1, in the order of the due dates; 0 is the down payment.
    pub number: u32,
    /// The first day of the period that its interest is for.
    pub from: NaiveDate,
    /// The end of that period; weekends and holidays do not move it.
    pub until: NaiveDate,
    /// When it is to be paid.
    pub due_on: NaiveDate,
    /// Its part of the amount financed.
    pub principal: Part,
    /// Its interest.
    pub interest: Part,
    /// What was charged because it was late.
    pub fee: Part,
}

impl Installment {
    /// A part by its component.
    #[must_use]
    pub fn part(&self, component: Component) -> &Part {
        match component {
            Component::Principal => &self.principal,
            Component::Interest => &self.interest,
            Component::Fee => &self.fee,
        }
    }

    pub(super) fn part_mut(&mut self, component: Component) -> &mut Part {
        match component {
            Component::Principal => &mut self.principal,
            Component::Interest => &mut self.interest,
            Component::Fee => &mut self.fee,
        }
    }

    /// Principal and interest that are still to be paid, in minor units: what can be late, and what a fee is for.
    #[must_use]
    pub fn open(&self) -> i128 {
        self.principal.outstanding() + self.interest.outstanding()
    }

    /// Everything that is still to be paid, in minor units.
    #[must_use]
    pub fn outstanding(&self) -> i128 {
        self.open() + self.fee.outstanding()
    }
}
