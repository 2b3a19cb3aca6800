//! Answers for one thing by its key, as they are sent: written once, kept in memory, read together where they are not.
//!
//! Only questions about now come here. A moment of the past is folded for each answer ([`crate::past`]).

use crate::by_columns;
use crate::onchain::invoices::InvoiceRow;
use crate::orders::OrderRow;
use crate::payments::PaymentRow;
use crate::plans::{PlanView, plan_view};
use mizan_domain::Decider;
use mizan_domain::onchain::invoice::Invoice;
use mizan_domain::order::Order;
use mizan_domain::payment::Payment;
use mizan_domain::plan::Plan;
use mizan_store::Position;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};
use std::sync::Arc;

/// What can be asked for by key and is kept. Each is a function of one stream's events alone, and none has a personal
/// value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// An order.
    Order,
    /// A payment.
    Payment,
    /// A plan with its installments and its latest history.
    Plan,
    /// An invoice on a chain.
    Invoice,
}

/// One thing, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The thing itself, a JSON object.
    pub data: Arc<[u8]>,
    /// How many events it has: its ETag.
    pub revision: i64,
    /// The log is applied at least up to here in this answer.
    pub position: Position,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It was here.
    Memory,
    /// It was read.
    Database,
}

/// A statement that gives the rows of some keys: see [`ByKey::ROWS`].
macro_rules! rows {
    ($columns:expr, $table:literal, $id:literal) => {
        concat!(
            "select asked.nth, stands.position as stands_at, ",
            $columns,
            " from read.checkpoint stands, \
             unnest($1::text[], $2::text[]) with ordinality as asked(asked_merchant, asked_id, nth) join ",
            $table,
            " on ",
            $table,
            ".merchant_id = asked_merchant and ",
            $table,
            ".",
            $id,
            " = asked_id"
        )
    };
}

/// A row that is asked for by key, together with others of its kind.
trait ByKey: for<'r> FromRow<'r, PgRow> + Serialize + Send + Unpin {
    /// Gives the rows of those of the keys (`$1` merchants, `$2` ids) that have one: `nth` in the question, from 1, and
    /// `stands_at`, the position that the row is at or is newer than. The checkpoint is named first, so that where a
    /// rebuild goes live while names are looked up, the rows are the newer ones.
    const ROWS: &'static str;

    /// How many events there are.
    fn revision(&self) -> i64;

    /// Writes a row of [`ByKey::ROWS`] down.
    fn written(row: &PgRow) -> sqlx::Result<Written> {
        Written::of(&Self::from_row(row)?, Self::revision, row.try_get("stands_at")?)
    }
}

/// Where the fields of a row begin, whose table's columns are its fields: behind `nth`, `stands_at` and the merchant.
const FIELDS_FROM: usize = 3;

fn written_by_columns(row: &PgRow) -> sqlx::Result<Written> {
    let data = by_columns::object(row, FIELDS_FROM)?.into();
    Ok(Written { data, revision: row.try_get("revision")?, position: row.try_get("stands_at")? })
}

impl ByKey for OrderRow {
    const ROWS: &'static str = rows!("orders.*", "orders", "order_id");

    fn revision(&self) -> i64 {
        self.revision
    }

    fn written(row: &PgRow) -> sqlx::Result<Written> {
        written_by_columns(row)
    }
}

impl ByKey for PaymentRow {
    const ROWS: &'static str = rows!("payments.*", "payments", "payment_id");

    fn revision(&self) -> i64 {
        self.revision
    }

    fn written(row: &PgRow) -> sqlx::Result<Written> {
        written_by_columns(row)
    }
}

impl ByKey for PlanView {
    const ROWS: &'static str = rows!(plan_view!(), "plans", "plan_id");

    fn revision(&self) -> i64 {
        self.plan.revision
    }
}

impl ByKey for InvoiceRow {
    const ROWS: &'static str = rows!("invoices.*", "invoices", "invoice_id");

    fn revision(&self) -> i64 {
        self.revision
    }
}

impl Thing {
    /// The category of its streams.
    pub(crate) fn category(self) -> &'static str {
        match self {
            Self::Order => Order::CATEGORY,
            Self::Payment => Payment::CATEGORY,
            Self::Plan => Plan::CATEGORY,
            Self::Invoice => Invoice::CATEGORY,
        }
    }

    /// The thing whose streams have this category.
    pub(crate) fn of_category(category: &str) -> Option<Self> {
        [Self::Order, Self::Payment, Self::Plan, Self::Invoice].into_iter().find(|it| it.category() == category)
    }

    /// Reads those of some keys that are there, in one statement: for each its place in the question, from 0, and what
    /// it is, or why it cannot be read.
    pub(crate) async fn rows(
        self,
        connection: &mut PgConnection,
        (merchants, ids): (&[&str], &[&str]),
    ) -> sqlx::Result<Vec<(usize, sqlx::Result<Written>)>> {
        match self {
            Self::Order => rows::<OrderRow>(connection, merchants, ids).await,
            Self::Payment => rows::<PaymentRow>(connection, merchants, ids).await,
            Self::Plan => rows::<PlanView>(connection, merchants, ids).await,
            Self::Invoice => rows::<InvoiceRow>(connection, merchants, ids).await,
        }
    }
}

async fn rows<T: ByKey>(
    connection: &mut PgConnection,
    merchants: &[&str],
    ids: &[&str],
) -> sqlx::Result<Vec<(usize, sqlx::Result<Written>)>> {
    let found = sqlx::query(T::ROWS).bind(merchants).bind(ids).fetch_all(connection).await?;
    let each = found.iter().map(|row| {
        let nth: i64 = row.try_get("nth")?;
        let nth = usize::try_from(nth - 1).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok((nth, T::written(row)))
    });
    each.collect()
}

impl Written {
    /// Writes a thing down.
    pub(crate) fn of<T: Serialize>(thing: &T, revision: impl Fn(&T) -> i64, position: Position) -> sqlx::Result<Self> {
        let data = serde_json::to_vec(thing).map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(Self { data: data.into(), revision: revision(thing), position })
    }

    /// The whole answer, as [`Answer`](crate::Answer) is written.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        const BEFORE: &[u8] = b"{\"data\":";
        const BETWEEN: &[u8] = b",\"position\":";
        let position = self.position.to_string();
        [BEFORE, &self.data, BETWEEN, position.as_bytes(), b"}"].concat()
    }
}
