//! Answers by key that are kept in memory, each until an event of its stream is applied.
//!
//! What is here is never older than the position that it is answered with: an event's rows are let go when its batch is
//! in the database and before anybody is told so, and what was read before that and comes after it is not taken. It
//! holds what the read models say about now, nothing that was opened from sealed personal values, and no more answers
//! and bytes than it may. It never asks anybody and never waits.

use crate::by_key::{Thing, Written};
use lru::LruCache;
use mizan_domain::id::MerchantId;
use mizan_store::{Position, Recorded};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most bytes of all kept answers together, with what keeping them takes.
pub(crate) const BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most kept answers.
pub(crate) const ANSWERS_MAX: usize = 65_536;
/// An answer that is larger is read each time.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// What an answer takes beside its own bytes: its place in the map, the order of use, and its names.
const OVERHEAD_BYTES: usize = 256;
const SHARDS: usize = 64;
/// How finely one shard tells the streams apart of which something was read while it changed.
const STRIPES: usize = 64;

/// The memory. All of it may be asked from any thread.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Keyed at random, so that nobody can choose ids that meet.
    hashing: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug)]
struct Shard {
    /// By the hash of the whole key; two keys with one hash take each other's place.
    answers: LruCache<u64, Answer>,
    bytes: usize,
    /// Every event up to here has been looked at, since all was last forgotten.
    position: Position,
    /// Counts up whenever something of the stripe changes.
    generations: [u64; STRIPES],
}

#[derive(Debug)]
struct Answer {
    thing: Thing,
    merchant: MerchantId,
    id: Box<str>,
    written: Written,
}

/// Taken before something is read, and handed in with what was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted {
    hash: u64,
    generation: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { hashing: RandomState::new(), shards: std::array::from_fn(|_| Mutex::new(Shard::new())) }
    }
}

impl Kept {
    /// The answer, where it is here, at the position that it is known to be at.
    pub(crate) fn get(&self, thing: Thing, merchant: &MerchantId, id: &str) -> Option<Written> {
        let hash = self.hash(thing.category(), merchant, id);
        let mut shard = self.shard(hash);
        let position = shard.position;
        let answer = shard.answers.get(&hash).filter(|it| it.is_of(thing, merchant, id))?;
        // Nothing of its stream was applied between what it was read at and what has been looked at since.
        Some(Written { position: answer.written.position.max(position), ..answer.written.clone() })
    }

    /// To be called before the answer is read from the database.
    pub(crate) fn note(&self, thing: Thing, merchant: &MerchantId, id: &str) -> Noted {
        let hash = self.hash(thing.category(), merchant, id);
        let generation = self.shard(hash).generation(hash);
        Noted { hash, generation }
    }

    /// Keeps what was read, unless anything of its stripe was applied, or all forgotten, since it was noted.
    pub(crate) fn put(&self, noted: Noted, (thing, merchant, id): (Thing, &MerchantId, &str), written: &Written) {
        let answer = Answer { thing, merchant: merchant.clone(), id: id.into(), written: written.clone() };
        if answer.bytes() > ANSWER_BYTES_MAX {
            return;
        }
        let mut shard = self.shard(noted.hash);
        if shard.generation(noted.hash) == noted.generation {
            shard.insert(noted.hash, answer);
        }
    }

    /// Lets go of what these events have changed. They are in the rows; nobody has been told so yet.
    pub(crate) fn applied(&self, batch: &[Arc<Recorded>]) {
        let Some(last) = batch.last() else { return };
        for it in batch {
            if Thing::of_category(it.stream.category).is_some() {
                let hash = self.hash(it.stream.category, &it.metadata.merchant_id, &it.stream.id);
                self.shard(hash).changed(hash);
            }
        }
        for shard in &self.shards {
            lock(shard).position = last.position;
        }
    }

    /// Lets go of everything: any row may be another one, and the position any.
    pub(crate) fn anything(&self) {
        for shard in &self.shards {
            lock(shard).forget();
        }
    }

    /// How many answers there are, and their bytes.
    #[cfg(test)]
    pub(crate) fn size(&self) -> (usize, usize) {
        let sizes = self.shards.iter().map(|it| {
            let shard = lock(it);
            (shard.answers.len(), shard.bytes)
        });
        sizes.fold((0, 0), |(answers, bytes), (more, more_bytes)| (answers + more, bytes + more_bytes))
    }

    fn hash(&self, category: &str, merchant: &MerchantId, id: &str) -> u64 {
        self.hashing.hash_one((category, merchant.as_str(), id))
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        let [shard, ..] = &self.shards;
        let nth = usize::try_from(hash >> 32).unwrap_or(0) % SHARDS;
        lock(self.shards.get(nth).unwrap_or(shard))
    }
}

impl Answer {
    fn is_of(&self, thing: Thing, merchant: &MerchantId, id: &str) -> bool {
        self.thing == thing && &*self.id == id && self.merchant == *merchant
    }

    fn bytes(&self) -> usize {
        self.written.data.len() + self.id.len() + OVERHEAD_BYTES
    }
}

impl Shard {
    fn new() -> Self {
        Self { answers: LruCache::unbounded(), bytes: 0, position: Position::START, generations: [0; STRIPES] }
    }

    fn generation(&self, hash: u64) -> u64 {
        self.generations.get(stripe(hash)).copied().unwrap_or(0)
    }

    fn changed(&mut self, hash: u64) {
        if let Some(generation) = self.generations.get_mut(stripe(hash)) {
            *generation += 1;
        }
        if let Some(gone) = self.answers.pop(&hash) {
            self.bytes = self.bytes.saturating_sub(gone.bytes());
        }
    }

    fn insert(&mut self, hash: u64, answer: Answer) {
        self.bytes += answer.bytes();
        if let Some(replaced) = self.answers.put(hash, answer) {
            self.bytes = self.bytes.saturating_sub(replaced.bytes());
        }
        while self.answers.len() > ANSWERS_MAX / SHARDS || self.bytes > BYTES_MAX / SHARDS {
            let Some((_, oldest)) = self.answers.pop_lru() else { return };
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
    }

    fn forget(&mut self) {
        self.generations.iter_mut().for_each(|it| *it += 1);
        self.answers.clear();
        self.bytes = 0;
        self.position = Position::START;
    }
}

fn stripe(hash: u64) -> usize {
    usize::try_from(hash % 64).unwrap_or(0)
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
