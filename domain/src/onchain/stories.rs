//! What a shop lives through on a chain, with the books after it.

mod books;
mod payouts;
mod reorgs;
mod schedules;
mod vectors;
