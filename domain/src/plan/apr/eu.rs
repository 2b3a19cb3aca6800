//! The annual percentage rate of charge of the EU's Consumer Credit Directive, Annex I, which the UK keeps.

use super::{Apr, Flow};
use crate::plan::frequency::Frequency;

/// The rate in percent with six decimals; disclose it [`Apr::rounded`] to one or two.
///
/// `None` where no rate of at least 0 solves the equation, for example where the payments are less than the advances.
#[must_use]
pub fn eu(advances: &[Flow], payments: &[Flow], frequency_hint: Option<Frequency>) -> Option<Apr> {
    let _ = (advances, payments, frequency_hint);
    None
}
