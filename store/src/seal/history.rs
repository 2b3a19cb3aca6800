//! The whole history as a file: one JSON object a line, with everything that a leaf covers, byte for byte.
//!
//! The first line has the keys and the checkpoint, then comes every event, and the last line says that it was the last.
//! Payloads and metadata are JSON texts and stand here as strings, whose characters are their exact bytes; what is no
//! text stands as base64.

mod plain;

use super::keys::KeysText;
use super::leaf::Leaf;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// The version of the file.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct First {
    /// [`VERSION`].
    pub mizan_history: u32,
    /// The keys, and who endorsed them.
    pub keys: KeysText,
    /// The signed note of the tree over all events of the file.
    pub checkpoint: String,
}

/// The last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    /// How many events came before it.
    pub end_after: u64,
}

/// A line with an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    position: i64,
    #[serde(borrow)]
    merchant: Cow<'a, str>,
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    revision: i64,
    event_id: Uuid,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    recorded_at_us: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payload: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata_base64: Option<String>,
}

impl<'a> From<&Leaf<'a>> for Line<'a> {
    fn from(it: &Leaf<'a>) -> Self {
        let (payload, payload_base64) = written(it.payload);
        let (metadata, metadata_base64) = written(it.metadata);
        Self {
            position: it.position,
            merchant: it.merchant.into(),
            category: it.category.into(),
            name: it.name.into(),
            revision: it.revision,
            event_id: Uuid::from_bytes(it.event_id),
            kind: it.kind.into(),
            recorded_at_us: it.recorded_at_us,
            payload,
            payload_base64,
            metadata,
            metadata_base64,
        }
    }
}

/// Reads lines with events, one after the other, into room of its own.
#[derive(Debug, Default)]
pub struct Lines {
    payload: Vec<u8>,
    metadata: Vec<u8>,
}

impl Lines {
    /// Lends the event of a line; none where a payload or metadata stand twice or not at all. A line as this program
    /// writes them is read in one go; whatever looks otherwise is read by the rules of JSON.
    ///
    /// # Errors
    /// The line is no event.
    pub fn read<T>(&mut self, line: &[u8], look: impl FnOnce(&Leaf<'_>) -> T) -> serde_json::Result<Option<T>> {
        match plain::leaf(line, &mut self.payload, &mut self.metadata) {
            Some(leaf) => Ok(Some(look(&leaf))),
            None => serde_json::from_slice::<Line<'_>>(line).map(|line| line.leaf(look)),
        }
    }
}

/// Bytes as a text, or as base64 where they are none.
fn written(bytes: &[u8]) -> (Option<Cow<'_, str>>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.into()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

fn read<'a>(text: Option<&'a str>, base64: Option<&str>) -> Option<Cow<'a, [u8]>> {
    match (text, base64) {
        (Some(text), None) => Some(text.as_bytes().into()),
        (None, Some(base64)) => Some(STANDARD.decode(base64).ok()?.into()),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

impl Line<'_> {
    /// Lends the event of the line; none where a payload or metadata stand twice or not at all.
    pub fn leaf<T>(&self, look: impl FnOnce(&Leaf<'_>) -> T) -> Option<T> {
        let payload = read(self.payload.as_deref(), self.payload_base64.as_deref())?;
        let metadata = read(self.metadata.as_deref(), self.metadata_base64.as_deref())?;
        Some(look(&Leaf {
            position: self.position,
            revision: self.revision,
            recorded_at_us: self.recorded_at_us,
            event_id: self.event_id.into_bytes(),
            merchant: &self.merchant,
            category: &self.category,
            name: &self.name,
            kind: &self.kind,
            payload: &payload,
            metadata: &metadata,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_whatever_it_is() {
        let all: Vec<u8> = (0..=255).collect();
        for payload in [&br#"{"a": "\u0645\"", "b":1.0 }"#[..], "قهوة\u{2028}\u{0}".as_bytes(), &all, b""] {
            let leaf = Leaf {
                position: 7,
                revision: 3,
                recorded_at_us: -1,
                event_id: [9; 16],
                merchant: "local",
                category: "order",
                name: "o-\"1\" \\",
                kind: "order-placed.v1",
                payload,
                metadata: &all,
            };
            let text = serde_json::to_string(&Line::from(&leaf)).unwrap();
            assert!(!text.contains('\n'));
            let mut lines = Lines::default();
            lines.read(text.as_bytes(), |read| assert_eq!(*read, leaf)).unwrap().unwrap();
            let line: Line<'_> = serde_json::from_str(&text).unwrap();
            line.leaf(|read| assert_eq!(*read, leaf)).unwrap();
        }
    }
}
