//! The bytes of an event that its leaf hash covers: all that matter, in one encoding that anybody can write again.
//!
//! docs/audit.md describes it to the byte. It never changes: another one would be another version.

use super::tree::Hash;
use crate::feed::Fact;
use crate::log::Stored;
use sha2::{Digest, Sha256};

/// The first byte of an entry.
pub const VERSION: u8 = 1;
/// What an entry may have, because tlog-tiles counts its bytes in 16 bits.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Where the names begin in an entry: after its version, three numbers, an id and two hashes.
const NAMES_AT: usize = 1 + 3 * 8 + 16 + 2 * 32;
/// The bytes of a name's length.
const LENGTH_BYTES: usize = 2;

/// An event, as far as its leaf covers it, without owning anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// Its place in the history, from 1. Its index in the tree is one less.
    pub position: i64,
    /// Its place in its stream, from 1.
    pub revision: i64,
    /// When it was made durable, in microseconds since 1970-01-01 00:00:00 UTC.
    pub recorded_at_us: i64,
    /// Its id.
    pub event_id: [u8; 16],
    /// Whose.
    pub merchant: &'a str,
    /// The stream's category.
    pub category: &'a str,
    /// The stream's name in it.
    pub name: &'a str,
    /// What happened, with its version.
    pub kind: &'a str,
    /// The exact bytes; SHA-256 of them is in the entry.
    pub payload: &'a [u8],
    /// The exact bytes; SHA-256 of them is in the entry.
    pub metadata: &'a [u8],
}

/// An event whose names need more than the entry of a log may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event at position {position} has names of more than {ENTRY_BYTES_MAX} bytes and cannot be sealed")]
pub struct TooLong {
    /// Where.
    pub position: i64,
}

impl<'a> Leaf<'a> {
    /// Writes the entry behind what is in `entry` already.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn encode(&self, entry: &mut Vec<u8>) -> Result<(), TooLong> {
        let start = entry.len();
        entry.push(VERSION);
        entry.extend(self.position.to_be_bytes());
        entry.extend(self.revision.to_be_bytes());
        entry.extend(self.recorded_at_us.to_be_bytes());
        entry.extend(self.event_id);
        entry.extend(Sha256::digest(self.payload));
        entry.extend(Sha256::digest(self.metadata));
        for name in [self.merchant, self.category, self.name, self.kind] {
            let length = u16::try_from(name.len()).map_err(|_| TooLong { position: self.position })?;
            entry.extend(length.to_be_bytes());
            entry.extend(name.as_bytes());
        }
        if entry.len() - start > ENTRY_BYTES_MAX {
            return Err(TooLong { position: self.position });
        }
        Ok(())
    }

    /// Merchant, category and name as an entry that was just written has them: what tells streams apart.
    pub(super) fn stream_in<'e>(&self, entry: &'e [u8]) -> &'e [u8] {
        let end = entry.len().saturating_sub(LENGTH_BYTES + self.kind.len());
        entry.get(NAMES_AT..end).unwrap_or_default()
    }

    /// The hash of the leaf; `scratch` saves an allocation for each.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn hash(&self, scratch: &mut Vec<u8>) -> Result<Hash, TooLong> {
        scratch.clear();
        self.encode(scratch)?;
        Ok(Hash::leaf(scratch))
    }
}

impl<'a> From<&'a Fact> for Leaf<'a> {
    fn from(it: &'a Fact) -> Self {
        let recorded = &*it.recorded;
        Self {
            position: recorded.position.number(),
            revision: recorded.revision,
            recorded_at_us: recorded.recorded_at.timestamp_micros(),
            event_id: recorded.event_id.into_bytes(),
            merchant: recorded.metadata.merchant_id.as_str(),
            category: recorded.stream.category,
            name: &recorded.stream.id,
            kind: &recorded.kind,
            payload: &it.payload,
            metadata: &it.metadata,
        }
    }
}

impl<'a> From<&'a Stored> for Leaf<'a> {
    fn from(it: &'a Stored) -> Self {
        Self {
            position: it.position.number(),
            revision: it.revision,
            recorded_at_us: it.recorded_at.timestamp_micros(),
            event_id: it.event_id.into_bytes(),
            merchant: &it.merchant_id,
            category: &it.category,
            name: &it.name,
            kind: &it.kind,
            payload: &it.payload,
            metadata: &it.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by another program (Python's hashlib and struct) from docs/audit.md.
    #[test]
    fn an_entry_is_what_the_document_says_to_the_byte() {
        let leaf = Leaf {
            position: 42,
            revision: 3,
            recorded_at_us: 1_767_225_600_000_001,
            event_id: [0x01, 0x90, 0xa5, 0xd2, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57],
            merchant: "local",
            category: "order",
            name: "ق-1",
            kind: "order-placed.v1",
            payload: br#"{"order_id":"o-1"}"#,
            metadata: br#"{"merchant_id":"local"}"#,
        };
        let mut entry = Vec::new();
        leaf.encode(&mut entry).unwrap();
        let hex: String = entry.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            concat!(
                "01000000000000002a000000000000000300064748462040010190a5d2ac96774bbcceb302099a805721fbcc9a1180d37498",
                "42735ce7bfc5af1928fae94c44031deefd1dcd721d48a55eb67e219571ade171e23df9fc6a8b7ac190ba381ceaca7b035109",
                "497c15379000056c6f63616c00056f726465720004d9822d31000f6f726465722d706c616365642e7631",
            )
        );
        assert_eq!(leaf.hash(&mut entry).unwrap().to_string(), "wtfFvhBfK7hMjqUlfBc4/hYgS5PIdr724AfEVdvEKIA=");
        let long = "x".repeat(40_000);
        assert_eq!(Leaf { name: &long, kind: &long, ..leaf }.hash(&mut entry), Err(TooLong { position: 42 }));
    }
}
