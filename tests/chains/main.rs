//! The whole service on chains: the binary that people run, PostgreSQL, and nodes that nobody here wrote, with real
//! transactions, real blocks and real reorganisations.
//!
//! `make test` installs the nodes (`scripts/bootstrap.sh for-tests`) and runs these tests where they are. A plain
//! `cargo test` counts them as ignored. What starts and moves a node is shared with `api/tests/nodes/`, where the
//! watchers alone are tested, at every step that a node can take.
//!
//! A follower looks at its node every few seconds by itself, so the tests ask until something is so, and give up at a
//! deadline.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests, helpers included: a panic is the message"
)]

#[path = "../../api/tests/nodes/anvil.rs"]
#[allow(dead_code, reason = "the watchers' own tests use more of it")]
mod anvil;
mod bitcoin;
mod ethereum;
#[path = "../../api/tests/nodes/process.rs"]
#[allow(dead_code, reason = "the watchers' own tests use more of it")]
mod process;
mod processes;
#[path = "../../api/tests/nodes/regtest.rs"]
#[allow(dead_code, reason = "the watchers' own tests use more of it")]
mod regtest;
mod rpc;
mod shop;
