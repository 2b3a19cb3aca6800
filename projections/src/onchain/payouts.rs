//! Payouts: who asked, who has agreed, and what became of the transaction.

mod parts;

use super::never_begun;
use crate::amount::Amount;
use crate::apply::{Misfit, effective_at};
use crate::bulk::table_row;
use crate::past::{Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use crate::streams::{StreamRow, by_stream};
use chrono::{DateTime, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::holding::{PayoutReserved, PayoutRules, Purpose};
use mizan_domain::onchain::payout;
use mizan_store::{Position, Recorded};
pub use parts::{PayoutApproval, PayoutPurpose, PayoutState, PayoutTransaction};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

/// Coins that somebody is to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct PayoutRow {
    /// The payout.
    pub payout_id: String,
    /// What is paid, by its CAIP-19 name.
    pub asset: String,
    /// Digits after its point.
    pub decimals: i32,
    /// Where it is.
    #[sqlx(try_from = "String")]
    pub state: PayoutState,
    /// What it is for.
    #[sqlx(try_from = "String")]
    pub purpose: PayoutPurpose,
    /// The invoice that it refunds.
    pub invoice_id: Option<String>,
    /// The refund.
    pub refund_id: Option<String>,
    /// Whose money.
    pub customer_id: Option<String>,
    /// How much of the asset.
    pub amount: Amount,
    /// The currency of the value.
    pub currency: String,
    /// What it settles, in money.
    pub value: Amount,
    /// Whether the value is what counts, so that it can be priced again until it is approved.
    pub is_in_money: bool,
    /// Which price this is, from 1: an approval is for one of them.
    pub price_revision: i64,
    /// The rate between amount and value, where one was used.
    pub rate: Option<String>,
    /// Where to.
    pub destination: String,
    /// Who asked: never one of those who approve it.
    pub requested_by: String,
    /// Why.
    pub reason: Option<String>,
    /// The rules that hold for it.
    #[schema(value_type = Object)]
    pub rules: Json<PayoutRules>,
    /// How many have to agree.
    pub approvals_needed: i64,
    /// Who has agreed to this price.
    #[schema(value_type = Vec<PayoutApproval>)]
    pub approvals: Json<Vec<PayoutApproval>>,
    /// The transaction that was sent last, or is on the chain.
    pub transaction: Option<String>,
    /// Every transaction that was sent, the first one first.
    #[schema(value_type = Vec<PayoutTransaction>)]
    pub transactions: Json<Vec<PayoutTransaction>>,
    /// What the chain took.
    pub fee: Option<Amount>,
    /// In which coin.
    pub fee_asset: Option<String>,
    /// Whether that is more than the rules want.
    pub is_over_fee_cap: bool,
    /// How often it got onto the chain: more than once where a chain took it back. It is there while its state is
    /// `completed`.
    pub completions: i64,
    /// Who ended it, where somebody did.
    pub ended_by: Option<String>,
    /// Why it ended.
    pub ended_reason: Option<String>,
    /// Why the books did not have it: `destination_removed` or `not_held`.
    pub withheld: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events it has: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

table_row!(
    PayoutRow,
    "payouts",
    key(payout_id),
    fixed(),
    rest(
        asset,
        decimals,
        state,
        purpose,
        invoice_id,
        refund_id,
        customer_id,
        amount,
        currency,
        value,
        is_in_money,
        price_revision,
        rate,
        destination,
        requested_by,
        reason,
        rules,
        approvals_needed,
        approvals,
        transaction,
        transactions,
        fee,
        fee_asset,
        is_over_fee_cap,
        completions,
        ended_by,
        ended_reason,
        withheld,
        requested_at,
        ended_at,
        updated_at,
        revision,
        position,
    )
);

impl StreamRow for PayoutRow {
    const LOAD: &'static str = by_stream!(payouts, payout_id);

    fn follows(recorded: &Recorded) -> bool {
        matches!(*recorded.event, Event::Payout(_))
    }

    fn stream_id(&self) -> &str {
        &self.payout_id
    }

    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit> {
        use payout::Event as It;
        let Event::Payout(event) = &*recorded.event else { return Ok(()) };
        if let (None, It::Requested(it)) = (&row, event) {
            *row = Some(Self::requested(recorded, &it.request));
        }
        let row = row.as_mut().ok_or_else(|| never_begun(recorded))?;
        row.updated_at = effective_at(&recorded.event);
        row.revision = recorded.revision;
        row.position = recorded.position;
        match event {
            It::Requested(_) => (),
            It::Repriced(it) => row.repriced(&it.request),
            It::ApprovalGiven(it) => row.approvals.push(PayoutApproval { by: it.by.to_string(), at: row.updated_at }),
            It::Approved(_) => row.state = PayoutState::Approved,
            It::Released(_) => row.state = PayoutState::Released,
            It::Broadcast(it) | It::Replaced(it) => row.sent(it),
            It::Denied(it) => row.ended(PayoutState::Denied, it),
            It::Cancelled(it) => row.ended(PayoutState::Cancelled, it),
            It::Completed(it) => {
                row.completions = i64::from(it.times_orphaned) + 1;
                row.ended(PayoutState::Completed, it);
            }
            It::Orphaned(_) => row.is_on_no_chain(),
            It::Failed(it) => row.ended(PayoutState::Failed, it),
        }
        Ok(())
    }
}

impl PayoutRow {
    fn requested(recorded: &Recorded, it: &PayoutReserved) -> Self {
        let unit = it.amount.currency();
        let at = effective_at(&recorded.event);
        let (purpose, invoice_id, refund_id, customer_id) = match &it.purpose {
            Purpose::Refund { invoice_id, refund_id, customer_id, .. } => {
                let customer_id = customer_id.as_ref().map(ToString::to_string);
                (PayoutPurpose::Refund, Some(invoice_id.to_string()), Some(refund_id.to_string()), customer_id)
            }
            Purpose::Other => (PayoutPurpose::Other, None, None, None),
        };
        Self {
            payout_id: recorded.stream.id.to_string(),
            asset: unit.to_string(),
            decimals: i32::try_from(unit.decimals()).unwrap_or(0),
            state: PayoutState::Waiting,
            purpose,
            invoice_id,
            refund_id,
            customer_id,
            amount: it.amount.into(),
            currency: it.value.currency().to_string(),
            value: it.value.into(),
            is_in_money: it.is_in_money,
            price_revision: it.revision.into(),
            rate: it.spot.as_ref().map(|it| it.rate.to_string()),
            destination: it.to.as_str().to_owned(),
            requested_by: it.requested_by.to_string(),
            reason: it.reason.as_ref().map(ToString::to_string),
            rules: Json(it.rules.clone()),
            approvals_needed: it.rules.approvals_needed.into(),
            approvals: Json(Vec::new()),
            transaction: None,
            transactions: Json(Vec::new()),
            fee: None,
            fee_asset: None,
            is_over_fee_cap: false,
            completions: 0,
            ended_by: None,
            ended_reason: None,
            withheld: None,
            requested_at: at,
            ended_at: None,
            updated_at: at,
            revision: recorded.revision,
            position: recorded.position,
        }
    }
}

static LISTING: Listing = Listing {
    name: "payouts",
    fields: &[
        Field::sorted("payout_id", Kind::Text),
        Field::of("asset", Kind::Text),
        Field::of("state", Kind::OneOf(PayoutState::NAMES)),
        Field::of("purpose", Kind::OneOf(PayoutPurpose::NAMES)),
        Field::of("invoice_id", Kind::Text),
        Field::of("refund_id", Kind::Text),
        Field::of("customer_id", Kind::Text),
        Field::sorted("amount", Kind::Decimal),
        Field::of("currency", Kind::Text),
        Field::sorted("value", Kind::Decimal),
        Field::of("destination", Kind::Text),
        Field::of("requested_by", Kind::Text),
        Field::of("transaction", Kind::Text),
        Field::of("is_over_fee_cap", Kind::Flag),
        Field::of("completions", Kind::Integer),
        Field::sorted("requested_at", Kind::Timestamp),
        Field::nullable("ended_at", Kind::Timestamp),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "-requested_at",
    key: &["payout_id"],
};

/// The fields that the list of payouts can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's payouts, the latest first.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<PayoutRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Payouts), "payouts"), &LISTING, pairs).await
}

/// One payout; none where the merchant has no such payout.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    payout_id: &str,
) -> Result<Option<Answer<PayoutRow>>, QueryError> {
    let statement = "select * from payouts where merchant_id = $1 and payout_id = $2";
    reads.one((Streams::Payouts, statement), merchant, payout_id).await
}
