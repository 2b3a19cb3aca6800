//! One parameter of a query: a field, an operator, values.

use super::{Field, IN_VALUES_MAX, Kind, Listing, SearchError, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Is,
    IsNot,
    In,
    AtLeast,
    Above,
    AtMost,
    Below,
}

impl Operator {
    const ALL: [(&'static str, Self); 6] = [
        ("ne", Self::IsNot),
        ("in", Self::In),
        ("gte", Self::AtLeast),
        ("gt", Self::Above),
        ("lte", Self::AtMost),
        ("lt", Self::Below),
    ];

    fn suits(self, kind: Kind) -> bool {
        match self {
            Self::Is | Self::IsNot | Self::In => true,
            Self::AtLeast | Self::Above | Self::AtMost | Self::Below => kind.is_ordered(),
        }
    }

    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Is | Self::In => " = ",
            Self::IsNot => " is distinct from ",
            Self::AtLeast => " >= ",
            Self::Above => " > ",
            Self::AtMost => " <= ",
            Self::Below => " < ",
        }
    }
}

pub(super) struct Filter {
    pub(super) field: &'static Field,
    pub(super) operator: Operator,
    pub(super) values: Vec<Value>,
}

/// Reads `field=value` or `field[operator]=value`.
pub(super) fn filter(listing: &'static Listing, name: &str, text: &str) -> Result<Filter, SearchError> {
    let (field_name, operator_name) = match name.strip_suffix(']').and_then(|it| it.split_once('[')) {
        Some((field, operator)) => (field, Some(operator)),
        None => (name, None),
    };
    let field = listing.field(field_name).ok_or_else(|| {
        let names = listing.names(|_| true);
        let message = format!("{} have no {field_name:?}; there are {names}, and sort, limit, cursor", listing.name);
        SearchError::new("unknown_parameter", name, message)
    })?;
    let operator = match operator_name {
        None => Some(Operator::Is),
        Some(text) => Operator::ALL.into_iter().find(|(known, _)| *known == text).map(|(_, it)| it),
    };
    let operator = operator.filter(|it| it.suits(field.kind)).ok_or_else(|| {
        let suits = Operator::ALL.into_iter().filter(|(_, it)| it.suits(field.kind));
        let names: Vec<String> = suits.map(|(known, _)| format!("{field_name}[{known}]")).collect();
        let message = format!("{field_name} can be asked as {field_name}=value, {}", names.join(", "));
        SearchError::new("unsupported_operator", name, message)
    })?;
    let texts: Vec<&str> = if operator == Operator::In { text.split(',').collect() } else { vec![text] };
    if texts.len() > IN_VALUES_MAX {
        let message = format!("{name} takes at most {IN_VALUES_MAX} values");
        return Err(SearchError::new("too_many_values", name, message));
    }
    let value = |text: &&str| {
        Value::parse(field.kind, text).map_err(|why| SearchError::new("bad_value", name, format!("{name}: {why}")))
    };
    Ok(Filter { field, operator, values: texts.iter().map(value).collect::<Result<_, _>>()? })
}
