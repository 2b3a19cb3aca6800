//! `cqrs-es` with `postgres-es`: an aggregate that is loaded, asked and committed by the framework.

use crate::facts::{Fact, metadata};
use crate::{Asks, Failure};
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use postgres_es::{PostgresCqrs, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// The table of its documentation.
const EVENTS: &str = "create table if not exists events (
    aggregate_type text not null, aggregate_id text not null, sequence bigint check (sequence >= 0) not null,
    event_type text not null, event_version text not null, payload json not null, metadata json not null,
    primary key (aggregate_type, aggregate_id, sequence))";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Payment {
    facts: u64,
}

impl DomainEvent for Fact {
    fn event_type(&self) -> String {
        self.kind().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Payment {
    const TYPE: &'static str = "payment";
    type Command = u64;
    type Event = Fact;
    type Error = Infallible;
    type Services = ();

    async fn handle(&mut self, number: u64, (): &(), sink: &EventSink<Self>) -> Result<(), Infallible> {
        for fact in Fact::of_payment(number) {
            sink.write(fact, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, _: Fact) {
        self.facts += 1;
    }
}

pub(crate) struct Shop {
    framework: PostgresCqrs<Payment>,
    next: AtomicU64,
}

impl Shop {
    pub(crate) async fn open(pool: PgPool) -> Result<Self, Failure> {
        sqlx::raw_sql(EVENTS).execute(&pool).await?;
        Ok(Self { framework: postgres_cqrs(pool, Vec::new(), ()), next: AtomicU64::new(0) })
    }
}

impl Asks for Shop {
    async fn ask(&self) -> Result<(), Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let metadata = metadata().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let stream = Uuid::now_v7().to_string();
        Ok(self.framework.execute_with_metadata(&stream, number, metadata).await?)
    }
}
