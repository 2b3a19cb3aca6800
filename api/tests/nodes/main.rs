//! The watchers against nodes that nobody here wrote: real blocks, real reorganisations, real transactions.
//!
//! `make test` installs the nodes (`scripts/bootstrap.sh for-tests`) and runs these tests where they are. A plain
//! `cargo test` counts them as ignored: a machine without the nodes has not tested anything.
//!
//! Beside them a chain of our own invention ([`world`]) does what real ones do once in years, at random and a hundred
//! times a second; it needs nothing and always runs.
//!
//! The whole service against the same nodes is in `tests/chains/`, which shares what starts and moves them.
//!
//! Time is not waited for anywhere: a watcher's round is called by the test, and a node has done what it was asked when
//! it answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "these are tests, helpers included: a panic is the message"
)]

mod anvil;
mod bitcoin;
mod books;
mod ethereum;
mod ledger;
mod process;
mod regtest;
mod rehearsal;
mod world;

/// How a test speaks to a node, beside the watcher.
mod rpc {
    pub(crate) use mizan::watch::Rpc;
}
