//! Many rows in one statement, in PostgreSQL's binary form: new rows by COPY, rows that are there by arrays of those
//! columns that may change. No value becomes text or JSON on the way that is not text or JSON in the table.

mod columns;
mod copy;
mod value;

pub(crate) use columns::Columns;
pub(crate) use copy::Copy;
use mizan_domain::id::MerchantId;
use sqlx::PgConnection;
use std::fmt::Write;
pub(crate) use value::{Kind, Value};

/// Where the fields of a row go, one after the other.
pub(crate) trait Sink {
    fn put(&mut self, value: &impl Value);
}

/// A row of a table, by its columns. The merchant's column is the first of every table and no field of the row.
pub(crate) trait TableRow {
    /// Its statements.
    fn table() -> &'static Table;

    /// Every field, in the order of the table's columns.
    fn put(&self, sink: &mut impl Sink);

    /// The key and what may change.
    fn put_changed(&self, sink: &mut impl Sink);
}

/// The statements of a table whose rows change.
pub(crate) struct Table {
    fields: i16,
    copy: String,
    update: String,
    upsert: String,
}

impl Table {
    /// Of columns and their types; the merchant's is not among them.
    pub(crate) fn of(name: &str, key: &[(&str, Kind)], fixed: &[(&str, Kind)], rest: &[(&str, Kind)]) -> Self {
        let merchant = [("merchant_id", MerchantId::KIND)];
        let all: Vec<_> = [&merchant[..], key, fixed, rest].concat();
        let changed: Vec<_> = [&merchant[..], key, rest].concat();
        let names = |of: &[(&str, Kind)]| of.iter().map(|it| it.0).collect::<Vec<_>>().join(", ");
        let keys = names(&[&merchant[..], key].concat());
        let mut assigned = String::new();
        for (column, _) in [fixed, rest].concat() {
            let comma = if assigned.is_empty() { "" } else { ", " };
            let _ = write!(assigned, "{comma}{column} = excluded.{column}");
        }
        let mut changes = String::new();
        for (column, _) in rest {
            let comma = if changes.is_empty() { "" } else { ", " };
            let _ = write!(changes, "{comma}{column} = new.{column}");
        }
        let mut is_same = String::new();
        for (column, _) in [&merchant[..], key].concat() {
            let and = if is_same.is_empty() { "" } else { " and " };
            let _ = write!(is_same, "{and}known.{column} = new.{column}");
        }
        Self {
            fields: i16::try_from(all.len()).unwrap_or(i16::MAX),
            copy: format!("copy {name} ({}) from stdin (format binary)", names(&all)),
            update: format!(
                "update {name} known set {changes} from {} as new({}) where {is_same}",
                unnest(&changed),
                names(&changed)
            ),
            upsert: format!(
                "insert into {name} ({}) select * from {} on conflict ({keys}) do update set {assigned}",
                names(&all),
                unnest(&all)
            ),
        }
    }
}

/// `unnest($1::text[], $2::bigint[], ...)`
fn unnest(columns: &[(&str, Kind)]) -> String {
    let arrays = columns.iter().enumerate().map(|(nth, (_, kind))| format!("${}::{}[]", nth + 1, kind.name));
    format!("unnest({})", arrays.collect::<Vec<_>>().join(", "))
}

/// The type of a field.
pub(crate) fn kind_of<R, V: Value>(_field: impl Fn(&R) -> &V) -> Kind {
    V::KIND
}

/// Makes a struct the [`TableRow`] of a table: the key inside the merchant, what never changes once it is there, and
/// what may.
macro_rules! table_row {
    ($row:ty, $table:literal, key($($key:ident),*), fixed($($fixed:ident),*), rest($($column:ident),+ $(,)?)) => {
        impl crate::bulk::TableRow for $row {
            fn table() -> &'static crate::bulk::Table {
                static TABLE: std::sync::LazyLock<crate::bulk::Table> = std::sync::LazyLock::new(|| {
                    crate::bulk::Table::of(
                        $table,
                        &[$((stringify!($key), crate::bulk::kind_of(|it: &$row| &it.$key))),*],
                        &[$((stringify!($fixed), crate::bulk::kind_of(|it: &$row| &it.$fixed))),*],
                        &[$((stringify!($column), crate::bulk::kind_of(|it: &$row| &it.$column))),+],
                    )
                });
                &TABLE
            }

            fn put(&self, sink: &mut impl crate::bulk::Sink) {
                $(sink.put(&self.$key);)*
                $(sink.put(&self.$fixed);)*
                $(sink.put(&self.$column);)+
            }

            fn put_changed(&self, sink: &mut impl crate::bulk::Sink) {
                $(sink.put(&self.$key);)*
                $(sink.put(&self.$column);)+
            }
        }
    };
}

pub(crate) use table_row;

/// Whether a row is written for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsNew {
    Yes,
    No,
}

/// Writes rows; those that are new must not be there yet, the others must.
pub(crate) async fn save<'a, R: TableRow + 'a>(
    tx: &mut PgConnection,
    rows: impl Iterator<Item = (&'a MerchantId, &'a R, IsNew)>,
) -> sqlx::Result<()> {
    let table = R::table();
    let (mut new, mut changed) = (Copy::default(), Columns::default());
    for (merchant, row, is_new) in rows {
        match is_new {
            IsNew::Yes => row.put(new.row(table.fields).field(merchant)),
            IsNew::No => row.put_changed(changed.row().field(merchant)),
        }
    }
    new.send(tx, &table.copy).await?;
    changed.send(tx, &table.update).await
}

/// Writes rows, whether they are there or not.
pub(crate) async fn put<'a, R: TableRow + 'a>(
    tx: &mut PgConnection,
    rows: impl Iterator<Item = (&'a MerchantId, &'a R)>,
) -> sqlx::Result<()> {
    let mut columns = Columns::default();
    for (merchant, row) in rows {
        row.put(columns.row().field(merchant));
    }
    columns.send(tx, &R::table().upsert).await
}
