//! How an invoice stands, in the words of answers and searches, and the link that asks for what is missing.

use super::InvoiceRow;
use crate::apply::Misfit;
use crate::names::names;
use chrono::SubsecRound;
use mizan_domain::Money;
use mizan_domain::onchain::asset::Token;
use mizan_domain::onchain::invoice::{Attention, Funding, Settlement, Standing, Window};
use mizan_domain::onchain::link::{self, Words};
use mizan_domain::onchain::{Address, Chain};
use sqlx::types::Json;

names! {
    /// How much was paid of what is due.
    InvoiceFunding {
        /// Nothing that counts.
        None = "none",
        /// Something.
        Partial = "partial",
        /// All, but for dust and tolerance.
        Paid = "paid",
        /// More than dust too much.
        Over = "over",
    }
}

names! {
    /// Whether the promised rate holds, and whether anybody looks.
    InvoiceWindow {
        /// The rate holds.
        Open = "open",
        /// The rate has expired; deposits are still watched for.
        Expired = "expired",
        /// Watching has ended, or the invoice was cancelled.
        Closed = "closed",
    }
}

names! {
    /// Whether the order has its money.
    InvoiceSettlement {
        /// Not yet.
        Unsettled = "unsettled",
        /// It has.
        Settled = "settled",
        /// It had: the chain took the deposits back.
        Reversed = "reversed",
    }
}

names! {
    /// What a merchant should look at.
    Look {
        /// Too little came, and the rate has expired.
        Underpaid = "underpaid",
        /// Too much came.
        Overpaid = "overpaid",
        /// Something came after the rate had expired, or to a cancelled invoice.
        Late = "late",
        /// More than one deposit came.
        Multiple = "multiple",
        /// Something came in another asset.
        WrongAsset = "wrong_asset",
        /// Money waits for a decision.
        Unresolved = "unresolved",
    }
}

impl From<Funding> for InvoiceFunding {
    fn from(it: Funding) -> Self {
        match it {
            Funding::None => Self::None,
            Funding::Partial => Self::Partial,
            Funding::Paid => Self::Paid,
            Funding::Over => Self::Over,
        }
    }
}

impl From<Window> for InvoiceWindow {
    fn from(it: Window) -> Self {
        match it {
            Window::Open => Self::Open,
            Window::Expired => Self::Expired,
            Window::Closed => Self::Closed,
        }
    }
}

impl From<Settlement> for InvoiceSettlement {
    fn from(it: Settlement) -> Self {
        match it {
            Settlement::Unsettled => Self::Unsettled,
            Settlement::Settled => Self::Settled,
            Settlement::Reversed => Self::Reversed,
        }
    }
}

impl From<Attention> for Look {
    fn from(it: Attention) -> Self {
        match it {
            Attention::Underpaid => Self::Underpaid,
            Attention::Overpaid => Self::Overpaid,
            Attention::Late => Self::Late,
            Attention::Multiple => Self::Multiple,
            Attention::WrongAsset => Self::WrongAsset,
            Attention::Unresolved => Self::Unresolved,
        }
    }
}

impl InvoiceRow {
    pub(super) fn stands(&mut self, it: &Standing) -> Result<(), Misfit> {
        self.funding = it.funding.into();
        self.funding_confirmed = it.funding_confirmed.into();
        self.payment_window = it.window.into();
        self.settlement = it.settlement.into();
        self.seen = it.seen.into();
        self.confirmed = it.confirmed.into();
        self.missing = it.missing.into();
        self.excess = it.excess.into();
        self.worth = it.worth.into();
        self.left_over = it.left_over.into();
        self.attention = Json(it.attention.iter().map(|it| Look::from(*it)).collect());
        self.needs_attention = !it.attention.is_empty();
        self.wakes_at = it.wakes_at.map(|at| at.trunc_subsecs(6));
        let can_be_paid = it.window == Window::Open && it.missing.is_positive();
        self.link = if can_be_paid { self.link_for(it.missing)? } else { None };
        Ok(())
    }

    fn link_for(&self, missing: Money) -> Result<Option<String>, Misfit> {
        let bad = |error: mizan_domain::Invalid| Misfit::because(error.to_string());
        let Some(asset) = missing.currency().asset() else { return Ok(None) };
        let chain: Chain = self.chain.parse().map_err(bad)?;
        let address = Address::parse(&self.address, chain).map_err(bad)?;
        let minor = missing.minor();
        let link = match (chain, asset.id.token) {
            (Chain::Bitcoin(_), Token::Coin(_)) => {
                let words = Words { label: None, message: self.reference.as_deref() };
                link::bitcoin(&address, u64::try_from(minor).ok(), words)
            }
            (Chain::Evm(_), Token::Coin(_)) => link::ether(&address, u128::try_from(minor).ok()),
            (Chain::Evm(_) | Chain::Bitcoin(_), Token::Erc20(_)) => {
                let contract = asset.id.contract().ok_or_else(|| Misfit::because("a token without a contract"))?;
                link::token(&contract, &address, u128::try_from(minor).ok())
            }
        };
        link.map(Some).map_err(bad)
    }
}
