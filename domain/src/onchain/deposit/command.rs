//! What watchers tell of an output.

use crate::id::{CustomerId, DepositId, InvoiceId, WalletId};
use crate::money::Money;
use crate::onchain::{Address, Block, Confirming, Output, Spot, TransactionId};
use crate::order::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything that can be asked of a deposit.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A watcher looked at the chain.
    Observe(Box<Observation>),
}

impl Command {
    /// The deposit that is told of.
    #[must_use]
    pub fn deposit_id(&self) -> DepositId {
        match self {
            Self::Observe(it) => it.output.deposit_id(),
        }
    }
}

/// What a watcher saw of an output at one look at the chain. It may be told in any order and any number of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Which output.
    pub output: Output,
    /// The number of the look: it rises with every look that the watcher of a chain takes, and never falls, not even
    /// over restarts. What an older look saw changes nothing any more.
    pub sequence: u64,
    /// What came: for a token the change of the balance, not what the transfer's log says.
    pub amount: Money,
    /// Where to.
    pub to: Address,
    /// Whether the sender has said that it may be replaced while it is in no block.
    pub is_replaceable: bool,
    /// For what it was watched.
    pub watch: Watch,
    /// What was seen.
    pub sighting: Sighting,
    /// What the asset cost at that moment; needed where the deposit is confirmed by it.
    pub spot: Option<Spot>,
    /// When the watcher saw it for the first time. It counts where this is the first that the deposit is told: a watcher
    /// may be kept waiting for a rate, and the customer has paid in time all the same.
    pub first_seen_at: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// For what an address is watched, and how deep deposits to it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Whose address it is.
    pub wallet_id: WalletId,
    /// The invoice that it was given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<InvoiceId>,
    /// Who is expected to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// How deep.
    pub confirming: Confirming,
}

/// What a look at the chain saw of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// It waits for a block.
    Seen,
    /// It is in a block.
    Included {
        /// Which.
        block: Block,
        /// How deep, the block itself counted.
        confirmations: u32,
        /// Whether the chain calls the block final.
        is_finalized: bool,
    },
    /// The block that it was in is not in the chain any more.
    Orphaned,
    /// Another transaction spent the same money, so that it cannot come any more.
    Replaced {
        /// Which, where known.
        by: Option<TransactionId>,
    },
    /// The transaction is in a block and had no effect.
    Failed,
}
