//! How a principal is paid back over periods, in minor units.
//!
//! The annuity is Apache Fineract's progressive calculation: with `fn_1 = 1` and `fn_k = fn_(k-1) * (1 + rf_k) + 1`
//! the payment is `P * (1 + rf_1) * ... * (1 + rf_n) / fn_n`, where `rf_k` is the interest of one unit in period k.

use crate::plan::digits::{Digits, Precision};
use crate::plan::schedule::{Absorbs, Amortisation};

/// One payment, in minor units; both are never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) principal: i128,
    pub(super) interest: i128,
}

impl Part {
    fn total(self) -> i128 {
        self.principal.saturating_add(self.interest)
    }
}

/// One principal over periods, each with the interest of one unit of principal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Debt<'a> {
    pub(super) principal: i128,
    pub(super) factors: &'a [Digits],
    pub(super) precision: Precision,
}

impl Debt<'_> {
    /// One part for each period; the principal parts sum to the principal.
    pub(super) fn amortised(self, amortisation: Amortisation, absorbs: Absorbs) -> Vec<Part> {
        match amortisation {
            Amortisation::Annuity if self.factors.iter().all(|it| it.is_zero()) => self.equal_principal(absorbs),
            Amortisation::Annuity => self.annuity(absorbs),
            Amortisation::EqualPrincipal => self.equal_principal(absorbs),
            Amortisation::EqualParts => self.equal_parts(absorbs),
        }
    }

    /// Pays `payment` a period until nothing is left; the last period takes what is left even so. Interest is charged
    /// on the balance, or on the whole principal if it is flat.
    pub(super) fn paid_by(self, payment: i128, is_flat: bool) -> Vec<Part> {
        let mut left = self.principal;
        let mut parts = Vec::new();
        for (place, factor) in self.factors.iter().enumerate() {
            if left == 0 {
                break;
            }
            let interest = self.interest(if is_flat { self.principal } else { left }, *factor);
            let is_last = place + 1 == self.factors.len();
            let principal = if is_last { left } else { payment.saturating_sub(interest).clamp(0, left) };
            left -= principal;
            parts.push(Part { principal, interest });
        }
        parts
    }

    fn interest(self, balance: i128, factor: Digits) -> i128 {
        self.precision.times(Digits::whole(balance.unsigned_abs()), factor).to_nearest()
    }

    /// Equal payments, of which one takes what rounding leaves:
    ///
    /// * `Last`: the payment is rounded half-even. If the last one is off by more than half a unit a period, the
    ///   others are shifted once by its share, if that brings them closer (Fineract's smoothing).
    /// * `First`: what the last one is off goes into the first, discounted by the interest that it saves or costs.
    /// * `LargestRemainder`: the payment is rounded down, and as many payments as needed get one unit more, from the
    ///   first on, until the last is no larger than the others.
    fn annuity(self, absorbs: Absorbs) -> Vec<Part> {
        let exact = self.exact_payment();
        let rounded = exact.to_nearest();
        match absorbs {
            Absorbs::Last => self.smoothed(rounded),
            Absorbs::First => {
                let off = off_by(&self.paid(|_| rounded), rounded);
                let growth = self.growth(self.factors.get(1..).unwrap_or_default());
                let share = self.precision.over(Digits::whole(off.unsigned_abs()), growth).to_nearest();
                let first = rounded.saturating_add(share * off.signum());
                self.paid(|place| if place == 0 { first } else { rounded })
            }
            Absorbs::LargestRemainder => {
                let base = exact.to_floor();
                let with_more = |count: usize| self.paid(|place| base.saturating_add(i128::from(place < count)));
                let (mut low, mut high) = (0, self.factors.len().saturating_sub(1));
                while low < high {
                    let middle = low.midpoint(high);
                    if off_by(&with_more(middle), base) > 0 {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                with_more(low)
            }
        }
    }

    fn exact_payment(self) -> Digits {
        let precision = self.precision;
        let denominator = self.factors.iter().skip(1).fold(Digits::ONE, |value, factor| {
            precision.plus(precision.times(value, precision.plus(Digits::ONE, *factor)), Digits::ONE)
        });
        let grown = precision.times(Digits::whole(self.principal.unsigned_abs()), self.growth(self.factors));
        precision.over(grown, denominator)
    }

    fn growth(self, factors: &[Digits]) -> Digits {
        factors
            .iter()
            .fold(Digits::ONE, |value, factor| self.precision.times(value, self.precision.plus(Digits::ONE, *factor)))
    }

    fn smoothed(self, payment: i128) -> Vec<Part> {
        let parts = self.paid(|_| payment);
        let count = i128::try_from(self.factors.len()).unwrap_or(i128::MAX);
        let off = off_by(&parts, payment);
        let half = count / 2;
        if half == 0 || off.abs() <= half {
            return parts;
        }
        let shifted = payment.saturating_add(half_even(off.abs(), count) * off.signum());
        let others = self.paid(|_| shifted);
        if off_by(&others, shifted).abs() < off.abs() { others } else { parts }
    }

    /// Pays as asked; never less than the interest, never more than is left, and everything at the end.
    fn paid(self, payment: impl Fn(usize) -> i128) -> Vec<Part> {
        let mut left = self.principal;
        let paid = |(place, factor): (usize, &Digits)| {
            let interest = self.interest(left, *factor);
            let is_last = place + 1 == self.factors.len();
            let principal = if is_last { left } else { payment(place).saturating_sub(interest).clamp(0, left) };
            left -= principal;
            Part { principal, interest }
        };
        self.factors.iter().enumerate().map(paid).collect()
    }

    fn equal_principal(self, absorbs: Absorbs) -> Vec<Part> {
        let mut left = self.principal;
        let paid = |(principal, factor): (i128, &Digits)| {
            let interest = self.interest(left, *factor);
            left -= principal;
            Part { principal, interest }
        };
        equal(self.principal, self.factors.len(), absorbs).into_iter().zip(self.factors).map(paid).collect()
    }

    /// The flat interest of the whole term is rounded once and added to the principal; the sum is paid in equal
    /// parts. Each takes its period's interest as far as it goes, and the last what is left of it.
    fn equal_parts(self, absorbs: Absorbs) -> Vec<Part> {
        let term = self.factors.iter().fold(Digits::ZERO, |sum, factor| self.precision.plus(sum, *factor));
        let (mut principal_left, mut interest_left) = (self.principal, self.interest(self.principal, term));
        let total = principal_left.saturating_add(interest_left);
        let paid = |(part, factor): (i128, &Digits)| {
            let least = part.saturating_sub(principal_left).max(0);
            let interest = self.interest(self.principal, *factor).min(part).min(interest_left).max(least);
            let principal = part - interest;
            principal_left -= principal;
            interest_left -= interest;
            Part { principal, interest }
        };
        equal(total, self.factors.len(), absorbs).into_iter().zip(self.factors).map(paid).collect()
    }
}

/// How much more the last payment is than the others.
fn off_by(parts: &[Part], payment: i128) -> i128 {
    parts.last().map_or(0, |last| last.total() - payment)
}

/// `count` equal parts of a total that is not negative; none of them is, and they sum to it.
fn equal(total: i128, count: usize, absorbs: Absorbs) -> Vec<i128> {
    let Some(others) = count.checked_sub(1) else { return Vec::new() };
    let (units, rest) = (i128::try_from(count).unwrap_or(i128::MAX), i128::try_from(others).unwrap_or(i128::MAX));
    let nearest = half_even(total, units);
    match absorbs {
        Absorbs::Last => {
            let mut left = total;
            let mut parts: Vec<i128> = Vec::with_capacity(count);
            for _ in 0..others {
                let part = nearest.min(left);
                left -= part;
                parts.push(part);
            }
            parts.push(left);
            parts
        }
        Absorbs::First => {
            let part = if nearest.saturating_mul(rest) > total { total / units } else { nearest };
            let first = total - part * rest;
            std::iter::once(first).chain(std::iter::repeat_n(part, others)).collect()
        }
        Absorbs::LargestRemainder => {
            let more = total % units;
            (0..units).map(|place| total / units + i128::from(place < more)).collect()
        }
    }
}

fn half_even(value: i128, count: i128) -> i128 {
    crate::rate::Rounding::HalfEven.divide(value, count)
}
