//! Payouts: rules, requests, approvals, and what a signer reports.

mod deciding;

pub(in crate::commands) use deciding::{
    ApprovePayout, BroadcastPayout, CancelPayout, CompletePayout, DenyPayout, FailPayout, OrphanPayout,
};

use super::holdings::about_asset;
use super::{Said, address, holding_of, later};
use crate::asking::{Asking, Known, Needs, RateNeeded};
use crate::commands::Incomplete;
use crate::commands::read::{Amount, Checked, Fault, When, at, optional};
use chrono::{DateTime, Utc};
use mizan_domain::event::Command;
use mizan_domain::id::PayoutId;
use mizan_domain::onchain::holding::{self, PayoutRules, Purpose};
use mizan_domain::onchain::{AssetId, ExchangeRate};
use mizan_domain::rate::Rate;
use mizan_domain::text::Text;
use mizan_domain::{Currency, Money};
use serde::Deserialize;
use utoipa::ToSchema;

about_asset! {
    /// How payouts of an asset are decided. Requests that are there keep the rules that they were made under.
    SetPayoutRules, "Say how payouts are decided", {
        /// The names of the API keys that may approve, as `mizan key list` shows them. Who asks does not approve.
        #[schema(value_type = Vec<String>, example = json!(["key:ann", "key:bob", "key:eve"]))]
        approvers: Vec<Checked<Text>>,
        /// How many of them have to. One denial rejects.
        approvals_needed: u32,
        /// The most that may be asked for on one day (UTC), as text; any amount, if left out.
        #[schema(value_type = Option<String>, example = "1.00000000")]
        daily_cap: Option<Amount>,
        /// The most that the chain's fee of one payout should be, as text; a higher one is marked.
        #[schema(value_type = Option<String>, example = "0.00050000")]
        fee_cap: Option<Amount>,
        /// The coin of the fee cap, which has to be registered; the asset itself, if left out.
        #[schema(value_type = Option<String>)]
        fee_asset: Option<Checked<AssetId>>,
        /// A destination can be used so many seconds after it was allowed; a day, if left out.
        cool_off_s: Option<u32>,
        /// Whether payouts that are no refunds go to allowed destinations only; yes, if left out.
        is_allow_list_needed: Option<bool>,
    },
    |asked, asset, at| {
        Needs { assets: asked.fee_asset.iter().map(|it| it.0).collect(), ..Needs::default() }
    },
    |known| holding::Command::SetPayoutRules(holding::SetPayoutRules {
        asset,
        rules: PayoutRules {
            approvers: asked.approvers.into_iter().map(|it| it.0).collect(),
            approvals_needed: asked.approvals_needed,
            daily_cap: asked.daily_cap.map(|it| known.amount(asset, &it, "/daily_cap")).transpose()?,
            fee_cap: fee(known, asked.fee_cap, asked.fee_asset.map_or(asset, |it| it.0), "/fee_cap")?,
            cool_off_s: asked.cool_off_s.unwrap_or(COOL_OFF_S),
            is_allow_list_needed: asked.is_allow_list_needed.unwrap_or(true),
        },
        at,
    })
}

const COOL_OFF_S: u32 = 24 * 60 * 60;

/// What a chain takes, in a coin that is registered.
fn fee(known: &Known, fee: Option<Amount>, asset: AssetId, pointer: &str) -> Result<Option<Money>, Fault> {
    fee.map(|it| known.amount(asset, &it, pointer)).transpose()
}

/// Somebody is to be paid. It waits for the approvals that the rules want; nothing is signed here. Say `amount` for coins,
/// `value` for money that is priced again until it is approved, or both where no rate is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct RequestPayout {
    /// The asset, by its CAIP-19 name.
    #[schema(value_type = String, example = "bip122:000000000019d6689c085ae165831e93/slip44:0")]
    asset: Checked<AssetId>,
    /// Yours: one payout.
    #[schema(value_type = String, example = "p-1")]
    payout_id: Checked<PayoutId>,
    /// How much of the asset, as text.
    #[schema(value_type = Option<String>, example = "0.00100000")]
    amount: Option<Amount>,
    /// What it settles in money, as text.
    #[schema(value_type = Option<String>)]
    value: Option<Amount>,
    /// ISO 4217 of the value; that of the books, if left out.
    #[schema(value_type = Option<String>)]
    currency: Option<Checked<Currency>>,
    /// What one whole unit costs, as text; asked of the source of rates, if left out.
    #[schema(value_type = Option<String>)]
    rate: Option<Checked<ExchangeRate>>,
    /// Whose rate it is, with the rate.
    #[schema(value_type = Option<String>)]
    source: Option<Checked<Text>>,
    /// Where to.
    #[schema(value_type = String, example = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")]
    to: Checked<Text>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for RequestPayout {
    const SUMMARY: &'static str = "Ask for a payout";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let at = at(self.occurred_at, now)?;
        let (asset, currency) = (self.asset.0, optional(self.currency));
        let said = Said { rate: self.rate, source: self.source }.needed(currency, at)?;
        if self.amount.is_none() && self.value.is_none() {
            return Err(Fault::new("missing_field", "/amount", "say how much: amount, value, or both"));
        }
        let has_both = self.amount.is_some() && self.value.is_some();
        let rate = RateNeeded { is_optional: has_both, ..said };
        let rate = (!has_both).then_some(rate);
        let links = vec![deciding::stream_of(&self.payout_id.0)];
        let needs = Needs { assets: vec![asset], rate, links, is_personal: true, ..Needs::default() };
        let to = address(&self.to.0, asset.chain, "/to")?;
        let (payout_id, reason) = (self.payout_id.0, optional(self.reason));
        let (amount, value) = (self.amount, self.value);
        Ok(later(holding_of(asset), needs, move |known| {
            let currency = currency.unwrap_or(known.settings(asset)?.settings.books);
            let priced = priced(known, asset, (amount, value), currency)?;
            let asked = holding::RequestPayout {
                asset,
                payout_id,
                purpose: Purpose::Other,
                amount: priced.amount,
                value: priced.value,
                is_in_money: priced.is_in_money,
                spot: known.spot.clone(),
                to,
                requested_by: known.actor.clone(),
                reason,
                at,
            };
            Ok(Command::Holding(holding::Command::RequestPayout(Box::new(asked))))
        }))
    }
}

struct Priced {
    amount: Money,
    value: Money,
    is_in_money: bool,
}

/// Coins at a rate, rounded to the nearest minor unit; coins for a sum, rounded down, so that nobody gets too much.
fn priced(
    known: &Known,
    asset: AssetId,
    (amount, value): (Option<Amount>, Option<Amount>),
    currency: Currency,
) -> Result<Priced, Fault> {
    let amount = amount.map(|it| known.amount(asset, &it, "/amount")).transpose()?;
    let value = value.map(|it| it.of(currency, "/value")).transpose()?;
    let too_large = |pointer: &'static str| move |invalid| Fault::invalid(&invalid, pointer);
    match (amount, value) {
        (Some(amount), Some(value)) => Ok(Priced { amount, value, is_in_money: false }),
        (Some(amount), None) => {
            let value = known.spot()?.value_of(amount).map_err(too_large("/amount"))?;
            Ok(Priced { amount, value, is_in_money: false })
        }
        (None, Some(value)) => {
            let unit = known.asset(asset)?.into();
            let amount = known.spot()?.rate.amount_within(value, Rate::ZERO, unit).map_err(too_large("/value"))?;
            Ok(Priced { amount, value, is_in_money: true })
        }
        (None, None) => Err(Fault::new("missing_field", "/amount", "say how much: amount, value, or both")),
    }
}

about_asset! {
    /// A payout in money is priced again, as long as it is not approved. Approvals of the old price do not count any more.
    RepricePayout, "Price a payout again", {
        /// The payout.
        #[schema(value_type = String, example = "p-1")]
        payout_id: Checked<PayoutId>,
        /// What one whole unit costs now, as text; asked of the source of rates, if left out.
        #[schema(value_type = Option<String>)]
        rate: Option<Checked<ExchangeRate>>,
        /// Whose rate it is, with the rate.
        #[schema(value_type = Option<String>)]
        source: Option<Checked<Text>>,
        /// ISO 4217 of the payout's value; that of the books, if left out.
        #[schema(value_type = Option<String>)]
        currency: Option<Checked<Currency>>,
    },
    |asked, asset, at| {
        let said = Said { rate: asked.rate.take(), source: asked.source.take() };
        let links = vec![deciding::stream_of(&asked.payout_id.0)];
        Needs { rate: Some(said.needed(optional(asked.currency.take()), at)?), links, ..Needs::default() }
    },
    |known| holding::Command::RepricePayout(holding::RepricePayout {
        asset,
        payout_id: asked.payout_id.0,
        spot: known.spot()?,
        at,
    })
}
