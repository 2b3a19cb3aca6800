//! Lines as this program writes them, read in one go: fields in their order, names without escapes, texts with the few
//! escapes that JSON in JSON has.
//!
//! Anything else is not refused here; it is left to the reader of JSON, which knows all there is and has the messages.

use crate::seal::leaf::Leaf;
use uuid::Uuid;

/// The event of a line; none where the line looks otherwise. `payload` and `metadata` are room for their bytes.
pub(super) fn leaf<'a>(line: &'a [u8], payload: &'a mut Vec<u8>, metadata: &'a mut Vec<u8>) -> Option<Leaf<'a>> {
    // Once for all: whatever is cut out of it between two quotes is text too.
    let rest = std::str::from_utf8(line).ok()?;
    let (position, rest) = number(rest.strip_prefix("{\"position\":")?)?;
    let (merchant, rest) = name(rest.strip_prefix(",\"merchant\":\"")?)?;
    let (category, rest) = name(rest.strip_prefix(",\"category\":\"")?)?;
    let (stream, rest) = name(rest.strip_prefix(",\"name\":\"")?)?;
    let (revision, rest) = number(rest.strip_prefix(",\"revision\":")?)?;
    let (event_id, rest) = name(rest.strip_prefix(",\"event_id\":\"")?)?;
    let (kind, rest) = name(rest.strip_prefix(",\"kind\":\"")?)?;
    let (recorded_at_us, rest) = number(rest.strip_prefix(",\"recorded_at_us\":")?)?;
    let rest = text(rest.strip_prefix(",\"payload\":\"")?, payload)?;
    let rest = text(rest.strip_prefix(",\"metadata\":\"")?, metadata)?;
    let event_id = Uuid::try_parse(event_id).ok()?.into_bytes();
    let leaf = Leaf {
        position,
        revision,
        recorded_at_us,
        event_id,
        merchant,
        category,
        name: stream,
        kind,
        payload,
        metadata,
    };
    (rest == "}").then_some(leaf)
}

/// An integer as JSON has them, and what follows it.
fn number(rest: &str) -> Option<(i64, &str)> {
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'-')?;
    let (digits, rest) = rest.split_at_checked(end)?;
    let first = digits.bytes().find(|byte| *byte != b'-')?;
    let is_json = first != b'0' || digits == "0";
    Some((digits.parse().ok().filter(|_| is_json)?, rest))
}

/// A text without escapes up to its quote, and what follows that.
fn name(rest: &str) -> Option<(&str, &str)> {
    let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    let (name, rest) = rest.split_at_checked(end)?;
    Some((name, rest.strip_prefix('"')?))
}

/// Writes a text up to its quote into `room`, without its escapes; what follows the quote.
fn text<'a>(from: &'a str, room: &mut Vec<u8>) -> Option<&'a str> {
    // What an escape stands for is never longer than the escape.
    room.resize(from.len(), 0);
    let (mut bytes, mut places) = (from.bytes(), room.iter_mut());
    loop {
        let byte = bytes.next()?;
        let plain = match byte {
            b'"' => break,
            b'\\' => match bytes.next()? {
                same @ (b'"' | b'\\' | b'/') => same,
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'b' => 8,
                b'f' => 12,
                // The number of a character, or no escape at all.
                _other => return None,
            },
            ..b' ' => return None,
            plain => plain,
        };
        *places.next()? = plain;
    }
    let unused = places.len();
    room.truncate(room.len() - unused);
    from.get(from.len() - bytes.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::history::Line;
    use proptest::prelude::*;

    fn line(payload: &str, name: &str) -> String {
        let leaf = Leaf {
            position: 7,
            revision: 3,
            recorded_at_us: -1,
            event_id: [9; 16],
            merchant: "local",
            category: "order",
            name,
            kind: "order-placed.v1",
            payload: payload.as_bytes(),
            metadata: b"{\"a\":\"b\"}",
        };
        serde_json::to_string(&Line::from(&leaf)).unwrap()
    }

    fn read(line: &[u8]) -> Option<String> {
        let (mut payload, mut metadata) = (vec![1; 3], vec![2; 3000]);
        leaf(line, &mut payload, &mut metadata).map(|it| format!("{it:?}"))
    }

    fn read_as_json(line: &[u8]) -> Option<String> {
        serde_json::from_slice::<Line<'_>>(line).ok()?.leaf(|it| format!("{it:?}"))
    }

    #[test]
    fn what_this_program_writes_is_read_in_one_go() {
        for payload in ["", "{}", r#"{"a":"x\"y\\z","b":[1,2]}"#, "قهوة\n\t\r\u{8}\u{c}/"] {
            let line = line(payload, "o-1");
            assert!(read(line.as_bytes()).is_some(), "{line}");
        }
    }

    #[test]
    fn what_looks_otherwise_is_left_to_the_reader_of_json() {
        let good = line("{}", "o-1");
        for (from, to) in [
            ("\"position\":7", "\"position\": 7"),
            ("\"position\":7", "\"position\":07"),
            ("\"position\":7", "\"position\":-0"),
            ("\"position\":7", "\"position\":7.0"),
            ("\"position\":7", "\"position\":99999999999999999999"),
            ("\"position\":7", "\"position\":7-7"),
            ("\"payload\":\"{}\"", "\"payload\":\"{\\u007d\""),
            ("\"payload\":\"{}\"", "\"payload\":\"{\\x}\""),
            ("\"payload\":\"{}\"", "\"payload\":\"{\u{1}}\""),
            ("\"payload\":\"{}\"", "\"payload_base64\":\"e30=\""),
            ("\"name\":\"o-1\"", "\"name\":\"o\\u002d1\""),
            ("\"}\"}", "\"}\",\"more\":1}"),
            ("\"}\"}", "\"}\"}}"),
        ] {
            let other = good.replacen(from, to, 1);
            assert_ne!(other, good, "{from}");
            assert_eq!(read(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        /// Whatever it takes, the reader of JSON takes in the same way; it never sees more, only less.
        #[test]
        fn nothing_is_read_otherwise_than_by_the_rules(
            payload in any::<String>(),
            name in "[a-z\"\\\\é]{0,6}",
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let mut line = line(&payload, &name).into_bytes();
            for (place, byte) in changes {
                let place = place.index(line.len());
                line[place] = byte;
            }
            let quick = read(&line);
            prop_assert!(quick.is_none() || quick == read_as_json(&line));
        }
    }
}
