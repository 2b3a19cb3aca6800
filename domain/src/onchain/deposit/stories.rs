//! What deposits do, refuse and leave alone.
