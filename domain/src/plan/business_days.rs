//! Business days: where a due date goes that falls on a weekend or holiday.
//!
//! A move touches the due date shown and lateness, never the anchor: the next due date is counted from the calendar,
//! not from where this one went.

use chrono::{NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

/// Which way a due date moves off a day that is no business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjust {
    /// It stays.
    #[default]
    None,
    /// To the next business day.
    Following,
    /// To the next business day, or the one before if the next is in another month.
    ModifiedFollowing,
    /// To the business day before.
    Preceding,
}

/// The calendar of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BusinessDays {
    /// Which way dates move.
    #[serde(default)]
    pub adjust: Adjust,
    /// The days of the week on which nothing falls due.
    #[serde(default)]
    pub weekend: Vec<Weekday>,
    /// Single days on which nothing falls due.
    #[serde(default)]
    pub holidays: Vec<NaiveDate>,
    /// Whether interest is counted between the moved dates. Otherwise it is counted between the dates of the calendar.
    #[serde(default)]
    pub interest_follows: bool,
}

impl BusinessDays {
    /// Where this date goes.
    #[must_use]
    pub fn moved(&self, date: NaiveDate) -> NaiveDate {
        date
    }
}
