//! The ways to pay, and where their money waits.

use crate::account::Account;
use serde::{Deserialize, Serialize};

/// How a customer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A credit or debit card, through a payment provider's token.
    Card,
    /// A bank transfer or bank slip: the money is on the merchant's account when it is received.
    BankTransfer,
    /// Mobile money, through its operator.
    MobileMoney,
    /// An electronic wallet, through its operator.
    EWallet,
    /// A voucher that the merchant sold before: redeeming it lessens a liability.
    Voucher,
    /// Cash that a courier collects. It counts as captured when the goods are handed to the courier.
    CashOnDelivery,
    /// A purchase on an installment plan: the book of plans owes the money. Only the plan itself pays so.
    Installments,
    /// On a chain, through an invoice: its deposits hold the money. Only the invoice itself pays so.
    Onchain,
}

impl Method {
    /// Every method, once.
    pub const ALL: [Self; 8] = [
        Self::Card,
        Self::BankTransfer,
        Self::MobileMoney,
        Self::EWallet,
        Self::Voucher,
        Self::CashOnDelivery,
        Self::Installments,
        Self::Onchain,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::BankTransfer => "bank_transfer",
            Self::MobileMoney => "mobile_money",
            Self::EWallet => "e_wallet",
            Self::Voucher => "voucher",
            Self::CashOnDelivery => "cash_on_delivery",
            Self::Installments => "installments",
            Self::Onchain => "onchain",
        }
    }

    /// Where captured money is before it is on the bank account.
    #[must_use]
    pub fn clearing(self) -> Account {
        match self {
            Self::Card | Self::MobileMoney | Self::EWallet => Account::PspClearing,
            Self::BankTransfer => Account::Bank,
            Self::Voucher => Account::GiftCard,
            Self::CashOnDelivery => Account::CourierReceivable,
            Self::Installments => Account::BnplClearing,
            Self::Onchain => Account::OnchainClearing,
        }
    }

    /// Where refunds are paid from: cash is given back from the bank account, all else the way it came.
    #[must_use]
    pub fn refund_source(self) -> Account {
        match self {
            Self::CashOnDelivery => Account::Bank,
            Self::Card
            | Self::BankTransfer
            | Self::MobileMoney
            | Self::EWallet
            | Self::Voucher
            | Self::Installments
            | Self::Onchain => self.clearing(),
        }
    }

    /// What its fees are to the merchant.
    #[must_use]
    pub fn fee_account(self) -> Account {
        match self {
            Self::CashOnDelivery => Account::DeliveryCost,
            Self::Card
            | Self::BankTransfer
            | Self::MobileMoney
            | Self::EWallet
            | Self::Voucher
            | Self::Installments
            | Self::Onchain => Account::PspFees,
        }
    }

    /// Whether a bank can take the money back.
    #[must_use]
    pub fn can_be_disputed(self) -> bool {
        match self {
            Self::Card | Self::BankTransfer | Self::MobileMoney | Self::EWallet => true,
            Self::Voucher | Self::CashOnDelivery | Self::Installments | Self::Onchain => false,
        }
    }

    /// Whether somebody else holds the money first and pays it out.
    #[must_use]
    pub fn is_paid_out(self) -> bool {
        match self {
            Self::Card | Self::MobileMoney | Self::EWallet | Self::CashOnDelivery | Self::Installments => true,
            Self::BankTransfer | Self::Voucher | Self::Onchain => false,
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
