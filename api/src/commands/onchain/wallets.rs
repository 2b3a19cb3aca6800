//! Wallets, and the invoices that get their addresses.

use super::{Said, invoices, later};
use crate::asking::{Asking, Needs};
use crate::commands::read::{Amount, Checked, Fault, KeyText, When, at, optional};
use crate::commands::{Asked, Incomplete};
use chrono::{DateTime, Duration, Utc};
use mizan_domain::event::{Command, StreamName};
use mizan_domain::id::{CustomerId, InvoiceId, OrderId, WalletId};
use mizan_domain::onchain::wallet::{self, Offer, Wallet};
use mizan_domain::onchain::{AccountKey, AssetId, Chain, ExchangeRate, Quote, Script};
use mizan_domain::order::Order;
use mizan_domain::rate::Rate;
use mizan_domain::text::Text;
use mizan_domain::{Currency, Decider};
use serde::Deserialize;
use utoipa::ToSchema;

/// A watch-only wallet: addresses are taken from the public key of an account, and nothing here can spend from them. A
/// private key or a seed phrase is refused, and neither kept nor logged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct OpenWallet {
    /// Yours: the same id again is the same wallet.
    #[schema(value_type = String, example = "w-1")]
    wallet_id: Checked<WalletId>,
    /// The chain, by its CAIP-2 name.
    #[schema(value_type = String, example = "bip122:000000000019d6689c085ae165831e93")]
    chain: Checked<Chain>,
    /// The type of its addresses.
    #[schema(value_type = String, pattern = "^(p2pkh|p2sh_p2wpkh|p2wpkh|p2tr|evm)$", example = "p2wpkh")]
    script: Script,
    /// The account's extended public key, as the wallet exports it: xpub, ypub, zpub, or tpub, upub, vpub.
    #[schema(value_type = String, example = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs")]
    account_key: Checked<KeyText>,
    /// What you call it.
    #[schema(value_type = Option<String>)]
    label: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Asked for OpenWallet {
    const SUMMARY: &'static str = "Open a watch-only wallet";

    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
        let key = AccountKey::parse(&self.account_key.0.0, self.chain.0, self.script);
        Ok(Command::Wallet(wallet::Command::Open(Box::new(wallet::OpenWallet {
            wallet_id: self.wallet_id.0,
            key: key.map_err(|invalid| Fault::invalid(&invalid, "/account_key"))?,
            label: optional(self.label),
            at: at(self.occurred_at, now)?,
        }))))
    }
}

/// An invoice in money that is paid in an asset, at an address of its own. The rate is promised until it expires; what is
/// to be paid is rounded up to the asset's precision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct CreateInvoice {
    /// Whose address it gets.
    #[schema(value_type = String, example = "w-1")]
    wallet_id: Checked<WalletId>,
    /// Yours: the same id again is the same invoice.
    #[schema(value_type = String, example = "i-1")]
    invoice_id: Checked<InvoiceId>,
    /// What it pays for, where it is an order.
    #[schema(value_type = Option<String>, example = "o-1001")]
    order_id: Option<Checked<OrderId>>,
    /// Who pays, where known.
    #[schema(value_type = Option<String>, example = "c-7")]
    customer_id: Option<Checked<CustomerId>>,
    /// The price in money, as text.
    #[schema(value_type = String, example = "100.00")]
    price: Amount,
    /// ISO 4217.
    #[schema(value_type = String, example = "EUR")]
    currency: Checked<Currency>,
    /// What it is paid in, by its CAIP-19 name; it has to be registered.
    #[schema(value_type = String, example = "bip122:000000000019d6689c085ae165831e93/slip44:0")]
    asset: Checked<AssetId>,
    /// What one whole unit costs, as text; asked of the source of rates, if left out.
    #[schema(value_type = Option<String>, example = "50000")]
    rate: Option<Checked<ExchangeRate>>,
    /// Whose rate it is, with the rate.
    #[schema(value_type = Option<String>, example = "our desk")]
    source: Option<Checked<Text>>,
    /// So much is taken off the rate for the risk of promising it, as a fraction of one.
    #[schema(value_type = Option<String>, example = "0.005")]
    spread: Option<Checked<Rate>>,
    /// For how many seconds the rate is promised; as settled for the asset, if left out.
    payment_window_s: Option<u32>,
    /// Your own words; Bitcoin's payment links show them.
    #[schema(value_type = Option<String>)]
    reference: Option<Checked<Text>>,
    /// When; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for CreateInvoice {
    const SUMMARY: &'static str = "Create an invoice that is paid on a chain";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let at = at(self.occurred_at, now)?;
        let price = self.price.of(self.currency.0, "/price")?;
        let (wallet_id, asset) = (self.wallet_id.0, self.asset.0);
        let rate = Said { rate: self.rate, source: self.source }.needed(Some(self.currency.0), at)?;
        let stream = StreamName { category: Wallet::CATEGORY, id: wallet_id.as_str().into() };
        let (invoice_id, order_id) = (self.invoice_id.0, optional(self.order_id));
        let order = order_id.iter().map(|it| StreamName { category: Order::CATEGORY, id: it.as_str().into() });
        let links = [invoices::stream_of(&invoice_id)].into_iter().chain(order).collect();
        let needs = Needs { assets: vec![asset], rate: Some(rate), links, ..Needs::default() };
        let (customer_id, reference) = (optional(self.customer_id), optional(self.reference));
        let (spread, window_s) = (optional(self.spread).unwrap_or(Rate::ZERO), self.payment_window_s);
        Ok(later(stream, needs, move |known| {
            let registered = known.settings(asset)?;
            let spot = known.spot()?;
            let window_s = window_s.unwrap_or(registered.settings.payment_window_s);
            let expires_at = at.checked_add_signed(Duration::seconds(i64::from(window_s))).unwrap_or(at);
            let quote = Quote { rate: spot.rate, source: spot.source, spread, quoted_at: at, expires_at };
            let (asset, terms) = (registered.asset, registered.settings.terms.clone());
            let offer = Offer { invoice_id, order_id, customer_id, price, asset, quote, terms, reference };
            let asked = wallet::CreateInvoice { wallet_id, offer, at };
            Ok(Command::Wallet(wallet::Command::CreateInvoice(Box::new(asked))))
        }))
    }
}
