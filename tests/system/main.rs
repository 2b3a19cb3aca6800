//! The whole system: the binary that people run, on real PostgreSQL, asked the way that people ask.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests, helpers included: a panic is the message"
)]
mod arrows;
mod bulk;
mod history;
mod idempotency;
mod openapi;
mod refusals;
mod stories;
