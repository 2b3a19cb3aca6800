//! What every answer has in common: where it was read, and how far the log was applied then.

use crate::by_key::{Source, Thing, Written};
use crate::checkpoint;
use crate::gathered::Gathered;
use crate::onchain::invoices;
use crate::past::{self, About, Moment, Room, Streams};
use crate::search::{Listing, Search, SearchError};
use crate::touched::Touched;
use crate::{orders, payments, plans};
use mizan_domain::id::MerchantId;
use mizan_store::{Log, LogError, PgConnectOptions, PgPool, Position, pool};
use serde::{Deserialize, Serialize};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPoolOptions, PgRow};
use sqlx::{Connection, FromRow, PgConnection, Postgres, QueryBuilder, Transaction};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// How many answers about the past are prepared at once: each may fold much.
const PASTS_MAX: usize = 2;
/// Connections for questions about now, besides those for questions by key.
const CONNECTIONS_MAX: u32 = 8;
/// How long to wait for a free one.
const ACQUIRE_MAX: Duration = Duration::from_secs(2);

/// Where the read models are asked, and of which moment.
#[derive(Debug, Clone)]
pub struct Reads {
    log: Log,
    /// Where questions about now are asked.
    pool: PgPool,
    moment: Option<Moment>,
    pasts: Arc<Semaphore>,
    /// Where answers by key are kept, and asked for together; none where nobody says what is applied.
    fast: Option<Fast>,
}

#[derive(Debug, Clone)]
struct Fast {
    touched: Touched,
    gathered: Gathered,
}

/// Rows of a list, and the way to the next ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Hand it back as `cursor` for the next page; none on the last one.
    pub next_cursor: Option<String>,
    /// The log is applied at least up to here in this answer.
    #[schema(value_type = i64)]
    pub position: Position,
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer<T> {
    /// The thing.
    pub data: T,
    /// The log is applied at least up to here in this answer.
    #[schema(value_type = i64)]
    pub position: Position,
}

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The question is at fault.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The read models are not as far as the moment that was asked for.
    #[error("the read models stand at {position}, asked was as of {asked}")]
    Ahead {
        /// What was asked for.
        asked: Position,
        /// Where they are.
        position: Position,
    },
    /// The database did not answer.
    #[error("the read models' database did not answer: {0}")]
    Database(#[from] sqlx::Error),
}

impl From<LogError> for QueryError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Database(error) => Self::Database(error),
            LogError::Migration(_)
            | LogError::UnknownOutcome(_)
            | LogError::Store(_)
            | LogError::Broken { .. }
            | LogError::Misplaced(_) => Self::Database(sqlx::Error::Protocol(error.to_string())),
        }
    }
}

/// A connection on which the names of the read models mean those of the moment that is asked about.
pub(crate) enum Asking {
    Now(PoolConnection<Postgres>),
    /// Ends without a trace when it is dropped.
    Then(Transaction<'static, Postgres>),
}

impl Deref for Asking {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Now(it) => it,
            Self::Then(it) => it,
        }
    }
}

impl DerefMut for Asking {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Now(it) => it,
            Self::Then(it) => it,
        }
    }
}

impl Reads {
    /// Asks the read models in the log's database, as they are.
    #[must_use]
    pub fn new(log: Log) -> Self {
        let pool = log.pool().clone();
        Self { log, pool, moment: None, pasts: Arc::new(Semaphore::new(PASTS_MAX)), fast: None }
    }

    /// The same, with answers by key kept in memory for as long as nothing is applied that changes them, and otherwise
    /// asked for together; and all questions about now asked on connections of their own. `touched` is that of the
    /// projector that runs in this process.
    ///
    /// Must be called within a tokio runtime that lives as long as anybody asks.
    #[must_use]
    pub fn keeping(self, touched: Touched) -> Self {
        let options = self.log.pool().connect_options();
        let gathered = Gathered::start(&options, &touched);
        Self { pool: reading(&options), fast: Some(Fast { touched, gathered }), ..self }
    }

    /// The same questions, answered as of an earlier moment.
    #[must_use]
    pub fn at(&self, moment: Moment) -> Self {
        Self { moment: Some(moment), ..self.clone() }
    }

    /// A connection for one merchant's questions, and the position that whatever it reads from now on is at, or at
    /// least at where the question is about now.
    ///
    /// The position is read first, so that a batch or a rebuild that comes between can only make an answer newer than it
    /// says. Every answer is then one statement: a rebuild that flips between two of them would show half of each.
    pub(crate) async fn begin(&self, about: About<'_>) -> Result<(Asking, Position), QueryError> {
        let Some(moment) = self.moment else {
            let (connection, position) = self.now().await?;
            return Ok((Asking::Now(connection), position));
        };
        // Never closed.
        let _turn = self.pasts.acquire().await;
        let (tx, position) = Box::pin(past::open(&self.log, moment, about)).await?;
        Ok((Asking::Then(tx), position))
    }

    /// The same for questions that are about no merchant's past.
    pub(crate) async fn now(&self) -> sqlx::Result<(PoolConnection<Postgres>, Position)> {
        // Which may have to make one: a large future, that nobody else should be as large as.
        let mut connection = Box::pin(self.pool.acquire()).await?;
        let position = served_at(&mut connection).await?;
        Ok((connection, position))
    }

    /// A page of a table whose columns are the fields of the row.
    pub(crate) async fn page<T>(
        &self,
        merchant: &MerchantId,
        (room, table): (Room, &'static str),
        listing: &'static Listing,
        pairs: &[(String, String)],
    ) -> Result<Page<T>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Serialize + Send + Unpin,
    {
        let search = Search::parse(listing, merchant, pairs)?;
        let mut sql = select("select * from ", table, merchant, &search);
        let (mut connection, position) = self.begin(About { merchant, rooms: &[room], only: None }).await?;
        let rows = sql.build_query_as().fetch_all(&mut *connection).await?;
        Ok(search.into_page(rows, position))
    }

    /// How PostgreSQL would find the rows of a page.
    #[cfg(test)]
    pub(crate) async fn explained(
        &self,
        merchant: &MerchantId,
        (table, listing): (&'static str, &'static Listing),
        pairs: &[(String, String)],
    ) -> String {
        let search = Search::parse(listing, merchant, pairs).unwrap();
        let mut sql = select("explain select * from ", table, merchant, &search);
        let lines: Vec<String> = sql.build_query_scalar().fetch_all(&self.pool).await.unwrap();
        lines.join("\n")
    }

    /// One row, where it is there.
    pub(crate) async fn one<T>(
        &self,
        (streams, statement): (Streams, &'static str),
        merchant: &MerchantId,
        id: &str,
    ) -> Result<Option<Answer<T>>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let about = About { merchant, rooms: &[Room::Of(streams)], only: Some(id) };
        let (mut connection, position) = self.begin(about).await?;
        let query = sqlx::query_as(statement).bind(merchant.as_str()).bind(id);
        let row = query.fetch_optional(&mut *connection).await?;
        Ok(row.map(|data| Answer { data, position }))
    }

    /// A thing by its key, as it is sent, where it is kept in memory; what is not may be there all the same.
    #[must_use]
    pub fn remembered(&self, thing: Thing, merchant: &MerchantId, id: &str) -> Option<Written> {
        let fast = self.fast.as_ref().filter(|_| self.moment.is_none())?;
        fast.touched.kept().get(thing, merchant, id)
    }

    /// A thing by its key, as it is sent, and where it was found; none where the merchant has no such thing.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn written(
        &self,
        thing: Thing,
        merchant: &MerchantId,
        id: &str,
    ) -> Result<Option<(Written, Source)>, QueryError> {
        if let Some(written) = self.remembered(thing, merchant, id) {
            return Ok(Some((written, Source::Memory)));
        }
        let found = match self.fast.as_ref().filter(|_| self.moment.is_none()) {
            Some(fast) => fast.gathered.ask(thing, merchant, id).await?,
            None => Box::pin(self.read(thing, merchant, id)).await?,
        };
        Ok(found.map(|it| (it, Source::Database)))
    }

    async fn read(&self, thing: Thing, merchant: &MerchantId, id: &str) -> Result<Option<Written>, QueryError> {
        match thing {
            Thing::Order => written(orders::get(self, merchant, id).await?, |it| it.revision),
            Thing::Payment => written(payments::get(self, merchant, id).await?, |it| it.revision),
            Thing::Plan => written(plans::get(self, merchant, id).await?, |it| it.plan.revision),
            Thing::Invoice => written(invoices::get(self, merchant, id).await?, |it| it.revision),
        }
    }
}

fn written<T: Serialize>(
    found: Option<Answer<T>>,
    revision: impl Fn(&T) -> i64,
) -> Result<Option<Written>, QueryError> {
    let written = found.map(|it| Written::of(&it.data, revision, it.position)).transpose();
    Ok(written?)
}

/// The rows of a page.
fn select(before: &str, table: &str, merchant: &MerchantId, search: &Search) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(before);
    sql.push(table).push(" where merchant_id = ").push_bind(merchant.as_str());
    search.push_filters(&mut sql);
    search.push_after(&mut sql);
    search.push_order(&mut sql);
    sql
}

/// Connections that can only read. Without the guard of [`mizan_store::pool`], which costs a round trip each time: what
/// it is against, a write that is acknowledged inside somebody else's transaction, cannot happen where nothing is written.
fn reading(options: &PgConnectOptions) -> PgPool {
    let options = options.clone().options([("default_transaction_read_only", "on")]);
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_MAX)
        .test_before_acquire(false)
        .before_acquire(|connection, it| {
            Box::pin(async move { Ok(it.idle_for < pool::IDLE_UNTESTED_MAX || connection.ping().await.is_ok()) })
        })
        .connect_lazy_with(options)
}

async fn served_at(connection: &mut PgConnection) -> sqlx::Result<Position> {
    sqlx::query_scalar(checkpoint::LIVE_POSITION).fetch_one(connection).await
}
