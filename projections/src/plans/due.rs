//! What is due: sums of what is still to be paid, by the day it is due.

use crate::amount::Amount;
use crate::clocks;
use crate::past::{About, Room, Streams};
use crate::reads::{Answer, QueryError, Reads};
use crate::search::{SearchError, day};
use chrono::{DateTime, Days, NaiveDate, Utc};
use mizan_domain::id::MerchantId;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

/// The most days of one question: ten years, as long as the longest plan.
pub const DAYS_MAX: u64 = 3_660;
/// The most rows of one answer, for those with many currencies.
pub const ROWS_MAX: usize = 10_000;

/// What is still to be paid, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Due {
    /// The first day.
    pub from: NaiveDate,
    /// The last day; it is included.
    pub to: NaiveDate,
    /// The one customer that was asked for.
    pub customer_id: Option<String>,
    /// By day and currency; days on which nothing is due are left out.
    pub days: Vec<DueDay>,
}

/// What is due on one day in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct DueDay {
    /// The due date, in the time zone of each plan.
    pub due_on: NaiveDate,
    /// The currency of the amounts.
    pub currency: String,
    /// How many installments are not paid yet.
    pub installments: i64,
    /// Of how many plans.
    pub plans: i64,
    /// Their principal that is still to be paid.
    pub principal: Amount,
    /// Their interest.
    pub interest: Amount,
    /// Their fees.
    pub fees: Amount,
    /// All of it.
    pub outstanding: Amount,
}

const DUE: &str = "select due_on, currency, count(*) as installments, count(distinct plan_id) as plans, \
         sum(principal_outstanding) as principal, sum(interest_outstanding) as interest, \
         sum(fee_outstanding) as fees, sum(outstanding) as outstanding from plan_installments \
     where merchant_id = $1 and not is_settled and due_on between $2 and $3 \
         and ($4::text is null or customer_id = $4) and ($5::text is null or currency = $5) \
     group by due_on, currency order by due_on, currency limit $6";

/// What is still to be paid, by day and currency. It takes `on`, or `from` and `to` (both included), `customer_id` and
/// `currency`. Where no day is said, it is today by the merchant's own clock, or the day of `live`.
///
/// # Errors
/// [`QueryError`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
    live: DateTime<Utc>,
) -> Result<Answer<Due>, QueryError> {
    let (mut on, mut from, mut to, mut customer_id, mut currency) = (None, None, None, None, None);
    for (name, value) in pairs {
        match name.as_str() {
            "on" => on = Some(day(name, value)?),
            "from" => from = Some(day(name, value)?),
            "to" => to = Some(day(name, value)?),
            "customer_id" => customer_id = Some(value.clone()),
            "currency" => currency = Some(value),
            _unknown => {
                let message =
                    format!("what is due has no {name:?}; it takes on, or from and to, customer_id, currency");
                return Err(SearchError::new("unknown_parameter", name, message).into());
            }
        }
    }
    let (from, to) = match (on, from, to) {
        (Some(on), None, None) => (on, on),
        (None, Some(from), Some(to)) => (from, to),
        (None, None, None) => {
            let today = clocks::today(reads, merchant, live).await?;
            (today, today)
        }
        (Some(_), _, _) | (None, _, _) => {
            let message = "say one day with on, or the first and the last with from and to";
            return Err(SearchError::new("bad_value", if to.is_some() { "to" } else { "from" }, message).into());
        }
    };
    let last = from.checked_add_days(Days::new(DAYS_MAX)).unwrap_or(NaiveDate::MAX);
    if to < from || to > last {
        let message = format!("to is from or a day after it, and at most {DAYS_MAX} days later");
        return Err(SearchError::new("bad_value", "to", message).into());
    }
    let (mut connection, position) =
        reads.begin(About { merchant, rooms: &[Room::Of(Streams::Plans)], only: None }).await?;
    let query = sqlx::query_as(DUE).bind(merchant.as_str()).bind(from).bind(to).bind(&customer_id).bind(currency);
    let days: Vec<DueDay> =
        query.bind(i64::try_from(ROWS_MAX + 1).unwrap_or(i64::MAX)).fetch_all(&mut *connection).await?;
    if days.len() > ROWS_MAX {
        let message = format!("the answer has more than {ROWS_MAX} rows; ask for fewer days");
        return Err(SearchError::new("answer_too_long", "to", message).into());
    }
    Ok(Answer { data: Due { from, to, customer_id, days }, position })
}
