//! Many rows in one statement: rows that may be there already go in as one JSON parameter, new rows by COPY.

use crate::amount::Amount;
use mizan_domain::id::MerchantId;
use mizan_domain::order::Timestamp;
use serde::Serialize;
use sqlx::PgConnection;
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

/// Names with commas between them.
macro_rules! listed {
    ($first:ident $(, $name:ident)*) => { concat!(stringify!($first) $(, ", ", stringify!($name))*) };
    ($prefix:literal $first:ident $(, $again:literal $name:ident)*) => {
        concat!($prefix, stringify!($first) $(, ", ", $again, stringify!($name))*)
    };
}

pub(crate) use {listed, upsert};

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
        for c in value.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '\t' => self.text.push_str("\\t"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                plain => self.text.push(plain),
            }
        }
        self.text.push('\t');
        self
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
