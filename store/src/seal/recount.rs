//! The history counted again from its bytes, and held against every root that was ever claimed for it.
//!
//! It takes events from wherever they come, a database or a file, and trusts nothing about them.

use super::leaf::{Leaf, TooLong};
use super::tree::{Frontier, Hash, Tile};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::ops::ControlFlow;

/// How many findings of a kind are told one by one; the others are counted.
pub const FINDINGS_TOLD_MAX: usize = 5;

/// Something that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable code for the kind of finding.
    pub code: &'static str,
    /// What is wrong, for people.
    pub detail: String,
    /// The event at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
}

/// What was found, the first ones in words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Findings {
    /// How many there are.
    pub count: usize,
    /// The first [`FINDINGS_TOLD_MAX`] of each code.
    pub first: Vec<Finding>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, code: &'static str, position: Option<i64>, detail: impl Into<String>) {
        self.count += 1;
        if self.first.iter().filter(|it| it.code == code).count() < FINDINGS_TOLD_MAX {
            self.first.push(Finding { code, detail: detail.into(), position });
        }
    }

    /// Whether everything was as it has to be.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.count == 0
    }
}

/// A root that somebody vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of the tree over so many events.
    pub size: u64,
    /// What its root was.
    pub root: Hash,
    /// Who says so, for people: `the checkpoint of 17 events in old.txt`.
    pub by: String,
}

/// A history being counted.
#[derive(Debug, Default)]
pub struct Recount {
    frontier: Frontier,
    counter: Counter,
    claims: BTreeMap<u64, Vec<Claim>>,
    /// The size of the last tree whose claim held.
    held: u64,
    /// How many claims held.
    claims_held: usize,
    revisions: Revisions,
    /// What is wrong.
    pub findings: Findings,
}

impl Recount {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a claim about a tree that is still to come (or is the present one).
    pub fn expect(&mut self, claim: Claim) {
        let is_now = claim.size == self.frontier.size();
        self.claims.entry(claim.size).or_default().push(claim);
        if is_now {
            self.settle();
        }
    }

    /// How many events were counted.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// How many claims were found true.
    #[must_use]
    pub fn claims_held(&self) -> usize {
        self.claims_held
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.revisions.last.len()
    }

    /// The tiles that are not full yet.
    #[must_use]
    pub fn partial_tiles(&self) -> Vec<Tile> {
        self.frontier.partial_tiles()
    }

    /// What finds out of events what counting needs, in as many threads as one likes.
    #[must_use]
    pub fn counter(&self) -> Counter {
        self.counter.clone()
    }

    /// Counts the next event, gives its hash to `look`, and the tiles that it fills to `full`. It breaks where nothing
    /// that follows could be compared with anything.
    pub fn take(&mut self, leaf: &Leaf<'_>, full: &mut Vec<Tile>, look: impl FnOnce(Hash)) -> ControlFlow<()> {
        let counted = self.counter.count(leaf);
        self.add(counted, full, look, || format!("{}/{}", leaf.category, leaf.name))
    }

    /// The same for an event that was looked at already; `stream` names its stream, where that has to be said.
    pub fn add(
        &mut self,
        counted: Counted,
        full: &mut Vec<Tile>,
        look: impl FnOnce(Hash),
        stream: impl FnOnce() -> String,
    ) -> ControlFlow<()> {
        let (last, Counted { position, revision, .. }) = (self.frontier.size(), counted);
        if u64::try_from(position) != Ok(last + 1) {
            let detail = format!("after position {last} comes {position}: the history has a hole");
            self.findings.add("hole", Some(position), detail);
            return ControlFlow::Break(());
        }
        let hash = match counted.hash {
            Ok(hash) => hash,
            Err(error) => {
                self.findings.add("too_long", Some(position), error.to_string());
                return ControlFlow::Break(());
            }
        };
        if let Err(expected) = self.revisions.take(counted.stream, revision) {
            let stream = stream();
            let detail =
                format!("position {position} has revision {revision} of {stream}, where revision {expected} has to be");
            self.findings.add("revision", Some(position), detail);
        }
        look(hash);
        self.frontier.push(hash, full);
        self.settle();
        ControlFlow::Continue(())
    }

    /// The history has ended: what was claimed of a larger one is not true.
    pub fn finish(&mut self) {
        let size = self.frontier.size();
        for claim in std::mem::take(&mut self.claims).into_values().flatten() {
            let detail =
                format!("{} speaks of {} events, and here are only {size}: the end is missing", claim.by, claim.size);
            self.findings.add("end_missing", None, detail);
        }
    }

    fn settle(&mut self) {
        let size = self.frontier.size();
        let Some(claims) = self.claims.remove(&size) else { return };
        let root = self.frontier.root();
        for claim in claims {
            if claim.root == root {
                (self.held, self.claims_held) = (size, self.claims_held + 1);
            } else {
                let detail = format!(
                    "the first {size} events are not those of {}: something after position {} is not what it was",
                    claim.by, self.held
                );
                self.findings.add("other_history", None, detail);
            }
        }
    }
}

/// What counting needs of an event. It is the same whatever came before.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    position: i64,
    revision: i64,
    stream: StreamHash,
    hash: Result<Hash, TooLong>,
}

/// Finds out of an event what counting needs: the hash of its leaf, and which stream it is of.
#[derive(Debug, Clone, Default)]
pub struct Counter {
    states: [RandomState; 2],
    scratch: Vec<u8>,
}

impl Counter {
    /// Looks at an event.
    pub fn count(&mut self, leaf: &Leaf<'_>) -> Counted {
        let hash = leaf.hash(&mut self.scratch);
        let stream = StreamHash::of(leaf.stream_in(&self.scratch), &self.states);
        Counted { position: leaf.position, revision: leaf.revision, stream, hash }
    }
}

/// A stream, by 96 bits of hashes with keys that nobody knows, so that two streams are taken for one less than once in the
/// lifetime of the universe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StreamHash([u32; 3]);

impl StreamHash {
    fn of(name: &[u8], [one, other]: &[RandomState; 2]) -> Self {
        let [a, b, c, d, e, f, g, h] = one.hash_one(name).to_le_bytes();
        let [i, j, k, l, ..] = other.hash_one(name).to_le_bytes();
        Self([[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes))
    }
}

impl std::hash::Hash for StreamHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high, _] = self.0;
        state.write_u64(u64::from(high) << u32::BITS | u64::from(low));
    }
}

/// Leaves a number that is a keyed hash already as it is.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    /// Only numbers come here.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// The last revision of every stream, in 16 bytes a stream.
#[derive(Debug, Default)]
struct Revisions {
    last: HashMap<StreamHash, u32, BuildHasherDefault<AsItIs>>,
}

impl Revisions {
    /// The revision that should have come, where another one did.
    fn take(&mut self, stream: StreamHash, revision: i64) -> Result<(), i64> {
        let last = self.last.entry(stream).or_default();
        let expected = i64::from(*last) + 1;
        // From the one that is there on, so that one hole is one finding.
        *last = u32::try_from(revision).unwrap_or(u32::MAX);
        if revision == expected { Ok(()) } else { Err(expected) }
    }
}
