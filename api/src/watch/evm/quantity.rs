//! Numbers and bytes as Ethereum's nodes write them: hexadecimal text, up to 256 bits. Never a JSON number.

use bitcoin::hex::FromHex;
use serde::{Deserialize, Deserializer, de};

/// The bytes of an account's address.
const ACCOUNT_LENGTH: usize = 20;

/// A number of up to 256 bits. What does not fit is no error where it is read: anybody can write any number into a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantity(Option<u128>);

impl Quantity {
    /// As an amount; none from 2^128 on, which is more than there is of anything.
    pub(super) fn amount(self) -> Option<u128> {
        self.0
    }

    /// As a height, a time, a status.
    pub(super) fn small(self) -> Option<u64> {
        self.0.and_then(|it| u64::try_from(it).ok())
    }

    /// Of 32 bytes, the way contracts write numbers.
    pub(super) fn of_word(word: &[u8]) -> Option<Self> {
        let (high, low) = <&[u8; 32]>::try_from(word).ok()?.split_first_chunk::<16>()?;
        let low: [u8; 16] = low.try_into().ok()?;
        Some(Self((*high == [0; 16]).then(|| u128::from_be_bytes(low))))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or_default();
        if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(de::Error::custom("a number is written as 0x and up to 64 hexadecimal digits"));
        }
        Ok(Self(u128::from_str_radix(digits, 16).ok()))
    }
}

/// Bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    /// The bytes.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| de::Error::custom("bytes begin with 0x"))?;
        Vec::from_hex(digits).map(Self).map_err(de::Error::custom)
    }
}

/// The account in 32 bytes, where contracts write addresses: twelve zeros and the address. Dirty bytes are another value.
pub(super) fn account(word: &[u8]) -> Option<&[u8]> {
    let (zeros, account) = word.split_last_chunk::<ACCOUNT_LENGTH>()?;
    (zeros == [0; 12]).then_some(account.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        let read = |text: &str| serde_json::from_value::<Quantity>(json!(text)).ok().map(Quantity::amount);
        let cases = [
            ("0x0", Some(Some(0))),
            ("0xde0b6b3a7640000", Some(Some(1_000_000_000_000_000_000))),
            ("0x10000000000000000", Some(Some(18_446_744_073_709_551_616))), // beyond 64 bits
            ("0xffffffffffffffffffffffffffffffff", Some(Some(u128::MAX))),
            ("0x100000000000000000000000000000000", Some(None)),
            ("0x", None),
            ("1", None),
            ("0x+1", None),
            ("0xg", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
        assert!(serde_json::from_value::<Quantity>(json!(1)).is_err());
        assert!(serde_json::from_value::<Quantity>(json!(format!("0x{}", "0".repeat(65)))).is_err());
    }

    #[test]
    fn words_are_32_bytes() {
        let mut word = [0; 32];
        word[31] = 7;
        assert_eq!(Quantity::of_word(&word).and_then(Quantity::amount), Some(7));
        assert_eq!(account(&word).map(<[u8]>::len), Some(20));
        word[0] = 1;
        assert_eq!(Quantity::of_word(&word), Some(Quantity(None)));
        assert_eq!((account(&word), Quantity::of_word(&word[1..])), (None, None));
    }
}
