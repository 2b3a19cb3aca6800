//! Where a page ended, as text that clients hand back and never look into.

use super::SearchError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mizan_domain::id::{MerchantId, derived_uuid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Sort column and key of the last row, sealed with a hash over them and over the query, so that a damaged cursor, or
/// one of another query, is found out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    after: Vec<Option<String>>,
    seal: Uuid,
}

/// The query that a cursor belongs to: the list, whose it is, its order and its filters in any order.
pub(super) fn asked(
    listing: &str,
    merchant: &MerchantId,
    sort: &str,
    filters: &BTreeSet<(&String, &String)>,
) -> String {
    let mut parts = vec![listing, merchant.as_str(), sort];
    for (name, text) in filters {
        parts.extend([name.as_str(), text.as_str()]);
    }
    derived_uuid(&parts).to_string()
}

fn seal(after: &[Option<String>], asked: &str) -> Uuid {
    let mut parts = vec!["cursor", asked];
    for value in after {
        parts.extend(match value {
            Some(text) => ["is", text.as_str()],
            None => ["null", ""],
        });
    }
    derived_uuid(&parts)
}

pub(super) fn write(after: &[Option<String>], asked: &str) -> String {
    let cursor = Cursor { after: after.to_vec(), seal: seal(after, asked) };
    // A list of texts is always JSON.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

pub(super) fn read(text: &str, asked: &str) -> Option<Vec<Option<String>>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let cursor: Cursor = serde_json::from_slice(&bytes).ok()?;
    (cursor.seal == seal(&cursor.after, asked)).then_some(cursor.after)
}

pub(super) fn refused() -> SearchError {
    let message = "the cursor does not belong to this query: send it with the filters and the sort of the page that \
                   it came from (limit may differ), or leave it out to begin again";
    SearchError::new("bad_cursor", "cursor", message)
}
