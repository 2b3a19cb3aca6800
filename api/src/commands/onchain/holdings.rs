//! How assets are taken and kept, and what happens to what is held.

mod settings;

pub(in crate::commands) use settings::RegisterAsset;

use super::{Said, address, holding_of, later};
use crate::asking::{Asking, Needs};
use crate::commands::read::{Amount, Checked, Day, Fault, When, at, optional};
use crate::commands::{Asked, Incomplete};
use chrono::{DateTime, Utc};
use mizan_domain::event::Command;
use mizan_domain::id::{FreezeId, PayoutId, RevaluationId, SaleId};
use mizan_domain::onchain::holding;
use mizan_domain::onchain::{AssetId, ExchangeRate};
use mizan_domain::text::Text;
use mizan_domain::{Currency, Money};
use serde::Deserialize;
use utoipa::ToSchema;

/// Declares the commands about an asset: what they ask, what they need, and what they become.
macro_rules! about_asset {
    ($(#[$doc:meta])* $name:ident, $summary:literal, { $($fields:tt)* },
        |$asked:ident, $asset:ident, $at:ident| $needs:expr, |$known:ident| $command:expr) => {
        $(#[$doc])*
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(in crate::commands) struct $name {
            /// The asset, by its CAIP-19 name.
            #[schema(value_type = String, example = "bip122:000000000019d6689c085ae165831e93/slip44:0")]
            asset: Checked<AssetId>,
            $($fields)*
            /// When; now, if left out.
            #[schema(value_type = Option<String>, format = DateTime)]
            occurred_at: Option<When>,
        }

        impl Incomplete for $name {
            const SUMMARY: &'static str = $summary;

            fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
                let mut $asked = self;
                let $at = at($asked.occurred_at.take(), now)?;
                let $asset = $asked.asset.0;
                let mut needs = $needs;
                needs.assets.insert(0, $asset);
                Ok(later(holding_of($asset), needs, move |$known| Ok(Command::Holding($command))))
            }
        }
    };
}

pub(super) use about_asset;

about_asset! {
    /// Coins were sold for money. What they had cost is found by the asset's cost basis; the rest is gain or loss.
    SellAsset, "Record that some of an asset was sold", {
        /// Yours: one sale.
        #[schema(value_type = String, example = "s-1")]
        sale_id: Checked<SaleId>,
        /// How much of the asset, as text.
        #[schema(value_type = String, example = "0.00200000")]
        amount: Amount,
        /// What it was sold for, before fees, as text.
        #[schema(value_type = String, example = "98.00")]
        proceeds: Amount,
        /// What the exchange took of that, as text; nothing, if left out.
        #[schema(value_type = Option<String>, example = "0.20")]
        fee: Option<Amount>,
        /// ISO 4217 of proceeds and fee.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// The exchange's own words.
        #[schema(value_type = Option<String>)]
        reference: Option<Checked<Text>>,
    },
    |asked, asset, at| Needs::default(),
    |known| holding::Command::Sell(holding::Sell {
        asset,
        sale_id: asked.sale_id.0,
        amount: known.amount(asset, &asked.amount, "/amount")?,
        proceeds: asked.proceeds.of(asked.currency.0, "/proceeds")?,
        fee: match &asked.fee {
            Some(fee) => fee.of(asked.currency.0, "/fee")?,
            None => Money::zero(asked.currency.0),
        },
        reference: optional(asked.reference),
        at,
    })
}

about_asset! {
    /// A chain took a fee that no payout says: of a transfer between wallets of your own, for example.
    RecordNetworkFee, "Record a chain's fee", {
        /// Yours: one fee. Fees and sales of an asset share their ids.
        #[schema(value_type = String, example = "f-1")]
        sale_id: Checked<SaleId>,
        /// How much of the asset, as text.
        #[schema(value_type = String, example = "0.00001000")]
        amount: Amount,
        /// The payout that it was paid for.
        #[schema(value_type = Option<String>)]
        payout_id: Option<Checked<PayoutId>>,
    },
    |asked, asset, at| Needs::default(),
    |known| holding::Command::PayFee(holding::PayFee {
        asset,
        sale_id: asked.sale_id.0,
        amount: known.amount(asset, &asked.amount, "/amount")?,
        payout_id: optional(asked.payout_id),
        at,
    })
}

about_asset! {
    /// What is held is valued on a day, usually the last of a month: the books have the difference to its cost on that day,
    /// and its mirror on the next.
    RevalueAsset, "Value what is held of an asset", {
        /// Yours: one valuation.
        #[schema(value_type = String, example = "2026-11")]
        revaluation_id: Checked<RevaluationId>,
        /// The day that it counts for.
        #[schema(value_type = String, format = Date, example = "2026-11-30")]
        on: Day,
        /// What one whole unit cost then, as text; today's rate is asked of the source of rates, if left out.
        #[schema(value_type = Option<String>, example = "52000")]
        rate: Option<Checked<ExchangeRate>>,
        /// Whose rate it is, with the rate.
        #[schema(value_type = Option<String>)]
        source: Option<Checked<Text>>,
        /// ISO 4217 of the rate; that of the books, if left out.
        #[schema(value_type = Option<String>)]
        currency: Option<Checked<Currency>>,
    },
    |asked, asset, at| {
        let said = Said { rate: asked.rate.take(), source: asked.source.take() };
        Needs { rate: Some(said.needed(optional(asked.currency.take()), at)?), ..Needs::default() }
    },
    |known| holding::Command::Revalue(holding::Revalue {
        asset,
        revaluation_id: asked.revaluation_id.0,
        on: asked.on.0,
        spot: known.spot()?,
        at,
    })
}

about_asset! {
    /// The issuer of a token has frozen some of it: it is held, and cannot be sold or paid out.
    FreezeAsset, "Record that an issuer has frozen some of an asset", {
        /// Yours: one freeze.
        #[schema(value_type = String, example = "z-1")]
        freeze_id: Checked<FreezeId>,
        /// How much, as text.
        #[schema(value_type = String, example = "12.500000")]
        amount: Amount,
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, asset, at| Needs::default(),
    |known| holding::Command::Freeze(holding::Freeze {
        asset,
        freeze_id: asked.freeze_id.0,
        amount: known.amount(asset, &asked.amount, "/amount")?,
        reason: optional(asked.reason),
        at,
    })
}

/// The issuer of a token has given a freeze up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct UnfreezeAsset {
    /// The asset, by its CAIP-19 name.
    #[schema(value_type = String)]
    asset: Checked<AssetId>,
    /// The freeze.
    #[schema(value_type = String, example = "z-1")]
    freeze_id: Checked<FreezeId>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for UnfreezeAsset {
    const SUMMARY: &'static str = "Record that an issuer has given a freeze up";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let (asset, freeze_id) = (self.asset.0, self.freeze_id.0);
        let at = at(self.occurred_at, now)?;
        Ok(Command::Holding(holding::Command::Unfreeze(holding::Unfreeze { asset, freeze_id, at })))
    }
}

/// Payouts may go to an address, after the cool-off of the rules.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct AllowDestination {
    /// The asset, by its CAIP-19 name.
    #[schema(value_type = String)]
    asset: Checked<AssetId>,
    /// Where to.
    #[schema(value_type = String, example = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")]
    address: Checked<Text>,
    /// Whose it is.
    #[schema(value_type = Option<String>)]
    label: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for AllowDestination {
    const SUMMARY: &'static str = "Allow payouts to an address";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let asset = self.asset.0;
        Ok(Command::Holding(holding::Command::AllowDestination(holding::AllowDestination {
            asset,
            address: address(&self.address.0, asset.chain, "/address")?,
            label: optional(self.label),
            at: at(self.occurred_at, now)?,
        })))
    }
}

/// Payouts may not go to an address any more, not even those that wait for approvals.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct RemoveDestination {
    /// The asset, by its CAIP-19 name.
    #[schema(value_type = String)]
    asset: Checked<AssetId>,
    /// Where to.
    #[schema(value_type = String, example = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")]
    address: Checked<Text>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for RemoveDestination {
    const SUMMARY: &'static str = "Allow no more payouts to an address";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let asset = self.asset.0;
        let address = address(&self.address.0, asset.chain, "/address")?;
        let at = at(self.occurred_at, now)?;
        Ok(Command::Holding(holding::Command::RemoveDestination(holding::RemoveDestination { asset, address, at })))
    }
}
