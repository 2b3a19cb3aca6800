//! What an order means in the books.
//!
//! The balances that an order should have are a pure function of what happened to its units and of the money allocated
//! to it; the entry of every event is the difference between the balances after and before. So any sequence of
//! captures, shipments, cancellations and returns ends in the same books as the shortest one.

use super::command::LineKind;
use super::line::LineState;
use crate::account::Account;
use crate::entry::Balances;
use crate::money::Money;
use crate::split;

/// The balances of an order with these lines and this much money allocated.
///
/// What is kept is earned: sales (or shipping, or vouchers sold) and tax. Money beyond that is an advance on open
/// units: deferred revenue and its tax. What is kept beyond the money is owed by the customer. An advance is for the
/// lines of the placement before those added later, so that adding lines moves nothing in the books: it has no entry.
pub(super) fn balances(lines: &[LineState], allocated: Money) -> Balances {
    let mut books = Balances::new(allocated.currency());
    let mut earned = 0;
    for line in lines {
        let kept = line.kept_value();
        earned += kept.gross;
        books = books.moved(Account::CustomerCredit, revenue_account(line.priced.kind), kept.net());
        for (tax, amount) in line.priced.taxes.iter().zip(&kept.taxes) {
            let account = Account::TaxPayable(tax.tax.jurisdiction.clone());
            books = books.moved(Account::CustomerCredit, account, *amount);
        }
    }
    let owed = (earned - allocated.minor()).max(0);
    books = books.moved(Account::ArCustomer, Account::CustomerCredit, owed);
    let mut advance = (allocated.minor() - earned).max(0);
    for group in lines.chunk_by(|a, b| a.group == b.group) {
        let open = open_by_account(group);
        let weights: Vec<i128> = open.iter().map(|(_, value)| *value).collect();
        let paid = advance.min(weights.iter().sum());
        advance -= paid;
        let shares = split::by_weights(paid, &weights).unwrap_or_default();
        for ((account, _), share) in open.into_iter().zip(shares) {
            books = books.moved(Account::CustomerCredit, account, share);
        }
    }
    books
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

/// The gross value of the units that left and stayed, in minor units.
pub(super) fn fulfilled_value(lines: &[LineState]) -> i128 {
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
