//! What an invoice lists: its deposits as it counts them, and what goes back.

use super::InvoiceRow;
use crate::amount::Amount;
use crate::names::names;
use chrono::{DateTime, SubsecRound, Utc};
use mizan_domain::id::PayoutId;
use mizan_domain::onchain::invoice::{
    DepositRecorded, DepositState, RefundEnded, RefundOutcome, RefundOwed, RefundRequested, RefundWithdrawn, Resolved,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

names! {
    /// How a deposit stands, as its invoice sees it.
    CountedState {
        /// On its way, or on its way again.
        Seen = "seen",
        /// In the books.
        Confirmed = "confirmed",
        /// Replaced or failed.
        Gone = "gone",
    }
}

/// A deposit, as its invoice counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceDeposit {
    /// The deposit.
    pub deposit_id: String,
    /// What came, by its CAIP-19 name.
    pub asset: String,
    /// How much.
    pub amount: Amount,
    /// How it stands.
    pub state: CountedState,
    /// When it was seen for the first time.
    pub first_seen_at: DateTime<Utc>,
    /// Whether the promised rate holds for it.
    pub has_promised_rate: bool,
    /// What it is worth in money at its own rate, where one is known.
    pub value: Option<Amount>,
    /// What it counts of what is due.
    pub counts: Amount,
    /// What a decision of the merchant took it for, in money.
    pub taken_for: Option<Amount>,
}

names! {
    /// What became of money that is to go back.
    InvoiceRefundState {
        /// The payment owes it; somebody has to ask the customer for an address.
        Owed = "owed",
        /// There is a payout for it.
        Requested = "requested",
        /// It is on the chain.
        Completed = "completed",
        /// Its payout was refused, denied, cancelled or did not happen; it can be asked for again.
        NotPaid = "not_paid",
        /// The payment owed it, and it was given up: it is the customer's credit.
        Withdrawn = "withdrawn",
    }
}

/// Money of an invoice that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceRefund {
    /// The refund.
    pub refund_id: String,
    /// What became of it.
    pub state: InvoiceRefundState,
    /// The payment that owes it; none where it is the customer's credit.
    pub payment_id: Option<String>,
    /// What the payment owes, in money.
    pub owed: Option<Amount>,
    /// Which attempt to pay it, from 1.
    pub attempt: u32,
    /// The payout of that attempt, which has to be approved.
    pub payout_id: Option<String>,
    /// What is paid, in the asset.
    pub amount: Option<Amount>,
    /// What that settles, in money.
    pub value: Option<Amount>,
    /// What of that the merchant keeps.
    pub kept: Option<Amount>,
    /// The address that the customer gave.
    pub destination: Option<String>,
}

impl InvoiceRow {
    pub(super) fn counts(&mut self, it: &DepositRecorded) {
        let deposit_id = it.deposit_id.to_string();
        let known = self.deposits.iter().find(|known| known.deposit_id == deposit_id);
        let counted = InvoiceDeposit {
            deposit_id: deposit_id.clone(),
            asset: it.amount.currency().to_string(),
            amount: it.amount.into(),
            state: match it.state {
                DepositState::Seen => CountedState::Seen,
                DepositState::Confirmed => CountedState::Confirmed,
                DepositState::Gone => CountedState::Gone,
            },
            first_seen_at: it.first_seen_at.trunc_subsecs(6),
            has_promised_rate: it.has_promised_rate,
            value: it.value.map(Into::into),
            counts: it.counts.into(),
            taken_for: known.and_then(|known| known.taken_for),
        };
        match self.deposits.iter_mut().find(|known| known.deposit_id == deposit_id) {
            Some(known) => *known = counted,
            None => self.deposits.push(counted),
        }
    }

    pub(super) fn takes(&mut self, it: &Resolved) {
        for taken in &it.deposits {
            let deposits = self.deposits.iter_mut();
            for known in deposits.filter(|known| known.deposit_id == taken.deposit_id.as_str()) {
                known.taken_for = Some(taken.worth.into());
            }
        }
    }

    fn refund(&mut self, refund_id: &str) -> Option<&mut InvoiceRefund> {
        self.refunds.iter_mut().find(|known| known.refund_id == refund_id)
    }

    pub(super) fn owes(&mut self, it: &RefundOwed) {
        let owed = InvoiceRefund {
            refund_id: it.refund_id.to_string(),
            state: InvoiceRefundState::Owed,
            payment_id: Some(it.payment_id.to_string()),
            owed: Some(it.amount.into()),
            attempt: 0,
            payout_id: None,
            amount: None,
            value: None,
            kept: None,
            destination: None,
        };
        match self.refund(it.refund_id.as_str()) {
            Some(known) => (known.payment_id, known.owed) = (owed.payment_id, owed.owed),
            None => self.refunds.push(owed),
        }
    }

    pub(super) fn gives_back(&mut self, it: &RefundRequested) {
        let attempt = it.attempt.to_string();
        let parts = ["refund", it.invoice_id.as_str(), it.refund_id.as_str(), &attempt];
        let requested = InvoiceRefund {
            refund_id: it.refund_id.to_string(),
            state: InvoiceRefundState::Requested,
            payment_id: it.payment_id.as_ref().map(ToString::to_string),
            owed: self.refund(it.refund_id.as_str()).and_then(|known| known.owed),
            attempt: it.attempt,
            payout_id: Some(PayoutId::derived(&parts).to_string()),
            amount: Some(it.amount.into()),
            value: Some(it.value.into()),
            kept: Some(it.kept.into()),
            destination: Some(it.to.as_str().to_owned()),
        };
        match self.refund(it.refund_id.as_str()) {
            Some(known) => *known = requested,
            None => self.refunds.push(requested),
        }
    }

    pub(super) fn gives_up(&mut self, it: &RefundWithdrawn) {
        if let Some(known) = self.refund(it.refund_id.as_str()) {
            known.state = InvoiceRefundState::Withdrawn;
        }
    }

    pub(super) fn gave_back(&mut self, it: &RefundEnded) {
        if let Some(known) = self.refund(it.refund_id.as_str()) {
            known.state = match it.outcome {
                RefundOutcome::Completed => InvoiceRefundState::Completed,
                RefundOutcome::NotPaid => InvoiceRefundState::NotPaid,
            };
        }
    }
}
