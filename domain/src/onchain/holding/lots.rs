//! Lots: which coins cost what.
//!
//! A pool is the lots of one asset in one currency. What is taken from it and given back to it is worked out on a copy
//! and written down as changes of lots, so that whoever reads the event need not know how costs are found. Coins that
//! are missing (a reorg took what was given away already) are a lot of their own with negative numbers, never hidden.

use super::event::LotChange;
use crate::id::LotId;
use crate::money::Currency;
use crate::money::Money;
use crate::onchain::exchange::share;
use crate::onchain::terms::CostBasis;
use std::collections::BTreeMap;

/// The place of what is missing, and of the one lot of coins that all cost the same.
const MISSING: u32 = 0;
const AVERAGE: u32 = 1;
/// The first place of a lot that came by itself.
pub(super) const FIRST: u32 = 2;

#[derive(Debug, Clone, PartialEq)]
struct Lot {
    lot_id: LotId,
    amount: i128,
    cost: i128,
}

/// The lots of one asset in one currency, in minor units of both.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pool {
    lots: BTreeMap<u32, Lot>,
}

impl Pool {
    pub(super) fn amount(&self) -> i128 {
        self.lots.values().map(|it| it.amount).sum()
    }

    pub(super) fn cost(&self) -> i128 {
        self.lots.values().map(|it| it.cost).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lots.is_empty()
    }

    /// What is there, without what is missing.
    fn there(&self) -> i128 {
        self.lots.range(AVERAGE..).map(|(_, it)| it.amount).sum()
    }

    /// Takes over a change that was written down.
    pub(super) fn change(&mut self, it: &LotChange) {
        let none = || Lot { lot_id: it.lot_id.clone(), amount: 0, cost: 0 };
        let lot = self.lots.entry(it.nth).or_insert_with(none);
        lot.amount += it.amount.minor();
        lot.cost += it.cost.minor();
        if lot.amount == 0 && lot.cost == 0 {
            self.lots.remove(&it.nth);
        }
    }
}

/// A pool while a decision is worked out on it.
pub(super) struct Draft {
    pool: Pool,
    asset: Currency,
    currency: Currency,
    changes: Vec<LotChange>,
}

impl Draft {
    pub(super) fn of(pool: Pool, asset: Currency, currency: Currency) -> Self {
        Self { pool, asset, currency, changes: Vec::new() }
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn into_changes(self) -> Vec<LotChange> {
        self.changes
    }

    fn change(&mut self, nth: u32, lot_id: LotId, amount: i128, cost: i128) {
        if amount == 0 && cost == 0 {
            return;
        }
        let (amount, cost) = (Money::of_minor(amount, self.asset), Money::of_minor(cost, self.currency));
        let change = LotChange { lot_id, nth, amount, cost };
        self.pool.change(&change);
        match self.changes.iter_mut().find(|it| it.nth == nth && it.lot_id == change.lot_id) {
            Some(known) => {
                known.amount.absorb(change.amount);
                known.cost.absorb(change.cost);
            }
            None => self.changes.push(change),
        }
    }

    /// Takes coins in the row of the lots; of the last one its share of the cost. What is not there is missing, at no
    /// cost: whatever comes next fills the gap, and what that costs is the loss.
    pub(super) fn take(&mut self, amount: i128) -> i128 {
        let (mut left, mut cost) = (amount, 0);
        while left > 0 {
            let Some((nth, lot)) = self.pool.lots.range(AVERAGE..).next().map(|(nth, lot)| (*nth, lot.clone())) else {
                break;
            };
            let taken = left.min(lot.amount);
            let taken_cost = if taken == lot.amount { lot.cost } else { share(lot.cost, taken, lot.amount) };
            self.change(nth, lot.lot_id, -taken, -taken_cost);
            left -= taken;
            cost += taken_cost;
        }
        if left > 0 {
            self.miss(left, 0);
        }
        cost
    }

    /// Coins come. They fill first what is missing; the rest goes to its place.
    pub(super) fn add(&mut self, lot_id: &LotId, nth: u32, amount: i128, cost: i128, basis: CostBasis) {
        let (mut amount, mut cost) = (amount, cost);
        if let Some(missing) = self.pool.lots.get(&MISSING).cloned() {
            let filled = amount.min(-missing.amount);
            let freed =
                if filled == -missing.amount { -missing.cost } else { share(-missing.cost, filled, -missing.amount) };
            let filled_cost = if filled == amount { cost } else { share(cost, filled, amount) };
            self.change(MISSING, missing.lot_id, filled, freed);
            amount -= filled;
            cost -= filled_cost;
        }
        if amount > 0 {
            match basis {
                CostBasis::Fifo => self.change(nth, lot_id.clone(), amount, cost),
                CostBasis::Weighted => self.change(AVERAGE, average(), amount, cost),
            }
        }
    }

    /// The chain takes a lot back. What was given away of it already is missing from now on, with what it had cost.
    pub(super) fn lose(&mut self, nth: Option<u32>, amount: i128, cost: i128, basis: CostBasis) {
        match basis {
            CostBasis::Fifo => {
                let lot = nth.and_then(|nth| self.pool.lots.get(&nth).cloned().map(|lot| (nth, lot)));
                let (there, there_cost) = lot.as_ref().map_or((0, 0), |(_, lot)| (lot.amount, lot.cost));
                if let Some((nth, lot)) = lot {
                    self.change(nth, lot.lot_id, -there, -there_cost);
                }
                // Other coins stand in for those that are gone, so that what is missing is only what no coin covers.
                self.cover(amount - there, cost - there_cost);
            }
            CostBasis::Weighted => {
                let there = self.pool.there().min(amount);
                self.take(there);
                self.miss(amount - there, share(cost, amount - there, amount));
            }
        }
    }

    fn cover(&mut self, amount: i128, cost: i128) {
        let there = self.pool.there().min(amount);
        if there > 0 {
            self.take(there);
        }
        self.miss(amount - there, share(cost, amount - there, amount));
    }

    fn miss(&mut self, amount: i128, cost: i128) {
        self.change(MISSING, LotId::derived(&["missing"]), -amount, -cost);
    }
}

fn average() -> LotId {
    LotId::derived(&["average"])
}
