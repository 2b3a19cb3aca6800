//! Money goes back on the chain.

use super::invoices::stream_of;
use super::{Said, address, later};
use crate::asking::{Asking, Known, Needs, RateNeeded};
use crate::commands::read::{Amount, Checked, Fault, When, at, optional};
use crate::commands::{Asked, Incomplete};
use chrono::{DateTime, Utc};
use mizan_domain::Currency;
use mizan_domain::event::Command;
use mizan_domain::id::{InvoiceId, RefundId};
use mizan_domain::onchain::invoice::{self, RefundRule};
use mizan_domain::onchain::{AssetId, ExchangeRate};
use mizan_domain::rate::Rate;
use mizan_domain::text::Text;
use mizan_projections::onchain::invoices::InvoiceRow;
use serde::Deserialize;
use utoipa::ToSchema;

/// How much of the asset goes back.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Rule {
    RateThen,
    CurrentRate,
    OverpaidAmount,
    Fiat,
    Custom,
}

impl Rule {
    fn asks_the_rate(self) -> bool {
        match self {
            Self::CurrentRate | Self::Fiat | Self::Custom => true,
            Self::RateThen | Self::OverpaidAmount => false,
        }
    }
}

/// Money of an invoice goes back, to an address that the customer gave: a payout that has to be approved. With the
/// `refund_id` of a refund of the invoice's payment it is that refund; with a new one it takes from what is left over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct RefundInvoice {
    /// The invoice.
    #[schema(value_type = String, example = "i-1")]
    invoice_id: Checked<InvoiceId>,
    /// That of `refund-payment`, or a new one of yours.
    #[schema(value_type = String, example = "r-1")]
    refund_id: Checked<RefundId>,
    /// `rate_then`: the same coins. `current_rate`: the same money. `overpaid_amount`: what was paid too much. `fiat`: the
    /// same money, priced again until it is approved. `custom`: an amount of yours.
    #[schema(value_type = String, pattern = "^(rate_then|current_rate|overpaid_amount|fiat|custom)$")]
    rule: Rule,
    /// For `custom`: how much, as text.
    #[schema(value_type = Option<String>)]
    amount: Option<Amount>,
    /// For `custom`: ISO 4217, where the amount is money; without it the amount is of the asset.
    #[schema(value_type = Option<String>)]
    currency: Option<Checked<Currency>>,
    /// So much of it is kept, as a fraction of one.
    #[schema(value_type = Option<String>, example = "0.02")]
    subtract: Option<Checked<Rate>>,
    /// The address that the customer gave.
    #[schema(value_type = String, example = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")]
    to: Checked<Text>,
    /// What one whole unit costs now, as text, for the rules that ask; asked of the source of rates, if left out.
    #[schema(value_type = Option<String>)]
    rate: Option<Checked<ExchangeRate>>,
    /// Whose rate it is, with the rate.
    #[schema(value_type = Option<String>)]
    source: Option<Checked<Text>>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for RefundInvoice {
    const SUMMARY: &'static str = "Give money of an invoice back on the chain";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let at = at(self.occurred_at, now)?;
        let (invoice_id, refund_id) = (self.invoice_id.0, self.refund_id.0);
        let said = Said { rate: self.rate, source: self.source }.needed(None, at)?;
        // An amount of the asset needs no rate.
        let is_of_asset = matches!(self.rule, Rule::Custom) && self.currency.is_none();
        let rate = (self.rule.asks_the_rate() && !is_of_asset).then_some(said);
        let rate = rate.map(|it| RateNeeded { is_optional: false, ..it });
        let needs = Needs { invoice: Some(invoice_id.clone()), rate, is_personal: true, ..Needs::default() };
        let subtract = optional(self.subtract).unwrap_or(Rate::ZERO);
        let (reason, currency, to) = (optional(self.reason), optional(self.currency), self.to.0);
        let (rule, amount) = (self.rule, self.amount);
        Ok(later(stream_of(&invoice_id), needs, move |known| {
            let row = known.invoice.as_ref().ok_or_else(unknown)?;
            let asset = asset_of(row)?;
            let asked = invoice::RefundInvoice {
                invoice_id,
                refund_id,
                rule: rule_of(known, asset, rule, (amount, currency))?,
                subtract,
                to: address(&to, asset.chain, "/to")?,
                spot: known.spot.clone(),
                requested_by: known.actor.clone(),
                reason,
                at,
            };
            Ok(Command::Invoice(invoice::Command::Refund(Box::new(asked))))
        }))
    }
}

/// A refund that the invoice's payment owes is not to go back on the chain: it becomes the customer's credit. A payout that is
/// made for it has to end first.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct WithdrawRefund {
    /// The invoice.
    #[schema(value_type = String, example = "i-1")]
    invoice_id: Checked<InvoiceId>,
    /// That of `refund-payment`.
    #[schema(value_type = String, example = "r-1")]
    refund_id: Checked<RefundId>,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for WithdrawRefund {
    const SUMMARY: &'static str = "Give up a refund that an invoice owes";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let (invoice_id, refund_id, reason) = (self.invoice_id.0, self.refund_id.0, optional(self.reason));
        let at = at(self.occurred_at, now)?;
        let asked = invoice::WithdrawRefund { invoice_id, refund_id, reason, at };
        Ok(Command::Invoice(invoice::Command::WithdrawRefund(asked)))
    }
}

fn unknown() -> Fault {
    Fault::new("invoice_not_known", "/invoice_id", "there is no such invoice")
}

fn asset_of(row: &InvoiceRow) -> Result<AssetId, Fault> {
    row.asset.parse().map_err(|invalid| Fault::invalid(&invalid, "/invoice_id"))
}

fn rule_of(
    known: &Known,
    asset: AssetId,
    rule: Rule,
    (amount, currency): (Option<Amount>, Option<Currency>),
) -> Result<RefundRule, Fault> {
    let plain = match rule {
        Rule::Custom => {
            let amount = amount.ok_or_else(|| Fault::new("missing_field", "/amount", "custom says how much"))?;
            return match currency {
                Some(currency) => amount.of(currency, "/amount").map(RefundRule::Custom),
                None => known.amount(asset, &amount, "/amount").map(RefundRule::Custom),
            };
        }
        Rule::RateThen => RefundRule::RateThen,
        Rule::CurrentRate => RefundRule::CurrentRate,
        Rule::OverpaidAmount => RefundRule::OverpaidAmount,
        Rule::Fiat => RefundRule::Fiat,
    };
    let stray = if amount.is_some() { Some("/amount") } else { currency.map(|_| "/currency") };
    match stray {
        Some(pointer) => Err(Fault::new("unknown_field", pointer, "only the rule custom says how much")),
        None => Ok(plain),
    }
}
