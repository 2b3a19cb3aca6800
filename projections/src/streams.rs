//! Rows that follow one stream each: those that a batch touches are found, folded and written.
//!
//! A row is found in memory where this runner has written it lately, and in its table otherwise. What is kept is the
//! row as it was committed, so it is only good as long as nobody else writes (see [`crate::kept`]).

use crate::apply::{Misfit, NotApplied};
use crate::bulk::{self, IsNew, TableRow};
use mizan_domain::id::MerchantId;
use mizan_store::Recorded;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection};
use std::collections::HashMap;
use std::sync::Arc;

/// How many rows of a table are kept at least, where there are so many; twice as many at most.
pub(crate) const KEPT_ROWS_MIN: usize = 4_096;

/// A row that follows one stream, and is a function of it alone.
pub(crate) trait StreamRow: TableRow + for<'r> FromRow<'r, PgRow> + Send + Sync + Unpin {
    /// Reads rows by merchants and names of streams.
    const LOAD: &'static str;

    /// Whether the event is one of its stream.
    fn follows(recorded: &Recorded) -> bool;

    /// The name of its stream.
    fn stream_id(&self) -> &str;

    /// What the event makes of it.
    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit>;

    /// What follows from it when all events of a batch are in.
    fn settle(&mut self) -> Result<(), NotApplied> {
        Ok(())
    }
}

type Key = (MerchantId, Arc<str>);

/// Rows of one table as this runner has written them: the latest, and those before them, which go first.
pub(crate) struct Kept<R> {
    rows_min: usize,
    latest: HashMap<Key, R>,
    earlier: HashMap<Key, R>,
}

impl<R> Kept<R> {
    pub(crate) fn new(rows_min: usize) -> Self {
        Self { rows_min, latest: HashMap::new(), earlier: HashMap::new() }
    }

    fn take(&mut self, key: &Key) -> Option<R> {
        self.latest.remove(key).or_else(|| self.earlier.remove(key))
    }

    fn keep(&mut self, key: Key, row: R) {
        if self.rows_min == 0 {
            return;
        }
        if self.latest.len() >= self.rows_min {
            self.earlier = std::mem::take(&mut self.latest);
        }
        self.latest.insert(key, row);
    }
}

/// A row that the batch touches.
struct Touched<R> {
    key: Key,
    row: Option<R>,
    /// Whether its table has it.
    is_new: IsNew,
}

#[derive(FromRow)]
struct Known<Row> {
    merchant_id: String,
    #[sqlx(flatten)]
    row: Row,
}

/// Folds a batch into the rows of its streams.
pub(crate) async fn apply<R: StreamRow>(
    tx: &mut PgConnection,
    kept: &mut Kept<R>,
    batch: &[Arc<Recorded>],
) -> Result<(), NotApplied> {
    let key = |it: &Recorded| (it.metadata.merchant_id.clone(), Arc::clone(&it.stream.id));
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut touched: Vec<Touched<R>> = Vec::new();
    let mut events: Vec<(usize, &Arc<Recorded>)> = Vec::new();
    // Places of rows that only the table can have: with the first event of its stream a row begins.
    let mut wanted = Vec::new();
    for it in batch.iter().filter(|it| R::follows(it)) {
        let place = *places.entry(key(it)).or_insert_with_key(|key| {
            let row = kept.take(key);
            let is_new = if row.is_some() { IsNew::No } else { IsNew::Yes };
            if row.is_none() && it.revision > 1 {
                wanted.push(touched.len());
            }
            touched.push(Touched { key: key.clone(), row, is_new });
            touched.len() - 1
        });
        events.push((place, it));
    }
    load(tx, &mut touched, &places, &wanted).await?;
    for (place, recorded) in events {
        if let Some(it) = touched.get_mut(place) {
            R::fold(&mut it.row, recorded).map_err(|it| it.at(recorded.position))?;
        }
    }
    for row in touched.iter_mut().filter_map(|it| it.row.as_mut()) {
        row.settle()?;
    }
    let rows = touched.iter().filter_map(|it| Some((&it.key.0, it.row.as_ref()?, it.is_new)));
    bulk::save(tx, rows).await?;
    for it in touched {
        if let Some(row) = it.row {
            kept.keep(it.key, row);
        }
    }
    Ok(())
}

async fn load<R: StreamRow>(
    tx: &mut PgConnection,
    touched: &mut [Touched<R>],
    places: &HashMap<Key, usize>,
    wanted: &[usize],
) -> sqlx::Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let keys = wanted.iter().filter_map(|place| touched.get(*place)).map(|it| (it.key.0.as_str(), &*it.key.1));
    let (merchants, ids): (Vec<&str>, Vec<&str>) = keys.unzip();
    let known: Vec<Known<R>> = sqlx::query_as(R::LOAD).bind(merchants).bind(ids).fetch_all(tx).await?;
    for it in known {
        let merchant = MerchantId::parse(&it.merchant_id).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let key = (merchant, it.row.stream_id().into());
        if let Some(place) = places.get(&key).and_then(|place| touched.get_mut(*place)) {
            (place.row, place.is_new) = (Some(it.row), IsNew::No);
        }
    }
    Ok(())
}

/// The statement that reads rows of a table by merchants and names of streams.
macro_rules! by_stream {
    ($table:ident, $id:ident) => {
        concat!(
            "select it.* from unnest($1::text[], $2::text[]) as touched(merchant_id, ",
            stringify!($id),
            ") join ",
            stringify!($table),
            " it using (merchant_id, ",
            stringify!($id),
            ")"
        )
    };
}

pub(crate) use by_stream;
