//! Taking over a history that was recorded elsewhere: same positions, same ids, same bytes, same times.

use super::Store;
use crate::log::{LogError, Position, Stored};
use crate::pool;

impl Store {
    pub(crate) async fn import(&self, after: Position, events: &[Stored]) -> Result<(), LogError> {
        let Some(last) = events.last() else { return Ok(()) };
        let mut tx = pool::transaction(&self.pool).await?;
        let head = sqlx::query("update log_head set position = $1, recorded_at = $2 where position = $3");
        let moved = head.bind(last.position).bind(last.recorded_at).bind(after).execute(&mut *tx).await?;
        if moved.rows_affected() != 1 {
            tx.rollback().await?;
            return Err(LogError::Misplaced(format!("events after {after} do not follow the end of this history")));
        }
        let merchants: Vec<&str> = events.iter().map(|it| &*it.merchant_id).collect();
        let categories: Vec<&str> = events.iter().map(|it| &*it.category).collect();
        let names: Vec<&str> = events.iter().map(|it| &*it.name).collect();
        let revisions: Vec<i64> = events.iter().map(|it| it.revision).collect();
        sqlx::query(
            "insert into streams (merchant_id, category, name) \
             select distinct e.m, e.c, e.n from unnest($1::text[], $2::text[], $3::text[]) as e(m, c, n) \
             on conflict (merchant_id, name, category) do nothing",
        )
        .bind(&merchants)
        .bind(&categories)
        .bind(&names)
        .execute(&mut *tx)
        .await?;
        let insert = sqlx::query(
            "insert into events (position, stream_id, revision, event_id, kind, recorded_at, payload, metadata) \
             select e.position, s.stream_id, e.revision, e.event_id, e.kind, e.at, e.payload, e.metadata \
             from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[], \
                         $8::timestamptz[], $9::bytea[], $10::bytea[]) \
                  as e(merchant_id, category, name, revision, position, event_id, kind, at, payload, metadata) \
             join streams s using (merchant_id, category, name)",
        );
        let insert = insert.bind(&merchants).bind(&categories).bind(&names).bind(&revisions);
        let insert = insert.bind(events.iter().map(|it| it.position).collect::<Vec<_>>());
        let insert = insert.bind(events.iter().map(|it| it.event_id).collect::<Vec<_>>());
        let insert = insert.bind(events.iter().map(|it| &*it.kind).collect::<Vec<_>>());
        let insert = insert.bind(events.iter().map(|it| it.recorded_at).collect::<Vec<_>>());
        let insert = insert.bind(events.iter().map(|it| &*it.payload).collect::<Vec<_>>());
        insert.bind(events.iter().map(|it| &*it.metadata).collect::<Vec<_>>()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}
