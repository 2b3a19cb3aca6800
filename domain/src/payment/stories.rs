//! What a payment does, what it refuses, and where it stays quiet.

mod deeds;
mod pool;
mod refusals;
mod repetition;
mod unknown;
