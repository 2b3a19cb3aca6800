//! What payouts do, refuse and leave alone.
