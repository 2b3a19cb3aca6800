//! What can be asked of a wallet.

use crate::id::{CustomerId, InvoiceId, OrderId, WalletId};
use crate::invalid::Invalid;
use crate::money::Money;
use crate::onchain::terms::BadTerms;
use crate::onchain::{AccountKey, Asset, Quote, Terms};
use crate::order::Timestamp;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Everything that can be asked of a wallet.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Its addresses are to be used.
    Open(Box<OpenWallet>),
    /// An invoice is made, with an address of its own.
    CreateInvoice(Box<CreateInvoice>),
    /// Money was seen at an address (asked by the policy).
    MarkUsed(MarkUsed),
}

impl Command {
    /// The wallet that is asked.
    #[must_use]
    pub fn wallet_id(&self) -> &WalletId {
        match self {
            Self::Open(it) => &it.wallet_id,
            Self::CreateInvoice(it) => &it.wallet_id,
            Self::MarkUsed(it) => &it.wallet_id,
        }
    }
}

/// Its addresses are to be used. Only the public key of the account is told: nothing here can spend.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenWallet {
    /// Chosen by the client.
    pub wallet_id: WalletId,
    /// From which all addresses derive.
    pub key: AccountKey,
    /// What the merchant calls it.
    pub label: Option<Text>,
    /// When.
    pub at: Timestamp,
}

/// An invoice is made, with an address of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateInvoice {
    /// Whose address it gets.
    pub wallet_id: WalletId,
    /// What is to be paid, and how.
    pub offer: Offer,
    /// When.
    pub at: Timestamp,
}

/// What is to be paid, and how. The quote and the terms are put in by whoever asks the port for rates and knows the
/// settings of the asset; they are facts from then on.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Chosen by the client.
    pub invoice_id: InvoiceId,
    /// What it pays for, where known.
    pub order_id: Option<OrderId>,
    /// Who pays, where known.
    pub customer_id: Option<CustomerId>,
    /// The price, in money.
    pub price: Money,
    /// What it is paid in.
    pub asset: Asset,
    /// The rate that is promised.
    pub quote: Quote,
    /// Under what it is paid.
    pub terms: Terms,
    /// The merchant's own words.
    pub reference: Option<Text>,
}

/// What was agreed: an offer with everything that follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// What it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// The price, in money.
    pub price: Money,
    /// What is to be paid of the asset: the price at the quoted rate, rounded up.
    pub due: Money,
    /// The rate that is promised.
    pub quote: Quote,
    /// Under what it is paid.
    pub terms: Terms,
    /// When watching ends.
    pub watched_until: Timestamp,
    /// The merchant's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Text>,
}

/// Why an offer makes no invoice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOffer {
    /// Nothing to pay, or a price in an asset.
    #[error("the price is a positive amount of an ISO 4217 currency")]
    Price,
    /// Terms that cannot be used.
    #[error("{0}")]
    Terms(#[from] BadTerms),
    /// A quote without time.
    #[error("the quote expires before it begins")]
    Expiry,
    /// An amount that cannot be used.
    #[error("{0}")]
    Amount(#[from] Invalid),
}

impl Agreement {
    /// What an offer means.
    ///
    /// # Errors
    /// [`BadOffer`] where it makes no invoice.
    pub fn of(offer: &Offer) -> Result<Self, BadOffer> {
        if !offer.price.is_positive() || offer.price.currency().asset().is_some() {
            return Err(BadOffer::Price);
        }
        offer.terms.check(offer.asset)?;
        let quote = &offer.quote;
        let watched = chrono::Duration::seconds(i64::from(offer.terms.watch_after_expiry_s));
        let watched_until = quote.expires_at.checked_add_signed(watched).ok_or(BadOffer::Expiry)?;
        if quote.expires_at <= quote.quoted_at {
            return Err(BadOffer::Expiry);
        }
        Ok(Self {
            invoice_id: offer.invoice_id.clone(),
            order_id: offer.order_id.clone(),
            customer_id: offer.customer_id.clone(),
            price: offer.price,
            due: quote.rate.amount_for(offer.price, quote.spread, offer.asset.into())?,
            quote: quote.clone(),
            terms: offer.terms.clone(),
            watched_until,
            reference: offer.reference.clone(),
        })
    }

    /// What the client asked for, without what was added to it: a retry may come with a newer quote.
    pub(super) fn name(&self) -> uuid::Uuid {
        let text = |it: Option<&str>| it.unwrap_or_default().to_owned();
        crate::id::derived_uuid(&[
            "invoice",
            &text(self.order_id.as_ref().map(OrderId::as_str)),
            &text(self.customer_id.as_ref().map(CustomerId::as_str)),
            &self.price.to_string(),
            &self.due.currency().to_string(),
            &text(self.reference.as_ref().map(Text::as_str)),
        ])
    }
}

/// Money was seen at an address.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkUsed {
    /// The wallet.
    pub wallet_id: WalletId,
    /// The invoice that the address was given to.
    pub invoice_id: InvoiceId,
    /// When.
    pub at: Timestamp,
}
