//! The chains that this process watches: a follower each, from the node to the ledger.
//!
//! A follower looks at its node ([`crate::watch`]), keeps what it saw before anything else ([`keeper`]), and then tells the
//! ledger ([`teller`]), as often as it takes. Of several processes one watches a chain; the others stand by. A follower
//! decides nothing, and whatever it cannot do now it does later: nothing here stops the service.

mod keeper;
mod teller;

pub use keeper::{Held, Keeper};
pub use teller::Teller;

use crate::watch::{self, NotWatched, Progress, Rpc, SinkError, Turn};
use mizan_domain::onchain::Chain;
use tokio::sync::watch as latest;
use tokio::task::JoinHandle;

/// How the watching of a chain goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainState {
    /// Which chain.
    pub chain: Chain,
    /// What the follower does.
    pub standing: Standing,
    /// The height of the node's newest block when it was last asked.
    pub node_height: Option<u64>,
    /// The height of the newest block that is recorded.
    pub height: Option<u64>,
    /// Payments whose last look the ledger has not been told of.
    pub untold: i64,
    /// Why the latest of them could not be told.
    pub untold_why: Option<String>,
}

/// What a follower does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// It has not looked yet.
    #[default]
    Starting,
    /// It watches.
    Watching,
    /// Another process watches.
    StandingBy,
    /// Its looks fail; it tries again by itself.
    Halted(String),
}

impl ChainState {
    /// Nothing known yet.
    #[must_use]
    pub fn starting(chain: Chain) -> Self {
        let standing = Standing::Starting;
        Self { chain, standing, node_height: None, height: None, untold: 0, untold_why: None }
    }

    /// Blocks that the node has and that are not recorded.
    #[must_use]
    pub fn behind(&self) -> Option<u64> {
        Some(self.node_height?.saturating_sub(self.height?))
    }
}

/// The followers of this process.
#[derive(Debug, Default)]
pub struct Chains {
    followers: Vec<Follower>,
}

#[derive(Debug)]
struct Follower {
    state: latest::Receiver<ChainState>,
    task: JoinHandle<()>,
}

impl Chains {
    /// Watches a chain through a node, until [`Chains::stop`]. Must be called within a tokio runtime.
    pub fn watch(&mut self, chain: Chain, node: Rpc, keeper: Keeper, state: latest::Receiver<ChainState>) {
        let said = keeper.state.clone();
        let task = tokio::spawn(watch::watch(chain, node, keeper, move |turn| say(&said, &turn)));
        self.followers.push(Follower { state, task });
    }

    /// How each of them goes.
    #[must_use]
    pub fn states(&self) -> Vec<ChainState> {
        self.followers.iter().map(|it| it.state.borrow().clone()).collect()
    }

    /// Stops them. A look that is not recorded is taken again, and what is recorded is told after the next start.
    pub async fn stop(self) {
        for it in self.followers {
            it.task.abort();
            // Until its connection is closed; that it was cancelled is no news.
            drop(it.task.await);
        }
    }
}

fn say(state: &latest::Sender<ChainState>, turn: &Turn<'_>) {
    let standing = match turn.outcome {
        Ok(Progress::Behind | Progress::CaughtUp) => Standing::Watching,
        Err(NotWatched::Sink(SinkError::Elsewhere)) => Standing::StandingBy,
        Err(reason) => {
            let chain = state.borrow().chain.to_string();
            metrics::counter!("mizan_chain_failed_looks_total", "chain" => chain).increment(1);
            Standing::Halted(reason.to_string())
        }
    };
    state.send_modify(|it| {
        it.standing = standing;
        it.node_height = Some(turn.node_height).filter(|it| *it > 0).or(it.node_height);
    });
}
