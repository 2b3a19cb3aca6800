//! What this process has appended lately, in memory, for whoever follows the history and would only read it back.
//!
//! A convenience and never a source: it holds what is durable in the log already, at the positions that it has there.
//! Whoever is behind what it keeps, or follows what another process appended, reads the log. It never waits.

use crate::log::Position;
use crate::recorded::Recorded;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many facts are kept. A follower that falls further behind reads the log until it has caught up.
pub const FACTS_MAX: usize = 10_000;

/// An event that is in the log, with the exact bytes that are kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The event.
    pub recorded: Arc<Recorded>,
    /// The exact bytes.
    pub payload: Arc<[u8]>,
    /// The exact bytes.
    pub metadata: Arc<[u8]>,
}

/// The latest facts without a hole.
#[derive(Debug, Default)]
pub struct Feed {
    facts: Mutex<VecDeque<Fact>>,
}

impl Feed {
    /// Keeps facts that follow one another; to be called in the order of positions, after their commit. Where they do not
    /// follow what is kept, because another process appended in between, what is kept is let go.
    pub fn push(&self, facts: impl IntoIterator<Item = Fact>) {
        let mut kept = self.lock();
        for fact in facts {
            let position = fact.recorded.position;
            if kept.back().is_some_and(|last| last.recorded.position != position.before()) {
                kept.clear();
            }
            kept.push_back(fact);
        }
        let surplus = kept.len().saturating_sub(FACTS_MAX);
        kept.drain(..surplus);
    }

    /// The facts that come next after a position, at most `limit`; none where they are not here, which does not say that
    /// there are none.
    #[must_use]
    pub fn after(&self, position: Position, limit: usize) -> Option<Vec<Fact>> {
        let kept = self.lock();
        let first = kept.front()?.recorded.position;
        let skipped = usize::try_from(position.number() - first.before().number()).ok()?;
        let found: Vec<Fact> = kept.iter().skip(skipped).take(limit).cloned().collect();
        if found.is_empty() { None } else { Some(found) }
    }

    /// Every fact after a position and up to another; none where one of them is not here.
    #[must_use]
    pub fn stretch(&self, after: Position, up_to: Position) -> Option<Vec<Fact>> {
        let wanted = usize::try_from(up_to.number() - after.number()).ok()?;
        self.after(after, wanted).filter(|found| found.len() == wanted)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Fact>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use mizan_domain::clock::{self, Started};
    use mizan_domain::event::{Event, StreamName};
    use mizan_domain::id::MerchantId;
    use mizan_domain::metadata::Metadata;
    use mizan_domain::text::Text;
    use uuid::Uuid;

    fn fact(position: i64) -> Fact {
        let at = DateTime::UNIX_EPOCH;
        let metadata = Metadata {
            merchant_id: MerchantId::parse("m").unwrap(),
            actor: Text::parse("a").unwrap(),
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            trace: None,
        };
        let recorded = Recorded {
            position: Position::new(position),
            stream: StreamName { category: "clock", id: "clock".into() },
            revision: position,
            event_id: Uuid::nil(),
            kind: "clock-started.v1".into(),
            recorded_at: at,
            metadata: Arc::new(metadata),
            event: Arc::new(Event::Clock(clock::Event::Started(Started { at }))),
        };
        Fact { recorded: Arc::new(recorded), payload: Arc::from([]), metadata: Arc::from([]) }
    }

    fn positions(feed: &Feed, after: i64, limit: usize) -> Option<Vec<i64>> {
        let found = feed.after(Position::new(after), limit)?;
        Some(found.iter().map(|it| it.recorded.position.number()).collect())
    }

    #[test]
    fn what_follows_is_given_and_what_is_not_here_is_not_guessed() {
        let feed = Feed::default();
        assert_eq!(positions(&feed, 0, 9), None);
        feed.push([fact(5), fact(6), fact(7)]);
        let cases = [
            (3, 9, None),
            (4, 9, Some(vec![5, 6, 7])),
            (5, 1, Some(vec![6])),
            (6, 9, Some(vec![7])),
            (7, 9, None),
            (8, 9, None),
        ];
        for (after, limit, expected) in cases {
            assert_eq!(positions(&feed, after, limit), expected, "after {after}");
        }
    }

    #[test]
    fn facts_of_another_process_in_between_let_go_of_what_was_before_them() {
        let feed = Feed::default();
        feed.push([fact(1), fact(2)]);
        feed.push([fact(4)]);
        assert_eq!(positions(&feed, 0, 9), None);
        assert_eq!(positions(&feed, 2, 9), None);
        assert_eq!(positions(&feed, 3, 9), Some(vec![4]));
    }

    #[test]
    fn a_stretch_is_whole_or_none() {
        let feed = Feed::default();
        feed.push([fact(5), fact(6), fact(7)]);
        let whole = |after, up_to| {
            let found = feed.stretch(Position::new(after), Position::new(up_to))?;
            Some(found.iter().map(|it| it.recorded.position.number()).collect::<Vec<_>>())
        };
        assert_eq!(whole(4, 7), Some(vec![5, 6, 7]));
        assert_eq!(whole(5, 6), Some(vec![6]));
        for (after, up_to) in [(3, 7), (4, 8), (7, 8), (7, 7), (7, 6)] {
            assert_eq!(whole(after, up_to), None, "{after} to {up_to}");
        }
    }

    #[test]
    fn no_more_is_kept_than_was_said() {
        let feed = Feed::default();
        let many = i64::try_from(FACTS_MAX).unwrap() + 10;
        feed.push((1..=many).map(fact));
        assert_eq!(positions(&feed, 9, 1), None);
        assert_eq!(positions(&feed, 10, 1), Some(vec![11]));
    }
}
