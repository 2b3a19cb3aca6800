//! What is asked of the history: the parameters of `GET /v1/events`.

use crate::problem::Problem;
use chrono::{DateTime, TimeDelta, Utc};
use mizan_store::{HistoryFilter, Position};
use std::collections::BTreeSet;
use uuid::Uuid;

const PAGE_EVENTS: i64 = 100;
const PAGE_EVENTS_MAX: i64 = 1_000;
/// The filters, for their documentation and for whoever asks for another.
pub(crate) const PARAMETERS: &str = "after, limit, stream, category, kind, kind[in], correlation_id, causation_id, \
                                     recorded_at[gte], recorded_at[gt], recorded_at[lte] and recorded_at[lt]";

/// Which events, and how many at a time.
pub(super) struct Question {
    /// The position before the first one.
    pub(super) after: Position,
    /// Of a page.
    pub(super) limit: i64,
    /// What they have to be.
    pub(super) filter: HistoryFilter,
}

impl Question {
    /// Reads the parameters; `kind` may stand several times, every other one once.
    pub(super) fn read(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut it = Self { after: Position::START, limit: PAGE_EVENTS, filter: HistoryFilter::default() };
        let mut seen = BTreeSet::new();
        for (name, value) in pairs {
            if name != "kind" && !seen.insert(name.clone()) {
                return Err(Problem::bad_parameter("repeated_parameter", &name, &format!("{name} stands twice")));
            }
            it.take(&name, value).map_err(|message| Problem::bad_parameter("bad_parameter", &name, &message))?;
        }
        Ok(it)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        let filter = &mut self.filter;
        match name {
            "after" => match value.parse() {
                Ok(number) if number >= 0 => self.after = Position::new(number),
                Ok(_) | Err(_) => return Err("after is a position: 0 or a number from an answer".to_owned()),
            },
            "limit" => match value.parse() {
                Ok(limit) if (1..=PAGE_EVENTS_MAX).contains(&limit) => self.limit = limit,
                Ok(_) | Err(_) => return Err("limit is a number from 1 to 1000".to_owned()),
            },
            "stream" => {
                let (category, id) = value.split_once('/').ok_or("stream is a category and an id: order/o-1")?;
                filter.category = Some(category.to_owned());
                filter.name = Some(id.to_owned());
            }
            "category" => filter.category = Some(value),
            "kind" => filter.kinds.push(value),
            "kind[in]" => filter.kinds.extend(value.split(',').map(str::to_owned)),
            "correlation_id" => filter.correlation_id = Some(uuid(&value)?),
            "causation_id" => filter.causation_id = Some(uuid(&value)?),
            // Recorded time is kept in microseconds: after one of them is from the next.
            "recorded_at[gte]" => filter.recorded_from = filter.recorded_from.max(Some(moment(&value)?)),
            "recorded_at[gt]" => filter.recorded_from = filter.recorded_from.max(Some(next(moment(&value)?))),
            "recorded_at[lt]" => filter.recorded_before = sooner(filter.recorded_before, moment(&value)?),
            "recorded_at[lte]" => filter.recorded_before = sooner(filter.recorded_before, next(moment(&value)?)),
            _unknown => return Err(format!("the parameters are {PARAMETERS}")),
        }
        Ok(())
    }
}

fn uuid(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "this is not a UUID".to_owned())
}

/// PostgreSQL knows no later time than that of its own calendar; the years of RFC 3339 have four digits.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let read = DateTime::parse_from_rfc3339(text).map(|it| it.to_utc());
    read.map_err(|_| "this is not a time such as 2026-01-31T12:00:00Z".to_owned())
}

fn next(moment: DateTime<Utc>) -> DateTime<Utc> {
    moment.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(moment)
}

fn sooner(known: Option<DateTime<Utc>>, said: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(known.map_or(said, |known| known.min(said)))
}
