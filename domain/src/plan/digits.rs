//! Numbers of limited significant digits.
