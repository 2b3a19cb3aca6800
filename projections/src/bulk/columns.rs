//! Rows as arrays, one a column, for statements that take many rows at once by `unnest`.

use super::Sink;
use super::value::{Kind, Value, array_head};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{AssertSqlSafe, Encode, PgConnection, Postgres, Type};

/// The columns of rows that are on their way.
#[derive(Default)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    rows: usize,
    next: usize,
}

/// One column: its values, each with its length before it.
struct Column {
    kind: Kind,
    rows: usize,
    bytes: Vec<u8>,
}

impl Columns {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Begins a row.
    pub(crate) fn row(&mut self) -> &mut Self {
        self.rows += 1;
        self.next = 0;
        self
    }

    /// The next field of the row.
    pub(crate) fn field<V: Value + ?Sized>(&mut self, value: &V) -> &mut Self {
        if self.next == self.columns.len() {
            self.columns.push(Column { kind: V::KIND, rows: 0, bytes: Vec::new() });
        }
        if let Some(column) = self.columns.get_mut(self.next) {
            column.rows += 1;
            value.put(&mut column.bytes);
        }
        self.next += 1;
        self
    }

    /// Sends the rows as the parameters of a statement, `$1` the first column.
    pub(crate) async fn send(self, tx: &mut PgConnection, statement: &'static str) -> sqlx::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut query = sqlx::query::<Postgres>(AssertSqlSafe(statement));
        for column in self.columns {
            query = query.bind(column);
        }
        query.execute(tx).await?;
        Ok(())
    }
}

impl Sink for Columns {
    fn put(&mut self, value: &impl Value) {
        self.field(value);
    }
}

impl Type<Postgres> for Column {
    /// Of no use alone: each column says what it is by `produces`.
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("unknown")
    }
}

impl Encode<'_, Postgres> for Column {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let mut head = Vec::with_capacity(20);
        array_head(&mut head, self.kind, self.rows);
        buffer.extend_from_slice(&head);
        buffer.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.kind.array_oid)))
    }
}
