//! Payments on chains: what came, for which invoice, what it is worth, and what was paid out.
//!
//! A chain may take back what it said, so nothing here is settled for ever: a deposit is a fact of its own that can be
//! undone and happen again, and everything that follows from it (the invoice, the books, the order) is undone with an
//! entry of its own. Nothing here signs, holds a private key or calls a node: watchers report what they see.

pub mod address;
pub mod asset;
pub mod chain;
pub mod deposit;
pub mod exchange;
pub mod holding;
pub mod invoice;
pub mod keys;
pub mod link;
pub mod output;
pub mod payout;
pub mod secret;
#[cfg(test)]
pub(crate) mod stories;
pub mod terms;
pub mod wallet;

pub use address::Address;
pub use asset::{Asset, AssetId};
pub use chain::{Chain, Network};
pub use exchange::{ExchangeRate, Quote, Spot};
pub use keys::{AccountKey, Script};
pub use output::{Block, Output, Place, TransactionId};
pub use terms::{AssetSettings, Confirming, CostBasis, Finality, LatePolicy, Terms, Tier};
