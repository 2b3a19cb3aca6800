//! Events as CloudEvents 1.0 (JSON format), for whoever feeds them to something that is not ours.
//!
//! Numbers of CloudEvents have 32 bits, so a position is a text; `sequence` is the same with leading zeros, by the
//! extension of that name, because it is compared letter by letter.

use chrono::{DateTime, Utc};
use mizan_domain::metadata::Metadata;
use mizan_store::{Position, Stored, Unreadable};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// One event, by itself.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
/// Several, as a JSON array.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";

/// An event as a CloudEvent. Names are those of the specification: small letters and digits, no more.
#[derive(Serialize, ToSchema)]
pub struct CloudEvent {
    /// `1.0`
    specversion: &'static str,
    /// The event's id.
    id: Uuid,
    /// `urn:mizan:merchant:<merchant>`
    source: String,
    /// What happened, with its version.
    #[serde(rename = "type")]
    kind: String,
    /// The stream, for example `order/o-1001`.
    subject: String,
    /// When it was made durable.
    time: DateTime<Utc>,
    /// `application/json`
    datacontenttype: &'static str,
    /// The position with leading zeros: 20 digits.
    sequence: String,
    /// Its place in the history.
    position: String,
    /// Its place in its stream, from 1.
    revision: i64,
    /// Whose it is.
    merchant: String,
    /// Who asked.
    actor: String,
    /// The command that it came from.
    commandid: Uuid,
    /// The first command of the whole story.
    correlationid: Uuid,
    /// The event that a policy answered with this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<Uuid>,
    /// W3C trace context of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    /// What happened, byte for byte as it is kept.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

impl TryFrom<Stored> for CloudEvent {
    type Error = Unreadable;

    fn try_from(it: Stored) -> Result<Self, Unreadable> {
        let metadata: Metadata = serde_json::from_slice(&it.metadata).map_err(|error| bad(it.position, &error))?;
        Ok(Self {
            specversion: "1.0",
            id: it.event_id,
            source: format!("urn:mizan:merchant:{}", it.merchant_id),
            kind: it.kind,
            subject: format!("{}/{}", it.category, it.name),
            time: it.recorded_at,
            datacontenttype: "application/json",
            sequence: format!("{:020}", it.position.number()),
            position: it.position.to_string(),
            revision: it.revision,
            merchant: it.merchant_id,
            actor: metadata.actor.as_str().to_owned(),
            commandid: metadata.command_id,
            correlationid: metadata.correlation_id,
            causationid: metadata.causation_id,
            traceparent: metadata.trace.map(|it| it.as_str().to_owned()),
            data: raw(it.position, it.payload)?,
        })
    }
}

/// Stored bytes as JSON that is passed on unread.
pub(super) fn raw(position: Position, bytes: Vec<u8>) -> Result<Box<RawValue>, Unreadable> {
    let text = String::from_utf8(bytes).map_err(|error| bad(position, &error))?;
    RawValue::from_string(text).map_err(|error| bad(position, &error))
}

fn bad(position: Position, error: &impl ToString) -> Unreadable {
    Unreadable { position, reason: error.to_string() }
}
