//! Which moment a question is about: `as_of`, a position or a time of recording, and `effective_at`, a time of the world.

use crate::engine::Engine;
use crate::problem::Problem;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use mizan_projections::Moment;
use mizan_store::Position;

/// The years of the world in which anything can have happened.
const YEAR_MIN: i32 = 1900;
const YEAR_MAX: i32 = 9998;

/// The moment; none where the question is about now.
pub(super) async fn read(
    engine: &Engine,
    as_of: Option<&str>,
    effective_at: Option<&str>,
) -> Result<Option<Moment>, Problem> {
    if as_of.is_none() && effective_at.is_none() {
        return Ok(None);
    }
    let as_of = match as_of {
        Some(text) => Some(recorded(engine, "as_of", text).await?),
        None => None,
    };
    Ok(Some(Moment { as_of, effective_at: effective_at.map(effective).transpose()? }))
}

/// The position that a parameter names, or the last one that was recorded by the time that it names.
pub(super) async fn recorded(engine: &Engine, parameter: &str, text: &str) -> Result<Position, Problem> {
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        return position(engine, parameter, text).await;
    }
    let Ok(moment) = DateTime::parse_from_rfc3339(text) else {
        let message = "write a position, or a time of recording as RFC 3339, for example 2026-03-31T23:59:59Z";
        return Err(Problem::bad_parameter("bad_parameter", parameter, message));
    };
    if moment > Utc::now() {
        let message = "that time has not come: the answer could still change";
        return Err(Problem::bad_parameter("time_in_future", parameter, message));
    }
    // What is recorded in that very microsecond was known by then.
    let after = moment.to_utc().checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let found = engine.log.last_before(after).await.map_err(|error| no_answer(&error))?;
    found.ok_or_else(|| Problem::unavailable("the history has a hole and cannot be searched by time; run mizan audit"))
}

/// A position that the history has reached.
async fn position(engine: &Engine, parameter: &str, text: &str) -> Result<Position, Problem> {
    Ok(position_and_head(engine, parameter, text).await?.0)
}

/// The end of the history, which has reached the position that a parameter names.
pub(super) async fn head_after(engine: &Engine, parameter: &str, text: &str) -> Result<Position, Problem> {
    Ok(position_and_head(engine, parameter, text).await?.1)
}

async fn position_and_head(engine: &Engine, parameter: &str, text: &str) -> Result<(Position, Position), Problem> {
    let Some(wanted) = text.parse::<i64>().ok().filter(|it| *it >= 0) else {
        let message = "write the position of a command's answer: 0 or more";
        return Err(Problem::bad_parameter("bad_parameter", parameter, message));
    };
    let head = engine.log.head().await.map_err(|error| no_answer(&error))?;
    if Position::new(wanted) > head {
        let message = format!("the history ends at position {head}; write the position of a command's answer");
        return Err(Problem::bad_parameter("position_in_future", parameter, &message));
    }
    Ok((Position::new(wanted), head))
}

/// A time of the world; a date means its end, in UTC.
fn effective(text: &str) -> Result<DateTime<Utc>, Problem> {
    let known = |year: i32| (YEAR_MIN..=YEAR_MAX).contains(&year);
    if let Some(moment) = DateTime::parse_from_rfc3339(text).ok().filter(|it| known(it.year())) {
        return Ok(moment.to_utc());
    }
    let end = |date: NaiveDate| {
        let next = date.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN).and_utc();
        next.checked_sub_signed(TimeDelta::microseconds(1))
    };
    text.parse().ok().filter(|it: &NaiveDate| known(it.year())).and_then(end).ok_or_else(|| {
        let message = "write a time as RFC 3339, or a date, which means its end in UTC: 2026-03-31";
        Problem::bad_parameter("bad_parameter", "effective_at", message)
    })
}

fn no_answer(error: &mizan_store::LogError) -> Problem {
    tracing::error!(%error, "the log could not be searched");
    Problem::unavailable("the event log does not answer; ask again in a moment")
}
