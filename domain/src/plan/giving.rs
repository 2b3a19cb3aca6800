//! A refund of a purchase with a running plan: which debt falls, what cash goes back to which payment, and what the
//! merchant returns. One decision; cash plus cancelled debt is always the refund.

use super::books;
use super::command::RefundPlan;
use super::event::*;
use super::ledger::RefundEffect;
use super::refusal::Refusal;
use super::running::{Deed, Payment, Running};
use super::terms::OnRefund;
use super::work::{Decided, Moment, Work};
use crate::id::{PaymentId, RefundId};
use crate::money::{Currency, Money};
use crate::rate::Rounding;

impl Work {
    pub(super) fn refund(mut self, asked: &RefundPlan) -> Decided {
        for known in &self.plan.transactions {
            if let Deed::Refund { refund_id, amount, .. } = &known.deed
                && *refund_id == asked.refund_id
            {
                return if *amount == asked.amount { Ok(Vec::new()) } else { Err(Refusal::exists("refund_id")) };
            }
        }
        if !asked.amount.is_positive() {
            return Err(Refusal::AmountNotPositive);
        }
        let left = self.money(self.plan.merchant.purchase);
        if asked.amount.exceeds(left)? {
            return Err(Refusal::ExceedsPurchase { asked: asked.amount, left });
        }
        let moment = self.now(asked.at)?;
        self.give_back(moment, asked)?;
        Ok(self.events)
    }

    fn give_back(&mut self, moment: Moment, asked: &RefundPlan) -> Result<(), Refusal> {
        let agreement = &self.plan.agreement;
        let mut next = self.plan.clone();
        let interest = self.plan.interest_to_return(asked.amount.minor());
        let RefundEffect { debt, recovered, cash } =
            next.ledger.refund(agreement, moment.on, asked.amount.minor(), None);
        next.ledger.totals.interest_returned += interest;
        let cash_back = self.plan.cash_back(&asked.refund_id, cash + interest, interest > 0);
        let share = self.plan.merchant_share(asked.amount.minor());
        let (moved, returned) = match agreement.offer.terms.merchant_discount.on_refund {
            OnRefund::Returned => {
                let moved = books::discount_returned(self.nothing_moved(), share.unearned, share.earned);
                (moved, share.unearned + share.earned)
            }
            OnRefund::Kept => (books::discount_earned(self.nothing_moved(), share.unearned), 0),
        };
        next.merchant.unearned -= share.unearned;
        next.merchant.payable -= asked.amount.minor() - returned;
        let order_id = agreement.offer.order_id.clone();
        let money = |minor: i128| Money::of_minor(minor, asked.amount.currency());
        self.record(moment, next, moved, |step| {
            Event::Refunded(Box::new(Refunded {
                step,
                refund_id: asked.refund_id.clone(),
                source: asked.source,
                order_id,
                amount: asked.amount,
                cancelled: money(debt.iter().map(|(_, it)| it).sum()),
                debt: cancelled_debt(&debt, asked.amount.currency()),
                recovered: money(recovered),
                cash: money(cash),
                cash_back,
                interest_returned: money(interest),
                merchant_returns: money(asked.amount.minor() - returned),
                discount_returned: money(returned),
                discount_unearned: money(share.unearned),
                reason: asked.reason.clone(),
            }))
        })
    }

    /// The same refund over other debt: what went back in cash has gone, the rest is the customer's credit.
    pub(super) fn refund_again(
        &mut self,
        moment: Moment,
        refund_id: RefundId,
        amount: Money,
        (cash, cash_back): (Money, Vec<CashBack>),
        interest_returned: Money,
    ) -> Result<(), Refusal> {
        let mut next = self.plan.clone();
        let again = next.ledger.refund(&self.plan.agreement, moment.on, amount.minor(), Some(cash.minor()));
        next.ledger.totals.interest_returned += interest_returned.minor();
        let order_id = self.plan.agreement.offer.order_id.clone();
        let money = |minor: i128| Money::of_minor(minor, amount.currency());
        let nothing = money(0);
        let debt = cancelled_debt(&again.debt, amount.currency());
        self.record(moment, next, self.nothing_moved(), |step| {
            Event::Refunded(Box::new(Refunded {
                step,
                refund_id,
                source: super::RefundSource::Payment,
                order_id,
                amount,
                cancelled: money(again.debt.iter().map(|(_, it)| it).sum()),
                debt,
                recovered: money(again.recovered),
                cash: money(again.cash),
                cash_back,
                interest_returned,
                merchant_returns: nothing,
                discount_returned: nothing,
                discount_unearned: nothing,
                reason: None,
            }))
        })
    }
}

fn cancelled_debt(debt: &[(u32, i128)], currency: Currency) -> Vec<CancelledDebt> {
    let each = debt.iter();
    each.map(|(number, it)| CancelledDebt { number: *number, amount: Money::of_minor(*it, currency) }).collect()
}

/// The part of the merchant's discount that belongs to a refund.
struct Share {
    unearned: i128,
    earned: i128,
}

impl Running {
    /// Interest that was paid and goes back with a refund: its share of the purchase, where the terms return it.
    fn interest_to_return(&self, refund: i128) -> i128 {
        match self.agreement.offer.terms.refund.interest {
            OnRefund::Kept => 0,
            OnRefund::Returned => {
                let paid: i128 = self.ledger.installments.iter().map(|it| it.interest.paid.minor()).sum();
                let left = (paid - self.ledger.totals.interest_returned).max(0);
                Rounding::HalfEven.divide(left.saturating_mul(refund), self.merchant.purchase.max(1))
            }
        }
    }

    fn merchant_share(&self, refund: i128) -> Share {
        let of = |amount: i128| {
            Rounding::HalfEven.divide(amount.max(0).saturating_mul(refund), self.merchant.purchase.max(1))
        };
        let unearned = self.merchant.unearned.min(self.merchant.discount);
        Share { unearned: of(unearned), earned: of(self.merchant.discount - unearned) }
    }

    /// Where cash goes: to the payments that paid, the latest first, to each no more than it brought.
    fn cash_back(&self, refund_id: &RefundId, cash: i128, with_interest: bool) -> Vec<CashBack> {
        let mut left = cash;
        let mut legs: Vec<(PaymentId, i128)> = Vec::new();
        // Interest that an early settlement saved has become principal: the payment that had paid it brought more
        // principal than it says. So what the first round leaves over goes to whatever was used of each.
        let principal = |payment: &Payment| payment.principal + if with_interest { payment.interest } else { 0 };
        let rounds = [self.brought(|it| principal(it).min(it.used)), self.brought(|it| it.used)];
        for brought in rounds {
            for (payment_id, brought) in brought.into_iter().rev() {
                let known = legs.iter_mut().find(|(known, _)| *known == payment_id);
                let amount = left.min(brought - known.as_ref().map_or(0, |(_, amount)| *amount)).max(0);
                left -= amount;
                match known {
                    Some((_, sum)) => *sum += amount,
                    None => legs.push((payment_id, amount)),
                }
            }
        }
        let legs = legs.into_iter().filter(|(_, amount)| *amount > 0);
        let named = legs.map(|(payment_id, amount)| CashBack {
            refund_id: RefundId::derived(&["plan", refund_id.as_str(), payment_id.as_str()]),
            payment_id,
            amount: self.ledger.money(amount),
        });
        named.collect()
    }

    /// What every payment has brought and not got back, in the order of time.
    fn brought(&self, of: impl Fn(&Payment) -> i128) -> Vec<(PaymentId, i128)> {
        let mut brought: Vec<(PaymentId, i128)> = Vec::new();
        for it in &self.transactions {
            match &it.deed {
                Deed::Payment(payment) => match brought.iter_mut().find(|(known, _)| *known == payment.payment_id) {
                    Some((_, sum)) => *sum += of(payment),
                    None => brought.push((payment.payment_id.clone(), of(payment))),
                },
                Deed::Refund { cash_back, .. } => {
                    for leg in cash_back {
                        if let Some((_, sum)) = brought.iter_mut().find(|(known, _)| *known == leg.payment_id) {
                            *sum -= leg.amount.minor();
                        }
                    }
                }
                Deed::Fee { .. }
                | Deed::Waiver { .. }
                | Deed::Reschedule { .. }
                | Deed::Rate { .. }
                | Deed::ChargeOff(_) => (),
            }
        }
        brought
    }
}
