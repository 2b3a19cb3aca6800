//! How a merchant's discount becomes income over the plan that it pays for.
//!
//! The lender pays out the amount less the discount and collects the whole amount, so the discount is interest by
//! another name: it is earned on what is still lent, at the one rate that makes the payments worth what was paid out.

use crate::money::Money;
use crate::plan::apr::solve;
use crate::split;
use num_traits::ToPrimitive;
use rust_decimal::Decimal;

/// What a share of the whole discount is counted in.
const SHARE_UNIT: i64 = 1_000_000_000_000_000_000;

/// The share of `discount` that each payment earns, by the effective-interest method, period by period.
///
/// `parts` are the principal and interest of the payments still to come; money paid on day 0 is not among them. The
/// carrying amount begins at what is outstanding less the discount, earns its rate every period, and what it earns
/// beyond the contract's interest is the discount's share. Halfway through a plan, give what is left of both.
///
/// Shares are never negative and sum to `discount`, to the minor unit (largest remainder). Where no rate of at least 0
/// exists, for example because the discount exceeds what is outstanding, the shares follow the principal. A discount
/// that is not positive has no shares: every one is nothing.
#[must_use]
pub fn unwind(discount: Money, parts: &[(Money, Money)]) -> Vec<Money> {
    let nothing = Money::zero(discount.currency());
    if !discount.is_positive() {
        return vec![nothing; parts.len()];
    }
    let by = |weights: &[i128]| split::by_weights(discount.minor(), weights);
    let shares = effective_weights(discount, parts).and_then(|it| by(&it)).or_else(|| by(&principal_weights(parts)));
    match shares {
        Some(shares) => shares.into_iter().map(|share| Money::of_minor(share, discount.currency())).collect(),
        // Nothing is outstanding: whatever is left is earned at once.
        None => (0..parts.len()).map(|place| if place == 0 { discount } else { nothing }).collect(),
    }
}

fn principal_weights(parts: &[(Money, Money)]) -> Vec<i128> {
    parts.iter().map(|(principal, _)| principal.minor().max(0)).collect()
}

/// Each period's income beyond its interest, in [`SHARE_UNIT`]s of the discount.
fn effective_weights(discount: Money, parts: &[(Money, Money)]) -> Option<Vec<i128>> {
    let principal = parts.iter().map(|(principal, _)| principal.minor()).sum::<i128>();
    let mut carrying = discount.with_minor(principal.checked_sub(discount.minor())?).ok()?.to_decimal();
    let total = |(principal, interest): &(Money, Money)| principal.to_decimal().checked_add(interest.to_decimal());
    let payments = parts.iter().map(total).collect::<Option<Vec<Decimal>>>()?;
    if carrying <= Decimal::ZERO {
        return None;
    }
    let rate = solve(|rate| {
        let discounted = Decimal::ONE.checked_div(Decimal::ONE.checked_add(rate)?)?;
        let value = payments
            .iter()
            .rev()
            .try_fold(Decimal::ZERO, |value, payment| value.checked_add(*payment)?.checked_mul(discounted))?;
        value.checked_sub(carrying)
    })?;
    let mut weights = Vec::with_capacity(parts.len());
    for ((_, interest), payment) in parts.iter().zip(&payments) {
        let income = carrying.checked_mul(rate)?;
        let share = income.checked_sub(interest.to_decimal())?.max(Decimal::ZERO);
        weights
            .push(share.checked_div(discount.to_decimal())?.checked_mul(Decimal::from(SHARE_UNIT))?.round().to_i128()?);
        carrying = carrying.checked_add(income)?.checked_sub(*payment)?;
    }
    Some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use proptest::prelude::*;

    fn eur(minor: i128) -> Money {
        Money::of_minor(minor, Currency::parse("EUR").unwrap())
    }

    fn shares(discount: i128, parts: &[(i128, i128)]) -> Vec<i128> {
        let parts: Vec<_> = parts.iter().map(|(principal, interest)| (eur(*principal), eur(*interest))).collect();
        unwind(eur(discount), &parts).into_iter().map(Money::minor).collect()
    }

    #[test]
    fn a_discount_is_earned_on_what_is_still_lent() {
        // Reference 3.2: 100.00 at 6 %, 25.00 paid down on day 0, then three of 25.00: i = 4.29 % a period.
        assert_eq!(shares(600, &[(2500, 0); 3]), [296, 201, 103]);
        assert_eq!(shares(0, &[(2500, 0); 3]), [0, 0, 0]);
        assert_eq!(shares(600, &[(10000, 0)]), [600]);
        assert_eq!(shares(600, &[(500, 0), (100, 0)]), [500, 100], "nothing is lent: along the principal");
        assert_eq!(shares(600, &[(0, 0), (0, 0)]), [600, 0], "nothing is outstanding");
        assert_eq!(shares(600, &[]), [0_i128; 0]);
    }

    #[test]
    fn interest_of_the_contract_is_no_share() {
        // 100.00 for two periods at 10 % interest, 57.62 each; bought at a discount of 5.00. The rate that makes
        // 95.00 of it is 13.88 %: 13.19 and 7.19 of income, of which 10.00 and 5.24 are the contract's.
        let shares = shares(500, &[(4762, 1000), (5238, 524)]);
        assert_eq!(shares.iter().sum::<i128>(), 500);
        assert!(shares[0] > shares[1]);
    }

    proptest! {
        /// Whatever the plan, no share is negative and the shares sum to the discount.
        #[test]
        fn shares_sum_to_the_discount(discount in 0_i128..20_000, parts in prop::collection::vec((0_i128..10_000, 0_i128..500), 1..14)) {
            let shares = shares(discount, &parts);
            prop_assert_eq!(shares.iter().sum::<i128>(), discount);
            prop_assert!(shares.iter().all(|it| *it >= 0));
        }
    }
}
