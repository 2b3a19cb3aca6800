//! Decimal numbers of limited significant digits, halves to even: what schedules are computed in.
//!
//! Two programs agree on a schedule to the cent only if they agree on the digits in between. Apache Fineract keeps
//! twelve of them, rounded after every operation (a `MathContext` of 12, half-even), and so do we. An exponent of its
//! own keeps the growth of 1000 % over ten years from overflowing.

/// The significant digits of every intermediate result, unless the amount itself needs more.
pub(super) const SIGNIFICANT_DIGITS_MIN: u32 = 12;
/// The most significant digits: two factors' product must fit 128 bits.
const SIGNIFICANT_DIGITS_MAX: u32 = 18;
/// The digits that a dividend is stretched to, so that the quotient has one more than the most.
const DIVIDEND_DIGITS: u32 = 37;

/// A number that is never negative: `mantissa * 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    mantissa: u128,
    exponent: i32,
}

/// How many significant digits a computation keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Precision(u32);

impl Digits {
    pub(super) const ZERO: Self = Self { mantissa: 0, exponent: 0 };
    pub(super) const ONE: Self = Self { mantissa: 1, exponent: 0 };

    /// A whole number of at most 18 digits.
    pub(super) fn whole(value: u128) -> Self {
        Self { mantissa: value, exponent: 0 }
    }

    pub(super) fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The nearest whole number, halves to even.
    pub(super) fn to_nearest(self) -> i128 {
        let below = self.to_floor();
        let Ok(places) = u32::try_from(-self.exponent) else { return below };
        let Some(unit) = 10_u128.checked_pow(places) else { return 0 };
        signed(half_even(self.mantissa, unit, false))
    }

    /// The whole number below.
    pub(super) fn to_floor(self) -> i128 {
        let places = self.exponent.unsigned_abs();
        let shift = 10_u128.checked_pow(places);
        if self.exponent >= 0 {
            return shift.and_then(|shift| self.mantissa.checked_mul(shift)).map_or(i128::MAX, signed);
        }
        shift.map_or(0, |shift| signed(self.mantissa / shift))
    }
}

impl Precision {
    /// Enough for amounts of this size: twelve digits, or two more than the amount has.
    pub(super) fn for_amount(minor: i128) -> Self {
        Self((digits_of(minor.unsigned_abs()) + 2).clamp(SIGNIFICANT_DIGITS_MIN, SIGNIFICANT_DIGITS_MAX))
    }

    pub(super) fn times(self, left: Digits, right: Digits) -> Digits {
        self.rounded(left.mantissa.saturating_mul(right.mantissa), left.exponent + right.exponent, false)
    }

    /// The quotient; nothing divided by nothing is nothing.
    pub(super) fn over(self, left: Digits, right: Digits) -> Digits {
        if right.is_zero() || left.is_zero() {
            return Digits::ZERO;
        }
        let stretch = DIVIDEND_DIGITS.saturating_sub(digits_of(left.mantissa));
        let dividend = left.mantissa.saturating_mul(10_u128.pow(stretch));
        let (quotient, rest) = (dividend / right.mantissa, dividend % right.mantissa);
        self.rounded(quotient, left.exponent - right.exponent - i32::try_from(stretch).unwrap_or(0), rest > 0)
    }

    pub(super) fn plus(self, left: Digits, right: Digits) -> Digits {
        if left.is_zero() || right.is_zero() {
            let sum = if left.is_zero() { right } else { left };
            return self.rounded(sum.mantissa, sum.exponent, false);
        }
        let (high, low) = if left.exponent >= right.exponent { (left, right) } else { (right, left) };
        let apart = (high.exponent - low.exponent).unsigned_abs();
        match 10_u128.checked_pow(apart).and_then(|shift| high.mantissa.checked_mul(shift)) {
            Some(aligned) => self.rounded(aligned.saturating_add(low.mantissa), low.exponent, false),
            // So far apart that the smaller one is less than half of the larger one's last digit.
            None => self.rounded(high.mantissa, high.exponent, false),
        }
    }

    fn rounded(self, mantissa: u128, exponent: i32, has_more: bool) -> Digits {
        let excess = digits_of(mantissa).saturating_sub(self.0);
        if excess == 0 {
            return Digits { mantissa, exponent };
        }
        let mantissa = half_even(mantissa, 10_u128.pow(excess), has_more);
        Digits { mantissa, exponent: exponent + i32::try_from(excess).unwrap_or(0) }
    }
}

/// `value / unit` to the nearest, halves to even. `has_more`: the value goes on behind its last digit.
fn half_even(value: u128, unit: u128, has_more: bool) -> u128 {
    let (whole, rest) = (value / unit, value % unit);
    let up = match rest.cmp(&(unit - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => has_more || whole % 2 == 1,
    };
    whole + u128::from(up)
}

fn digits_of(value: u128) -> u32 {
    value.checked_ilog10().map_or(1, |it| it + 1)
}

fn signed(value: u128) -> i128 {
    i128::try_from(value).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWELVE: Precision = Precision(12);

    #[test]
    fn twelve_digits_are_kept_and_halves_go_to_even() {
        let seven_percent = TWELVE.over(Digits::whole(7), Digits::whole(1200));
        assert_eq!(seven_percent, Digits { mantissa: 583_333_333_333, exponent: -14 });
        let two_thirds = TWELVE.over(Digits::whole(2), Digits::whole(3));
        assert_eq!(two_thirds, Digits { mantissa: 666_666_666_667, exponent: -12 });
        let tie = TWELVE.times(Digits::whole(1_000_000_000_005), Digits::ONE);
        assert_eq!(tie, Digits { mantissa: 100_000_000_000, exponent: 1 });
        let above = TWELVE.plus(Digits::whole(999_999_999_999), Digits::whole(1));
        assert_eq!(above, Digits { mantissa: 100_000_000_000, exponent: 1 });
    }

    #[test]
    fn whole_numbers_come_back() {
        for (mantissa, exponent, nearest, floor) in
            [(25, -1, 2, 2), (35, -1, 4, 3), (26, -1, 3, 2), (5, -1, 0, 0), (7, 2, 700, 700), (9, -60, 0, 0)]
        {
            let value = Digits { mantissa, exponent };
            assert_eq!((value.to_nearest(), value.to_floor()), (nearest, floor));
        }
    }

    #[test]
    fn numbers_far_apart_still_add() {
        let tiny = Digits { mantissa: 1, exponent: -80 };
        assert_eq!(TWELVE.plus(Digits::ONE, tiny), Digits::ONE);
    }
}
