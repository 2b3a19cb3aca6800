//! A Bitcoin node on a private network, and a payer: keys, coins and transactions that no wallet made.
//!
//! Bitcoin Core where it is installed, else bcoin.

use crate::process::{PATIENCE, Process, free_port, nodes_dir};
use crate::rpc::Rpc;
use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{
    Address, Amount, Block, BlockHash, Network, OutPoint, PublicKey, ScriptBuf, Sequence, Transaction, TxIn,
    TxMerkleNode, TxOut, Witness, script, transaction,
};
use mizan_domain::onchain;
use serde::Serialize;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

pub(crate) const REGTEST: onchain::Chain = onchain::Chain::Bitcoin(onchain::Network::Regtest);
/// What a test pays for a transaction, in satoshi.
pub(crate) const FEE: u64 = 10_000;
const MATURITY: u64 = 100;
const PASSWORD: &str = "of-the-test";

/// A node with coins to spend.
pub(crate) struct Regtest {
    _process: Process,
    address: String,
    rpc: Rpc,
    key: SecretKey,
}

/// An output of the payer's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coin {
    at: OutPoint,
    satoshi: u64,
}

impl Regtest {
    /// Starts a node and mines until `coins` coins can be spent.
    pub(crate) async fn with_coins(coins: u64) -> (Self, Vec<Coin>) {
        let (process, address) = start();
        let rpc = Rpc::new(&address).unwrap();
        let it = Self { _process: process, address, rpc, key: SecretKey::from_slice(&[7; 32]).unwrap() };
        let blocks = it.mine(MATURITY + coins).await;
        let mut found = Vec::new();
        for hash in blocks.iter().take(usize::try_from(coins).unwrap()) {
            let block: Block = deserialize_hex(&it.call::<String>("getblock", (hash, false)).await).unwrap();
            let coinbase = &block.txdata[0];
            let at = OutPoint { txid: coinbase.compute_txid(), vout: 0 };
            found.push(Coin { at, satoshi: coinbase.output[0].value.to_sat() });
        }
        (it, found)
    }

    /// The node's address, with user name and password.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn call<T: serde::de::DeserializeOwned>(&self, method: &'static str, params: impl Serialize) -> T {
        self.rpc.call(method, params).await.unwrap()
    }

    /// Mines blocks with what waits; their hashes.
    pub(crate) async fn mine(&self, blocks: u64) -> Vec<String> {
        self.call("generatetoaddress", (blocks, self.own().to_string())).await
    }

    pub(crate) async fn height(&self) -> u64 {
        self.call("getblockcount", json!([])).await
    }

    pub(crate) async fn hash_at(&self, height: u64) -> String {
        self.call("getblockhash", (height,)).await
    }

    /// Takes a block, and all on top of it, off the chain.
    pub(crate) async fn invalidate(&self, hash: &str) {
        let _none: Option<Value> = self.rpc.ask("invalidateblock", (hash,)).await.unwrap();
    }

    /// Sends a transaction to the node, where it waits.
    pub(crate) async fn send(&self, tx: &Transaction) -> String {
        let sent: String = self.call("sendrawtransaction", (serialize_hex(tx),)).await;
        // bcoin answers before it has looked at it.
        let asked_until = Instant::now() + PATIENCE;
        loop {
            let waiting: Vec<String> = self.call("getrawmempool", json!([])).await;
            if waiting.contains(&sent) {
                return sent;
            }
            assert!(Instant::now() < asked_until, "{sent} was not taken");
        }
    }

    /// Mines a block with these transactions whatever waits, as a miner does who was paid for it.
    pub(crate) async fn mine_with(&self, transactions: Vec<Transaction>) {
        let height = self.height().await + 1;
        let tip: BlockHash = self.hash_at(height - 1).await.parse().unwrap();
        let last: Block = deserialize_hex(&self.call::<String>("getblock", (tip.to_string(), false)).await).unwrap();
        let coinbase = Transaction {
            version: transaction::Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::null(),
                script_sig: script::Builder::new().push_int(i64::try_from(height).unwrap()).push_int(7).into_script(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            }],
            output: vec![TxOut { value: Amount::from_sat(1_000), script_pubkey: self.own().script_pubkey() }],
        };
        let header = Header {
            version: Version::from_consensus(0x2000_0000),
            prev_blockhash: tip,
            merkle_root: TxMerkleNode::all_zeros(),
            time: last.header.time + 1,
            bits: last.header.bits,
            nonce: 0,
        };
        let mut block = Block { header, txdata: std::iter::once(coinbase).chain(transactions).collect() };
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        while block.header.validate_pow(block.header.target()).is_err() {
            block.header.nonce += 1;
        }
        let refused: Option<Value> = self.rpc.ask("submitblock", (serialize_hex(&block),)).await.unwrap();
        assert_eq!(refused, None);
        assert_eq!(self.height().await, height);
    }

    fn own(&self) -> Address {
        Address::p2pkh(self.public(), Network::Regtest)
    }

    fn public(&self) -> PublicKey {
        PublicKey::new(self.key.public_key(&Secp256k1::new()))
    }

    /// Pays from a coin; what is left goes back to the payer, except for the fee.
    pub(crate) fn pay(&self, coin: Coin, to: &[(&onchain::Address, u64)], is_replaceable: bool) -> Transaction {
        let script = |it: &onchain::Address| ScriptBuf::from_bytes(it.on_chain_bytes());
        let paid: u64 = to.iter().map(|it| it.1).sum();
        let mut output: Vec<TxOut> =
            to.iter().map(|(to, it)| TxOut { value: Amount::from_sat(*it), script_pubkey: script(to) }).collect();
        let change = Amount::from_sat(coin.satoshi - paid - FEE);
        output.push(TxOut { value: change, script_pubkey: self.own().script_pubkey() });
        let sequence = if is_replaceable { Sequence::ENABLE_RBF_NO_LOCKTIME } else { Sequence::MAX };
        let input =
            vec![TxIn { previous_output: coin.at, script_sig: ScriptBuf::new(), sequence, witness: Witness::new() }];
        let mut tx = Transaction { version: transaction::Version::TWO, lock_time: LockTime::ZERO, input, output };
        let sighash = SighashCache::new(&tx)
            .legacy_signature_hash(0, &self.own().script_pubkey(), EcdsaSighashType::All.to_u32())
            .unwrap();
        let signature = Secp256k1::new().sign_ecdsa(&Message::from_digest(sighash.to_byte_array()), &self.key);
        let signature = bitcoin::ecdsa::Signature { signature, sighash_type: EcdsaSighashType::All };
        tx.input[0].script_sig =
            script::Builder::new().push_slice(signature.serialize()).push_key(&self.public()).into_script();
        tx
    }
}

fn start() -> (Process, String) {
    let port = free_port();
    let address = |user: &str| format!("http://{user}:{PASSWORD}@127.0.0.1:{port}");
    if Command::new("bitcoind").arg("--version").output().is_ok() {
        let dir = std::env::temp_dir().join(format!("mizan-regtest-{port}"));
        std::fs::create_dir_all(&dir).unwrap();
        let mut command = Command::new("bitcoind");
        command.args(["-regtest", "-server", "-listen=0", "-fallbackfee=0.0001", "-printtoconsole", "-rpcuser=x"]);
        command.arg(format!("-rpcpassword={PASSWORD}")).arg(format!("-rpcport={port}"));
        command.arg(format!("-datadir={}", dir.display()));
        return (Process::start(&mut command, "Done loading").0, address("x"));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/tests/nodes/regtest.js");
    let mut command = Command::new("node");
    command.env("NODE_BACKEND", "js").arg(script).arg(nodes_dir()).args([&port.to_string(), PASSWORD]);
    (Process::start(&mut command, "ready").0, address("x"))
}
