//! What people decide about a payout, and what a signer reports of it. Who decides is the name of the API key.

use super::super::later;
use super::fee;
use crate::asking::{Asking, Needs};
use crate::commands::read::{Amount, Checked, Fault, When, at, optional};
use crate::commands::{Asked, Incomplete};
use chrono::{DateTime, Utc};
use mizan_domain::Decider;
use mizan_domain::event::{Command, StreamName};
use mizan_domain::id::PayoutId;
use mizan_domain::onchain::payout::{self, Payout};
use mizan_domain::onchain::{AssetId, TransactionId};
use mizan_domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

pub(super) fn stream_of(payout_id: &PayoutId) -> StreamName {
    StreamName { category: Payout::CATEGORY, id: payout_id.as_str().into() }
}

/// Somebody agrees to a payout at its price: whoever the API key is of. When enough have, the books hold the money and it
/// may be signed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct ApprovePayout {
    /// The payout.
    #[schema(value_type = String, example = "p-1")]
    payout_id: Checked<PayoutId>,
    /// The price that is agreed to, as the payout shows it: 1, until it is priced again.
    price_revision: u32,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for ApprovePayout {
    const SUMMARY: &'static str = "Approve a payout, in the name of the API key";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let (payout_id, revision) = (self.payout_id.0, self.price_revision);
        let at = at(self.occurred_at, now)?;
        let needs = Needs { is_personal: true, ..Needs::default() };
        Ok(later(stream_of(&payout_id), needs, move |known| {
            let asked = payout::Approve { payout_id, revision, by: known.actor.clone(), at };
            Ok(Command::Payout(payout::Command::Approve(asked)))
        }))
    }
}

/// Somebody does not agree to a payout: it is over, and its coins are free again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct DenyPayout {
    /// The payout.
    #[schema(value_type = String, example = "p-1")]
    payout_id: Checked<PayoutId>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for DenyPayout {
    const SUMMARY: &'static str = "Deny a payout, in the name of the API key";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let (payout_id, reason) = (self.payout_id.0, optional(self.reason));
        let at = at(self.occurred_at, now)?;
        let needs = Needs { is_personal: true, ..Needs::default() };
        Ok(later(stream_of(&payout_id), needs, move |known| {
            let asked = payout::Deny { payout_id, by: known.actor.clone(), reason, at };
            Ok(Command::Payout(payout::Command::Deny(asked)))
        }))
    }
}

/// A payout that was not sent is not wanted any more; what the books held for it is free again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct CancelPayout {
    /// The payout.
    #[schema(value_type = String, example = "p-1")]
    payout_id: Checked<PayoutId>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for CancelPayout {
    const SUMMARY: &'static str = "Cancel a payout that was not sent";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let (payout_id, reason) = (self.payout_id.0, optional(self.reason));
        let at = at(self.occurred_at, now)?;
        Ok(Command::Payout(payout::Command::Cancel(payout::CancelPayout { payout_id, withheld: None, reason, at })))
    }
}

/// A released payout was signed and sent, outside; or sent again with another fee, which is the same payout.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct BroadcastPayout {
    /// The payout.
    #[schema(value_type = String, example = "p-1")]
    payout_id: Checked<PayoutId>,
    /// The transaction.
    #[schema(value_type = String)]
    transaction: Checked<TransactionId>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for BroadcastPayout {
    const SUMMARY: &'static str = "Report that a payout was sent";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let (payout_id, transaction) = (self.payout_id.0, self.transaction.0);
        let at = at(self.occurred_at, now)?;
        Ok(Command::Payout(payout::Command::Broadcast(payout::Broadcast { payout_id, transaction, at })))
    }
}

/// A payout is on the chain. A transaction that replaced those that were told is as good.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct CompletePayout {
    /// The payout.
    #[schema(value_type = String, example = "p-1")]
    payout_id: Checked<PayoutId>,
    /// The transaction that is on the chain.
    #[schema(value_type = String)]
    transaction: Checked<TransactionId>,
    /// What the chain took, as text.
    #[schema(value_type = Option<String>, example = "0.00000500")]
    fee: Option<Amount>,
    /// In which coin, with the fee; it has to be registered.
    #[schema(value_type = Option<String>)]
    fee_asset: Option<Checked<AssetId>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for CompletePayout {
    const SUMMARY: &'static str = "Report that a payout is on the chain";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let (payout_id, transaction) = (self.payout_id.0, self.transaction.0);
        let at = at(self.occurred_at, now)?;
        let (paid, coin) = both(self.fee, optional(self.fee_asset))?;
        let needs = Needs { assets: coin.into_iter().collect(), ..Needs::default() };
        Ok(later(stream_of(&payout_id), needs, move |known| {
            let fee = coin.map(|coin| fee(known, paid, coin, "/fee")).transpose()?.flatten();
            let asked = payout::Complete { payout_id, transaction, fee, at };
            Ok(Command::Payout(payout::Command::Complete(asked)))
        }))
    }
}

/// The chain has taken back the block that a payout was in: it counts as sent again, and its fee as not paid. Say so whatever
/// comes of it: `complete-payout` when it is in another block, `fail-payout` when it never will be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct OrphanPayout {
    /// The payout.
    #[schema(value_type = String, example = "p-1")]
    payout_id: Checked<PayoutId>,
    /// Which of the times that it got onto the chain this undoes, as the payout shows it (`completions`): 1, the first time.
    completion: u32,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for OrphanPayout {
    const SUMMARY: &'static str = "Report that the chain has taken a payout back";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let (payout_id, completion) = (self.payout_id.0, self.completion);
        let at = at(self.occurred_at, now)?;
        Ok(Command::Payout(payout::Command::Orphan(payout::OrphanPayout { payout_id, completion, at })))
    }
}

/// A payout will never be on the chain; what the books held for it is free again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct FailPayout {
    /// The payout.
    #[schema(value_type = String, example = "p-1")]
    payout_id: Checked<PayoutId>,
    /// What the chain took all the same, as text.
    #[schema(value_type = Option<String>)]
    fee: Option<Amount>,
    /// In which coin, with the fee; it has to be registered.
    #[schema(value_type = Option<String>)]
    fee_asset: Option<Checked<AssetId>>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for FailPayout {
    const SUMMARY: &'static str = "Report that a payout will never be on the chain";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let (payout_id, reason) = (self.payout_id.0, optional(self.reason));
        let at = at(self.occurred_at, now)?;
        let (paid, coin) = both(self.fee, optional(self.fee_asset))?;
        let needs = Needs { assets: coin.into_iter().collect(), ..Needs::default() };
        Ok(later(stream_of(&payout_id), needs, move |known| {
            let fee = coin.map(|coin| fee(known, paid, coin, "/fee")).transpose()?.flatten();
            Ok(Command::Payout(payout::Command::Fail(payout::Fail { payout_id, fee, reason, at })))
        }))
    }
}

/// A fee and its coin, or neither.
fn both(fee: Option<Amount>, coin: Option<AssetId>) -> Result<(Option<Amount>, Option<AssetId>), Fault> {
    match (&fee, coin) {
        (Some(_), None) => Err(Fault::new("missing_field", "/fee_asset", "say in which coin the fee was paid")),
        (None, Some(_)) => Err(Fault::new("missing_field", "/fee", "say how much the fee was")),
        (Some(_), Some(_)) | (None, None) => Ok((fee, coin)),
    }
}
