//! Customer statements: what a customer ordered, paid and got back, and what they owe.

mod plans;

use crate::amount::Amount;
use crate::apply::{NotApplied, effective_at};
use crate::bulk::Copy;
use crate::names::names;
use crate::past::{About, Room, Streams};
use crate::reads::{Answer, QueryError, Reads};
use crate::search::{Kind, SearchError, Value};
use chrono::{DateTime, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::{CustomerId, MerchantId};
use mizan_domain::{Money, order, payment};
use mizan_store::{Position, Recorded};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use std::sync::Arc;
use utoipa::ToSchema;

/// The most lines of one answer; a longer statement is asked for in parts, by time.
pub const LINES_MAX: usize = 10_000;

/// What a customer owes, in each currency, and how it came to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// Whose.
    pub customer_id: String,
    /// The first moment of the window; none where it begins with the first fact.
    pub from: Option<DateTime<Utc>>,
    /// The moment after the window; none where it is open.
    pub to: Option<DateTime<Utc>>,
    /// One part a currency; none where nothing ever happened.
    pub currencies: Vec<CurrencyStatement>,
}

/// The statement in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CurrencyStatement {
    /// The currency of the amounts.
    pub currency: String,
    /// Owed before the window; negative is the customer's credit.
    pub opening_balance: Amount,
    /// By time, then by position.
    pub lines: Vec<StatementLine>,
    /// Owed at the end of the window; negative is the customer's credit.
    pub closing_balance: Amount,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    /// The event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: StatementLineKind,
    /// The order, where there is one.
    pub order_id: Option<String>,
    /// The payment, where there is one.
    pub payment_id: Option<String>,
    /// The installment plan, where there is one.
    pub plan_id: Option<String>,
    /// The id of the order, addition, cancellation, return, capture, refund or waiver; of a plan where the fact has none.
    pub fact_id: String,
    /// What the customer owes more; negative is less.
    pub amount: Amount,
    /// What they owe after it; negative is their credit.
    pub balance: Amount,
}

names! {
    /// What a line of a statement says.
    StatementLineKind {
        /// Goods were ordered: more is owed.
        OrderPlaced = "order_placed",
        /// More was ordered or delivered: more is owed.
        LinesAdded = "lines_added",
        /// Units will not come: less is owed.
        LinesCancelled = "lines_cancelled",
        /// Units came back: less is owed.
        LinesReturned = "lines_returned",
        /// The order became cheaper: less is owed.
        AllowanceGranted = "allowance_granted",
        /// The customer paid: less is owed.
        PaymentCaptured = "payment_captured",
        /// What they paid did not hold: more is owed.
        CaptureReversed = "capture_reversed",
        /// Money is on its way to them: more is owed.
        RefundRequested = "refund_requested",
        /// It did not arrive: less is owed.
        RefundFailed = "refund_failed",
        /// An installment plan paid a purchase: its price is owed to the plan now.
        PlanOpened = "plan_opened",
        /// Time earned interest: more is owed.
        InterestAccrued = "interest_accrued",
        /// An installment was late: more is owed.
        LateFeeCharged = "late_fee_charged",
        /// A fee was forgiven: less is owed.
        LateFeeWaived = "late_fee_waived",
        /// Debt fell, or money that paid it is the customer's again, because the purchase was refunded: less is owed.
        PlanRefunded = "plan_refunded",
        /// The book gave the debt up: less is owed.
        PlanChargedOff = "plan_charged_off",
        /// A payment of debt that had been given up: what was paid is no credit.
        PlanRecovered = "plan_recovered",
        /// The plan was put on other dates or another rate, or worked out anew after a fact came to light late.
        PlanRecalculated = "plan_recalculated",
    }
}

struct Line<'a> {
    kind: StatementLineKind,
    customer_id: Option<&'a CustomerId>,
    order_id: Option<&'a str>,
    payment_id: Option<&'a str>,
    plan_id: Option<&'a str>,
    fact_id: String,
    amount: Money,
}

impl<'a> Line<'a> {
    fn from(event: &'a Event) -> Option<Self> {
        match event {
            Event::Order(event) => Self::from_order(event),
            Event::Payment(event) => Self::from_payment(event),
            Event::Plan(event) => Self::from_plan(event),
            Event::Credit(_)
            | Event::Clock(_)
            | Event::Period(_)
            | Event::Customer(_)
            | Event::Wallet(_)
            | Event::Invoice(_)
            | Event::Deposit(_)
            | Event::Holding(_)
            | Event::Payout(_) => None,
        }
    }

    fn from_order(event: &'a order::Event) -> Option<Self> {
        use order::Event as It;
        let (kind, customer_id, order_id, fact_id, amount) = match event {
            It::Placed(it) => (
                StatementLineKind::OrderPlaced,
                it.customer_id.as_ref(),
                &it.order_id,
                it.order_id.to_string(),
                it.total.gross,
            ),
            It::LinesAdded(it) => (
                StatementLineKind::LinesAdded,
                it.party.as_ref(),
                &it.order_id,
                it.addition_id.to_string(),
                it.total.gross,
            ),
            It::LinesCancelled(it) => {
                let fact_id = it.cancellation_id.to_string();
                (StatementLineKind::LinesCancelled, it.entry.party(), &it.order_id, fact_id, it.value.negated())
            }
            It::LinesReturned(it) => (
                StatementLineKind::LinesReturned,
                it.entry.party(),
                &it.order_id,
                it.return_id.to_string(),
                it.value.negated(),
            ),
            It::PaymentReleased(it) if it.allowance.is_positive() => {
                let fact_id = it.refund_id.to_string();
                (StatementLineKind::AllowanceGranted, it.entry.party(), &it.order_id, fact_id, it.allowance.negated())
            }
            // Money only changes its place: the customer owes neither more nor less.
            It::LinesFulfilled(_) | It::PaymentAllocated(_) | It::PaymentReleased(_) | It::RefundFailed(_) => {
                return None;
            }
        };
        let order_id = Some(order_id.as_str());
        Some(Self { kind, customer_id, order_id, payment_id: None, plan_id: None, fact_id, amount })
    }

    fn from_payment(event: &'a payment::Event) -> Option<Self> {
        use payment::Event as It;
        let (kind, payment_id, order_id, fact_id, amount) = match event {
            It::Received(it) => {
                let (intent, fact_id) = (&it.intent, it.capture_id().to_string());
                let amount = intent.amount.negated();
                (StatementLineKind::PaymentCaptured, &intent.payment_id, &intent.order_id, fact_id, amount)
            }
            It::Captured(it) => {
                let fact_id = it.capture_id.to_string();
                (StatementLineKind::PaymentCaptured, &it.payment_id, &it.order_id, fact_id, it.amount.negated())
            }
            It::CaptureReversed(it) => {
                (StatementLineKind::CaptureReversed, &it.payment_id, &it.order_id, it.capture_id.to_string(), it.amount)
            }
            It::RefundRequested(it) => {
                (StatementLineKind::RefundRequested, &it.payment_id, &it.order_id, it.refund_id.to_string(), it.amount)
            }
            // One that was never requested changes nothing.
            It::RefundFailed(it) if it.entry.is_empty() => return None,
            It::RefundFailed(it) => (
                StatementLineKind::RefundFailed,
                &it.payment_id,
                &it.order_id,
                it.refund_id.to_string(),
                it.amount.negated(),
            ),
            // Disputes, fees and payouts are between the merchant, banks and providers.
            It::Authorised(_)
            | It::Declined(_)
            | It::Voided(_)
            | It::RefundSucceeded(_)
            | It::DisputeOpened(_)
            | It::DisputeWon(_)
            | It::DisputeLost(_)
            | It::FeeRecorded(_)
            | It::PayoutRecorded(_)
            | It::OutcomeUnknown(_)
            | It::AttemptFailed(_) => return None,
        };
        let customer_id = event.entry().and_then(|it| it.party());
        let order_id = order_id.as_ref().map(|it| it.as_str());
        let (payment_id, plan_id) = (Some(payment_id.as_str()), plans::plan_of(event));
        Some(Self { kind, customer_id, order_id, payment_id, plan_id, fact_id, amount })
    }
}

pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut copy = Copy::default();
    for recorded in batch {
        let Some(it) = Line::from(&recorded.event) else { continue };
        copy.row(11)
            .field(&recorded.metadata.merchant_id)
            .field(&recorded.position)
            .field(&it.customer_id.map(CustomerId::as_str))
            .field(&it.order_id)
            .field(&it.payment_id)
            .field(&it.plan_id)
            .field(&it.kind)
            .field(&it.fact_id)
            .field(&*it.amount.currency().code())
            .field(&Amount::from(it.amount))
            .field(&effective_at(&recorded.event));
    }
    Ok(copy.send(tx, COPY).await?)
}

const COPY: &str = "copy statement_lines (merchant_id, position, customer_id, order_id, payment_id, plan_id, kind, \
                    fact_id, currency, amount, at) from stdin (format binary)";

#[derive(FromRow)]
struct Row {
    position: Position,
    at: Option<DateTime<Utc>>,
    kind: Option<String>,
    order_id: Option<String>,
    payment_id: Option<String>,
    plan_id: Option<String>,
    fact_id: Option<String>,
    currency: String,
    amount: Amount,
}

/// A line without a customer belongs to the customer of its order, whichever of the two came first. What was before
/// the window is one row in each currency, without a kind.
const STATEMENT: &str = "with mine as (select * from statement_lines where merchant_id = $1 \
         and (customer_id = $2 or customer_id is null and order_id in \
             (select order_id from orders where merchant_id = $1 and customer_id = $2)) \
         and ($4::timestamptz is null or at < $4) and ($5::text is null or currency = $5)) \
     select 0::bigint as position, null::timestamptz as at, null as kind, null as order_id, null as payment_id, \
         null as plan_id, null as fact_id, currency, sum(amount) as amount from mine where at < $3 group by currency \
     union all select position, at, kind, order_id, payment_id, plan_id, fact_id, currency, amount \
     from mine \
     where $3::timestamptz is null or at >= $3 \
     order by currency, at nulls first, position limit $6";

/// The statement of a customer. It takes `from` (included), `to` (not included) and `currency`.
///
/// # Errors
/// [`QueryError`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    customer_id: &str,
    pairs: &[(String, String)],
) -> Result<Answer<Statement>, QueryError> {
    let (mut from, mut to, mut currency) = (None, None, None);
    for (name, value) in pairs {
        match name.as_str() {
            "from" => from = Some(time(name, value)?),
            "to" => to = Some(time(name, value)?),
            "currency" => currency = Some(value),
            _unknown => {
                let message = format!("a statement has no {name:?}; it takes from, to and currency");
                return Err(SearchError::new("unknown_parameter", name, message).into());
            }
        }
    }
    let (mut connection, position) =
        reads.begin(About { merchant, rooms: &[Room::Books, Room::Of(Streams::Orders)], only: None }).await?;
    let query = sqlx::query_as(STATEMENT).bind(merchant.as_str()).bind(customer_id).bind(from).bind(to).bind(currency);
    let rows: Vec<Row> =
        query.bind(i64::try_from(LINES_MAX + 1).unwrap_or(i64::MAX)).fetch_all(&mut *connection).await?;
    if rows.len() > LINES_MAX {
        let message = format!("the statement has more than {LINES_MAX} lines; ask for less with from and to");
        return Err(SearchError::new("statement_too_long", "from", message).into());
    }
    let currencies = in_currencies(rows)?;
    Ok(Answer { data: Statement { customer_id: customer_id.to_owned(), from, to, currencies }, position })
}

fn time(name: &str, text: &str) -> Result<DateTime<Utc>, SearchError> {
    match Value::parse(Kind::Timestamp, text) {
        Ok(Value::Timestamp(it)) => Ok(it),
        Ok(_) => Err(SearchError::new("bad_value", name, format!("{name} is a time"))),
        Err(why) => Err(SearchError::new("bad_value", name, format!("{name}: {why}"))),
    }
}

fn in_currencies(rows: Vec<Row>) -> Result<Vec<CurrencyStatement>, QueryError> {
    let too_large = |_| sqlx::Error::Protocol("a balance is too large".to_owned());
    let mut parts: Vec<CurrencyStatement> = Vec::new();
    for it in rows {
        let Row { position, at, kind, order_id, payment_id, plan_id, fact_id, currency, amount } = it;
        if parts.last().is_none_or(|part| part.currency != currency) {
            let nothing = amount.minus(amount).map_err(too_large)?;
            let (opening_balance, closing_balance) = (nothing, nothing);
            parts.push(CurrencyStatement { currency, opening_balance, lines: Vec::new(), closing_balance });
        }
        let Some(part) = parts.last_mut() else { continue };
        part.closing_balance.add(amount).map_err(too_large)?;
        let (Some(at), Some(kind), Some(fact_id)) = (at, kind, fact_id) else {
            part.opening_balance = part.closing_balance;
            continue;
        };
        let kind = StatementLineKind::try_from(kind).map_err(|unknown| sqlx::Error::Decode(unknown.into()))?;
        let balance = part.closing_balance;
        part.lines.push(StatementLine { position, at, kind, order_id, payment_id, plan_id, fact_id, amount, balance });
    }
    Ok(parts)
}
