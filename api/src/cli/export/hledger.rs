//! The journal as hledger reads it (1.25 and later), good for its `check --strict`: every account and every commodity is
//! declared before it is used.

use super::accounts::{Names, detail};
use super::selection::Wanted;
use super::{Failure, Output};
use mizan_domain::account::Class;
use mizan_domain::{Account, Currency, Entry};
use mizan_store::Recorded;
use std::collections::BTreeSet;
use std::io::Write;

/// A book being written.
pub(super) struct Pen<'a> {
    output: &'a mut Output,
    names: Names,
    currencies: BTreeSet<Currency>,
}

impl<'a> Pen<'a> {
    /// Begins a book.
    pub(super) fn begin(output: &'a mut Output, wanted: &Wanted) -> Result<Self, Failure> {
        writeln!(output, "; The journal {wanted}, by mizan {}.\n", env!("CARGO_PKG_VERSION"))?;
        writeln!(output, "decimal-mark .")?;
        Ok(Self { output, names: Names::default(), currencies: BTreeSet::new() })
    }

    /// Writes a transaction: its code is the position, debits are positive.
    pub(super) fn write(&mut self, recorded: &Recorded, entry: &Entry) -> Result<(), Failure> {
        self.declare(entry)?;
        let output = &mut *self.output;
        let (date, position) = (recorded.event.effective_on(), recorded.position);
        writeln!(output, "\n{date} ({position}) {} | {}", recorded.kind, recorded.stream)?;
        writeln!(output, "    ; position:{position}, event:{}, stream:{}", recorded.event_id, recorded.stream)?;
        if let Some(party) = entry.party() {
            writeln!(output, "    ; party:{party}")?;
        }
        for posting in entry.postings() {
            let (name, _) = self.names.of(posting.account(), name);
            let amount = posting.signed();
            // Two spaces at least end an account's name.
            writeln!(output, "    {name:<40}  {:>14} {}", amount.digits().to_string(), commodity(amount.currency()))?;
        }
        Ok(())
    }

    fn declare(&mut self, entry: &Entry) -> Result<(), Failure> {
        for posting in entry.postings() {
            let currency = posting.signed().currency();
            if self.currencies.insert(currency) {
                let zeros = "0".repeat(usize::try_from(currency.decimals())?);
                writeln!(self.output, "\ncommodity 1000.{zeros} {}", commodity(currency))?;
            }
            if let (name, true) = self.names.of(posting.account(), name) {
                let kind = match posting.account().class() {
                    Class::Asset => 'A',
                    Class::Liability => 'L',
                    Class::Revenue => 'R',
                    Class::Expense => 'X',
                    Class::Trading => 'V',
                };
                writeln!(self.output, "\naccount {name}  ; type:{kind}")?;
            }
        }
        Ok(())
    }
}

/// The name of an asset is no plain word, and stands in quotes.
fn commodity(currency: Currency) -> String {
    if currency.asset().is_some() { format!("\"{currency}\"") } else { currency.to_string() }
}

/// For example `liabilities:tax_payable:DE`. A colon in the detail would be a level more.
fn name(account: &Account) -> String {
    let class = match account.class() {
        Class::Asset => "assets",
        Class::Liability => "liabilities",
        Class::Revenue => "revenue",
        Class::Expense => "expenses",
        Class::Trading => "equity",
    };
    let detail = detail(account).map(|it| format!(":{}", it.replace(':', "-"))).unwrap_or_default();
    format!("{class}:{}{detail}", account.base_code())
}
