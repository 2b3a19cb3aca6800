//! What is true: the rules of orders and payments as pure functions.
//!
//! Commands go in, events come out. Nothing here reads a clock, draws a random number, waits or touches a disk:
//! times, rates and ids are fields of the commands. Money is never a float, and an entry that does not balance
//! cannot be written down.

#![forbid(unsafe_code)]

pub mod account;
pub mod card_number;
pub mod clock;
pub mod credit;
pub mod customer;
pub mod decider;
pub mod entry;
pub mod event;
pub mod id;
pub mod invalid;
pub mod metadata;
pub mod money;
pub mod onchain;
pub mod order;
pub mod payment;
pub mod period;
pub mod plan;
pub mod policy;
pub mod rate;
#[cfg(test)]
mod rehearsal;
pub mod split;
pub mod text;
pub mod wire;

pub use account::Account;
pub use decider::{Decider, Refused};
pub use entry::Entry;
pub use event::{Aggregate, Command, Event, Refusal, StreamName};
pub use invalid::Invalid;
pub use money::{Currency, Money};
