//! The read models as they stood at an earlier moment, for as long as one answer takes.
//!
//! A row that nothing has changed since is today's row. The others are folded again from their own streams, by the same
//! functions that keep the live ones, into tables that belong to one transaction and end with it. They have the names
//! of the live ones and stand before them in the search path, so that every query answers for then as it does for now.
//! What is only ever added to, the journal for example, is cut at the moment. Nothing here is kept, and nothing that is
//! kept is touched.

mod rooms;

use crate::apply::{NotApplied, counts_from};
use crate::checkpoint;
use crate::reads::QueryError;
use crate::schema;
use crate::search::SearchError;
use chrono::{DateTime, Utc};
use mizan_domain::event::StreamName;
use mizan_domain::id::MerchantId;
use mizan_store::{Log, Position, Recorded, pool};
use rooms::Table;
pub(crate) use rooms::{Room, Streams};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use std::fmt::Write;
use std::sync::Arc;

/// The most streams that one answer folds again.
const STREAMS_MAX: usize = 50_000;
/// How many streams are read at once.
const CHUNK_STREAMS: usize = 500;
/// How often a rebuild may go live while an answer is prepared.
const ATTEMPTS_MAX: u32 = 5;

/// A moment of the history, or of the world that it tells of, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// What was recorded up to here; everything, where it is none.
    pub as_of: Option<Position>,
    /// What happened by then, whenever it was recorded; at any time, where it is none.
    pub effective_at: Option<DateTime<Utc>>,
}

/// What an answer is about: whose, which read models, and of which stream alone where it is about one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) merchant: &'a MerchantId,
    pub(crate) rooms: &'a [Room],
    pub(crate) only: Option<&'a str>,
}

/// A transaction in which the read models are those of the moment, and the position that they then stood at.
pub(crate) async fn open(
    log: &Log,
    moment: Moment,
    about: About<'_>,
) -> Result<(Transaction<'static, Postgres>, Position), QueryError> {
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = pool::transaction(log.pool()).await?;
        sqlx::raw_sql("set transaction isolation level repeatable read").execute(&mut *tx).await?;
        let (live, incarnation) = live(&mut tx).await?;
        let position = moment.as_of.unwrap_or(live);
        if position > live {
            return Err(QueryError::Ahead { asked: position, position: live });
        }
        let past = Past { log, about, position, effective_at: moment.effective_at };
        past.enter(&mut tx).await?;
        for room in about.rooms {
            match room {
                Room::Of(streams) => past.fold_again(&mut tx, *streams).await?,
                Room::Books => past.cut_books(&mut tx).await?,
            }
        }
        // Everything above must have read one incarnation of the tables; the snapshot sees no other one whole.
        if self::incarnation(&mut tx).await? == incarnation {
            return Ok((tx, position));
        }
    }
    Err(sqlx::Error::Protocol("the read models are being replaced again and again".to_owned()).into())
}

async fn live(tx: &mut PgConnection) -> sqlx::Result<(Position, i64)> {
    let position = sqlx::query_scalar(checkpoint::LIVE_POSITION).fetch_one(&mut *tx).await?;
    Ok((position, incarnation(tx).await?))
}

/// Which tables the name of the live schema stands for now.
async fn incarnation(tx: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 'read.checkpoint'::regclass::oid::bigint").fetch_one(tx).await
}

struct Past<'a> {
    log: &'a Log,
    about: About<'a>,
    position: Position,
    effective_at: Option<DateTime<Utc>>,
}

impl Past<'_> {
    /// Tells the views whose past it is, and puts them before the live tables.
    async fn enter(&self, tx: &mut PgConnection) -> sqlx::Result<()> {
        let sql = "select set_config('mizan.merchant', $1, true), set_config('mizan.position', $2, true), \
                   set_config('mizan.effective_at', $3, true), set_config('search_path', 'pg_temp,public,read', true)";
        let effective_at = self.effective_at.map_or_else(|| "infinity".to_owned(), |it| it.to_rfc3339());
        let query = sqlx::query(sql).bind(self.about.merchant.as_str()).bind(self.position.to_string());
        query.bind(effective_at).execute(tx).await?;
        Ok(())
    }

    /// Makes the tables of one category of streams what they were.
    async fn fold_again(&self, tx: &mut PgConnection, of: Streams) -> Result<(), QueryError> {
        let changed = self.changed(tx, of).await?;
        let mut making =
            format!("create temp table changed_{} (id text collate \"C\" primary key) on commit drop;", of.category());
        for table in of.tables() {
            let name = table.name;
            let _ = write!(making, "create temp table {name} (like read.{name} including all) on commit drop;");
        }
        sqlx::raw_sql(AssertSqlSafe(making)).execute(&mut *tx).await?;
        let filling = format!("insert into changed_{} select unnest($1::text[])", of.category());
        sqlx::query(AssertSqlSafe(filling)).bind(&changed).execute(&mut *tx).await?;
        self.fold(tx, of, &changed).await?;
        let mut naming = String::new();
        for table in of.tables() {
            naming.push_str(&self.named(of, table));
        }
        sqlx::raw_sql(AssertSqlSafe(naming)).execute(&mut *tx).await?;
        Ok(())
    }

    /// The streams whose live rows are not those of the moment.
    async fn changed(&self, tx: &mut PgConnection, of: Streams) -> Result<Vec<String>, QueryError> {
        let Some(main) = of.tables().first() else { return Ok(Vec::new()) };
        let sql = format!(
            "select distinct {0} from read.{1} where merchant_id = $1 and (position > $2 or $3) \
             and ($4::text is null or {0} = $4) limit $5",
            of.id(),
            main.name
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(self.about.merchant.as_str()).bind(self.position);
        // When something happened is not when it was recorded: any stream may have facts of later than the moment.
        let query = query.bind(self.effective_at.is_some()).bind(self.about.only);
        let limit = i64::try_from(STREAMS_MAX + 1).unwrap_or(i64::MAX);
        let changed: Vec<String> = query.bind(limit).fetch_all(tx).await?;
        if changed.len() > STREAMS_MAX {
            let message = format!(
                "more than {STREAMS_MAX} streams of category {} have changed since; ask for one of them, or for a list of the \
                 journal, which is not folded again",
                of.category()
            );
            let parameter = if self.effective_at.is_some() { "effective_at" } else { "as_of" };
            return Err(SearchError::new("past_too_large", parameter, message).into());
        }
        Ok(changed)
    }

    /// Folds streams again, up to the moment.
    async fn fold(&self, tx: &mut PgConnection, of: Streams, ids: &[String]) -> Result<(), QueryError> {
        for chunk in ids.chunks(CHUNK_STREAMS) {
            let name = |id: &String| StreamName { category: of.category(), id: id.as_str().into() };
            let streams: Vec<_> = chunk.iter().map(|id| (self.about.merchant.clone(), name(id))).collect();
            let stored = self.log.streams(&streams).await.map_err(QueryError::from)?;
            let mut batch = Vec::with_capacity(stored.len());
            for it in stored.into_iter().filter(|it| it.position <= self.position) {
                let recorded = Recorded::try_from(it).map_err(|error| sqlx::Error::Decode(error.into()))?;
                if self.effective_at.is_none_or(|moment| counts_from(&recorded.event) <= moment) {
                    batch.push(Arc::new(recorded));
                }
            }
            batch.sort_by_key(|it| it.position);
            match of.apply(tx, &batch).await {
                Ok(()) => (),
                Err(NotApplied::Database(error)) => return Err(error.into()),
                Err(NotApplied::Misfit { position, reason }) if self.effective_at.is_some() => {
                    let message = format!(
                        "what had happened by then does not stand alone: the event at position {position} presupposes one \
                         that was dated later ({reason}); ask with as_of, which follows the order of recording"
                    );
                    return Err(SearchError::new("facts_out_of_order", "effective_at", message).into());
                }
                Err(NotApplied::Misfit { position, reason }) => {
                    return Err(
                        sqlx::Error::Protocol(format!("the event at {position} cannot be applied: {reason}")).into()
                    );
                }
            }
        }
        Ok(())
    }

    /// Puts the rows of the moment together under the table's own name.
    fn named(&self, of: Streams, table: &Table) -> String {
        let name = table.name;
        let unchanged = if table.has_many {
            format!(
                "not exists (select from pg_temp.changed_{} changed where changed.id = live.{})",
                of.category(),
                of.id()
            )
        } else {
            "true".to_owned()
        };
        let live = if self.effective_at.is_some() { "false" } else { unchanged.as_str() };
        format!(
            "alter table pg_temp.{name} rename to {name}_folded; \
             create temp view {name} as select * from read.{name} live \
                 where merchant_id = current_setting('mizan.merchant') \
                 and position <= current_setting('mizan.position')::bigint and {live} \
             union all select * from pg_temp.{name}_folded;"
        )
    }

    /// Cuts the books at the moment: they are only ever added to.
    async fn cut_books(&self, tx: &mut PgConnection) -> sqlx::Result<()> {
        let (journal, others) = match self.effective_at {
            Some(_) => (rooms::JOURNAL_EFFECTIVE, rooms::BOOKS_EFFECTIVE),
            None => (rooms::JOURNAL_AS_OF, rooms::BOOKS_AS_OF),
        };
        let postings = format!("create temp view postings as {}", schema::POSTINGS);
        for statements in [journal, postings.as_str(), others] {
            sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut *tx).await?;
        }
        Ok(())
    }
}
