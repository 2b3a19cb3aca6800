//! What the facts look like: read models that follow the event log, and the queries that answer from them.
//!
//! A read model is one file: its row, how events change it, and its queries. All of them are functions of the log alone
//! and have no side effects, so they can be thrown away and built anew at any time, and the result is the same.

#![forbid(unsafe_code)]

pub mod accounts;
mod amount;
mod apply;
mod bulk;
mod by_columns;
pub mod by_key;
mod checkpoint;
pub mod clocks;
pub mod credit_lines;
pub mod customers;
pub mod fingerprint;
mod gathered;
pub mod journal;
mod kept;
mod lately;
mod names;
pub mod onchain;
pub mod orders;
mod past;
pub mod payments;
pub mod periods;
pub mod plans;
pub mod projector;
pub mod reads;
pub mod rebuild;
mod runner;
pub mod schema;
pub mod search;
pub mod statements;
mod streams;
pub mod takings;
#[cfg(test)]
mod tests;
pub mod touched;

pub use amount::Amount;
pub use by_key::{Source, Thing, Written};
pub use fingerprint::{Fingerprint, fingerprints};
pub use past::Moment;
pub use projector::{CatchUpError, Halted, Lagging, Projector, State, catch_up};
pub use reads::{Answer, Page, QueryError, Reads};
pub use rebuild::{Difference, Progress, RebuildError, RebuildReport, audit, rebuild};
pub use search::SearchError;
pub use touched::Touched;
