//! What holdings do, refuse and leave alone.
