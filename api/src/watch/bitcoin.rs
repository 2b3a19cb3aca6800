//! Bitcoin, by the JSON-RPC that Bitcoin Core and the nodes after its model speak.
//!
//! Blocks and transactions are asked for as the chain's own bytes and read here. So amounts are the integers that they
//! are on the chain, where the JSON form has decimals, and outputs are compared by their scripts, which every node writes
//! the same way. Needs no index and no wallet of the node.

use super::node::{Fetched, Interest, Looked, Node, Waiting};
use super::rpc::{NOTHING, NodeError, Rpc};
use super::seen::{Asset, BlockRef, Effect, Place, Transaction, Transfer};
use super::sink::Watched;
use bitcoin::Transaction as Raw;
use bitcoin::consensus::encode::deserialize_hex;
use futures_util::{StreamExt, stream};
use mizan_domain::onchain::Chain;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waiting transactions that are read in a round; the rest comes in the next.
const READ_MAX: usize = 2_000;
/// Requests that are under way at a time.
const REQUESTS_MAX: usize = 8;

/// A Bitcoin node.
#[derive(Debug)]
pub struct Bitcoin {
    rpc: Rpc,
    /// What waits and has been looked at: a node has a hundred thousand waiting at times, and a round reads what is new.
    looked_at: Mutex<HashSet<String>>,
}

impl Bitcoin {
    /// The node behind an address.
    #[must_use]
    pub fn new(rpc: Rpc) -> Self {
        Self { rpc, looked_at: Mutex::default() }
    }

    fn looked_at(&self) -> MutexGuard<'_, HashSet<String>> {
        // Only whole sets are ever stored, so one that a panic has left is as good.
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A waiting transaction; none where it has stopped waiting since.
    async fn read(&self, tx: String) -> Result<(String, Option<Raw>), NodeError> {
        const METHOD: &str = "getrawtransaction";
        let hex: String = match self.rpc.call(METHOD, (&tx,)).await {
            Ok(hex) => hex,
            Err(NodeError::Refused { .. }) => return Ok((tx, None)),
            Err(error) => return Err(error),
        };
        let raw: Raw =
            deserialize_hex(&hex).map_err(|_| NodeError::Unreadable { method: METHOD, field: "transaction" })?;
        Ok((tx, Some(raw)))
    }
}

impl Node for Bitcoin {
    type Body = bitcoin::Block;

    /// CAIP-2 names a network by the first digits of its first block.
    async fn is_on(&self, chain: Chain) -> Result<bool, NodeError> {
        let first: String = self.rpc.call("getblockhash", (0,)).await?;
        Ok(chain.to_string().strip_prefix("bip122:").is_some_and(|digits| first.starts_with(digits)))
    }

    async fn height(&self) -> Result<u64, NodeError> {
        self.rpc.call("getblockcount", NOTHING).await
    }

    async fn hash_at(&self, height: u64) -> Result<Option<String>, NodeError> {
        match self.rpc.call("getblockhash", (height,)).await {
            Ok(hash) => Ok(Some(hash)),
            // The nodes have no common code for it.
            Err(NodeError::Refused { .. }) if self.height().await? < height => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn fetch(&self, height: u64, _watched: &Watched) -> Result<Option<Fetched<bitcoin::Block>>, NodeError> {
        const METHOD: &str = "getblock";
        let Some(hash) = self.hash_at(height).await? else {
            return Ok(None);
        };
        let hex: String = self.rpc.call(METHOD, (&hash, false)).await?;
        let block: bitcoin::Block =
            deserialize_hex(&hex).map_err(|_| NodeError::Unreadable { method: METHOD, field: "block" })?;
        // A block is its hash: neither the node nor anything between it and us can give another one.
        if block.block_hash().to_string() != hash || !block.check_merkle_root() {
            return Err(NodeError::Unreadable { method: METHOD, field: "block of the hash that was asked for" });
        }
        Ok(Some(Fetched {
            at: BlockRef { height, hash },
            parent: block.header.prev_blockhash.to_string(),
            claimed_unix_s: u64::from(block.header.time),
            body: block,
        }))
    }

    async fn look(&self, block: &Fetched<bitcoin::Block>, interest: &Interest<'_>) -> Result<Looked, NodeError> {
        let mut looked = Looked::default();
        for raw in &block.body.txdata {
            look_at(raw, &raw.compute_txid().to_string(), interest, &mut looked);
        }
        Ok(looked)
    }

    async fn waiting(&self, interest: &Interest<'_>) -> Result<Option<Waiting>, NodeError> {
        let all: HashSet<String> = self.rpc.call("getrawmempool", NOTHING).await?;
        let new: Vec<String> = {
            let mut looked_at = self.looked_at();
            looked_at.retain(|tx| all.contains(tx));
            all.iter().filter(|tx| !looked_at.contains(*tx)).take(READ_MAX).cloned().collect()
        };
        let mut looked = Looked::default();
        let mut reads = stream::iter(new).map(|tx| self.read(tx)).buffer_unordered(REQUESTS_MAX);
        let mut read = Vec::new();
        while let Some(found) = reads.next().await {
            let (tx, raw) = found?;
            if let Some(raw) = raw {
                look_at(&raw, &tx, interest, &mut looked);
            }
            read.push(tx);
        }
        let mut looked_at = self.looked_at();
        looked_at.extend(read);
        let is_complete = all.len() <= looked_at.len();
        drop(looked_at);
        Ok(Some(Waiting { looked, all, is_complete }))
    }

    /// Proof of work never says that nothing can change any more.
    async fn finalized(&self) -> Result<Option<u64>, NodeError> {
        Ok(None)
    }

    fn forget(&self) {
        self.looked_at().clear();
    }
}

/// What one transaction means to us.
fn look_at(raw: &Raw, tx: &str, interest: &Interest<'_>, looked: &mut Looked) {
    let claims = || {
        let spent = raw.input.iter().map(|it| it.previous_output).filter(|it| !it.is_null());
        spent.map(|it| it.to_string())
    };
    if !interest.claims.is_empty() {
        let used = claims().filter(|claim| interest.claims.contains(claim.as_str()));
        looked.used.extend(used.map(|claim| (claim, tx.to_owned())));
    }
    let transfers: Vec<Transfer> = (0_u32..)
        .zip(&raw.output)
        .filter_map(|(number, output)| {
            let to = interest.watched.address(output.script_pubkey.as_bytes())?.clone();
            let amount_minor = u128::from(output.value.to_sat());
            let effect = if amount_minor == 0 { Effect::Zero } else { Effect::Moved };
            Some(Transfer {
                place: Place::Output(number),
                to,
                asset: Asset::Native,
                amount_minor,
                announced_minor: amount_minor,
                effect,
                measured: true,
            })
        })
        .collect();
    if !transfers.is_empty() {
        let replaceable = raw.input.iter().any(|it| it.sequence.is_rbf());
        looked.transactions.push(Transaction { tx: tx.to_owned(), claims: claims().collect(), replaceable, transfers });
    }
}
