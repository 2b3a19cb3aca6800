//! What wallets do, refuse and leave alone.
