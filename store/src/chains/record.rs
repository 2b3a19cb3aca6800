//! A round of a watcher, recorded whole or not at all.

use super::{BLOCKS_KEPT, Lead, OPEN_DAYS_MAX, number};
use chrono::{DateTime, Utc};
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::deposit::Watch;
use mizan_domain::onchain::{Address, AssetId, Block, Place, TransactionId};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};

/// What one look at a chain has found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Recorded blocks that the chain no longer has.
    pub orphaned: Vec<Block>,
    /// New blocks, oldest first.
    pub blocks: Vec<Block>,
    /// Transactions in the new blocks. Whatever one of them was known to pay and is not among the payments has failed.
    pub mined: Vec<TransactionId>,
    /// What was paid.
    pub payments: Vec<Payment>,
    /// Transactions that are not there any more.
    pub gone: Vec<Gone>,
    /// The height up to which the chain says that nothing changes any more.
    pub finalized: Option<u64>,
}

/// A payment to an address of a merchant.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// The transaction.
    pub transaction: TransactionId,
    /// Where in it.
    pub place: Place,
    /// Whose.
    pub merchant: MerchantId,
    /// To which address.
    pub to: Address,
    /// Of which token; none for the chain's own coin.
    pub token: Option<AssetId>,
    /// How much, in the smallest unit; above zero.
    pub amount_minor: u128,
    /// Whether the sender has said that it may be replaced.
    pub is_replaceable: bool,
    /// What only one transaction can use up.
    pub claims: Vec<String>,
    /// For what the address is watched. What a payment was first seen with stays.
    pub watch: Watch,
    /// What is expected there.
    pub expected: AssetId,
    /// In which block; none where it waits for one.
    pub block: Option<Block>,
    /// What time it is for the merchant. Of the first look it stays.
    pub at: DateTime<Utc>,
}

/// A transaction that is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its id.
    pub transaction: TransactionId,
    /// Which one has used up what it needed; without one, the node has forgotten it.
    pub by: Option<TransactionId>,
}

impl Lead {
    /// Records a round, and that the ledger has to be told of everything that it has changed. When a chain has grown,
    /// that is every payment that is not final: it is deeper than before.
    ///
    /// # Errors
    /// The database does not answer, or the lead is lost; nothing was recorded, or all of it, and the next
    /// [`Lead::reached`] says which.
    pub async fn record(&mut self, seen: &Seen) -> sqlx::Result<()> {
        let chain = self.chain.to_string();
        let mut tx = self.connection.begin().await?;
        let look: i64 = sqlx::query_scalar(
            // From the clock, so that looks are numbered on rightly also where these tables were lost or restored.
            "insert into chains.cursors (chain, sequence, finalized) \
             values ($1, (extract(epoch from clock_timestamp()) * 1000)::bigint, $2) \
             on conflict (chain) do update set sequence = greatest(cursors.sequence + 1, excluded.sequence), \
                 finalized = greatest(cursors.finalized, excluded.finalized), recorded_at = clock_timestamp() \
             returning sequence",
        )
        .bind(&chain)
        .bind(seen.finalized.map(number))
        .fetch_one(&mut *tx)
        .await?;
        let look = Look { chain: &chain, number: look };
        look.orphan(&mut tx, &seen.orphaned).await?;
        look.add_blocks(&mut tx, &seen.blocks).await?;
        look.fail(&mut tx, &seen.mined).await?;
        look.put(&mut tx, &seen.payments).await?;
        look.lose(&mut tx, &seen.gone).await?;
        if !seen.blocks.is_empty() {
            look.deepen(&mut tx).await?;
            look.forget(&mut tx).await?;
        }
        tx.commit().await
    }
}

/// One look at a chain.
struct Look<'a> {
    chain: &'a str,
    number: i64,
}

impl Look<'_> {
    async fn orphan(&self, tx: &mut PgConnection, blocks: &[Block]) -> sqlx::Result<()> {
        let hashes: Vec<&str> = blocks.iter().map(|it| it.hash.as_str()).collect();
        sqlx::query("delete from chains.blocks where chain = $1 and hash = any($2)")
            .bind(self.chain)
            .bind(&hashes)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "update chains.outputs set state = 'orphaned', height = null, block = null, is_final = false, looked = $3, \
             looked_at = clock_timestamp(), try_again_at = null where chain = $1 and block = any($2)",
        )
        .bind(self.chain)
        .bind(&hashes)
        .bind(self.number)
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn add_blocks(&self, tx: &mut PgConnection, blocks: &[Block]) -> sqlx::Result<()> {
        let heights: Vec<i64> = blocks.iter().map(|it| number(it.height)).collect();
        let hashes: Vec<&str> = blocks.iter().map(|it| it.hash.as_str()).collect();
        sqlx::query("insert into chains.blocks select $1, * from unnest($2::bigint[], $3::text[])")
            .bind(self.chain)
            .bind(heights)
            .bind(hashes)
            .execute(tx)
            .await?;
        Ok(())
    }

    /// Everything that these transactions were known to pay; what they pay in their block is put afterwards.
    async fn fail(&self, tx: &mut PgConnection, mined: &[TransactionId]) -> sqlx::Result<()> {
        let ids: Vec<&str> = mined.iter().map(TransactionId::as_str).collect();
        sqlx::query(
            "update chains.outputs set state = 'failed', height = null, block = null, is_final = false, looked = $3, \
             looked_at = clock_timestamp(), try_again_at = null where chain = $1 and transaction = any($2)",
        )
        .bind(self.chain)
        .bind(ids)
        .bind(self.number)
        .execute(tx)
        .await?;
        Ok(())
    }

    async fn put(&self, tx: &mut PgConnection, payments: &[Payment]) -> sqlx::Result<()> {
        for it in payments {
            sqlx::query(PUT)
                .bind(self.chain)
                .bind(it.transaction.as_str())
                .bind(it.place.to_string())
                .bind(it.merchant.as_str())
                .bind(it.to.as_str())
                .bind(it.token.map(|it| it.to_string()))
                .bind(it.amount_minor.to_string())
                .bind(it.is_replaceable)
                .bind(&it.claims)
                .bind(Json(&it.watch))
                .bind(it.expected.to_string())
                .bind(if it.block.is_some() { "included" } else { "waiting" })
                .bind(it.block.as_ref().map(|it| number(it.height)))
                .bind(it.block.as_ref().map(|it| it.hash.as_str()))
                .bind(it.at)
                .bind(self.number)
                .execute(&mut *tx)
                .await?;
        }
        Ok(())
    }

    async fn lose(&self, tx: &mut PgConnection, gone: &[Gone]) -> sqlx::Result<()> {
        let ids: Vec<&str> = gone.iter().map(|it| it.transaction.as_str()).collect();
        let by: Vec<Option<&str>> = gone.iter().map(|it| it.by.as_ref().map(TransactionId::as_str)).collect();
        sqlx::query(
            "update chains.outputs set state = case when lost.by is null then 'forgotten' else 'replaced' end, \
             height = null, block = null, replaced_by = lost.by, is_final = false, looked = $4, \
             looked_at = clock_timestamp(), try_again_at = null \
             from unnest($2::text[], $3::text[]) as lost(transaction, by) \
             where chain = $1 and outputs.transaction = lost.transaction",
        )
        .bind(self.chain)
        .bind(ids)
        .bind(by)
        .bind(self.number)
        .execute(tx)
        .await?;
        Ok(())
    }

    /// What is not final is deeper than before.
    async fn deepen(&self, tx: &mut PgConnection) -> sqlx::Result<()> {
        let sql = "update chains.outputs set looked = $2, try_again_at = null \
                   where chain = $1 and block is not null and not is_final";
        sqlx::query(sql).bind(self.chain).bind(self.number).execute(tx).await?;
        Ok(())
    }

    /// What nobody asks for any more.
    async fn forget(&self, tx: &mut PgConnection) -> sqlx::Result<()> {
        let oldest = "delete from chains.blocks where chain = $1 and height <= \
                      (select max(height) from chains.blocks where chain = $1) - $2";
        sqlx::query(oldest).bind(self.chain).bind(BLOCKS_KEPT).execute(&mut *tx).await?;
        sqlx::query(
            "delete from chains.outputs where chain = $1 and told = looked and ( \
                 is_final and height < (select min(height) from chains.blocks where chain = $1) \
                 or block is null and looked_at < clock_timestamp() - make_interval(days => $2))",
        )
        .bind(self.chain)
        .bind(OPEN_DAYS_MAX)
        .execute(tx)
        .await?;
        Ok(())
    }
}

const PUT: &str = "insert into chains.outputs (chain, transaction, place, merchant_id, address, token, amount_minor, \
         is_replaceable, claims, watch, expected, state, height, block, first_seen_at, looked) \
     values ($1, $2, $3, $4, $5, $6, $7::numeric, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
     on conflict (chain, transaction, place, merchant_id) do update set address = excluded.address, \
         token = excluded.token, amount_minor = excluded.amount_minor, is_replaceable = excluded.is_replaceable, \
         claims = excluded.claims, state = excluded.state, height = excluded.height, block = excluded.block, \
         replaced_by = null, is_final = false, looked = excluded.looked, looked_at = clock_timestamp(), \
         try_again_at = null";
