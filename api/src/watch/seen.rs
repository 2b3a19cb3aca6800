//! What a watcher reports: blocks, transactions, and what they paid to our addresses.
//!
//! These are statements about a chain, not about money owed. The identity of a payment is the chain, the transaction and
//! the [`Place`] in it, however often it is reported and in whichever block.

use mizan_domain::onchain::Address;
use std::fmt;

/// A block: how many came before it, and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlockRef {
    /// The number of blocks before it.
    pub height: u64,
    /// Lower-case hexadecimal, as the chain's explorers write it.
    pub hash: String,
}

/// What one look at the node has found, to be recorded as one and in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Recorded blocks that the chain no longer has, newest first. Everything in them is undone. A round that has any has
    /// nothing else.
    pub orphaned: Vec<BlockRef>,
    /// New blocks on what is left, oldest first, those without a payment to us too.
    pub blocks: Vec<Block>,
    /// Transactions that wait for a block. Reported again after a restart.
    pub waiting: Vec<Transaction>,
    /// Open transactions that no longer wait, or never can happen.
    pub gone: Vec<Gone>,
    /// The height up to which the chain itself says that nothing can change any more; not every chain does.
    pub finalized: Option<u64>,
}

/// A block of the chain, with what concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Which.
    pub at: BlockRef,
    /// Its own claim of when it was made, in seconds since 1970: a miner's clock, not ours.
    pub claimed_unix_s: u64,
    /// The transactions with a payment to one of our addresses.
    pub transactions: Vec<Transaction>,
}

/// A transaction that pays one of our addresses, or says that it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its id.
    pub tx: String,
    /// What only one transaction can ever use up: Bitcoin's outputs that it spends, an EVM account's next number. If
    /// another transaction uses one of them, this one cannot happen. To be kept while the transaction is open.
    pub claims: Vec<String>,
    /// Whether its sender has announced that it may be replaced (BIP125). Without it, it may be too.
    pub replaceable: bool,
    /// What it pays to us.
    pub transfers: Vec<Transfer>,
}

/// A payment to one of our addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Where in the transaction.
    pub place: Place,
    /// To whom.
    pub to: Address,
    /// Of what.
    pub asset: Asset,
    /// How much has come, in the smallest unit: satoshi, wei, the token's own.
    pub amount_minor: u128,
    /// How much the transaction says. More than has come where a token keeps a fee.
    pub announced_minor: u128,
    /// What it has done.
    pub effect: Effect,
    /// Whether `amount_minor` was measured by the account's balance before and after the block. Bitcoin and a chain's
    /// own coin need no measuring; a token is not measured where the node no longer knows the old balance.
    pub measured: bool,
}

/// Where in a transaction a payment stands; the same wherever the transaction ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Bitcoin's output of this number.
    Output(u32),
    /// The transaction's own value on an EVM chain, or its own call of a token.
    Value,
    /// The transaction's log of this number, counted in the transaction: the number in the block changes when a
    /// transaction is mined again elsewhere.
    Log(u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(number) => write!(f, "{number}"),
            Self::Value => f.write_str("value"),
            Self::Log(number) => write!(f, "log:{number}"),
        }
    }
}

/// Of what a payment is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asset {
    /// The chain's own coin.
    Native,
    /// A token, by its contract and never by its symbol.
    Token(Address),
}

/// What a payment has done. Only [`Effect::Moved`] is money; the others are told so that people see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Something has come.
    Moved,
    /// The transaction failed, and nothing has.
    Failed,
    /// It pays zero: somebody wants their address to be seen in a history.
    Zero,
    /// The contract says that something has come, and nothing has.
    Hollow,
}

/// An open transaction that is no longer there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its id.
    pub tx: String,
    /// The transaction that has used up what this one needed. Without one it was only forgotten, and may come again.
    pub by: Option<String>,
}

impl Round {
    /// Whether there is nothing to record. What is final moves with blocks, so it needs no round of its own.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orphaned.is_empty() && self.blocks.is_empty() && self.waiting.is_empty() && self.gone.is_empty()
    }
}
