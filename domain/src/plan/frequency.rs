//! How often payments fall due, and on which days.
//!
//! Every due date is counted from the anchor and never from the date before, so that the 31st comes back after every
//! shorter month. Nothing here knows about weekends.

use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};

/// The time between two payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// Every seven days.
    Weekly,
    /// Every fourteen days.
    EveryTwoWeeks,
    /// Twice a month, fifteen days apart: the anchor's day and the day fifteen later (for the 1st to the 15th) or
    /// earlier (for the 16th to the 31st). The 15th goes with the month's last day, the 31st with the 15th.
    SemiMonthly,
    /// Once a month, on the anchor's day.
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
        match self.rhythm() {
            Rhythm::Days(days) => {
                let distance = Days::new(u64::from(days) * u64::from(steps.unsigned_abs()));
                if steps < 0 { anchor.checked_sub_days(distance) } else { anchor.checked_add_days(distance) }
            }
            Rhythm::Month(per_month) => Place::of(anchor, per_month).moved(steps).date(month_end),
        }
    }

    /// The first step whose date may lie after `from`, counted from the anchor: never past it, and near it.
    pub(super) fn steps_before(self, anchor: NaiveDate, from: NaiveDate) -> i32 {
        let steps = match self.rhythm() {
            Rhythm::Days(0) => 0,
            Rhythm::Days(days) => (from - anchor).num_days() / i64::from(days) - 1,
            Rhythm::Month(per_month) => i64::from(month_of(from) - month_of(anchor) - 2) * i64::from(per_month.count()),
        };
        i32::try_from(steps).unwrap_or(0)
    }

    /// What the calendar counts in.
    pub(super) fn rhythm(self) -> Rhythm {
        match self {
            Self::Weekly => Rhythm::Days(7),
            Self::EveryTwoWeeks => Rhythm::Days(14),
            Self::SemiMonthly => Rhythm::Month(PerMonth::Twice),
            Self::Monthly => Rhythm::Month(PerMonth::Once),
            Self::EveryDays(days) => Rhythm::Days(days),
        }
    }
}

/// What a calendar counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// So many days.
    Days(u16),
    /// Days of the month.
    Month(PerMonth),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PerMonth {
    Once,
    Twice,
}

impl PerMonth {
    pub(super) fn count(self) -> u8 {
        match self {
            Self::Once => 1,
            Self::Twice => 2,
        }
    }
}

/// A due date as the calendar means it, before its month's length is looked at: the 31st of a February.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Years times twelve and months, from 0.
    month: i32,
    /// The days of the month on which payments fall due; one and the same if there is but one.
    days: (u32, u32),
    /// Whether this is the second of the two.
    is_second: bool,
    per_month: PerMonth,
}

impl Place {
    /// The place that an anchor means: its own day.
    pub(super) fn of(anchor: NaiveDate, per_month: PerMonth) -> Self {
        Self::on(month_of(anchor), anchor.day(), per_month)
    }

    fn on(month: i32, day: u32, per_month: PerMonth) -> Self {
        let (days, is_second) = match (per_month, day) {
            (PerMonth::Once, day) => ((day, day), false),
            (PerMonth::Twice, 15) => ((15, 31), false),
            (PerMonth::Twice, 31) => ((15, 31), true),
            (PerMonth::Twice, ..15) => ((day, day + 15), false),
            (PerMonth::Twice, _) => ((day - 15, day), true),
        };
        Self { month, days, is_second, per_month }
    }

    /// Every place that may have become this date, the date's own day first.
    pub(super) fn possible(date: NaiveDate, per_month: PerMonth, month_end: MonthEnd) -> Vec<Self> {
        let own = Self::of(date, per_month);
        let mut places = vec![own];
        let month = month_of(date);
        let short_month = match month_end {
            MonthEnd::Clamp => month,
            MonthEnd::Roll => month - 1,
        };
        let missing = (29..=31).filter(|day| place_date(short_month, *day, month_end) == Some(date));
        places.extend(missing.map(|day| Self::on(short_month, day, per_month)).filter(|it| *it != own));
        if per_month == PerMonth::Twice && date.day() == 15 {
            // The 15th goes with the 30th if the 30th was the anchor.
            places.push(Self { month, days: (15, 30), is_second: false, per_month });
        }
        places
    }

    /// Whether both belong to one calendar.
    pub(super) fn goes_with(self, anchor: Self) -> bool {
        self.days == anchor.days
    }

    pub(super) fn moved(self, steps: i32) -> Self {
        match self.per_month {
            PerMonth::Once => Self { month: self.month.saturating_add(steps), ..self },
            PerMonth::Twice => {
                let place =
                    self.month.saturating_mul(2).saturating_add(i32::from(self.is_second)).saturating_add(steps);
                Self { month: place.div_euclid(2), is_second: place.rem_euclid(2) == 1, ..self }
            }
        }
    }

    pub(super) fn date(self, month_end: MonthEnd) -> Option<NaiveDate> {
        place_date(self.month, if self.is_second { self.days.1 } else { self.days.0 }, month_end)
    }
}

/// Years times twelve and months, from 0.
pub(super) fn month_of(date: NaiveDate) -> i32 {
    let months = i32::try_from(date.month0()).unwrap_or(0);
    date.year() * 12 + months
}

/// The day of this month, or where it goes if the month is shorter.
pub(super) fn place_date(month: i32, day: u32, month_end: MonthEnd) -> Option<NaiveDate> {
    let first = |month: i32| {
        let month0 = u32::try_from(month.rem_euclid(12)).ok()?;
        NaiveDate::from_ymd_opt(month.div_euclid(12), month0 + 1, 1)
    };
    let start = first(month)?;
    if let Some(date) = start.with_day(day) {
        return Some(date);
    }
    let next = first(month.checked_add(1)?)?;
    match month_end {
        MonthEnd::Clamp => next.pred_opt(),
        MonthEnd::Roll => Some(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn dates(frequency: Frequency, anchor: &str, month_end: MonthEnd, count: i32) -> Vec<String> {
        (1..=count).map(|k| frequency.due(day(anchor), month_end, k).unwrap().to_string()[5..].to_owned()).collect()
    }

    #[test]
    fn the_anchor_never_drifts() {
        use Frequency::{EveryDays, EveryTwoWeeks, Monthly, SemiMonthly, Weekly};
        use MonthEnd::{Clamp, Roll};
        let cases: [(Frequency, &str, MonthEnd, &[&str]); 14] = [
            (Monthly, "2025-01-31", Clamp, &["02-28", "03-31", "04-30", "05-31"]),
            (Monthly, "2025-01-31", Roll, &["03-01", "03-31", "05-01", "05-31"]),
            (Monthly, "2024-01-30", Clamp, &["02-29", "03-30", "04-30"]),
            (Monthly, "2024-01-30", Roll, &["03-01", "03-30", "04-30"]),
            (Monthly, "2025-11-15", Clamp, &["12-15", "01-15"]),
            (SemiMonthly, "2025-01-01", Clamp, &["01-16", "02-01", "02-16", "03-01"]),
            (SemiMonthly, "2025-01-16", Clamp, &["02-01", "02-16", "03-01"]),
            (SemiMonthly, "2025-01-15", Clamp, &["01-31", "02-15", "02-28", "03-15", "03-31", "04-15", "04-30"]),
            (SemiMonthly, "2025-01-31", Clamp, &["02-15", "02-28", "03-15", "03-31"]),
            (SemiMonthly, "2025-01-30", Roll, &["02-15", "03-01", "03-15", "03-30"]),
            (SemiMonthly, "2025-01-10", Clamp, &["01-25", "02-10", "02-25"]),
            (Weekly, "2025-01-31", Clamp, &["02-07", "02-14"]),
            (EveryTwoWeeks, "2025-02-28", Roll, &["03-14", "03-28"]),
            (EveryDays(15), "2024-02-20", Clamp, &["03-06", "03-21"]),
        ];
        for (frequency, anchor, month_end, expected) in cases {
            let count = i32::try_from(expected.len()).unwrap();
            assert_eq!(dates(frequency, anchor, month_end, count), expected, "{frequency:?} from {anchor}");
        }
    }

    #[test]
    fn frequencies_are_words_on_the_wire() {
        for (frequency, text) in
            [(Frequency::EveryTwoWeeks, r#""every_two_weeks""#), (Frequency::EveryDays(15), r#"{"every_days":15}"#)]
        {
            assert_eq!(serde_json::to_string(&frequency).unwrap(), text);
            assert_eq!(serde_json::from_str::<Frequency>(text).unwrap(), frequency);
        }
    }

    proptest! {
        /// Whatever date the calendar made, it is found again among the places that may have made it.
        #[test]
        fn a_date_remembers_its_place(offset in 0_u64..4000, steps in -60_i32..60, twice: bool, roll: bool) {
            let anchor = day("2020-01-01") + Days::new(offset);
            let per_month = if twice { PerMonth::Twice } else { PerMonth::Once };
            let month_end = if roll { MonthEnd::Roll } else { MonthEnd::Clamp };
            let place = Place::of(anchor, per_month).moved(steps);
            let date = place.date(month_end).unwrap();
            let possible = Place::possible(date, per_month, month_end);
            let before = place.moved(-1).date(month_end);
            prop_assert!(before < Some(date));
            prop_assert!(possible.iter().any(|it| it.moved(-1).date(month_end) == before), "{possible:?} {date}");
        }
    }
}
