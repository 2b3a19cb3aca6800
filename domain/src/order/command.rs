//! What can be asked of an order.

use crate::id::{
    AdditionId, AllocationId, CancellationId, CustomerId, FulfilmentId, Jurisdiction, LineId, OrderId, PaymentId,
    RefundId, ReturnId,
};
use crate::money::{Currency, Money};
use crate::payment::Method;
use crate::rate::{Rate, Rounding};
use crate::text::Text;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The most lines of an order.
pub const LINES_MAX: usize = 500;
/// The largest quantity of a line.
pub const QUANTITY_MAX: u32 = 1_000_000;
/// The most discounts of a line or of an order, and the most taxes and price tiers of a line.
pub const PARTS_MAX: usize = 20;

/// A moment, as a field of a command; the domain never asks for the time.
pub type Timestamp = DateTime<Utc>;

/// Everything that can be asked of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A customer orders.
    Place(Box<PlaceOrder>),
    /// More is delivered than was ordered, or a replacement: new lines on a placed order.
    AddLines(AddLines),
    /// Units leave for the customer.
    Fulfil(Fulfil),
    /// Units will not be delivered.
    Cancel(Cancel),
    /// Delivered units come back.
    Return(Return),
    /// Money of a payment is offered to the order (asked by the policy).
    AllocatePayment(AllocatePayment),
    /// Money of a payment went back to the customer without a cancellation or return (asked by the policy).
    ReleasePayment(ReleasePayment),
    /// A refund did not reach the customer (asked by the policy).
    RecordRefundFailure(RecordRefundFailure),
}

impl Command {
    /// The order that is asked.
    #[must_use]
    pub fn order_id(&self) -> &OrderId {
        match self {
            Self::Place(it) => &it.order_id,
            Self::AddLines(it) => &it.order_id,
            Self::Fulfil(it) => &it.order_id,
            Self::Cancel(it) => &it.order_id,
            Self::Return(it) => &it.order_id,
            Self::AllocatePayment(it) => &it.order_id,
            Self::ReleasePayment(it) => &it.order_id,
            Self::RecordRefundFailure(it) => &it.order_id,
        }
    }
}

/// A customer orders. Discounts and taxes are computed once, here, and frozen per unit.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceOrder {
    /// Chosen by the client.
    pub order_id: OrderId,
    /// Who orders, where known.
    pub customer_id: Option<CustomerId>,
    /// The currency of every amount of the order.
    pub currency: Currency,
    /// At least one.
    pub lines: Vec<NewLine>,
    /// Discounts of the whole order, shared over its goods by value.
    pub discounts: Vec<OrderDiscount>,
    /// How taxes are rounded.
    pub tax_rounding: TaxRounding,
    /// Which payments get money back first.
    pub refund_order: RefundOrder,
    /// Whether units may only leave when they are paid.
    pub fulfil_when_paid: bool,
    /// The merchant's own words.
    pub reference: Option<Text>,
    /// When the customer ordered.
    pub at: Timestamp,
}

/// A line as it is ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLine {
    /// Unique in the order.
    pub line_id: LineId,
    /// What is sold.
    pub sku: Text,
    /// Which account its value goes to.
    pub kind: LineKind,
    /// Units, 1 to [`QUANTITY_MAX`].
    pub quantity: u32,
    /// What a unit costs.
    pub price: Price,
    /// Whether the prices (and discounts) contain the taxes.
    pub prices_include_tax: bool,
    /// The taxes on the line.
    pub taxes: Vec<Tax>,
    /// Discounts of the line alone, applied one after the other.
    pub discounts: Vec<Discount>,
}

/// What a line sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Goods or services.
    #[default]
    Goods,
    /// The carriage of the goods; discounts of the order leave it out.
    Shipping,
    /// A voucher: a liability until it is redeemed, not revenue.
    GiftCard,
}

/// What a unit costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Price {
    /// The same for every unit.
    Unit(Money),
    /// Wholesale: by quantity.
    Tiers {
        /// What a tier's price applies to.
        mode: TierMode,
        /// By rising quantity, the first from 1.
        tiers: Vec<Tier>,
    },
}

/// What the price of a quantity tier applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierMode {
    /// The tier that the quantity reaches prices every unit.
    #[default]
    Volume,
    /// Each tier prices its own units.
    Graduated,
}

/// One step of a quantity price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tier {
    /// The first unit that this price is for.
    pub from_quantity: u32,
    /// The price of a unit.
    pub unit_price: Money,
}

/// A tax on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tax {
    /// Who it is owed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Jurisdiction>,
    /// Its rate.
    pub rate: Rate,
}

/// A reduction of a price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Discount {
    /// So much.
    Amount(Money),
    /// So much of what is left; halves of a cent go up.
    Rate(Rate),
}

/// A discount of the whole order.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderDiscount {
    /// How much.
    pub discount: Discount,
    /// The lines it is for; without, all goods.
    pub lines: Option<Vec<LineId>>,
}

/// How fractions of a cent of tax are decided; recorded on the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaxRounding {
    /// What is rounded.
    pub level: TaxLevel,
    /// How halves are decided.
    pub mode: Rounding,
}

/// What a tax is rounded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxLevel {
    /// Once for each line, over all its taxes.
    #[default]
    Line,
    /// Once for each tax of each line.
    LineAndJurisdiction,
    /// Once for the whole document; the cents are shared over the lines by largest remainder.
    Document,
}

/// Which payments get money back first when an order was paid with several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOrder {
    /// Vouchers first, then the latest payment backwards: never more cash than cash paid in.
    #[default]
    VouchersFirst,
    /// The latest payment backwards, whatever it is.
    LatestFirst,
    /// Every payment by its share.
    Proportional,
}

/// Where the money of cancelled or returned units goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundTo {
    /// Back to the payments it came from.
    #[default]
    Payment,
    /// It stays with the merchant as the customer's credit.
    Credit,
}

/// So many units of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineQuantity {
    /// The line.
    pub line_id: LineId,
    /// Its units.
    pub quantity: u32,
}

/// More is delivered than was ordered, or a replacement.
#[derive(Debug, Clone, PartialEq)]
pub struct AddLines {
    /// The order.
    pub order_id: OrderId,
    /// Chosen by the client.
    pub addition_id: AdditionId,
    /// The new lines.
    pub lines: Vec<NewLine>,
    /// When.
    pub at: Timestamp,
}

/// Units leave for the customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Fulfil {
    /// The order.
    pub order_id: OrderId,
    /// Chosen by the client.
    pub fulfilment_id: FulfilmentId,
    /// Which units; `None` is all that are open.
    pub lines: Option<Vec<LineQuantity>>,
    /// A tracking number, for example.
    pub reference: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Units will not be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancel {
    /// The order.
    pub order_id: OrderId,
    /// Chosen by the client.
    pub cancellation_id: CancellationId,
    /// Which units; `None` is all that are open.
    pub lines: Option<Vec<LineQuantity>>,
    /// Where their money goes.
    pub refund_to: RefundTo,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Delivered units come back.
#[derive(Debug, Clone, PartialEq)]
pub struct Return {
    /// The order.
    pub order_id: OrderId,
    /// Chosen by the client.
    pub return_id: ReturnId,
    /// Which units; `None` is all that were delivered and not returned yet.
    pub lines: Option<Vec<LineQuantity>>,
    /// Where their money goes.
    pub refund_to: RefundTo,
    /// Why.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// Money of a payment is offered to the order.
#[derive(Debug, Clone, PartialEq)]
pub struct AllocatePayment {
    /// The order.
    pub order_id: OrderId,
    /// Derived from the event that brought the money.
    pub allocation_id: AllocationId,
    /// Where it came from.
    pub payment_id: PaymentId,
    /// How it was paid.
    pub method: Method,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// Money of a payment went back to the customer.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleasePayment {
    /// The order.
    pub order_id: OrderId,
    /// The refund (or reversal) that took it.
    pub refund_id: RefundId,
    /// Whose money it was.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// What that means for the order.
    pub effect: ReleaseEffect,
    /// When.
    pub at: Timestamp,
}

/// What it means for an order that money went back without a cancellation or return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseEffect {
    /// An allowance: the customer pays less, and owes nothing more.
    PriceReduced,
    /// The order is owed it again: the payment did not hold, or the customer pays in another way.
    DueAgain,
}

/// A refund did not reach the customer.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRefundFailure {
    /// The order.
    pub order_id: OrderId,
    /// The refund.
    pub refund_id: RefundId,
    /// The payment it was of.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}
