//! The commands of orders, as clients write them.

use super::Asked;
use super::read::{Amount, Checked, Fault, When, at, optional};
use chrono::{DateTime, Utc};
use mizan_domain::Currency;
use mizan_domain::event::Command;
use mizan_domain::id::{AdditionId, CancellationId, CustomerId, FulfilmentId, Jurisdiction, LineId, OrderId, ReturnId};
use mizan_domain::order::{self, LineKind, RefundOrder, RefundTo, TaxLevel, TierMode};
use mizan_domain::rate::{Rate, Rounding};
use mizan_domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

/// A customer orders. Discounts and taxes are computed here once and frozen per unit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceOrder {
    /// Yours: the same id again is the same order.
    #[schema(value_type = String, example = "o-1001")]
    order_id: Checked<OrderId>,
    /// An opaque name of the customer; never an address.
    #[schema(value_type = Option<String>, example = "c-7")]
    customer_id: Option<Checked<CustomerId>>,
    /// ISO 4217; every amount of the order is in it.
    #[schema(value_type = String, example = "EUR")]
    currency: Checked<Currency>,
    /// 1 to 500.
    lines: Vec<Line>,
    /// Whether prices contain the taxes, where a line does not say.
    #[serde(default)]
    prices_include_tax: bool,
    /// Discounts of the whole order, shared over its goods by value.
    #[serde(default)]
    discounts: Vec<OrderDiscount>,
    /// How fractions of a cent of tax are decided.
    #[serde(default)]
    tax_rounding: TaxRounding,
    /// Which payments get money back first.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(vouchers_first|latest_first|proportional)$", default = "vouchers_first")]
    refund_order: RefundOrder,
    /// Whether units may only leave when they are paid.
    #[serde(default)]
    fulfil_when_paid: bool,
    /// Your own words.
    #[schema(value_type = Option<String>)]
    reference: Option<Checked<Text>>,
    /// When the customer ordered; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

/// A line of an order.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewOrderLine)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Unique in the order; its number from 1, if left out.
    #[schema(value_type = Option<String>, example = "1")]
    line_id: Option<Checked<LineId>>,
    /// What is sold.
    #[schema(value_type = String, example = "coffee-1kg")]
    sku: Checked<Text>,
    /// Which account its value goes to.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(goods|shipping|gift_card)$", default = "goods")]
    kind: LineKind,
    /// 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1_000_000, example = 3)]
    quantity: u32,
    /// The price of a unit, as text.
    #[schema(value_type = Option<String>, example = "6.66")]
    unit_price: Option<Amount>,
    /// Instead of a unit price: wholesale prices by quantity.
    price_tiers: Option<PriceTiers>,
    /// Whether the price contains the taxes; as the order says, if left out.
    prices_include_tax: Option<bool>,
    /// The taxes on the line.
    #[serde(default)]
    taxes: Vec<Tax>,
    /// Discounts of this line alone.
    #[serde(default)]
    discounts: Vec<Discount>,
}

/// Prices by quantity.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PriceTiers {
    /// Whether the reached tier prices every unit (`volume`) or each tier its own (`graduated`).
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(volume|graduated)$", default = "volume")]
    mode: TierMode,
    /// By rising quantity, the first from 1.
    tiers: Vec<Tier>,
}

/// One step of a price by quantity.
#[derive(Deserialize, ToSchema)]
#[schema(as = PriceTier)]
#[serde(deny_unknown_fields)]
struct Tier {
    /// The first unit that this price is for.
    #[schema(minimum = 1, example = 1)]
    from_quantity: u32,
    /// The price of a unit, as text.
    #[schema(value_type = String, example = "5.00")]
    unit_price: Amount,
}

/// A tax on a line.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Tax {
    /// A fraction of one as text: `0.20` is 20 %.
    #[schema(value_type = String, example = "0.20")]
    rate: Checked<Rate>,
    /// Who it is owed to.
    #[schema(value_type = Option<String>, example = "DE")]
    jurisdiction: Option<Checked<Jurisdiction>>,
}

/// A reduction: either an amount or a rate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Discount {
    /// So much, as text.
    #[schema(value_type = Option<String>, example = "1.00")]
    amount: Option<Amount>,
    /// A fraction of what is left, as text: `0.10` is 10 %.
    #[schema(value_type = Option<String>, example = "0.10")]
    rate: Option<Checked<Rate>>,
}

/// A reduction of the whole order: either an amount or a rate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderDiscount {
    /// So much, as text.
    #[schema(value_type = Option<String>, example = "10.00")]
    amount: Option<Amount>,
    /// A fraction of the lines' value, as text.
    #[schema(value_type = Option<String>, example = "0.20")]
    rate: Option<Checked<Rate>>,
    /// The lines it is for; all goods, if left out.
    #[schema(value_type = Option<Vec<String>>)]
    lines: Option<Vec<Checked<LineId>>>,
}

/// How fractions of a cent of tax are decided.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct TaxRounding {
    /// What is rounded.
    #[schema(value_type = String, pattern = "^(line|line_and_jurisdiction|document)$", default = "line")]
    level: TaxLevel,
    /// How halves are decided.
    #[schema(value_type = String, pattern = "^(half_up|half_even)$", default = "half_up")]
    mode: Rounding,
}

/// So many units of a line.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LineQuantity {
    /// The line.
    #[schema(value_type = String, example = "1")]
    line_id: Checked<LineId>,
    /// Its units.
    #[schema(minimum = 1, example = 1)]
    quantity: u32,
}

impl Asked for PlaceOrder {
    const SUMMARY: &'static str = "Place an order";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let currency = self.currency.0;
        let discounts = self.discounts.into_iter().enumerate().map(|(nth, it)| {
            let pointer = format!("/discounts/{nth}");
            Ok(order::OrderDiscount {
                discount: discount(it.amount.as_ref(), it.rate.as_ref(), currency, &pointer)?,
                lines: it.lines.map(|lines| lines.into_iter().map(|line| line.0).collect()),
            })
        });
        Ok(Command::Order(order::Command::Place(Box::new(order::PlaceOrder {
            order_id: self.order_id.0,
            customer_id: optional(self.customer_id),
            currency,
            lines: lines(self.lines, currency, self.prices_include_tax)?,
            discounts: discounts.collect::<Result<_, Fault>>()?,
            tax_rounding: order::TaxRounding { level: self.tax_rounding.level, mode: self.tax_rounding.mode },
            refund_order: self.refund_order,
            fulfil_when_paid: self.fulfil_when_paid,
            reference: optional(self.reference),
            at: at(self.occurred_at, now)?,
        }))))
    }
}

fn lines(lines: Vec<Line>, currency: Currency, prices_include_tax: bool) -> Result<Vec<order::NewLine>, Fault> {
    let lines = lines.into_iter().enumerate();
    lines.map(|(place, line)| new_line(line, currency, prices_include_tax, place)).collect()
}

fn new_line(it: Line, currency: Currency, prices_include_tax: bool, place: usize) -> Result<order::NewLine, Fault> {
    let pointer = format!("/lines/{place}");
    let number = LineId::parse(&(place + 1).to_string()).map_err(|invalid| Fault::invalid(&invalid, &pointer))?;
    let discounts = it.discounts.iter().enumerate().map(|(nth, it)| {
        discount(it.amount.as_ref(), it.rate.as_ref(), currency, &format!("{pointer}/discounts/{nth}"))
    });
    let discounts = discounts.collect::<Result<_, Fault>>()?;
    let taxes = it.taxes.into_iter().map(|it| order::Tax { jurisdiction: optional(it.jurisdiction), rate: it.rate.0 });
    Ok(order::NewLine {
        line_id: optional(it.line_id).unwrap_or(number),
        sku: it.sku.0,
        kind: it.kind,
        quantity: it.quantity,
        price: price(it.unit_price.as_ref(), it.price_tiers.as_ref(), currency, &pointer)?,
        prices_include_tax: it.prices_include_tax.unwrap_or(prices_include_tax),
        taxes: taxes.collect(),
        discounts,
    })
}

fn price(
    unit: Option<&Amount>,
    tiers: Option<&PriceTiers>,
    currency: Currency,
    pointer: &str,
) -> Result<order::Price, Fault> {
    match (unit, tiers) {
        (Some(unit), None) => Ok(order::Price::Unit(unit.of(currency, &format!("{pointer}/unit_price"))?)),
        (None, Some(it)) => {
            let tiers = it.tiers.iter().enumerate().map(|(nth, tier)| {
                let pointer = format!("{pointer}/price_tiers/tiers/{nth}/unit_price");
                Ok(order::Tier {
                    from_quantity: tier.from_quantity,
                    unit_price: tier.unit_price.of(currency, &pointer)?,
                })
            });
            Ok(order::Price::Tiers { mode: it.mode, tiers: tiers.collect::<Result<_, Fault>>()? })
        }
        (Some(_), Some(_)) | (None, None) => {
            let pointer = format!("{pointer}/unit_price");
            Err(Fault::new("price_unclear", &pointer, "give a line either a unit_price or price_tiers"))
        }
    }
}

fn discount(
    amount: Option<&Amount>,
    rate: Option<&Checked<Rate>>,
    currency: Currency,
    pointer: &str,
) -> Result<order::Discount, Fault> {
    match (amount, rate) {
        (Some(amount), None) => Ok(order::Discount::Amount(amount.of(currency, &format!("{pointer}/amount"))?)),
        (None, Some(rate)) => Ok(order::Discount::Rate(rate.0)),
        (Some(_), Some(_)) | (None, None) => {
            Err(Fault::new("discount_unclear", pointer, "give a discount either an amount or a rate"))
        }
    }
}

fn quantities(lines: Option<Vec<LineQuantity>>) -> Option<Vec<order::LineQuantity>> {
    let to_domain = |it: LineQuantity| order::LineQuantity { line_id: it.line_id.0, quantity: it.quantity };
    lines.map(|lines| lines.into_iter().map(to_domain).collect())
}

/// New lines on a placed order: more was delivered than ordered, or a replacement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddOrderLines {
    /// The order.
    #[schema(value_type = String, example = "o-1001")]
    order_id: Checked<OrderId>,
    /// Yours.
    #[schema(value_type = String, example = "a-1")]
    addition_id: Checked<AdditionId>,
    /// ISO 4217: the order's.
    #[schema(value_type = String, example = "EUR")]
    currency: Checked<Currency>,
    /// The new lines; their ids must be new on the order.
    lines: Vec<Line>,
    /// Whether prices contain the taxes, where a line does not say.
    #[serde(default)]
    prices_include_tax: bool,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for AddOrderLines {
    const SUMMARY: &'static str = "Add lines to a placed order";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        Ok(Command::Order(order::Command::AddLines(order::AddLines {
            order_id: self.order_id.0,
            addition_id: self.addition_id.0,
            lines: lines(self.lines, self.currency.0, self.prices_include_tax)?,
            at: at(self.occurred_at, now)?,
        })))
    }
}

/// Units leave for the customer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FulfilOrder {
    /// The order.
    #[schema(value_type = String, example = "o-1001")]
    order_id: Checked<OrderId>,
    /// Yours: one shipment.
    #[schema(value_type = String, example = "f-1")]
    fulfilment_id: Checked<FulfilmentId>,
    /// Which units; all that are open, if left out.
    lines: Option<Vec<LineQuantity>>,
    /// A tracking number, for example.
    #[schema(value_type = Option<String>)]
    reference: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for FulfilOrder {
    const SUMMARY: &'static str = "Fulfil all or some units of an order";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        Ok(Command::Order(order::Command::Fulfil(order::Fulfil {
            order_id: self.order_id.0,
            fulfilment_id: self.fulfilment_id.0,
            lines: quantities(self.lines),
            reference: optional(self.reference),
            at: at(self.occurred_at, now)?,
        })))
    }
}

/// Units will not be delivered; what was paid for them goes back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelOrder {
    /// The order.
    #[schema(value_type = String, example = "o-1001")]
    order_id: Checked<OrderId>,
    /// Yours.
    #[schema(value_type = String, example = "x-1")]
    cancellation_id: Checked<CancellationId>,
    /// Which units; all that are open, if left out.
    lines: Option<Vec<LineQuantity>>,
    /// Whether the money goes back to the payments or stays as the customer's credit.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(payment|credit)$", default = "payment")]
    refund_to: RefundTo,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for CancelOrder {
    const SUMMARY: &'static str = "Cancel all or some open units of an order";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        Ok(Command::Order(order::Command::Cancel(order::Cancel {
            order_id: self.order_id.0,
            cancellation_id: self.cancellation_id.0,
            lines: quantities(self.lines),
            refund_to: self.refund_to,
            reason: optional(self.reason),
            at: at(self.occurred_at, now)?,
        })))
    }
}

/// Delivered units come back; what was paid for them goes back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReturnOrder {
    /// The order.
    #[schema(value_type = String, example = "o-1001")]
    order_id: Checked<OrderId>,
    /// Yours.
    #[schema(value_type = String, example = "r-1")]
    return_id: Checked<ReturnId>,
    /// Which units; all that were delivered and not returned, if left out.
    lines: Option<Vec<LineQuantity>>,
    /// Whether the money goes back to the payments or stays as the customer's credit.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(payment|credit)$", default = "payment")]
    refund_to: RefundTo,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for ReturnOrder {
    const SUMMARY: &'static str = "Take back all or some delivered units of an order";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        Ok(Command::Order(order::Command::Return(order::Return {
            order_id: self.order_id.0,
            return_id: self.return_id.0,
            lines: quantities(self.lines),
            refund_to: self.refund_to,
            reason: optional(self.reason),
            at: at(self.occurred_at, now)?,
        })))
    }
}
