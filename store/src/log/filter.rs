//! What of the history is wanted, and what was found.

use super::{Position, Stored};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Which events of a merchant are wanted; all, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Of streams of this category, for example `order`.
    pub category: Option<String>,
    /// Of streams with this name.
    pub name: Option<String>,
    /// Of these kinds, for example `order-placed.v1`; of any, where none is named.
    pub kinds: Vec<String>,
    /// Of the story that this command began.
    pub correlation_id: Option<Uuid>,
    /// That a policy answered this event with.
    pub causation_id: Option<Uuid>,
    /// Recorded at this moment or later.
    pub recorded_from: Option<DateTime<Utc>>,
    /// Recorded before this moment.
    pub recorded_before: Option<DateTime<Utc>>,
}

/// What a search found, and how far it has looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In order.
    pub events: Vec<Stored>,
    /// Everything up to here was looked at: the next search begins after it.
    pub reached: Position,
}

impl HistoryFilter {
    /// What the metadata of every wanted event contains, as [`mizan_domain::metadata::Metadata`] is written. Inside a
    /// text of the metadata these bytes cannot stand, because its quotation marks are escaped.
    pub(crate) fn in_metadata(&self) -> impl Iterator<Item = Vec<u8>> {
        let field = |name: &str, id: Option<Uuid>| id.map(|id| format!("\"{name}\":\"{id}\"").into_bytes());
        field("correlation_id", self.correlation_id).into_iter().chain(field("causation_id", self.causation_id))
    }
}
