//! What time does: plans and invoices whose time has come are told so.
//!
//! They say themselves when they want to be told (`wakes_at`), and their read models are the list of timers: it is in the
//! database, it follows from the history, and it survives every crash. To tell one the time twice does nothing, so several
//! processes may do it. Nothing here decides anything.

use crate::clocks::Clocks;
use crate::commands::http::plain_context;
use crate::policies;
use crate::write::{NotDone, Writer};
use chrono::{DateTime, SubsecRound, Utc};
use futures_util::future::join_all;
use mizan_domain::event::Command;
use mizan_domain::id::{InvoiceId, MerchantId, PlanId};
use mizan_domain::onchain::invoice;
use mizan_domain::plan;
use mizan_domain::text::Text;
use mizan_projections::onchain::invoices;
use mizan_projections::plans;
use mizan_projections::{Projector, QueryError, Reads};
use mizan_store::{Log, Position};
use std::sync::Arc;
use std::time::Duration;

/// How often the timers are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How many plans, and how many invoices, are told at a time.
const TOLD_MAX: i64 = 1_000;
/// How long the read models may take to show what a clock's advance did, round by round.
const FOLLOW_MAX: Duration = Duration::from_secs(600);

/// What wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sleeper {
    Plan(PlanId),
    Invoice(InvoiceId),
}

/// One whose time has come, and whose it is.
type Woken = (MerchantId, Sleeper);

/// Tells plans and invoices what time it is.
#[derive(Clone)]
pub struct Timers {
    /// The history.
    pub log: Log,
    /// The way in.
    pub writer: Writer,
    /// What keeps the list of timers up.
    pub projector: Arc<Projector>,
    /// The list of timers.
    pub reads: Reads,
    /// What time it is.
    pub clocks: Arc<Clocks>,
}

impl Timers {
    /// Looks for ever whether somebody's time has come.
    pub async fn follow(self) {
        loop {
            if let Err(not_done) = self.tick().await {
                tracing::warn!(%not_done, "the timers could not be looked at; they are again in a moment");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn tick(&self) -> Result<(), NotDone> {
        let unavailable = |error: &dyn std::fmt::Display| NotDone::Unavailable(error.to_string());
        self.clocks.refresh().await.map_err(|error| unavailable(&error))?;
        let now = Utc::now().trunc_subsecs(6);
        let waking = self.waking(now).await.map_err(|error| unavailable(&error))?;
        if waking.is_empty() {
            return Ok(());
        }
        let told = waking.len();
        self.tell(waking, now).await?;
        tracing::debug!(told, "told plans and invoices what time it is");
        // Until the list shows it, the same ones would be told again.
        self.catch_up().await
    }

    /// Everything happens that is due by the merchant's own clock.
    ///
    /// # Errors
    /// As [`Self::pass`].
    pub async fn pass_own(&self, merchant: &MerchantId) -> Result<(), NotDone> {
        let shown = self.clocks.look(merchant).await.map_err(|error| NotDone::Unavailable(error.to_string()))?;
        match shown {
            Some(until) => self.pass(merchant, until).await,
            None => Ok(()),
        }
    }

    /// Everything happens that is due to a merchant's plans and invoices until a moment; every read model shows it afterwards.
    ///
    /// # Errors
    /// [`NotDone::Unavailable`]; what has not happened yet does, a little later, by itself.
    pub async fn pass(&self, merchant: &MerchantId, until: DateTime<Utc>) -> Result<(), NotDone> {
        loop {
            self.catch_up().await?;
            let waking = self.waking_of(merchant, until).await;
            let waking = waking.map_err(|error| NotDone::Unavailable(error.to_string()))?;
            if waking.is_empty() {
                return Ok(());
            }
            let before = self.head().await?;
            self.tell(waking, until).await?;
            if self.head().await? == before {
                // They had been told in the meantime, or cannot be: the list is waited for once more, and that is all.
                return self.catch_up().await;
            }
        }
    }

    async fn waking(&self, live_until: DateTime<Utc>) -> Result<Vec<Woken>, QueryError> {
        let plans = plans::waking(&self.reads, live_until, TOLD_MAX).await?;
        let invoices = invoices::waking(&self.reads, live_until, TOLD_MAX).await?;
        let invoices = invoices.into_iter().map(|it| (it.merchant, Sleeper::Invoice(it.invoice_id)));
        Ok(plans.into_iter().map(|it| (it.merchant, Sleeper::Plan(it.plan_id))).chain(invoices).collect())
    }

    async fn waking_of(&self, merchant: &MerchantId, until: DateTime<Utc>) -> Result<Vec<Woken>, QueryError> {
        let plans = plans::waking_of(&self.reads, merchant, until, TOLD_MAX).await?;
        let invoices = invoices::waking_of(&self.reads, merchant, until, TOLD_MAX).await?;
        let invoices = invoices.into_iter().map(|it| (it.merchant, Sleeper::Invoice(it.invoice_id)));
        Ok(plans.into_iter().map(|it| (it.merchant, Sleeper::Plan(it.plan_id))).chain(invoices).collect())
    }

    async fn head(&self) -> Result<Position, NotDone> {
        self.log.head().await.map_err(|error| NotDone::Unavailable(error.to_string()))
    }

    async fn catch_up(&self) -> Result<(), NotDone> {
        let head = self.head().await?;
        let caught_up = self.projector.wait_for(head, FOLLOW_MAX).await;
        caught_up.map_err(|lagging| NotDone::Unavailable(lagging.to_string()))
    }

    /// Tells them the time of their merchant's own clock, or the world's.
    async fn tell(&self, waking: Vec<Woken>, world: DateTime<Utc>) -> Result<(), NotDone> {
        let told = join_all(waking.into_iter().map(|it| self.tell_one(it, world))).await;
        // One that cannot be told must not keep the others waiting.
        for not_done in told.into_iter().filter_map(Result::err) {
            match not_done {
                NotDone::Unavailable(_) | NotDone::Busy => return Err(not_done),
                other => tracing::error!(not_done = %other, "a plan or an invoice could not be told what time it is"),
            }
        }
        Ok(())
    }

    async fn tell_one(&self, (merchant, sleeper): Woken, world: DateTime<Utc>) -> Result<(), NotDone> {
        let unavailable = |error: &dyn std::fmt::Display| NotDone::Unavailable(error.to_string());
        let own = self.clocks.own(&merchant).await.map_err(|error| unavailable(&error))?;
        let at = own.unwrap_or(world);
        let actor = Text::parse("timer").map_err(|error| unavailable(&error))?;
        let context = plain_context(merchant, actor);
        let command = match sleeper {
            Sleeper::Plan(plan_id) => Command::Plan(plan::Command::PassTime(plan::PassTime { plan_id, at })),
            Sleeper::Invoice(invoice_id) => {
                Command::Invoice(invoice::Command::TellTime(invoice::TellTime { invoice_id, at }))
            }
        };
        let done = self.writer.ask(command, context.clone()).await?;
        if !done.events.is_empty() {
            policies::settle(&mut self.writer.clone(), &context, &done).await?;
        }
        Ok(())
    }
}
