//! How much of what is due has come.
//!
//! Everything is counted in the asset, at the promised rate. A deposit that has the promised rate counts with its amount;
//! one that was late counts with what its value buys at that rate. In money, what came in time is worth its part of the
//! price, all of it together rounded down once: a cent that did not come is never counted.

use super::*;
use crate::onchain::exchange::share;
use crate::rate::RATE_UNIT;

impl Came {
    /// What it is worth to the invoice in money, where it has no promised rate but counts all the same.
    pub(super) fn valued(&self, agreement: &Agreement) -> Option<Money> {
        let currency = agreement.price.currency();
        match self.decided {
            Some(Decided::Accepted(worth)) => Some(worth),
            Some(Decided::Kept) => None,
            None if self.has_promised_rate => None,
            None => {
                let is_asset = self.amount.currency() == agreement.due.currency();
                let is_accepted = agreement.terms.late == LatePolicy::AcceptWithinTolerance;
                self.received_at.filter(|it| it.currency() == currency && is_asset && is_accepted)
            }
        }
    }

    /// Whether it counts with its amount.
    pub(super) fn counts_itself(&self) -> bool {
        self.has_promised_rate && self.decided.is_none()
    }

    /// Confirmed money that counts for nothing, and of which nobody has decided anything.
    pub(super) fn is_waiting_in(&self, invoice: &Invoice, agreement: &Agreement) -> bool {
        let is_idle = !self.counts_itself() && self.valued(agreement).is_none();
        let is_late_and_short = self.has_no_rate() && invoice.settled.is_none() && !invoice.is_enough(agreement);
        let is_open = self.decided.is_none() && (is_idle || is_late_and_short);
        self.state == DepositState::Confirmed && is_open
    }

    fn has_no_rate(&self) -> bool {
        !self.has_promised_rate
    }
}

impl Invoice {
    pub(super) fn live(&self, state: impl Fn(DepositState) -> bool) -> impl Iterator<Item = &Came> {
        self.deposits.values().filter(move |it| state(it.state))
    }

    /// What a deposit counts of what is due, in minor units of the asset.
    pub(super) fn counts(&self, agreement: &Agreement, it: &Came) -> i128 {
        if it.state == DepositState::Gone {
            return 0;
        }
        if it.counts_itself() {
            return it.amount.minor();
        }
        let worth = it.valued(agreement).filter(|_| !self.is_cancelled || it.decided.is_some());
        worth.map_or(0, |worth| share(agreement.due.minor(), worth.minor(), agreement.price.minor()))
    }

    pub(super) fn counted(&self, agreement: &Agreement, state: impl Fn(DepositState) -> bool) -> i128 {
        self.live(state).map(|it| self.counts(agreement, it)).sum()
    }

    /// What the confirmed deposits that count are worth, in minor units of the money.
    pub(super) fn worth(&self, agreement: &Agreement) -> i128 {
        let confirmed = || self.live(|it| it == DepositState::Confirmed);
        let itself: i128 = confirmed().filter(|it| it.counts_itself()).map(|it| it.amount.minor()).sum();
        let counts = |it: &&Came| !it.counts_itself() && self.counts(agreement, it) > 0;
        let valued: i128 = confirmed().filter(counts).filter_map(|it| it.valued(agreement)).map(Money::minor).sum();
        share(agreement.price.minor(), itself, agreement.due.minor()) + valued
    }

    /// What the confirmed deposits that count for nothing were booked at, in minor units of the invoice's money.
    pub(super) fn unplaced(&self, agreement: &Agreement) -> i128 {
        let idle = |it: &&Came| self.counts(agreement, it) == 0;
        let values = self.live(|it| it == DepositState::Confirmed).filter(idle).filter_map(|it| it.value);
        values.filter(|it| it.currency() == agreement.price.currency()).map(Money::minor).sum()
    }

    /// What was given back of the customer's credit, or is on its way back.
    pub(super) fn refunded(&self) -> i128 {
        let alive = |it: &&Refund| it.outcome != Some(RefundOutcome::NotPaid) && it.asked.payment_id.is_none();
        self.refunds.values().flatten().filter(alive).map(|it| it.asked.value.minor()).sum()
    }

    /// What was given back of money that had counted: refunds take first what counted for nothing.
    fn refunded_of_worth(&self, agreement: &Agreement) -> i128 {
        (self.refunded() - self.unplaced(agreement) - self.not_given_back().max(0)).max(0)
    }

    /// What is confirmed of what is due and was not given back.
    pub(super) fn net(&self, agreement: &Agreement) -> i128 {
        let counted = self.counted(agreement, |it| it == DepositState::Confirmed);
        counted - self.coins_of(self.refunded_of_worth(agreement), agreement)
    }

    /// What an amount of money is in the asset, at the promised rate.
    pub(super) fn coins_of(&self, minor: i128, agreement: &Agreement) -> i128 {
        share(agreement.due.minor(), minor, agreement.price.minor())
    }

    /// The least that has to come: what is due, less what is tolerated, less dust.
    pub(super) fn least(agreement: &Agreement) -> i128 {
        let due = agreement.due.minor();
        let tolerated = share(due, agreement.terms.tolerance.units(), RATE_UNIT);
        // Dust never makes a debt of nothing at all.
        (due - tolerated - agreement.terms.dust.minor()).max(1)
    }

    pub(super) fn is_enough(&self, agreement: &Agreement) -> bool {
        !self.is_cancelled && self.net(agreement) >= Self::least(agreement)
    }

    /// What has to stay confirmed for a settlement of today to hold.
    pub(super) fn needs_to_hold(&self) -> i128 {
        let Some(agreement) = &self.agreement else { return 0 };
        self.net(agreement).min(Self::least(agreement))
    }

    /// What could be paid to the order, in money.
    pub(super) fn spendable(&self, agreement: &Agreement) -> Money {
        let minor = (self.worth(agreement) - self.refunded_of_worth(agreement)).max(0);
        Money::of_minor(minor, agreement.price.currency())
    }

    /// What the payment brings and nobody has paid: within tolerance and dust.
    pub(super) fn forgiven(&self, agreement: &Agreement) -> Money {
        let minor =
            self.settled.as_ref().map_or(0, |it| (it.amount.minor() - self.spendable(agreement).minor()).max(0));
        Money::of_minor(minor, agreement.price.currency())
    }

    /// What of its deposits is the customer's credit: too much, not placed, or owed and not given back; less what was.
    pub(super) fn left_over(&self, agreement: &Agreement) -> Money {
        let settled = self.settled.as_ref().map_or(0, |it| it.amount.minor() - self.forgiven(agreement).minor());
        let minor =
            self.worth(agreement) + self.unplaced(agreement) + self.not_given_back() - settled - self.refunded();
        Money::of_minor(minor, agreement.price.currency())
    }

    fn funding(agreement: &Agreement, counted: i128) -> Funding {
        let dust = agreement.terms.dust.minor();
        match counted {
            ..=0 => Funding::None,
            some if some < Self::least(agreement) => Funding::Partial,
            some if some - agreement.due.minor() > dust => Funding::Over,
            _enough => Funding::Paid,
        }
    }

    pub(super) fn standing(&self, agreement: &Agreement) -> Standing {
        let asset = agreement.due.currency();
        let amount = |minor: i128| Money::of_minor(minor, asset);
        let sum = |all: &dyn Fn(DepositState) -> bool| -> i128 {
            self.live(all).filter(|it| it.amount.currency() == asset).map(|it| it.amount.minor()).sum()
        };
        let is_there = |it: DepositState| it != DepositState::Gone;
        let is_confirmed = |it: DepositState| it == DepositState::Confirmed;
        let counted = self.counted(agreement, is_there);
        let funding = Self::funding(agreement, counted);
        let missing = match funding {
            Funding::None | Funding::Partial => agreement.due.minor() - counted.max(0),
            Funding::Paid | Funding::Over => 0,
        };
        Standing {
            funding,
            funding_confirmed: Self::funding(agreement, self.counted(agreement, is_confirmed)),
            seen: amount(sum(&is_there)),
            confirmed: amount(sum(&is_confirmed)),
            missing: amount(missing),
            excess: amount((counted - agreement.due.minor()).max(0)),
            worth: Money::of_minor(self.worth(agreement), agreement.price.currency()),
            left_over: self.left_over(agreement),
            window: self.window,
            settlement: match (&self.settled, self.settlements) {
                (Some(_), _) => Settlement::Settled,
                (None, 0) => Settlement::Unsettled,
                (None, _) => Settlement::Reversed,
            },
            attention: self.attention(agreement, funding),
            wakes_at: self.wakes_at(agreement),
        }
    }

    fn attention(&self, agreement: &Agreement, funding: Funding) -> Vec<Attention> {
        let is_there = |it: DepositState| it != DepositState::Gone;
        let is_asset = |it: &Came| it.amount.currency() == agreement.due.currency();
        let is_expired = self.window != Window::Open;
        let is_late = |it: &Came| !it.has_promised_rate && is_asset(it);
        let is_waiting = |it: &Came| it.is_waiting_in(self, agreement);
        let said = [
            (Attention::Underpaid, funding == Funding::Partial && is_expired && self.settled.is_none()),
            (Attention::Overpaid, funding == Funding::Over),
            (Attention::Late, self.live(is_there).any(is_late)),
            (Attention::Multiple, self.live(is_there).count() > 1),
            (Attention::WrongAsset, !self.live(is_there).all(is_asset)),
            (Attention::Unresolved, self.deposits.values().any(is_waiting)),
        ];
        said.into_iter().filter(|(_, is_so)| *is_so).map(|(what, _)| what).collect()
    }
}
