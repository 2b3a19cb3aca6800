//! What an invoice means in the books.
//!
//! A deposit has put its value of the moment on the customer's credit. What it is worth to the invoice may be more or
//! less: the promised rate is the merchant's risk, so the difference is a gain or a loss of exchange. Settling moves the
//! credit to the clearing account, where the order's payment finds it. All of it is one pure function of how the invoice
//! stands; an event's entry is the difference between two of them.

use super::*;
use crate::account::Account;

pub(super) fn balances(it: &Invoice, agreement: &Agreement) -> Balances {
    let currency = agreement.price.currency();
    let counts = |came: &&Came| it.counts(agreement, came) > 0;
    let confirmed = it.live(|state| state == DepositState::Confirmed).filter(counts);
    let values = confirmed.filter_map(|it| it.value).filter(|it| it.currency() == currency);
    let booked: i128 = values.map(Money::minor).sum();
    let gained = booked - it.worth(agreement);
    let settled = it.settled.as_ref().map_or(0, |it| it.amount.minor());
    Balances::new(currency)
        .moved(Account::CustomerCredit, Account::FxGainLossRealised, gained)
        .moved(Account::CustomerCredit, Account::OnchainClearing, settled)
        .moved(Account::OnchainClearing, Account::CustomerCredit, it.not_given_back())
        .moved(Account::Rounding, Account::CustomerCredit, it.forgiven(agreement).minor())
}
