//! How an asset is taken and kept, as clients write it.

use crate::commands::Asked;
use crate::commands::read::{Amount, Checked, Fault, When, at, optional};
use chrono::{DateTime, Utc};
use mizan_domain::Currency;
use mizan_domain::event::Command;
use mizan_domain::onchain::asset::DECIMALS_MAX;
use mizan_domain::onchain::holding;
use mizan_domain::onchain::{Asset, AssetId, AssetSettings, Confirming, CostBasis, Finality, LatePolicy, Terms, Tier};
use mizan_domain::rate::Rate;
use mizan_domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

const PAYMENT_WINDOW_S: u32 = 15 * 60;
const WATCH_AFTER_EXPIRY_S: u32 = 24 * 60 * 60;

/// How an asset is taken and kept. Said again with other settings, it changes them for invoices to come; decimals never
/// change, and the cost basis only while nothing is held.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct RegisterAsset {
    /// The asset, by its CAIP-19 name: chain and contract, never a symbol.
    #[schema(value_type = String, example = "bip122:000000000019d6689c085ae165831e93/slip44:0")]
    asset: Checked<AssetId>,
    /// Digits after its point: 8 for bitcoin, 18 for ether; of a token as its contract says.
    decimals: u8,
    /// What the source of rates calls it, for example `BTC`.
    #[schema(value_type = String, example = "BTC")]
    symbol: Checked<Text>,
    /// ISO 4217: the currency of the books, in which costs and gains are counted.
    #[schema(value_type = String, example = "EUR")]
    currency: Checked<Currency>,
    /// For how many seconds a rate is promised; 900, if left out.
    payment_window_s: Option<u32>,
    /// A rest of at most this is not worth another payment, as text; nothing, if left out.
    #[schema(value_type = Option<String>, example = "0.00000100")]
    dust: Option<Amount>,
    /// So much of the price may be missing, as a fraction of one; nothing, if left out.
    #[schema(value_type = Option<String>, example = "0.005")]
    tolerance: Option<Checked<Rate>>,
    /// How many confirmations amounts need, the smallest limit first; the last tier has none.
    tiers: Vec<ConfirmationTier>,
    /// A deposit so many blocks deep is final; when the chain itself says so, if left out (Bitcoin never does).
    final_depth: Option<u32>,
    /// A payment seen so many seconds after the expiry still has the rate; 0, if left out.
    grace_s: Option<u32>,
    /// Watching goes on for so many seconds after the expiry; a day, if left out.
    watch_after_expiry_s: Option<u32>,
    /// What becomes of later payments; `ask`, if left out.
    #[schema(value_type = Option<String>, pattern = "^(accept_within_tolerance|ask)$")]
    late: Option<LatePolicy>,
    /// How the cost of what is given away is found; `fifo`, if left out.
    #[schema(value_type = Option<String>, pattern = "^(fifo|weighted)$")]
    cost_basis: Option<CostBasis>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

/// Amounts up to a limit need so many confirmations.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmationTier {
    /// The largest amount of the tier, as text; none for the last.
    #[schema(value_type = Option<String>, example = "1.00000000")]
    up_to: Option<Amount>,
    /// Blocks, the one that it is in counted; 0 trusts what is only seen.
    confirmations: u32,
}

impl Asked for RegisterAsset {
    const SUMMARY: &'static str = "Say how an asset is taken and kept";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        if self.decimals > DECIMALS_MAX {
            return Err(Fault::new("too_many_decimals", "/decimals", "an asset has at most 18 decimals here"));
        }
        let asset = Asset { id: self.asset.0, decimals: self.decimals };
        let unit = Currency::from(asset);
        let mut tiers = Vec::with_capacity(self.tiers.len());
        for (no, tier) in self.tiers.iter().enumerate() {
            let up_to = tier.up_to.as_ref().map(|it| it.of(unit, &format!("/tiers/{no}/up_to"))).transpose()?;
            tiers.push(Tier { up_to, confirmations: tier.confirmations });
        }
        let dust = match &self.dust {
            Some(dust) => dust.of(unit, "/dust")?,
            None => mizan_domain::Money::zero(unit),
        };
        let finality = self.final_depth.map_or(Finality::Finalized, Finality::Depth);
        let settings = AssetSettings {
            symbol: self.symbol.0,
            books: self.currency.0,
            payment_window_s: self.payment_window_s.unwrap_or(PAYMENT_WINDOW_S),
            terms: Terms {
                dust,
                tolerance: optional(self.tolerance).unwrap_or(Rate::ZERO),
                confirming: Confirming { tiers, finality },
                grace_s: self.grace_s.unwrap_or(0),
                watch_after_expiry_s: self.watch_after_expiry_s.unwrap_or(WATCH_AFTER_EXPIRY_S),
                late: self.late.unwrap_or(LatePolicy::Ask),
            },
            cost_basis: self.cost_basis.unwrap_or_default(),
        };
        let at = at(self.occurred_at, now)?;
        let asked = holding::RegisterAsset { asset, settings, at };
        Ok(Command::Holding(holding::Command::Register(Box::new(asked))))
    }
}
