//! The history as it is searched: what the index knows is asked there, what only the events know is looked at one by one.

use super::Store;
use super::index::{ROW, Row};
use super::read::Bytes;
use crate::log::{Found, HistoryFilter, LogError, Position, READ_EVENTS_MAX, Stored};
use chrono::{DateTime, Utc};
use mizan_domain::id::MerchantId;
use sqlx::{Postgres, QueryBuilder};
use std::time::{Duration, Instant};

/// After this long, a search answers what it has found so far.
const SEARCH_MAX: Duration = Duration::from_secs(5);
/// How many events are fetched at a time where not every one is wanted.
const WINDOW_EVENTS: i64 = 2_000;

impl Store {
    pub(crate) async fn history(
        &self,
        merchant: &MerchantId,
        filter: &HistoryFilter,
        (after, up_to): (Position, Position),
        limit: i64,
    ) -> Result<Found, LogError> {
        let limit = limit.clamp(0, READ_EVENTS_MAX);
        if limit == 0 {
            return Ok(Found { events: Vec::new(), reached: after });
        }
        let wanted: Vec<Vec<u8>> = filter.in_metadata().collect();
        let begun = Instant::now();
        let (mut events, mut reached) = (Vec::new(), after);
        loop {
            let left = limit - i64::try_from(events.len()).unwrap_or(limit);
            let window = if wanted.is_empty() { left } else { WINDOW_EVENTS };
            let mut sql = candidates(merchant, filter, (reached, up_to));
            sql.push(" order by e.position limit ").push_bind(window);
            let rows: Vec<Row> = sql.build_query_as().fetch_all(self.pool()).await?;
            let is_last = i64::try_from(rows.len()).is_ok_and(|read| read < window);
            reached = rows.last().map_or(reached, |it| it.position);
            for stored in self.fetch(rows, Bytes::Checked).await? {
                if wanted.iter().all(|bytes| has(&stored, bytes)) {
                    events.push(stored);
                }
                if i64::try_from(events.len()).is_ok_and(|found| found >= limit) {
                    let reached = events.last().map_or(after, |it: &Stored| it.position);
                    return Ok(Found { events, reached });
                }
            }
            if is_last {
                return Ok(Found { events, reached: up_to.max(after) });
            }
            if begun.elapsed() >= SEARCH_MAX {
                return Ok(Found { events, reached });
            }
        }
    }

    pub(crate) async fn last_before(&self, moment: DateTime<Utc>) -> Result<Option<Position>, LogError> {
        // All up to `low` were recorded before, none after `high`.
        let found = sqlx::query_scalar(
            "with recursive search(low, high) as (
                 select 0::bigint, position from esdb.head
                 union all
                 select case when e.recorded_at < $1 then e.position else low end,
                        case when e.recorded_at < $1 then high else e.position - 1 end
                 from search join esdb.places e on e.position = (low + high + 1) / 2 where low < high
             ) select low from search where low = high",
        );
        Ok(found.bind(moment).fetch_optional(self.pool()).await?)
    }

    pub(crate) async fn merchants(&self) -> Result<Vec<String>, LogError> {
        let rows = sqlx::query_scalar(
            "with recursive found(merchant) as (
                 (select merchant_id from esdb.streams order by merchant_id limit 1)
                 union all
                 select (select s.merchant_id from esdb.streams s where s.merchant_id > found.merchant
                         order by s.merchant_id limit 1)
                 from found where found.merchant is not null
             ) select merchant from found where merchant is not null order by merchant",
        );
        Ok(rows.fetch_all(self.pool()).await?)
    }
}

fn has(stored: &Stored, bytes: &[u8]) -> bool {
    stored.metadata.windows(bytes.len()).any(|it| it == bytes)
}

/// The events that may be wanted, as far as the index can tell.
fn candidates(
    merchant: &MerchantId,
    filter: &HistoryFilter,
    (from, to): (Position, Position),
) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(ROW);
    sql.push(" join esdb.streams s using (stream_id) where e.position > ").push_bind(from);
    sql.push(" and e.position <= ").push_bind(to);
    sql.push(" and s.merchant_id = ").push_bind(merchant.as_str());
    if let Some(category) = &filter.category {
        sql.push(" and s.category = ").push_bind(category);
    }
    if let Some(name) = &filter.name {
        sql.push(" and s.name = ").push_bind(name);
    }
    if !filter.kinds.is_empty() {
        sql.push(" and e.kind = any(").push_bind(&filter.kinds).push(")");
    }
    if let Some(moment) = filter.recorded_from {
        sql.push(" and e.recorded_at >= ").push_bind(moment);
    }
    if let Some(moment) = filter.recorded_before {
        sql.push(" and e.recorded_at < ").push_bind(moment);
    }
    sql
}
