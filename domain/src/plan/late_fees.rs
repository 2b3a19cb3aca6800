//! What being late costs: steps by days, caps, and which orders they are for. Never a fee on a fee.

use crate::money::Money;
use crate::rate::{RATE_UNIT, Rate, Rounding};
use serde::{Deserialize, Serialize};

/// The fees of orders from a size upwards. Published tables become data: Afterpay's `10 then 7 more after 7 days, at
/// most a quarter of the order and at most 68`, Klarna's bands by order size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateFees {
    /// The smallest order that these are for; the band with the largest `order_from` that the order reaches counts.
    pub order_from: Money,
    /// Days after the due date in which nothing is charged.
    pub grace_days: u32,
    /// What is charged for an installment that stays unpaid, each step once.
    pub steps: Vec<FeeStep>,
    /// The most for the whole plan; the last fee is cut to land on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap_amount: Option<Money>,
    /// The most for the whole plan, as a share of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap_rate: Option<Rate>,
    /// The most fees of the whole plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fees_max: Option<u32>,
    /// A fee falls when its installment is paid within so many days after it (Sezzle: 48 hours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waived_within_days: Option<u32>,
}

/// One fee for an installment that is still unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeStep {
    /// Days after the due date and the grace; 0 is the first day that the installment is late.
    pub after_days: u32,
    /// How much.
    #[serde(flatten)]
    pub fee: FeeAmount,
}

/// How much a fee is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeAmount {
    /// So much.
    Amount(Money),
    /// A share of the principal and interest that is late; halves go up.
    Rate(Rate),
}

impl FeeAmount {
    fn of(self, overdue: i128) -> i128 {
        match self {
            Self::Amount(amount) => amount.minor(),
            Self::Rate(rate) => share(overdue, rate),
        }
    }
}

impl LateFees {
    /// The band for an order, where there is one.
    #[must_use]
    pub fn for_order(bands: &[Self], order: Money) -> Option<&Self> {
        let reached = bands.iter().filter(|it| it.order_from.minor() <= order.minor());
        reached.max_by_key(|it| it.order_from.minor())
    }

    /// A step's fee in minor units, cut to the caps: zero where they are reached.
    ///
    /// `overdue` is the late principal and interest, `charged` what was charged before and not waived, `count` how many.
    pub(super) fn fee(&self, step: &FeeStep, order: Money, overdue: i128, charged: i128, count: u32) -> i128 {
        if self.fees_max.is_some_and(|limit| count >= limit) {
            return 0;
        }
        let caps = [self.cap_amount.map(Money::minor), self.cap_rate.map(|rate| share(order.minor(), rate))];
        let left = caps.into_iter().flatten().map(|cap| (cap - charged).max(0)).min();
        let fee = step.fee.of(overdue);
        left.map_or(fee, |left| fee.min(left))
    }
}

fn share(amount: i128, rate: Rate) -> i128 {
    Rounding::HalfUp.divide(amount.max(0).saturating_mul(rate.units()), RATE_UNIT)
}
