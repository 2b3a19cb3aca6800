//! The clock of a merchant in test mode: it stands still until somebody advances it, and never goes back.
//!
//! A clock is a stream like any other, so what time it was is a part of the history. Merchants in live mode have none;
//! their time is the world's.

use crate::decider::{Decider, Refused};
use crate::order::Timestamp;
use chrono::{Datelike, Days};
use serde::{Deserialize, Serialize};

/// The name of the one clock that a merchant can have.
pub const NAME: &str = "merchant";
/// How far one command can advance it, in days: ten years, as long as the longest plan.
pub const ADVANCE_DAYS_MAX: u64 = 3_660;

/// The last year that a clock can show.
pub const YEAR_MAX: i32 = 2200;

/// A merchant's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    now: Option<Timestamp>,
}

/// Everything that can be asked of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// It is set, once, to any time.
    Start {
        /// What it shows.
        at: Timestamp,
    },
    /// It goes forward.
    Advance {
        /// What it shows then.
        to: Timestamp,
    },
}

/// Everything that can have happened to a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `clock-started`
    Started(Started),
    /// `clock-advanced`
    Advanced(Advanced),
}

impl Event {
    /// What the clock showed then.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Started(it) => it.at,
            Self::Advanced(it) => it.at,
        }
    }
}

/// The merchant has a clock of its own from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// What it shows.
    pub at: Timestamp,
}

/// The clock went forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advanced {
    /// What it showed before.
    pub from: Timestamp,
    /// What it shows.
    pub at: Timestamp,
}

/// Why a clock refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It runs already.
    #[error("the clock was started before and shows {now}; advance it instead")]
    AlreadyStarted {
        /// What it shows.
        now: Timestamp,
    },
    /// It was never started.
    #[error("the merchant has no clock of its own yet; start one with start-clock")]
    NotStarted,
    /// Back.
    #[error("the clock shows {now} and never goes back")]
    BeforeNow {
        /// What it shows.
        now: Timestamp,
    },
    /// Too far at once, or at all.
    #[error("a clock goes at most {ADVANCE_DAYS_MAX} days at once, and to the end of {YEAR_MAX}")]
    TooFar,
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::AlreadyStarted { .. } => "clock_already_started",
            Self::NotStarted => "clock_not_started",
            Self::BeforeNow { .. } => "clock_never_goes_back",
            Self::TooFar => "clock_too_far",
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::AlreadyStarted { .. } => Some("/at".to_owned()),
            Self::NotStarted => None,
            Self::BeforeNow { .. } | Self::TooFar => Some("/to".to_owned()),
        }
    }
}

impl Decider for Clock {
    const CATEGORY: &'static str = "clock";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        let shown = match *command {
            Command::Start { at } => at,
            Command::Advance { to } => to,
        };
        if shown.year() > YEAR_MAX {
            return Err(Refusal::TooFar);
        }
        match (*command, self.now) {
            (Command::Start { at }, None) => Ok(vec![Event::Started(Started { at })]),
            (Command::Start { at }, Some(now)) if at == now => Ok(Vec::new()),
            (Command::Start { .. }, Some(now)) => Err(Refusal::AlreadyStarted { now }),
            (Command::Advance { .. }, None) => Err(Refusal::NotStarted),
            (Command::Advance { to }, Some(now)) if to == now => Ok(Vec::new()),
            (Command::Advance { to }, Some(now)) if to < now => Err(Refusal::BeforeNow { now }),
            (Command::Advance { to }, Some(now)) => {
                let furthest = now.checked_add_days(Days::new(ADVANCE_DAYS_MAX));
                if furthest.is_none_or(|furthest| to > furthest) {
                    return Err(Refusal::TooFar);
                }
                Ok(vec![Event::Advanced(Advanced { from: now, at: to })])
            }
        }
    }

    fn evolve(&mut self, event: &Event) {
        self.now = Some(event.at());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + chrono::Duration::days(day)
    }

    #[test]
    fn a_clock_starts_once_and_only_goes_forward() {
        let mut clock = Clock::default();
        assert_eq!(clock.decide(&Command::Advance { to: day(1) }), Err(Refusal::NotStarted));
        assert_eq!(clock.decide(&Command::Start { at: day(100_000) }), Err(Refusal::TooFar));
        for event in clock.decide(&Command::Start { at: day(5) }).unwrap() {
            clock.evolve(&event);
        }
        let cases = [
            (Command::Start { at: day(5) }, Ok(0)),
            (Command::Start { at: day(6) }, Err("clock_already_started")),
            (Command::Advance { to: day(4) }, Err("clock_never_goes_back")),
            (Command::Advance { to: day(5) }, Ok(0)),
            (Command::Advance { to: day(6) }, Ok(1)),
            (Command::Advance { to: day(5000) }, Err("clock_too_far")),
            (Command::Advance { to: day(2_900_000) }, Err("clock_too_far")),
        ];
        for (command, expected) in cases {
            let said = clock.decide(&command).map(|events| events.len()).map_err(|refusal| refusal.code());
            assert_eq!(said, expected, "{command:?}");
        }
    }
}
