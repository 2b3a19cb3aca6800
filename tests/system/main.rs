//! The whole system: the binary that people run, on real PostgreSQL, asked the way that people ask.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "these are tests, helpers included: a panic is the message"
)]
mod arrows;
mod audit;
mod bulk;
mod cli;
mod crash;
mod customers;
mod eventstoredb;
mod exports;
mod guesses;
mod history;
mod idempotency;
mod kept;
mod lists;
mod olist;
mod openapi;
mod past;
mod periods;
mod refusals;
mod seal;
mod stories;
