//! The states of streams that are kept at hand, and how those that are not are read from the log.

use super::{CACHE_STREAMS_MAX, NotDone};
use crate::write::patience::patiently;
use lru::LruCache;
use mizan_domain::event::{Aggregate, StreamName};
use mizan_domain::id::MerchantId;
use mizan_store::{Log, LogError, Position, Recorded};
use std::collections::HashMap;
use std::num::NonZeroUsize;

pub(super) type StreamKey = (MerchantId, StreamName);

/// Where the last event of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has none.
    Nowhere,
    /// In the history.
    At(Position),
    /// It is the `nth` event of a batch that is not in the history yet.
    Ahead { batch: u64, nth: usize },
}

impl Place {
    /// The position, where it has one already.
    pub(super) fn position(self) -> Option<Position> {
        match self {
            Self::At(position) => Some(position),
            Self::Nowhere | Self::Ahead { .. } => None,
        }
    }

    /// The place when a batch is in the history from this position on.
    pub(super) fn landed(self, batch: u64, first: Option<Position>) -> Self {
        match (self, first) {
            (Self::Ahead { batch: own, nth }, Some(first)) if own == batch => Self::At(nth_after(first, nth)),
            (other, _) => other,
        }
    }
}

/// The position of the event that is `nth` events after one of the same append.
pub(super) fn nth_after(first: Position, nth: usize) -> Position {
    first.of_nth_after(i64::try_from(nth).unwrap_or(i64::MAX))
}

/// A stream's state, and where it stands.
pub(super) struct State {
    pub(super) aggregate: Aggregate,
    pub(super) revision: i64,
    pub(super) place: Place,
    /// That there is no such stream yet was not looked up. Only an append that begins the stream can tell.
    pub(super) is_guess: bool,
}

/// A stream that is asked for.
pub(super) struct Wanted {
    /// What it is without events.
    pub(super) empty: Aggregate,
    /// Whether it may be guessed that there is none.
    pub(super) may_guess: bool,
}

/// After a batch that did not land, how many times streams are taken without any guess: one that is wrong takes back a
/// whole batch.
const TIMES_WITHOUT_GUESSES: u32 = 100;

/// The states at hand, at most [`CACHE_STREAMS_MAX`].
pub(super) struct States {
    log: Log,
    known: LruCache<StreamKey, State>,
    without_guesses: u32,
}

impl States {
    pub(super) fn new(log: Log) -> Self {
        let capacity = NonZeroUsize::new(CACHE_STREAMS_MAX).unwrap_or(NonZeroUsize::MIN);
        Self { log, known: LruCache::new(capacity), without_guesses: 0 }
    }

    pub(super) fn put(&mut self, key: StreamKey, state: State) {
        self.known.put(key, state);
    }

    pub(super) fn forget(&mut self, key: &StreamKey) {
        self.known.pop(key);
    }

    /// A batch did not land, perhaps because of a wrong guess.
    pub(super) fn doubt(&mut self) {
        self.without_guesses = TIMES_WITHOUT_GUESSES;
    }

    /// A state that stays where it is.
    pub(super) fn peek_mut(&mut self, key: &StreamKey) -> Option<&mut State> {
        self.known.peek_mut(key)
    }

    /// Takes the states of streams, from hand or from the log, or guesses that they are new. One that cannot be read says
    /// why.
    pub(super) async fn take(
        &mut self,
        wanted: impl IntoIterator<Item = (StreamKey, Wanted)>,
    ) -> Result<Vec<(StreamKey, Result<State, NotDone>)>, LogError> {
        let mut taken = Vec::new();
        let mut missing = HashMap::new();
        let guesses = self.without_guesses == 0;
        self.without_guesses = self.without_guesses.saturating_sub(1);
        for (key, it) in wanted {
            if let Some(state) = self.known.pop(&key) {
                taken.push((key, Ok(state)));
                continue;
            }
            let is_guess = guesses && it.may_guess;
            let state = State { aggregate: it.empty, revision: 0, place: Place::Nowhere, is_guess };
            if is_guess {
                taken.push((key, Ok(state)));
            } else {
                missing.insert(key, Ok(state));
            }
        }
        if !missing.is_empty() {
            let keys: Vec<StreamKey> = missing.keys().cloned().collect();
            match patiently(|| self.log.streams(&keys)).await {
                Ok(stored) => replay(&mut missing, stored),
                Err(error) => {
                    // What was at hand stays there.
                    for (key, state) in taken {
                        state.into_iter().filter(|it| !it.is_guess).for_each(|state| self.put(key.clone(), state));
                    }
                    return Err(error);
                }
            }
        }
        taken.extend(missing);
        Ok(taken)
    }
}

fn replay(missing: &mut HashMap<StreamKey, Result<State, NotDone>>, stored: Vec<mizan_store::Stored>) {
    for stored in stored {
        let (merchant, category, name) = (stored.merchant_id.clone(), stored.category.clone(), stored.name.clone());
        match Recorded::try_from(stored) {
            Ok(recorded) => {
                let key = (recorded.metadata.merchant_id.clone(), recorded.stream);
                if let Some(Ok(it)) = missing.get_mut(&key) {
                    it.aggregate.evolve(&recorded.event);
                    it.revision = recorded.revision;
                    it.place = Place::At(recorded.position);
                }
            }
            Err(unreadable) => {
                let its_stream = missing.iter_mut().find(|((owner, stream), _)| {
                    owner.as_str() == merchant && stream.category == category && *stream.id == *name
                });
                if let Some((_, slot)) = its_stream {
                    *slot = Err(unreadable.into());
                }
            }
        }
    }
}
