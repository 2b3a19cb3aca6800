//! Foundry's anvil, a node of the Ethereum family, with accounts that it signs for itself.

use crate::process::{PATIENCE, Process, nodes_dir};
use crate::rpc::Rpc;
use bitcoin::hex::DisplayHex;
use mizan_domain::onchain::{Address, Chain};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub(crate) const CHAIN: Chain = Chain::Evm(31_337);
const TOKEN: &str = include_str!("Token.hex");
/// Enough for anything here, and given by hand: a node refuses to guess it for a transaction that is going to fail.
const GAS: &str = "0xf4240";

/// A node that mines a block for every transaction.
pub(crate) struct Anvil {
    _process: Process,
    address: String,
    rpc: Rpc,
    accounts: Vec<String>,
    mines_itself: AtomicBool,
}

impl Anvil {
    pub(crate) async fn start() -> Self {
        let program = format!("@foundry-rs/anvil-{}/bin/anvil", platform());
        let mut command = Command::new(nodes_dir().join("node_modules").join(program));
        command.args(["--port", "0", "--slots-in-an-epoch", "2"]);
        let (process, line) = Process::start(&mut command, "Listening on ");
        let address = format!("http://{}", line.rsplit(' ').next().unwrap());
        let rpc = Rpc::new(&address).unwrap();
        let accounts = rpc.call("eth_accounts", json!([])).await.unwrap();
        Self { _process: process, address, rpc, accounts, mines_itself: AtomicBool::new(true) }
    }

    /// The node's address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn call<T: DeserializeOwned>(&self, method: &'static str, params: impl Serialize) -> T {
        self.rpc.call(method, params).await.unwrap()
    }

    /// The same for a method that may answer nothing.
    pub(crate) async fn tell(&self, method: &'static str, params: impl Serialize) {
        let _none: Option<Value> = self.rpc.ask(method, params).await.unwrap();
    }

    /// Sends a transaction of the node's first account, whatever comes of it. While the node mines by itself, the
    /// transaction is in a block when this answers.
    pub(crate) async fn send(&self, mut transaction: Value) -> String {
        transaction["from"] = json!(self.accounts[0]);
        transaction["gas"] = json!(GAS);
        let tx: String = self.call("eth_sendTransaction", (transaction,)).await;
        let asked_until = Instant::now() + PATIENCE;
        while self.mines_itself.load(Ordering::Relaxed) && self.receipt(&tx).await.is_none() {
            assert!(Instant::now() < asked_until, "{tx} was not mined");
        }
        tx
    }

    async fn receipt(&self, tx: &str) -> Option<Value> {
        self.rpc.ask("eth_getTransactionReceipt", (tx,)).await.unwrap()
    }

    /// From now on transactions wait for [`Self::mine`].
    pub(crate) async fn stop_mining(&self) {
        self.tell("evm_setAutomine", (false,)).await;
        self.mines_itself.store(false, Ordering::Relaxed);
    }

    /// Pays in the chain's own coin.
    pub(crate) async fn pay(&self, to: &Address, wei: u128) -> String {
        self.send(json!({ "to": to.as_str(), "value": format!("{wei:#x}") })).await
    }

    /// Deploys the token; all of it is the first account's.
    pub(crate) async fn token(&self, supply: u128) -> Address {
        let data = format!("0x{}{supply:064x}", TOKEN.trim());
        let tx = self.send(json!({ "data": data })).await;
        let receipt = self.receipt(&tx).await.unwrap();
        Address::parse(receipt["contractAddress"].as_str().unwrap(), CHAIN).unwrap()
    }

    /// Calls a function of the token with an address and an amount.
    pub(crate) async fn token_call(&self, token: &Address, function: &str, to: &Address, units: u128) -> String {
        let data = format!("0x{function}{:0>64}{units:064x}", to.on_chain_bytes().to_lower_hex_string());
        self.send(json!({ "to": token.as_str(), "data": data })).await
    }

    /// The same by the second account, which offers more for its place in the block and so comes first.
    pub(crate) async fn second_pays(&self, token: &Address, function: &str, to: &Address, units: u128) -> String {
        let data = format!("0x{function}{:0>64}{units:064x}", to.on_chain_bytes().to_lower_hex_string());
        let price = "0x174876e800";
        let sent =
            json!({ "from": self.accounts[1], "gas": GAS, "gasPrice": price, "to": token.as_str(), "data": data });
        self.call("eth_sendTransaction", (sent,)).await
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.tell("anvil_mine", (format!("{blocks:#x}"),)).await;
    }

    pub(crate) async fn height(&self) -> u64 {
        let height: String = self.call("eth_blockNumber", json!([])).await;
        u64::from_str_radix(height.trim_start_matches("0x"), 16).unwrap()
    }

    /// Whether a transaction succeeded.
    pub(crate) async fn succeeded(&self, tx: &str) -> bool {
        self.receipt(tx).await.unwrap()["status"] == "0x1"
    }
}

/// The names that the packages have for machines.
fn platform() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    format!("{system}-{processor}")
}
