//! What a deposit means in the books: the asset on one side, what it is worth on the other.

use crate::account::Account;
use crate::entry::{Balances, Entry};
use crate::id::CustomerId;
use crate::invalid::Invalid;
use crate::money::Money;

/// The wallet has the asset, at its value of the moment; that value is the customer's credit until an invoice takes it.
pub(super) fn confirmed(amount: Money, value: Money, party: Option<CustomerId>) -> Result<Entry, Invalid> {
    let asset = Balances::new(amount.currency()).moved(Account::CryptoHot, Account::FxTrading, amount.minor());
    let money = Balances::new(value.currency()).moved(Account::FxTrading, Account::CustomerCredit, value.minor());
    Entry::together([asset, money], party)
}
