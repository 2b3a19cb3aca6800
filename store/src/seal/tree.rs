//! The Merkle tree of RFC 6962 (RFC 9162, 2.1): its hashes, and its right edge, which is all that is needed to grow.
//!
//! The tree is cut into tiles of 256 hashes (C2SP tlog-tiles): the tiles of level 0 hold the hashes of the leaves, those
//! of level 1 the roots of the tiles below, and so on. A tile only ever grows at its end, and is never changed once it
//! is full. Nothing in this module knows where tiles are kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::fmt;
use std::mem;

/// The hashes of a full tile.
pub const TILE_WIDTH: usize = 256;
/// The levels of the tree that one level of tiles spans.
pub(crate) const TILE_HEIGHT: u32 = 8;
/// The bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// A SHA-256 hash of the tree: of a leaf, of two nodes, or the root. Text is base64 with padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// The hash with these bytes; none where they are not 32.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash that base64 stands for.
    #[must_use]
    pub fn of_base64(text: &str) -> Option<Self> {
        Self::of_bytes(&STANDARD.decode(text).ok()?)
    }

    /// The hash of a leaf: SHA-256 of a zero byte and the leaf's data.
    #[must_use]
    pub fn leaf(data: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
    }

    /// The hash of two nodes: SHA-256 of a byte 1 and both.
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// The root of a tree without leaves: SHA-256 of nothing.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::of_base64(&text).ok_or_else(|| de::Error::custom("a hash is 32 bytes in base64"))
    }
}

/// Where a tile stands: its level, and its number in the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 holds leaves; each level above holds the roots of the tiles of the one below.
    pub level: u32,
    /// From the left, from 0.
    pub index: u64,
}

/// A tile, full or still growing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Where it stands.
    pub id: TileId,
    /// At least one, at most [`TILE_WIDTH`].
    pub hashes: Vec<Hash>,
}

/// The tiles on the right edge of a tree of so many leaves that are not full yet, the lowest first, with their widths.
#[must_use]
pub fn edge_of(size: u64) -> Vec<(TileId, usize)> {
    let mut edge = Vec::new();
    let (mut level, mut count) = (0, size);
    while count > 0 {
        let width = usize::from(count.to_le_bytes()[0]);
        let index = count >> TILE_HEIGHT;
        if width > 0 {
            edge.push((TileId { level, index }, width));
        }
        (level, count) = (level + 1, index);
    }
    edge
}

/// The right edge of a tree: the hashes of the tiles that are not full. Leaves are added to it and to nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// One a level of tiles, from the leaves up; each shorter than a tile.
    edges: Vec<Vec<Hash>>,
}

impl Frontier {
    /// The edge of a tree that is kept somewhere; none where these are not its [`edge_of`] tiles.
    #[must_use]
    pub fn of_tiles(size: u64, tiles: impl Fn(TileId) -> Option<Vec<Hash>>) -> Option<Self> {
        let mut edges = Vec::new();
        for (id, width) in edge_of(size) {
            let mut hashes = tiles(id)?;
            if hashes.len() < width {
                return None;
            }
            hashes.truncate(width);
            let level = usize::try_from(id.level).ok()?;
            edges.resize_with(level + 1, || Vec::with_capacity(TILE_WIDTH));
            edges.last_mut()?.extend(hashes);
        }
        Some(Self { size, edges })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash. Tiles that it fills go to `full`.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<Tile>) {
        self.size += 1;
        let (mut hash, mut count) = (leaf, self.size);
        for level in 0.. {
            let place = usize::try_from(level).unwrap_or(usize::MAX);
            if place == self.edges.len() {
                self.edges.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(edge) = self.edges.get_mut(place) else { return };
            edge.push(hash);
            if edge.len() < TILE_WIDTH {
                return;
            }
            count >>= TILE_HEIGHT;
            hash = root_of(edge);
            let hashes = mem::replace(edge, Vec::with_capacity(TILE_WIDTH));
            full.push(Tile { id: TileId { level, index: count - 1 }, hashes });
        }
    }

    /// The tiles that are not full yet, as far as they have grown.
    #[must_use]
    pub fn partial_tiles(&self) -> Vec<Tile> {
        let edge = edge_of(self.size).into_iter();
        let tile = |(id, _): (TileId, usize)| {
            let hashes = usize::try_from(id.level).ok().and_then(|level| self.edges.get(level))?;
            Some(Tile { id, hashes: hashes.clone() })
        };
        edge.filter_map(tile).collect()
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        // From the right: every edge stands for perfect trees that are smaller than those of the edge above.
        let root = self.edges.iter().fold(None, |right, edge| fold(edge, right));
        root.unwrap_or_else(Hash::of_nothing)
    }
}

/// The root of the subtree over some hashes of one level, the way RFC 6962 splits them.
#[must_use]
pub(crate) fn root_of(hashes: &[Hash]) -> Hash {
    fold(hashes, None).unwrap_or_else(Hash::of_nothing)
}

/// The root of what these hashes and the tree to their right make together.
pub(crate) fn fold(hashes: &[Hash], right: Option<Hash>) -> Option<Hash> {
    let mut left = hashes;
    let mut root = right;
    while !left.is_empty() {
        // The rightmost perfect tree has the width of the lowest bit.
        let width = 1 << left.len().trailing_zeros();
        let (rest, perfect) = left.split_at(left.len() - width);
        let peak = root_of_perfect(perfect);
        root = Some(root.map_or(peak, |right| Hash::node(&peak, &right)));
        left = rest;
    }
    root
}

fn root_of_perfect(hashes: &[Hash]) -> Hash {
    let pair = |pair: &[Hash]| match pair {
        [left, right] => Hash::node(left, right),
        [alone] => *alone,
        [] | [..] => Hash::of_nothing(),
    };
    if let [alone] = hashes {
        return *alone;
    }
    let mut row: Vec<Hash> = hashes.chunks_exact(2).map(pair).collect();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(pair).collect();
    }
    row.first().copied().unwrap_or_else(Hash::of_nothing)
}
