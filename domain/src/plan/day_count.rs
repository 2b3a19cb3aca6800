//! Day counts: what part of a year's interest belongs to a period.

use serde::{Deserialize, Serialize};

/// How the days of a period and of a year are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayCount {
    /// Every month is a twelfth of a year.
    #[default]
    #[serde(rename = "thirty_360")]
    Thirty360,
    /// Actual days over 365, also in leap years.
    #[serde(rename = "actual_365")]
    Actual365,
    /// Actual days over the days of the calendar year that they lie in.
    #[serde(rename = "actual_actual")]
    ActualActual,
    /// Actual days over 364, which is 52 weeks.
    #[serde(rename = "weekly_364")]
    Weekly364,
}
