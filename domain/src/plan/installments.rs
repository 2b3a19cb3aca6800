//! How a principal is paid back over periods.
