//! The history as it is searched: what of it is wanted, and the way there without an index for each question.
//!
//! Only positions, streams and revisions are indexed, because every further index would be paid by every append. A
//! moment is found by halving, since recorded time never goes back along the positions. Everything else is looked for
//! event by event, a window of positions at a time, so that no statement runs into its time limit.

use super::{EVENT, ITS_STREAM, STREAM_FIRST, Store};
use crate::log::{Found, HistoryFilter, LogError, Position, READ_EVENTS_MAX, Stored};
use chrono::{DateTime, Utc};
use mizan_domain::id::MerchantId;
use sqlx::{Postgres, QueryBuilder};
use std::time::{Duration, Instant};

/// How many positions one statement looks through.
const WINDOW_EVENTS: i64 = 50_000;
/// After this long, a search answers what it has found so far.
const SEARCH_MAX: Duration = Duration::from_secs(5);

impl Store {
    pub(crate) async fn history(
        &self,
        merchant: &MerchantId,
        filter: &HistoryFilter,
        (after, up_to): (Position, Position),
        limit: i64,
    ) -> Result<Found, LogError> {
        let limit = limit.clamp(0, READ_EVENTS_MAX);
        let (mut from, mut end) = (after, up_to);
        if let Some(moment) = filter.recorded_from {
            from = self.last_before(moment).await?.map_or(from, |found| from.max(found));
        }
        if let Some(moment) = filter.recorded_before {
            end = self.last_before(moment).await?.map_or(end, |found| end.min(found));
        }
        let begun = Instant::now();
        let mut events = Vec::new();
        while from < end && begun.elapsed() < SEARCH_MAX {
            let to = if filter.name.is_some() {
                end
            } else {
                end.min(Position::new(from.number().saturating_add(WINDOW_EVENTS)))
            };
            let left = limit - i64::try_from(events.len()).unwrap_or(limit);
            let mut sql = wanted(merchant, filter, (from, to));
            // In one stream revisions run as positions do, and are what its index has.
            let order = if filter.category.is_some() && filter.name.is_some() { "e.revision" } else { "e.position" };
            sql.push(" order by ").push(order).push(" limit ").push_bind(left);
            let page: Vec<Stored> = sql.build_query_as().fetch_all(&self.pool).await?;
            let is_full = i64::try_from(page.len()).is_ok_and(|read| read == left);
            events.extend(page);
            if is_full {
                let reached = events.last().map_or(from, |it| it.position);
                return Ok(Found { events, reached });
            }
            from = to;
        }
        // Nothing after the end of the time that was asked for is wanted.
        let reached = if from < end { from } else { up_to.max(after) };
        Ok(Found { events, reached })
    }

    pub(crate) async fn last_before(&self, moment: DateTime<Utc>) -> Result<Option<Position>, LogError> {
        // All up to `low` were recorded before, none after `high`.
        let found = sqlx::query_scalar(
            "with recursive search(low, high) as (
                 select 0::bigint, position from log_head
                 union all
                 select case when e.recorded_at < $1 then e.position else low end,
                        case when e.recorded_at < $1 then high else e.position - 1 end
                 from search join events e on e.position = (low + high + 1) / 2 where low < high
             ) select low from search where low = high",
        )
        .bind(moment)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    pub(crate) async fn merchants(&self) -> Result<Vec<String>, LogError> {
        // From name to name along the index, however many streams each has.
        let rows = sqlx::query_scalar(
            "with recursive found(merchant) as (
                 (select merchant_id from streams order by merchant_id limit 1)
                 union all
                 select (select s.merchant_id from streams s where s.merchant_id > found.merchant
                         order by s.merchant_id limit 1)
                 from found where found.merchant is not null
             ) select merchant from found where merchant is not null order by merchant",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

fn wanted(merchant: &MerchantId, filter: &HistoryFilter, (from, to): (Position, Position)) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(EVENT);
    // One stream is found by its name; otherwise it is a walk along the positions.
    sql.push(" ").push(if filter.name.is_some() { STREAM_FIRST } else { ITS_STREAM });
    sql.push(" where e.position > ").push_bind(from).push(" and e.position <= ").push_bind(to);
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
    for bytes in filter.in_metadata() {
        sql.push(" and position(").push_bind(bytes).push(" in e.metadata) > 0");
    }
    sql
}
