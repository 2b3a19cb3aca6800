//! A chain that does everything that chains can do, and a node of it that does everything that nodes can do wrong.

use crate::books::CONFIRMATIONS;
use mizan::watch::{
    Asset, BlockRef, Effect, Fetched, Interest, Looked, Node, NodeError, Place, Transaction, Transfer, Waiting, Watched,
};
use mizan_domain::onchain::{Address, Chain, Network};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

pub(crate) const CHAIN: Chain = Chain::Bitcoin(Network::Regtest);

/// A payment: of one coin, to one address. Two payments of one coin exclude each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) id: u32,
    pub(crate) coin: u32,
    pub(crate) to: Address,
}

#[derive(Debug, Clone)]
struct Mined {
    hash: String,
    payments: Vec<Payment>,
}

/// What can happen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Somebody pays from a coin, in place of what else waits to spend it.
    Pay { coin: u32, to: usize },
    /// A waiting payment is forgotten by the node.
    Forget { coin: u32 },
    /// What was forgotten or undone is sent again.
    SendAgain { id: u32 },
    /// Blocks with what waits.
    Mine { blocks: usize },
    /// The newest blocks give way to more others. What was in them waits again, or nobody has it any more.
    Reorganise { depth: usize, keeps: bool },
}

#[derive(Debug, Default)]
struct Inner {
    chain: Vec<Mined>,
    waiting: Vec<Payment>,
    all: Vec<Payment>,
    next_hash: u64,
    /// Questions until the next fault, and until the chain moves in the middle of a look.
    fails_after: Option<usize>,
    moves_after: Option<(usize, Step)>,
    /// Blocks that the node has not seen yet.
    behind: usize,
}

/// The chain; clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct World {
    inner: Arc<Mutex<Inner>>,
    addresses: Arc<Vec<Address>>,
}

impl World {
    pub(crate) fn new(addresses: Vec<Address>) -> Self {
        let world = Self { inner: Arc::default(), addresses: Arc::new(addresses) };
        world.happen(Step::Mine { blocks: 3 });
        world
    }

    pub(crate) fn happen(&self, step: Step) {
        self.inner.lock().unwrap().happen(step, &self.addresses);
    }

    pub(crate) fn fail_after(&self, questions: usize) {
        self.inner.lock().unwrap().fails_after = Some(questions);
    }

    pub(crate) fn move_after(&self, questions: usize, step: Step) {
        self.inner.lock().unwrap().moves_after = Some((questions, step));
    }

    pub(crate) fn fall_behind(&self, blocks: usize) {
        self.inner.lock().unwrap().behind = blocks;
    }

    /// Becomes another chain, with other blocks.
    pub(crate) fn differ(&self) {
        self.inner.lock().unwrap().chain.iter_mut().for_each(|it| it.hash.replace_range(..1, "f"));
    }

    /// Nothing goes wrong any more.
    pub(crate) fn be_well(&self) {
        let mut it = self.inner.lock().unwrap();
        (it.fails_after, it.moves_after, it.behind) = (None, None, 0);
    }

    /// The truth about every payment there ever was: the block that has it, and whether it waits.
    pub(crate) fn truth(&self) -> Vec<(Payment, Option<BlockRef>, bool)> {
        let it = self.inner.lock().unwrap();
        let block_of = |payment: &Payment| {
            let height = it.chain.iter().position(|block| block.payments.contains(payment))?;
            Some(BlockRef { height: height as u64, hash: it.chain[height].hash.clone() })
        };
        it.all.iter().map(|payment| (payment.clone(), block_of(payment), it.waiting.contains(payment))).collect()
    }

    /// Whether a block is deep enough to be money.
    pub(crate) fn is_deep(&self, block: &BlockRef) -> bool {
        block.height + CONFIRMATIONS <= self.inner.lock().unwrap().chain.len() as u64
    }

    pub(crate) fn node(&self) -> ScriptedNode {
        ScriptedNode { world: self.clone(), looked_at: Mutex::default() }
    }
}

impl Inner {
    fn happen(&mut self, step: Step, addresses: &[Address]) {
        match step {
            Step::Pay { coin, to } => {
                if self.is_spent(coin) {
                    return;
                }
                let to = addresses[to % addresses.len()].clone();
                let payment = Payment { id: u32::try_from(self.all.len()).unwrap(), coin, to };
                self.waiting.retain(|it| it.coin != coin);
                self.waiting.push(payment.clone());
                self.all.push(payment);
            }
            Step::Forget { coin } => self.waiting.retain(|it| it.coin != coin),
            Step::SendAgain { id } => {
                let Some(payment) = self.all.get(id as usize).cloned() else { return };
                if !self.is_spent(payment.coin) {
                    self.waiting.retain(|it| it.coin != payment.coin);
                    self.waiting.push(payment);
                }
            }
            Step::Mine { blocks } => self.mine(blocks),
            Step::Reorganise { depth, keeps } => {
                // Never the first blocks: those are older than the watcher.
                let depth = depth.min(self.chain.len().saturating_sub(3));
                let undone = self.chain.split_off(self.chain.len() - depth);
                if keeps {
                    // What waits already for the same coin gives way to what had been mined.
                    for payment in undone.into_iter().flat_map(|it| it.payments) {
                        self.waiting.retain(|it| it.coin != payment.coin);
                        self.waiting.push(payment);
                    }
                }
                self.mine(depth + 1);
            }
        }
    }

    fn is_spent(&self, coin: u32) -> bool {
        self.chain.iter().flat_map(|it| &it.payments).any(|it| it.coin == coin)
    }

    fn mine(&mut self, blocks: usize) {
        for _ in 0..blocks {
            self.next_hash += 1;
            let payments = std::mem::take(&mut self.waiting);
            self.chain.push(Mined { hash: format!("{:064x}", self.next_hash), payments });
        }
    }

    /// The chain as far as the node has it.
    fn seen(&self) -> &[Mined] {
        &self.chain[..self.chain.len().saturating_sub(self.behind).max(1)]
    }
}

/// A node of the world. It remembers what it has looked at, as the real adapter does.
#[derive(Debug)]
pub(crate) struct ScriptedNode {
    world: World,
    looked_at: Mutex<HashSet<u32>>,
}

impl ScriptedNode {
    /// Every question may be the one that fails, or before which the chain moves.
    fn asked(&self) -> Result<std::sync::MutexGuard<'_, Inner>, NodeError> {
        let mut it = self.world.inner.lock().unwrap();
        match it.moves_after.take() {
            Some((0, step)) => it.happen(step, &self.world.addresses),
            Some((more, step)) => it.moves_after = Some((more - 1, step)),
            None => (),
        }
        match it.fails_after.take() {
            Some(0) => Err(NodeError::NotUnderstood { status: 503, detail: "busy".to_owned() }),
            Some(more) => {
                it.fails_after = Some(more - 1);
                Ok(it)
            }
            None => Ok(it),
        }
    }
}

fn look_at(payment: &Payment, interest: &Interest<'_>, looked: &mut Looked) {
    let claim = format!("coin-{}", payment.coin);
    let tx = tx_id(payment.id);
    if interest.claims.contains(claim.as_str()) {
        looked.used.push((claim.clone(), tx.clone()));
    }
    if let Some(to) = interest.watched.address(&payment.to.on_chain_bytes()) {
        let amount = amount(payment);
        let transfer = Transfer {
            place: Place::Output(0),
            to: to.clone(),
            asset: Asset::Native,
            amount_minor: amount,
            announced_minor: amount,
            effect: Effect::Moved,
            measured: true,
        };
        looked.transactions.push(Transaction { tx, claims: vec![claim], replaceable: true, transfers: vec![transfer] });
    }
}

/// The name of a payment's transaction on the chain.
pub(crate) fn tx_id(id: u32) -> String {
    format!("{:064x}", 0x7a00_0000_0000_u64 + u64::from(id))
}

/// Every payment has an amount of its own.
pub(crate) fn amount(payment: &Payment) -> u128 {
    u128::from(payment.id) + 1
}

impl Node for ScriptedNode {
    type Body = Vec<Payment>;

    async fn is_on(&self, chain: Chain) -> Result<bool, NodeError> {
        Ok(chain == CHAIN)
    }

    async fn height(&self) -> Result<u64, NodeError> {
        Ok(self.asked()?.seen().len() as u64 - 1)
    }

    async fn hash_at(&self, height: u64) -> Result<Option<String>, NodeError> {
        Ok(self.asked()?.seen().get(usize::try_from(height).unwrap()).map(|it| it.hash.clone()))
    }

    async fn fetch(&self, height: u64, _watched: &Watched) -> Result<Option<Fetched<Self::Body>>, NodeError> {
        let it = self.asked()?;
        let index = usize::try_from(height).unwrap();
        let parent = index.checked_sub(1).map_or_else(String::new, |before| it.chain[before].hash.clone());
        Ok(it.seen().get(index).map(|block| Fetched {
            at: BlockRef { height, hash: block.hash.clone() },
            parent,
            claimed_unix_s: height,
            body: block.payments.clone(),
        }))
    }

    async fn look(&self, block: &Fetched<Self::Body>, interest: &Interest<'_>) -> Result<Looked, NodeError> {
        let it = self.asked()?;
        // As a receipt does that says another block.
        if it.seen().iter().all(|known| known.hash != block.at.hash) {
            return Err(NodeError::Moved);
        }
        let mut looked = Looked::default();
        block.body.iter().for_each(|payment| look_at(payment, interest, &mut looked));
        Ok(looked)
    }

    async fn waiting(&self, interest: &Interest<'_>) -> Result<Option<Waiting>, NodeError> {
        let it = self.asked()?;
        let mut waiting = Waiting { is_complete: true, ..Waiting::default() };
        let mut looked_at = self.looked_at.lock().unwrap();
        looked_at.retain(|id| it.waiting.iter().any(|payment| payment.id == *id));
        for payment in &it.waiting {
            waiting.all.insert(tx_id(payment.id));
            if looked_at.insert(payment.id) {
                look_at(payment, interest, &mut waiting.looked);
            }
        }
        Ok(Some(waiting))
    }

    async fn finalized(&self) -> Result<Option<u64>, NodeError> {
        self.asked().map(|_| None)
    }

    fn forget(&self) {
        self.looked_at.lock().unwrap().clear();
    }
}
