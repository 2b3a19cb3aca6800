//! What an order means in the books.
//!
//! The balances that an order should have are a pure function of what happened to its units, of the allowances on its
//! price and of the money allocated to it; the entry of every event is the difference between the balances after and
//! before. So any sequence of captures, shipments, cancellations and returns ends in the same books as the shortest one.

use super::command::LineKind;
use super::line::{self, LineState};
use crate::account::Account;
use crate::entry::Balances;
use crate::money::Money;
use crate::split;

/// What the balances of an order follow from.
pub(super) struct Standing<'a> {
    pub(super) lines: &'a [LineState],
    /// What its price was lessened by after the placement, in minor units.
    pub(super) allowance: i128,
    /// The money it uses.
    pub(super) allocated: Money,
}

impl Standing<'_> {
    /// What the customer is to pay for everything that is neither cancelled nor returned, in minor units.
    pub(super) fn value(&self) -> i128 {
        (line::value(self.lines) - self.allowance).max(0)
    }

    /// What the customer is to pay for the units that left and stayed: they carry an allowance before open ones do.
    pub(super) fn fulfilled_value(&self) -> i128 {
        (kept_gross(self.lines) - self.allowance).max(0)
    }
}

/// The balances that an order should have.
///
/// What is kept is earned: sales (or shipping, or vouchers sold) and tax, less the allowance, which is shown as
/// returns. Money beyond that is an advance on open units: deferred revenue and its tax. What is earned beyond the money
/// is owed by the customer. An advance is for the lines of the placement before those added later, so that adding lines
/// moves nothing in the books: it has no entry.
pub(super) fn balances(it: &Standing<'_>) -> Balances {
    let (lines, allocated) = (it.lines, it.allocated);
    let mut books = Balances::new(allocated.currency());
    let mut allowed: Vec<(Account, i128)> = vec![(Account::Returns, 0)];
    for line in lines {
        let kept = line.kept_value();
        add(&mut allowed, Account::Returns, kept.net());
        books = books.moved(Account::CustomerCredit, revenue_account(line.priced.kind), kept.net());
        for (tax, amount) in line.priced.taxes.iter().zip(&kept.taxes) {
            let account = Account::TaxPayable(tax.tax.jurisdiction.clone());
            add(&mut allowed, account.clone(), *amount);
            books = books.moved(Account::CustomerCredit, account, *amount);
        }
    }
    let given = it.allowance.min(kept_gross(lines));
    for (account, share) in shared(given, allowed) {
        books = books.moved(account, Account::CustomerCredit, share);
    }
    let earned = it.fulfilled_value();
    let owed = (earned - allocated.minor()).max(0);
    books = books.moved(Account::ArCustomer, Account::CustomerCredit, owed);
    let mut advance = (allocated.minor() - earned).max(0);
    for group in lines.chunk_by(|a, b| a.group == b.group) {
        let open = open_by_account(group);
        let paid = advance.min(open.iter().map(|(_, value)| value).sum());
        advance -= paid;
        for (account, share) in shared(paid, open) {
            books = books.moved(Account::CustomerCredit, account, share);
        }
    }
    books
}

/// An amount over accounts by their values, which it does not exceed.
fn shared(amount: i128, values: Vec<(Account, i128)>) -> impl Iterator<Item = (Account, i128)> {
    let weights: Vec<i128> = values.iter().map(|(_, value)| *value).collect();
    let shares = split::by_weights(amount, &weights).unwrap_or_default();
    values.into_iter().map(|(account, _)| account).zip(shares)
}

/// The value of the open units: deferred revenue, and each tax.
fn open_by_account(lines: &[LineState]) -> Vec<(Account, i128)> {
    let mut open = vec![(Account::DeferredRevenue, 0)];
    for line in lines {
        let waiting = line.open_value();
        add(&mut open, Account::DeferredRevenue, waiting.net());
        for (tax, amount) in line.priced.taxes.iter().zip(&waiting.taxes) {
            add(&mut open, Account::TaxPayable(tax.tax.jurisdiction.clone()), *amount);
        }
    }
    open
}

/// The same change, with what sales lost shown as returns.
pub(super) fn as_returns(change: Balances) -> Balances {
    change.relabelled(|account, minor| match account {
        Account::Sales | Account::Shipping if minor > 0 => Some(Account::Returns),
        _other => None,
    })
}

fn kept_gross(lines: &[LineState]) -> i128 {
    lines.iter().map(|it| it.kept_value().gross).sum()
}

fn revenue_account(kind: LineKind) -> Account {
    match kind {
        LineKind::Goods => Account::Sales,
        LineKind::Shipping => Account::Shipping,
        LineKind::GiftCard => Account::GiftCard,
    }
}

fn add(open: &mut Vec<(Account, i128)>, account: Account, minor: i128) {
    match open.iter_mut().find(|(known, _)| *known == account) {
        Some((_, value)) => *value += minor,
        None => open.push((account, minor)),
    }
}
