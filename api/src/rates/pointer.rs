//! A number in somebody's JSON, by a pointer and to the digit.
//!
//! The usual way to read JSON makes a float of every number with a point. This one goes down the text itself and reads
//! the digits that stand there.

use rust_decimal::Decimal;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// How deep a pointer may lead.
const DEPTH_MAX: usize = 16;
/// The longest number.
const DIGITS_MAX: usize = 64;

/// The number above zero at a pointer (RFC 6901), written as a JSON number or as text.
pub(super) fn number_at(json: &[u8], pointer: &str) -> Option<Decimal> {
    let mut raw: &RawValue = serde_json::from_slice(json).ok()?;
    let path = pointer.strip_prefix('/')?;
    for (depth, segment) in path.split('/').enumerate() {
        if depth >= DEPTH_MAX {
            return None;
        }
        let name = segment.replace("~1", "/").replace("~0", "~");
        raw = if raw.get().starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
            items.get(name.parse::<usize>().ok()?).copied()?
        } else {
            let fields: HashMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
            fields.get(&name).copied()?
        };
    }
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => decimal(&text),
        Err(_) => decimal(raw.get()),
    }
}

/// A decimal above zero, exactly; with an exponent too, as some services write small rates. None if it has more digits
/// than can be kept: a rate is never rounded on its way in.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    let is_plain = text.len() <= DIGITS_MAX && text.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let read = match text.find(['e', 'E']) {
        // The library rounds what it cannot keep after an exponent is applied, so the digits are counted before.
        Some(_) => Decimal::from_scientific(text).ok(),
        None => Decimal::from_str_exact(text).ok(),
    };
    read.filter(|it| is_plain && it.is_sign_positive() && !it.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_the_sources_own() {
        let json = br#"{"data":{"amount":"50500.10","a/b":[1,{"p":0.1}],"n":12345678901234567.123456789,"e":5.05e4,
                        "s":1.5e-7,"z":0,"m":-1,"t":"x","b":true,"long":0.12345678901234567890123456789012}}"#;
        let cases = [
            ("/data/amount", Some("50500.10")),
            ("/data/a~1b/0", Some("1")),
            ("/data/a~1b/1/p", Some("0.1")),
            ("/data/n", Some("12345678901234567.123456789")), // a float has 17 digits
            ("/data/e", Some("50500")),
            ("/data/s", Some("0.00000015")),
            ("/data/z", None),
            ("/data/m", None),
            ("/data/t", None),
            ("/data/b", None),
            ("/data/long", None),
            ("/data", None),
            ("/none", None),
            ("/data/a~1b/2", None),
            ("", None),
            ("data/amount", None),
        ];
        for (pointer, expected) in cases {
            assert_eq!(number_at(json, pointer).map(|it| it.to_string()).as_deref(), expected, "{pointer}");
        }
        assert_eq!(number_at(b"{", "/a"), None);
        assert_eq!(number_at(b"[[[[1]]]]", &"/0".repeat(17)), None);
    }
}
