//! The chart of accounts: the closed list of places where money can be.

use crate::id::Jurisdiction;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// What kind of balance an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// What the merchant has or is owed; its balance is normally a debit.
    Asset,
    /// What the merchant owes; normally a credit.
    Liability,
    /// What the merchant earned; normally a credit.
    Revenue,
    /// What it cost; normally a debit.
    Expense,
    /// Where two currencies meet: the same exchange stands in each of them, and the rest at today's rate is the gain.
    Trading,
}

impl Class {
    /// The name that answers show.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Liability => "liability",
            Self::Revenue => "revenue",
            Self::Expense => "expense",
            Self::Trading => "trading",
        }
    }
}

/// An account of the merchant's general ledger.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// Money that a payment provider holds for the merchant; returns to zero when it pays out.
    PspClearing,
    /// The merchant's bank account.
    Bank,
    /// What customers owe for goods already delivered.
    ArCustomer,
    /// Cash that a courier collects on delivery and has not handed over yet.
    CourierReceivable,
    /// Money that a bank has taken back while a dispute is open.
    DisputesReceivable,
    /// What was paid for goods not yet delivered, without its tax.
    DeferredRevenue,
    /// Tax owed, by the authority it is owed to where one was named.
    TaxPayable(Option<Jurisdiction>),
    /// Money of customers that belongs to no order: unallocated payments, over-payments, store credit.
    CustomerCredit,
    /// Vouchers sold and not redeemed.
    GiftCard,
    /// Refunds promised, on their way to the customer.
    RefundsPending,
    /// Goods and services sold, without tax.
    Sales,
    /// Shipping sold, without tax.
    Shipping,
    /// What came back, without tax: reduces sales.
    Returns,
    /// What payment providers charge.
    PspFees,
    /// What banks charge for a dispute.
    DisputeFees,
    /// What lost disputes cost.
    DisputeLosses,
    /// What couriers charge.
    DeliveryCost,
    /// What customers owe of the purchases that they pay in parts.
    BnplReceivable,
    /// Interest on that, as far as time has earned it.
    BnplReceivableInterest,
    /// Fees for being late.
    BnplReceivableFee,
    /// What the book of plans owes the shop for purchases on a plan; a debit where refunds took more back.
    MerchantPayable,
    /// The same, seen from the shop: its claim on the book of plans. Returns to zero when the book pays.
    BnplClearing,
    /// The merchant's discount that time has not earned yet.
    UnearnedDiscount,
    /// Interest of plans.
    InterestIncome,
    /// Fees of plans.
    LateFee,
    /// The merchant's discount as time earns it.
    MdrIncome,
    /// What comes in of plans that were given up.
    Recoveries,
    /// What was given up because customers do not pay.
    BadDebt,
    /// What was given up because there never was such a customer.
    BadDebtFraud,
    /// What the merchant's wallets hold on chains, in the asset itself.
    CryptoHot,
    /// What an issuer has frozen of it, in the asset itself.
    CryptoFrozen,
    /// Both sides of every exchange: in the asset what is held, in money what it cost.
    FxTrading,
    /// What exchanges gained; a debit where they lost.
    FxGainLossRealised,
    /// What is held has gained at month end's rate; taken back the day after.
    FxGainLossUnrealised,
    /// What chains and exchanges charge.
    NetworkFees,
    /// Between invoices and the payments that they make: zero when both are told.
    OnchainClearing,
    /// Promised to somebody and not seen on the chain yet, in the asset itself.
    PayoutsInTransit,
    /// What payouts that are no refunds were for, until the bookkeeper places it.
    PayoutsClearing,
    /// What was kept of refunds.
    RefundFees,
    /// What tolerances forgave.
    Rounding,
}

impl Account {
    /// Every account, once; tax without a jurisdiction stands for all of its kind.
    pub const ALL: [Self; 40] = [
        Self::PspClearing,
        Self::Bank,
        Self::ArCustomer,
        Self::CourierReceivable,
        Self::DisputesReceivable,
        Self::DeferredRevenue,
        Self::TaxPayable(None),
        Self::CustomerCredit,
        Self::GiftCard,
        Self::RefundsPending,
        Self::Sales,
        Self::Shipping,
        Self::Returns,
        Self::PspFees,
        Self::DisputeFees,
        Self::DisputeLosses,
        Self::DeliveryCost,
        Self::BnplReceivable,
        Self::BnplReceivableInterest,
        Self::BnplReceivableFee,
        Self::MerchantPayable,
        Self::BnplClearing,
        Self::UnearnedDiscount,
        Self::InterestIncome,
        Self::LateFee,
        Self::MdrIncome,
        Self::Recoveries,
        Self::BadDebt,
        Self::BadDebtFraud,
        Self::CryptoHot,
        Self::CryptoFrozen,
        Self::FxTrading,
        Self::FxGainLossRealised,
        Self::FxGainLossUnrealised,
        Self::NetworkFees,
        Self::OnchainClearing,
        Self::PayoutsInTransit,
        Self::PayoutsClearing,
        Self::RefundFees,
        Self::Rounding,
    ];

    /// The account's class.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::PspClearing
            | Self::Bank
            | Self::ArCustomer
            | Self::CourierReceivable
            | Self::DisputesReceivable
            | Self::BnplReceivable
            | Self::BnplReceivableInterest
            | Self::BnplReceivableFee
            | Self::BnplClearing
            | Self::CryptoHot
            | Self::CryptoFrozen
            | Self::OnchainClearing
            | Self::PayoutsClearing => Class::Asset,
            Self::DeferredRevenue
            | Self::TaxPayable(_)
            | Self::CustomerCredit
            | Self::GiftCard
            | Self::RefundsPending
            | Self::MerchantPayable
            | Self::UnearnedDiscount
            | Self::PayoutsInTransit => Class::Liability,
            Self::Sales
            | Self::Shipping
            | Self::Returns
            | Self::InterestIncome
            | Self::LateFee
            | Self::MdrIncome
            | Self::Recoveries
            | Self::FxGainLossRealised
            | Self::FxGainLossUnrealised
            | Self::RefundFees => Class::Revenue,
            Self::PspFees
            | Self::DisputeFees
            | Self::DisputeLosses
            | Self::DeliveryCost
            | Self::BadDebt
            | Self::BadDebtFraud
            | Self::NetworkFees
            | Self::Rounding => Class::Expense,
            Self::FxTrading => Class::Trading,
        }
    }

    /// The code without its detail, for example `tax_payable`.
    #[must_use]
    pub fn base_code(&self) -> &'static str {
        match self {
            Self::PspClearing => "psp_clearing",
            Self::Bank => "bank",
            Self::ArCustomer => "ar_customer",
            Self::CourierReceivable => "courier_receivable",
            Self::DisputesReceivable => "disputes_receivable",
            Self::DeferredRevenue => "deferred_revenue",
            Self::TaxPayable(_) => "tax_payable",
            Self::CustomerCredit => "customer_credit",
            Self::GiftCard => "gift_card",
            Self::RefundsPending => "refunds_pending",
            Self::Sales => "sales",
            Self::Shipping => "shipping",
            Self::Returns => "returns",
            Self::PspFees => "psp_fees",
            Self::DisputeFees => "dispute_fees",
            Self::DisputeLosses => "dispute_losses",
            Self::DeliveryCost => "delivery_cost",
            Self::BnplReceivable => "bnpl_receivable",
            Self::BnplReceivableInterest => "bnpl_receivable_interest",
            Self::BnplReceivableFee => "bnpl_receivable_fee",
            Self::MerchantPayable => "merchant_payable",
            Self::BnplClearing => "bnpl_clearing",
            Self::UnearnedDiscount => "unearned_discount",
            Self::InterestIncome => "interest_income",
            Self::LateFee => "late_fee",
            Self::MdrIncome => "mdr_income",
            Self::Recoveries => "recoveries",
            Self::BadDebt => "bad_debt",
            Self::BadDebtFraud => "bad_debt_fraud",
            Self::CryptoHot => "crypto_hot",
            Self::CryptoFrozen => "crypto_frozen",
            Self::FxTrading => "fx_trading",
            Self::FxGainLossRealised => "fx_gain_loss_realised",
            Self::FxGainLossUnrealised => "fx_gain_loss_unrealised",
            Self::NetworkFees => "network_fees",
            Self::OnchainClearing => "onchain_clearing",
            Self::PayoutsInTransit => "payouts_in_transit",
            Self::PayoutsClearing => "payouts_clearing",
            Self::RefundFees => "refund_fees",
            Self::Rounding => "rounding",
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TaxPayable(Some(jurisdiction)) => write!(f, "{}:{jurisdiction}", self.base_code()),
            other => f.write_str(other.base_code()),
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Account {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        if let Some(jurisdiction) = code.strip_prefix("tax_payable:") {
            let jurisdiction = Jurisdiction::parse(jurisdiction).map_err(|it| it.to_string())?;
            return Ok(Self::TaxPayable(Some(jurisdiction)));
        }
        let known = Self::ALL.into_iter().find(|it| it.base_code() == code);
        known.ok_or_else(|| format!("{code:?} is not an account of the chart"))
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = crate::wire::lent(deserializer)?;
        code.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_reads_back_from_its_code() {
        for account in Account::ALL {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        let tax = Account::TaxPayable(Some(Jurisdiction::parse("US-CA").unwrap()));
        assert_eq!(tax.to_string(), "tax_payable:US-CA");
        assert_eq!("tax_payable:US-CA".parse(), Ok(tax));
        assert!("petty_cash".parse::<Account>().is_err());
    }
}
