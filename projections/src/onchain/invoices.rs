//! Invoices on chains: what is to be paid, what came for it, and whether the order has its money.
//!
//! Every event of an invoice says how it stands after it; the row copies that. The deposits are listed as the invoice
//! counts them; what the chain shows of each is a read model of its own.

mod parts;
mod standing;
mod waking;

use super::never_begun;
use crate::amount::Amount;
use crate::apply::{Misfit, effective_at};
use crate::bulk::table_row;
use crate::past::{Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use crate::streams::{StreamRow, by_stream};
use chrono::{DateTime, SubsecRound, Utc};
use mizan_domain::Currency;
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::{Terms, invoice};
use mizan_store::{Position, Recorded};
pub use parts::{CountedState, InvoiceDeposit, InvoiceRefund, InvoiceRefundState};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
pub use standing::{InvoiceFunding, InvoiceSettlement, InvoiceWindow, Look};
use utoipa::ToSchema;
pub use waking::{WakingInvoice, waking, waking_of};

/// An invoice that is paid on a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct InvoiceRow {
    /// The invoice.
    pub invoice_id: String,
    /// What it pays for, where it is an order.
    pub order_id: Option<String>,
    /// Who pays, where known.
    pub customer_id: Option<String>,
    /// The currency of price, worth and what is left over.
    pub currency: String,
    /// The price, in money.
    pub price: Amount,
    /// What it is paid in, by its CAIP-19 name.
    pub asset: String,
    /// Digits after its point.
    pub decimals: i32,
    /// What is to be paid of the asset: the price at the quoted rate, rounded up.
    pub due: Amount,
    /// What one whole unit of the asset costs, as it is promised.
    pub rate: String,
    /// Who said so.
    pub source: String,
    /// What was taken off the rate for the risk of promising it, as a fraction of one.
    pub spread: String,
    /// When it was quoted.
    pub quoted_at: DateTime<Utc>,
    /// Until when a payment has to be seen to have the rate; the grace of the terms comes on top.
    pub expires_at: DateTime<Utc>,
    /// When watching ends.
    pub watched_until: DateTime<Utc>,
    /// Under what it is paid, frozen. Money is text with its unit, as in events.
    #[schema(value_type = Object)]
    pub terms: Json<Terms>,
    /// Whose address it has.
    pub wallet_id: String,
    /// The chain, by its CAIP-2 name.
    pub chain: String,
    /// Where to pay.
    pub address: String,
    /// A link that wallets open (BIP21, EIP-681), for what is missing; none when nothing is, or the rate has expired.
    pub link: Option<String>,
    /// How much was paid, by what is seen and confirmed together.
    #[sqlx(try_from = "String")]
    pub funding: InvoiceFunding,
    /// The same by what is confirmed alone.
    #[sqlx(try_from = "String")]
    pub funding_confirmed: InvoiceFunding,
    /// Whether the promised rate holds, and whether anybody looks.
    #[sqlx(try_from = "String")]
    pub payment_window: InvoiceWindow,
    /// Whether the order has its money.
    #[sqlx(try_from = "String")]
    pub settlement: InvoiceSettlement,
    /// What is there of the asset, seen or confirmed.
    pub seen: Amount,
    /// What is confirmed of it.
    pub confirmed: Amount,
    /// What still has to come at the promised rate; nothing where the rest is tolerated.
    pub missing: Amount,
    /// What came too much, as it counts at the promised rate.
    pub excess: Amount,
    /// What the confirmed deposits are worth to the invoice, in money.
    pub worth: Amount,
    /// What of it is the customer's credit: too much, or not placed.
    pub left_over: Amount,
    /// Whether there is something to look at.
    pub needs_attention: bool,
    /// What that is.
    #[schema(value_type = Vec<Look>)]
    pub attention: Json<Vec<Look>>,
    /// How often it was settled.
    pub times_settled: i64,
    /// The payment of its last settlement.
    pub payment_id: Option<String>,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
    /// The merchant's own words.
    pub reference: Option<String>,
    /// Its deposits, as it counts them.
    #[schema(value_type = Vec<InvoiceDeposit>)]
    pub deposits: Json<Vec<InvoiceDeposit>>,
    /// What goes back, and what is to go back and waits for an address.
    #[schema(value_type = Vec<InvoiceRefund>)]
    pub refunds: Json<Vec<InvoiceRefund>>,
    /// When time alone changes it next.
    pub wakes_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events it has: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

table_row!(
    InvoiceRow,
    "invoices",
    key(invoice_id),
    fixed(),
    rest(
        order_id,
        customer_id,
        currency,
        price,
        asset,
        decimals,
        due,
        rate,
        source,
        spread,
        quoted_at,
        expires_at,
        watched_until,
        terms,
        wallet_id,
        chain,
        address,
        link,
        funding,
        funding_confirmed,
        payment_window,
        settlement,
        seen,
        confirmed,
        missing,
        excess,
        worth,
        left_over,
        needs_attention,
        attention,
        times_settled,
        payment_id,
        is_cancelled,
        reference,
        deposits,
        refunds,
        wakes_at,
        created_at,
        updated_at,
        revision,
        position,
    )
);

impl StreamRow for InvoiceRow {
    const LOAD: &'static str = by_stream!(invoices, invoice_id);

    fn follows(recorded: &Recorded) -> bool {
        matches!(*recorded.event, Event::Invoice(_))
    }

    fn stream_id(&self) -> &str {
        &self.invoice_id
    }

    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit> {
        use invoice::Event as It;
        let Event::Invoice(event) = &*recorded.event else { return Ok(()) };
        if let (None, It::Opened(it)) = (&row, event) {
            *row = Some(Self::opened(recorded, it));
        }
        let row = row.as_mut().ok_or_else(|| never_begun(recorded))?;
        row.updated_at = effective_at(&recorded.event);
        row.revision = recorded.revision;
        row.position = recorded.position;
        row.stands(event.standing())?;
        match event {
            It::DepositRecorded(it) => row.counts(it),
            It::Settled(it) => {
                row.times_settled = it.settlement.into();
                row.payment_id = Some(it.payment_id.to_string());
            }
            It::Cancelled(_) => row.is_cancelled = true,
            It::Resolved(it) => row.takes(it),
            It::RefundOwed(it) => row.owes(it),
            It::RefundRequested(it) => row.gives_back(it),
            It::RefundEnded(it) => row.gave_back(it),
            It::RefundWithdrawn(it) => row.gives_up(it),
            It::Opened(_) | It::SettlementReversed(_) | It::Expired(_) | It::Closed(_) => (),
        }
        Ok(())
    }
}

impl InvoiceRow {
    fn opened(recorded: &Recorded, it: &invoice::Opened) -> Self {
        let agreement = &it.agreement;
        let (currency, unit): (Currency, Currency) = (agreement.price.currency(), agreement.due.currency());
        let (money, coins) = (Amount::zero(currency), Amount::zero(unit));
        let at = effective_at(&recorded.event);
        Self {
            invoice_id: recorded.stream.id.to_string(),
            order_id: agreement.order_id.as_ref().map(ToString::to_string),
            customer_id: agreement.customer_id.as_ref().map(ToString::to_string),
            currency: currency.to_string(),
            price: agreement.price.into(),
            asset: unit.to_string(),
            decimals: i32::try_from(unit.decimals()).unwrap_or(0),
            due: agreement.due.into(),
            rate: agreement.quote.rate.to_string(),
            source: agreement.quote.source.to_string(),
            spread: agreement.quote.spread.to_string(),
            quoted_at: agreement.quote.quoted_at.trunc_subsecs(6),
            expires_at: agreement.quote.expires_at.trunc_subsecs(6),
            watched_until: agreement.watched_until.trunc_subsecs(6),
            terms: Json(agreement.terms.clone()),
            wallet_id: it.wallet_id.to_string(),
            chain: it.address.chain().to_string(),
            address: it.address.as_str().to_owned(),
            link: None,
            funding: InvoiceFunding::None,
            funding_confirmed: InvoiceFunding::None,
            payment_window: InvoiceWindow::Open,
            settlement: InvoiceSettlement::Unsettled,
            seen: coins,
            confirmed: coins,
            missing: coins,
            excess: coins,
            worth: money,
            left_over: money,
            needs_attention: false,
            attention: Json(Vec::new()),
            times_settled: 0,
            payment_id: None,
            is_cancelled: false,
            reference: agreement.reference.as_ref().map(ToString::to_string),
            deposits: Json(Vec::new()),
            refunds: Json(Vec::new()),
            wakes_at: None,
            created_at: at,
            updated_at: at,
            revision: recorded.revision,
            position: recorded.position,
        }
    }
}

static LISTING: Listing = Listing {
    name: "invoices",
    fields: &[
        Field::sorted("invoice_id", Kind::Text),
        Field::of("order_id", Kind::Text),
        Field::of("customer_id", Kind::Text),
        Field::of("currency", Kind::Text),
        Field::sorted("price", Kind::Decimal),
        Field::of("asset", Kind::Text),
        Field::sorted("due", Kind::Decimal),
        Field::of("wallet_id", Kind::Text),
        Field::of("chain", Kind::Text),
        Field::of("address", Kind::Text),
        Field::of("funding", Kind::OneOf(InvoiceFunding::NAMES)),
        Field::of("funding_confirmed", Kind::OneOf(InvoiceFunding::NAMES)),
        Field::of("payment_window", Kind::OneOf(InvoiceWindow::NAMES)),
        Field::of("settlement", Kind::OneOf(InvoiceSettlement::NAMES)),
        Field::of("missing", Kind::Decimal),
        Field::of("excess", Kind::Decimal),
        Field::of("worth", Kind::Decimal),
        Field::of("left_over", Kind::Decimal),
        Field::of("needs_attention", Kind::Flag),
        Field::of("times_settled", Kind::Integer),
        Field::of("payment_id", Kind::Text),
        Field::of("is_cancelled", Kind::Flag),
        Field::of("reference", Kind::Text),
        Field::sorted("expires_at", Kind::Timestamp),
        Field::nullable("wakes_at", Kind::Timestamp),
        Field::sorted("created_at", Kind::Timestamp),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "-created_at",
    key: &["invoice_id"],
};

/// The fields that the list of invoices can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The merchant's invoices, the latest first.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<InvoiceRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Invoices), "invoices"), &LISTING, pairs).await
}

/// One invoice; none where the merchant has no such invoice.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    invoice_id: &str,
) -> Result<Option<Answer<InvoiceRow>>, QueryError> {
    let statement = "select * from invoices where merchant_id = $1 and invoice_id = $2";
    reads.one((Streams::Invoices, statement), merchant, invoice_id).await
}
