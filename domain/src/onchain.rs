//! Chains from the outside: their names, their addresses, the public keys that addresses come from, payment links.
//!
//! Everything here only watches. There is no place for a private key in any of these types, and [`secret`] is the guard
//! that keeps one from entering through any other field.

pub mod address;
pub mod chain;
pub mod keys;
pub mod link;
pub mod secret;

pub use address::Address;
pub use chain::{Chain, Network};
pub use keys::{AccountKey, Script};
