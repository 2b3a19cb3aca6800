//! Deposits that a chain may still change: watchers look at them again whenever it has grown.

use super::deposits::{DepositPlace, DepositRow, DepositState};
use crate::reads::{QueryError, Reads};
use mizan_domain::Money;
use mizan_domain::id::{CustomerId, InvoiceId, MerchantId, WalletId};
use mizan_domain::onchain::deposit::Watch;
use mizan_domain::onchain::{Address, Asset, Block, Chain, Output, Place, TransactionId};
use sqlx::FromRow;
use std::error::Error;

/// A deposit that is neither final nor gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Whose.
    pub merchant: MerchantId,
    /// Where on the chain.
    pub output: Output,
    /// How much, of what.
    pub amount: Money,
    /// Where to.
    pub to: Address,
    /// For what it is watched.
    pub watch: Watch,
    /// Whether its sender may still replace it.
    pub is_replaceable: bool,
    /// How it stands.
    pub state: DepositState,
    /// The block that it counts in.
    pub block: Option<Block>,
    /// The look that told of it last.
    pub sequence: u64,
}

#[derive(FromRow)]
struct Stored {
    merchant_id: String,
    #[sqlx(flatten)]
    row: DepositRow,
}

impl Stored {
    fn read(self, chain: Chain) -> Result<Unfinished, Box<dyn Error + Send + Sync>> {
        let row = self.row;
        let index = || row.index.and_then(|it| u32::try_from(it).ok()).ok_or("a deposit has no index");
        let place = match row.place {
            DepositPlace::Output => Place::Output(index()?),
            DepositPlace::Log => Place::Log(index()?),
            DepositPlace::Value => Place::Value,
        };
        let asset = Asset::parse(&row.asset, row.decimals.try_into()?)?;
        let block = match (row.block_height, &row.block_hash) {
            (Some(height), Some(hash)) => Some(Block { height: height.try_into()?, hash: TransactionId::parse(hash)? }),
            (_, None) | (None, _) => None,
        };
        Ok(Unfinished {
            merchant: MerchantId::parse(&self.merchant_id)?,
            output: Output { chain, transaction: TransactionId::parse(&row.transaction)?, place },
            amount: Money::parse(&row.amount.to_string(), asset.into())?,
            to: Address::parse(&row.address, chain)?,
            watch: Watch {
                wallet_id: WalletId::parse(&row.wallet_id)?,
                invoice_id: row.invoice_id.as_deref().map(InvoiceId::parse).transpose()?,
                customer_id: row.customer_id.as_deref().map(CustomerId::parse).transpose()?,
                confirming: row.confirming.0,
            },
            is_replaceable: row.is_replaceable,
            state: row.state,
            block,
            sequence: row.sequence.try_into()?,
        })
    }
}

/// The deposits of a chain that are not final and not gone, of all merchants, the oldest first.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn unfinished(reads: &Reads, chain: Chain) -> Result<Vec<Unfinished>, QueryError> {
    let (mut connection, _) = reads.now().await?;
    let rows: Vec<Stored> = sqlx::query_as(
        "select * from deposits where chain = $1 and state in ('seen', 'confirmed', 'orphaned') \
         order by first_seen_at, merchant_id, deposit_id",
    )
    .bind(chain.to_string())
    .fetch_all(&mut *connection)
    .await?;
    let all = rows.into_iter().map(|it| it.read(chain).map_err(sqlx::Error::Decode));
    Ok(all.collect::<sqlx::Result<_>>()?)
}
