//! The values of a query: read from text by the kind of their column, bound, never spliced.

use super::Kind;
use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound, Utc};
use mizan_domain::onchain::secret;
use rust_decimal::Decimal;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

/// A value that can be bound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Uuid(Uuid),
    Decimal(Decimal),
    Integer(i64),
    Timestamp(DateTime<Utc>),
    Date(NaiveDate),
    Flag(bool),
}

impl Value {
    /// Reads a value, or says what one looks like.
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, String> {
        let shown = shortened(text);
        match kind {
            Kind::Text if text.is_empty() || text.contains('\0') => Err("a value is needed".to_owned()),
            Kind::Text => Ok(Self::Text(text.to_owned())),
            Kind::OneOf(names) if names.contains(&text) => Ok(Self::Text(text.to_owned())),
            Kind::OneOf(names) => Err(format!("{shown:?} is not known; it is one of {}", names.join(", "))),
            Kind::Uuid => text.parse().map(Self::Uuid).map_err(|_| format!("{shown:?} is not a UUID")),
            Kind::Decimal => {
                decimal(text).map(Self::Decimal).ok_or_else(|| format!("{shown:?} is not an amount such as 12.30"))
            }
            Kind::Integer => text.parse().map(Self::Integer).map_err(|_| format!("{shown:?} is not a whole number")),
            Kind::Timestamp => timestamp(text).map(Self::Timestamp).ok_or_else(|| {
                format!("{shown:?} is not a time such as 2026-01-31T12:00:00Z (or 2026-01-31, which begins in UTC)")
            }),
            Kind::Date => {
                date(text).map(Self::Date).ok_or_else(|| format!("{shown:?} is not a date such as 2026-01-31"))
            }
            Kind::Flag => text.parse().map(Self::Flag).map_err(|_| format!("{shown:?} is neither true nor false")),
        }
    }

    /// Binds it.
    pub(crate) fn push(&self, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Text(it) => sql.push_bind(it.clone()),
            Self::Uuid(it) => sql.push_bind(*it),
            Self::Decimal(it) => sql.push_bind(*it),
            Self::Integer(it) => sql.push_bind(*it),
            Self::Timestamp(it) => sql.push_bind(*it),
            Self::Date(it) => sql.push_bind(*it),
            Self::Flag(it) => sql.push_bind(*it),
        };
    }
}

/// Binds several values of one kind as an array.
pub(super) fn push_array(sql: &mut QueryBuilder<Postgres>, kind: Kind, values: &[Value]) {
    macro_rules! array {
        ($variant:ident) => {{
            let of_kind = |it: &Value| if let Value::$variant(it) = it { Some(it.clone()) } else { None };
            sql.push_bind(values.iter().filter_map(of_kind).collect::<Vec<_>>())
        }};
    }
    match kind {
        Kind::Text | Kind::OneOf(_) => array!(Text),
        Kind::Uuid => array!(Uuid),
        Kind::Decimal => array!(Decimal),
        Kind::Integer => array!(Integer),
        Kind::Timestamp => array!(Timestamp),
        Kind::Date => array!(Date),
        Kind::Flag => array!(Flag),
    };
}

/// Digits with at most one point and a sign before them; neither exponents nor more digits than are exact.
fn decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let begins_and_ends = digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.ends_with('.');
    if is_plain && begins_and_ends { Decimal::from_str_exact(text).ok() } else { None }
}

fn timestamp(text: &str) -> Option<DateTime<Utc>> {
    match DateTime::parse_from_rfc3339(text) {
        // PostgreSQL keeps microseconds.
        Ok(it) => Some(it.to_utc().trunc_subsecs(6)),
        Err(_) => Some(date(text)?.and_time(NaiveTime::MIN).and_utc()),
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    // chrono also takes signs, blanks and short years; one way to write a date is enough.
    let is_plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_plain { text.parse().ok() } else { None }
}

/// Enough of a bad value to recognise it, and no more.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    if secret::refuse(text).is_err() {
        return "(a private key)".to_owned();
    }
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
