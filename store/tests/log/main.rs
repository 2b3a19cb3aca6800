//! The event log against a real PostgreSQL: what it promises, and what many processes, dying connections and dropped
//! callers do to it.
//!
//! Every test has a database of its own; "a process" in these tests is a `Log` with a pool of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "in a test, all of these are a failed test"
)]

mod append;
mod append_only;
mod cancellation;
mod chains;
mod contention;
mod database;
mod dice;
mod eventstoredb;
mod gap;
mod given;
mod keys;
mod plans;
mod pool;
mod read;
mod seal;
mod speed;
mod vault;
mod whole;
