//! Rounds for ever: at once while there is more, at the chain's pace otherwise, ever more slowly while something is wrong.

use super::bitcoin::Bitcoin;
use super::evm::Evm;
use super::node::Node;
use super::round::{NotWatched, Progress, Watcher};
use super::rpc::Rpc;
use super::sink::{Sink, SinkError};
use mizan_domain::onchain::Chain;
use rand::RngExt;
use std::time::Duration;

/// The wait after the first failure.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// How often a node is asked for new blocks; those of the EVM's chains come every few seconds.
const BITCOIN_EVERY: Duration = Duration::from_secs(5);
const EVM_EVERY: Duration = Duration::from_secs(2);

/// How often is looked whether another process has given up a chain.
const ELSEWHERE_EVERY: Duration = Duration::from_secs(5);

/// What a look at a chain came to.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The height of the node's newest block when it was last asked; 0 before.
    pub node_height: u64,
    /// Whether it was recorded.
    pub outcome: &'a Result<Progress, NotWatched>,
}

/// Watches a chain through a node of its kind, until it is dropped, and says after every look what came of it.
pub async fn watch<S: Sink>(chain: Chain, node: Rpc, sink: S, say: impl Fn(Turn<'_>)) {
    match chain {
        Chain::Bitcoin(_) => follow(Watcher::new(chain, Bitcoin::new(node), sink), BITCOIN_EVERY, say).await,
        Chain::Evm(_) => follow(Watcher::new(chain, Evm::new(node), sink), EVM_EVERY, say).await,
    }
}

/// Watches until it is dropped, looking every `every` for what is new.
pub async fn follow<N: Node, S: Sink>(watcher: Watcher<N, S>, every: Duration, say: impl Fn(Turn<'_>)) {
    let mut failures: u32 = 0;
    loop {
        let outcome = watcher.round().await;
        say(Turn { node_height: watcher.node_height(), outcome: &outcome });
        watcher.sink().carry_on(watcher.chain()).await;
        let wait = match outcome {
            Ok(progress) => {
                if failures > 0 {
                    tracing::info!(chain = %watcher.chain(), failures, "the chain is watched again");
                }
                failures = 0;
                if progress == Progress::Behind { continue } else { every }
            }
            Err(NotWatched::Sink(SinkError::Elsewhere)) => ELSEWHERE_EVERY,
            Err(reason) => {
                failures = failures.saturating_add(1);
                let wait = retry_after(failures, rand::rng().random_range(0..=100));
                tracing::warn!(chain = %watcher.chain(), %reason, failures, wait_ms = wait.as_millis(), "a look at the chain has failed; it goes on where it was");
                wait
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Twice as long after every failure, up to the limit, and from that between half and the whole: many watchers of one
/// node do not come back in step.
pub(crate) fn retry_after(failures: u32, percent: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    let full = RETRY_AFTER_MIN.saturating_mul(doubled).min(RETRY_AFTER_MAX);
    full / 2 + full / 2 * percent.min(100) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let full: Vec<u64> = (1..=9).map(|failures| retry_after(failures, 100).as_secs()).collect();
        assert_eq!(full, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retry_after(u32::MAX, 100), RETRY_AFTER_MAX);
        assert_eq!(retry_after(u32::MAX, 0), RETRY_AFTER_MAX / 2);
        assert_eq!(retry_after(1, 50), Duration::from_millis(750));
    }
}
