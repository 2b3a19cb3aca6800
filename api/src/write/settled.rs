//! The part of the history that is recorded together with everything that follows from it.

use mizan_store::Position;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the appender knows of how far nobody has to see to what follows: a follower of the policies skips it, because it
/// was decided and committed with its causes. Never more than this process has appended itself, without a hole.
#[derive(Debug, Default)]
pub struct Settled(Mutex<(Position, Position)>);

impl Settled {
    /// A batch from one position to another was appended with everything that follows from it.
    pub(super) fn extend(&self, first: Position, last: Position) {
        let mut part = self.lock();
        *part = if part.1 == first.before() { (part.0, last) } else { (first.before(), last) };
    }

    /// Where the part begins, after this position, and where it ends.
    #[must_use]
    pub fn part(&self) -> (Position, Position) {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, (Position, Position)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_does_not_follow_begins_anew() {
        let settled = Settled::default();
        let at = Position::new;
        for (first, last, part) in [(1, 3, (0, 3)), (4, 4, (0, 4)), (6, 7, (5, 7)), (8, 9, (5, 9))] {
            settled.extend(at(first), at(last));
            assert_eq!(settled.part(), (at(part.0), at(part.1)), "{first}-{last}");
        }
    }
}
