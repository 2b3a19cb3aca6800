//! Which assets are taken, and how: what watchers and whoever makes an invoice ask.

use crate::reads::{QueryError, Reads};
use mizan_domain::event::holding_name;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::{Asset, AssetId, AssetSettings, Chain};
use sqlx::FromRow;
use sqlx::types::Json;
use std::error::Error;

/// An asset that a merchant takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredAsset {
    /// Whose settings.
    pub merchant: MerchantId,
    /// The asset, with its decimals.
    pub asset: Asset,
    /// How it is taken and kept.
    pub settings: AssetSettings,
}

#[derive(FromRow)]
struct Stored {
    merchant_id: String,
    asset: String,
    decimals: i32,
    settings: Json<AssetSettings>,
}

impl Stored {
    fn read(self) -> Result<RegisteredAsset, Box<dyn Error + Send + Sync>> {
        Ok(RegisteredAsset {
            merchant: MerchantId::parse(&self.merchant_id)?,
            asset: Asset::parse(&self.asset, self.decimals.try_into()?)?,
            settings: self.settings.0,
        })
    }
}

/// What all merchants have registered on a chain.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn registered(reads: &Reads, chain: Chain) -> Result<Vec<RegisteredAsset>, QueryError> {
    let (mut connection, _) = reads.now().await?;
    let rows: Vec<Stored> = sqlx::query_as(
        "select merchant_id, asset, decimals, settings from holdings \
         where is_registered and split_part(asset, '/', 1) = $1 order by merchant_id, asset",
    )
    .bind(chain.to_string())
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows.into_iter().map(|it| it.read().map_err(sqlx::Error::Decode)).collect::<sqlx::Result<_>>()?)
}

/// What a merchant has settled about an asset; none where it is not registered.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn registered_asset(
    reads: &Reads,
    merchant: &MerchantId,
    asset: AssetId,
) -> Result<Option<RegisteredAsset>, QueryError> {
    let (mut connection, _) = reads.now().await?;
    let row: Option<Stored> = sqlx::query_as(
        "select merchant_id, asset, decimals, settings from holdings \
         where is_registered and merchant_id = $1 and holding_id = $2",
    )
    .bind(merchant.as_str())
    .bind(holding_name(asset))
    .fetch_optional(&mut *connection)
    .await?;
    Ok(row.map(|it| it.read().map_err(sqlx::Error::Decode)).transpose()?)
}
