//! Values in PostgreSQL's binary form, as COPY and arrays take them: a length, then the bytes; no value is length -1.

use crate::amount::Amount;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use mizan_domain::id::MerchantId;
use mizan_store::Position;
use serde::Serialize;
use sqlx::types::Json;
use std::borrow::Cow;
use uuid::Uuid;

/// From 1970, where we count from, to 2000, where PostgreSQL does.
const EPOCH_US: i64 = 946_684_800_000_000;
/// The first of January 2000, counted in days from the first of January of the year 1.
const EPOCH_DAY: i32 = 730_120;
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its name in SQL.
    pub(crate) name: &'static str,
    /// Its number in PostgreSQL's catalogue, which never changes for built-in types.
    pub(crate) oid: u32,
    /// That of its array type.
    pub(crate) array_oid: u32,
}

const TEXT: Kind = Kind { name: "text", oid: 25, array_oid: 1009 };
const INTEGER: Kind = Kind { name: "integer", oid: 23, array_oid: 1007 };
const BIGINT: Kind = Kind { name: "bigint", oid: 20, array_oid: 1016 };
const NUMERIC: Kind = Kind { name: "numeric", oid: 1700, array_oid: 1231 };
const TIMESTAMPTZ: Kind = Kind { name: "timestamptz", oid: 1184, array_oid: 1185 };
const DATE: Kind = Kind { name: "date", oid: 1082, array_oid: 1182 };
const BOOLEAN: Kind = Kind { name: "boolean", oid: 16, array_oid: 1000 };
const UUID: Kind = Kind { name: "uuid", oid: 2950, array_oid: 2951 };
const JSON: Kind = Kind { name: "json", oid: 114, array_oid: 199 };

/// What a column of a row can hold.
pub(crate) trait Value {
    const KIND: Kind;

    /// Appends the length and the bytes.
    fn put(&self, out: &mut Vec<u8>);
}

/// Appends what `write` appends, with its length before it.
pub(super) fn framed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn fixed<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) {
    out.extend_from_slice(&i32::try_from(N).unwrap_or(i32::MAX).to_be_bytes());
    out.extend_from_slice(&bytes);
}

impl Value for str {
    const KIND: Kind = TEXT;

    fn put(&self, out: &mut Vec<u8>) {
        framed(out, |out| out.extend_from_slice(self.as_bytes()));
    }
}

impl Value for String {
    const KIND: Kind = TEXT;

    fn put(&self, out: &mut Vec<u8>) {
        self.as_str().put(out);
    }
}

impl Value for Cow<'_, str> {
    const KIND: Kind = TEXT;

    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
}

impl Value for MerchantId {
    const KIND: Kind = TEXT;

    fn put(&self, out: &mut Vec<u8>) {
        self.as_str().put(out);
    }
}

impl Value for i32 {
    const KIND: Kind = INTEGER;

    fn put(&self, out: &mut Vec<u8>) {
        fixed(out, self.to_be_bytes());
    }
}

impl Value for i64 {
    const KIND: Kind = BIGINT;

    fn put(&self, out: &mut Vec<u8>) {
        fixed(out, self.to_be_bytes());
    }
}

impl Value for Position {
    const KIND: Kind = BIGINT;

    fn put(&self, out: &mut Vec<u8>) {
        self.number().put(out);
    }
}

impl Value for bool {
    const KIND: Kind = BOOLEAN;

    fn put(&self, out: &mut Vec<u8>) {
        fixed(out, [u8::from(*self)]);
    }
}

impl Value for Uuid {
    const KIND: Kind = UUID;

    fn put(&self, out: &mut Vec<u8>) {
        fixed(out, *self.as_bytes());
    }
}

impl Value for Amount {
    const KIND: Kind = NUMERIC;

    fn put(&self, out: &mut Vec<u8>) {
        framed(out, |out| self.write_numeric(out));
    }
}

impl Value for DateTime<Utc> {
    const KIND: Kind = TIMESTAMPTZ;

    fn put(&self, out: &mut Vec<u8>) {
        fixed(out, self.timestamp_micros().saturating_sub(EPOCH_US).to_be_bytes());
    }
}

impl Value for NaiveDate {
    const KIND: Kind = DATE;

    fn put(&self, out: &mut Vec<u8>) {
        fixed(out, self.num_days_from_ce().saturating_sub(EPOCH_DAY).to_be_bytes());
    }
}

impl<T: Serialize> Value for Json<T> {
    const KIND: Kind = JSON;

    fn put(&self, out: &mut Vec<u8>) {
        framed(out, |out| {
            // Rows have names as keys and write to memory; what could not be written would be refused as JSON.
            let _ = serde_json::to_writer(out, &self.0);
        });
    }
}

impl<T: Value + ?Sized> Value for &T {
    const KIND: Kind = T::KIND;

    fn put(&self, out: &mut Vec<u8>) {
        (*self).put(out);
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.put(out),
            None => out.extend_from_slice(&NULL),
        }
    }
}

/// An array of one dimension.
pub(crate) struct List<'a, T>(pub(crate) &'a [T]);

impl<T: Value> List<'_, T> {
    /// Appends the length and the bytes.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        framed(out, |out| {
            array_head(out, T::KIND, self.0.len());
            for it in self.0 {
                it.put(out);
            }
        });
    }
}

/// What comes before the values of an array of one dimension.
pub(super) fn array_head(out: &mut Vec<u8>, of: Kind, length: usize) {
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    // Dimensions; that there may be nulls; of what; how many; the number of the first.
    for word in [i32::from(length > 0), 1, of.oid.cast_signed()] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    if length > 0 {
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
}
