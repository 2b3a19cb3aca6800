//! A sink that does in memory what the domain does in earnest: a deposit is credited once when it has enough blocks on
//! top, and taken back when its block is orphaned. Its auditor looks at everything after every round.

use mizan::watch::{
    Asset, BLOCKS_KEPT, BlockRef, Effect, Node, Open, Place, Progress, Recorded, Round, Sink, SinkError, Transaction,
    Transfer, Watched, Watcher,
};
use mizan_domain::onchain::{Address, Chain};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Blocks that make a deposit money, its own among them.
pub(crate) const CONFIRMATIONS: u64 = 2;

/// What is known of a deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    In(BlockRef),
    Orphaned,
    Replaced(String),
    Forgotten,
}

#[derive(Debug, Clone)]
struct Deposit {
    transfer: Transfer,
    claims: Vec<String>,
    replaceable: bool,
    state: State,
    /// Every credit and every reversal, in order.
    entries: Vec<i128>,
}

#[derive(Default)]
struct Inner {
    watched: Arc<Watched>,
    blocks: Vec<BlockRef>,
    deposits: BTreeMap<(String, Place), Deposit>,
    finalized: Option<u64>,
    rounds: usize,
    failures: usize,
}

/// The books; clones are the same ones.
#[derive(Clone, Default)]
pub(crate) struct Books(Arc<Mutex<Inner>>);

impl Books {
    pub(crate) fn watching(addresses: &[Address], tokens: &[Address]) -> Self {
        let books = Self::default();
        books.watch(addresses, tokens);
        books
    }

    pub(crate) fn watch(&self, addresses: &[Address], tokens: &[Address]) {
        self.0.lock().unwrap().watched = Arc::new(Watched::new(addresses.to_vec(), tokens.to_vec()));
    }

    /// The next rounds are not recorded.
    pub(crate) fn fail(&self, rounds: usize) {
        self.0.lock().unwrap().failures = rounds;
    }

    /// What an address has been credited with, reversals taken off.
    pub(crate) fn balance(&self, address: &Address, asset: &Asset) -> i128 {
        let it = self.0.lock().unwrap();
        let of_it = it.deposits.values().filter(|it| it.transfer.to == *address && it.transfer.asset == *asset);
        of_it.flat_map(|it| &it.entries).sum()
    }

    /// The deposits of a transaction: place, amount, effect and state.
    pub(crate) fn of(&self, tx: &str) -> Vec<(Place, u128, Effect, State)> {
        let it = self.0.lock().unwrap();
        let of_it = it.deposits.iter().filter(|((id, _), _)| id == tx);
        of_it.map(|((_, place), it)| (*place, it.transfer.amount_minor, it.transfer.effect, it.state.clone())).collect()
    }

    /// The state of a transaction's only deposit.
    pub(crate) fn state(&self, tx: &str) -> Option<State> {
        self.of(tx).pop().map(|it| it.3)
    }

    pub(crate) fn transfer(&self, tx: &str) -> Transfer {
        let it = self.0.lock().unwrap();
        it.deposits.iter().find(|((id, _), _)| id == tx).unwrap().1.transfer.clone()
    }

    pub(crate) fn is_replaceable(&self, tx: &str) -> bool {
        self.0.lock().unwrap().deposits.iter().find(|((id, _), _)| id == tx).unwrap().1.replaceable
    }

    /// How often a deposit was credited and taken back.
    pub(crate) fn entries(&self, tx: &str) -> Vec<i128> {
        let it = self.0.lock().unwrap();
        it.deposits.iter().filter(|((id, _), _)| id == tx).flat_map(|(_, it)| it.entries.clone()).collect()
    }

    pub(crate) fn tip(&self) -> Option<BlockRef> {
        self.0.lock().unwrap().blocks.last().cloned()
    }

    pub(crate) fn finalized(&self) -> Option<u64> {
        self.0.lock().unwrap().finalized
    }

    pub(crate) fn rounds(&self) -> usize {
        self.0.lock().unwrap().rounds
    }
}

impl Inner {
    fn apply(&mut self, round: &Round) {
        self.rounds += 1;
        for orphan in &round.orphaned {
            assert_eq!(self.blocks.pop().as_ref(), Some(orphan), "orphaned newest first");
            for it in self.deposits.values_mut().filter(|it| it.state == State::In(orphan.clone())) {
                it.state = State::Orphaned;
            }
        }
        for block in &round.blocks {
            if let Some(last) = self.blocks.last() {
                assert_eq!(block.at.height, last.height + 1, "blocks without a gap");
            }
            self.blocks.push(block.at.clone());
            for tx in &block.transactions {
                self.see(tx, &State::In(block.at.clone()));
            }
        }
        for tx in &round.waiting {
            self.see(tx, &State::Waiting);
        }
        for gone in &round.gone {
            let state = gone.by.clone().map_or(State::Forgotten, State::Replaced);
            for (_, it) in self.deposits.iter_mut().filter(|((tx, _), _)| *tx == gone.tx) {
                assert!(!matches!(it.state, State::In(_)), "{} is in a block and cannot be gone", gone.tx);
                it.state = state.clone();
            }
        }
        self.finalized = round.finalized;
        self.settle();
        self.audit();
    }

    fn see(&mut self, tx: &Transaction, state: &State) {
        assert!(!tx.claims.is_empty() || matches!(state, State::In(_)));
        for transfer in &tx.transfers {
            let key = (tx.tx.clone(), transfer.place);
            let known = self.deposits.entry(key).or_insert_with(|| Deposit {
                transfer: transfer.clone(),
                claims: tx.claims.clone(),
                replaceable: tx.replaceable,
                state: state.clone(),
                entries: Vec::new(),
            });
            // A token's measure may differ in another block; the rest is the transaction's own.
            known.transfer = transfer.clone();
            known.state = state.clone();
        }
    }

    /// Credits what has enough blocks, and takes back what is in none.
    fn settle(&mut self) {
        let tip = self.blocks.last().map_or(0, |it| it.height);
        for it in self.deposits.values_mut() {
            let credited: i128 = it.entries.iter().sum();
            let is_deep = matches!(&it.state, State::In(block) if block.height + CONFIRMATIONS <= tip + 1);
            let is_money = it.transfer.effect == Effect::Moved;
            match (is_deep && is_money, &it.state) {
                (true, _) if credited == 0 => it.entries.push(i128::try_from(it.transfer.amount_minor).unwrap()),
                (false, State::Orphaned | State::Replaced(_) | State::Forgotten | State::Waiting) if credited > 0 => {
                    it.entries.push(-credited);
                }
                (true | false, _) => (),
            }
        }
    }

    /// Whatever has happened, a deposit is credited once or not at all.
    fn audit(&self) {
        for (key, it) in &self.deposits {
            let credited: i128 = it.entries.iter().sum();
            let amount = i128::try_from(it.transfer.amount_minor).unwrap();
            assert!(credited == 0 || credited == amount, "{key:?} is credited with {credited} of {amount}");
            assert!(credited == 0 || matches!(it.state, State::In(_)), "{key:?} is credited and {:?}", it.state);
        }
    }
}

impl Sink for Books {
    async fn watched(&self, _chain: Chain) -> Result<Arc<Watched>, SinkError> {
        Ok(Arc::clone(&self.0.lock().unwrap().watched))
    }

    async fn recorded(&self, _chain: Chain) -> Result<Recorded, SinkError> {
        let it = self.0.lock().unwrap();
        let from = it.blocks.len().saturating_sub(BLOCKS_KEPT);
        let mut open: Vec<Open> = Vec::new();
        for ((tx, _), deposit) in &it.deposits {
            let is_waiting = match deposit.state {
                State::Waiting => true,
                State::Orphaned | State::Forgotten => false,
                State::In(_) | State::Replaced(_) => continue,
            };
            if open.iter().all(|it| it.tx != *tx) {
                open.push(Open { tx: tx.clone(), claims: deposit.claims.clone(), is_waiting });
            }
        }
        Ok(Recorded { blocks: it.blocks[from..].to_vec(), open })
    }

    async fn record(&self, _chain: Chain, round: &Round) -> Result<(), SinkError> {
        let mut it = self.0.lock().unwrap();
        if it.failures > 0 {
            it.failures -= 1;
            return Err(SinkError::NotNow("not just now".to_owned()));
        }
        it.apply(round);
        Ok(())
    }
}

/// Rounds until everything that the node has is recorded.
pub(crate) async fn catch_up<N: Node, S: Sink>(watcher: &Watcher<N, S>) {
    for _ in 0..1_000 {
        if watcher.round().await.unwrap() == Progress::CaughtUp {
            return;
        }
    }
    panic!("a watcher never catches up");
}
