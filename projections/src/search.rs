//! The one search grammar of every list.
//!
//! A query is pairs of names and values: `field=value`, `field[gte]=`, `[gt]`, `[lte]`, `[lt]`, `[ne]`, `[in]=a,b`,
//! `sort=field` or `sort=-field`, `limit` and `cursor`. Each list declares its fields once, in a table; what is not in
//! the table is refused with the list of what is. Pages go by key, never by offset. No value ever becomes SQL: columns
//! and operators come from static tables, values are bound.

mod cursor;
mod filter;
mod value;

use crate::reads::Page;
use chrono::NaiveDate;
use filter::{Filter, Operator, filter};
use mizan_domain::id::MerchantId;
use mizan_store::Position;
use serde::Serialize;
use sqlx::{Postgres, QueryBuilder};
use std::collections::BTreeSet;
pub(crate) use value::Value;

/// The most rows of a page.
pub const LIMIT_MAX: usize = 100;
/// The rows of a page where the query does not say.
pub const LIMIT_DEFAULT: usize = 20;
/// The most values of one `[in]`.
pub const IN_VALUES_MAX: usize = 100;
/// The most parameters of a query.
pub const PARAMETERS_MAX: usize = 40;
/// The longest value, in bytes.
pub const VALUE_LENGTH_MAX: usize = 8_000;

/// Why a query was refused, in words that teach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SearchError {
    /// Stable, for machines.
    pub code: &'static str,
    /// The query parameter at fault.
    pub parameter: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl SearchError {
    pub(crate) fn new(code: &'static str, parameter: &str, message: impl Into<String>) -> Self {
        Self { code, parameter: parameter.to_owned(), message: message.into() }
    }
}

/// What a column holds, and so how its values are read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text that is equal or not.
    Text,
    /// One of these names.
    OneOf(&'static [&'static str]),
    Uuid,
    Decimal,
    Integer,
    Timestamp,
    Date,
    /// `true` or `false`.
    Flag,
}

impl Kind {
    fn is_ordered(self) -> bool {
        match self {
            Self::Decimal | Self::Integer | Self::Timestamp | Self::Date => true,
            Self::Text | Self::OneOf(_) | Self::Uuid | Self::Flag => false,
        }
    }
}

/// A column that can be searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// The parameter, the column and the field of the answer.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) sorts: Sorts,
}

/// Whether a list can be sorted by a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sorts {
    No,
    Yes,
    /// Yes, and it may be null, which counts as the largest value.
    Nullable,
}

impl Field {
    pub(crate) const fn of(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, sorts: Sorts::No }
    }

    pub(crate) const fn sorted(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, sorts: Sorts::Yes }
    }

    pub(crate) const fn nullable(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, sorts: Sorts::Nullable }
    }
}

/// What can be asked of a list.
pub(crate) struct Listing {
    /// For messages and cursors.
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
    /// The order where the query does not say.
    pub(crate) sort: &'static str,
    /// The columns that make a row unique inside the merchant; each is one of the fields.
    pub(crate) key: &'static [&'static str],
}

impl Listing {
    fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|it| it.name == name)
    }

    /// All fields, for documentation.
    pub(crate) fn all_names(&self) -> String {
        self.names(|_| true)
    }

    fn names(&self, which: impl Fn(&Field) -> bool) -> String {
        let names: Vec<&str> = self.fields.iter().filter(|it| which(it)).map(|it| it.name).collect();
        names.join(", ")
    }
}

/// A query that was understood.
pub(crate) struct Search {
    listing: &'static Listing,
    filters: Vec<Filter>,
    sort: &'static Field,
    is_descending: bool,
    limit: usize,
    /// What the cursor stands for: everything that was asked but the page.
    asked: String,
    /// Sort column and key of the last row of the page before.
    after: Option<Vec<Option<Value>>>,
}

impl Search {
    /// Reads a query.
    pub(crate) fn parse(
        listing: &'static Listing,
        merchant: &MerchantId,
        pairs: &[(String, String)],
    ) -> Result<Self, SearchError> {
        Self::parse_with(listing, merchant, pairs, &[])
    }

    /// The same, where the caller reads some parameters itself.
    pub(crate) fn parse_with(
        listing: &'static Listing,
        merchant: &MerchantId,
        pairs: &[(String, String)],
        others: &[&str],
    ) -> Result<Self, SearchError> {
        check_size(pairs)?;
        let mut filters = Vec::new();
        let (mut sort, mut limit, mut cursor) = (listing.sort, LIMIT_DEFAULT, None);
        let mut asked = BTreeSet::new();
        for (name, text) in pairs {
            match name.as_str() {
                "limit" => limit = limit_of(text)?,
                "cursor" => cursor = Some(text),
                "sort" => sort = text,
                other if others.contains(&other) => (),
                _field => filters.push(filter(listing, name, text)?),
            }
            if !matches!(name.as_str(), "limit" | "cursor" | "sort") {
                asked.insert((name, text));
            }
        }
        let (sort_field, is_descending) = sort_of(listing, sort)?;
        let asked = cursor::asked(listing.name, merchant, sort, &asked);
        let mut search = Self { listing, filters, sort: sort_field, is_descending, limit, asked, after: None };
        if let Some(cursor) = cursor {
            let values = cursor::read(cursor, &search.asked);
            search.after = Some(values.and_then(|it| search.values_of(&it)).ok_or_else(cursor::refused)?);
        }
        Ok(search)
    }

    /// The sort column and the key, in the order that a cursor has them.
    fn order(&self) -> impl Iterator<Item = &'static Field> {
        let key = self.listing.key.iter().filter_map(|name| self.listing.field(name));
        std::iter::once(self.sort).chain(key)
    }

    fn values_of(&self, texts: &[Option<String>]) -> Option<Vec<Option<Value>>> {
        let fields: Vec<_> = self.order().collect();
        if fields.len() != texts.len() {
            return None;
        }
        let value = |(field, text): (&&Field, &Option<String>)| match text {
            Some(text) => Value::parse(field.kind, text).ok().map(Some),
            None => (field.sorts == Sorts::Nullable).then_some(None),
        };
        fields.iter().zip(texts).map(value).collect()
    }

    /// The first and the last date that can be in an answer, as far as filters and cursor say so, for a statement that
    /// can then leave the others out early.
    pub(crate) fn dates(&self, name: &str) -> (Option<NaiveDate>, Option<NaiveDate>) {
        let (mut first, mut last) = (None, None);
        for it in self.filters.iter().filter(|it| it.field.name == name) {
            let Some(Value::Date(date)) = it.values.first().filter(|_| it.values.len() == 1) else { continue };
            if matches!(it.operator, Operator::Is | Operator::AtLeast | Operator::Above) {
                first = first.max(Some(*date));
            }
            if matches!(it.operator, Operator::Is | Operator::AtMost | Operator::Below) {
                last = Some(last.map_or(*date, |known: NaiveDate| known.min(*date)));
            }
        }
        if let (true, Some(Some(Value::Date(reached)))) =
            (self.sort.name == name, self.after.as_ref().and_then(|it| it.first()))
        {
            if self.is_descending {
                last = Some(last.map_or(*reached, |known| known.min(*reached)));
            } else {
                first = first.max(Some(*reached));
            }
        }
        (first, last)
    }

    /// Whether there is a filter on one of some fields.
    pub(crate) fn filters_on(&self, which: impl Fn(&str) -> bool) -> bool {
        self.filters.iter().any(|it| which(it.field.name))
    }

    /// The texts of which a field must have one, where the query says so.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<&str>> {
        let it = self
            .filters
            .iter()
            .find(|it| it.field.name == name && matches!(it.operator, Operator::Is | Operator::In))?;
        it.values.iter().map(|it| if let Value::Text(text) = it { Some(text.as_str()) } else { None }).collect()
    }

    pub(crate) fn is_sorted_by(&self, name: &str) -> bool {
        self.sort.name == name
    }

    pub(crate) fn is_descending(&self) -> bool {
        self.is_descending
    }

    /// What the sort column had in the last row of the page before.
    pub(crate) fn reached(&self) -> Option<&Value> {
        self.after.as_ref()?.first()?.as_ref()
    }

    /// Writes ` and ...` for every filter.
    pub(crate) fn push_filters(&self, sql: &mut QueryBuilder<Postgres>) {
        self.push_filters_on(sql, |_| true);
    }

    /// Writes ` and ...` for every filter on one of some fields.
    pub(crate) fn push_filters_on(&self, sql: &mut QueryBuilder<Postgres>, which: impl Fn(&str) -> bool) {
        for it in self.filters.iter().filter(|it| which(it.field.name)) {
            sql.push(" and ").push(it.field.name).push(it.operator.sql());
            if it.operator == Operator::In {
                sql.push("any(");
                value::push_array(sql, it.field.kind, &it.values);
                sql.push(")");
            } else if let Some(value) = it.values.first() {
                value.push(sql);
            }
        }
    }

    /// Writes ` and ...` for the rows after the cursor. Null is the largest value, as PostgreSQL sorts it.
    pub(crate) fn push_after(&self, sql: &mut QueryBuilder<Postgres>) {
        let Some((last, key)) = self.after.as_deref().and_then(<[_]>::split_first) else { return };
        let comes_after = if self.is_descending { " < " } else { " > " };
        let (column, is_nullable) = (self.sort.name, self.sort.sorts == Sorts::Nullable);
        let key: Vec<&Value> = key.iter().flatten().collect();
        sql.push(" and (");
        match last {
            Some(last) => {
                self.push_tuple(sql, Some(column));
                sql.push(comes_after).push("(");
                last.push(sql);
                for value in key {
                    sql.push(", ");
                    value.push(sql);
                }
                sql.push(")");
                if is_nullable && !self.is_descending {
                    sql.push(" or ").push(column).push(" is null");
                }
            }
            None => {
                sql.push(column).push(" is null and ");
                self.push_tuple(sql, None);
                sql.push(comes_after).push("(");
                for (nth, value) in key.into_iter().enumerate() {
                    sql.push(if nth == 0 { "" } else { ", " });
                    value.push(sql);
                }
                sql.push(")");
                if self.is_descending {
                    sql.push(" or ").push(column).push(" is not null");
                }
            }
        }
        sql.push(")");
    }

    fn push_tuple(&self, sql: &mut QueryBuilder<Postgres>, first: Option<&'static str>) {
        sql.push("(");
        for (nth, column) in first.into_iter().chain(self.listing.key.iter().copied()).enumerate() {
            sql.push(if nth == 0 { "" } else { ", " }).push(column);
        }
        sql.push(")");
    }

    /// Writes the order, and a limit of one row more than the page has.
    pub(crate) fn push_order(&self, sql: &mut QueryBuilder<Postgres>) {
        self.push_order_of(sql, None);
    }

    /// The same, where rows come in stretches that are in the order of the list, by a column of their own.
    pub(crate) fn push_order_of(&self, sql: &mut QueryBuilder<Postgres>, stretch: Option<&'static str>) {
        for (nth, name) in stretch.into_iter().chain(self.order().map(|field| field.name)).enumerate() {
            sql.push(if nth == 0 { " order by " } else { ", " }).push(name);
            sql.push(if self.is_descending { " desc" } else { "" });
        }
        sql.push(" limit ").push_bind(i64::try_from(self.limit + 1).unwrap_or(i64::MAX));
    }

    /// Makes a page of the rows that were found; the one row too many says that there is another page.
    pub(crate) fn into_page<T: Serialize>(self, mut rows: Vec<T>, position: Position) -> Page<T> {
        let has_more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next_cursor = rows.last().filter(|_| has_more).and_then(|last| {
            let row = serde_json::to_value(last).ok()?;
            let values = self.order().map(|field| match row.get(field.name)? {
                serde_json::Value::Null => Some(None),
                serde_json::Value::String(text) => Some(Some(text.clone())),
                other => Some(Some(other.to_string())),
            });
            Some(cursor::write(&values.collect::<Option<Vec<_>>>()?, &self.asked))
        });
        Page { data: rows, next_cursor, position }
    }
}

/// Reads a parameter that is a date.
pub(crate) fn day(name: &str, text: &str) -> Result<NaiveDate, SearchError> {
    match Value::parse(Kind::Date, text) {
        Ok(Value::Date(it)) => Ok(it),
        Ok(_) => Err(SearchError::new("bad_value", name, format!("{name} is a date"))),
        Err(why) => Err(SearchError::new("bad_value", name, format!("{name}: {why}"))),
    }
}

fn check_size(pairs: &[(String, String)]) -> Result<(), SearchError> {
    let mut known = BTreeSet::new();
    for (nth, (name, text)) in pairs.iter().enumerate() {
        if nth >= PARAMETERS_MAX {
            let message = format!("a query has at most {PARAMETERS_MAX} parameters");
            return Err(SearchError::new("too_many_parameters", name, message));
        }
        if text.len() > VALUE_LENGTH_MAX {
            let message = format!("a value has at most {VALUE_LENGTH_MAX} bytes");
            return Err(SearchError::new("value_too_long", name, message));
        }
        if !known.insert(name) {
            let message = format!("{name} stands twice; a list of values is {name}[in]=a,b");
            return Err(SearchError::new("repeated_parameter", name, message));
        }
    }
    Ok(())
}

fn limit_of(text: &str) -> Result<usize, SearchError> {
    let limit = text.parse().ok().filter(|it| (1..=LIMIT_MAX).contains(it));
    limit.ok_or_else(|| SearchError::new("bad_limit", "limit", format!("limit is a number from 1 to {LIMIT_MAX}")))
}

fn sort_of(listing: &'static Listing, text: &str) -> Result<(&'static Field, bool), SearchError> {
    let (name, is_descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let field = listing.field(name).filter(|it| it.sorts != Sorts::No);
    let field = field.ok_or_else(|| {
        let names = listing.names(|it| it.sorts != Sorts::No);
        let message =
            format!("{} cannot be sorted so; sort is one of {names}, with - before it for the reverse", listing.name);
        SearchError::new("unknown_sort", "sort", message)
    })?;
    Ok((field, is_descending))
}
