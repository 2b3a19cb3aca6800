//! What can be asked of an invoice.

use crate::id::{DepositId, InvoiceId, PaymentId, RefundId, ResolutionId, WalletId};
use crate::money::Money;
use crate::onchain::wallet::Agreement;
use crate::onchain::{Address, AssetId, Spot};
use crate::order::Timestamp;
use crate::rate::Rate;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can be asked of an invoice.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// It has an address (asked by the policy).
    Open(Box<OpenInvoice>),
    /// Something happened to a deposit at its address (asked by the policy).
    RecordDeposit(Box<RecordDeposit>),
    /// What time it is: windows close by themselves.
    TellTime(TellTime),
    /// The merchant decides about money that could not be placed.
    Resolve(Resolve),
    /// It is not wanted any more.
    Cancel(CancelInvoice),
    /// A payment that it made is to be refunded (asked by the policy).
    RecordOwedRefund(RecordOwedRefund),
    /// Money is to go back on the chain.
    Refund(Box<RefundInvoice>),
    /// What a payment owes is not to go back on the chain.
    WithdrawRefund(WithdrawRefund),
    /// What became of a refund's payout (asked by the policy).
    EndRefund(EndRefund),
}

impl Command {
    /// The invoice that is asked.
    #[must_use]
    pub fn invoice_id(&self) -> &InvoiceId {
        match self {
            Self::Open(it) => &it.agreement.invoice_id,
            Self::RecordDeposit(it) => &it.invoice_id,
            Self::TellTime(it) => &it.invoice_id,
            Self::Resolve(it) => &it.invoice_id,
            Self::Cancel(it) => &it.invoice_id,
            Self::RecordOwedRefund(it) => &it.invoice_id,
            Self::Refund(it) => &it.invoice_id,
            Self::WithdrawRefund(it) => &it.invoice_id,
            Self::EndRefund(it) => &it.invoice_id,
        }
    }
}

/// It has an address.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenInvoice {
    /// Whose address.
    pub wallet_id: WalletId,
    /// Its place in the wallet.
    pub index: u32,
    /// The address.
    pub address: Address,
    /// What is to be paid there.
    pub agreement: Agreement,
    /// When.
    pub at: Timestamp,
}

/// How a deposit of the invoice stands after one of its facts.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordDeposit {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The deposit.
    pub deposit_id: DepositId,
    /// The place of the fact among those of the deposit: an older one changes nothing any more.
    pub step: u32,
    /// How much, of what.
    pub amount: Money,
    /// When it was seen for the first time.
    pub first_seen_at: Timestamp,
    /// How it stands.
    pub state: DepositState,
    /// What it is worth in money at this fact's rate, where one is known.
    pub value: Option<Money>,
    /// When.
    pub at: Timestamp,
}

/// How a deposit stands, as its invoice sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepositState {
    /// On its way, or on its way again.
    Seen,
    /// In the books.
    Confirmed,
    /// Replaced or failed.
    Gone,
}

/// What time it is.
#[derive(Debug, Clone, PartialEq)]
pub struct TellTime {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The time.
    pub at: Timestamp,
}

/// The merchant decides about a deposit that was late, of another asset or too little.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolve {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Chosen by the client.
    pub resolution_id: ResolutionId,
    /// What is decided.
    pub how: Resolution,
    /// Which asset it is about, where money is accepted at today's value; the invoice's own, if it is none.
    pub asset: Option<AssetId>,
    /// What that costs today.
    pub spot: Option<Spot>,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// What becomes of money that could not be placed. To give it back is a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// What waits is taken at today's value, and the order gets what there is, even if it is not all.
    AcceptAtTodaysValue,
    /// It stays the customer's credit.
    KeepAsCredit,
}

/// It is not wanted any more.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelInvoice {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// A payment that it made is to be refunded.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordOwedRefund {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The payment.
    pub payment_id: PaymentId,
    /// The refund, as the payment knows it.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// Money is to go back on the chain. A refund that the invoice's payment owes has that refund's id; any other takes
/// from what the invoice brought too much or could not place.
#[derive(Debug, Clone, PartialEq)]
pub struct RefundInvoice {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The refund.
    pub refund_id: RefundId,
    /// How much of the asset it is.
    pub rule: RefundRule,
    /// So much of it is kept.
    pub subtract: Rate,
    /// The address that the customer gave.
    pub to: Address,
    /// What the asset costs now, for the rules that ask.
    pub spot: Option<Spot>,
    /// Who asks: not one of those who may approve it.
    pub requested_by: Text,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// How much of the asset a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundRule {
    /// What is owed, at the invoice's own rate: the same coins.
    RateThen,
    /// What is owed, at today's rate: the same money.
    CurrentRate,
    /// What was paid too much, in coins.
    OverpaidAmount,
    /// What is owed, at the rate of the day on which it is paid: the payout can be priced again until it is approved.
    Fiat,
    /// An amount that the merchant names, in the asset or in money.
    Custom(Money),
}

/// What a payment of the invoice owes is not to go back on the chain: it becomes the customer's credit.
#[derive(Debug, Clone, PartialEq)]
pub struct WithdrawRefund {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The refund.
    pub refund_id: RefundId,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// What became of a refund's payout.
#[derive(Debug, Clone, PartialEq)]
pub struct EndRefund {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The refund.
    pub refund_id: RefundId,
    /// Which attempt to pay it, from 1.
    pub attempt: u32,
    /// What became of it.
    pub outcome: RefundOutcome,
    /// How often the chain had taken it back before; what is of an earlier time changes nothing any more.
    pub times_orphaned: u32,
    /// When.
    pub at: Timestamp,
}

/// What became of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOutcome {
    /// It is on the chain.
    Completed,
    /// It was refused, denied, cancelled or did not happen.
    NotPaid,
}
