//! Ageing: what is outstanding, by how long it has been due on a day.
//!
//! The amounts are those of now, the day only says what of them is late; it is not a look into the past.

use crate::amount::Amount;
use crate::apply::Misfit;
use crate::clocks;
use crate::names::names;
use crate::past::{About, Room, Streams};
use crate::reads::{Answer, QueryError, Reads};
use crate::search::{SearchError, day};
use chrono::{DateTime, NaiveDate, Utc};
use mizan_domain::Currency;
use mizan_domain::id::MerchantId;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

/// What is outstanding on plans, by age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ageing {
    /// The day that lateness is counted to.
    pub on: NaiveDate,
    /// The one customer that was asked for.
    pub customer_id: Option<String>,
    /// One part a currency.
    pub currencies: Vec<CurrencyAgeing>,
}

/// The ageing of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CurrencyAgeing {
    /// The currency of the amounts.
    pub currency: String,
    /// Always all five, the youngest first.
    pub buckets: Vec<AgeingBucket>,
    /// All of them together.
    pub outstanding: Amount,
    /// What is late of it: all buckets but `not_due`.
    pub past_due: Amount,
    /// What was given up; in no bucket.
    pub charged_off: AgeingChargedOff,
}

/// What has one age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgeingBucket {
    /// How many days past due.
    pub bucket: AgeingBucketName,
    /// How many plans have installments in it; a plan may be in several.
    pub plans: i64,
    /// How many installments.
    pub installments: i64,
    /// Their principal that is still to be paid.
    pub principal: Amount,
    /// Their interest, to the end of the contract.
    pub interest: Amount,
    /// Their fees.
    pub fees: Amount,
    /// All of it.
    pub outstanding: Amount,
}

/// Plans that were given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgeingChargedOff {
    /// How many.
    pub plans: i64,
    /// Their principal that was given up.
    pub principal: Amount,
    /// What of it came in later, from customers or as refunds.
    pub recovered: Amount,
}

names! {
    /// How many days past due; the due date itself is not late.
    AgeingBucketName {
        /// Not late.
        NotDue = "not_due",
        /// 1 to 30 days.
        To30 = "1-30",
        /// 31 to 60 days.
        To60 = "31-60",
        /// 61 to 90 days.
        To90 = "61-90",
        /// Longer.
        Over90 = "over_90",
    }
}

impl AgeingBucketName {
    const ALL: [Self; 5] = [Self::NotDue, Self::To30, Self::To60, Self::To90, Self::Over90];
}

#[derive(FromRow)]
struct Row {
    currency: String,
    /// None for what was given up.
    bucket: Option<String>,
    plans: i64,
    installments: i64,
    principal: Amount,
    interest: Amount,
    fees: Amount,
    /// For what was given up, what came in of it.
    outstanding: Amount,
}

const AGEING: &str = "with late as (select *, case when due_on >= $2 then 'not_due' when due_on >= $2 - 30 then '1-30' \
             when due_on >= $2 - 60 then '31-60' when due_on >= $2 - 90 then '61-90' else 'over_90' end as bucket \
         from plan_installments where merchant_id = $1 and not is_settled \
             and ($3::text is null or customer_id = $3) and ($4::text is null or currency = $4)) \
     select currency, bucket, count(distinct plan_id) as plans, count(*) as installments, \
         sum(principal_outstanding) as principal, sum(interest_outstanding) as interest, \
         sum(fee_outstanding) as fees, sum(outstanding) as outstanding from late group by currency, bucket \
     union all select currency, null, count(*), 0, sum(charged_off), sum(interest), sum(fees), \
         sum(recovered + refund_recovered) from plans \
     where merchant_id = $1 and status = 'charged_off' \
         and ($3::text is null or customer_id = $3) and ($4::text is null or currency = $4) group by currency \
     order by currency";

/// The ageing. It takes `on`, `customer_id` and `currency`. Where no day is said, it is today by the merchant's own
/// clock, or the day of `live`.
///
/// # Errors
/// [`QueryError`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
    live: DateTime<Utc>,
) -> Result<Answer<Ageing>, QueryError> {
    let (mut on, mut customer_id, mut currency) = (None, None, None);
    for (name, value) in pairs {
        match name.as_str() {
            "on" => on = Some(day(name, value)?),
            "customer_id" => customer_id = Some(value.clone()),
            "currency" => currency = Some(value),
            _unknown => {
                let message = format!("ageing has no {name:?}; it takes on, customer_id and currency");
                return Err(SearchError::new("unknown_parameter", name, message).into());
            }
        }
    }
    let on = match on {
        Some(on) => on,
        None => clocks::today(reads, merchant, live).await?,
    };
    let (mut connection, position) =
        reads.begin(About { merchant, rooms: &[Room::Of(Streams::Plans)], only: None }).await?;
    let query = sqlx::query_as(AGEING).bind(merchant.as_str()).bind(on).bind(&customer_id).bind(currency);
    let rows: Vec<Row> = query.fetch_all(&mut *connection).await?;
    let currencies = in_currencies(rows).map_err(|_| sqlx::Error::Protocol("an ageing cannot be summed".to_owned()))?;
    Ok(Answer { data: Ageing { on, customer_id, currencies }, position })
}

fn in_currencies(rows: Vec<Row>) -> Result<Vec<CurrencyAgeing>, Misfit> {
    let mut parts: Vec<CurrencyAgeing> = Vec::new();
    for it in rows {
        if parts.last().is_none_or(|part| part.currency != it.currency) {
            parts.push(CurrencyAgeing::empty(&it.currency)?);
        }
        let Some(part) = parts.last_mut() else { continue };
        let Some(name) = it.bucket else {
            part.charged_off = AgeingChargedOff { plans: it.plans, principal: it.principal, recovered: it.outstanding };
            continue;
        };
        let Row { plans, installments, principal, interest, fees, outstanding, .. } = it;
        part.outstanding.add(outstanding)?;
        let bucket = AgeingBucketName::try_from(name).map_err(Misfit::because)?;
        if bucket != AgeingBucketName::NotDue {
            part.past_due.add(outstanding)?;
        }
        if let Some(known) = part.buckets.iter_mut().find(|it| it.bucket == bucket) {
            *known = AgeingBucket { bucket, plans, installments, principal, interest, fees, outstanding };
        }
    }
    Ok(parts)
}

impl CurrencyAgeing {
    fn empty(currency: &str) -> Result<Self, Misfit> {
        let nothing = Amount::zero(Currency::parse(currency).map_err(|it| Misfit::because(it.to_string()))?);
        let bucket = |bucket| AgeingBucket {
            bucket,
            plans: 0,
            installments: 0,
            principal: nothing,
            interest: nothing,
            fees: nothing,
            outstanding: nothing,
        };
        Ok(Self {
            currency: currency.to_owned(),
            buckets: AgeingBucketName::ALL.map(bucket).into(),
            outstanding: nothing,
            past_due: nothing,
            charged_off: AgeingChargedOff { plans: 0, principal: nothing, recovered: nothing },
        })
    }
}
