//! `esrs`: an aggregate whose manager persists what it decides. It keeps no metadata.

use crate::facts::Fact;
use crate::{Asks, Failure};
use esrs::manager::AggregateManager;
use esrs::store::postgres::{PgStore, PgStoreBuilder};
use esrs::{Aggregate, AggregateState};
use sqlx::PgPool;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

struct Payment;

impl Aggregate for Payment {
    const NAME: &'static str = "payment";
    type State = u64;
    type Command = u64;
    type Event = Fact;
    type Error = Infallible;

    fn handle_command(_: &u64, number: u64) -> Result<Vec<Fact>, Infallible> {
        Ok(Fact::of_payment(number).to_vec())
    }

    fn apply_event(facts: u64, _: Fact) -> u64 {
        facts + 1
    }
}

pub(crate) struct Shop {
    manager: AggregateManager<PgStore<Payment>>,
    next: AtomicU64,
}

impl Shop {
    pub(crate) async fn open(pool: PgPool) -> Result<Self, Failure> {
        let store = PgStoreBuilder::new(pool).try_build().await?;
        Ok(Self { manager: AggregateManager::new(store), next: AtomicU64::new(0) })
    }
}

impl Asks for Shop {
    async fn ask(&self) -> Result<(), Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = AggregateState::with_id(Uuid::now_v7());
        match self.manager.handle_command(state, number).await? {
            Ok(_facts) => Ok(()),
            Err(never) => match never {},
        }
    }
}
