//! What invoices do, refuse and leave alone.
