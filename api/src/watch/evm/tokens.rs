//! Tokens: what their logs announce, and what has come of it.
//!
//! A log is only what a contract says. Some tokens keep a fee of every transfer, some can begin to, and a hostile one
//! says whatever pays. So what came to an address in a block is measured by the contract's own balance of it before and
//! after the block, and the announcements are filled from that in their order. Where the node has forgotten the older
//! balance (nodes keep about 128 blocks of it), the announcement stands and says that it was not measured.

use super::quantity::{Bytes, Quantity, account};
use super::{Body, Evm, Receipt, Sent};
use crate::watch::node::Fetched;
use crate::watch::rpc::NodeError;
use crate::watch::seen::{Asset, Effect, Place, Transfer};
use crate::watch::sink::Watched;
use bitcoin::hex::DisplayHex;
use mizan_domain::onchain::Address;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// The hash of `Transfer(address,address,uint256)`.
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
/// The first bytes of calls of `transfer(address,uint256)` and `transferFrom(address,address,uint256)`.
const TRANSFER_CALL: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
const TRANSFER_FROM_CALL: [u8; 4] = [0x23, 0xb8, 0x72, 0xdd];
/// The first bytes of a call of `balanceOf(address)`, and the zeros before the address.
const BALANCE_OF_CALL: &str = "0x70a08231000000000000000000000000";

/// A log of a block.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    address: Bytes,
    topics: Vec<Bytes>,
    data: Bytes,
    block_hash: String,
    pub(super) transaction_hash: String,
    log_index: Quantity,
    /// Sent to those who subscribe, for logs of a block that is gone; never to be counted.
    #[serde(default)]
    removed: bool,
}

/// An announcement to one of our addresses, and what came of it.
pub(super) struct Arrived<'a> {
    pub(super) log: &'a Log,
    token: Address,
    to: Address,
    announced: u128,
    amount: u128,
    measured: bool,
}

impl Evm {
    /// All transfers of the watched tokens in a block. Not by address: a filter has room for a few, and we have thousands.
    pub(super) async fn token_logs(&self, block_hash: &str, watched: &Watched) -> Result<Vec<Log>, NodeError> {
        if watched.tokens().is_empty() {
            return Ok(Vec::new());
        }
        let contracts: Vec<&str> = watched.tokens().iter().map(Address::as_str).collect();
        let filter = json!({ "blockHash": block_hash, "address": contracts, "topics": [TRANSFER] });
        let logs: Vec<Log> = self.rpc.call("eth_getLogs", (filter,)).await?;
        if logs.iter().any(|it| it.removed || it.block_hash != block_hash) {
            return Err(NodeError::Moved);
        }
        Ok(logs)
    }

    /// What was announced to our addresses in a block, with what came of it.
    pub(super) async fn arrived<'a>(
        &self,
        block: &'a Fetched<Body>,
        watched: &Watched,
    ) -> Result<Vec<Arrived<'a>>, NodeError> {
        let mut arrived = Vec::new();
        let mut sent: BTreeMap<(Address, Address), u128> = BTreeMap::new();
        for log in &block.body.logs {
            let Some(token) = watched.tokens().iter().find(|it| it.on_chain_bytes() == log.address.as_slice()) else {
                continue;
            };
            let Some((from, to, announced)) = log.transfer() else { continue };
            if from == to {
                // To oneself: nothing comes. It is told as hollow where the address is ours.
                arrived.extend(watched.address(to).map(|to| Arrived::of(log, token, to, announced, 0)));
                continue;
            }
            if let Some(from) = watched.address(from) {
                let out = sent.entry((token.clone(), from.clone())).or_default();
                *out = out.saturating_add(announced);
            }
            arrived.extend(watched.address(to).map(|to| Arrived::of(log, token, to, announced, announced)));
        }
        let mut places: BTreeMap<(Address, Address), Vec<&mut Arrived<'_>>> = BTreeMap::new();
        for it in arrived.iter_mut().filter(|it| it.amount > 0) {
            places.entry((it.token.clone(), it.to.clone())).or_default().push(it);
        }
        for ((token, to), mut announcements) in places {
            let out = sent.get(&(token.clone(), to.clone())).copied().unwrap_or(0);
            match self.came(&token, &to, block, out).await? {
                Some(came) => fill(&mut announcements, came),
                None => announcements.iter_mut().for_each(|it| it.measured = false),
            }
        }
        Ok(arrived)
    }

    /// How much of a token came to an address in a block; none where the node no longer knows.
    async fn came(
        &self,
        token: &Address,
        to: &Address,
        block: &Fetched<Body>,
        out: u128,
    ) -> Result<Option<u128>, NodeError> {
        let before = self.balance(token, to, &block.parent).await?;
        let after = self.balance(token, to, &block.at.hash).await?;
        Ok(match (before, after) {
            // What was announced to leave may have stayed (a hostile contract again): then less than nothing has come.
            (Some(before), Some(after)) => Some(after.saturating_add(out).saturating_sub(before)),
            (None, _) | (_, None) => None,
        })
    }

    /// The balance after a block, by its hash, so that it is this block's whatever the chain has done meanwhile.
    async fn balance(&self, token: &Address, of: &Address, block_hash: &str) -> Result<Option<u128>, NodeError> {
        let data = format!("{BALANCE_OF_CALL}{}", of.on_chain_bytes().to_lower_hex_string());
        let call = json!({ "to": token.as_str(), "data": data });
        match self.rpc.call::<Bytes>("eth_call", (call, json!({ "blockHash": block_hash }))).await {
            Ok(word) => Ok(Quantity::of_word(word.as_slice()).and_then(Quantity::amount)),
            Err(NodeError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Log {
    /// From, to and the amount of an ERC-20 transfer; none for other logs with its name (an NFT has one topic more) and
    /// for an amount that nobody can have.
    fn transfer(&self) -> Option<(&[u8], &[u8], u128)> {
        let [_name, from, to] = self.topics.as_slice() else { return None };
        let amount = Quantity::of_word(self.data.as_slice())?.amount();
        if amount.is_none() {
            tracing::warn!(tx = self.transaction_hash, "a token announces more than 2^128 units; it is not believed");
        }
        Some((account(from.as_slice())?, account(to.as_slice())?, amount?))
    }
}

impl<'a> Arrived<'a> {
    fn of(log: &'a Log, token: &Address, to: &Address, announced: u128, amount: u128) -> Self {
        Self { log, token: token.clone(), to: to.clone(), announced, amount, measured: true }
    }

    /// The report of it, in its place in the transaction.
    pub(super) fn transfer(&self, receipt: &Receipt) -> Result<Transfer, NodeError> {
        let place = receipt.logs.iter().position(|it| it.log_index == self.log.log_index);
        let place = place.and_then(|it| u32::try_from(it).ok());
        let missing = NodeError::Unreadable { method: "eth_getTransactionReceipt", field: "log that the block has" };
        let effect = match (self.announced, self.amount) {
            (0, _) => Effect::Zero,
            (_, 0) => Effect::Hollow,
            (_, _) => Effect::Moved,
        };
        Ok(Transfer {
            place: Place::Log(place.ok_or(missing)?),
            to: self.to.clone(),
            asset: Asset::Token(self.token.clone()),
            amount_minor: self.amount,
            announced_minor: self.announced,
            effect,
            measured: self.measured,
        })
    }
}

/// Fills announcements in their order from what came. More than was announced is interest or a gift without an
/// announcement, and is nobody's payment.
fn fill(announcements: &mut [&mut Arrived<'_>], came: u128) {
    let mut left = came;
    for it in announcements {
        it.amount = it.announced.min(left);
        left = left.saturating_sub(it.amount);
    }
}

/// What a transaction's own call of a watched token asks to send to one of our addresses.
pub(super) fn announced_call(sent: &Sent, watched: &Watched) -> Option<(Address, Address, u128)> {
    let contract = sent.to.as_ref()?;
    let token = watched.tokens().iter().find(|it| it.on_chain_bytes() == contract.as_slice())?;
    let (name, arguments) = sent.input.as_slice().split_first_chunk::<4>()?;
    let mut words = arguments.chunks(32);
    match *name {
        TRANSFER_CALL => (),
        TRANSFER_FROM_CALL => drop(words.next()?),
        _ => return None,
    }
    let to = watched.address(account(words.next()?)?)?.clone();
    Some((to, token.clone(), Quantity::of_word(words.next()?)?.amount()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::node::{Interest, Node};
    use crate::watch::rpc::fake;
    use mizan_domain::onchain::Chain;
    use std::collections::HashSet;

    const TOKEN: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
    const OURS: &str = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94";
    const OTHER: &str = "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0";
    const HASH: &str = "0xaa";

    fn address(text: &str) -> Address {
        Address::parse(text, Chain::Evm(1)).unwrap()
    }

    fn word(text: &str) -> String {
        format!("0x{:0>64}", text.trim_start_matches("0x").to_lowercase())
    }

    /// A log as nodes write it.
    fn log(from: &str, to: &str, units: &str, number: u32) -> serde_json::Value {
        json!({
            "address": TOKEN.to_lowercase(), "topics": [TRANSFER, word(from), word(to)], "data": word(units),
            "blockHash": HASH, "transactionHash": "0x01", "logIndex": format!("{number:#x}"), "removed": false,
        })
    }

    fn read(log: serde_json::Value) -> Log {
        serde_json::from_value(log).unwrap()
    }

    #[test]
    fn a_transfer_is_read_to_the_byte() {
        let ours = address(OURS).on_chain_bytes();
        let other = address(OTHER).on_chain_bytes();
        let plain = read(log(OTHER, OURS, "de0b6b3a7640000", 0));
        assert_eq!(plain.transfer(), Some((other.as_slice(), ours.as_slice(), 1_000_000_000_000_000_000)));
        let mut nft = log(OTHER, OURS, "1", 0);
        nft["topics"].as_array_mut().unwrap().push(json!(word("7")));
        let mut dirty = log(OTHER, OURS, "1", 0);
        dirty["topics"][2] = json!(format!("0x1{}", &word(OURS)[3..]));
        let mut short = log(OTHER, OURS, "1", 0);
        short["data"] = json!("0x01");
        for refused in [nft, dirty, short, log(OTHER, OURS, &format!("1{}", "0".repeat(32)), 0)] {
            assert_eq!(read(refused.clone()).transfer(), None, "{refused}");
        }
    }

    /// The node knows the balance at the block itself and has forgotten the one before.
    fn forgetful(call: &serde_json::Value) -> (u16, String) {
        let result = match call["method"].as_str().unwrap() {
            "eth_call" if call["params"][1]["blockHash"] == HASH => json!(word("64")),
            "eth_call" => {
                let error = json!({ "code": -32000, "message": "missing trie node" });
                return (200, json!({ "id": call["id"], "error": error }).to_string());
            }
            "eth_getTransactionReceipt" => {
                // Our log is the second of its transaction and the ninth of its block.
                let logs = [log(OURS, OTHER, "1", 7), log(OTHER, OURS, "64", 8)];
                json!({ "blockHash": HASH, "status": "0x1", "logs": logs })
            }
            other => panic!("{other} is not answered"),
        };
        (200, json!({ "id": call["id"], "result": result }).to_string())
    }

    #[actix_web::test]
    async fn what_cannot_be_measured_is_told_as_announced() {
        let (rpc, node) = fake::node(forgetful);
        let watched = Watched::new([address(OURS)], [address(TOKEN)]);
        let sent = json!({
            "hash": "0x01", "from": OTHER, "to": TOKEN, "nonce": "0x5", "value": "0x0", "input": "0x",
        });
        let body = Body {
            transactions: vec![serde_json::from_value(sent).unwrap()],
            logs: vec![read(log(OTHER, OURS, "64", 8))],
        };
        let at = crate::watch::BlockRef { height: 9, hash: HASH.to_owned() };
        let block = Fetched { at, parent: "0xbb".to_owned(), claimed_unix_s: 0, body };
        let claims = HashSet::new();
        let looked = Evm::new(rpc).look(&block, &Interest { watched: &watched, claims: &claims }).await.unwrap();
        let [transaction] = looked.transactions.as_slice() else { panic!("{looked:?}") };
        assert_eq!(transaction.claims, [format!("{}:5", OTHER.to_lowercase())]);
        let transfer = &transaction.transfers[0];
        assert_eq!((transfer.place, transfer.amount_minor, transfer.measured), (Place::Log(1), 100, false));
        assert_eq!(transfer.effect, Effect::Moved);
        node.stop(false).await;
    }

    #[test]
    fn announcements_are_filled_in_their_order() {
        let logs = [5, 0, 3].map(|units: u32| read(log(OTHER, OURS, &format!("{units:x}"), units)));
        for (came, expected) in [(8, [5, 0, 3]), (9, [5, 0, 3]), (7, [5, 0, 2]), (4, [4, 0, 0]), (0, [0, 0, 0])] {
            let mut arrived: Vec<Arrived<'_>> = logs
                .iter()
                .map(|log| {
                    let units = log.transfer().unwrap().2;
                    Arrived::of(log, &address(TOKEN), &address(OURS), units, units)
                })
                .collect();
            fill(&mut arrived.iter_mut().collect::<Vec<_>>(), came);
            assert_eq!(arrived.iter().map(|it| it.amount).collect::<Vec<_>>(), expected, "{came}");
        }
    }
}
