//! What a runner has written lately and need not ask the database for.
//!
//! It is right for as long as every batch of this runner is the next one, which its compare-and-set on position and epoch
//! says for each. Where another runner has applied a batch in between, or anything fails, all of it is thrown away.

use crate::journal::Blocks;
use crate::onchain::deposits::DepositRow;
use crate::onchain::holdings::HoldingRow;
use crate::onchain::invoices::InvoiceRow;
use crate::onchain::payouts::PayoutRow;
use crate::onchain::wallets::WalletRow;
use crate::orders::OrderRow;
use crate::payments::PaymentRow;
use crate::plans::PlanRow;
use crate::streams::{self, KEPT_ROWS_MIN};

/// Rows as they are committed.
pub(crate) struct Kept {
    pub(crate) streams: KeptStreams,
    pub(crate) books: KeptBooks,
}

/// Of the read models that have a row for each stream.
pub(crate) struct KeptStreams {
    pub(crate) orders: streams::Kept<OrderRow>,
    pub(crate) payments: streams::Kept<PaymentRow>,
    pub(crate) plans: streams::Kept<PlanRow>,
    pub(crate) wallets: streams::Kept<WalletRow>,
    pub(crate) invoices: streams::Kept<InvoiceRow>,
    pub(crate) deposits: streams::Kept<DepositRow>,
    pub(crate) holdings: streams::Kept<HoldingRow>,
    pub(crate) payouts: streams::Kept<PayoutRow>,
}

/// Of the read models that are added to.
#[derive(Default)]
pub(crate) struct KeptBooks {
    pub(crate) blocks: Blocks,
}

impl Kept {
    /// Empty, and stays so: for whoever sees each stream once.
    pub(crate) fn nothing() -> Self {
        Self::of(0)
    }

    fn of(rows_min: usize) -> Self {
        let streams = KeptStreams {
            orders: streams::Kept::new(rows_min),
            payments: streams::Kept::new(rows_min),
            plans: streams::Kept::new(rows_min),
            wallets: streams::Kept::new(rows_min),
            invoices: streams::Kept::new(rows_min),
            deposits: streams::Kept::new(rows_min),
            holdings: streams::Kept::new(rows_min),
            payouts: streams::Kept::new(rows_min),
        };
        Self { streams, books: KeptBooks::default() }
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self::of(KEPT_ROWS_MIN)
    }
}
