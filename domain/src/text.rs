//! Free text that people read: names, references, reasons.

use crate::card_number;
use crate::invalid::Invalid;
use crate::onchain::secret;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::sync::Arc;

/// The longest text, in characters.
pub const TEXT_LENGTH_MAX: usize = 500;

/// One line of text without control characters, direction overrides, card numbers or private keys, 1 to 500 characters.
///
/// Direction overrides are refused because they can make 001 read as 100 on a dashboard.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Text(Arc<str>);

impl Text {
    /// Reads a text; white space around it is dropped.
    ///
    /// # Errors
    /// [`Invalid`] with the reason; a card number or a private key is never repeated in it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let length = text.chars().count();
        if text.is_empty() {
            return Err(Invalid::EmptyText);
        }
        if length > TEXT_LENGTH_MAX {
            return Err(Invalid::TextTooLong { length, limit: TEXT_LENGTH_MAX });
        }
        let is_override = |c: char| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        if let Some(c) = text.chars().find(|c| c.is_control() || is_override(*c)) {
            return Err(Invalid::ForbiddenCharacter(u32::from(c)));
        }
        if card_number::found_in(text) {
            return Err(Invalid::CardNumber);
        }
        secret::refuse(text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_honest_line() {
        let cases = [
            ("  a café, 2 × 3  ", Ok("a café, 2 × 3")),
            ("قهوة", Ok("قهوة")),
            ("   ", Err("empty_text")),
            ("two\nlines", Err("forbidden_character")),
            ("pay \u{202E}001", Err("forbidden_character")),
            ("card 4111 1111 1111 1111", Err("card_number_not_allowed")),
            ("KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617", Err("private_key_not_allowed")),
        ];
        for (text, expected) in cases {
            let read = Text::parse(text);
            assert_eq!(read.as_ref().map(Text::as_str).map_err(|it| it.code()), expected, "{text:?}");
        }
        assert!(Text::parse(&"x".repeat(500)).is_ok() && Text::parse(&"x".repeat(501)).is_err());
    }
}
