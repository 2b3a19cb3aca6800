//! Which nodes to watch through, as the operator writes it: `CHAIN=ADDRESS`, with white space between several.
//!
//! From the environment and never from a flag: an address holds the keys to its node, and flags are shown to everybody
//! on the machine.

use super::rpc::Rpc;
use mizan_domain::onchain::Chain;

/// The environment variable that nodes are written in.
pub const NODES_VARIABLE: &str = "MIZAN_NODES";

/// What is wrong with it. Never repeats an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNodes {
    /// No chain, an equals sign and an address.
    #[error("node {0} of MIZAN_NODES is not CHAIN=ADDRESS, such as eip155:1=http://127.0.0.1:8545")]
    NotAPair(usize),
    /// Not a chain, or not an address.
    #[error("node {0} of MIZAN_NODES: {1}")]
    NotANode(usize, String),
    /// Two nodes of one chain: they would report its blocks in turns.
    #[error("MIZAN_NODES has two nodes of {0}; a chain is watched through one")]
    Twice(Chain),
}

/// Reads the nodes, one a chain.
///
/// # Errors
/// [`BadNodes`].
pub fn nodes(text: &str) -> Result<Vec<(Chain, Rpc)>, BadNodes> {
    let mut nodes: Vec<(Chain, Rpc)> = Vec::new();
    for (number, pair) in (1..).zip(text.split_whitespace()) {
        let (chain, address) = pair.split_once('=').ok_or(BadNodes::NotAPair(number))?;
        let chain: Chain = chain.parse().map_err(|_| BadNodes::NotAPair(number))?;
        let node = Rpc::new(address).map_err(|error| BadNodes::NotANode(number, error.to_string()))?;
        if nodes.iter().any(|(known, _)| *known == chain) {
            return Err(BadNodes::Twice(chain));
        }
        nodes.push((chain, node));
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_read_one_a_chain() {
        let regtest = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328";
        let text = format!("{regtest}=http://x:y=z@127.0.0.1:18443\n eip155:1=https://node.example/v3/key?a=b");
        let read = nodes(&text).unwrap();
        assert_eq!(read.iter().map(|it| it.0.to_string()).collect::<Vec<_>>(), [regtest, "eip155:1"]);
        assert_eq!(nodes(" ").unwrap().len(), 0);
        let two = "eip155:1=http://127.0.0.1:1 eip155:1=http://127.0.0.1:2";
        assert_eq!(nodes(two).unwrap_err(), BadNodes::Twice(Chain::Evm(1)));
        for text in ["hunter2", "mainnet=http://x:hunter2@127.0.0.1", "eip155:1=x:hunter2@127.0.0.1"] {
            let shown = nodes(text).unwrap_err().to_string();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
