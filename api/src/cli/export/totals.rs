//! What a journal comes to, for whoever compares it with what another program read.

use super::selection::Wanted;
use super::{Failure, grouped};
use mizan_domain::{Currency, Entry, Money};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Entries that were written.
#[derive(Default)]
pub(super) struct Totals {
    entries: i64,
    postings: i64,
    /// Debits and credits in minor units; credits are negative.
    sums: BTreeMap<Currency, (i128, i128)>,
}

impl Totals {
    /// Adds an entry.
    pub(super) fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        for posting in entry.postings() {
            self.postings += 1;
            let amount = posting.signed();
            let (debits, credits) = self.sums.entry(amount.currency()).or_default();
            let side = if amount.is_positive() { debits } else { credits };
            // A hundred thousand million times the largest amount fits.
            *side = side.saturating_add(amount.minor());
        }
    }

    /// In words.
    ///
    /// # Errors
    /// Debits and credits differ, which no entry lets happen.
    pub(super) fn told(&self, wanted: &Wanted) -> Result<String, Failure> {
        let mut told = format!("{} entries, {} postings, {wanted}\n", grouped(self.entries), grouped(self.postings));
        for (currency, (debits, credits)) in &self.sums {
            let text = |minor: i128| Money::of_minor(minor, *currency).digits();
            let (sum, debits, credits) = (text(debits + credits), text(*debits), text(*credits));
            writeln!(told, "  {currency}  debits {debits}, credits {credits}, sum {sum}")?;
        }
        match self.sums.iter().find(|(_, (debits, credits))| debits + credits != 0) {
            Some((currency, _)) => Err(format!("the journal does not balance in {currency}\n{told}").into()),
            None => Ok(told),
        }
    }
}
