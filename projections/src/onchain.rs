//! On chains as dashboards see them: wallets and their addresses, invoices, deposits, holdings and payouts.
//!
//! Events say how things stand after them; the rows copy that. Watchers and timers ask here too: which addresses to
//! look for, and which invoices time is about to change. What a chain takes back changes a row; it never removes one.

pub mod addresses;
pub mod deposits;
pub mod holdings;
pub mod invoices;
pub mod payouts;
mod rows;
mod unfinished;
pub mod wallets;

use crate::apply::NotApplied;
use mizan_store::Recorded;
use sqlx::PgConnection;
use std::sync::Arc;
pub use unfinished::{Unfinished, unfinished};

pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    wallets::apply(tx, batch).await?;
    invoices::apply(tx, batch).await?;
    deposits::apply(tx, batch).await?;
    holdings::apply(tx, batch).await?;
    payouts::apply(tx, batch).await
}
