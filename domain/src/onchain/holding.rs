//! What a merchant has settled about an asset, and what it holds of it.
//!
//! One stream an asset decides what is taken from the lots, for whom, and at what cost: two payouts at the same moment
//! cannot both take the last coin or the last of the day's cap. Gains and losses are found here and nowhere else. The
//! chain is never asked; what it did is told by deposits and payouts.

mod books;
mod coins;
mod command;
mod event;
mod lots;
mod payouts;
mod refusal;
mod rules;
#[cfg(test)]
mod stories;

pub use command::*;
pub use event::*;
pub use refusal::Refusal;
pub use rules::*;

use crate::decider::Decider;
use crate::entry::Entry;
use crate::id::{FreezeId, LotId, PayoutId, RevaluationId, SaleId};
use crate::money::{Currency, Money};
use crate::onchain::{Address, Asset, AssetSettings, CostBasis};
use crate::order::Timestamp;
use crate::text::Text;
use chrono::NaiveDate;
use lots::{Draft, FIRST, Pool};
use std::collections::{BTreeMap, BTreeSet};

/// A holding as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Holding {
    registered: Option<(Asset, AssetSettings)>,
    pools: BTreeMap<Currency, Pool>,
    /// Every lot that came or went, and its place.
    lots: BTreeMap<LotId, LotKnown>,
    next: u32,
    sales: BTreeMap<SaleId, (Money, Option<Money>)>,
    revaluations: BTreeMap<RevaluationId, (NaiveDate, crate::onchain::ExchangeRate)>,
    freezes: BTreeMap<FreezeId, FreezeKnown>,
    rules: Option<PayoutRules>,
    destinations: BTreeMap<Address, (Timestamp, Option<Text>)>,
    payouts: BTreeMap<PayoutId, PayoutKnown>,
    refused: BTreeSet<PayoutId>,
    /// What was paid for payouts and stands.
    fees: BTreeMap<SaleId, FeePaid>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct LotKnown {
    nth: u32,
    is_acquired: bool,
    is_lost: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct FreezeKnown {
    amount: Money,
    is_over: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct PayoutKnown {
    request: PayoutReserved,
    stage: PayoutStage,
    /// What taking it moved, to be undone where it does not happen.
    taken: Vec<LotChange>,
    entry: Entry,
    /// How often the chain has taken it back.
    times_orphaned: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PayoutStage {
    Reserved,
    Withheld,
    Taken,
    Settled,
    Returned,
}

impl Decider for Holding {
    const CATEGORY: &'static str = "holding";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Register(asked) => self.register(asked),
            Command::Acquire(asked) => self.acquire(asked),
            Command::Lose(asked) => self.lose(asked),
            Command::Sell(asked) => self.sell(asked),
            Command::PayFee(asked) => self.pay_fee(asked),
            Command::ReturnFee(asked) => self.return_fee(asked),
            Command::Revalue(asked) => self.revalue(asked),
            Command::Freeze(asked) => self.freeze(asked),
            Command::Unfreeze(asked) => self.unfreeze(asked),
            Command::SetPayoutRules(asked) => self.set_payout_rules(asked),
            Command::AllowDestination(asked) => self.allow_destination(asked),
            Command::RemoveDestination(asked) => self.remove_destination(asked),
            Command::RequestPayout(asked) => self.request_payout(asked),
            Command::RepricePayout(asked) => self.reprice_payout(asked),
            Command::TakePayout(asked) => self.take_payout(asked),
            Command::SettlePayout(asked) => self.settle_payout(asked),
            Command::ReturnPayout(asked) => self.return_payout(asked),
            Command::UnsettlePayout(asked) => self.unsettle_payout(asked),
        }
    }

    fn evolve(&mut self, event: &Event) {
        for change in event.lots() {
            self.pools.entry(change.cost.currency()).or_default().change(change);
        }
        match event {
            Event::AssetRegistered(it) => {
                let asset = Asset { id: it.asset, decimals: it.decimals };
                self.registered = Some((asset, it.settings.clone()));
            }
            Event::LotAcquired(it) => {
                let nth = self.next.max(FIRST);
                let lot = self.lots.entry(it.lot_id.clone()).or_default();
                (lot.nth, lot.is_acquired) = (nth, true);
                self.next = nth.saturating_add(1);
            }
            Event::LotLost(it) => self.lots.entry(it.lot_id.clone()).or_default().is_lost = true,
            Event::Sold(it) => {
                self.sales.insert(it.sale_id.clone(), (it.amount, Some(it.proceeds)));
            }
            Event::FeePaid(it) => {
                self.sales.insert(it.sale_id.clone(), (it.amount, None));
                if it.payout_id.is_some() {
                    self.fees.insert(it.sale_id.clone(), it.clone());
                }
            }
            Event::FeeReturned(it) => {
                self.fees.remove(&it.sale_id);
            }
            Event::Revalued(it) => {
                self.revaluations.insert(it.revaluation_id.clone(), (it.on, it.spot.rate));
            }
            // It belongs to the valuation.
            Event::RevaluationReversed(_) => (),
            Event::Frozen(it) => {
                self.freezes.insert(it.freeze_id.clone(), FreezeKnown { amount: it.amount, is_over: false });
            }
            Event::Unfrozen(it) => {
                if let Some(known) = self.freezes.get_mut(&it.freeze_id) {
                    known.is_over = true;
                }
            }
            Event::PayoutRulesSet(it) => self.rules = Some(it.rules.clone()),
            Event::DestinationAllowed(it) => {
                self.destinations.insert(it.address.clone(), (it.usable_from, it.label.clone()));
            }
            Event::DestinationRemoved(it) => {
                self.destinations.remove(&it.address);
            }
            Event::PayoutReserved(it) | Event::PayoutRepriced(it) => {
                let known = PayoutKnown {
                    request: (**it).clone(),
                    stage: PayoutStage::Reserved,
                    taken: Vec::new(),
                    entry: Entry::default(),
                    times_orphaned: 0,
                };
                self.payouts.insert(it.payout_id.clone(), known);
            }
            Event::PayoutRefused(it) => {
                self.refused.insert(it.payout_id.clone());
            }
            Event::PayoutTaken(it) => self.payout_is(it, PayoutStage::Taken),
            Event::PayoutSettled(it) => self.payout_is(it, PayoutStage::Settled),
            Event::PayoutUnsettled(it) => {
                if let Some(known) = self.payouts.get_mut(&it.payout_id) {
                    known.stage = PayoutStage::Taken;
                    known.times_orphaned += 1;
                }
            }
            Event::PayoutReturned(it) => self.payout_is(it, PayoutStage::Returned),
            Event::PayoutWithheld(it) => {
                if let Some(known) = self.payouts.get_mut(&it.payout_id) {
                    known.stage = PayoutStage::Withheld;
                }
            }
        }
    }
}

impl Holding {
    fn payout_is(&mut self, it: &PayoutMoved, stage: PayoutStage) {
        if let Some(known) = self.payouts.get_mut(&it.payout_id) {
            known.stage = stage;
            if stage == PayoutStage::Taken {
                known.taken = it.lots.clone();
                known.entry = it.entry.clone();
            }
        }
    }

    fn register(&self, asked: &RegisterAsset) -> Result<Vec<Event>, Refusal> {
        asked.settings.check(asked.asset)?;
        if let Some((asset, settings)) = &self.registered {
            if *asset == asked.asset && *settings == asked.settings {
                return Ok(Vec::new());
            }
            if asset.decimals != asked.asset.decimals {
                return Err(Refusal::CannotChange { field: "decimals" });
            }
            let has_coins = self.pools.values().any(|it| !it.is_empty());
            if settings.cost_basis != asked.settings.cost_basis && has_coins {
                return Err(Refusal::CannotChange { field: "cost_basis" });
            }
        }
        Ok(vec![Event::AssetRegistered(Box::new(AssetRegistered {
            asset: asked.asset.id,
            decimals: asked.asset.decimals,
            settings: asked.settings.clone(),
            at: asked.at,
        }))])
    }

    /// What is settled about the asset, where it is.
    #[must_use]
    pub fn settings(&self) -> Option<(Asset, &AssetSettings)> {
        self.registered.as_ref().map(|(asset, settings)| (*asset, settings))
    }

    fn expect_registered(&self) -> Result<(Asset, &AssetSettings), Refusal> {
        self.settings().ok_or(Refusal::NotRegistered)
    }

    fn cost_basis(&self) -> CostBasis {
        self.registered.as_ref().map_or_else(CostBasis::default, |(_, settings)| settings.cost_basis)
    }

    /// Refuses what is no positive amount of this asset.
    fn expect_coins(&self, amount: Money, field: &'static str) -> Result<Asset, Refusal> {
        let (asset, _) = self.expect_registered()?;
        if amount.currency() != asset.into() {
            return Err(Refusal::OtherAsset { field });
        }
        if amount.is_positive() { Ok(asset) } else { Err(Refusal::AmountNotPositive) }
    }

    fn draft(&self, asset: Currency, currency: Currency) -> Draft {
        Draft::of(self.pools.get(&currency).cloned().unwrap_or_default(), asset, currency)
    }

    /// All coins, in minor units; negative where the chain took back what was given away already.
    fn amount(&self) -> i128 {
        self.pools.values().map(Pool::amount).sum()
    }

    fn frozen_amount(&self) -> i128 {
        self.freezes.values().filter(|it| !it.is_over).map(|it| it.amount.minor()).sum()
    }

    fn reserved_amount(&self) -> i128 {
        let waiting = self.payouts.values().filter(|it| it.stage == PayoutStage::Reserved);
        waiting.map(|it| it.request.amount.minor()).sum()
    }

    /// What can be sold or promised, in minor units.
    fn available(&self) -> i128 {
        self.amount() - self.frozen_amount() - self.reserved_amount()
    }

    fn expect_available(&self, amount: Money) -> Result<(), Refusal> {
        let left = Money::of_minor(self.available().max(0), amount.currency());
        if amount.exceeds(left)? { Err(Refusal::ExceedsHolding { asked: amount, left }) } else { Ok(()) }
    }

    /// What is held after lots of one currency have changed, and so much less is promised to payouts.
    fn held(&self, after: &Draft, freed: i128, amount: Currency, cost: Currency) -> Held {
        let before = self.pools.get(&cost).map_or(0, Pool::amount);
        let change = after.pool().amount() - before;
        Held {
            amount: Money::of_minor(self.amount() + change, amount),
            available: Money::of_minor(self.available() + change + freed, amount),
            cost: Money::of_minor(after.pool().cost(), cost),
        }
    }
}
