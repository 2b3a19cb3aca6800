//! Orders as dashboards see them: the row, its fold and its queries.
//!
//! The row is a function of the order's own events. Status and sums are derived from the lines and payments once per
//! batch, after the last event, so that it does not matter how the log is cut into batches.

mod parts;
mod status;

use crate::amount::Amount;
use crate::apply::{Misfit, NotApplied, effective_at};
use crate::bulk::table_row;
use crate::past::{Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use crate::streams::{StreamRow, by_stream};
use chrono::{DateTime, Utc};
use mizan_domain::Currency;
use mizan_domain::event::Event;
use mizan_domain::id::{LineId, MerchantId, PaymentId};
use mizan_domain::order::{self, LineQuantity, LineValue, PricedLine, Released, Total};
use mizan_store::{Position, Recorded};
pub use parts::{OrderLine, OrderPayment, OrderTax};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
pub use status::{OrderPaymentStatus, OrderStatus};
use utoipa::ToSchema;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct OrderRow {
    /// The order.
    pub order_id: String,
    /// Who ordered, where known.
    pub customer_id: Option<String>,
    /// The merchant's own words.
    pub reference: Option<String>,
    /// The currency of all amounts here; before placement, of the first money that came.
    pub currency: String,
    /// By what happened to its units.
    #[sqlx(try_from = "String")]
    pub status: OrderStatus,
    /// By what is due.
    #[sqlx(try_from = "String")]
    pub payment_status: OrderPaymentStatus,
    /// As ordered, with what was added, without taxes.
    pub net: Amount,
    /// Its taxes.
    pub tax: Amount,
    /// What the customer was to pay for it: net and tax.
    pub gross: Amount,
    /// The gross of everything neither cancelled nor returned.
    pub value: Amount,
    /// Money of payments that the order uses.
    pub allocated: Amount,
    /// Value less allocated.
    pub due: Amount,
    /// Money that came for the order, is neither used nor went back: the customer's credit.
    pub credit: Amount,
    /// Money of its payments that went back, or is on its way back.
    pub refunded: Amount,
    /// What the customer pays less for what was cancelled.
    pub cancelled_value: Amount,
    /// What the customer pays less for what came back.
    pub returned_value: Amount,
    /// What the order became cheaper by because a payment of it was refunded without a cancellation or return.
    pub allowance: Amount,
    /// When it was placed; none before.
    pub placed_at: Option<DateTime<Utc>>,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events it has: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
    /// Its lines, and what happened to their units.
    #[schema(value_type = Vec<OrderLine>)]
    pub lines: Json<Vec<OrderLine>>,
    /// The payments that brought money.
    #[schema(value_type = Vec<OrderPayment>)]
    pub payments: Json<Vec<OrderPayment>>,
}

table_row!(
    OrderRow,
    "orders",
    key(order_id),
    fixed(),
    rest(
        customer_id,
        reference,
        currency,
        status,
        payment_status,
        net,
        tax,
        gross,
        value,
        allocated,
        due,
        credit,
        refunded,
        cancelled_value,
        returned_value,
        allowance,
        placed_at,
        updated_at,
        revision,
        position,
        lines,
        payments,
    )
);

impl StreamRow for OrderRow {
    const LOAD: &'static str = by_stream!(orders, order_id);

    fn follows(recorded: &Recorded) -> bool {
        matches!(*recorded.event, Event::Order(_))
    }

    fn stream_id(&self) -> &str {
        &self.order_id
    }

    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit> {
        let Event::Order(event) = &*recorded.event else { return Ok(()) };
        fold(row, recorded, event)
    }

    fn settle(&mut self) -> Result<(), NotApplied> {
        self.derive().map_err(|it| it.at(self.position))
    }
}

fn fold(row: &mut Option<OrderRow>, recorded: &Recorded, event: &order::Event) -> Result<(), Misfit> {
    let row = match (row.as_mut(), event) {
        (Some(known), _) => known,
        (None, order::Event::Placed(it)) => row.insert(OrderRow::begun(recorded, it.currency)),
        (None, order::Event::PaymentAllocated(it)) => row.insert(OrderRow::begun(recorded, it.offered.currency())),
        (None, _other) => return Err(Misfit::because(format!("{} of an order that was never placed", recorded.kind))),
    };
    row.updated_at = effective_at(&recorded.event);
    row.revision = recorded.revision;
    row.position = recorded.position;
    match event {
        order::Event::Placed(it) => {
            let nothing = Amount::zero(it.currency);
            row.customer_id = it.customer_id.as_ref().map(ToString::to_string);
            row.reference = it.reference.as_ref().map(ToString::to_string);
            row.currency = it.currency.to_string();
            row.placed_at = Some(row.updated_at);
            (row.net, row.tax, row.gross) = (nothing, nothing, nothing);
            (row.cancelled_value, row.returned_value, row.allowance) = (nothing, nothing, nothing);
            row.add_lines(&it.lines, it.total)
        }
        order::Event::LinesAdded(it) => row.add_lines(&it.lines, it.total),
        order::Event::LinesFulfilled(it) => row.count(&it.lines, |line, units| line.fulfilled += units),
        order::Event::LinesCancelled(it) => {
            row.cancelled_value.add(it.value)?;
            row.give_back(&it.released)?;
            row.count(&LineValue::quantities(&it.lines), |line, units| line.cancelled += units)
        }
        order::Event::LinesReturned(it) => {
            row.returned_value.add(it.value)?;
            row.give_back(&it.released)?;
            row.count(&LineValue::quantities(&it.lines), |line, units| line.returned += units)
        }
        order::Event::PaymentAllocated(it) => row.offer(it),
        order::Event::PaymentReleased(it) => {
            let payment = row.payment(&it.payment_id)?;
            payment.allocated.take(it.released)?;
            payment.refunded.add(it.amount)?;
            // Before its placement an order loses nothing, and what waits may be in another currency.
            if it.allowance.is_positive() { row.allowance.add(it.allowance) } else { Ok(()) }
        }
        order::Event::RefundFailed(it) => row.payment(&it.payment_id)?.refunded.take(it.amount),
    }
}

impl OrderRow {
    fn begun(recorded: &Recorded, currency: Currency) -> Self {
        let nothing = Amount::zero(currency);
        Self {
            order_id: recorded.stream.id.to_string(),
            customer_id: None,
            reference: None,
            currency: currency.to_string(),
            status: OrderStatus::AwaitingPlacement,
            payment_status: OrderPaymentStatus::Unpaid,
            net: nothing,
            tax: nothing,
            gross: nothing,
            value: nothing,
            allocated: nothing,
            due: nothing,
            credit: nothing,
            refunded: nothing,
            cancelled_value: nothing,
            returned_value: nothing,
            allowance: nothing,
            placed_at: None,
            updated_at: effective_at(&recorded.event),
            revision: recorded.revision,
            position: recorded.position,
            lines: Json(Vec::new()),
            payments: Json(Vec::new()),
        }
    }

    fn add_lines(&mut self, lines: &[PricedLine], total: Total) -> Result<(), Misfit> {
        self.lines.extend(lines.iter().map(OrderLine::from));
        self.net.add(total.net)?;
        self.tax.add(total.tax)?;
        self.gross.add(total.gross)
    }

    fn count(&mut self, lines: &[LineQuantity], count: impl Fn(&mut OrderLine, u32)) -> Result<(), Misfit> {
        for it in lines {
            let line = self.line(&it.line_id)?;
            count(line, it.quantity);
            let left = line.quantity.checked_sub(line.fulfilled).and_then(|it| it.checked_sub(line.cancelled));
            let kept = line.fulfilled.checked_sub(line.returned);
            let (Some(open), Some(kept)) = (left, kept) else {
                return Err(Misfit::because(format!("more units of line {} than there are", it.line_id)));
            };
            (line.open, line.kept) = (open, kept);
        }
        Ok(())
    }

    fn line(&mut self, line_id: &LineId) -> Result<&mut OrderLine, Misfit> {
        let known = self.lines.iter_mut().find(|it| it.line_id == line_id.as_str());
        known.ok_or_else(|| Misfit::because(format!("the order has no line {line_id}")))
    }

    fn payment(&mut self, payment_id: &PaymentId) -> Result<&mut OrderPayment, Misfit> {
        let known = self.payments.iter_mut().find(|it| it.payment_id == payment_id.as_str());
        known.ok_or_else(|| Misfit::because(format!("payment {payment_id} brought the order nothing")))
    }

    fn offer(&mut self, it: &order::PaymentAllocated) -> Result<(), Misfit> {
        if self.payment(&it.payment_id).is_err() {
            let nothing = Amount::zero(it.offered.currency());
            self.payments.push(OrderPayment {
                payment_id: it.payment_id.to_string(),
                method: it.method.name().to_owned(),
                currency: it.offered.currency().to_string(),
                offered: nothing,
                allocated: nothing,
                refunded: nothing,
            });
        }
        let payment = self.payment(&it.payment_id)?;
        payment.offered.add(it.offered)?;
        payment.allocated.add(it.allocated)
    }

    fn give_back(&mut self, released: &[Released]) -> Result<(), Misfit> {
        for it in released {
            let payment = self.payment(&it.payment_id)?;
            payment.allocated.take(it.amount)?;
            if it.refund_id.is_some() {
                payment.refunded.add(it.amount)?;
            }
        }
        Ok(())
    }
}

pub(crate) static LISTING: Listing = Listing {
    name: "orders",
    fields: &[
        Field::sorted("order_id", Kind::Text),
        Field::of("customer_id", Kind::Text),
        Field::of("reference", Kind::Text),
        Field::of("currency", Kind::Text),
        Field::of("status", Kind::OneOf(OrderStatus::NAMES)),
        Field::of("payment_status", Kind::OneOf(OrderPaymentStatus::NAMES)),
        Field::sorted("gross", Kind::Decimal),
        Field::sorted("value", Kind::Decimal),
        Field::of("allocated", Kind::Decimal),
        Field::sorted("due", Kind::Decimal),
        Field::of("credit", Kind::Decimal),
        Field::of("refunded", Kind::Decimal),
        Field::of("cancelled_value", Kind::Decimal),
        Field::of("returned_value", Kind::Decimal),
        Field::of("allowance", Kind::Decimal),
        Field::nullable("placed_at", Kind::Timestamp),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "-placed_at",
    key: &["order_id"],
};

/// The fields that the list of orders can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's orders, the latest first; those that wait for their placement before all.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<OrderRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Orders), "orders"), &LISTING, pairs).await
}

/// One order; none where the merchant has no such order.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(reads: &Reads, merchant: &MerchantId, order_id: &str) -> Result<Option<Answer<OrderRow>>, QueryError> {
    let statement = "select * from orders where merchant_id = $1 and order_id = $2";
    reads.one((Streams::Orders, statement), merchant, order_id).await
}
