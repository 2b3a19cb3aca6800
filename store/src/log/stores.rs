//! The closed choice of who keeps the history, and what everybody may ask of it.

use super::{Batch, Found, HistoryFilter, KnownKey, LogError, Outcome, Position, Stored, Taken, WholeBatch};
#[cfg(feature = "eventstoredb")]
use crate::esdb;
use crate::feed::Feed;
use crate::postgres;
use crate::seal::Leaf;
use crate::seal::scan::scan;
use chrono::{DateTime, Utc};
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, PgPool};
use std::ops::ControlFlow;

/// The event log, in the store that keeps it.
#[derive(Debug, Clone)]
pub enum Log {
    /// PostgreSQL has everything.
    Postgres(postgres::Store),
    /// EventStoreDB has the events, PostgreSQL their positions.
    #[cfg(feature = "eventstoredb")]
    EventStoreDb(esdb::Store),
}

/// Asks whoever keeps the history. What EventStoreDB does is boxed, so that nobody on PostgreSQL carries its futures.
macro_rules! ask {
    ($log:expr, $it:ident => $asked:expr) => {
        match $log {
            Log::Postgres($it) => $asked.await,
            #[cfg(feature = "eventstoredb")]
            Log::EventStoreDb($it) => Box::pin($asked).await,
        }
    };
}

impl Log {
    /// The history on PostgreSQL: connects, and brings the log's tables up to date.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn connect(options: PgConnectOptions, connections_max: u32) -> Result<Self, LogError> {
        Ok(Self::Postgres(postgres::Store::connect(options, connections_max).await?))
    }

    /// The history on EventStoreDB (`esdb://...`), its positions and everything else on PostgreSQL. Returns when every
    /// event that is there has its position.
    ///
    /// # Errors
    /// [`LogError`]; [`LogError::Misplaced`] also from a program that was built without EventStoreDB.
    pub async fn connect_eventstoredb(
        options: PgConnectOptions,
        connections_max: u32,
        address: &str,
    ) -> Result<Self, LogError> {
        #[cfg(feature = "eventstoredb")]
        return Ok(Self::EventStoreDb(Box::pin(esdb::Store::connect(options, connections_max, address)).await?));
        #[cfg(not(feature = "eventstoredb"))]
        {
            let _ = (options, connections_max, address);
            Err(LogError::Misplaced("this program was built without EventStoreDB (feature `eventstoredb`)".into()))
        }
    }

    /// The guarded pool, for read models in the same database.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        match self {
            Self::Postgres(it) => it.pool(),
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(it) => it.pool(),
        }
    }

    /// What this process has appended lately.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        match self {
            Self::Postgres(it) => it.feed(),
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(it) => it.feed(),
        }
    }

    /// Appends a batch; durable, and to be read by everybody, when it returns. Answers in the order of the batch.
    ///
    /// # Errors
    /// [`LogError`]; the batch, or some of its streams, may or may not be there then, and may be sent again as it is. A
    /// caller that goes away before the answer leaves it in the same doubt.
    pub async fn append(&self, batch: &Batch) -> Result<Vec<Outcome>, LogError> {
        ask!(self, it => it.append(batch))
    }

    /// Whether this store can take events of several streams together.
    #[must_use]
    pub fn takes_whole(&self) -> bool {
        match self {
            Self::Postgres(_) => true,
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(_) => false,
        }
    }

    /// Appends a batch whole, in its order, or nothing of it; durable, and to be read by everybody, when it returns.
    ///
    /// # Errors
    /// As for [`Log::append`], but for the whole batch.
    pub async fn append_whole(&self, batch: &WholeBatch) -> Result<Taken, LogError> {
        match self {
            Self::Postgres(it) => it.append_whole(batch).await,
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(_) => Ok(Taken::Not),
        }
    }

    /// The events of some streams, whole, in the order of each stream.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn streams(&self, streams: &[(MerchantId, StreamName)]) -> Result<Vec<Stored>, LogError> {
        ask!(self, it => it.streams(streams))
    }

    /// The next events after a position, in order; at most `limit` and [`super::READ_EVENTS_MAX`].
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn read(&self, after: Position, limit: i64) -> Result<Vec<Stored>, LogError> {
        ask!(self, it => it.read(after, limit))
    }

    /// The next events of some kinds after a position and up to another, in order.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn read_kinds(
        &self,
        range: (Position, Position),
        kinds: &[&str],
        limit: i64,
    ) -> Result<Vec<Stored>, LogError> {
        ask!(self, it => it.read_kinds(range, kinds, limit))
    }

    /// A merchant's next events between two positions, in order; at most `limit` and [`super::READ_EVENTS_MAX`].
    ///
    /// Where little of a long history is wanted, it gives up after some seconds with what it has found, which may be
    /// nothing; `reached` is then before the end of the range.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn history(
        &self,
        merchant: &MerchantId,
        filter: &HistoryFilter,
        range: (Position, Position),
        limit: i64,
    ) -> Result<Found, LogError> {
        ask!(self, it => it.history(merchant, filter, range, limit))
    }

    /// The last event that was recorded before a moment; the start, where none was. None where somebody has cut a hole
    /// into the history and it cannot be found.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn last_before(&self, moment: DateTime<Utc>) -> Result<Option<Position>, LogError> {
        ask!(self, it => it.last_before(moment))
    }

    /// Every merchant who has a history.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn merchants(&self) -> Result<Vec<String>, LogError> {
        ask!(self, it => it.merchants())
    }

    /// The position of the last event.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn head(&self) -> Result<Position, LogError> {
        ask!(self, it => it.head())
    }

    /// The same, from the store itself: whether it answers, and what nobody has counted yet.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn head_now(&self) -> Result<Position, LogError> {
        ask!(self, it => it.head_now())
    }

    /// How far the policies have answered the history.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn policy_checkpoint(&self) -> Result<Position, LogError> {
        Ok(sqlx::query_scalar("select position from policy_checkpoint").fetch_one(self.pool()).await?)
    }

    /// Moves the policies' checkpoint forward; never back, whoever else moves it.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn move_policy_checkpoint(&self, to: Position) -> Result<(), LogError> {
        let update = sqlx::query("update policy_checkpoint set position = $1 where position < $1");
        update.bind(to).execute(self.pool()).await?;
        Ok(())
    }

    /// What is known of some of a merchant's idempotency keys.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub async fn keys(&self, merchant: &MerchantId, keys: &[Vec<u8>]) -> Result<Vec<KnownKey>, LogError> {
        let rows = sqlx::query_as(
            "select key, fingerprint, category, name, first_revision, last_revision \
             from command_keys where merchant_id = $1 and key = any($2)",
        );
        Ok(rows.bind(merchant.as_str()).bind(keys).fetch_all(self.pool()).await?)
    }

    /// Puts events that were recorded elsewhere behind a position, which has to be the last one, each with its own
    /// position, time and bytes. Their positions and revisions have to follow what is there.
    ///
    /// # Errors
    /// [`LogError::Misplaced`] where they do not belong there; the others as for [`Log::append`].
    pub async fn import(&self, after: Position, events: &[Stored]) -> Result<(), LogError> {
        ask!(self, it => it.import(after, events))
    }

    /// Lends every event after a position and up to another to `each`, in the order of positions, until it breaks; in
    /// bulk, and in constant memory. Holes in what PostgreSQL keeps are not noticed here.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn scan(
        &self,
        tx: &mut PgConnection,
        range: (Position, Position),
        each: impl FnMut(Leaf<'_>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        match self {
            Self::Postgres(_) => Ok(scan(tx, range, each).await?),
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(it) => {
                let mut each = each;
                it.scan(range, |stored| each(Leaf::from(stored))).await
            }
        }
    }

    /// Where the head says that the history ends, and where its last event is.
    ///
    /// # Errors
    /// [`LogError::Database`].
    pub(crate) async fn ends(&self, tx: &mut PgConnection) -> Result<(Position, Position), LogError> {
        let sql = match self {
            Self::Postgres(_) => {
                "select (select position from log_head), coalesce((select max(position) from events), 0)"
            }
            #[cfg(feature = "eventstoredb")]
            Self::EventStoreDb(_) => {
                "select (select position from esdb.head), coalesce((select max(position) from esdb.places), 0)"
            }
        };
        Ok(sqlx::query_as(sql).fetch_one(tx).await?)
    }
}
