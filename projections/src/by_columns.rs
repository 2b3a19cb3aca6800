//! A row as JSON, straight from the columns that PostgreSQL sent: what [`serde_json`] would write of the row's struct,
//! without the struct. Only for tables whose columns are the fields of one, in their order.

use crate::amount::Amount;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgRow, PgValueFormat, PgValueRef};
use sqlx::{Column, Decode, Postgres, Row, ValueRef};
use std::io::Write;

/// The types that such tables have, by their numbers in PostgreSQL's catalogue.
mod oids {
    pub(super) const BIGINT: u32 = 20;
    pub(super) const TEXT: u32 = 25;
    pub(super) const JSON: u32 = 114;
    pub(super) const TIMESTAMPTZ: u32 = 1184;
    pub(super) const NUMERIC: u32 = 1700;
}

/// The columns from the `first` on, as an object.
///
/// # Errors
/// A value cannot be read.
pub(crate) fn object(row: &PgRow, first: usize) -> sqlx::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(1_024);
    let mut before = b'{';
    for nth in first..row.len() {
        out.push(before);
        before = b',';
        json(&mut out, row.column(nth).name())?;
        out.push(b':');
        value(&mut out, row.try_get_raw(nth)?)?;
    }
    out.push(b'}');
    Ok(out)
}

fn value(out: &mut Vec<u8>, value: PgValueRef<'_>) -> sqlx::Result<()> {
    if value.is_null() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match value.type_info().oid() {
        Some(Oid(oids::TEXT)) => json(out, read::<&str>(value)?),
        Some(Oid(oids::BIGINT)) => json(out, &read::<i64>(value)?),
        Some(Oid(oids::TIMESTAMPTZ)) => json(out, &read::<DateTime<Utc>>(value)?),
        Some(Oid(oids::NUMERIC)) => {
            write!(out, "\"{}\"", read::<Amount>(value)?).map_err(|error| sqlx::Error::Encode(error.into()))
        }
        // Written by serde, and kept byte for byte.
        Some(Oid(oids::JSON)) if value.format() == PgValueFormat::Binary => {
            out.extend_from_slice(value.as_bytes().map_err(sqlx::Error::Decode)?);
            Ok(())
        }
        _unknown => Err(sqlx::Error::Decode(format!("no column is known of type {}", value.type_info()).into())),
    }
}

fn read<'r, T: Decode<'r, Postgres>>(value: PgValueRef<'r>) -> sqlx::Result<T> {
    T::decode(value).map_err(sqlx::Error::Decode)
}

fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, it: &T) -> sqlx::Result<()> {
    serde_json::to_writer(out, it).map_err(|error| sqlx::Error::Encode(error.into()))
}
