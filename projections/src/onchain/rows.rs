//! Rows that follow one stream each: those that a batch touches are loaded, folded and written, a statement each.

use crate::apply::{Misfit, NotApplied};
use crate::bulk;
use mizan_domain::id::MerchantId;
use mizan_store::Recorded;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A row that follows one stream, and is a function of it alone.
pub(super) trait Row: for<'r> FromRow<'r, PgRow> + Serialize + Send + Unpin {
    /// Reads rows by merchants and names of streams.
    const LOAD: &'static str;
    /// Writes rows, as [`bulk::upsert!`] makes it.
    const SAVE: &'static str;

    /// Whether the event is one of its stream.
    fn follows(recorded: &Recorded) -> bool;

    /// The name of its stream.
    fn stream_id(&self) -> &str;

    /// What the event makes of it.
    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit>;
}

type Rows<R> = BTreeMap<(MerchantId, Arc<str>), Option<R>>;

#[derive(FromRow)]
struct Known<Kept> {
    merchant_id: String,
    #[sqlx(flatten)]
    row: Kept,
}

/// Folds a batch into the rows of its streams.
pub(super) async fn apply<R: Row>(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let key = |it: &Recorded| (it.metadata.merchant_id.clone(), Arc::clone(&it.stream.id));
    let mut touched: Rows<R> = batch.iter().filter(|it| R::follows(it)).map(|it| (key(it), None)).collect();
    if touched.is_empty() {
        return Ok(());
    }
    load(tx, &mut touched).await?;
    for recorded in batch.iter().filter(|it| R::follows(it)) {
        if let Some(row) = touched.get_mut(&key(recorded)) {
            R::fold(row, recorded).map_err(|it| it.at(recorded.position))?;
        }
    }
    let rows = touched.iter().filter_map(|((merchant, _), row)| Some((merchant, row.as_ref()?)));
    Ok(bulk::write(tx, R::SAVE, rows).await?)
}

async fn load<R: Row>(tx: &mut PgConnection, touched: &mut Rows<R>) -> sqlx::Result<()> {
    let (merchants, ids): (Vec<&str>, Vec<&str>) =
        touched.keys().map(|(merchant, id)| (merchant.as_str(), &**id)).unzip();
    let known: Vec<Known<R>> = sqlx::query_as(R::LOAD).bind(merchants).bind(ids).fetch_all(tx).await?;
    for it in known {
        let merchant = MerchantId::parse(&it.merchant_id).map_err(|error| sqlx::Error::Decode(error.into()))?;
        touched.insert((merchant, it.row.stream_id().into()), Some(it.row));
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

pub(super) use by_stream;

/// Something that happened to what was never begun.
pub(super) fn never_begun(recorded: &Recorded) -> Misfit {
    Misfit::because(format!("{} of {} that was never begun", recorded.kind, recorded.stream))
}
