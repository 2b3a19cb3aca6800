//! Sharing an amount so that the parts sum to it, to the last minor unit.
//!
//! Both rules are the largest remainder: every part gets the floor of its exact share, and what is left goes, one unit
//! each, to the largest fractions; ties go to the earlier part.

/// Shares `total` by `weights`. A weight of 0 gets 0; a negative total is the mirror of the positive one.
///
/// `None` when the weights cannot carry it: one is negative, or all are zero while the total is not, or a product
/// does not fit 128 bits (totals and weights are limited to 10¹⁸ long before).
#[must_use]
pub fn by_weights(total: i128, weights: &[i128]) -> Option<Vec<i128>> {
    let mut sum: i128 = 0;
    for weight in weights {
        if *weight < 0 {
            return None;
        }
        sum = sum.checked_add(*weight)?;
    }
    if sum == 0 {
        return (total == 0).then(|| vec![0; weights.len()]);
    }
    let magnitude = total.checked_abs()?;
    let mut parts = Vec::with_capacity(weights.len());
    let mut rests = Vec::with_capacity(weights.len());
    for (place, weight) in weights.iter().enumerate() {
        let product = magnitude.checked_mul(*weight)?;
        parts.push(product / sum);
        rests.push((std::cmp::Reverse(product % sum), place));
    }
    let left = magnitude - parts.iter().sum::<i128>();
    rests.sort_unstable();
    for (_, place) in rests.into_iter().take(usize::try_from(left).ok()?) {
        if let Some(part) = parts.get_mut(place) {
            *part += 1;
        }
    }
    let sign = total.signum();
    parts.iter_mut().for_each(|part| *part *= sign);
    Some(parts)
}

/// The value of the first `count` of `units` equal units that together are worth `total`: the first units carry the
/// larger cents. Splitting a line this way once fixes what every unit is worth, so that any sequence of partial
/// cancellations and returns sums to the line: 19.97 over 3 is 6.66, 6.66, 6.65.
///
/// `total` is not negative, and `count <= units`.
#[must_use]
pub fn first_units(total: i128, units: u32, count: u32) -> i128 {
    if units == 0 {
        return 0;
    }
    let (units, count) = (i128::from(units), i128::from(count));
    count * (total / units) + count.min(total % units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_allocations() {
        let cases: [(i128, &[i128], &[i128]); 9] = [
            (5, &[70, 30], &[4, 1]), // moneyphp, after Fowler
            (5, &[30, 70], &[2, 3]),
            (800, &[1, 1, 1], &[267, 267, 266]),
            (100, &[1, 2, 3], &[17, 33, 50]),
            (7, &[0, 1, 1], &[0, 4, 3]),
            (1000, &[5000, 1000], &[833, 167]),    // vendure #4811
            (4200, &[15000, 6000], &[3000, 1200]), // prestashop #18319
            (-5, &[70, 30], &[-4, -1]),
            (0, &[0, 0], &[0, 0]),
        ];
        for (total, weights, expected) in cases {
            assert_eq!(by_weights(total, weights).unwrap(), expected, "{total} by {weights:?}");
        }
        assert_eq!(by_weights(1, &[0, 0]), None);
        assert_eq!(by_weights(1, &[]), None);
        assert_eq!(by_weights(1, &[-1, 2]), None);
    }

    #[test]
    fn units_of_a_line_are_frozen() {
        let values: Vec<i128> = (1..=3).map(|k| first_units(1997, 3, k) - first_units(1997, 3, k - 1)).collect();
        assert_eq!(values, [666, 666, 665]);
    }

    proptest! {
        /// Whatever is shared, the parts sum to it, none has the wrong sign, and weight 0 gets nothing.
        #[test]
        fn parts_sum_to_the_whole(total in -1_000_000_000_000_i128..1_000_000_000_000, weights in prop::collection::vec(0_i128..1_000_000_000, 1..20)) {
            prop_assume!(weights.iter().sum::<i128>() > 0);
            let parts = by_weights(total, &weights).unwrap();
            prop_assert_eq!(parts.iter().sum::<i128>(), total);
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(part.signum() * total.signum() >= 0);
                prop_assert!(*weight > 0 || *part == 0);
            }
        }

        /// Frozen units differ by one cent at most, never grow along the line, and sum to it.
        #[test]
        fn units_sum_to_the_line(total in 0_i128..1_000_000_000, units in 1_u32..500) {
            let value = |k| first_units(total, units, k + 1) - first_units(total, units, k);
            prop_assert_eq!(first_units(total, units, units), total);
            for k in 1..units {
                prop_assert!(value(k - 1) - value(k) <= 1 && value(k - 1) >= value(k));
            }
        }

        /// A larger total never makes a unit smaller: what lets tax and net be split one inside the other.
        #[test]
        fn units_grow_with_the_total(total in 0_i128..1_000_000, more in 0_i128..1000, units in 1_u32..50, k in 0_u32..50) {
            prop_assume!(k < units);
            let value = |total| first_units(total, units, k + 1) - first_units(total, units, k);
            prop_assert!(value(total + more) >= value(total));
        }
    }
}
