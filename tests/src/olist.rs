//! Turns the files of the Olist marketplace (orders, items, payments as CSV) into Mizan's commands, one a line.
//!
//! What a row becomes:
//!
//! * An **order** is a `place-order` in BRL; an **item** of it is a line of one unit (its sku is the product) and a line
//!   of kind `shipping` for its freight. The files know no taxes: Brazilian prices contain them, and none is named here.
//!   An order without items is placed without lines, and so refused with `no_lines`: that is its line in the report.
//! * A **payment** is a `receive-payment` named `<order>-<sequential>`, at the time of approval: `credit_card` and
//!   `debit_card` are `card`, `boleto` (a bank slip) is `bank_transfer`. Money for an order that was refused stays the
//!   customer's credit and keeps the order's id. Where a card paid in several installments, that is left out, as the
//!   issuer's business with the customer; or, asked for, it is a plan of the merchant's own (see `plans`). `not_defined` is sent as the method that it
//!   is not, and refused with `unknown_value`; a payment of 0.00 is sent as it is, and refused with `amount_not_positive`.
//! * **Delivered** and **shipped** orders are fulfilled when the carrier took them. **Canceled** and **unavailable** ones
//!   are cancelled; where the carrier had them already, they were fulfilled and are returned. Both ask for refunds by
//!   themselves; the files do not say when those arrived, so no refund is confirmed. The other statuses wait: nothing.
//!
//! Nothing is computed, rounded or repaired here. What cannot be read goes through as it is written, and the service
//! says what is wrong with it.

mod plans;

use chrono::{LocalResult, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone, Utc};
use chrono_tz::America::Sao_Paulo;
use mizan_domain::{Currency, Money};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::Write;
use std::path::Path;

const CURRENCY: &str = "BRL";

/// How many rows were read, and how many commands they became.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows of `orders.csv`.
    pub orders: usize,
    /// Rows of `order_items.csv`.
    pub items: usize,
    /// Rows of `order_payments.csv`.
    pub payments: usize,
    /// Lines written, by command.
    pub commands: BTreeMap<&'static str, usize>,
}

#[derive(Deserialize)]
struct Order {
    order_id: String,
    customer_id: String,
    order_status: String,
    order_purchase_timestamp: String,
    order_approved_at: String,
    order_delivered_carrier_date: String,
    order_delivered_customer_date: String,
}

#[derive(Deserialize)]
struct Item {
    order_id: String,
    order_item_id: String,
    product_id: String,
    price: String,
    freight_value: String,
}

#[derive(Deserialize)]
struct Payment {
    order_id: String,
    payment_sequential: String,
    payment_type: String,
    payment_installments: String,
    payment_value: String,
}

/// What becomes of a card payment in several installments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installments {
    /// The card's issuer pays the merchant at once: one payment.
    AtOnce,
    /// The merchant waits for them: a plan, opened on the order, and a payment on every due date.
    Plans,
}

/// Reads `orders.csv`, `order_items.csv` and `order_payments.csv` and writes a command a line. The commands of an order
/// stand together, in the order in which they happened.
///
/// # Errors
/// A file cannot be read or written, a row has other columns, an item or payment is of no order in `orders.csv`, or an
/// order has a status that the data set does not know.
pub fn convert(
    dir: &Path,
    installments: Installments,
    out: &mut impl Write,
) -> Result<Summary, Box<dyn Error + Send + Sync>> {
    let orders: Vec<Order> = rows(dir, "orders.csv")?;
    let (items, mut items_of) = by_order(rows(dir, "order_items.csv")?, |it: &Item| it.order_id.clone());
    let (payments, mut payments_of) = by_order(rows(dir, "order_payments.csv")?, |it: &Payment| it.order_id.clone());
    let mut summary = Summary { orders: orders.len(), items, payments, commands: BTreeMap::new() };
    for order in &orders {
        let items = items_of.remove(&order.order_id).unwrap_or_default();
        let mut payments = payments_of.remove(&order.order_id).unwrap_or_default();
        // By number, and their numbers are text.
        payments.sort_by_key(|it| (it.payment_sequential.len(), it.payment_sequential.clone()));
        for (command, data) in story(order, &items, &payments, installments)? {
            serde_json::to_writer(&mut *out, &json!({ "command": command, "data": data }))?;
            out.write_all(b"\n")?;
            *summary.commands.entry(command).or_default() += 1;
        }
    }
    // A row without its order would be lost without a word.
    match items_of.keys().chain(payments_of.keys()).next() {
        Some(order_id) => Err(format!("rows are of order {order_id}, which orders.csv does not have").into()),
        None => Ok(summary),
    }
}

fn rows<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Vec<T>, Box<dyn Error + Send + Sync>> {
    let path = dir.join(name);
    let reader =
        csv::Reader::from_path(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let read = reader.into_deserialize().collect::<Result<_, _>>();
    read.map_err(|error| format!("{} has a row that cannot be read: {error}", path.display()).into())
}

fn by_order<T>(rows: Vec<T>, order_id: impl Fn(&T) -> String) -> (usize, HashMap<String, Vec<T>>) {
    let count = rows.len();
    let mut grouped: HashMap<String, Vec<T>> = HashMap::new();
    for row in rows {
        grouped.entry(order_id(&row)).or_default().push(row);
    }
    (count, grouped)
}

/// Everything that happened to an order, in the order in which it happened.
fn story(
    order: &Order,
    items: &[Item],
    payments: &[Payment],
    installments: Installments,
) -> Result<Vec<(&'static str, Value)>, String> {
    let mut story = vec![("place-order", placed(order, items))];
    if installments == Installments::Plans {
        story.extend(plans::limit(order, payments));
    }
    for it in payments {
        match plans::story(order, it).filter(|_| installments == Installments::Plans) {
            Some(plan) => story.extend(plan),
            None => story.push(("receive-payment", received(order, it))),
        }
    }
    let has_left = !order.order_delivered_carrier_date.is_empty();
    match order.order_status.as_str() {
        // What was never placed can neither leave nor be cancelled.
        _refused if items.is_empty() => (),
        "delivered" | "shipped" => story.push(("fulfil-order", fulfilled(order))),
        "canceled" | "unavailable" if has_left => {
            story.push(("fulfil-order", fulfilled(order)));
            story.push(("return-order", returned(order)));
        }
        "canceled" | "unavailable" => story.push(("cancel-order", cancelled(order))),
        "created" | "approved" | "invoiced" | "processing" => (),
        unknown => return Err(format!("order {} has the unknown status {unknown:?}", order.order_id)),
    }
    Ok(story)
}

fn placed(order: &Order, items: &[Item]) -> Value {
    let lines = items.iter().flat_map(|it| {
        [
            json!({
                "line_id": it.order_item_id,
                "sku": it.product_id,
                "quantity": 1,
                "unit_price": exact(&it.price),
            }),
            json!({
                "line_id": format!("{}-freight", it.order_item_id),
                "sku": "freight",
                "kind": "shipping",
                "quantity": 1,
                "unit_price": exact(&it.freight_value),
            }),
        ]
    });
    json!({
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "currency": CURRENCY,
        "prices_include_tax": true,
        "lines": lines.collect::<Vec<_>>(),
        "occurred_at": utc(&order.order_purchase_timestamp),
    })
}

fn received(order: &Order, payment: &Payment) -> Value {
    let method = match payment.payment_type.as_str() {
        "credit_card" | "debit_card" => "card",
        "boleto" => "bank_transfer",
        // `voucher` is called the same here; anything else is nothing that we know, and the service says so.
        other => other,
    };
    json!({
        "payment_id": format!("{}-{}", order.order_id, payment.payment_sequential),
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "method": method,
        "amount": exact(&payment.payment_value),
        "currency": CURRENCY,
        "occurred_at": utc(approved(order)),
    })
}

fn fulfilled(order: &Order) -> Value {
    let at = first_of([&order.order_delivered_carrier_date, approved(order)]);
    json!({ "order_id": order.order_id, "fulfilment_id": "carrier", "occurred_at": utc(at) })
}

fn returned(order: &Order) -> Value {
    let at = first_of([&order.order_delivered_customer_date, &order.order_delivered_carrier_date]);
    let reason = &order.order_status;
    json!({ "order_id": order.order_id, "return_id": "canceled", "reason": reason, "occurred_at": utc(at) })
}

fn cancelled(order: &Order) -> Value {
    let (at, reason) = (approved(order), &order.order_status);
    json!({ "order_id": order.order_id, "cancellation_id": "canceled", "reason": reason, "occurred_at": utc(at) })
}

fn approved(order: &Order) -> &str {
    first_of([&order.order_approved_at, &order.order_purchase_timestamp])
}

/// The first text that is not empty.
fn first_of(texts: [&str; 2]) -> &str {
    texts.into_iter().find(|it| !it.is_empty()).unwrap_or_default()
}

/// `144.0` is 144.00: by its digits, never through a float.
fn exact(amount: &str) -> String {
    let read = Currency::parse(CURRENCY).and_then(|currency| Money::parse(amount, currency));
    read.map_or_else(|_| amount.to_owned(), |money| money.digits().to_string())
}

/// The files have the wall clock of São Paulo. Where it was set back, the first of the two moments is meant; where it
/// was set forward, the hour that never was counts from the one before.
fn utc(local: &str) -> String {
    let Ok(wall) = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M:%S") else { return local.to_owned() };
    let moment = match Sao_Paulo.from_local_datetime(&wall) {
        LocalResult::Single(it) | LocalResult::Ambiguous(it, _) => Some(it),
        LocalResult::None => {
            let hour = TimeDelta::hours(1);
            Sao_Paulo.from_local_datetime(&(wall - hour)).single().map(|before| before + hour)
        }
    };
    moment.map_or_else(|| local.to_owned(), |it| it.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_cent_and_what_is_no_amount_is_left_to_the_service() {
        let cases = [("144.0", "144.00"), ("541", "541.00"), ("99.99", "99.99"), ("0.0", "0.00"), ("1.005", "1.005")];
        for (written, sent) in cases {
            assert_eq!(exact(written), sent);
        }
        assert_eq!(exact("70368744177664.13"), "70368744177664.13", "a float has no such cent");
    }

    #[test]
    fn wall_clocks_of_sao_paulo_become_moments() {
        let cases = [
            ("2017-07-09 21:57:05", "2017-07-10T00:57:05Z"),
            // Summer time: two hours behind.
            ("2018-01-15 12:00:00", "2018-01-15T14:00:00Z"),
            // Set back at midnight: 23:30 came twice, and the first one is meant.
            ("2018-02-17 23:30:00", "2018-02-18T01:30:00Z"),
            // Set forward at midnight: 00:30 never was; half an hour after midnight is meant.
            ("2017-10-15 00:30:00", "2017-10-15T03:30:00Z"),
            ("", ""),
            ("yesterday", "yesterday"),
        ];
        for (wall, moment) in cases {
            assert_eq!(utc(wall), moment, "{wall}");
        }
    }
}
