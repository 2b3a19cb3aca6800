//! What merchants decide about invoices.

use super::{Said, later};
use crate::asking::{Asking, Needs};
use crate::commands::read::{Checked, Fault, When, at, optional};
use crate::commands::{Asked, Incomplete};
use chrono::{DateTime, Utc};
use mizan_domain::Decider;
use mizan_domain::event::{Command, StreamName};
use mizan_domain::id::{InvoiceId, ResolutionId};
use mizan_domain::onchain::invoice::{self, Invoice, Resolution};
use mizan_domain::onchain::{AssetId, ExchangeRate};
use mizan_domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

/// The stream of an invoice.
pub(super) fn stream_of(invoice_id: &InvoiceId) -> StreamName {
    StreamName { category: Invoice::CATEGORY, id: invoice_id.as_str().into() }
}

/// An invoice that nobody has paid is not wanted any more. What comes all the same is recorded, and waits for a decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct CancelInvoice {
    /// The invoice.
    #[schema(value_type = String, example = "i-1")]
    invoice_id: Checked<InvoiceId>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for CancelInvoice {
    const SUMMARY: &'static str = "Cancel an invoice that is not paid";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        Ok(Command::Invoice(invoice::Command::Cancel(invoice::CancelInvoice {
            invoice_id: self.invoice_id.0,
            reason: optional(self.reason),
            at: at(self.occurred_at, now)?,
        })))
    }
}

/// Money that was late, too little or in another asset is decided about. To give it back is `refund-invoice`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct ResolveInvoice {
    /// The invoice.
    #[schema(value_type = String, example = "i-1")]
    invoice_id: Checked<InvoiceId>,
    /// Yours: one decision.
    #[schema(value_type = String, example = "x-1")]
    resolution_id: Checked<ResolutionId>,
    /// `accept_at_todays_value`: the order gets what there is, even if it is not all. `keep_as_credit`: it stays the
    /// customer's credit.
    #[schema(value_type = String, pattern = "^(accept_at_todays_value|keep_as_credit)$")]
    how: Resolution,
    /// Which asset is accepted; the invoice's own, if left out.
    #[schema(value_type = Option<String>)]
    asset: Option<Checked<AssetId>>,
    /// What one whole unit of it costs today, as text; asked of the source of rates, if left out.
    #[schema(value_type = Option<String>, example = "48000")]
    rate: Option<Checked<ExchangeRate>>,
    /// Whose rate it is, with the rate.
    #[schema(value_type = Option<String>)]
    source: Option<Checked<Text>>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for ResolveInvoice {
    const SUMMARY: &'static str = "Decide about money that could not be placed";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let at = at(self.occurred_at, now)?;
        let asset = optional(self.asset);
        let rate = Said { rate: self.rate, source: self.source }.needed(None, at)?;
        let mut asked = invoice::Resolve {
            invoice_id: self.invoice_id.0,
            resolution_id: self.resolution_id.0,
            how: self.how,
            asset,
            spot: None,
            reason: optional(self.reason),
            at,
        };
        if asked.how == Resolution::KeepAsCredit {
            return Ok(Asking::Command(Command::Invoice(invoice::Command::Resolve(asked))));
        }
        let invoice = Some(asked.invoice_id.clone());
        let needs = Needs { assets: asset.into_iter().collect(), invoice, rate: Some(rate), ..Needs::default() };
        Ok(later(stream_of(&asked.invoice_id), needs, move |known| {
            asked.spot = Some(known.spot()?);
            Ok(Command::Invoice(invoice::Command::Resolve(asked)))
        }))
    }
}
