//! Idempotency keys of appends to EventStoreDB, in PostgreSQL.
//!
//! A key belongs to one append of all streams, and EventStoreDB promises nothing about two streams. So the keys of a batch
//! are held in a transaction while it is appended: whoever wants one of them meanwhile waits, and finds it used, or free
//! where nothing was appended. They are recorded when the events have their positions.

use crate::log::{Batch, Keyed, LogError, StreamAppend};
use crate::pool;
use mizan_domain::id::MerchantId;
use sqlx::{FromRow, PgPool, Postgres, Transaction};
use std::collections::{HashMap, HashSet};

/// The keys of a batch, held; and the streams that may not have theirs.
pub(super) struct Held {
    tx: Transaction<'static, Postgres>,
    /// By their place in the batch.
    barred: HashSet<usize>,
}

#[derive(FromRow)]
struct Used {
    merchant_id: String,
    key: Vec<u8>,
    fingerprint: Vec<u8>,
    category: String,
    name: String,
    first_revision: i64,
    last_revision: i64,
}

impl Used {
    /// Whether it was this very append that used it; one without events cannot be told from another.
    fn is_by(&self, append: &StreamAppend, key: &Keyed) -> bool {
        let same = (&*self.category, &*self.name) == (append.stream.category, &*append.stream.id);
        let revisions = (self.first_revision, self.last_revision) == (key.first_revision, key.last_revision);
        same && revisions && self.fingerprint == key.fingerprint && !append.events.is_empty()
    }
}

impl Held {
    /// Waits until nobody else uses one of the batch's keys; none where the batch has no keys.
    pub(super) async fn take(pool: &PgPool, batch: &Batch, order: &[usize]) -> Result<Option<Self>, LogError> {
        let (mut barred, mut first) = (HashSet::new(), HashSet::<(&MerchantId, &[u8])>::new());
        for nth in order {
            let Some(append) = batch.streams.get(*nth) else { continue };
            let repeats = append.keys.iter().filter(|key| !first.insert((&append.merchant, &*key.key))).count();
            if repeats > 0 {
                barred.insert(*nth);
            }
        }
        if first.is_empty() {
            return Ok(None);
        }
        let (merchants, keys): (Vec<&str>, Vec<&[u8]>) = first.iter().map(|(it, key)| (it.as_str(), *key)).unzip();
        let mut tx = pool::transaction(pool).await?;
        // In one order, so that nobody waits in a circle. Rows that another transaction takes back were never there.
        let hold = "insert into esdb.keys_in_use (merchant_id, key) select * from unnest($1::text[], $2::bytea[]) as k(m, key) \
                    order by k.m collate \"C\", k.key";
        sqlx::query(hold).bind(&merchants).bind(&keys).execute(&mut *tx).await?;
        let used: Vec<Used> = sqlx::query_as(
            "select merchant_id, key, fingerprint, category, name, first_revision, last_revision \
             from unnest($1::text[], $2::bytea[]) as asked(merchant_id, key) join command_keys using (merchant_id, key)",
        )
        .bind(&merchants)
        .bind(&keys)
        .fetch_all(&mut *tx)
        .await?;
        let used: HashMap<(&str, &[u8]), &Used> = used.iter().map(|it| ((&*it.merchant_id, &*it.key), it)).collect();
        for (nth, append) in batch.streams.iter().enumerate() {
            let is_used = |key: &Keyed| {
                let used = used.get(&(append.merchant.as_str(), &*key.key));
                used.is_some_and(|used| !used.is_by(append, key))
            };
            if append.keys.iter().any(is_used) {
                barred.insert(nth);
            }
        }
        Ok(Some(Self { tx, barred }))
    }

    pub(super) fn bars(&self, nth: usize) -> bool {
        self.barred.contains(&nth)
    }

    /// Records the keys of the streams that were appended, and lets all go.
    pub(super) async fn record<'a>(mut self, appended: impl Iterator<Item = &'a StreamAppend>) -> Result<(), LogError> {
        let (mut merchants, mut categories, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let (mut keys, mut fingerprints, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for append in appended {
            for it in &append.keys {
                merchants.push(append.merchant.as_str());
                categories.push(append.stream.category);
                names.push(&*append.stream.id);
                keys.push(&*it.key);
                fingerprints.push(&*it.fingerprint);
                firsts.push(it.first_revision);
                lasts.push(it.last_revision);
            }
        }
        // A repeated append has its keys already.
        let record = sqlx::query(
            "insert into command_keys (merchant_id, key, fingerprint, category, name, first_revision, last_revision) \
             select * from unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) \
             on conflict do nothing",
        );
        let record = record.bind(merchants).bind(keys).bind(fingerprints).bind(categories).bind(names);
        record.bind(firsts).bind(lasts).execute(&mut *self.tx).await?;
        // Of this transaction only: nobody else's rows can be seen, and none stays.
        sqlx::query("delete from esdb.keys_in_use").execute(&mut *self.tx).await?;
        self.tx.commit().await?;
        Ok(())
    }
}
