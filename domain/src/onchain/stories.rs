//! What a shop lives through on a chain, with the books after it.

mod auditor;
mod books;
mod lives;
mod payouts;
mod reorgs;
mod schedules;
mod vectors;

pub(crate) use lives::lives;
