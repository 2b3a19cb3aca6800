//! Where a watcher's reports go, and what it is told in return: the seam to the domain.

use super::seen::{BlockRef, Round};
use mizan_domain::onchain::{Address, Chain};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Who records what a watcher sees.
pub trait Sink: Send + Sync {
    /// What to look for now. Asked after the blocks have been fetched, so that an address that was given out before a
    /// block came is always among these.
    ///
    /// # Errors
    /// It cannot be read just now.
    fn watched(&self, chain: Chain) -> impl Future<Output = Result<Arc<Watched>, SinkError>> + Send;

    /// Where the last recorded round ended.
    ///
    /// # Errors
    /// It cannot be read just now.
    fn recorded(&self, chain: Chain) -> impl Future<Output = Result<Recorded, SinkError>> + Send;

    /// Records a round whole or not at all. The same round may come twice.
    ///
    /// # Errors
    /// It was not recorded; the same will be found and reported again.
    fn record(&self, chain: Chain, round: &Round) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Carries on what is recorded and has not been carried on yet. Called after every look, also after one that has
    /// failed; what cannot be carried on now keeps nobody from looking.
    fn carry_on(&self, chain: Chain) -> impl Future<Output = ()> + Send {
        let _nothing_waits = chain;
        std::future::ready(())
    }
}

/// Why a sink could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// That is as it should be: of several processes one watches a chain.
    #[error("another process watches this chain")]
    Elsewhere,
    /// It cannot just now.
    #[error("{0}")]
    NotNow(String),
}

/// What a watcher looks for on a chain.
#[derive(Debug, Default)]
pub struct Watched {
    by_bytes: HashMap<Vec<u8>, Address>,
    tokens: BTreeSet<Address>,
}

impl Watched {
    /// Addresses that were given out, and contracts of the tokens that are taken. However many addresses there are, a
    /// block is looked at once.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = Address>, tokens: impl IntoIterator<Item = Address>) -> Self {
        let by_bytes = addresses.into_iter().map(|it| (it.on_chain_bytes(), it)).collect();
        Self { by_bytes, tokens: tokens.into_iter().collect() }
    }

    /// Our address with these bytes: an output's script, or the 20 bytes of an account.
    #[must_use]
    pub fn address(&self, on_chain_bytes: &[u8]) -> Option<&Address> {
        self.by_bytes.get(on_chain_bytes)
    }

    /// The contracts of the tokens that are taken.
    #[must_use]
    pub fn tokens(&self) -> &BTreeSet<Address> {
        &self.tokens
    }
}

/// Where the last recorded round ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The newest recorded blocks, without a gap, oldest first; at least [`super::BLOCKS_KEPT`] where there are so many.
    pub blocks: Vec<BlockRef>,
    /// Transactions that were reported and are in no block of the chain.
    pub open: Vec<Open>,
}

/// A transaction that is in no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its id.
    pub tx: String,
    /// What it needs, as it was reported.
    pub claims: Vec<String>,
    /// Whether it was reported as waiting; else its block was orphaned, or it has been reported gone.
    pub is_waiting: bool,
}
