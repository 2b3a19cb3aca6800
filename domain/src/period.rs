//! Accounting periods: the books up to a day are closed, once, with the trial balance that they then had.
//!
//! Closing stops nobody from telling what happened earlier. What is recorded later keeps the day it counts for, and is
//! posted to the period that is open then, as book keepers do; so a trial balance that was handed out never changes.
//! The trial balance and its signature are fields of the command: this module sums nothing and signs nothing.

use crate::decider::{Decider, Refused};
use crate::entry::{Entry, Posting};
use crate::id::MerchantId;
use crate::order::Timestamp;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The name of the one stream of periods that a merchant has.
pub const NAME: &str = "merchant";

/// A merchant's periods: the last one that was closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Periods {
    last: Option<(NaiveDate, u64)>,
}

/// Everything that can be asked of the periods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The books up to a day are closed.
    Close(Close),
}

/// Closes the books up to a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The last day of the period, in UTC.
    pub until: NaiveDate,
    /// The books as they were taken.
    pub statement: Statement,
    /// When it is said.
    pub at: Timestamp,
}

/// The trial balance of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The position of the last event that was looked at.
    pub through: u64,
    /// The balance of every account in every currency that is not zero, to its debit or to its credit.
    pub trial_balance: Entry,
    /// The same as a signed note (C2SP signed-note), by the key that seals the history.
    pub note: String,
}

/// What a signed trial balance says: whose, which log's, up to which day and position, and a line for each account.
#[must_use]
pub fn note_text(origin: &str, merchant: &MerchantId, until: NaiveDate, through: u64, books: &Entry) -> String {
    let mut text = format!("mizan trial balance v1\n{origin}\nmerchant {merchant}\nuntil {until}\nthrough {through}\n");
    for it in books.postings() {
        let line = match it {
            Posting::Debit { account, debit } => format!("{account} debit {debit}\n"),
            Posting::Credit { account, credit } => format!("{account} credit {credit}\n"),
        };
        text.push_str(&line);
    }
    text
}

/// Everything that can have happened to the periods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `period-closed`
    Closed(Closed),
}

impl Event {
    /// When it was said.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Closed(it) => it.at,
        }
    }
}

/// The books up to a day are closed. What was recorded after `through` is posted to the day after it, or later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The last day of the period, in UTC.
    pub until: NaiveDate,
    /// The books then.
    #[serde(flatten)]
    pub statement: Statement,
    /// When it was said.
    pub at: Timestamp,
}

/// Why a period is not closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The period is not over.
    #[error("{until} is not over yet; a period is closed when all its days have passed (UTC)")]
    NotOver {
        /// What was asked.
        until: NaiveDate,
    },
    /// A later day is closed.
    #[error("the books are closed up to {last} already; what comes to light now is posted to the open period")]
    AlreadyClosed {
        /// Up to when.
        last: NaiveDate,
    },
    /// Somebody else closed a period while this trial balance was taken.
    #[error("the trial balance was taken before the last period was closed; send the command again")]
    Outdated,
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOver { .. } => "period_not_over",
            Self::AlreadyClosed { .. } => "period_already_closed",
            Self::Outdated => "trial_balance_outdated",
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::NotOver { .. } | Self::AlreadyClosed { .. } => Some("/until".to_owned()),
            Self::Outdated => None,
        }
    }
}

impl Decider for Periods {
    const CATEGORY: &'static str = "period";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        let Command::Close(Close { until, statement, at }) = command;
        match self.last {
            // Closed is closed: the first trial balance is the one that counts.
            Some((last, _)) if *until == last => return Ok(Vec::new()),
            Some((last, _)) if *until < last => return Err(Refusal::AlreadyClosed { last }),
            Some((_, through)) if statement.through < through => return Err(Refusal::Outdated),
            Some(_) | None => (),
        }
        if *until >= at.date_naive() {
            return Err(Refusal::NotOver { until: *until });
        }
        Ok(vec![Event::Closed(Closed { until: *until, statement: statement.clone(), at: *at })])
    }

    fn evolve(&mut self, event: &Event) {
        let Event::Closed(it) = event;
        self.last = Some((it.until, it.statement.through));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(until: &str, through: u64) -> Command {
        let statement = Statement { through, trial_balance: Entry::default(), note: String::new() };
        let at = "2026-05-01T00:00:00Z".parse().unwrap();
        Command::Close(Close { until: until.parse().unwrap(), statement, at })
    }

    #[test]
    fn periods_are_closed_once_and_in_order() {
        let mut periods = Periods::default();
        for event in periods.decide(&close("2026-03-31", 10)).unwrap() {
            periods.evolve(&event);
        }
        let cases = [
            (close("2026-03-31", 12), Ok(0)),
            (close("2026-03-30", 12), Err("period_already_closed")),
            (close("2026-04-30", 9), Err("trial_balance_outdated")),
            (close("2026-05-01", 12), Err("period_not_over")),
            (close("2026-04-30", 10), Ok(1)),
        ];
        for (command, expected) in cases {
            let said = periods.decide(&command).map(|events| events.len()).map_err(|refusal| refusal.code());
            assert_eq!(said, expected, "{command:?}");
        }
    }
}
