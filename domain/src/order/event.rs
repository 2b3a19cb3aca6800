//! What can have happened to an order. These shapes are written once and read for ever: a change is a new version.

use super::command::{LineKind, LineQuantity, RefundOrder, RefundTo, Tax, TaxRounding, Timestamp};
use crate::entry::Entry;
use crate::id::{
    AdditionId, AllocationId, CancellationId, CustomerId, FulfilmentId, LineId, OrderId, PaymentId, RefundId, ReturnId,
};
use crate::money::{Currency, Money};
use crate::payment::Method;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can have happened to an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `order-placed`
    Placed(Box<Placed>),
    /// `order-lines-added`
    LinesAdded(LinesAdded),
    /// `order-lines-fulfilled`
    LinesFulfilled(LinesFulfilled),
    /// `order-lines-cancelled`
    LinesCancelled(LinesCancelled),
    /// `order-lines-returned`
    LinesReturned(LinesReturned),
    /// `order-payment-allocated`
    PaymentAllocated(PaymentAllocated),
    /// `order-payment-released`
    PaymentReleased(PaymentReleased),
    /// `order-refund-failed`
    RefundFailed(RefundFailed),
}

impl Event {
    /// The entry that the fact means, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::LinesFulfilled(it) => Some(&it.entry),
            Self::LinesCancelled(it) => Some(&it.entry),
            Self::LinesReturned(it) => Some(&it.entry),
            Self::PaymentAllocated(it) => Some(&it.entry),
            Self::PaymentReleased(it) => Some(&it.entry),
            Self::Placed(_) | Self::LinesAdded(_) | Self::RefundFailed(_) => None,
        }
    }

    /// When it happened, by the command's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Placed(it) => it.at,
            Self::LinesAdded(it) => it.at,
            Self::LinesFulfilled(it) => it.at,
            Self::LinesCancelled(it) => it.at,
            Self::LinesReturned(it) => it.at,
            Self::PaymentAllocated(it) => it.at,
            Self::PaymentReleased(it) => it.at,
            Self::RefundFailed(it) => it.at,
        }
    }
}

/// Sums over lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Without taxes.
    pub net: Money,
    /// The taxes.
    pub tax: Money,
    /// What the customer pays.
    pub gross: Money,
}

/// A line with everything computed and frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedLine {
    /// Unique in the order.
    pub line_id: LineId,
    /// What is sold.
    pub sku: Text,
    /// Which account its value goes to.
    pub kind: LineKind,
    /// Units.
    pub quantity: u32,
    /// The price of a unit, where all units have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Money>,
    /// Whether subtotal and discount contain the taxes.
    pub prices_include_tax: bool,
    /// Quantity times price.
    pub subtotal: Money,
    /// All discounts of the line, its share of the order's included.
    pub discount: Money,
    /// Without taxes, after discounts.
    pub net: Money,
    /// The taxes on the discounted line.
    pub taxes: Vec<PricedTax>,
    /// What the customer pays for the line.
    pub gross: Money,
}

/// A tax with its amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedTax {
    /// Which tax.
    #[serde(flatten)]
    pub tax: Tax,
    /// How much.
    pub amount: Money,
}

/// A customer ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    /// The order.
    pub order_id: OrderId,
    /// Who ordered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// The currency of every amount.
    pub currency: Currency,
    /// The lines.
    pub lines: Vec<PricedLine>,
    /// Their sum.
    pub total: Total,
    /// How the taxes were rounded.
    pub tax_rounding: TaxRounding,
    /// Which payments get money back first.
    pub refund_order: RefundOrder,
    /// Whether units may only leave when they are paid.
    pub fulfil_when_paid: bool,
    /// The merchant's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// New lines came onto a placed order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinesAdded {
    /// The order.
    pub order_id: OrderId,
    /// The group of lines.
    pub addition_id: AdditionId,
    /// Who ordered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<CustomerId>,
    /// The lines.
    pub lines: Vec<PricedLine>,
    /// Their sum.
    pub total: Total,
    /// When.
    pub at: Timestamp,
}

/// Units left for the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinesFulfilled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub fulfilment_id: FulfilmentId,
    /// Its units.
    pub lines: Vec<LineQuantity>,
    /// A tracking number, for example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Text>,
    /// Deferred revenue becomes sales; what is not paid becomes a receivable.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// Units taken off an order, with their frozen value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineValue {
    /// The line.
    pub line_id: LineId,
    /// Its units.
    pub quantity: u32,
    /// Their value without taxes.
    pub net: Money,
    /// Their taxes.
    pub tax: Money,
    /// What the customer paid or would have paid for them.
    pub gross: Money,
}

impl LineValue {
    /// The quantities alone.
    #[must_use]
    pub fn quantities(values: &[Self]) -> Vec<LineQuantity> {
        let quantity = |it: &Self| LineQuantity { line_id: it.line_id.clone(), quantity: it.quantity };
        values.iter().map(quantity).collect()
    }
}

/// Money of a payment that the order no longer needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Whose money.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// The refund that is asked of the payment; without one the money stays as the customer's credit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
}

/// Units will not be delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinesCancelled {
    /// The order.
    pub order_id: OrderId,
    /// The cancellation.
    pub cancellation_id: CancellationId,
    /// The units and their value.
    pub lines: Vec<LineValue>,
    /// What the customer is to pay less: the sum of their gross values, but for what an allowance had given already.
    pub value: Money,
    /// Where their money goes.
    pub refund_to: RefundTo,
    /// The money that became free.
    pub released: Vec<Released>,
    /// Deferred revenue and tax become the customer's credit.
    pub entry: Entry,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Delivered units came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinesReturned {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub return_id: ReturnId,
    /// The units and their value.
    pub lines: Vec<LineValue>,
    /// What the customer is to pay less: the sum of their gross values, but for what an allowance had given already.
    pub value: Money,
    /// Where their money goes.
    pub refund_to: RefundTo,
    /// The money that became free.
    pub released: Vec<Released>,
    /// Returns and tax become the customer's credit, or lessen what is owed.
    pub entry: Entry,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Money of a payment was offered to the order, and the order took what it is owed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentAllocated {
    /// The order.
    pub order_id: OrderId,
    /// Derived from the event that brought the money.
    pub allocation_id: AllocationId,
    /// Where it came from.
    pub payment_id: PaymentId,
    /// How it was paid.
    pub method: Method,
    /// What came; zero when money that was already here is applied.
    pub offered: Money,
    /// What the order took; the rest stays the customer's credit.
    pub allocated: Money,
    /// The customer's credit becomes deferred revenue and tax, or settles what is owed.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// Money of a payment went back to the customer without a cancellation or return.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentReleased {
    /// The order.
    pub order_id: OrderId,
    /// The refund (or reversal) that took it.
    pub refund_id: RefundId,
    /// Whose money.
    pub payment_id: PaymentId,
    /// What went back.
    pub amount: Money,
    /// What the order lost of it; the rest was credit.
    pub released: Money,
    /// What the order is cheaper by; the rest of what it lost is owed again.
    pub allowance: Money,
    /// Deferred revenue, or returns, and tax become the customer's credit; or what was delivered is owed again.
    pub entry: Entry,
    /// When.
    pub at: Timestamp,
}

/// A refund did not reach the customer; its money is the customer's credit again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundFailed {
    /// The order.
    pub order_id: OrderId,
    /// The refund.
    pub refund_id: RefundId,
    /// The payment it was of.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// Who ordered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<CustomerId>,
    /// When.
    pub at: Timestamp,
}
