//! What happens on chains, seen through somebody else's node: blocks become reports of what was paid to our addresses.
//!
//! A watcher reads and reports. It never decides what a payment is worth, whether it has enough blocks on top, or what
//! follows from one that is gone; that is the domain's, behind the [`Sink`]. It has no key and sends no transaction.
//!
//! It keeps nothing that matters: which blocks were reported and which transactions are still open it is told by the
//! sink at the start of every round, so a watcher that dies anywhere goes on where its last recorded round ended. Chains
//! may also go backwards: a round begins by finding the newest recorded block that the node still has.

mod bitcoin;
mod evm;
mod follow;
mod node;
mod round;
mod rpc;
mod seen;
mod settings;
mod sink;

pub use bitcoin::Bitcoin;
pub use evm::Evm;
pub(crate) use follow::retry_after;
pub use follow::{Turn, follow, watch};
pub use node::{Fetched, Interest, Looked, Node, Waiting};
pub use round::{BLOCKS_KEPT, NotWatched, Progress, Watcher};
pub use rpc::{NodeError, Rpc};
pub use seen::{Asset, Block, BlockRef, Effect, Gone, Place, Round, Transaction, Transfer};
pub use settings::{BadNodes, NODES_VARIABLE, nodes};
pub use sink::{Open, Recorded, Sink, SinkError, Watched};
