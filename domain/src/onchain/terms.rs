//! What a merchant has settled about an asset, and what an invoice is agreed under: frozen when it is opened.

use super::asset::Asset;
use crate::money::{Currency, Money};
use crate::rate::Rate;
use serde::{Deserialize, Serialize};

/// The most tiers of confirmations.
pub const TIERS_MAX: usize = 10;
/// The most confirmations that a tier can ask for.
pub const CONFIRMATIONS_MAX: u32 = 10_000;

/// Amounts up to a limit need so many confirmations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The largest amount of the tier; none for the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Money>,
    /// Blocks, the one that it is in counted. 0 trusts what is only seen, unless its sender can still replace it.
    pub confirmations: u32,
}

/// When a deposit is never looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finality {
    /// So many blocks deep.
    Depth(u32),
    /// When the chain itself says `finalized`.
    Finalized,
}

/// How deep a deposit must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirming {
    /// By amount, the smallest limit first; the last has none.
    pub tiers: Vec<Tier>,
    /// When it is final.
    pub finality: Finality,
}

impl Confirming {
    /// The confirmations that an amount needs.
    #[must_use]
    pub fn needed(&self, amount: Money, is_replaceable: bool) -> u32 {
        let is_within = |it: &&Tier| it.up_to.is_none_or(|limit| amount.minor() <= limit.minor());
        // Without a tier for it, the deepest one.
        let deepest = self.tiers.iter().map(|it| it.confirmations).max().unwrap_or(1);
        let needed = self.tiers.iter().find(is_within).map_or(deepest, |it| it.confirmations);
        if is_replaceable { needed.max(1) } else { needed }
    }

    /// Whether a deposit so deep is final.
    #[must_use]
    pub fn is_final(&self, confirmations: u32, is_finalized: bool) -> bool {
        match self.finality {
            Finality::Depth(depth) => confirmations >= depth,
            Finality::Finalized => is_finalized,
        }
    }
}

/// What becomes of a payment that is seen after the rate has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatePolicy {
    /// It counts with what it is worth when it is received, and settles the invoice if that is enough.
    AcceptWithinTolerance,
    /// It waits for the merchant.
    Ask,
}

/// Under what an invoice is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// A rest of at most this is not worth another payment.
    pub dust: Money,
    /// So much of the price may be missing.
    pub tolerance: Rate,
    /// How deep its deposits must be.
    pub confirming: Confirming,
    /// A payment seen so many seconds after the expiry still has the rate.
    pub grace_s: u32,
    /// Watching goes on for so many seconds after the expiry.
    pub watch_after_expiry_s: u32,
    /// What becomes of later ones.
    pub late: LatePolicy,
}

/// How the cost of what is given away is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostBasis {
    /// What came first goes first.
    #[default]
    Fifo,
    /// Everything costs the same, on average.
    Weighted,
}

/// Everything that a merchant settles about an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetSettings {
    /// For display only.
    pub symbol: crate::text::Text,
    /// The currency of the merchant's books.
    pub books: Currency,
    /// A quote is good for so many seconds.
    pub payment_window_s: u32,
    /// Under what invoices are paid.
    pub terms: Terms,
    /// How the cost of what is given away is found.
    pub cost_basis: CostBasis,
}

/// Why settings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTerms {
    /// Dust or a tier in another asset.
    #[error("dust and tiers are amounts of the asset itself, with its decimals")]
    OtherAsset,
    /// Tiers that do not cover every amount once.
    #[error("tiers rise in amount, never fall in confirmations, and the last has no limit; at most {TIERS_MAX}")]
    Tiers,
    /// A depth that makes no sense.
    #[error("a final deposit is at least as deep as a confirmed one, and at most {CONFIRMATIONS_MAX} blocks")]
    Depth,
    /// Books in an asset.
    #[error("books are kept in an ISO 4217 currency")]
    Books,
    /// A window of nothing.
    #[error("the payment window is at least one second")]
    Window,
    /// All of the price is tolerated.
    #[error("a tolerance is less than the whole price")]
    Tolerance,
}

impl BadTerms {
    /// A stable code for machines; never renamed.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OtherAsset => "terms_of_another_asset",
            Self::Tiers => "bad_tiers",
            Self::Depth => "bad_finality",
            Self::Books => "bad_books_currency",
            Self::Window => "bad_payment_window",
            Self::Tolerance => "bad_tolerance",
        }
    }

    /// The field at fault.
    #[must_use]
    pub fn pointer(self) -> &'static str {
        match self {
            Self::OtherAsset => "/dust",
            Self::Tiers => "/tiers",
            Self::Depth => "/finality",
            Self::Books => "/books",
            Self::Window => "/payment_window_s",
            Self::Tolerance => "/tolerance",
        }
    }
}

impl AssetSettings {
    /// Checks that the settings make sense for an asset.
    ///
    /// # Errors
    /// The first of [`BadTerms`] that applies.
    pub fn check(&self, asset: Asset) -> Result<(), BadTerms> {
        self.terms.check(asset)?;
        if self.books.asset().is_some() {
            return Err(BadTerms::Books);
        }
        if self.payment_window_s == 0 { Err(BadTerms::Window) } else { Ok(()) }
    }
}

impl Terms {
    /// Checks that the terms make sense for an asset.
    ///
    /// # Errors
    /// The first of [`BadTerms`] that applies.
    pub fn check(&self, asset: Asset) -> Result<(), BadTerms> {
        let tiers = &self.confirming.tiers;
        let limits: Vec<Money> = tiers.iter().filter_map(|it| it.up_to).collect();
        if [self.dust].iter().chain(&limits).any(|it| it.currency() != asset.into() || it.minor() < 0) {
            return Err(BadTerms::OtherAsset);
        }
        let has_end = tiers.last().is_some_and(|it| it.up_to.is_none());
        let pairs = || tiers.iter().zip(tiers.iter().skip(1));
        let is_rising = limits.iter().zip(limits.iter().skip(1)).all(|(a, b)| a < b);
        let is_deepening = pairs().all(|(a, b)| a.confirmations <= b.confirmations);
        if !has_end || limits.len() + 1 != tiers.len() || !is_rising || !is_deepening || tiers.len() > TIERS_MAX {
            return Err(BadTerms::Tiers);
        }
        let deepest = tiers.last().map_or(0, |it| it.confirmations);
        let depth = match self.confirming.finality {
            Finality::Depth(depth) => depth,
            Finality::Finalized => deepest,
        };
        if depth < deepest || depth > CONFIRMATIONS_MAX {
            return Err(BadTerms::Depth);
        }
        if self.tolerance.units() >= crate::rate::RATE_UNIT { Err(BadTerms::Tolerance) } else { Ok(()) }
    }
}
