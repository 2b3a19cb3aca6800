//! The commands about who customers are, as clients write them.

use super::read::{Checked, Fault, When, at, optional};
use super::{Asked, Incomplete};
use crate::asking::{Asking, PlainCustomer};
use chrono::{DateTime, Utc};
use mizan_domain::customer::{self, Details};
use mizan_domain::event::Command;
use mizan_domain::id::CustomerId;
use mizan_domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

/// Who a customer is, as a whole: what is left out is no longer known. The values are sealed under the customer's own
/// key before they are kept, and can be erased.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordCustomer {
    /// The opaque id that orders and payments name.
    #[schema(value_type = String, example = "c-7")]
    customer_id: Checked<CustomerId>,
    /// How they are called.
    #[schema(value_type = Option<String>, example = "Ada Lovelace")]
    name: Option<Checked<Text>>,
    /// Where to write to.
    #[schema(value_type = Option<String>, example = "ada@example.com")]
    email: Option<Checked<Text>>,
    /// Where to call.
    #[schema(value_type = Option<String>)]
    phone: Option<Checked<Text>>,
    /// Where they live, or where things are sent.
    #[schema(value_type = Option<String>)]
    address: Option<Checked<Text>>,
    /// A number of theirs with an authority, for invoices.
    #[schema(value_type = Option<String>)]
    tax_id: Option<Checked<Text>>,
    /// Anything else.
    #[schema(value_type = Option<String>)]
    note: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for RecordCustomer {
    const SUMMARY: &'static str = "Record who a customer is";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        Ok(Asking::Customer(PlainCustomer {
            customer_id: self.customer_id.0,
            details: Details {
                name: optional(self.name),
                email: optional(self.email),
                phone: optional(self.phone),
                address: optional(self.address),
                tax_id: optional(self.tax_id),
                note: optional(self.note),
            },
            at: at(self.occurred_at, now)?,
        }))
    }
}

/// Who a customer is, is forgotten: the key of their values is destroyed, for ever. Their orders and payments stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseCustomer {
    /// Whom.
    #[schema(value_type = String, example = "c-7")]
    customer_id: Checked<CustomerId>,
    /// On what ground, a ticket number for example; never a name.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for EraseCustomer {
    const SUMMARY: &'static str = "Erase who a customer is";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        Ok(Command::Customer(customer::Command::Erase(customer::Erase {
            customer_id: self.customer_id.0,
            reason: optional(self.reason),
            at: at(self.occurred_at, now)?,
        })))
    }
}
