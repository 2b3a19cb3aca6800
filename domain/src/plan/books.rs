//! What a plan means in the books.
//!
//! The customer's side is a pure function of the ledger and of the day to which interest is in the books; the entry of
//! every step is the difference between after and before, with what moved between the book and the merchant.
//! Installments are paid from customer credit, where payments arrive (docs/decisions/0003-customer-credit-hub.md), and
//! cash goes back through it.

use super::agreement::Agreement;
use super::ledger::{ChargeOff, Ledger};
use crate::account::Account;
use crate::entry::Balances;
use chrono::NaiveDate;

/// The balances that the customer's side should have, but for what was financed.
pub(super) fn customer_side(ledger: &Ledger, agreement: &Agreement, accrued_to: NaiveDate) -> Balances {
    let loss = match ledger.charged_off {
        Some(ChargeOff::Fraud) => Account::BadDebtFraud,
        Some(ChargeOff::Default) | None => Account::BadDebt,
    };
    let mut books = Balances::new(ledger.currency);
    for (place, it) in ledger.installments.iter().enumerate() {
        let fees = it.fee.owed() - it.fee.written_off.minor();
        books = books
            .moved(Account::CustomerCredit, Account::BnplReceivable, it.principal.paid.minor())
            .moved(Account::MerchantPayable, Account::BnplReceivable, it.principal.cancelled.minor())
            .moved(loss.clone(), Account::BnplReceivable, it.principal.written_off.minor())
            .moved(
                Account::BnplReceivableInterest,
                Account::InterestIncome,
                ledger.accrued(agreement, place, accrued_to),
            )
            .moved(Account::CustomerCredit, Account::BnplReceivableInterest, it.interest.paid.minor())
            .moved(Account::BnplReceivableFee, Account::LateFee, fees)
            .moved(Account::CustomerCredit, Account::BnplReceivableFee, it.fee.paid.minor());
    }
    let totals = ledger.totals;
    books
        .moved(Account::CustomerCredit, Account::Recoveries, totals.recovered)
        .moved(Account::MerchantPayable, Account::Recoveries, totals.refund_recovered)
        .moved(Account::MerchantPayable, Account::CustomerCredit, totals.cash_back)
        .moved(Account::InterestIncome, Account::CustomerCredit, totals.interest_returned)
}

/// The purchase: the customer owes it, the merchant gets it less the discount.
pub(super) fn opened(books: Balances, amount: i128, discount: i128) -> Balances {
    books.moved(Account::BnplReceivable, Account::MerchantPayable, amount).moved(
        Account::MerchantPayable,
        Account::UnearnedDiscount,
        discount,
    )
}

/// Time earned a part of the discount.
pub(super) fn discount_earned(books: Balances, amount: i128) -> Balances {
    books.moved(Account::UnearnedDiscount, Account::MdrIncome, amount)
}

/// The merchant gets a part of the discount back: what was unearned of it, and what was earned.
pub(super) fn discount_returned(books: Balances, unearned: i128, earned: i128) -> Balances {
    books.moved(Account::UnearnedDiscount, Account::MerchantPayable, unearned).moved(
        Account::MdrIncome,
        Account::MerchantPayable,
        earned,
    )
}
