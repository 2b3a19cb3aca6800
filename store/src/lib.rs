//! Where facts are kept: append, read, follow.
//!
//! The log is one gapless history, in PostgreSQL or in EventStoreDB. This crate moves bytes: it decides nothing, and it
//! never edits or deletes what was written.

#![forbid(unsafe_code)]

pub mod chains;
pub mod embedded;
#[cfg(feature = "eventstoredb")]
pub mod esdb;
pub mod feed;
pub mod log;
pub mod pool;
pub mod postgres;
pub mod recorded;
pub mod seal;
pub mod vault;

pub use feed::{Fact, Feed};
pub use log::{
    Batch, Found, HistoryFilter, Keyed, KnownKey, Log, LogError, NewEvent, Outcome, Position, Stored, StreamAppend,
    Taken, WholeBatch, WholeEvent, WholeStream,
};
pub use recorded::{Recorded, Unreadable};
pub use sqlx::PgPool;
pub use sqlx::postgres::PgConnectOptions;
