//! What an order does, what it refuses, and where it stays quiet.

mod deeds;
mod money;
mod prices;
mod refusals;
mod repetition;
