//! The read models against a real PostgreSQL, on events that the real deciders made.

mod batches;
mod bazaar;
mod chain;
mod kept;
mod models;
mod onchain;
mod past;
mod plans;
mod rebuilds;
mod searches;
mod speed;
mod support;
mod town;
