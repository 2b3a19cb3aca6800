//! What time it is for a merchant: the world's, or that of the merchant's own clock, which is a stream of the history.

use chrono::{DateTime, SubsecRound, Utc};
use mizan_domain::Decider;
use mizan_domain::clock::{self, Clock};
use mizan_domain::event::{Event, StreamName};
use mizan_domain::id::MerchantId;
use mizan_store::{Log, LogError, Recorded};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The clocks that this process knows.
pub struct Clocks {
    log: Log,
    /// None for a merchant that lives in the world's time.
    known: Mutex<HashMap<MerchantId, Option<DateTime<Utc>>>>,
}

impl Clocks {
    /// No clocks known yet.
    #[must_use]
    pub fn new(log: Log) -> Self {
        Self { log, known: Mutex::new(HashMap::new()) }
    }

    /// What time it is for a merchant, in microseconds, as PostgreSQL and the wire keep it.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn now(&self, merchant: &MerchantId) -> Result<DateTime<Utc>, LogError> {
        Ok(self.own(merchant).await?.unwrap_or_else(world))
    }

    /// What the merchant's own clock shows; none where it has none.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn own(&self, merchant: &MerchantId) -> Result<Option<DateTime<Utc>>, LogError> {
        if let Some(known) = self.lock().get(merchant) {
            return Ok(*known);
        }
        Box::pin(self.look(merchant)).await
    }

    /// What the merchant's own clock shows in the history, whatever was known before.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn look(&self, merchant: &MerchantId) -> Result<Option<DateTime<Utc>>, LogError> {
        let shown = self.read(merchant).await?;
        Ok(self.show(merchant, shown))
    }

    /// Takes over what a clock shows. It never goes back.
    fn show(&self, merchant: &MerchantId, shown: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let mut known = self.lock();
        let slot = known.entry(merchant.clone()).or_default();
        *slot = (*slot).max(shown);
        *slot
    }

    /// Looks whether another process has advanced a clock.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn refresh(&self) -> Result<(), LogError> {
        let merchants: Vec<MerchantId> = self.lock().keys().cloned().collect();
        for merchant in merchants {
            self.look(&merchant).await?;
        }
        Ok(())
    }

    async fn read(&self, merchant: &MerchantId) -> Result<Option<DateTime<Utc>>, LogError> {
        let stream = StreamName { category: Clock::CATEGORY, id: clock::NAME.into() };
        let stored = self.log.streams(&[(merchant.clone(), stream)]).await?;
        let shown = stored.into_iter().filter_map(|it| match Recorded::try_from(it) {
            Ok(recorded) => match &*recorded.event {
                Event::Clock(event) => Some(event.at()),
                _not_of_a_clock => None,
            },
            Err(unreadable) => {
                tracing::error!(%unreadable, "a clock cannot be read");
                None
            }
        });
        Ok(shown.max())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<MerchantId, Option<DateTime<Utc>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn world() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
