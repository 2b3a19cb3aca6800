//! What every answer has in common: where it was read, and how far the log was applied then.

use crate::checkpoint;
use crate::search::{Listing, Search, SearchError};
use mizan_domain::id::MerchantId;
use mizan_store::{PgPool, Position};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use utoipa::ToSchema;

/// Where the read models are asked.
#[derive(Debug, Clone)]
pub struct Reads {
    pool: PgPool,
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
    /// The database did not answer.
    #[error("the read models' database did not answer: {0}")]
    Database(#[from] sqlx::Error),
}

impl Reads {
    /// Asks through this pool, for example [`mizan_store::Log::pool`].
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// A connection, and the position that whatever it reads from now on is at least at.
    ///
    /// The position is read first, so that a batch or a rebuild that comes between can only make an answer newer than it
    /// says. Every answer is then one statement: a rebuild that flips between two of them would show half of each.
    pub(crate) async fn begin(&self) -> sqlx::Result<(sqlx::pool::PoolConnection<Postgres>, Position)> {
        let mut connection = self.pool.acquire().await?;
        let position = served_at(&mut connection).await?;
        Ok((connection, position))
    }

    /// A page of a table whose columns are the fields of the row.
    pub(crate) async fn page<T>(
        &self,
        merchant: &MerchantId,
        table: &'static str,
        listing: &'static Listing,
        pairs: &[(String, String)],
    ) -> Result<Page<T>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Serialize + Send + Unpin,
    {
        let search = Search::parse(listing, merchant, pairs)?;
        let mut sql = QueryBuilder::new("select * from ");
        sql.push(table).push(" where merchant_id = ").push_bind(merchant.as_str());
        search.push_filters(&mut sql);
        search.push_after(&mut sql);
        search.push_order(&mut sql);
        let (mut connection, position) = self.begin().await?;
        let rows = sql.build_query_as().fetch_all(&mut *connection).await?;
        Ok(search.into_page(rows, position))
    }

    /// One row, where it is there.
    pub(crate) async fn one<T>(
        &self,
        statement: &'static str,
        merchant: &MerchantId,
        id: &str,
    ) -> Result<Option<Answer<T>>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let (mut connection, position) = self.begin().await?;
        let query = sqlx::query_as(statement).bind(merchant.as_str()).bind(id);
        let row = query.fetch_optional(&mut *connection).await?;
        Ok(row.map(|data| Answer { data, position }))
    }
}

async fn served_at(connection: &mut PgConnection) -> sqlx::Result<Position> {
    sqlx::query_scalar(checkpoint::LIVE_POSITION).fetch_one(connection).await
}
