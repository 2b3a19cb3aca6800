//! What every node is asked, whatever it calls it.

use super::rpc::NodeError;
use super::seen::{BlockRef, Transaction};
use super::sink::Watched;
use mizan_domain::onchain::Chain;
use std::collections::HashSet;

/// A node of a chain.
pub trait Node: Send + Sync {
    /// A block as this kind of node gives it.
    type Body: Send + Sync;

    /// Whether the node is on this chain: a test network's coins must never pass for the main one's.
    fn is_on(&self, chain: Chain) -> impl Future<Output = Result<bool, NodeError>> + Send;

    /// The height of the newest block.
    fn height(&self) -> impl Future<Output = Result<u64, NodeError>> + Send;

    /// The hash of the block at a height; none above the newest.
    fn hash_at(&self, height: u64) -> impl Future<Output = Result<Option<String>, NodeError>> + Send;

    /// The block at a height, with whatever else has to be read before anybody knows what to look for.
    fn fetch(
        &self,
        height: u64,
        watched: &Watched,
    ) -> impl Future<Output = Result<Option<Fetched<Self::Body>>, NodeError>> + Send;

    /// What in a block concerns us.
    fn look(
        &self,
        block: &Fetched<Self::Body>,
        interest: &Interest<'_>,
    ) -> impl Future<Output = Result<Looked, NodeError>> + Send;

    /// The transactions that wait for a block; none where the chain's are not looked at before.
    fn waiting(&self, interest: &Interest<'_>) -> impl Future<Output = Result<Option<Waiting>, NodeError>> + Send;

    /// The height up to which the chain says that nothing changes any more.
    fn finalized(&self) -> impl Future<Output = Result<Option<u64>, NodeError>> + Send;

    /// Looks at everything that waits again: what was reported has not been recorded, or the chain went back.
    fn forget(&self);
}

/// A block that has been fetched and not looked at.
#[derive(Debug)]
pub struct Fetched<Body> {
    /// Which.
    pub at: BlockRef,
    /// The hash of the block before it.
    pub parent: String,
    /// Its own claim of when it was made, in seconds since 1970.
    pub claimed_unix_s: u64,
    /// The rest.
    pub body: Body,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Interest<'a> {
    /// Our addresses and tokens.
    pub watched: &'a Watched,
    /// What open transactions need: whoever uses one of these up has replaced one of ours.
    pub claims: &'a HashSet<&'a str>,
}

/// What has been found in a block or among the waiting.
#[derive(Debug, Default)]
pub struct Looked {
    /// Transactions that pay us.
    pub transactions: Vec<Transaction>,
    /// Claims of [`Interest`] that a transaction uses up, and which one: ours or another.
    pub used: Vec<(String, String)>,
}

/// What waits for a block.
#[derive(Debug, Default)]
pub struct Waiting {
    /// What is new among it.
    pub looked: Looked,
    /// All of it, by id.
    pub all: HashSet<String>,
    /// Whether everything in it has been looked at; a node has more waiting at times than a round can read.
    pub is_complete: bool,
}
