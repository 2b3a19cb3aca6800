//! The way of an event: one batch goes into every read model, in one transaction, or into none.

use crate::lately::{Kept, KeptBooks, KeptStreams};
use crate::{
    accounts, clocks, credit_lines, customers, journal, onchain, periods, plans, statements, streams, takings,
};
use chrono::{NaiveTime, SubsecRound};
use mizan_domain::event::Event;
use mizan_domain::order::Timestamp;
use mizan_store::{Position, Recorded};
use sqlx::PgConnection;
use std::sync::Arc;

/// A fact that does not fit what is known: a shipment of a line that was never ordered, a sum beyond all bounds. No
/// decider lets it happen; where it does happen, the read models stop rather than guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit(String);

impl Misfit {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    pub(crate) fn at(self, position: Position) -> NotApplied {
        NotApplied::Misfit { position, reason: self.0 }
    }
}

/// Why a batch was not applied; nothing of it was.
#[derive(Debug)]
pub(crate) enum NotApplied {
    /// One event does not fit.
    Misfit { position: Position, reason: String },
    /// The database did not take it.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for NotApplied {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Applies a batch to every read model of the schema that the transaction's search path names.
pub(crate) async fn apply(tx: &mut PgConnection, kept: &mut Kept, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    streams(tx, &mut kept.streams, batch).await?;
    books(tx, &mut kept.books, batch).await
}

/// Applies a batch to the read models that have a row for each stream.
pub(crate) async fn streams(
    tx: &mut PgConnection,
    kept: &mut KeptStreams,
    batch: &[Arc<Recorded>],
) -> Result<(), NotApplied> {
    streams::apply(tx, &mut kept.orders, batch).await?;
    streams::apply(tx, &mut kept.payments, batch).await?;
    plans::apply(tx, &mut kept.plans, batch).await?;
    credit_lines::apply(tx, batch).await?;
    clocks::apply(tx, batch).await?;
    customers::apply(tx, batch).await?;
    onchain::wallets::apply(tx, &mut kept.wallets, batch).await?;
    streams::apply(tx, &mut kept.invoices, batch).await?;
    streams::apply(tx, &mut kept.deposits, batch).await?;
    streams::apply(tx, &mut kept.holdings, batch).await?;
    streams::apply(tx, &mut kept.payouts, batch).await
}

/// Applies a batch to the read models that are added to, whose tables are not those of the others.
pub(crate) async fn books(
    tx: &mut PgConnection,
    kept: &mut KeptBooks,
    batch: &[Arc<Recorded>],
) -> Result<(), NotApplied> {
    accounts::apply(tx, batch).await?;
    journal::apply(tx, kept, batch).await?;
    statements::apply(tx, batch).await?;
    takings::apply(tx, batch).await?;
    periods::apply(tx, batch).await
}

/// When an event happened, as PostgreSQL can keep it: in microseconds.
pub(crate) fn effective_at(event: &Event) -> Timestamp {
    event.at().trunc_subsecs(6)
}

/// From when it counts in the books: when it happened, or for a step of a plan that was done again because an earlier
/// fact came to light, and for the valuation of a holding, the day that it counts for.
pub(crate) fn counts_from(event: &Event) -> Timestamp {
    let (happened, day) = (effective_at(event), event.effective_on());
    let has_its_own_day = match event {
        Event::Plan(it) => it.step().is_some_and(|step| step.is_reapplied),
        Event::Holding(_) => true,
        Event::Order(_)
        | Event::Payment(_)
        | Event::Credit(_)
        | Event::Clock(_)
        | Event::Period(_)
        | Event::Customer(_)
        | Event::Wallet(_)
        | Event::Invoice(_)
        | Event::Deposit(_)
        | Event::Payout(_) => false,
    };
    if has_its_own_day && day != happened.date_naive() { day.and_time(NaiveTime::MIN).and_utc() } else { happened }
}
