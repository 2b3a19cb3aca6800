//! What is known of the circumstances of an event: who, why, and as part of what.

use crate::id::MerchantId;
use crate::text::Text;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Written beside every event, byte for byte like its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Whose history it is.
    pub merchant_id: MerchantId,
    /// Who asked: the name of an API key, or of a policy.
    pub actor: Text,
    /// The command that it came from. Event ids derive from it.
    pub command_id: Uuid,
    /// The first command of the whole story.
    pub correlation_id: Uuid,
    /// The event that a policy answered with this command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// The W3C `traceparent` of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Text>,
}

/// The id of the `ordinal`-th event of a command (UUIDv5): a repeated command makes the same events.
#[must_use]
pub fn event_id(command_id: Uuid, ordinal: usize) -> Uuid {
    crate::id::derived_uuid(&["event", &command_id.to_string(), &ordinal.to_string()])
}

/// The id of the `ordinal`-th command that a policy answers an event with (UUIDv5).
#[must_use]
pub fn reaction_id(event_id: Uuid, ordinal: usize) -> Uuid {
    crate::id::derived_uuid(&["reaction", &event_id.to_string(), &ordinal.to_string()])
}
