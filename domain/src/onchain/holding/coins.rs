//! Coins come and go: deposits, sales, fees, valuations and freezes.

use super::*;
use crate::onchain::exchange::Spot;

impl Holding {
    /// What came is a fact, also of an asset that nobody has registered.
    pub(super) fn acquire(&self, asked: &Acquire) -> Result<Vec<Event>, Refusal> {
        if self.lots.get(&asked.lot_id).is_some_and(|it| it.is_acquired) {
            return Ok(Vec::new());
        }
        let mut draft = self.draft(asked.amount.currency(), asked.cost.currency());
        let nth = self.next.max(FIRST);
        draft.add(&asked.lot_id, nth, asked.amount.minor(), asked.cost.minor(), self.cost_basis());
        // The deposit has booked what the coins cost; the rest is what it cost more to fill a gap than the gap had cost.
        let realised = self.cost_change(&draft, asked.cost) - asked.cost.minor();
        let moved = self.moved((&asked.lot_id, asked.amount, asked.cost), draft, realised, asked.at)?;
        Ok(vec![Event::LotAcquired(moved)])
    }

    /// The chain took it back. It may be told before the coming, and the coming then fills the gap.
    pub(super) fn lose(&self, asked: &Lose) -> Result<Vec<Event>, Refusal> {
        let known = self.lots.get(&asked.lot_id);
        if known.is_some_and(|it| it.is_lost) {
            return Ok(Vec::new());
        }
        let mut draft = self.draft(asked.amount.currency(), asked.cost.currency());
        let nth = known.filter(|it| it.is_acquired).map(|it| it.nth);
        draft.lose(nth, asked.amount.minor(), asked.cost.minor(), self.cost_basis());
        let realised = self.cost_change(&draft, asked.cost) + asked.cost.minor();
        let moved = self.moved((&asked.lot_id, asked.amount, asked.cost), draft, realised, asked.at)?;
        Ok(vec![Event::LotLost(moved)])
    }

    fn cost_change(&self, draft: &Draft, cost: Money) -> i128 {
        draft.pool().cost() - self.pools.get(&cost.currency()).map_or(0, Pool::cost)
    }

    fn moved(
        &self,
        (lot_id, amount, cost): (&LotId, Money, Money),
        draft: Draft,
        realised: i128,
        at: Timestamp,
    ) -> Result<LotMoved, Refusal> {
        let asset = amount.currency().asset().ok_or(Refusal::OtherAsset { field: "amount" })?;
        Ok(LotMoved {
            asset: asset.id,
            lot_id: lot_id.clone(),
            amount,
            cost,
            held: self.held(&draft, 0, amount.currency(), cost.currency()),
            lots: draft.into_changes(),
            realised: Money::of_minor(realised, cost.currency()),
            entry: books::gained(cost, realised).into_entry(None)?,
            at,
        })
    }

    pub(super) fn sell(&self, asked: &Sell) -> Result<Vec<Event>, Refusal> {
        if let Some(known) = self.sales.get(&asked.sale_id) {
            let is_same = *known == (asked.amount, Some(asked.proceeds));
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("sale_id")) };
        }
        let asset = self.expect_coins(asked.amount, "amount")?;
        for (money, field) in [(asked.proceeds, "proceeds"), (asked.fee, "fee")] {
            if money.currency().asset().is_some() || money.minor() < 0 {
                return Err(Refusal::NotMoney { field });
            }
        }
        if asked.fee.exceeds(asked.proceeds)? {
            return Err(Refusal::FeeExceedsProceeds);
        }
        self.expect_available(asked.amount)?;
        let mut draft = self.draft(asset.into(), asked.proceeds.currency());
        self.expect_pool(&draft, asked.amount)?;
        let cost = draft.take(asked.amount.minor());
        Ok(vec![Event::Sold(Sold {
            asset: asset.id,
            sale_id: asked.sale_id.clone(),
            amount: asked.amount,
            proceeds: asked.proceeds,
            fee: asked.fee,
            reference: asked.reference.clone(),
            realised: Money::of_minor(asked.proceeds.minor() - cost, asked.proceeds.currency()),
            held: self.held(&draft, 0, asset.into(), asked.proceeds.currency()),
            lots: draft.into_changes(),
            entry: Entry::together(books::sold(asked.amount, asked.proceeds, asked.fee, cost), None)?,
            at: asked.at,
        })])
    }

    /// What the merchant decides takes coins of the currency that it is for; those of another one cost something else.
    pub(super) fn expect_pool(&self, draft: &Draft, amount: Money) -> Result<(), Refusal> {
        let left = Money::of_minor(draft.pool().amount().max(0), amount.currency());
        if amount.exceeds(left)? { Err(Refusal::ExceedsHolding { asked: amount, left }) } else { Ok(()) }
    }

    /// The chain has it already, so there is nothing to refuse: what is not there is missing.
    pub(super) fn pay_fee(&self, asked: &PayFee) -> Result<Vec<Event>, Refusal> {
        if let Some(known) = self.sales.get(&asked.sale_id) {
            let is_same = *known == (asked.amount, None);
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("sale_id")) };
        }
        let asset = asked.amount.currency().asset().filter(|it| it.id == asked.asset);
        let asset = asset.ok_or(Refusal::OtherAsset { field: "amount" })?;
        if !asked.amount.is_positive() {
            return Err(Refusal::AmountNotPositive);
        }
        let currency = self.books_currency()?;
        let mut draft = self.draft(asset.into(), currency);
        let cost = Money::of_minor(draft.take(asked.amount.minor()), currency);
        Ok(vec![Event::FeePaid(FeePaid {
            asset: asset.id,
            sale_id: asked.sale_id.clone(),
            amount: asked.amount,
            payout_id: asked.payout_id.clone(),
            cost,
            held: self.held(&draft, 0, asset.into(), currency),
            lots: draft.into_changes(),
            entry: Entry::together(books::fee(asked.amount, cost), None)?,
            at: asked.at,
        })])
    }

    /// The block that had taken it is gone: the coins come back to their places.
    pub(super) fn return_fee(&self, asked: &ReturnFee) -> Result<Vec<Event>, Refusal> {
        let Some(paid) = self.fees.get(&asked.sale_id) else { return Ok(Vec::new()) };
        let (asset, currency) = (paid.amount.currency(), paid.cost.currency());
        let (draft, realised) = self.given_back(asset, currency, &paid.lots);
        Ok(vec![Event::FeeReturned(FeeReturned {
            asset: paid.asset,
            sale_id: paid.sale_id.clone(),
            amount: paid.amount,
            payout_id: paid.payout_id.clone(),
            held: self.held(&draft, 0, asset, currency),
            lots: draft.into_changes(),
            realised: Money::of_minor(realised, currency),
            entry: paid.entry.mirrored().and(books::gained(paid.cost, realised))?,
            at: asked.at,
        })])
    }

    /// Coins that had been taken come back to their places. They may fill a gap that a reorg has made meanwhile; what that
    /// gains is beside them.
    pub(super) fn given_back(&self, asset: Currency, currency: Currency, taken: &[LotChange]) -> (Draft, i128) {
        let mut draft = self.draft(asset, currency);
        let mut cost = 0;
        for lot in taken {
            draft.add(&lot.lot_id, lot.nth, -lot.amount.minor(), -lot.cost.minor(), self.cost_basis());
            cost -= lot.cost.minor();
        }
        let before = self.pools.get(&currency).map_or(0, Pool::cost);
        let realised = draft.pool().cost() - before - cost;
        (draft, realised)
    }

    /// The currency of the books; of an asset that nobody has registered, the one in which it came.
    fn books_currency(&self) -> Result<Currency, Refusal> {
        let registered = self.registered.as_ref().map(|(_, settings)| settings.books);
        registered.or_else(|| self.pools.keys().next().copied()).ok_or(Refusal::NotRegistered)
    }

    /// Two facts: the valuation on its day, and its mirror on the next.
    pub(super) fn revalue(&self, asked: &Revalue) -> Result<Vec<Event>, Refusal> {
        if let Some(known) = self.revaluations.get(&asked.revaluation_id) {
            let is_same = *known == (asked.on, asked.spot.rate);
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("revaluation_id")) };
        }
        let (asset, _) = self.expect_registered()?;
        let Spot { currency, .. } = asked.spot;
        if currency.asset().is_some() {
            return Err(Refusal::NotMoney { field: "spot" });
        }
        let draft = self.draft(asset.into(), currency);
        let held = self.held(&draft, 0, asset.into(), currency);
        let amount = Money::of_minor(draft.pool().amount(), asset.into());
        let value = asked.spot.value_of(amount)?;
        let unrealised = Money::of_minor(value.minor() - held.cost.minor(), currency);
        let entry = books::revalued(unrealised).into_entry(None)?;
        let next_day = asked.on.succ_opt().ok_or(Refusal::Amount(crate::invalid::Invalid::AmountTooLarge))?;
        let reversed = RevaluationReversed {
            asset: asset.id,
            revaluation_id: asked.revaluation_id.clone(),
            on: next_day,
            entry: entry.mirrored(),
            at: asked.at,
        };
        let revalued = Revalued {
            asset: asset.id,
            revaluation_id: asked.revaluation_id.clone(),
            on: asked.on,
            spot: asked.spot.clone(),
            held,
            value,
            unrealised,
            entry,
            at: asked.at,
        };
        Ok(vec![Event::Revalued(revalued), Event::RevaluationReversed(reversed)])
    }

    /// What an issuer does is a fact: it may freeze more than is left.
    pub(super) fn freeze(&self, asked: &Freeze) -> Result<Vec<Event>, Refusal> {
        if let Some(known) = self.freezes.get(&asked.freeze_id) {
            return if known.amount == asked.amount { Ok(Vec::new()) } else { Err(Refusal::exists("freeze_id")) };
        }
        let asset = self.expect_coins(asked.amount, "amount")?;
        Ok(vec![Event::Frozen(Frozen {
            asset: asset.id,
            freeze_id: asked.freeze_id.clone(),
            amount: asked.amount,
            reason: asked.reason.clone(),
            entry: books::frozen(asked.amount).into_entry(None)?,
            at: asked.at,
        })])
    }

    pub(super) fn unfreeze(&self, asked: &Unfreeze) -> Result<Vec<Event>, Refusal> {
        let known = self.freezes.get(&asked.freeze_id).ok_or(Refusal::UnknownFreeze)?;
        if known.is_over {
            return Ok(Vec::new());
        }
        Ok(vec![Event::Unfrozen(Frozen {
            asset: asked.asset,
            freeze_id: asked.freeze_id.clone(),
            amount: known.amount,
            reason: None,
            entry: books::frozen(known.amount).into_entry(None)?.mirrored(),
            at: asked.at,
        })])
    }
}
