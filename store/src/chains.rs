//! What watchers have seen of chains, until it is final: the newest blocks, how each payment stood at the last look, and
//! which of that the ledger has not been told yet.
//!
//! It does not follow from the history, so it is no read model; and it is not history, because a chain may take it back.
//! A round of a watcher is recorded in one transaction, together with what has to be told of it. Telling comes
//! afterwards, as often as it takes. This room decides nothing: it never says what a payment is worth or how deep is
//! deep enough.

mod record;
mod tell;

pub use record::{Gone, Payment, Seen};
pub use tell::{Delayed, Sight, Told, Untold};

use chrono::{DateTime, Utc};
use mizan_domain::id::MerchantId;
use mizan_domain::invalid::Invalid;
use mizan_domain::onchain::deposit::Watch;
use mizan_domain::onchain::{Address, AssetId, Block, Chain, TransactionId};
use sqlx::types::Json;
use sqlx::{Connection, FromRow, PgConnection, PgPool};

/// The newest blocks that are kept: a chain that goes back further is not followed.
pub const BLOCKS_KEPT: i64 = 512;
/// A transaction that is in no block is not looked for any longer.
const OPEN_DAYS_MAX: i32 = 30;

/// The right to watch a chain, which one process has at a time, and the connection that it hangs on: whoever loses the
/// connection cannot record anything either.
#[derive(Debug)]
pub struct Lead {
    connection: PgConnection,
    chain: Chain,
}

/// Where the last recorded round of a chain ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The newest blocks, oldest first.
    pub blocks: Vec<Block>,
    /// Transactions that were seen and are in no block.
    pub open: Vec<Open>,
    /// When it was recorded; none before the first round.
    pub recorded_at: Option<DateTime<Utc>>,
}

/// A transaction that is in no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its id.
    pub transaction: TransactionId,
    /// What only one transaction can use up.
    pub claims: Vec<String>,
    /// Whether it waits; else its block was orphaned, or the node has forgotten it.
    pub is_waiting: bool,
}

/// An address that something came to, and for whom and what it was watched then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The address.
    pub address: Address,
    /// Whose.
    pub merchant: MerchantId,
    /// For what.
    pub watch: Watch,
    /// What was expected.
    pub expected: AssetId,
}

impl Lead {
    /// Takes the lead on a chain; none where another process has it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take(pool: &PgPool, chain: Chain) -> sqlx::Result<Option<Self>> {
        let mut connection = pool.acquire().await?.detach();
        let lock = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('mizan watches ' || $1, 0))");
        let is_ours: bool = lock.bind(chain.to_string()).fetch_one(&mut connection).await?;
        if !is_ours {
            connection.close().await?;
            return Ok(None);
        }
        Ok(Some(Self { connection, chain }))
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// Gives the lead to whoever wants it.
    pub async fn leave(self) {
        // The lock ends with the connection, however that ends.
        drop(self.connection.close().await);
    }

    /// Where the last recorded round ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn reached(&mut self) -> sqlx::Result<Reached> {
        let chain = self.chain.to_string();
        let cursor = sqlx::query_scalar("select recorded_at from chains.cursors where chain = $1").bind(&chain);
        let recorded_at = cursor.fetch_optional(&mut self.connection).await?;
        let blocks = sqlx::query_as("select height, hash from chains.blocks where chain = $1 order by height");
        let blocks: Vec<BlockRow> = blocks.bind(&chain).fetch_all(&mut self.connection).await?;
        let open: Vec<OpenRow> = sqlx::query_as(
            "select distinct on (transaction) transaction, claims, state = 'waiting' as is_waiting from chains.outputs \
             where chain = $1 and state in ('waiting', 'orphaned', 'forgotten') order by transaction, looked desc",
        )
        .bind(&chain)
        .fetch_all(&mut self.connection)
        .await?;
        let blocks = blocks.into_iter().map(BlockRow::read).collect::<sqlx::Result<_>>()?;
        Ok(Reached { blocks, open: open.into_iter().map(OpenRow::read).collect::<sqlx::Result<_>>()?, recorded_at })
    }

    /// Who owns the addresses of payments that are not final: they are looked for as long as a chain may move them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn owned(&mut self) -> sqlx::Result<Vec<Owned>> {
        let rows: Vec<OwnedRow> = sqlx::query_as(
            "select distinct on (address, merchant_id) address, merchant_id, watch, expected from chains.outputs \
             where chain = $1 order by address, merchant_id, looked",
        )
        .bind(self.chain.to_string())
        .fetch_all(&mut self.connection)
        .await?;
        rows.into_iter().map(|it| it.read(self.chain)).collect()
    }
}

#[derive(FromRow)]
struct BlockRow {
    height: i64,
    hash: String,
}

impl BlockRow {
    fn read(self) -> sqlx::Result<Block> {
        let height = u64::try_from(self.height).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Block { height, hash: TransactionId::parse(&self.hash).map_err(bad)? })
    }
}

#[derive(FromRow)]
struct OpenRow {
    transaction: String,
    claims: Vec<String>,
    is_waiting: bool,
}

impl OpenRow {
    fn read(self) -> sqlx::Result<Open> {
        let transaction = TransactionId::parse(&self.transaction).map_err(bad)?;
        Ok(Open { transaction, claims: self.claims, is_waiting: self.is_waiting })
    }
}

#[derive(FromRow)]
struct OwnedRow {
    address: String,
    merchant_id: String,
    watch: Json<Watch>,
    expected: String,
}

impl OwnedRow {
    fn read(self, chain: Chain) -> sqlx::Result<Owned> {
        Ok(Owned {
            address: Address::parse(&self.address, chain).map_err(bad)?,
            merchant: MerchantId::parse(&self.merchant_id).map_err(bad)?,
            watch: self.watch.0,
            expected: self.expected.parse().map_err(bad)?,
        })
    }
}

fn bad(error: Invalid) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// Heights and numbers of looks are far below the limit.
fn number(it: u64) -> i64 {
    i64::try_from(it).unwrap_or(i64::MAX)
}
