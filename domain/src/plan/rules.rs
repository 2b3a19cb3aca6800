//! The rules that move a plan's ledger, in one place: the agreement's terms as they stand on a day.

use super::agreement::Agreement;
use super::late_fees::LateFees;
use super::nominal_rate::NominalRate;
use super::schedule::ScheduleTerms;
use super::terms::Terms;
use crate::money::Money;

/// The terms, with the rate that counts now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) agreement: &'a Agreement,
}

impl<'a> Rules<'a> {
    pub(super) fn terms(&self) -> &'a Terms {
        &self.agreement.offer.terms
    }

    /// What was bought for.
    pub(super) fn order(&self) -> Money {
        self.agreement.offer.amount
    }

    pub(super) fn late_fees(&self) -> Option<&'a LateFees> {
        LateFees::for_order(&self.terms().late_fees, self.order())
    }

    /// The terms of the schedule at another rate.
    pub(super) fn at_rate(&self, rate: NominalRate) -> ScheduleTerms {
        ScheduleTerms { rate, ..self.terms().schedule.clone() }
    }
}
