//! The journal as beancount reads it (version 2 and 3).

use super::accounts::{Names, detail};
use super::selection::Wanted;
use super::{Failure, Output};
use mizan_domain::account::Class;
use mizan_domain::id::derived_uuid;
use mizan_domain::{Account, Currency, Entry};
use mizan_store::Recorded;
use std::collections::BTreeSet;
use std::io::Write;

/// Accounts are opened on a day before any fact: times before 1970 are refused, and facts may come in any order of
/// their days.
const OPENED_ON: &str = "1900-01-01";

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
        writeln!(output, "option \"title\" \"The journal {wanted}\"")?;
        Ok(Self { output, names: Names::default(), currencies: BTreeSet::new() })
    }

    /// Writes a transaction: its payee is the stream, its narration the kind; debits are positive.
    pub(super) fn write(&mut self, recorded: &Recorded, entry: &Entry) -> Result<(), Failure> {
        self.declare(entry)?;
        let output = &mut *self.output;
        let date = recorded.event.effective_on();
        writeln!(output, "\n{date} * \"{}\" \"{}\"", recorded.stream, recorded.kind)?;
        writeln!(output, "  position: {}\n  event: \"{}\"", recorded.position, recorded.event_id)?;
        writeln!(output, "  correlation: \"{}\"", recorded.metadata.correlation_id)?;
        if let Some(party) = entry.party() {
            writeln!(output, "  party: \"{party}\"")?;
        }
        for posting in entry.postings() {
            let (name, _) = self.names.of(posting.account(), name);
            let amount = posting.signed();
            writeln!(output, "  {name:<40}  {:>14} {}", amount.digits().to_string(), commodity(amount.currency()))?;
        }
        Ok(())
    }

    fn declare(&mut self, entry: &Entry) -> Result<(), Failure> {
        for posting in entry.postings() {
            let currency = posting.signed().currency();
            if self.currencies.insert(currency) {
                match currency.asset() {
                    None => writeln!(self.output, "\noption \"operating_currency\" \"{currency}\"")?,
                    Some(asset) => {
                        let name = commodity(currency);
                        writeln!(self.output, "\n{OPENED_ON} commodity {name}\n  asset: \"{}\"", asset.id)?;
                    }
                }
            }
            if let (name, true) = self.names.of(posting.account(), name) {
                writeln!(self.output, "\n{OPENED_ON} open {name}\n  code: \"{}\"", posting.account())?;
            }
        }
        Ok(())
    }
}

/// Commodities are short and in capitals there: an asset has a name that derives from its own.
fn commodity(currency: Currency) -> String {
    const DIGITS: usize = 12;
    match currency.asset() {
        None => currency.to_string(),
        Some(asset) => {
            let name = derived_uuid(&["commodity", &asset.id.to_string()]).simple().to_string().to_uppercase();
            format!("ASSET-{}", name.get(..DIGITS).unwrap_or(&name))
        }
    }
}

/// For example `Liabilities:Tax-Payable:DE`: components of letters, digits and hyphens that begin with a capital.
fn name(account: &Account) -> String {
    let class = match account.class() {
        Class::Asset => "Assets",
        Class::Liability => "Liabilities",
        Class::Revenue => "Income",
        Class::Expense => "Expenses",
        Class::Trading => "Equity",
    };
    let words: Vec<String> = account.base_code().split('_').map(capitalised).collect();
    let plain = |it: String| it.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let detail = detail(account).map(|it| format!(":{}", plain(capitalised(&it)))).unwrap_or_default();
    format!("{class}:{}{detail}", words.join("-"))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|it| it.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_beancount_takes() {
        for (code, expected) in [
            ("psp_clearing", "Assets:Psp-Clearing"),
            ("late_fee", "Income:Late-Fee"),
            ("tax_payable:US-CA", "Liabilities:Tax-Payable:US-CA"),
            ("tax_payable:de.by_x:9", "Liabilities:Tax-Payable:De-by-x-9"),
        ] {
            assert_eq!(name(&code.parse().unwrap()), expected);
        }
    }
}
