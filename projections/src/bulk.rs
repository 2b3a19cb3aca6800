//! Many rows in one statement: rows that may be there already go in as one JSON parameter, new rows by COPY, which costs
//! the database far less.

use crate::amount::Amount;
use mizan_domain::id::MerchantId;
use mizan_domain::order::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::PgConnection;
use std::collections::HashMap;
use std::fmt::{Display, Write};

/// The statement that writes rows of a table from one JSON parameter, whether they are there or not.
macro_rules! upsert {
    ($table:ident, key ($($key:ident),+), rest ($($column:ident),+ $(,)?)) => {
        concat!(
            "insert into ", stringify!($table), " select * from json_populate_recordset(null::", stringify!($table),
            ", $1::json) on conflict (", crate::bulk::listed!($($key),+), ") do update set (",
            crate::bulk::listed!($($column),+), ") = row(", crate::bulk::listed!($("excluded." $column),+), ")"
        )
    };
}

/// A table whose rows change: how a row is put there for the first time, and how it is written over.
pub(crate) struct Table {
    pub(crate) columns: &'static [&'static str],
    pub(crate) copy: &'static str,
    pub(crate) upsert: &'static str,
}

/// A [`Table`] by its columns, which the rows have as fields; the first is the merchant.
macro_rules! table {
    ($table:ident, key ($($key:ident),+), rest ($($column:ident),+ $(,)?)) => {
        crate::bulk::Table {
            columns: &[$(stringify!($key),)+ $(stringify!($column)),+],
            copy: concat!(
                "copy ", stringify!($table), " (", crate::bulk::listed!($($key),+), ", ",
                crate::bulk::listed!($($column),+), ") from stdin"
            ),
            upsert: crate::bulk::upsert!($table, key($($key),+), rest($($column),+)),
        }
    };
}

/// Names with commas between them.
macro_rules! listed {
    ($first:ident $(, $name:ident)*) => { concat!(stringify!($first) $(, ", ", stringify!($name))*) };
    ($prefix:literal $first:ident $(, $again:literal $name:ident)*) => {
        concat!($prefix, stringify!($first) $(, ", ", $again, stringify!($name))*)
    };
}

pub(crate) use {listed, table, upsert};

/// A row with the merchant that it belongs to, which answers leave out.
#[derive(Serialize)]
struct Owned<'a, R> {
    merchant_id: &'a str,
    #[serde(flatten)]
    row: &'a R,
}

/// Writes rows with a statement of [`upsert!`], or one like it.
pub(crate) async fn write<'a, R: Serialize + 'a>(
    tx: &mut PgConnection,
    statement: &'static str,
    rows: impl Iterator<Item = (&'a MerchantId, &'a R)>,
) -> sqlx::Result<()> {
    let mut json = Vec::new();
    for (merchant, row) in rows {
        json.push(if json.is_empty() { b'[' } else { b',' });
        let owned = Owned { merchant_id: merchant.as_str(), row };
        serde_json::to_writer(&mut json, &owned).map_err(|error| sqlx::Error::Encode(error.into()))?;
    }
    if json.is_empty() {
        return Ok(());
    }
    json.push(b']');
    let json = String::from_utf8(json).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(statement).bind(json).execute(tx).await?;
    Ok(())
}

/// Writes rows of a table; those that are new must not be there yet.
pub(crate) async fn save<'a, R: Serialize + 'a>(
    tx: &mut PgConnection,
    table: &Table,
    rows: impl Iterator<Item = (&'a MerchantId, &'a R, IsNew)>,
) -> sqlx::Result<()> {
    let (mut copy, mut known, mut json) = (Copy::default(), Vec::new(), Vec::new());
    for (merchant, row, is_new) in rows {
        if is_new == IsNew::No {
            known.push((merchant, row));
            continue;
        }
        json.clear();
        serde_json::to_writer(&mut json, row).map_err(|error| sqlx::Error::Encode(error.into()))?;
        copy.json(merchant, table.columns, &json).map_err(|error| sqlx::Error::Encode(error.into()))?;
    }
    copy.send(tx, table.copy).await?;
    write(tx, table.upsert, known.into_iter()).await
}

/// Whether a row is written for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsNew {
    Yes,
    No,
}

/// New rows in the text format of COPY: tabs between values, a line for each row.
#[derive(Default)]
pub(crate) struct Copy {
    text: String,
}

impl Copy {
    /// Ends a row.
    pub(crate) fn end(&mut self) {
        self.text.pop();
        self.text.push('\n');
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        if value.contains(['\\', '\t', '\n', '\r']) {
            self.escaped(value);
        } else {
            self.text.push_str(value);
        }
        self.text.push('\t');
        self
    }

    fn escaped(&mut self, value: &str) {
        for c in value.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '\t' => self.text.push_str("\\t"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                plain => self.text.push(plain),
            }
        }
    }

    pub(crate) fn optional(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => {
                self.text.push_str("\\N\t");
                self
            }
        }
    }

    /// A row as the JSON object that the other way into the table takes, so that both keep the same text.
    fn json(&mut self, merchant: &MerchantId, columns: &[&str], object: &[u8]) -> serde_json::Result<()> {
        let fields: HashMap<&str, &RawValue> = serde_json::from_slice(object)?;
        self.text(merchant.as_str());
        for column in columns.iter().skip(1) {
            let value = fields.get(column).map_or("null", |it| it.get());
            match value.as_bytes() {
                b"null" => self.optional(None),
                [b'"', ..] => match value.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
                    Some(plain) if !plain.contains('\\') => self.text(plain),
                    Some(_) | None => self.text(&serde_json::from_str::<String>(value)?),
                },
                [..] => self.text(value),
            };
        }
        self.end();
        Ok(())
    }

    /// A number, an id: what never contains a tab or a backslash.
    pub(crate) fn plain(&mut self, value: impl Display) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}\t");
        self
    }

    /// The same where there may be none.
    pub(crate) fn optional_plain(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(value),
            None => self.optional(None),
        }
    }

    pub(crate) fn amount(&mut self, value: Amount) -> &mut Self {
        self.plain(value)
    }

    pub(crate) fn time(&mut self, value: Timestamp) -> &mut Self {
        self.plain(value.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
    }

    /// Sends the rows with `copy <table> (<columns>) from stdin`.
    pub(crate) async fn send(self, tx: &mut PgConnection, statement: &'static str) -> sqlx::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let mut copy = tx.copy_in_raw(statement).await?;
        // Without `finish` or `abort` the connection would be of no more use.
        match copy.send(self.text.into_bytes()).await {
            Ok(_) => (),
            Err(error) => {
                copy.abort("the rows could not be sent").await?;
                return Err(error);
            }
        }
        copy.finish().await?;
        Ok(())
    }
}
