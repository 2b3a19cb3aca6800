//! Reading bodies so that every mistake names its field and has a code of its own.

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use mizan_domain::id;
use mizan_domain::onchain::{AssetId, Chain, ExchangeRate, TransactionId, secret};
use mizan_domain::plan::{NominalRate, TimeZone};
use mizan_domain::rate::Rate;
use mizan_domain::text::Text;
use mizan_domain::{Currency, Invalid, Money};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, de};
use serde_path_to_error::Segment;
use std::fmt;

/// How deep JSON may be nested.
const DEPTH_MAX: usize = 32;
/// How far in the future a fact may lie: clocks differ, but not by days.
const FUTURE_MAX: TimeDelta = TimeDelta::days(1);
/// Separates the code from the message inside a serde error, which carries only text.
const MARK: char = '\u{1}';

/// A body that cannot be read: the field, the reason, and a stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A stable code; never renamed.
    pub code: &'static str,
    /// A JSON pointer to the field (RFC 6901), where there is one.
    pub pointer: Option<String>,
    /// What was wrong and what to write instead.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(code: &'static str, pointer: &str, message: impl Into<String>) -> Self {
        Self { code, pointer: Some(pointer.to_owned()), message: message.into() }
    }

    pub(crate) fn invalid(invalid: &Invalid, pointer: &str) -> Self {
        Self::new(invalid.code(), pointer, invalid.to_string())
    }
}

/// Reads a body.
pub(crate) fn body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let whole = |code, message: &str| Fault { code, pointer: None, message: message.to_owned() };
    let text = std::str::from_utf8(body).map_err(|_| whole("not_utf8", "the body is not UTF-8 text"))?;
    if depth(text) > DEPTH_MAX {
        return Err(whole("too_deep", "the JSON is nested deeper than 32 levels"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| to_fault(&error))?;
    json.end().map_err(|_| whole("malformed_json", "there is more after the end of the JSON object"))?;
    if !has_lists_in_their_places(text) {
        return Err(whole("wrong_type", "a JSON array stands where an object belongs"));
    }
    Ok(read)
}

/// The fields that are lists.
const LISTS: [&str; 11] = [
    "approvers",
    "discounts",
    "holidays",
    "late_fees",
    "lines",
    "offers",
    "order",
    "steps",
    "taxes",
    "tiers",
    "weekend",
];

/// Whether every array is the value of a list field. Anywhere else serde takes an array for an object whose names were
/// left out, by the order of the fields in the code, which nobody may depend on.
fn has_lists_in_their_places(text: &str) -> bool {
    let (mut in_string, mut is_escaped, mut begun) = (false, false, 0);
    let (mut last_string, mut before) = ("", b' ');
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' if in_string => {
                in_string = false;
                last_string = text.get(begun..place).unwrap_or_default();
            }
            _ if in_string => (),
            b'"' => (in_string, begun) = (true, place + 1),
            b'[' if before != b':' || !LISTS.contains(&last_string) => return false,
            b' ' | b'\t' | b'\r' | b'\n' => (),
            other => before = other,
        }
    }
    true
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _other => (),
        }
    }
    deepest
}

fn to_fault(error: &serde_path_to_error::Error<serde_json::Error>) -> Fault {
    let message = error.inner().to_string();
    if matches!(error.inner().classify(), serde_json::error::Category::Syntax | serde_json::error::Category::Eof) {
        return Fault { code: "malformed_json", pointer: None, message: format!("the body is not JSON: {message}") };
    }
    // serde_json adds where in the text it stood, which the pointer says better.
    let message = message.split(" at line ").next().unwrap_or_default();
    let mut pointer = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => (),
        }
    }
    let mut marked = message.split(MARK);
    if let (Some(_), Some(code), Some(message)) = (marked.next(), marked.next(), marked.next()) {
        let code = CODES.iter().find(|known| **known == code).copied().unwrap_or("invalid_value");
        return Fault { code, pointer: Some(pointer), message: message.to_owned() };
    }
    let code = match message {
        it if it.starts_with("missing field") => "missing_field",
        it if it.starts_with("unknown field") => "unknown_field",
        it if it.starts_with("duplicate field") => "duplicate_field",
        it if it.starts_with("unknown variant") => "unknown_value",
        it if it.starts_with("invalid type") => "wrong_type",
        _other => "invalid_value",
    };
    if let ("missing_field", Some(field)) = (code, message.split('`').nth(1)) {
        pointer.push_str(&format!("/{field}"));
    }
    Fault { code, pointer: Some(pointer), message: message.to_owned() }
}

/// The codes that a checked field can give.
const CODES: [&str; 32] = [
    "unknown_currency",
    "not_an_amount",
    "negative_amount",
    "too_many_decimals",
    "amount_too_large",
    "currency_mismatch",
    "below_zero",
    "not_a_rate",
    "not_an_id",
    "empty_text",
    "text_too_long",
    "forbidden_character",
    "card_number_not_allowed",
    "private_key_not_allowed",
    "unknown_chain",
    "not_an_address",
    "address_checksum",
    "wrong_network",
    "not_an_account_key",
    "wrong_script",
    "no_such_address",
    "unknown_asset",
    "not_a_transaction",
    "not_an_exchange_rate",
    "amount_not_text",
    "rate_not_text",
    "not_a_time",
    "time_in_future",
    "time_too_old",
    "wrong_type",
    "unknown_time_zone",
    "not_a_date",
];

fn coded<E: de::Error>(code: &str, message: impl fmt::Display) -> E {
    E::custom(format!("{MARK}{code}{MARK}{message}{MARK}"))
}

/// A value that the domain reads from text.
pub(crate) trait FromText: Sized {
    fn from_text(text: &str) -> Result<Self, Invalid>;
    /// What to say when a number stands where text should.
    const NUMBER_CODE: &'static str = "wrong_type";
}

macro_rules! from_text {
    ($($name:ty),+ $(,)?) => {$(
        impl FromText for $name {
            fn from_text(text: &str) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }
    )+};
}

from_text!(
    Currency,
    Text,
    id::CustomerId,
    id::OrderId,
    id::LineId,
    id::AdditionId,
    id::FulfilmentId,
    id::CancellationId,
    id::ReturnId,
    id::PaymentId,
    id::CaptureId,
    id::RefundId,
    id::DisputeId,
    id::FeeId,
    id::PayoutId,
    id::PlanId,
    id::WaiverId,
    id::RescheduleId,
    id::Jurisdiction,
    id::WalletId,
    id::InvoiceId,
    id::ResolutionId,
    id::SaleId,
    id::RevaluationId,
    id::FreezeId,
    TransactionId,
    TimeZone,
);

impl FromText for Chain {
    fn from_text(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl FromText for AssetId {
    fn from_text(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl FromText for ExchangeRate {
    const NUMBER_CODE: &'static str = "rate_not_text";

    fn from_text(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

/// The text of a key that may be shown to anybody. A private one is refused before anything else is read.
pub(crate) struct KeyText(pub(crate) String);

impl FromText for KeyText {
    fn from_text(text: &str) -> Result<Self, Invalid> {
        secret::refuse_key(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromText for Rate {
    const NUMBER_CODE: &'static str = "rate_not_text";

    fn from_text(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl FromText for NominalRate {
    const NUMBER_CODE: &'static str = "rate_not_text";

    fn from_text(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

/// Text that has been checked while it was read.
pub(crate) struct Checked<T>(pub(crate) T);

struct CheckedVisitor<T>(std::marker::PhantomData<T>);

impl<T: FromText> Visitor<'_> for CheckedVisitor<T> {
    type Value = Checked<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Checked<T>, E> {
        T::from_text(text).map(Checked).map_err(|invalid| {
            // Whatever else is wrong with a private key, that it was sent is worse.
            let invalid = secret::refuse(text).err().unwrap_or(invalid);
            coded(invalid.code(), invalid)
        })
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Checked<T>, E> {
        Err(coded(T::NUMBER_CODE, format_args!("the number {number} stands here; write it as text, \"{number}\"")))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Checked<T>, E> {
        Err(coded(T::NUMBER_CODE, format_args!("the number {number} stands here; write it as text, \"{number}\"")))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Checked<T>, E> {
        Err(coded(T::NUMBER_CODE, format_args!("the number {number} stands here; write it as text, \"{number}\"")))
    }
}

impl<'de, T: FromText> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CheckedVisitor(std::marker::PhantomData))
    }
}

/// An amount as text; what it is worth depends on the currency beside it.
pub(crate) struct Amount(String);

struct Digits(String);

impl FromText for Digits {
    const NUMBER_CODE: &'static str = "amount_not_text";

    fn from_text(text: &str) -> Result<Self, Invalid> {
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Checked::<Digits>::deserialize(deserializer).map(|it| Self(it.0.0))
    }
}

impl Amount {
    /// The money, or the fault with its pointer.
    pub(crate) fn of(&self, currency: Currency, pointer: &str) -> Result<Money, Fault> {
        Money::parse(&self.0, currency).map_err(|invalid| Fault::invalid(&invalid, pointer))
    }
}

/// A moment in RFC 3339.
pub(crate) struct When(pub(crate) DateTime<Utc>);

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = DateTime::parse_from_rfc3339(&text);
        let read =
            read.map_err(|_| coded("not_a_time", "write a time with its zone, for example 2026-11-21T10:00:00Z"));
        read.map(|it| Self(it.with_timezone(&Utc).trunc_subsecs(6)))
    }
}

/// A date without a time.
#[derive(Clone, Copy)]
pub(crate) struct Day(pub(crate) NaiveDate);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Only as ISO 8601 writes it: chrono alone would take 2026-1-1 too.
        let read = Some(&text).filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
        read.map(Self).ok_or_else(|| coded("not_a_date", "write a date, for example 2026-11-21"))
    }
}

/// When something happened: as the client says, or now.
pub(crate) fn at(when: Option<When>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Fault> {
    let Some(When(when)) = when else { return Ok(now) };
    if when > now + FUTURE_MAX {
        return Err(Fault::new("time_in_future", "/occurred_at", "the time lies more than a day in the future"));
    }
    if when < DateTime::UNIX_EPOCH {
        return Err(Fault::new("time_too_old", "/occurred_at", "the time lies before 1970"));
    }
    Ok(when)
}

/// The value inside an optional checked field.
pub(crate) fn optional<T>(it: Option<Checked<T>>) -> Option<T> {
    it.map(|it| it.0)
}
