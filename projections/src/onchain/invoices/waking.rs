//! Which invoices time is about to change: what timers ask. Every invoice says itself when that is.

use crate::reads::{QueryError, Reads};
use chrono::{DateTime, Utc};
use mizan_domain::id::{InvoiceId, MerchantId};
use sqlx::FromRow;

/// An invoice whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakingInvoice {
    /// Whose.
    pub merchant: MerchantId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// When it was to be told what time it is.
    pub at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Stored {
    merchant_id: String,
    invoice_id: String,
    wakes_at: DateTime<Utc>,
}

impl Stored {
    fn read(self) -> sqlx::Result<WakingInvoice> {
        let bad = |error: mizan_domain::Invalid| sqlx::Error::Decode(error.into());
        Ok(WakingInvoice {
            merchant: MerchantId::parse(&self.merchant_id).map_err(bad)?,
            invoice_id: InvoiceId::parse(&self.invoice_id).map_err(bad)?,
            at: self.wakes_at,
        })
    }
}

/// The merchants are found by jumping over the index from one to the next, so invoices that wait for another clock
/// cost nothing.
const WAKING: &str = "with recursive merchant (merchant_id) as ( \
         (select merchant_id from invoices where wakes_at is not null order by merchant_id limit 1) \
         union all select (select merchant_id from invoices where wakes_at is not null \
             and invoices.merchant_id > merchant.merchant_id order by merchant_id limit 1) \
         from merchant where merchant.merchant_id is not null) \
     select merchant.merchant_id, woken.invoice_id, woken.wakes_at from merchant left join clocks using (merchant_id) \
     cross join lateral (select invoice_id, wakes_at from invoices where invoices.merchant_id = merchant.merchant_id \
         and wakes_at <= coalesce(clocks.now, $1) order by wakes_at, invoice_id limit $2) as woken \
     order by woken.wakes_at, merchant.merchant_id, woken.invoice_id limit $2";

/// Invoices of all merchants whose time has come, the oldest first: by the merchant's own clock where it has one, else
/// by `live_until`.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn waking(reads: &Reads, live_until: DateTime<Utc>, limit: i64) -> Result<Vec<WakingInvoice>, QueryError> {
    let (mut connection, _) = reads.now().await?;
    let rows: Vec<Stored> = sqlx::query_as(WAKING).bind(live_until).bind(limit).fetch_all(&mut *connection).await?;
    Ok(rows.into_iter().map(Stored::read).collect::<sqlx::Result<_>>()?)
}

/// Invoices of one merchant whose time has come by `until`, the oldest first, whatever its clock shows.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn waking_of(
    reads: &Reads,
    merchant: &MerchantId,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<WakingInvoice>, QueryError> {
    let (mut connection, _) = reads.now().await?;
    let rows: Vec<Stored> = sqlx::query_as(
        "select merchant_id, invoice_id, wakes_at from invoices where merchant_id = $1 and wakes_at <= $2 \
         order by wakes_at, invoice_id limit $3",
    )
    .bind(merchant.as_str())
    .bind(until)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows.into_iter().map(Stored::read).collect::<sqlx::Result<_>>()?)
}
