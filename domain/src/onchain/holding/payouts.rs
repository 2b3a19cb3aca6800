//! Payouts as the holding decides them: rules, destinations, the day's cap, and the coins.

use super::*;
use crate::decider::Refused;
use chrono::{DateTime, Duration, Utc};

impl Holding {
    pub(super) fn set_payout_rules(&self, asked: &SetPayoutRules) -> Result<Vec<Event>, Refusal> {
        if self.rules.as_ref() == Some(&asked.rules) {
            return Ok(Vec::new());
        }
        let (asset, _) = self.expect_registered()?;
        if !asked.rules.is_sound(|it| it.currency() == asset.into()) {
            return Err(Refusal::BadRules);
        }
        Ok(vec![Event::PayoutRulesSet(PayoutRulesSet { asset: asset.id, rules: asked.rules.clone(), at: asked.at })])
    }

    pub(super) fn allow_destination(&self, asked: &AllowDestination) -> Result<Vec<Event>, Refusal> {
        if asked.address.chain() != asked.asset.chain {
            return Err(Refusal::OtherChain);
        }
        // Said again it does not begin to cool off again; another name for it does not either.
        if let Some((_, label)) = self.destinations.get(&asked.address) {
            return if *label == asked.label { Ok(Vec::new()) } else { Err(Refusal::exists("address")) };
        }
        let rules = self.rules.as_ref().ok_or(Refusal::NoPayoutRules)?;
        let cool_off = Duration::seconds(i64::from(rules.cool_off_s));
        Ok(vec![Event::DestinationAllowed(DestinationAllowed {
            asset: asked.asset,
            address: asked.address.clone(),
            label: asked.label.clone(),
            usable_from: asked.at.checked_add_signed(cool_off).unwrap_or(DateTime::<Utc>::MAX_UTC),
            at: asked.at,
        })])
    }

    pub(super) fn remove_destination(&self, asked: &RemoveDestination) -> Result<Vec<Event>, Refusal> {
        if !self.destinations.contains_key(&asked.address) {
            return Ok(Vec::new());
        }
        let (asset, address) = (asked.asset, asked.address.clone());
        Ok(vec![Event::DestinationRemoved(DestinationRemoved { asset, address, at: asked.at })])
    }

    pub(super) fn request_payout(&self, asked: &RequestPayout) -> Result<Vec<Event>, Refusal> {
        if self.refused.contains(&asked.payout_id) {
            return Ok(Vec::new());
        }
        match (&asked.purpose, self.reserve(asked)) {
            (Purpose::Refund { .. }, Err(refusal)) => {
                let code = crate::text::Text::parse(refusal.code())?;
                let (asset, payout_id, purpose) = (asked.asset, asked.payout_id.clone(), asked.purpose.clone());
                let amount = asked.amount;
                let refused = PayoutRefused { asset, payout_id, purpose, amount, code, at: asked.at };
                Ok(vec![Event::PayoutRefused(refused)])
            }
            (Purpose::Refund { .. } | Purpose::Other, decided) => decided,
        }
    }

    fn reserve(&self, asked: &RequestPayout) -> Result<Vec<Event>, Refusal> {
        if let Some(known) = self.payouts.get(&asked.payout_id) {
            return if known.is_asked_by(asked) { Ok(Vec::new()) } else { Err(Refusal::exists("payout_id")) };
        }
        let asset = self.expect_coins(asked.amount, "amount")?;
        if asked.to.chain() != asset.id.chain {
            return Err(Refusal::OtherChain);
        }
        if asked.value.currency().asset().is_some() || asked.value.minor() < 0 {
            return Err(Refusal::NotMoney { field: "value" });
        }
        let rules = self.rules.as_ref().ok_or(Refusal::NoPayoutRules)?;
        if !rules.can_approve_for(&asked.requested_by) {
            return Err(Refusal::NotEnoughApprovers);
        }
        self.expect_destination(rules, asked)?;
        self.expect_within_cap(rules, asked.amount, &asked.payout_id, asked.at)?;
        self.expect_available(asked.amount)?;
        self.expect_pool(&self.draft(asset.into(), asked.value.currency()), asked.amount)?;
        Ok(vec![Event::PayoutReserved(Box::new(PayoutReserved {
            asset: asset.id,
            payout_id: asked.payout_id.clone(),
            revision: 1,
            purpose: asked.purpose.clone(),
            amount: asked.amount,
            value: asked.value,
            is_in_money: asked.is_in_money,
            spot: asked.spot.clone(),
            to: asked.to.clone(),
            requested_by: asked.requested_by.clone(),
            reason: asked.reason.clone(),
            rules: rules.clone(),
            at: asked.at,
        }))])
    }

    /// Where a refund goes to was said by the customer; where anything else goes to, by the list.
    fn expect_destination(&self, rules: &PayoutRules, asked: &RequestPayout) -> Result<(), Refusal> {
        let is_refund = matches!(asked.purpose, Purpose::Refund { .. });
        if is_refund || !rules.is_allow_list_needed {
            return Ok(());
        }
        let (usable_from, _) = self.destinations.get(&asked.to).ok_or(Refusal::DestinationNotAllowed)?;
        if asked.at < *usable_from {
            return Err(Refusal::DestinationCoolsOff { usable_from: *usable_from });
        }
        Ok(())
    }

    /// A day has what was asked for on it and has not been given back.
    fn expect_within_cap(
        &self,
        rules: &PayoutRules,
        amount: Money,
        payout_id: &PayoutId,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(cap) = rules.daily_cap else { return Ok(()) };
        let is_of_day = |it: &PayoutKnown| {
            let is_alive = !matches!(it.stage, PayoutStage::Returned | PayoutStage::Withheld);
            is_alive && it.request.payout_id != *payout_id && it.request.at.date_naive() == at.date_naive()
        };
        let asked: i128 = self.payouts.values().filter(|it| is_of_day(it)).map(|it| it.request.amount.minor()).sum();
        let left = Money::of_minor((cap.minor() - asked).max(0), cap.currency());
        if amount.exceeds(left)? { Err(Refusal::ExceedsDailyCap { asked: amount, left }) } else { Ok(()) }
    }

    pub(super) fn reprice_payout(&self, asked: &RepricePayout) -> Result<Vec<Event>, Refusal> {
        let known = self.payouts.get(&asked.payout_id).ok_or(Refusal::UnknownPayout)?;
        let request = &known.request;
        if request.spot.as_ref() == Some(&asked.spot) {
            return Ok(Vec::new());
        }
        if known.stage != PayoutStage::Reserved {
            return Err(Refusal::PayoutClosed);
        }
        if !request.is_in_money {
            return Err(Refusal::NotInMoney);
        }
        if asked.spot.currency != request.value.currency() {
            return Err(Refusal::NotMoney { field: "spot" });
        }
        let kept = request.purpose.kept();
        let paid = Money::zero(request.value.currency()).with_minor(request.value.minor() - kept)?;
        let amount = asked.spot.rate.amount_within(paid, crate::rate::Rate::ZERO, request.amount.currency())?;
        if !amount.is_positive() {
            return Err(Refusal::AmountNotPositive);
        }
        self.expect_within_cap(&request.rules, amount, &asked.payout_id, request.at)?;
        let left = Money::of_minor((self.available() + request.amount.minor()).max(0), amount.currency());
        if amount.exceeds(left)? {
            return Err(Refusal::ExceedsHolding { asked: amount, left });
        }
        Ok(vec![Event::PayoutRepriced(Box::new(PayoutReserved {
            revision: request.revision.saturating_add(1),
            amount,
            spot: Some(asked.spot.clone()),
            ..request.clone()
        }))])
    }

    /// Approved: the coins leave the lots. An approval of an older price takes nothing; the new one waits for its own.
    pub(super) fn take_payout(&self, asked: &TakePayout) -> Result<Vec<Event>, Refusal> {
        let known = self.payouts.get(&asked.payout_id).ok_or(Refusal::UnknownPayout)?;
        if known.stage != PayoutStage::Reserved || known.request.revision != asked.revision {
            return Ok(Vec::new());
        }
        if let Some(why) = self.withheld(&known.request) {
            let (asset, payout_id) = (asked.asset, asked.payout_id.clone());
            return Ok(vec![Event::PayoutWithheld(PayoutWithheld { asset, payout_id, why, at: asked.at })]);
        }
        Ok(vec![Event::PayoutTaken(self.taken(known, asked.at)?)])
    }

    fn withheld(&self, request: &PayoutReserved) -> Option<Withheld> {
        let is_refund = matches!(request.purpose, Purpose::Refund { .. });
        if !is_refund && request.rules.is_allow_list_needed && !self.destinations.contains_key(&request.to) {
            return Some(Withheld::DestinationRemoved);
        }
        let pool = self.pools.get(&request.value.currency()).map_or(0, Pool::amount);
        let is_there = self.amount() - self.frozen_amount() >= request.amount.minor() && pool >= request.amount.minor();
        if is_there { None } else { Some(Withheld::NotHeld) }
    }

    fn taken(&self, known: &PayoutKnown, at: Timestamp) -> Result<PayoutMoved, Refusal> {
        let request = &known.request;
        let (asset, currency) = (request.amount.currency(), request.value.currency());
        let mut draft = self.draft(asset, currency);
        let cost = draft.take(request.amount.minor());
        let freed = if known.stage == PayoutStage::Reserved { request.amount.minor() } else { 0 };
        let paid = request.value.minor() - request.purpose.kept();
        let party = match &request.purpose {
            Purpose::Refund { customer_id, .. } => customer_id.clone(),
            Purpose::Other => None,
        };
        Ok(PayoutMoved {
            asset: request.asset,
            payout_id: request.payout_id.clone(),
            amount: request.amount,
            held: self.held(&draft, freed, asset, currency),
            lots: draft.into_changes(),
            realised: Money::of_minor(paid - cost, currency),
            entry: Entry::together(books::taken(request.amount, request.value, cost, &request.purpose), party)?,
            at,
        })
    }

    /// On the chain. What was given back before is taken again: the chain is right.
    pub(super) fn settle_payout(&self, asked: &SettlePayout) -> Result<Vec<Event>, Refusal> {
        let known = self.payouts.get(&asked.payout_id).ok_or(Refusal::UnknownPayout)?;
        let mut events = Vec::new();
        if asked.times_orphaned < known.times_orphaned {
            return Ok(events);
        }
        match known.stage {
            PayoutStage::Settled => return Ok(events),
            PayoutStage::Taken => (),
            PayoutStage::Reserved | PayoutStage::Withheld | PayoutStage::Returned => {
                events.push(Event::PayoutTaken(self.taken(known, asked.at)?));
            }
        }
        let mut after = self.clone();
        events.iter().for_each(|event| after.evolve(event));
        let (asset, currency) = (known.request.amount.currency(), known.request.value.currency());
        events.push(Event::PayoutSettled(PayoutMoved {
            asset: asked.asset,
            payout_id: asked.payout_id.clone(),
            amount: known.request.amount,
            held: after.held(&after.draft(asset, currency), 0, asset, currency),
            lots: Vec::new(),
            realised: Money::zero(currency),
            entry: books::settled(known.request.amount).into_entry(None)?,
            at: asked.at,
        }));
        Ok(events)
    }

    /// The chain has taken its block back: the promise is not kept yet.
    pub(super) fn unsettle_payout(&self, asked: &UnsettlePayout) -> Result<Vec<Event>, Refusal> {
        let known = self.payouts.get(&asked.payout_id).ok_or(Refusal::UnknownPayout)?;
        if known.stage != PayoutStage::Settled || asked.completion <= known.times_orphaned {
            return Ok(Vec::new());
        }
        let (asset, currency) = (known.request.amount.currency(), known.request.value.currency());
        Ok(vec![Event::PayoutUnsettled(PayoutMoved {
            asset: asked.asset,
            payout_id: asked.payout_id.clone(),
            amount: known.request.amount,
            held: self.held(&self.draft(asset, currency), 0, asset, currency),
            lots: Vec::new(),
            realised: Money::zero(currency),
            entry: books::settled(known.request.amount).into_entry(None)?.mirrored(),
            at: asked.at,
        })])
    }

    /// It did not happen: what was kept for it is free again, and coins that had left the lots come back to their places.
    pub(super) fn return_payout(&self, asked: &ReturnPayout) -> Result<Vec<Event>, Refusal> {
        let known = self.payouts.get(&asked.payout_id).ok_or(Refusal::UnknownPayout)?;
        let request = &known.request;
        let (asset, currency) = (request.amount.currency(), request.value.currency());
        let mut draft = self.draft(asset, currency);
        let (mut parts, mut realised, mut freed) = (Entry::default(), 0, 0);
        if asked.times_orphaned < known.times_orphaned {
            return Ok(Vec::new());
        }
        match known.stage {
            PayoutStage::Settled | PayoutStage::Returned => return Ok(Vec::new()),
            PayoutStage::Reserved => freed = request.amount.minor(),
            PayoutStage::Withheld => (),
            PayoutStage::Taken => {
                (draft, realised) = self.given_back(asset, currency, &known.taken);
                parts = known.entry.mirrored();
            }
        }
        let entry = parts.and(books::gained(request.value, realised))?;
        Ok(vec![Event::PayoutReturned(PayoutMoved {
            asset: asked.asset,
            payout_id: asked.payout_id.clone(),
            amount: request.amount,
            held: self.held(&draft, freed, asset, currency),
            lots: draft.into_changes(),
            realised: Money::of_minor(realised, currency),
            entry,
            at: asked.at,
        })])
    }
}

impl PayoutKnown {
    /// Whether the same was asked for. What was priced since is the same request.
    fn is_asked_by(&self, asked: &RequestPayout) -> bool {
        let known = &self.request;
        let is_same_price = known.amount == asked.amount || (known.is_in_money && known.revision > 1);
        is_same_price && known.value == asked.value && known.purpose == asked.purpose && known.to == asked.to
    }
}

impl Purpose {
    /// What the merchant keeps of the value, in minor units.
    fn kept(&self) -> i128 {
        match self {
            Self::Refund { kept, .. } => kept.minor(),
            Self::Other => 0,
        }
    }
}
