//! Business days: where a due date goes that falls on a weekend or holiday.
//!
//! A move touches the due date shown and lateness, never the anchor: the next due date is counted from the calendar,
//! not from where this one went.

use chrono::{Datelike, NaiveDate, Weekday};
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
    #[serde(default, with = "weekdays")]
    pub weekend: Vec<Weekday>,
    /// Single days on which nothing falls due.
    #[serde(default)]
    pub holidays: Vec<NaiveDate>,
    /// Whether interest is counted between the moved dates. Otherwise it is counted between the dates of the calendar.
    #[serde(default)]
    pub interest_follows: bool,
}

/// How far a date may move before it is left where it was, in days.
const MOVE_DAYS_MAX: usize = 60;

impl BusinessDays {
    /// Where this date goes. It stays if there is no business day within 60 days.
    #[must_use]
    pub fn moved(&self, date: NaiveDate) -> NaiveDate {
        let next = || date.iter_days().take(MOVE_DAYS_MAX).find(|it| self.is_open(*it));
        let before =
            || std::iter::successors(Some(date), NaiveDate::pred_opt).take(MOVE_DAYS_MAX).find(|it| self.is_open(*it));
        let moved = match self.adjust {
            Adjust::None => None,
            Adjust::Following => next(),
            Adjust::ModifiedFollowing => next().filter(|it| it.month() == date.month()).or_else(before),
            Adjust::Preceding => before(),
        };
        moved.unwrap_or(date)
    }

    /// Whether dates move and no day of the week is left for them to move to.
    #[must_use]
    pub fn is_never_open(&self) -> bool {
        const WEEK: [Weekday; 7] =
            [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
        self.adjust != Adjust::None && WEEK.iter().all(|it| self.weekend.contains(it))
    }

    fn is_open(&self, date: NaiveDate) -> bool {
        !self.weekend.contains(&date.weekday()) && !self.holidays.contains(&date)
    }
}

/// Days of the week as lower-case words; any spelling that chrono reads is read.
mod weekdays {
    use chrono::Weekday;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(days: &[Weekday], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(days.iter().map(|day| match day {
            Weekday::Mon => "monday",
            Weekday::Tue => "tuesday",
            Weekday::Wed => "wednesday",
            Weekday::Thu => "thursday",
            Weekday::Fri => "friday",
            Weekday::Sat => "saturday",
            Weekday::Sun => "sunday",
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Weekday>, D::Error> {
        Vec::<Weekday>::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn due_dates_leave_days_off() {
        // 31 May 2025 is a Saturday; Monday 2 June is a holiday here.
        let cases = [
            (Adjust::None, "2025-05-31", "2025-05-31"),
            (Adjust::Following, "2025-05-31", "2025-06-03"),
            (Adjust::ModifiedFollowing, "2025-05-31", "2025-05-30"),
            (Adjust::ModifiedFollowing, "2025-06-01", "2025-06-03"),
            (Adjust::Preceding, "2025-06-02", "2025-05-30"),
            (Adjust::Following, "2025-06-04", "2025-06-04"),
        ];
        for (adjust, date, expected) in cases {
            let weekend = vec![Weekday::Sat, Weekday::Sun];
            let calendar = BusinessDays { adjust, weekend, holidays: vec![day("2025-06-02")], interest_follows: false };
            assert_eq!(calendar.moved(day(date)), day(expected), "{adjust:?} {date}");
        }
    }

    #[test]
    fn the_wire_says_saturday() {
        let text = r#"{"adjust":"modified_following","weekend":["saturday"],"holidays":["2025-12-25"],"interest_follows":true}"#;
        let read: BusinessDays = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(serde_json::from_str::<BusinessDays>("{}").unwrap(), BusinessDays::default());
    }
}
