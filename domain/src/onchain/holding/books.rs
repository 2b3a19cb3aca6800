//! What a holding means in the books.
//!
//! `fx_trading` has both sides of every exchange: in the asset what is held, in money what the lots had cost. What that
//! account and the lots differ by after anything else was booked is a gain or a loss.

use super::command::Purpose;
use crate::account::Account;
use crate::entry::Balances;
use crate::money::Money;

/// Coins become money, less the exchange's fee. The gain is what they brought more than they had cost.
pub(super) fn sold(amount: Money, proceeds: Money, fee: Money, cost: i128) -> [Balances; 2] {
    let coins = Balances::new(amount.currency()).moved(Account::FxTrading, Account::CryptoHot, amount.minor());
    let money = Balances::new(proceeds.currency())
        .moved(Account::Bank, Account::FxTrading, proceeds.minor() - fee.minor())
        .moved(Account::NetworkFees, Account::FxTrading, fee.minor());
    [coins, money.plus(gained(proceeds, proceeds.minor() - cost))]
}

/// The cost of coins that left without anything for them.
pub(super) fn fee(amount: Money, cost: Money) -> [Balances; 2] {
    let coins = Balances::new(amount.currency()).moved(Account::FxTrading, Account::CryptoHot, amount.minor());
    [coins, Balances::new(cost.currency()).moved(Account::NetworkFees, Account::FxTrading, cost.minor())]
}

/// A realised gain; a loss is negative.
pub(super) fn gained(currency_of: Money, minor: i128) -> Balances {
    Balances::new(currency_of.currency()).moved(Account::FxTrading, Account::FxGainLossRealised, minor)
}

/// A gain that is only on paper.
pub(super) fn revalued(unrealised: Money) -> Balances {
    Balances::new(unrealised.currency()).moved(Account::FxTrading, Account::FxGainLossUnrealised, unrealised.minor())
}

pub(super) fn frozen(amount: Money) -> Balances {
    Balances::new(amount.currency()).moved(Account::CryptoFrozen, Account::CryptoHot, amount.minor())
}

/// Approved: the coins are promised, and what they settle is settled. They leave the lots here, not on the chain.
pub(super) fn taken(amount: Money, value: Money, cost: i128, purpose: &Purpose) -> [Balances; 2] {
    let coins = Balances::new(amount.currency()).moved(Account::FxTrading, Account::PayoutsInTransit, amount.minor());
    let (settles, kept) = match purpose {
        Purpose::Refund { payment_id: Some(_), kept, .. } => (Account::OnchainClearing, kept.minor()),
        Purpose::Refund { payment_id: None, kept, .. } => (Account::CustomerCredit, kept.minor()),
        Purpose::Other => (Account::PayoutsClearing, 0),
    };
    let paid = value.minor() - kept;
    let money = Balances::new(value.currency()).moved(settles.clone(), Account::FxTrading, paid).moved(
        settles,
        Account::RefundFees,
        kept,
    );
    [coins, money.plus(gained(value, paid - cost))]
}

/// On the chain: the promise is kept.
pub(super) fn settled(amount: Money) -> Balances {
    Balances::new(amount.currency()).moved(Account::PayoutsInTransit, Account::CryptoHot, amount.minor())
}
