//! The lots of a holding, and what is promised of it. Events say which lots changed and by how much.

use super::HoldingRow;
use crate::amount::Amount;
use crate::apply::Misfit;
use mizan_domain::onchain::holding::{self, LotChange};
use mizan_domain::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Coins that came together, as far as they are left. What is missing is a lot with negative numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldLot {
    /// The lot.
    pub lot_id: String,
    /// Its place in the row: lower ones go first.
    pub nth: u32,
    /// How much of the asset.
    pub amount: Amount,
    /// What that cost.
    pub cost: Amount,
    /// In which currency.
    pub currency: String,
}

/// A payout that waits for its approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromisedPayout {
    /// The payout.
    pub payout_id: String,
    /// What is kept for it.
    pub amount: Amount,
}

impl HoldingRow {
    /// What came, went and is promised.
    pub(super) fn moved(&mut self, event: &holding::Event) -> Result<(), Misfit> {
        use holding::Event as It;
        for change in event.lots() {
            self.lot_changed(change)?;
        }
        match event {
            It::LotAcquired(it) | It::LotLost(it) => self.gained(it.realised)?,
            It::Sold(it) => self.gained(it.realised)?,
            It::FeeReturned(it) => self.gained(it.realised)?,
            It::PayoutReserved(it) | It::PayoutRepriced(it) => {
                self.frees(it.payout_id.as_str())?;
                self.promised.add(it.amount)?;
                let promise = PromisedPayout { payout_id: it.payout_id.to_string(), amount: it.amount.into() };
                self.promises.push(promise);
            }
            It::PayoutTaken(it) | It::PayoutSettled(it) | It::PayoutUnsettled(it) | It::PayoutReturned(it) => {
                self.frees(it.payout_id.as_str())?;
                self.gained(it.realised)?;
            }
            It::PayoutWithheld(it) => self.frees(it.payout_id.as_str())?,
            It::AssetRegistered(_)
            | It::FeePaid(_)
            | It::Revalued(_)
            | It::RevaluationReversed(_)
            | It::Frozen(_)
            | It::Unfrozen(_)
            | It::PayoutRulesSet(_)
            | It::DestinationAllowed(_)
            | It::DestinationRemoved(_)
            | It::PayoutRefused(_) => (),
        }
        self.sum_up()
    }

    fn lot_changed(&mut self, change: &LotChange) -> Result<(), Misfit> {
        let currency = change.cost.currency();
        let is_it = |it: &HeldLot| it.nth == change.nth && it.currency == *currency.code();
        match self.lots.iter_mut().find(|it| is_it(it)) {
            Some(lot) => {
                lot.amount.add(change.amount)?;
                lot.cost.add(change.cost)?;
            }
            None => self.lots.push(HeldLot {
                lot_id: change.lot_id.to_string(),
                nth: change.nth,
                amount: change.amount.into(),
                cost: change.cost.into(),
                currency: currency.to_string(),
            }),
        }
        self.lots.retain(|it| !it.amount.is_zero() || !it.cost.is_zero());
        self.lots.sort_by(|a, b| (&a.currency, a.nth).cmp(&(&b.currency, b.nth)));
        Ok(())
    }

    fn frees(&mut self, payout_id: &str) -> Result<(), Misfit> {
        for it in self.promises.iter().filter(|it| it.payout_id == payout_id) {
            self.promised.take(it.amount)?;
        }
        self.promises.retain(|it| it.payout_id != payout_id);
        Ok(())
    }

    fn sum_up(&mut self) -> Result<(), Misfit> {
        let mut quantity = self.quantity.minus(self.quantity)?;
        let mut cost = self.currency.as_deref().and_then(|it| Currency::parse(it).ok()).map(Amount::zero);
        for lot in self.lots.iter() {
            quantity.add(lot.amount)?;
            if let (Some(sum), true) = (&mut cost, self.currency.as_deref() == Some(&lot.currency)) {
                sum.add(lot.cost)?;
            }
        }
        (self.quantity, self.cost) = (quantity, cost);
        Ok(())
    }

    /// The currency of its books is that of the first gain where nobody has registered the asset.
    fn gained(&mut self, realised: Money) -> Result<(), Misfit> {
        if self.currency.is_none() {
            self.keeps_books_in(realised.currency());
        }
        let is_of_books = self.currency.as_deref() == Some(&*realised.currency().code());
        match &mut self.realised {
            // Gains in another currency are in the journal.
            Some(sum) if is_of_books => sum.add(realised),
            Some(_) | None => Ok(()),
        }
    }
}
