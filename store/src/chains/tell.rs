//! What the ledger has not been told yet, and what became of telling it.

use super::{Lead, bad, number};
use chrono::{DateTime, Utc};
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::deposit::Watch;
use mizan_domain::onchain::{Address, AssetId, Block, Output, TransactionId};
use sqlx::FromRow;
use sqlx::types::Json;
use std::time::Duration;

/// How a payment stood at the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It waits for a block.
    Waiting,
    /// It is in a block.
    Included {
        /// Which.
        block: Block,
        /// How deep, the block itself counted.
        confirmations: u32,
        /// Whether the chain calls the block final.
        is_finalized: bool,
    },
    /// Its block is not in the chain any more.
    Orphaned,
    /// Another transaction has used up what it needed.
    Replaced(TransactionId),
    /// The node has forgotten it.
    Forgotten,
    /// Its transaction is in a block and does not pay it.
    Failed,
}

/// A payment of which the ledger has to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Untold {
    /// Which.
    pub output: Output,
    /// Whose.
    pub merchant: MerchantId,
    /// To which address.
    pub to: Address,
    /// Of which token; none for the chain's own coin.
    pub token: Option<AssetId>,
    /// How much, in the smallest unit.
    pub amount_minor: i128,
    /// Whether the sender has said that it may be replaced.
    pub is_replaceable: bool,
    /// For what the address was watched.
    pub watch: Watch,
    /// What was expected there.
    pub expected: AssetId,
    /// How it stands.
    pub sight: Sight,
    /// When it was seen for the first time.
    pub first_seen_at: DateTime<Utc>,
    /// The number of the look.
    pub look: u64,
    /// Whether the ledger knows nothing of it.
    pub is_new: bool,
    /// How often it could not be told.
    pub tries: u32,
}

/// A payment that the ledger knows now as it stood at a look.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<'a> {
    /// Which.
    pub of: &'a Untold,
    /// Whether it needs no more looks as long as its block stands.
    pub is_final: bool,
}

/// A payment that could not be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Delayed<'a> {
    /// Which.
    pub of: &'a Untold,
    /// Why.
    pub why: String,
    /// After which time it is tried again, if nothing happens to it before.
    pub again_after: Duration,
}

impl Lead {
    /// Payments that the ledger has to be told of and that may be tried now, the oldest looks first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn untold(&mut self, limit: i64) -> sqlx::Result<Vec<Untold>> {
        let rows: Vec<Row> =
            sqlx::query_as(UNTOLD).bind(self.chain.to_string()).bind(limit).fetch_all(&mut self.connection).await?;
        rows.into_iter().map(|it| it.read(self)).collect()
    }

    /// How many payments the ledger has not been told of, and why the latest could not be.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn untold_count(&mut self) -> sqlx::Result<(i64, Option<String>)> {
        let sql = "select count(*), (array_agg(why order by looked desc) filter (where why is not null))[1] \
                   from chains.outputs where chain = $1 and told < looked";
        sqlx::query_as(sql).bind(self.chain.to_string()).fetch_one(&mut self.connection).await
    }

    /// Records what the ledger was told. A payment that was looked at again meanwhile has to be told again.
    ///
    /// # Errors
    /// The database does not answer; the same is told again then.
    pub async fn told(&mut self, told: &[Told<'_>]) -> sqlx::Result<()> {
        let looks: Vec<i64> = told.iter().map(|it| number(it.of.look)).collect();
        let are_final: Vec<bool> = told.iter().map(|it| it.is_final).collect();
        let (transactions, places, merchants) = keys(told.iter().map(|it| it.of));
        sqlx::query(
            "update chains.outputs it set told = known.look, is_final = known.is_final and it.looked = known.look, \
             tries = 0, try_again_at = null, why = null \
             from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[]) \
                 as known(transaction, place, merchant_id, look, is_final) \
             where it.chain = $1 and it.transaction = known.transaction and it.place = known.place \
                 and it.merchant_id = known.merchant_id",
        )
        .bind(self.chain.to_string())
        .bind(transactions)
        .bind(places)
        .bind(merchants)
        .bind(looks)
        .bind(are_final)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Records what could not be told, and when it is tried again.
    ///
    /// # Errors
    /// The database does not answer; it is tried again at once then.
    pub async fn delay(&mut self, delayed: &[Delayed<'_>]) -> sqlx::Result<()> {
        let why: Vec<&str> = delayed.iter().map(|it| it.why.as_str()).collect();
        let waits: Vec<i64> =
            delayed.iter().map(|it| i64::try_from(it.again_after.as_millis()).unwrap_or(i64::MAX)).collect();
        let (transactions, places, merchants) = keys(delayed.iter().map(|it| it.of));
        sqlx::query(
            "update chains.outputs it set tries = it.tries + 1, why = late.why, \
             try_again_at = clock_timestamp() + late.wait_ms * interval '1 millisecond' \
             from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) \
                 as late(transaction, place, merchant_id, why, wait_ms) \
             where it.chain = $1 and it.transaction = late.transaction and it.place = late.place \
                 and it.merchant_id = late.merchant_id",
        )
        .bind(self.chain.to_string())
        .bind(transactions)
        .bind(places)
        .bind(merchants)
        .bind(why)
        .bind(waits)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }
}

fn keys<'a>(all: impl Iterator<Item = &'a Untold>) -> (Vec<&'a str>, Vec<String>, Vec<&'a str>) {
    let mut keys = (Vec::new(), Vec::new(), Vec::new());
    for it in all {
        keys.0.push(it.output.transaction.as_str());
        keys.1.push(it.output.place.to_string());
        keys.2.push(it.merchant.as_str());
    }
    keys
}

/// What an earlier look said is told before what a later one says; of one payment only the last look is known.
const UNTOLD: &str = "select transaction, place, merchant_id, address, token, amount_minor::text, is_replaceable, \
         watch, expected, state, height, block, replaced_by, first_seen_at, looked, told = 0 as is_new, tries, \
         (select max(height) from chains.blocks where chain = $1) as tip, \
         (select finalized from chains.cursors where chain = $1) as finalized \
     from chains.outputs where chain = $1 and told < looked and coalesce(try_again_at <= clock_timestamp(), true) \
     order by looked, transaction, place, merchant_id limit $2";

#[derive(FromRow)]
struct Row {
    transaction: String,
    place: String,
    merchant_id: String,
    address: String,
    token: Option<String>,
    amount_minor: String,
    is_replaceable: bool,
    watch: Json<Watch>,
    expected: String,
    state: String,
    height: Option<i64>,
    block: Option<String>,
    replaced_by: Option<String>,
    first_seen_at: DateTime<Utc>,
    looked: i64,
    is_new: bool,
    tries: i32,
    tip: Option<i64>,
    finalized: Option<i64>,
}

impl Row {
    fn read(self, lead: &Lead) -> sqlx::Result<Untold> {
        let sight = self.sight()?;
        let not_a_number = |error: std::num::ParseIntError| sqlx::Error::Decode(error.into());
        Ok(Untold {
            output: Output {
                chain: lead.chain,
                transaction: TransactionId::parse(&self.transaction).map_err(bad)?,
                place: self.place.parse().map_err(bad)?,
            },
            merchant: MerchantId::parse(&self.merchant_id).map_err(bad)?,
            to: Address::parse(&self.address, lead.chain).map_err(bad)?,
            token: self.token.as_deref().map(str::parse).transpose().map_err(bad)?,
            amount_minor: self.amount_minor.parse().map_err(not_a_number)?,
            is_replaceable: self.is_replaceable,
            watch: self.watch.0,
            expected: self.expected.parse().map_err(bad)?,
            sight,
            first_seen_at: self.first_seen_at,
            look: self.looked.unsigned_abs(),
            is_new: self.is_new,
            tries: self.tries.unsigned_abs(),
        })
    }

    fn sight(&self) -> sqlx::Result<Sight> {
        let strange = || sqlx::Error::Decode(format!("an output that is {:?}", self.state).into());
        let sight = match self.state.as_str() {
            "waiting" => Sight::Waiting,
            "orphaned" => Sight::Orphaned,
            "forgotten" => Sight::Forgotten,
            "failed" => Sight::Failed,
            "replaced" => {
                let by = self.replaced_by.as_deref().ok_or_else(strange)?;
                Sight::Replaced(TransactionId::parse(by).map_err(bad)?)
            }
            "included" => {
                let (height, hash) = self.height.zip(self.block.as_deref()).ok_or_else(strange)?;
                let deep = self.tip.unwrap_or(height) - height + 1;
                Sight::Included {
                    block: Block { height: height.unsigned_abs(), hash: TransactionId::parse(hash).map_err(bad)? },
                    confirmations: u32::try_from(deep.max(1)).unwrap_or(u32::MAX),
                    is_finalized: self.finalized.is_some_and(|it| it >= height),
                }
            }
            _unknown => return Err(strange()),
        };
        Ok(sight)
    }
}
