//! Proofs, and how they are checked: that a leaf is in a tree, and that a tree begins with another one (RFC 9162, 2.1).
//!
//! A proof is first a list of [`Span`]s whose roots it consists of; [`Tiles`] has the hashes. So whoever makes a proof
//! knows which tiles it needs before it reads any, and needs a handful, however large the tree. Checking needs nothing
//! but the proof.

use super::tree::{Hash, TILE_HEIGHT, Tile, TileId, fold, root_of};
use std::collections::{BTreeMap, BTreeSet};

/// Some leaves side by side, as the tree splits them: from `start`, which is a multiple of the largest power of two in
/// their count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The index of the first leaf.
    pub start: u64,
    /// The index after the last leaf.
    pub end: u64,
}

/// A perfect subtree: the node number `index` of a level; leaves are level 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    level: u32,
    index: u64,
}

impl Node {
    /// The tile that its hash is in or follows from, and where in the tile: the first hash, and how many.
    fn place(self) -> (TileId, usize, usize) {
        let inner = self.level % TILE_HEIGHT;
        let first = self.index << inner;
        let id = TileId { level: self.level / TILE_HEIGHT, index: first >> TILE_HEIGHT };
        (id, usize::from(first.to_le_bytes()[0]), 1 << inner)
    }
}

impl Span {
    /// The whole of a tree of so many leaves.
    #[must_use]
    pub fn whole(size: u64) -> Self {
        Self { start: 0, end: size }
    }

    /// The perfect subtrees that it consists of, from the left, that is the largest first.
    fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut start = self.start;
        while start < self.end {
            let level = (self.end - start).ilog2();
            nodes.push(Node { level, index: start >> level });
            start += 1 << level;
        }
        nodes
    }

    /// The largest power of two that is smaller than the count of leaves, from its start.
    fn split(self) -> u64 {
        self.start + (1 << (self.end - self.start - 1).ilog2())
    }
}

/// The tiles that these spans follow from.
#[must_use]
pub fn tiles_of(spans: &[Span]) -> BTreeSet<TileId> {
    spans.iter().flat_map(|it| it.nodes()).map(|it| it.place().0).collect()
}

/// Some tiles of a tree.
#[derive(Debug, Clone, Default)]
pub struct Tiles(BTreeMap<TileId, Vec<Hash>>);

impl FromIterator<Tile> for Tiles {
    fn from_iter<I: IntoIterator<Item = Tile>>(tiles: I) -> Self {
        Self(tiles.into_iter().map(|it| (it.id, it.hashes)).collect())
    }
}

impl Tiles {
    /// The hashes of a tile.
    #[must_use]
    pub fn get(&self, id: TileId) -> Option<&[Hash]> {
        self.0.get(&id).map(Vec::as_slice)
    }

    /// The root over a span; none where a tile is missing or has not grown so far.
    #[must_use]
    pub fn root(&self, span: Span) -> Option<Hash> {
        let mut peaks = Vec::new();
        for node in span.nodes() {
            let (id, first, count) = node.place();
            peaks.push(root_of(self.get(id)?.get(first..first + count)?));
        }
        // Unequal peaks are joined from the right, one by one, and not as hashes of one level.
        let joined = peaks.into_iter().rev().fold(None, |right, peak| fold(&[peak], right));
        Some(joined.unwrap_or_else(Hash::of_nothing))
    }

    /// The roots over some spans.
    #[must_use]
    pub fn roots(&self, spans: &[Span]) -> Option<Vec<Hash>> {
        spans.iter().map(|it| self.root(*it)).collect()
    }
}

/// What proves that the leaf number `index` is in a tree of `size` leaves, from the leaf up; none where it is not.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Span>> {
    if index >= size {
        return None;
    }
    let mut path = Vec::new();
    let mut here = Span::whole(size);
    while here.end - here.start > 1 {
        let middle = here.split();
        let (left, right) = (Span { end: middle, ..here }, Span { start: middle, ..here });
        let sibling = if index < middle { right } else { left };
        here = if index < middle { left } else { right };
        path.push(sibling);
    }
    path.reverse();
    Some(path)
}

/// What proves that a tree of `to` leaves begins with the tree of its first `from`; none where it is smaller.
#[must_use]
pub fn consistency(from: u64, to: u64) -> Option<Vec<Span>> {
    if from > to {
        return None;
    }
    if from == 0 || from == to {
        return Some(Vec::new());
    }
    let mut path = Vec::new();
    let mut here = Span::whole(to);
    while here.end != from {
        let middle = here.split();
        let (left, right) = (Span { end: middle, ..here }, Span { start: middle, ..here });
        let goes_left = from <= middle;
        path.push(if goes_left { right } else { left });
        here = if goes_left { left } else { right };
    }
    // Who checks has the old root already, which is this span's where it begins at the left.
    if here.start > 0 {
        path.push(here);
    }
    path.reverse();
    Some(path)
}

/// Whether the proof shows that this leaf is number `index` in the tree of `size` leaves with this root.
#[must_use]
pub fn includes(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut here, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if here & 1 == 1 || here == last {
            hash = Hash::node(sibling, &hash);
            while here & 1 == 0 && here != 0 {
                (here, last) = (here >> 1, last >> 1);
            }
        } else {
            hash = Hash::node(&hash, sibling);
        }
        (here, last) = (here >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// Whether the proof shows that the tree of `to` leaves begins with the tree of `from` leaves, each with its root.
#[must_use]
pub fn extends((from, old): (u64, Hash), (to, new): (u64, Hash), proof: &[Hash]) -> bool {
    if from == to {
        return old == new && proof.is_empty();
    }
    if from == 0 {
        return old == Hash::of_nothing() && proof.is_empty();
    }
    if from > to {
        return false;
    }
    let (first, rest) = match proof.split_first() {
        _ if from.is_power_of_two() => (old, proof),
        Some((first, rest)) => (*first, rest),
        None => return false,
    };
    let odd = (from - 1).trailing_ones();
    let (mut here, mut last) = ((from - 1) >> odd, (to - 1) >> odd);
    let (mut small, mut large) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if here & 1 == 1 || here == last {
            (small, large) = (Hash::node(sibling, &small), Hash::node(sibling, &large));
            while here & 1 == 0 && here != 0 {
                (here, last) = (here >> 1, last >> 1);
            }
        } else {
            large = Hash::node(&large, sibling);
        }
        (here, last) = (here >> 1, last >> 1);
    }
    last == 0 && small == old && large == new
}
