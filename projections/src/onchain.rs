//! On chains as dashboards see them: wallets and their addresses, invoices, deposits, holdings and payouts.
//!
//! Events say how things stand after them; the rows copy that. Watchers and timers ask here too: which addresses to
//! look for, and which invoices time is about to change. What a chain takes back changes a row; it never removes one.

pub mod addresses;
pub mod deposits;
pub mod holdings;
pub mod invoices;
pub mod payouts;
mod unfinished;
pub mod wallets;

use crate::apply::Misfit;
use mizan_store::Recorded;
pub use unfinished::{Unfinished, unfinished};

/// Something that happened to what was never begun.
fn never_begun(recorded: &Recorded) -> Misfit {
    Misfit::because(format!("{} of {} that was never begun", recorded.kind, recorded.stream))
}
