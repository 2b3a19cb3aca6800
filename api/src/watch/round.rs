//! One look at a node: what has gone, what is new, what waits. Everything a round does is bounded.

use super::node::{Fetched, Interest, Looked, Node, Waiting};
use super::rpc::NodeError;
use super::seen::{Block, BlockRef, Gone, Round};
use super::sink::{Open, Sink, SinkError};
use mizan_domain::onchain::Chain;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many of the newest recorded blocks a watcher wants to be told. A reorganisation that is deeper than that stops
/// it: no chain worth taking money on has ever had one, and a person has to look.
pub const BLOCKS_KEPT: usize = 512;
/// Blocks in a round. The rest comes in the next.
const BLOCKS_MAX: usize = 16;
/// Blocks in the first round of all.
const BLOCKS_AT_FIRST: u64 = 16;

/// Watches a chain through a node.
#[derive(Debug)]
pub struct Watcher<N, S> {
    chain: Chain,
    node: N,
    sink: S,
    /// Whether the node has been asked which chain it is on since it last failed.
    is_known: AtomicBool,
    /// The height of the node's newest block when it was last asked.
    node_height: AtomicU64,
}

/// Whether there is more to do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The node has blocks or waiting transactions that have not been looked at yet.
    Behind,
    /// Everything that the node gives just now is recorded.
    CaughtUp,
}

/// Where the recorded blocks and the node's chain part.
enum Common {
    /// Nothing is recorded.
    Nothing,
    /// At the newest recorded block: the chain has only grown.
    Newest(BlockRef),
    /// Nowhere; the node has not seen the newest yet.
    NodeLags,
    /// Below these recorded blocks, newest first.
    Below(Vec<BlockRef>),
}

/// Why a round was not recorded. Nothing is lost: the next one finds the same.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotWatched {
    /// The node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The sink.
    #[error("what was seen could not be recorded: {0}")]
    Sink(#[from] SinkError),
    /// The address leads to a node of another chain.
    #[error("the node is not on {0}; nothing of it is read")]
    WrongChain(Chain),
    /// The node has fewer blocks than anybody remembers.
    #[error(
        "the node has {height} blocks where {recorded} are recorded: it is still loading, or it is on another chain"
    )]
    NodeBehind {
        /// What it has.
        height: u64,
        /// What is recorded.
        recorded: u64,
    },
    /// None of the blocks that were recorded last is on the node's chain.
    #[error(
        "the node has none of the last {0} recorded blocks: it is on another chain, or the chain has gone back further \
         than can be followed; nothing is undone until somebody has looked"
    )]
    OtherChain(usize),
}

impl<N: Node, S: Sink> Watcher<N, S> {
    /// A watcher of a chain.
    pub fn new(chain: Chain, node: N, sink: S) -> Self {
        Self { chain, node, sink, is_known: AtomicBool::new(false), node_height: AtomicU64::new(0) }
    }

    /// The chain it watches.
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// The height of the node's newest block when it was last asked; 0 before.
    pub fn node_height(&self) -> u64 {
        self.node_height.load(Ordering::Relaxed)
    }

    /// Where its reports go.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// Looks at the node once and records what it finds.
    ///
    /// # Errors
    /// [`NotWatched`]: nothing was recorded.
    pub async fn round(&self) -> Result<Progress, NotWatched> {
        if !self.is_known.load(Ordering::Relaxed) && !self.node.is_on(self.chain).await? {
            return Err(NotWatched::WrongChain(self.chain));
        }
        let done = self.look().await;
        // After a failure another node may stand behind the same address.
        self.is_known.store(done.is_ok(), Ordering::Relaxed);
        if done.is_err() {
            // Whatever was read has not been recorded.
            self.node.forget();
        }
        done
    }

    async fn look(&self) -> Result<Progress, NotWatched> {
        let recorded = self.sink.recorded(self.chain).await?;
        let height = self.node.height().await?;
        self.node_height.store(height, Ordering::Relaxed);
        let base = match self.common(&recorded.blocks, height).await? {
            Common::Nothing => None,
            Common::Newest(block) => Some(block),
            Common::NodeLags => return Ok(Progress::CaughtUp),
            Common::Below(orphaned) => {
                // On its own, so that the next round knows what the orphaned transactions need.
                self.node.forget();
                self.sink.record(self.chain, &Round { orphaned, ..Round::default() }).await?;
                return Ok(Progress::Behind);
            }
        };
        let fetched = self.fetch(base.as_ref(), height).await?;
        // After the blocks: whoever is paid in one of them had got the address before.
        let watched = self.sink.watched(self.chain).await?;
        let claims = recorded.open.iter().flat_map(|it| &it.claims).map(String::as_str).collect();
        let interest = Interest { watched: &watched, claims: &claims };
        let (mut round, mut used) = (Round::default(), Vec::new());
        for block in &fetched {
            match self.node.look(block, &interest).await {
                Ok(looked) => round.blocks.push(reported(block, looked, &mut used)),
                // What came before it stays as it was seen.
                Err(NodeError::Moved) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let newest = round.blocks.last().map(|it| &it.at).or(base.as_ref()).cloned();
        let is_newest = newest.as_ref().is_some_and(|it| it.height == height);
        let waiting = if is_newest { self.node.waiting(&interest).await? } else { None };
        let is_complete = waiting.as_ref().is_none_or(|it| it.is_complete);
        // A transaction that a new block has taken out of the waiting is not gone.
        let is_still = is_newest && is_complete && self.is_newest(newest.as_ref()).await?;
        let all = waiting.map(|it| took(it, &mut round, &mut used));
        round.gone = gone(&recorded.open, &round, &used, all.filter(|_| is_still).as_ref());
        round.finalized = self.node.finalized().await?;
        if !round.is_empty() {
            self.sink.record(self.chain, &round).await?;
        }
        // A node that has more and does not give it is asked again later.
        let is_more = !is_newest && !round.blocks.is_empty();
        Ok(if is_more || !is_complete { Progress::Behind } else { Progress::CaughtUp })
    }

    /// Where the recorded blocks and the node's chain part.
    async fn common(&self, recorded: &[BlockRef], height: u64) -> Result<Common, NotWatched> {
        let (Some(oldest), Some(newest)) = (recorded.first(), recorded.last()) else {
            return Ok(Common::Nothing);
        };
        if height < oldest.height {
            return Err(NotWatched::NodeBehind { height, recorded: newest.height });
        }
        let mut orphaned = Vec::new();
        for block in recorded.iter().rev() {
            // What is above the node's newest block is orphaned only if something below it is another block: chains
            // give up blocks for others, never for nothing. A node that has fewer of the same is late.
            if block.height <= height && self.node.hash_at(block.height).await?.as_ref() == Some(&block.hash) {
                return Ok(match (orphaned.is_empty(), block.height == height) {
                    (true, _) => Common::Newest(block.clone()),
                    (false, true) => Common::NodeLags,
                    (false, false) => Common::Below(orphaned),
                });
            }
            orphaned.push(block.clone());
        }
        Err(NotWatched::OtherChain(orphaned.len()))
    }

    /// The next blocks, each on the one before it. Who has recorded nothing begins with the newest few: if it were the
    /// newest alone, and a chain gave it up for another, nobody would know any block of the chain.
    async fn fetch(&self, base: Option<&BlockRef>, height: u64) -> Result<Vec<Fetched<N::Body>>, NotWatched> {
        let watched = self.sink.watched(self.chain).await?;
        let newest_few = height.saturating_sub(BLOCKS_AT_FIRST.saturating_sub(1));
        let first = base.map_or(newest_few, |it| it.height.saturating_add(1));
        let mut parent = base.map(|it| it.hash.clone());
        let mut fetched = Vec::new();
        for height in (first..=height).take(BLOCKS_MAX) {
            let Some(block) = self.node.fetch(height, &watched).await? else { break };
            if parent.as_ref().is_some_and(|it| *it != block.parent) {
                break;
            }
            parent = Some(block.at.hash.clone());
            fetched.push(block);
        }
        Ok(fetched)
    }

    async fn is_newest(&self, newest: Option<&BlockRef>) -> Result<bool, NodeError> {
        let Some(newest) = newest else { return Ok(false) };
        let same = self.node.height().await? == newest.height;
        Ok(same && self.node.hash_at(newest.height).await?.as_ref() == Some(&newest.hash))
    }
}

/// The claims that were used up, and by which transactions.
type Used = Vec<(String, String)>;

fn reported<Body>(block: &Fetched<Body>, looked: Looked, used: &mut Used) -> Block {
    used.extend(looked.used);
    Block { at: block.at.clone(), claimed_unix_s: block.claimed_unix_s, transactions: looked.transactions }
}

/// Puts what waits into the round; the ids of all of it are left.
fn took(waiting: Waiting, round: &mut Round, used: &mut Used) -> HashSet<String> {
    used.extend(waiting.looked.used);
    round.waiting = waiting.looked.transactions;
    waiting.all
}

/// Open transactions that cannot happen any more, or that have stopped waiting without a block. The latter only where
/// `all` that waits is known.
fn gone(open: &[Open], round: &Round, used: &Used, all: Option<&HashSet<String>>) -> Vec<Gone> {
    let users: HashMap<&str, &str> = used.iter().map(|(claim, tx)| (claim.as_str(), tx.as_str())).collect();
    let back: HashSet<&str> =
        round.blocks.iter().flat_map(|it| &it.transactions).chain(&round.waiting).map(|it| it.tx.as_str()).collect();
    let lost = open.iter().filter(|it| !back.contains(it.tx.as_str())).filter_map(|it| {
        let other = it.claims.iter().filter_map(|claim| users.get(claim.as_str())).find(|tx| ***tx != it.tx);
        let is_forgotten = it.is_waiting && all.is_some_and(|all| !all.contains(&it.tx));
        (other.is_some() || is_forgotten).then(|| Gone { tx: it.tx.clone(), by: other.map(|tx| (*tx).to_owned()) })
    });
    lost.collect()
}
