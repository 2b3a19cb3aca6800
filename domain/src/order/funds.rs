//! Whose money an order holds: one record a payment.

use super::command::RefundOrder;
use super::event::{PaymentAllocated, Released};
use super::refusal::Refusal;
use crate::id::{PaymentId, RefundId};
use crate::money::Money;
use crate::payment::Method;
use crate::split;

/// The money of one payment that came to an order. Offered = allocated + refunded + unallocated.
#[derive(Debug, Clone, PartialEq)]
pub struct Funds {
    /// The payment.
    pub payment_id: PaymentId,
    /// How it was paid.
    pub method: Method,
    /// What it brought.
    pub offered: Money,
    /// What the order uses.
    pub allocated: Money,
    /// What went back, or is on its way back.
    pub refunded: Money,
}

impl Funds {
    /// What is neither used nor on its way back: the customer's credit.
    #[must_use]
    pub fn unallocated(&self) -> Money {
        Money::of_minor(self.left().max(0), self.offered.currency())
    }

    /// What is on its way back although it was not offered yet: facts of a payment may be told in another order than
    /// they happened. It is zero again when all are told.
    pub(super) fn overdrawn(&self) -> Money {
        Money::of_minor((-self.left()).max(0), self.offered.currency())
    }

    /// Refuses an amount in another currency than the payment's.
    pub(super) fn expect_currency_of(&self, amount: Money) -> Result<(), Refusal> {
        let sum = Money::zero(self.offered.currency()).plus(amount);
        sum.map(|_| ()).map_err(|source| Refusal::Amount { pointer: "/amount".to_owned(), source })
    }

    fn left(&self) -> i128 {
        self.offered.minor() - self.allocated.minor() - self.refunded.minor()
    }
}

pub(super) fn offer(funds: &mut Vec<Funds>, it: &PaymentAllocated) {
    match funds.iter_mut().find(|known| known.payment_id == it.payment_id) {
        Some(known) => {
            known.offered.absorb(it.offered);
            known.allocated.absorb(it.allocated);
        }
        None => funds.push(Funds {
            payment_id: it.payment_id.clone(),
            method: it.method,
            offered: it.offered,
            allocated: it.allocated,
            refunded: Money::zero(it.offered.currency()),
        }),
    }
}

/// Takes over what a cancellation or return released.
pub(super) fn give_back(funds: &mut [Funds], released: &[Released]) {
    for it in released {
        if let Some(known) = funds.iter_mut().find(|known| known.payment_id == it.payment_id) {
            known.allocated.release(it.amount);
            if it.refund_id.is_some() {
                known.refunded.absorb(it.amount);
            }
        }
    }
}

/// Chooses whose money becomes free. Never more of a payment than the order uses of it.
pub(super) fn release(
    funds: &[Funds],
    free: Money,
    order: RefundOrder,
    refund_id: impl Fn(&PaymentId) -> Option<RefundId>,
) -> Vec<Released> {
    let mut latest_first: Vec<&Funds> = funds.iter().rev().filter(|it| it.allocated.is_positive()).collect();
    let shares = match order {
        RefundOrder::Proportional => {
            let weights: Vec<i128> = latest_first.iter().map(|it| it.allocated.minor()).collect();
            split::by_weights(free.minor(), &weights).unwrap_or_default()
        }
        RefundOrder::LatestFirst => in_turn(&latest_first, free.minor()),
        RefundOrder::VouchersFirst => {
            // A stable sort: among vouchers, and among the others, the latest stays first.
            latest_first.sort_by_key(|it| it.method != Method::Voucher);
            in_turn(&latest_first, free.minor())
        }
    };
    let pairs = latest_first.into_iter().zip(shares).filter(|(_, share)| *share > 0);
    let released = pairs.map(|(it, share)| Released {
        payment_id: it.payment_id.clone(),
        amount: Money::of_minor(share, it.allocated.currency()),
        refund_id: refund_id(&it.payment_id),
    });
    released.collect()
}

fn in_turn(funds: &[&Funds], free: i128) -> Vec<i128> {
    let mut left = free;
    let shares = funds.iter().map(|it| {
        let share = left.min(it.allocated.minor());
        left -= share;
        share
    });
    shares.collect()
}
