//! Who may ask: commands and queries over HTTP, and the one binary.
//!
//! Handlers translate. The rules are in `mizan_domain`, the facts in `mizan_store`, what they look like in
//! `mizan_projections`; [`write`] is the one way for a command to become events.

#![forbid(unsafe_code)]

pub mod asking;
pub mod chains;
pub mod cli;
mod clocks;
pub mod commands;
pub mod engine;
pub mod events;
pub mod health;
pub mod key;
pub mod openapi;
pub mod outbound;
pub mod policies;
pub mod preview;
pub mod problem;
pub mod queries;
pub mod quotes;
pub mod rates;
pub mod seal;
pub mod server;
pub mod timers;
pub mod watch;
pub mod write;
