//! What a watcher reports, kept before anything else is done with it; and what a watcher is told.
//!
//! A round is kept in one transaction: the blocks, the payments, and that the ledger has to be told of them. So a crash at
//! any moment leaves either the round as if it had never been, and it is found again, or all of it, and it is told. Here
//! only the owner of an address is found out; nothing is decided.

use super::{ChainState, Teller};
use crate::clocks::Clocks;
use crate::watch::{
    Asset, BlockRef, Effect, Open, Place, Recorded, Round, Sink, SinkError, Transaction, Transfer, Watched,
};
use chrono::{DateTime, Utc};
use mizan_domain::invalid::Invalid;
use mizan_domain::onchain::asset::Token;
use mizan_domain::onchain::{self, Address, AssetId, Block, Chain, TransactionId};
use mizan_projections::onchain::{addresses, holdings};
use mizan_projections::{Projector, Reads};
use mizan_store::Log;
use mizan_store::chains::{Gone, Lead, Owned, Payment, Seen};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch as latest;
use tokio::sync::{Mutex, MutexGuard};

/// How long the addresses may take to show what is in the log.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Keeps what the watcher of one chain sees.
pub struct Keeper {
    /// The history, and the tables of what was seen.
    pub log: Log,
    /// Which addresses are watched, and which tokens are taken.
    pub reads: Reads,
    /// What keeps those up.
    pub projector: Arc<Projector>,
    /// What time it is for a merchant.
    pub clocks: Arc<Clocks>,
    /// Who tells the ledger.
    pub teller: Teller,
    /// How it goes.
    pub state: latest::Sender<ChainState>,
    /// What a round needs of the calls before.
    pub held: Mutex<Held>,
}

/// The lead on the chain, and what the current round has learnt.
#[derive(Debug, Default)]
pub struct Held {
    lead: Option<Lead>,
    /// When the last round was recorded.
    since: Option<DateTime<Utc>>,
    /// Whose the addresses are. Two merchants may have the same.
    owners: HashMap<Address, Vec<Owned>>,
}

impl Sink for Keeper {
    async fn recorded(&self, chain: Chain) -> Result<Recorded, SinkError> {
        let mut held = self.held.lock().await;
        if held.lead.is_none() {
            held.lead = Lead::take(self.log.pool(), chain).await.map_err(not_now)?;
        }
        let Some(lead) = &mut held.lead else { return Err(SinkError::Elsewhere) };
        let reached = lead.reached().await.map_err(|error| lost(&mut held, &error))?;
        held.since = reached.recorded_at;
        let height = reached.blocks.last().map(|it| it.height);
        self.state.send_modify(|it| it.height = height);
        let open = reached.open.into_iter().map(|it| Open {
            tx: it.transaction.to_string(),
            claims: it.claims,
            is_waiting: it.is_waiting,
        });
        let blocks = reached.blocks.iter().map(|it| BlockRef { height: it.height, hash: it.hash.to_string() });
        Ok(Recorded { blocks: blocks.collect(), open: open.collect() })
    }

    async fn watched(&self, chain: Chain) -> Result<Arc<Watched>, SinkError> {
        let head = self.log.head().await.map_err(not_now)?;
        self.projector.wait_for(head, WAIT_MAX).await.map_err(not_now)?;
        let mut held = self.held.lock().await;
        // Who was watched when the last round ended may have been paid in the blocks that come now.
        let since = held.since.unwrap_or_else(Utc::now);
        let watched = addresses::watched(&self.reads, chain, since).await.map_err(not_now)?;
        let assets = holdings::registered(&self.reads, chain).await.map_err(not_now)?;
        let Some(lead) = &mut held.lead else { return Err(SinkError::Elsewhere) };
        // A chain may put a payment elsewhere when its address is no longer watched.
        let mut owned = lead.owned().await.map_err(|error| lost(&mut held, &error))?;
        owned.extend(watched.into_iter().map(|it| Owned {
            watch: it.watch(),
            address: it.address,
            merchant: it.merchant,
            expected: it.asset.id,
        }));
        held.owners = by_address(owned);
        let tokens = assets.iter().filter_map(|it| contract(it.asset.id));
        let tokens: BTreeSet<Address> = tokens.collect::<Result<_, _>>().map_err(not_now)?;
        Ok(Arc::new(Watched::new(held.owners.keys().cloned(), tokens)))
    }

    async fn record(&self, chain: Chain, round: &Round) -> Result<(), SinkError> {
        let mut held = self.held.lock().await;
        let seen = self.seen(chain, round, &held.owners).await?;
        let Some(lead) = &mut held.lead else { return Err(SinkError::Elsewhere) };
        lead.record(&seen).await.map_err(|error| lost(&mut held, &error))?;
        count(chain, round);
        if let Some(block) = round.blocks.last() {
            self.state.send_modify(|it| it.height = Some(block.at.height));
        }
        for block in &round.orphaned {
            tracing::warn!(%chain, height = block.height, hash = block.hash, "a block is not in the chain any more");
        }
        Ok(())
    }

    async fn carry_on(&self, chain: Chain) {
        let mut held = self.held.lock().await;
        let Some(lead) = &mut held.lead else { return };
        let told = self.teller.tell_all(lead).await;
        let untold = match told {
            Ok(()) => lead.untold_count().await,
            Err(error) => Err(error),
        };
        match untold {
            Ok((untold, why)) => self.state.send_modify(|it| (it.untold, it.untold_why) = (untold, why)),
            Err(error) => {
                let error = lost(&mut held, &error);
                tracing::warn!(%chain, %error, "the ledger could not be told what was seen; it is told later");
            }
        }
    }
}

impl Keeper {
    /// A round in the words of the store.
    async fn seen(
        &self,
        chain: Chain,
        round: &Round,
        owners: &HashMap<Address, Vec<Owned>>,
    ) -> Result<Seen, SinkError> {
        let mut seen = Seen { finalized: round.finalized, ..Seen::default() };
        for it in &round.orphaned {
            seen.orphaned.push(block_of(it)?);
        }
        for it in &round.blocks {
            let block = block_of(&it.at)?;
            for tx in &it.transactions {
                seen.mined.push(id(&tx.tx)?);
                self.add(&mut seen, chain, tx, Some(&block), owners).await?;
            }
            seen.blocks.push(block);
        }
        for tx in &round.waiting {
            self.add(&mut seen, chain, tx, None, owners).await?;
        }
        for it in &round.gone {
            let by = it.by.as_deref().map(id).transpose()?;
            seen.gone.push(Gone { transaction: id(&it.tx)?, by });
        }
        Ok(seen)
    }

    /// What a transaction pays, once for each merchant whose address it is.
    async fn add(
        &self,
        seen: &mut Seen,
        chain: Chain,
        tx: &Transaction,
        block: Option<&Block>,
        owners: &HashMap<Address, Vec<Owned>>,
    ) -> Result<(), SinkError> {
        for transfer in &tx.transfers {
            if transfer.effect != Effect::Moved || transfer.amount_minor == 0 {
                tracing::info!(%chain, tx = tx.tx, place = %transfer.place, to = %transfer.to, effect = ?transfer.effect, "a transfer to one of our addresses has moved nothing");
                continue;
            }
            if !transfer.measured {
                tracing::warn!(%chain, tx = tx.tx, place = %transfer.place, to = %transfer.to, "what a token has brought could not be measured; it counts with what it announces");
            }
            for owner in owners.get(&transfer.to).into_iter().flatten() {
                let at = self.clocks.now(&owner.merchant).await.map_err(not_now)?;
                seen.payments.push(payment(chain, tx, transfer, owner, block, at)?);
            }
        }
        Ok(())
    }
}

fn payment(
    chain: Chain,
    tx: &Transaction,
    transfer: &Transfer,
    owner: &Owned,
    block: Option<&Block>,
    at: DateTime<Utc>,
) -> Result<Payment, SinkError> {
    Ok(Payment {
        transaction: id(&tx.tx)?,
        place: match transfer.place {
            Place::Output(index) => onchain::Place::Output(index),
            Place::Value => onchain::Place::Value,
            Place::Log(index) => onchain::Place::Log(index),
        },
        merchant: owner.merchant.clone(),
        to: transfer.to.clone(),
        token: match &transfer.asset {
            Asset::Native => None,
            Asset::Token(contract) => Some(token(chain, contract)?),
        },
        amount_minor: transfer.amount_minor,
        is_replaceable: tx.replaceable,
        claims: tx.claims.clone(),
        watch: owner.watch.clone(),
        expected: owner.expected,
        block: block.cloned(),
        at,
    })
}

/// The owners of each address; of a merchant's wallets with the same key, the first.
fn by_address(owned: Vec<Owned>) -> HashMap<Address, Vec<Owned>> {
    let mut seen = HashSet::new();
    let mut owners: HashMap<Address, Vec<Owned>> = HashMap::new();
    for it in owned {
        if seen.insert((it.address.clone(), it.merchant.clone())) {
            owners.entry(it.address.clone()).or_default().push(it);
        }
    }
    owners
}

/// The contract of a token; none of a chain's own coin.
fn contract(asset: AssetId) -> Option<Result<Address, Invalid>> {
    match asset.token {
        Token::Coin(_) => None,
        Token::Erc20(bytes) => {
            let digits: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
            Some(Address::parse(&format!("0x{digits}"), asset.chain))
        }
    }
}

fn token(chain: Chain, contract: &Address) -> Result<AssetId, SinkError> {
    let bytes = contract.on_chain_bytes().try_into();
    let bytes = bytes.map_err(|_| SinkError::NotNow(format!("{contract} is not the address of a contract")))?;
    Ok(AssetId { chain, token: Token::Erc20(bytes) })
}

fn count(chain: Chain, round: &Round) {
    let transactions = || round.blocks.iter().flat_map(|it| &it.transactions).chain(&round.waiting);
    for transfer in transactions().flat_map(|it| &it.transfers) {
        let effect = match transfer.effect {
            Effect::Moved => "moved",
            Effect::Failed => "failed",
            Effect::Zero => "zero",
            Effect::Hollow => "hollow",
        };
        metrics::counter!("mizan_chain_transfers_total", "chain" => chain.to_string(), "effect" => effect).increment(1);
    }
    let add = |name: &'static str, number: usize| {
        metrics::counter!(name, "chain" => chain.to_string()).increment(u64::try_from(number).unwrap_or(u64::MAX));
    };
    add("mizan_chain_blocks_total", round.blocks.len());
    add("mizan_chain_orphaned_blocks_total", round.orphaned.len());
}

fn block_of(it: &BlockRef) -> Result<Block, SinkError> {
    Ok(Block { height: it.height, hash: id(&it.hash)? })
}

fn id(text: &str) -> Result<TransactionId, SinkError> {
    TransactionId::parse(text).map_err(not_now)
}

fn not_now(error: impl Display) -> SinkError {
    SinkError::NotNow(error.to_string())
}

/// The connection may be gone, and the lead with it: it is taken again.
fn lost(held: &mut MutexGuard<'_, Held>, error: &sqlx::Error) -> SinkError {
    held.lead = None;
    not_now(error)
}
