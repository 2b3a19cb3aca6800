//! Payment links. A stand-in without content.
