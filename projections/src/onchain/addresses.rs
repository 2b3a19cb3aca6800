//! Which address belongs to which invoice, and until when somebody looks at it: what watchers ask.

use crate::apply::effective_at;
use crate::bulk::Copy;
use crate::reads::{QueryError, Reads};
use chrono::{DateTime, SubsecRound, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::{CustomerId, InvoiceId, MerchantId, WalletId};
use mizan_domain::onchain::deposit::Watch;
use mizan_domain::onchain::{Address, Asset, Chain, Confirming, wallet};
use mizan_store::Recorded;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use std::sync::Arc;

/// An address that somebody may pay to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedAddress {
    /// Whose.
    pub merchant: MerchantId,
    /// The wallet that it comes from.
    pub wallet_id: WalletId,
    /// Its place in the wallet.
    pub index: u32,
    /// The address.
    pub address: Address,
    /// The invoice that it was given to.
    pub invoice_id: InvoiceId,
    /// Who is expected to pay.
    pub customer_id: Option<CustomerId>,
    /// What the invoice is paid in. Something else may come all the same.
    pub asset: Asset,
    /// How deep deposits of that asset must be.
    pub confirming: Confirming,
    /// Until when it is watched.
    pub watched_until: DateTime<Utc>,
}

impl WatchedAddress {
    /// For what it is watched, in the words of a deposit.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            wallet_id: self.wallet_id.clone(),
            invoice_id: Some(self.invoice_id.clone()),
            customer_id: self.customer_id.clone(),
            confirming: self.confirming.clone(),
        }
    }
}

pub(super) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> sqlx::Result<()> {
    let mut allocated = Copy::default();
    let (mut merchants, mut wallets, mut indexes, mut positions) = (vec![], vec![], vec![], vec![]);
    for recorded in batch {
        let Event::Wallet(event) = &*recorded.event else { continue };
        match event {
            wallet::Event::AddressAllocated(it) => allocate(&mut allocated, recorded, it),
            wallet::Event::AddressUsed(it) => {
                merchants.push(recorded.metadata.merchant_id.as_str());
                wallets.push(it.wallet_id.as_str());
                indexes.push(i64::from(it.index));
                positions.push(recorded.position);
            }
            wallet::Event::Opened(_) => (),
        }
    }
    allocated.send(tx, COPY).await?;
    if !merchants.is_empty() {
        sqlx::query(USED).bind(merchants).bind(wallets).bind(indexes).bind(positions).execute(tx).await?;
    }
    Ok(())
}

fn allocate(copy: &mut Copy, recorded: &Recorded, it: &wallet::AddressAllocated) {
    let agreement = &it.agreement;
    let due = agreement.due.currency();
    copy.row(14)
        .field(&recorded.metadata.merchant_id)
        .field(it.wallet_id.as_str())
        .field(&i64::from(it.index))
        .field(&it.address.chain().to_string())
        .field(it.address.as_str())
        .field(agreement.invoice_id.as_str())
        .field(&agreement.customer_id.as_ref().map(CustomerId::as_str))
        .field(&*due.code())
        .field(&i32::try_from(due.decimals()).unwrap_or(i32::MAX))
        .field(&Json(&agreement.terms.confirming))
        .field(&false)
        .field(&agreement.watched_until.trunc_subsecs(6))
        .field(&effective_at(&recorded.event))
        .field(&recorded.position);
}

const COPY: &str = "copy onchain_addresses (merchant_id, wallet_id, index, chain, address, invoice_id, customer_id, \
     asset, decimals, confirming, is_used, watched_until, allocated_at, position) from stdin (format binary)";

const USED: &str = "update onchain_addresses it set is_used = true, position = used.position \
     from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as used(merchant_id, wallet_id, index, position) \
     where it.merchant_id = used.merchant_id and it.wallet_id = used.wallet_id and it.index = used.index";

#[derive(FromRow)]
struct Stored {
    merchant_id: String,
    wallet_id: String,
    index: i64,
    address: String,
    invoice_id: String,
    customer_id: Option<String>,
    asset: String,
    decimals: i32,
    confirming: Json<Confirming>,
    watched_until: DateTime<Utc>,
}

impl Stored {
    fn read(self, chain: Chain) -> Result<WatchedAddress, Box<dyn std::error::Error + Send + Sync>> {
        Ok(WatchedAddress {
            merchant: MerchantId::parse(&self.merchant_id)?,
            wallet_id: WalletId::parse(&self.wallet_id)?,
            index: self.index.try_into()?,
            address: Address::parse(&self.address, chain)?,
            invoice_id: InvoiceId::parse(&self.invoice_id)?,
            customer_id: self.customer_id.as_deref().map(CustomerId::parse).transpose()?,
            asset: Asset::parse(&self.asset, self.decimals.try_into()?)?,
            confirming: self.confirming.0,
            watched_until: self.watched_until,
        })
    }
}

/// Who a merchant's address was given to, watched or not; the latest, where two wallets have the same key.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn given_out(
    reads: &Reads,
    merchant: &MerchantId,
    address: &Address,
) -> Result<Option<WatchedAddress>, QueryError> {
    let (mut connection, _) = reads.now().await?;
    let row: Option<Stored> = sqlx::query_as(
        "select * from onchain_addresses where merchant_id = $1 and chain = $2 and address = $3 \
         order by allocated_at desc, wallet_id limit 1",
    )
    .bind(merchant.as_str())
    .bind(address.chain().to_string())
    .bind(address.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    Ok(row.map(|it| it.read(address.chain()).map_err(sqlx::Error::Decode)).transpose()?)
}

/// A merchant with a clock of its own is asked by that clock; there are few of those, so that the others come straight
/// from the index.
const WATCHED: &str = "select it.* from onchain_addresses it where it.chain = $1 and it.watched_until > $2 \
         and not exists (select from clocks where clocks.merchant_id = it.merchant_id) \
     union all select it.* from clocks join onchain_addresses it using (merchant_id) \
         where it.chain = $1 and it.watched_until > clocks.now \
     order by merchant_id, wallet_id, index";

/// The addresses of a chain that are watched now, of all merchants: by the merchant's own clock where it has one, else
/// by `live`. Two merchants, or two wallets of one, may have the same account key and so the same address.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn watched(reads: &Reads, chain: Chain, live: DateTime<Utc>) -> Result<Vec<WatchedAddress>, QueryError> {
    let (mut connection, _) = reads.now().await?;
    let query = sqlx::query_as::<_, Stored>(WATCHED).bind(chain.to_string()).bind(live);
    let rows = query.fetch_all(&mut *connection).await?;
    let watched = rows.into_iter().map(|it| it.read(chain).map_err(sqlx::Error::Decode));
    Ok(watched.collect::<sqlx::Result<_>>()?)
}
