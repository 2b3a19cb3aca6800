//! The commands of a merchant's own clock, as clients write them. Only merchants in test mode have one.

use super::Asked;
use super::read::{Fault, When};
use chrono::{DateTime, Days, Months, Utc};
use mizan_domain::clock;
use mizan_domain::event::Command;
use serde::Deserialize;
use utoipa::ToSchema;

/// From now on time stands still, until it is advanced. A clock is started once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartClock {
    /// What it shows; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-01T12:00:00Z")]
    at: Option<When>,
}

impl Asked for StartClock {
    const SUMMARY: &'static str = "Start a clock of your own (test mode)";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let at = self.at.map_or(now, |When(at)| at);
        if at < DateTime::UNIX_EPOCH {
            return Err(Fault::new("time_too_old", "/at", "the time lies before 1970"));
        }
        Ok(Command::Clock(clock::Command::Start { at }))
    }
}

/// Time passes: by so many days or months, or to a moment. The answer comes when everything due until then has happened
/// and every read model shows it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceClock {
    /// So many days.
    #[schema(example = 30)]
    days: Option<u32>,
    /// So many months.
    months: Option<u32>,
    /// To this moment. A retry of it passes no time twice.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<When>,
}

impl Asked for AdvanceClock {
    const SUMMARY: &'static str = "Advance your own clock (test mode)";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let to = match (self.days, self.months, self.to) {
            (Some(days), None, None) => now.checked_add_days(Days::new(days.into())),
            (None, Some(months), None) => now.checked_add_months(Months::new(months)),
            (None, None, Some(When(to))) => Some(to),
            (Some(_) | None, ..) => {
                let message = "write exactly one of days, months and to";
                return Err(Fault { code: "invalid_value", pointer: None, message: message.to_owned() });
            }
        };
        let to = to.ok_or_else(|| Fault::new("invalid_value", "/to", "the time lies beyond the calendar"))?;
        Ok(Command::Clock(clock::Command::Advance { to }))
    }
}
