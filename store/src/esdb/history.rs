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
/// How many positions one statement looks through.
const WINDOW_POSITIONS: i64 = 200_000;
/// How many events are fetched at a time where not every one is wanted.
const FETCH_EVENTS: i64 = 2_000;

impl Store {
    pub(crate) async fn history(
        &self,
        merchant: &MerchantId,
        filter: &HistoryFilter,
        (after, up_to): (Position, Position),
        limit: i64,
    ) -> Result<Found, LogError> {
        let limit = limit.clamp(0, READ_EVENTS_MAX);
        let (mut reached, mut end) = (after, up_to);
        if let Some(moment) = filter.recorded_from {
            reached = self.last_before(moment).await?.map_or(reached, |found| reached.max(found));
        }
        if let Some(moment) = filter.recorded_before {
            end = self.last_before(moment).await?.map_or(end, |found| end.min(found));
        }
        let in_metadata: Vec<Vec<u8>> = filter.in_metadata().collect();
        let begun = Instant::now();
        let mut events = Vec::new();
        while reached < end && begun.elapsed() < SEARCH_MAX {
            let left = limit - i64::try_from(events.len()).unwrap_or(limit);
            if left <= 0 {
                return Ok(Found { events, reached });
            }
            // One stream is found by its name; otherwise it is a walk along the positions.
            let to = if filter.name.is_some() { end } else { end.min(reached.of_nth_after(WINDOW_POSITIONS)) };
            let most = if in_metadata.is_empty() { left } else { FETCH_EVENTS };
            let mut sql = candidates(merchant, filter, (reached, to));
            sql.push(" order by e.position limit ").push_bind(most);
            let rows: Vec<Row> = sql.build_query_as().fetch_all(self.pool()).await?;
            let is_whole = i64::try_from(rows.len()).is_ok_and(|found| found < most);
            reached = if is_whole { to } else { rows.last().map_or(to, |it| it.position) };
            let wanted = |it: &Stored| in_metadata.iter().all(|bytes| has(it, bytes));
            let mut found = self.fetch(rows, Bytes::Checked).await?.into_iter().filter(wanted);
            events.extend(found.by_ref().take(usize::try_from(left).unwrap_or(usize::MAX)));
            if found.next().is_some() {
                reached = events.last().map_or(after, |it: &Stored| it.position);
            }
        }
        // Nothing after the end of the time that was asked for is wanted.
        let reached = if reached < end { reached } else { up_to.max(after) };
        Ok(Found { events, reached })
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
    sql
}
