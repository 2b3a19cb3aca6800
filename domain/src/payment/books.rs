//! What the facts of a payment mean in the books.
//!
//! Everything that a customer pays is first the customer's credit; an order's allocation takes it from there. So a
//! payment needs to know nothing of orders and taxes, and what belongs to no order is never lost from sight.

use super::{FeeDirection, Intent, PayoutDirection};
use crate::account::Account;
use crate::entry::{Balances, Entry};
use crate::id::Jurisdiction;
use crate::invalid::Invalid;
use crate::money::Money;

type Booked = Result<Entry, Invalid>;

fn one(intent: &Intent, debit: Account, credit: Account, amount: Money) -> Booked {
    // Adding to zero refuses a currency other than the payment's.
    let amount = Money::zero(intent.amount.currency()).plus(amount)?;
    Balances::new(amount.currency()).moved(debit, credit, amount.minor()).into_entry(intent.customer_id.clone())
}

/// Pending layer: the provider has promised the amount.
pub(super) fn expected(intent: &Intent) -> Booked {
    one(intent, intent.method.clearing(), Account::CustomerCredit, intent.amount)
}

/// Pending layer: so much was captured or given back.
pub(super) fn no_longer_expected(intent: &Intent, amount: Money) -> Booked {
    one(intent, Account::CustomerCredit, intent.method.clearing(), amount)
}

pub(super) fn captured(intent: &Intent, amount: Money) -> Booked {
    one(intent, intent.method.clearing(), Account::CustomerCredit, amount)
}

/// The mirror of a capture.
pub(super) fn capture_reversed(intent: &Intent, amount: Money) -> Booked {
    one(intent, Account::CustomerCredit, intent.method.clearing(), amount)
}

pub(super) fn refund_requested(intent: &Intent, amount: Money) -> Booked {
    one(intent, Account::CustomerCredit, Account::RefundsPending, amount)
}

pub(super) fn refund_succeeded(intent: &Intent, amount: Money) -> Booked {
    one(intent, Account::RefundsPending, intent.method.refund_source(), amount)
}

/// The mirror of the request.
pub(super) fn refund_failed(intent: &Intent, amount: Money) -> Booked {
    one(intent, Account::RefundsPending, Account::CustomerCredit, amount)
}

pub(super) fn dispute_opened(intent: &Intent, amount: Money, fee: Money) -> Booked {
    let zero = Money::zero(intent.amount.currency());
    let (amount, fee) = (zero.plus(amount)?, zero.plus(fee)?);
    Balances::new(zero.currency())
        .moved(Account::DisputesReceivable, intent.method.clearing(), amount.minor())
        .moved(Account::DisputeFees, intent.method.clearing(), fee.minor())
        .into_entry(intent.customer_id.clone())
}

pub(super) fn dispute_won(intent: &Intent, amount: Money, fee_returned: Money) -> Booked {
    Balances::new(intent.amount.currency())
        .moved(intent.method.clearing(), Account::DisputesReceivable, amount.minor())
        .moved(intent.method.clearing(), Account::DisputeFees, fee_returned.minor())
        .into_entry(intent.customer_id.clone())
}

/// The loss, less the tax that the authority gives back where bad-debt relief applies.
pub(super) fn dispute_lost(intent: &Intent, amount: Money, tax: (Money, Option<Jurisdiction>)) -> Booked {
    let (relief, jurisdiction) = tax;
    Balances::new(intent.amount.currency())
        .moved(Account::DisputeLosses, Account::DisputesReceivable, amount.minus(relief)?.minor())
        .moved(Account::TaxPayable(jurisdiction), Account::DisputesReceivable, relief.minor())
        .into_entry(intent.customer_id.clone())
}

pub(super) fn fee(intent: &Intent, amount: Money, direction: FeeDirection) -> Booked {
    let (cost, clearing) = (intent.method.fee_account(), intent.method.clearing());
    match direction {
        FeeDirection::Charged => one(intent, cost, clearing, amount),
        FeeDirection::Returned => one(intent, clearing, cost, amount),
    }
}

pub(super) fn payout(intent: &Intent, amount: Money, direction: PayoutDirection) -> Booked {
    let clearing = intent.method.clearing();
    match direction {
        PayoutDirection::ToMerchant => one(intent, Account::Bank, clearing, amount),
        PayoutDirection::ToProvider => one(intent, clearing, Account::Bank, amount),
    }
}
