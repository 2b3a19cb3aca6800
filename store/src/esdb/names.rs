//! What a stream is called in EventStoreDB, and back.
//!
//! `mizan.order-local/o-1001`: the name of the history, the category (so that `$by_category` sorts by it), the merchant
//! and the id. Every other character than letters, digits and `- . _ ~` is escaped as in addresses, so no two streams share
//! a name, and none is taken for one of the server's own, which begin with `$`.

use mizan_domain::event::StreamName;
use std::fmt::Write;

/// Longer names are refused before they are written: PostgreSQL could not index them.
pub(super) const NAME_BYTES_MAX: usize = 1_000;

/// The names of one history. Others may live in the same cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// `mizan.`
    prefix: String,
    /// What the streams begin with that have the times which imported events have brought.
    pub(super) brought_times: String,
}

/// A stream's name, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) merchant: String,
    pub(super) category: String,
    pub(super) name: String,
}

impl Names {
    /// The names of the history that is called so: 1 to 32 small letters, digits and `_`.
    pub(super) fn of(history: &str) -> Option<Self> {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_good = (1..=32).contains(&history.len()) && history.bytes().all(is_plain);
        is_good.then(|| Self { prefix: format!("{history}."), brought_times: format!("{history}-brought-times/") })
    }

    /// What the stream is called.
    pub(super) fn write(&self, merchant: &str, stream: &StreamName) -> String {
        self.spell(merchant, stream.category, &stream.id)
    }

    /// Whether a stream is one of this history; whether its name can be read is another question.
    pub(super) fn is_ours(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
    }

    /// Reads a name that was written here; none where it was not.
    pub(super) fn read(&self, name: &str) -> Option<Named> {
        let (category, rest) = name.strip_prefix(&self.prefix)?.split_once('-')?;
        let (merchant, id) = rest.split_once('/')?;
        let named = Named { merchant: unescape(merchant)?, category: unescape(category)?, name: unescape(id)? };
        // Another spelling of the same stream would be another stream.
        let is_written_here = self.spell(&named.merchant, &named.category, &named.name) == name;
        (is_written_here && !named.category.is_empty()).then_some(named)
    }

    pub(super) fn spell(&self, merchant: &str, category: &str, id: &str) -> String {
        let mut name = self.prefix.clone();
        escape(category, |b| b != b'-', &mut name);
        name.push('-');
        escape(merchant, |_| true, &mut name);
        name.push('/');
        escape(id, |_| true, &mut name);
        name
    }
}

fn escape(text: &str, may_stand: impl Fn(u8) -> bool, into: &mut String) {
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if is_plain && may_stand(byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> Names {
        Names::of("mizan").unwrap()
    }

    #[test]
    fn a_name_says_what_it_is_of() {
        let order = StreamName { category: "order", id: "o-1001".into() };
        assert_eq!(names().write("local", &order), "mizan.order-local/o-1001");
        let odd = StreamName { category: "or-der", id: "$ق/%".into() };
        assert_eq!(names().write("a/b-c", &odd), "mizan.or%2Dder-a%2Fb-c/%24%D9%82%2F%25");
    }

    #[test]
    fn a_name_that_was_not_written_here_is_not_read() {
        for other in [
            "$ce-order",
            "order-local/o-1",
            "mizan.order",
            "mizan.order-local",
            "mizan.-local/o-1",
            "mizan.order-l/%2f",
            "mizan.order-l/%6F",
            "mizan.order-l/%",
            "mizan.order-l/%FF",
            "mizan.order-l/o 1",
            "mizan2.order-l/o-1",
        ] {
            assert_eq!(names().read(other), None, "{other}");
        }
    }

    #[test]
    fn a_history_has_a_plain_name() {
        for bad in ["", "Mizan", "a.b", "a-b", "$x", &"x".repeat(33)] {
            assert_eq!(Names::of(bad), None, "{bad}");
        }
    }

    proptest! {
        /// Whatever streams are called, each has a name of its own, and comes back from it.
        #[test]
        fn no_two_streams_share_a_name(
            one in (".*", 0..2_usize, ".*"), other in (".*", 0..2_usize, ".*"),
        ) {
            let categories = ["order", "or-der"];
            let write = |it: &(String, usize, String)| {
                let stream = StreamName { category: categories[it.1], id: it.2.as_str().into() };
                names().write(&it.0, &stream)
            };
            let name = write(&one);
            prop_assert!(!name.starts_with('$') && name.is_ascii());
            let named = names().read(&name).unwrap();
            prop_assert_eq!((&named.merchant, &*named.category, &named.name), (&one.0, categories[one.1], &one.2));
            prop_assert_eq!(name == write(&other), one == other);
        }
    }
}
