//! A card payment in several installments, as a plan of the merchant's own.
//!
//! The files say how many installments there were and how much they came to, not when each was paid. What is assumed
//! here, and only here: a month between them, no interest (the price contains it), and every one paid on its due date at
//! noon. The merchant is paid at once, so that shop and book are even; a cancelled order refunds its plan by itself.

use super::{CURRENCY, Order, Payment, approved, exact, utc};
use chrono::{NaiveDate, NaiveDateTime};
use mizan_domain::plan::{ScheduleTerms, schedule};
use mizan_domain::{Currency, Money};
use serde_json::{Value, json};

const TIME_ZONE: &str = "America/Sao_Paulo";

/// How many installments of how much in all; none for a payment at once.
fn in_parts(payment: &Payment) -> Option<(u32, Money)> {
    let installments: u32 = payment.payment_installments.parse().ok().filter(|it| *it > 1)?;
    let amount = Money::parse(&payment.payment_value, Currency::parse(CURRENCY).ok()?).ok()?;
    (payment.payment_type == "credit_card" && amount.is_positive()).then_some((installments, amount))
}

/// The limit that carries all plans of an order; none where it has none.
pub(super) fn limit(order: &Order, payments: &[Payment]) -> Option<(&'static str, Value)> {
    let amounts = payments.iter().filter_map(in_parts).map(|(_, amount)| amount);
    let limit = amounts.reduce(|sum, it| sum.plus(it).unwrap_or(sum))?;
    let limit = json!({
        "customer_id": order.customer_id, "limit": limit.digits().to_string(), "currency": CURRENCY, "source": "olist",
        "occurred_at": utc(approved(order)),
    });
    Some(("set-credit-limit", limit))
}

/// The commands of a plan; none for a payment that was none.
pub(super) fn story(order: &Order, payment: &Payment) -> Option<Vec<(&'static str, Value)>> {
    let (installments, amount) = in_parts(payment)?;
    let plan_id = format!("{}-{}", order.order_id, payment.payment_sequential);
    let (at, value) = (approved(order), exact(&payment.payment_value));
    let starts_on = NaiveDateTime::parse_from_str(at, "%Y-%m-%d %H:%M:%S").ok()?.date();
    let approval = json!({
        "plan_id": plan_id, "customer_id": order.customer_id, "order_id": order.order_id, "product": "parcelado",
        "amount": value, "currency": CURRENCY, "starts_on": starts_on, "occurred_at": utc(at),
        "terms": { "payments": installments, "frequency": "monthly", "time_zone": TIME_ZONE },
    });
    let mut story = vec![
        ("approve-plan", approval),
        ("open-plan", json!({ "plan_id": plan_id, "occurred_at": utc(at) })),
        ("pay-merchant", json!({ "plan_id": plan_id, "payout_id": "net", "occurred_at": utc(at) })),
    ];
    story.extend(paid(order, &plan_id, installments, amount, starts_on)?);
    Some(story)
}

/// A payment on every due date of the schedule that the service computes.
fn paid(
    order: &Order,
    plan_id: &str,
    installments: u32,
    amount: Money,
    starts_on: NaiveDate,
) -> Option<Vec<(&'static str, Value)>> {
    let terms = json!({ "payments": installments, "frequency": "monthly" });
    let terms: ScheduleTerms = serde_json::from_value(terms).ok()?;
    let rows = schedule::schedule(&terms, amount, starts_on).ok()?;
    let payments = rows.iter().map(|row| {
        let payment = json!({
            "payment_id": format!("{plan_id}-{}", row.number), "plan_id": plan_id, "customer_id": order.customer_id,
            "method": "card", "amount": row.total().digits().to_string(), "currency": CURRENCY,
            "occurred_at": utc(&format!("{} 12:00:00", row.due_on)),
        });
        ("receive-payment", payment)
    });
    Some(payments.collect())
}
