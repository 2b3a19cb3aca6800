//! Which part of the history: between two positions or days, of one merchant.

use super::{Failure, first_after, grouped};
use chrono::{NaiveDate, NaiveTime};
use clap::ValueEnum;
use mizan_store::{Log, Position};
use std::fmt;
use std::str::FromStr;

#[derive(clap::Args)]
pub(super) struct Selection {
    /// The first that is wanted: a position, or a day such as 2026-01-31
    #[arg(long, value_name = "POSITION|DAY")]
    from: Option<Bound>,
    /// The last that is wanted: a position, or a day such as 2026-01-31
    #[arg(long, value_name = "POSITION|DAY")]
    to: Option<Bound>,
    /// Which day of an event --from and --to mean
    #[arg(long, value_enum, default_value_t = Days::Effective)]
    days: Days,
    /// Only the events of this merchant
    #[arg(long, value_name = "ID")]
    merchant: Option<String>,
}

/// Which day of an event.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Days {
    /// The day it counts for, which is the date in a journal
    Effective,
    /// The day it was recorded, in UTC
    Recorded,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Position(i64),
    Day(NaiveDate),
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse::<i64>() {
            return if position > 0 { Ok(Self::Position(position)) } else { Err("positions begin with 1".to_owned()) };
        }
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
        day.map(Self::Day).map_err(|_| "this is neither a position nor a day such as 2026-01-31".to_owned())
    }
}

/// A selection, found in a history.
pub(super) struct Wanted {
    /// The position before the first one.
    pub(super) after: Position,
    /// The last position.
    pub(super) up_to: Position,
    /// Whose events.
    pub(super) merchants: Vec<String>,
    from_day: Option<NaiveDate>,
    to_day: Option<NaiveDate>,
}

impl Selection {
    /// Whether nothing is left out.
    pub(super) fn is_everything(&self) -> bool {
        self.from.is_none() && self.to.is_none() && self.merchant.is_none()
    }

    /// Finds its bounds in the history as it is now.
    pub(super) async fn find(&self, log: &Log) -> Result<Wanted, Failure> {
        let known = log.merchants().await?;
        let merchants = match &self.merchant {
            Some(asked) if known.contains(asked) => vec![asked.clone()],
            Some(asked) => return Err(format!("merchant {asked:?} has no history; known: {}", known.join(", ")).into()),
            None => known,
        };
        let head = log.head().await?;
        let mut it = Wanted { after: Position::START, up_to: head, merchants, from_day: None, to_day: None };
        match (self.from, self.days) {
            (None, _) => (),
            (Some(Bound::Position(position)), _) => it.after = Position::new(position - 1),
            (Some(Bound::Day(day)), Days::Effective) => it.from_day = Some(day),
            (Some(Bound::Day(day)), Days::Recorded) => it.after = last_before(log, Some(day)).await?,
        }
        match (self.to, self.days) {
            (None, _) => (),
            (Some(Bound::Position(position)), _) => it.up_to = head.min(Position::new(position)),
            (Some(Bound::Day(day)), Days::Effective) => it.to_day = Some(day),
            (Some(Bound::Day(day)), Days::Recorded) => it.up_to = last_before(log, day.succ_opt()).await?.min(head),
        }
        it.after = it.after.min(it.up_to);
        Ok(it)
    }
}

/// The last event before a day began in UTC.
async fn last_before(log: &Log, day: Option<NaiveDate>) -> Result<Position, Failure> {
    let moment = day.ok_or("there is no later day")?.and_time(NaiveTime::MIN).and_utc();
    let found = log.last_before(moment).await?;
    Ok(found.ok_or("the history has a hole; `mizan audit` says where")?)
}

impl Wanted {
    /// Whether days tell apart what is wanted.
    pub(super) fn asks_for_days(&self) -> bool {
        self.from_day.is_some() || self.to_day.is_some()
    }

    /// Whether what counts for this day is wanted.
    pub(super) fn has_day(&self, day: NaiveDate) -> bool {
        self.from_day.is_none_or(|from| from <= day) && self.to_day.is_none_or(|to| day <= to)
    }
}

impl fmt::Display for Wanted {
    /// For example `of local, positions 1 to 163, effective from 2026-01-01 to 2026-01-31`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let merchants = if self.merchants.is_empty() { "nobody".to_owned() } else { self.merchants.join(", ") };
        write!(f, "of {merchants}, ")?;
        match self.up_to {
            last if last <= self.after => f.write_str("no position")?,
            last => {
                write!(f, "positions {} to {}", grouped(first_after(self.after)), grouped(last.number()))?;
            }
        }
        match (self.from_day, self.to_day) {
            (None, None) => Ok(()),
            (Some(from), None) => write!(f, ", effective from {from}"),
            (None, Some(to)) => write!(f, ", effective to {to}"),
            (Some(from), Some(to)) => write!(f, ", effective from {from} to {to}"),
        }
    }
}
