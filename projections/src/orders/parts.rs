//! What an order consists of: its lines and the payments that brought money.

use crate::amount::Amount;
use mizan_domain::order::{self, PricedLine};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A line. Quantity = open + fulfilled + cancelled; fulfilled = kept + returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderLine {
    /// Unique in the order.
    pub line_id: String,
    /// What is sold.
    pub sku: String,
    /// `goods`, `shipping` or `gift_card`.
    #[schema(value_type = String)]
    pub kind: order::LineKind,
    /// Units ordered.
    pub quantity: u32,
    /// Neither fulfilled nor cancelled.
    pub open: u32,
    /// Ever left.
    pub fulfilled: u32,
    /// Never will leave.
    pub cancelled: u32,
    /// Left and came back.
    pub returned: u32,
    /// Left and stayed.
    pub kept: u32,
    /// The price of a unit, where all have the same.
    pub unit_price: Option<Amount>,
    /// Whether price and discount contain the taxes.
    pub prices_include_tax: bool,
    /// All discounts.
    pub discount: Amount,
    /// Without taxes, after discounts.
    pub net: Amount,
    /// Its taxes.
    pub taxes: Vec<OrderTax>,
    /// What the customer was to pay for it.
    pub gross: Amount,
}

/// A tax of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderTax {
    /// Who it is owed to, where one was named.
    pub jurisdiction: Option<String>,
    /// A fraction of one: `0.20` is 20 %.
    pub rate: String,
    /// How much.
    pub amount: Amount,
}

/// What a payment did for the order. Offered = allocated + refunded + credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderPayment {
    /// The payment.
    pub payment_id: String,
    /// How it was paid.
    pub method: String,
    /// The currency of its amounts; where it is not the order's, the money is credit and in none of the order's sums.
    pub currency: String,
    /// What it brought.
    pub offered: Amount,
    /// What the order uses of it.
    pub allocated: Amount,
    /// What went back, or is on its way back.
    pub refunded: Amount,
}

impl From<&PricedLine> for OrderLine {
    fn from(it: &PricedLine) -> Self {
        let taxes = it.taxes.iter().map(|it| OrderTax {
            jurisdiction: it.tax.jurisdiction.as_ref().map(ToString::to_string),
            rate: it.tax.rate.to_string(),
            amount: it.amount.into(),
        });
        Self {
            line_id: it.line_id.to_string(),
            sku: it.sku.to_string(),
            kind: it.kind,
            quantity: it.quantity,
            open: it.quantity,
            fulfilled: 0,
            cancelled: 0,
            returned: 0,
            kept: 0,
            unit_price: it.unit_price.map(Amount::from),
            prices_include_tax: it.prices_include_tax,
            discount: it.discount.into(),
            net: it.net.into(),
            taxes: taxes.collect(),
            gross: it.gross.into(),
        }
    }
}
