//! Money goes back on the chain.
//!
//! What a payment of this invoice owes is first a refund of that payment, which says what it means for the order; here
//! it becomes coins. Everything else that can be given back is credit: too much, or not placed.

use super::*;
use crate::onchain::exchange::share;
use crate::rate::{RATE_UNIT, Rate};

/// What is to be paid, and what that settles.
struct Worked {
    amount: Money,
    value: Money,
    kept: Money,
}

impl Invoice {
    pub(super) fn record_owed_refund(&self, asked: &RecordOwedRefund) -> Result<Vec<Event>, Refusal> {
        let agreement = self.known()?;
        if let Some((payment_id, amount)) = self.owed.get(&asked.refund_id) {
            let is_same = *payment_id == asked.payment_id && *amount == asked.amount;
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("refund_id")) };
        }
        Ok(vec![Event::RefundOwed(RefundOwed {
            invoice_id: asked.invoice_id.clone(),
            payment_id: asked.payment_id.clone(),
            refund_id: asked.refund_id.clone(),
            amount: asked.amount,
            standing: self.standing(agreement),
            at: asked.at,
        })])
    }

    pub(super) fn refund(&self, asked: &RefundInvoice) -> Result<Vec<Event>, Refusal> {
        let agreement = self.known()?;
        if let Some(last) = self.refunds.get(&asked.refund_id).and_then(|all| all.last())
            && last.outcome != Some(RefundOutcome::NotPaid)
        {
            return if last.is_asked_by(asked) { Ok(Vec::new()) } else { Err(Refusal::exists("refund_id")) };
        }
        if self.withdrawn.contains(&asked.refund_id) {
            return Err(Refusal::RefundEnded);
        }
        if asked.to.chain() != agreement.due.currency().asset().map_or(asked.to.chain(), |it| it.id.chain) {
            return Err(Refusal::OtherChain);
        }
        let owed = self.owed.get(&asked.refund_id);
        let worked = match owed {
            Some((_, amount)) => self.of_payment(agreement, asked, *amount)?,
            None => self.of_credit(agreement, asked)?,
        };
        if !worked.amount.is_positive() {
            return Err(Refusal::NothingToRefund);
        }
        let mut requested = RefundRequested {
            invoice_id: asked.invoice_id.clone(),
            refund_id: asked.refund_id.clone(),
            attempt: u32::try_from(self.refunds.get(&asked.refund_id).map_or(0, Vec::len))
                .unwrap_or(u32::MAX)
                .saturating_add(1),
            customer_id: agreement.customer_id.clone(),
            payment_id: owed.map(|(payment_id, _)| payment_id.clone()),
            rule: asked.rule,
            subtract: asked.subtract,
            amount: worked.amount,
            value: worked.value,
            kept: worked.kept,
            to: asked.to.clone(),
            spot: asked.spot.clone(),
            requested_by: asked.requested_by.clone(),
            reason: asked.reason.clone(),
            standing: self.standing(agreement),
            entry: Entry::default(),
            at: asked.at,
        };
        let mut after = self.clone();
        let refund = Refund::of(requested.clone());
        after.refunds.entry(asked.refund_id.clone()).or_default().push(refund);
        requested.standing = after.standing(agreement);
        requested.entry = self.entry_to(&after, agreement)?;
        Ok(vec![Event::RefundRequested(Box::new(requested))])
    }

    /// The whole of what is owed is settled; what is subtracted the merchant keeps.
    fn of_payment(&self, agreement: &Agreement, asked: &RefundInvoice, owed: Money) -> Result<Worked, Refusal> {
        let kept = part(owed, asked.subtract)?;
        let paid = owed.minus(kept)?;
        let amount = match asked.rule {
            RefundRule::RateThen => self.at_rate_then(agreement, paid)?,
            RefundRule::CurrentRate | RefundRule::Fiat => at_rate_now(agreement, asked, paid)?,
            RefundRule::OverpaidAmount => return Err(Refusal::RuleDoesNotApply),
            RefundRule::Custom(named) if named.currency() == agreement.due.currency() => {
                named.minus(part(named, asked.subtract)?)?
            }
            RefundRule::Custom(_) => return Err(Refusal::RuleDoesNotApply),
        };
        Ok(Worked { amount, value: owed, kept })
    }

    /// Only what is paid is settled; what is subtracted stays the customer's credit.
    fn of_credit(&self, agreement: &Agreement, asked: &RefundInvoice) -> Result<Worked, Refusal> {
        let left = self.left_over(agreement);
        if !left.is_positive() {
            return Err(Refusal::NothingToRefund);
        }
        let price = agreement.price.currency();
        let (coins, value) = match asked.rule {
            RefundRule::RateThen => (self.at_rate_then(agreement, left)?, left),
            RefundRule::CurrentRate | RefundRule::Fiat => (at_rate_now(agreement, asked, left)?, left),
            RefundRule::OverpaidAmount => {
                let excess = self.net(agreement) - agreement.due.minor();
                let coins = Money::zero(agreement.due.currency()).with_minor(excess.max(0))?;
                (coins, self.value_then(agreement, coins)?.at_most(left))
            }
            RefundRule::Custom(named) if named.currency() == agreement.due.currency() => {
                (named, self.value_then(agreement, named)?)
            }
            RefundRule::Custom(named) if named.currency() == price => (at_rate_now(agreement, asked, named)?, named),
            RefundRule::Custom(_) => return Err(Refusal::RuleDoesNotApply),
        };
        if value.exceeds(left)? {
            return Err(Refusal::ExceedsRefundable { asked: value, left });
        }
        let amount = coins.minus(part(coins, asked.subtract)?)?;
        let value = value.minus(part(value, asked.subtract)?)?;
        Ok(Worked { amount, value, kept: Money::zero(price) })
    }

    /// The coins that a sum was at the promised rate; never more than it bought.
    fn at_rate_then(&self, agreement: &Agreement, sum: Money) -> Result<Money, Refusal> {
        Ok(Money::zero(agreement.due.currency()).with_minor(self.coins_of(sum.minor(), agreement))?)
    }

    /// What coins were at the promised rate.
    fn value_then(&self, agreement: &Agreement, coins: Money) -> Result<Money, Refusal> {
        let minor = share(agreement.price.minor(), coins.minor(), agreement.due.minor());
        Ok(Money::zero(agreement.price.currency()).with_minor(minor)?)
    }

    /// The merchant gives up to send coins for it. The payment has it as failed then, and the customer as credit.
    pub(super) fn withdraw_refund(&self, asked: &WithdrawRefund) -> Result<Vec<Event>, Refusal> {
        let agreement = self.known()?;
        let (payment_id, amount) = self.owed.get(&asked.refund_id).ok_or(Refusal::UnknownRefund)?;
        if self.withdrawn.contains(&asked.refund_id) {
            return Ok(Vec::new());
        }
        let attempts = || self.refunds.get(&asked.refund_id).into_iter().flatten();
        if attempts().any(|it| it.outcome.is_none()) {
            return Err(Refusal::RefundUnderway);
        }
        if attempts().any(|it| it.was_completed) {
            return Err(Refusal::RefundEnded);
        }
        Ok(vec![Event::RefundWithdrawn(RefundWithdrawn {
            invoice_id: asked.invoice_id.clone(),
            payment_id: payment_id.clone(),
            refund_id: asked.refund_id.clone(),
            amount: *amount,
            reason: asked.reason.clone(),
            standing: self.standing(agreement),
            at: asked.at,
        })])
    }

    /// What the payments have as given back, less what is on a chain or on its way there, in minor units of the money. It
    /// is nothing, unless a chain took a payout back that then failed, or a payout that was given up arrived: then the
    /// customer's credit has the difference, because the payments do not speak of it again.
    pub(super) fn not_given_back(&self) -> i128 {
        let mut sum = 0;
        for (refund_id, (_, amount)) in &self.owed {
            let attempts = || self.refunds.get(refund_id).into_iter().flatten();
            let is_withdrawn = self.withdrawn.contains(refund_id);
            if is_withdrawn || attempts().any(|it| it.was_completed) {
                let alive = attempts().filter(|it| it.outcome != Some(RefundOutcome::NotPaid));
                let paid: i128 = alive.map(|it| it.asked.value.minor()).sum();
                sum += if is_withdrawn { 0 } else { amount.minor() } - paid;
            }
        }
        sum
    }

    pub(super) fn end_refund(&self, asked: &EndRefund) -> Result<Vec<Event>, Refusal> {
        let agreement = self.known()?;
        let mut attempts = self.refunds.get(&asked.refund_id).into_iter().flatten();
        let refund = attempts.find(|it| it.asked.attempt == asked.attempt).ok_or(Refusal::UnknownRefund)?;
        match (refund.outcome, asked.outcome) {
            _ if asked.times_orphaned < refund.times_orphaned => return Ok(Vec::new()),
            (Some(known), outcome) if known == outcome => return Ok(Vec::new()),
            // What the chain has taken back may fail.
            _ if asked.times_orphaned > refund.times_orphaned => (),
            (Some(RefundOutcome::Completed), RefundOutcome::NotPaid) => return Err(Refusal::RefundEnded),
            // What was given up may be on the chain all the same.
            (Some(_) | None, _) => (),
        }
        let mut after = self.clone();
        if let Some(refund) = after.attempt_mut(&asked.refund_id, asked.attempt) {
            refund.ended(asked.outcome, asked.times_orphaned);
        }
        let is_withdrawn = self.withdrawn.contains(&asked.refund_id);
        let ended = RefundEnded {
            invoice_id: asked.invoice_id.clone(),
            refund_id: asked.refund_id.clone(),
            attempt: asked.attempt,
            payment_id: refund.asked.payment_id.clone().filter(|_| !is_withdrawn),
            outcome: asked.outcome,
            times_orphaned: asked.times_orphaned,
            standing: after.standing(agreement),
            entry: self.entry_to(&after, agreement)?,
            at: asked.at,
        };
        // Money that was not given back may be enough for the order again.
        self.and_settle(vec![Event::RefundEnded(Box::new(ended))], asked.at)
    }
}

fn at_rate_now(agreement: &Agreement, asked: &RefundInvoice, sum: Money) -> Result<Money, Refusal> {
    let spot = asked.spot.as_ref().filter(|it| it.currency == sum.currency()).ok_or(Refusal::RateMissing)?;
    Ok(spot.rate.amount_within(sum, Rate::ZERO, agreement.due.currency())?)
}

/// So much of an amount, rounded down.
fn part(amount: Money, rate: Rate) -> Result<Money, Refusal> {
    Ok(amount.with_minor(share(amount.minor(), rate.units(), RATE_UNIT))?)
}

impl Refund {
    pub(super) fn of(asked: RefundRequested) -> Self {
        Self { asked, outcome: None, times_orphaned: 0, was_completed: false }
    }

    pub(super) fn ended(&mut self, outcome: RefundOutcome, times_orphaned: u32) {
        self.outcome = Some(outcome);
        self.times_orphaned = times_orphaned;
        self.was_completed |= outcome == RefundOutcome::Completed;
    }

    fn is_asked_by(&self, asked: &RefundInvoice) -> bool {
        let known = &self.asked;
        known.rule == asked.rule && known.subtract == asked.subtract && known.to == asked.to
    }
}
