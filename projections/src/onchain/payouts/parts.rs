//! What a payout lists: approvals of its price and transactions, and how it ends.

use super::PayoutRow;
use crate::names::names;
use chrono::{DateTime, Utc};
use mizan_domain::onchain::holding::{PayoutReserved, Withheld};
use mizan_domain::onchain::payout::{Ended, Sent};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use utoipa::ToSchema;

names! {
    /// Where a payout is.
    PayoutState {
        /// It waits for approvals of its price.
        Waiting = "waiting",
        /// Enough have agreed; the books have not released it yet.
        Approved = "approved",
        /// It may be signed and sent.
        Released = "released",
        /// It was sent, and is not on the chain yet.
        Broadcast = "broadcast",
        /// It is on the chain.
        Completed = "completed",
        /// One of those who approve did not agree.
        Denied = "denied",
        /// Nobody wanted it any more, or the books did not have it.
        Cancelled = "cancelled",
        /// It will never be on the chain.
        Failed = "failed",
    }
}

names! {
    /// What a payout is for.
    PayoutPurpose {
        /// Money of an invoice goes back.
        Refund = "refund",
        /// Anything else.
        Other = "other",
    }
}

/// Somebody has agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutApproval {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A transaction that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutTransaction {
    /// Its id.
    pub transaction: String,
    /// The one whose place it takes.
    pub replaces: Option<String>,
    /// When it was told.
    pub at: DateTime<Utc>,
}

impl PayoutRow {
    /// Another price needs approvals of its own.
    pub(super) fn repriced(&mut self, it: &PayoutReserved) {
        self.state = PayoutState::Waiting;
        self.amount = it.amount.into();
        self.price_revision = it.revision.into();
        self.rate = it.spot.as_ref().map(|it| it.rate.to_string());
        self.approvals = Json(Vec::new());
    }

    pub(super) fn sent(&mut self, it: &Sent) {
        self.state = PayoutState::Broadcast;
        self.transaction = Some(it.transaction.to_string());
        let (transaction, replaces) = (it.transaction.to_string(), it.replaces.as_ref().map(ToString::to_string));
        self.transactions.push(PayoutTransaction { transaction, replaces, at: self.updated_at });
    }

    /// The chain took it back, and with it the fee: it is sent, as before.
    pub(super) fn is_on_no_chain(&mut self) {
        self.state = PayoutState::Broadcast;
        (self.fee, self.fee_asset, self.is_over_fee_cap) = (None, None, false);
        self.ended_at = None;
    }

    pub(super) fn ended(&mut self, state: PayoutState, it: &Ended) {
        self.state = state;
        if let Some(transaction) = &it.transaction {
            self.transaction = Some(transaction.to_string());
        }
        self.fee = it.fee.map(Into::into);
        self.fee_asset = it.fee.map(|it| it.currency().to_string());
        self.is_over_fee_cap = it.is_over_fee_cap;
        self.ended_by = it.by.as_ref().map(ToString::to_string);
        self.ended_reason = it.reason.as_ref().map(ToString::to_string);
        self.withheld = it.withheld.map(|why| match why {
            Withheld::DestinationRemoved => "destination_removed".to_owned(),
            Withheld::NotHeld => "not_held".to_owned(),
        });
        self.ended_at = Some(self.updated_at);
    }
}
