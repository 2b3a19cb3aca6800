//! Support for tests of the whole system: the real binary on real PostgreSQL, asked over HTTP.
//!
//! A [`System`] is a database (or a data directory) of its own, so that tests run side by side in any order. Nothing here
//! waits by sleeping for a while and hoping: a service is ready when it has printed its address, read models are asked
//! with the position that they must have reached, and what has to be awaited is asked again until a deadline.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this crate is only used by tests, where a panic is the message"
)]

mod client;
mod cluster;
pub mod olist;
mod scratch;
mod service;
mod system;

pub use client::{Answer, Client, minor};
pub use cluster::Cluster;
pub use scratch::Scratch;
pub use service::Service;
pub use system::{API_KEY, Place, Run, System};

use std::time::Duration;

/// Longer than anything takes on a busy machine; whatever takes longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(120);
