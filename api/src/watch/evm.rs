//! Ethereum and the chains after its model, by their JSON-RPC.
//!
//! A block's own transactions tell of the chain's coin, its logs of tokens. Neither is believed before the receipt says
//! that the transaction succeeded and stands in this block; and what a token's log says to have come is measured by the
//! balances before and after ([`tokens`]). Coins that a contract passes on inside of a transaction leave no trace that
//! every node shows, and are not seen.

mod quantity;
mod tokens;

use super::node::{Fetched, Interest, Looked, Node, Waiting};
use super::rpc::{NOTHING, NodeError, Rpc};
use super::seen::{Asset, BlockRef, Effect, Place, Transaction, Transfer};
use super::sink::Watched;
use bitcoin::hex::DisplayHex;
use mizan_domain::onchain::{Address, Chain};
use quantity::{Bytes, Quantity};
use serde::Deserialize;
use tokens::Log;

/// An Ethereum node.
#[derive(Debug)]
pub struct Evm {
    rpc: Rpc,
}

/// A block with its transactions, and the logs of the tokens in it.
#[derive(Debug)]
pub struct Body {
    transactions: Vec<Sent>,
    logs: Vec<Log>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    number: Quantity,
    hash: String,
    parent_hash: String,
    timestamp: Quantity,
    #[serde(default)]
    transactions: Vec<Sent>,
}

#[derive(Debug, Deserialize)]
struct Numbered {
    number: Quantity,
    hash: String,
}

/// What of a transaction is read here; there are kinds with fields that nobody has thought of yet.
#[derive(Debug, Deserialize)]
struct Sent {
    hash: String,
    from: Bytes,
    /// None where a contract is made.
    to: Option<Bytes>,
    nonce: Quantity,
    value: Quantity,
    #[serde(default)]
    input: Bytes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    block_hash: String,
    status: Quantity,
    logs: Vec<Log>,
}

impl Evm {
    /// The node behind an address.
    #[must_use]
    pub fn new(rpc: Rpc) -> Self {
        Self { rpc }
    }

    /// The receipt of a transaction in this block.
    async fn receipt(&self, tx: &str, block: &BlockRef) -> Result<Receipt, NodeError> {
        let receipt: Option<Receipt> = self.rpc.ask("eth_getTransactionReceipt", (tx,)).await?;
        receipt.filter(|it| it.block_hash == block.hash).ok_or(NodeError::Moved)
    }
}

impl Node for Evm {
    type Body = Body;

    async fn is_on(&self, chain: Chain) -> Result<bool, NodeError> {
        let id: Quantity = self.rpc.call("eth_chainId", NOTHING).await?;
        Ok(match chain {
            Chain::Evm(expected) => id.small() == Some(expected),
            Chain::Bitcoin(_) => false,
        })
    }

    async fn height(&self) -> Result<u64, NodeError> {
        const METHOD: &str = "eth_blockNumber";
        let height: Quantity = self.rpc.call(METHOD, NOTHING).await?;
        height.small().ok_or(NodeError::Unreadable { method: METHOD, field: "number" })
    }

    async fn hash_at(&self, height: u64) -> Result<Option<String>, NodeError> {
        let block: Option<Numbered> = self.rpc.ask("eth_getBlockByNumber", (hex(height), false)).await?;
        Ok(block.map(|it| it.hash))
    }

    async fn fetch(&self, height: u64, watched: &Watched) -> Result<Option<Fetched<Body>>, NodeError> {
        const METHOD: &str = "eth_getBlockByNumber";
        let unreadable = |field| NodeError::Unreadable { method: METHOD, field };
        let Some(block) = self.rpc.ask::<Header>(METHOD, (hex(height), true)).await? else {
            return Ok(None);
        };
        if block.number.small() != Some(height) {
            return Err(unreadable("number"));
        }
        let logs = self.token_logs(&block.hash, watched).await?;
        Ok(Some(Fetched {
            at: BlockRef { height, hash: block.hash },
            parent: block.parent_hash,
            claimed_unix_s: block.timestamp.small().ok_or_else(|| unreadable("timestamp"))?,
            body: Body { transactions: block.transactions, logs },
        }))
    }

    async fn look(&self, block: &Fetched<Body>, interest: &Interest<'_>) -> Result<Looked, NodeError> {
        let arrived = self.arrived(block, interest.watched).await?;
        let mut looked = Looked::default();
        for sent in &block.body.transactions {
            let claim = sent.claim();
            if interest.claims.contains(claim.as_str()) {
                looked.used.push((claim.clone(), sent.hash.clone()));
            }
            let native = sent.to.as_ref().and_then(|to| interest.watched.address(to.as_slice()));
            let call = tokens::announced_call(sent, interest.watched);
            let tokens: Vec<_> = arrived.iter().filter(|it| it.log.transaction_hash == sent.hash).collect();
            if native.is_none() && call.is_none() && tokens.is_empty() {
                continue;
            }
            let receipt = self.receipt(&sent.hash, &block.at).await?;
            let has_failed = receipt.status.small() != Some(1);
            let mut transfers = Vec::new();
            transfers.extend(native.map(|to| {
                let amount = sent.value.amount().unwrap_or(0);
                of_the_transaction(to.clone(), Asset::Native, amount, has_failed)
            }));
            // A call that has succeeded is told by its logs, or it has done nothing.
            transfers.extend(
                call.filter(|_| has_failed)
                    .map(|(to, token, amount)| of_the_transaction(to, Asset::Token(token), amount, true)),
            );
            for it in tokens {
                transfers.push(it.transfer(&receipt)?);
            }
            if !transfers.is_empty() {
                let claims = vec![claim];
                looked.transactions.push(Transaction { tx: sent.hash.clone(), claims, replaceable: false, transfers });
            }
        }
        Ok(looked)
    }

    /// What waits on an EVM chain is not looked at: nodes see only a part of it, and a block is there in seconds.
    async fn waiting(&self, _interest: &Interest<'_>) -> Result<Option<Waiting>, NodeError> {
        Ok(None)
    }

    async fn finalized(&self) -> Result<Option<u64>, NodeError> {
        match self.rpc.ask::<Numbered>("eth_getBlockByNumber", ("finalized", false)).await {
            Ok(block) => Ok(block.and_then(|it| it.number.small())),
            // A chain or a node that does not know the word.
            Err(NodeError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn forget(&self) {}
}

impl Sent {
    /// An account numbers its transactions, and each number is used once.
    fn claim(&self) -> String {
        format!("0x{}:{}", self.from.as_slice().to_lower_hex_string(), self.nonce.amount().unwrap_or(0))
    }
}

/// What a transaction does itself, without a log.
fn of_the_transaction(to: Address, asset: Asset, announced: u128, has_failed: bool) -> Transfer {
    let effect = match (has_failed, announced) {
        (true, _) => Effect::Failed,
        (false, 0) => Effect::Zero,
        (false, _) => Effect::Moved,
    };
    let amount_minor = if has_failed { 0 } else { announced };
    Transfer { place: Place::Value, to, asset, amount_minor, announced_minor: announced, effect, measured: true }
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}
