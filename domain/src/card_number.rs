//! The guard against payment card numbers: whoever never stores one is out of the reach of PCI DSS.
//!
//! It looks at text only, never at typed amounts: one in ten large integers passes the checksum by chance.

use unicode_normalization::UnicodeNormalization;
use uuid::{Uuid, Variant};

const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;

/// Whether the text contains something that is a card number by prefix, length and checksum, in any script's digits
/// and with the usual separators between them. Digits inside longer words (hashes, addresses, hexadecimal) and
/// international telephone numbers (`+49…`) are not candidates. Nor is a UUID: one in fifty thousand has groups that
/// read as a card number, and an id that is derived must always be readable again.
#[must_use]
pub fn found_in(text: &str) -> bool {
    // The cheap looks first: nearly every text is plain and has too few digits together.
    if text.is_ascii() && longest_stretch(text.as_bytes()) < DIGITS_MIN {
        return false;
    }
    has_card(text)
}

/// The long look.
fn has_card(text: &str) -> bool {
    if is_uuid(text) {
        return false;
    }
    if text.chars().filter(|c| digit_of(*c).is_some()).count() < DIGITS_MIN {
        return false;
    }
    let characters: Vec<char> = text.nfkc().map(|c| digit_of(c).unwrap_or(c)).collect();
    candidates(&characters).iter().any(|groups| any_run_is_a_card(groups))
}

/// The most digits that only single characters keep apart, words with letters not counted: no candidate has more.
fn longest_stretch(text: &[u8]) -> usize {
    let (mut longest, mut stretch) = (0, 0);
    for word in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        stretch = if word.iter().all(u8::is_ascii_digit) { stretch + word.len() } else { 0 };
        longest = longest.max(stretch);
    }
    longest
}

fn is_uuid(text: &str) -> bool {
    const LENGTH: usize = 36;
    text.len() == LENGTH && Uuid::try_parse(text).is_ok_and(|it| it.get_variant() == Variant::RFC4122)
}

/// Stretches of digit groups that only separators keep apart.
fn candidates(characters: &[char]) -> Vec<Vec<Vec<u8>>> {
    let mut stretches = Vec::new();
    let mut groups: Vec<Vec<u8>> = Vec::new();
    let mut tokens = characters.split_inclusive(|c| !c.is_alphanumeric()).peekable();
    while let Some(token) = tokens.next() {
        let (word, end) = match token.split_last() {
            Some((last, rest)) if !last.is_alphanumeric() => (rest, Some(*last)),
            Some(_) | None => (token, None),
        };
        let digits: Option<Vec<u8>> = word.iter().map(|c| c.to_digit(10).and_then(|d| u8::try_from(d).ok())).collect();
        match digits {
            Some(digits) if !digits.is_empty() => groups.push(digits),
            // Two separators in a row go on; a word with letters ends the stretch.
            Some(_) => (),
            None => stretches.push(std::mem::take(&mut groups)),
        }
        if !end.is_some_and(is_separator) {
            stretches.push(std::mem::take(&mut groups));
        }
        // A plus sign begins a telephone number: its digits are passed over.
        if end == Some('+') && tokens.peek().is_some_and(|next| next.first().is_some_and(char::is_ascii_digit)) {
            while tokens.next().is_some_and(|passed| passed.last().copied().is_some_and(is_separator)) {}
        }
    }
    stretches.push(groups);
    stretches
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn any_run_is_a_card(groups: &[Vec<u8>]) -> bool {
    (0..groups.len()).any(|start| {
        let mut digits = Vec::new();
        for group in groups.iter().skip(start) {
            digits.extend_from_slice(group);
            if digits.len() > DIGITS_MAX {
                return false;
            }
            if is_card(&digits) {
                return true;
            }
        }
        false
    })
}

fn is_card(digits: &[u8]) -> bool {
    digits.len() >= DIGITS_MIN && has_issuer(digits) && passes_luhn(digits)
}

/// The issuers' prefixes, each with its lengths. Mada's ranges outside the 4 and 5 prefixes stand on their own.
fn has_issuer(digits: &[u8]) -> bool {
    let prefix = |length: usize| digits.iter().take(length).fold(0_u32, |value, digit| value * 10 + u32::from(*digit));
    match digits.len() {
        13 => prefix(1) == 4,
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            matches!(prefix(1), 4)
                || matches!(prefix(2), 51..=55)
                || matches!(prefix(4), 2221..=2720)
                || matches!(prefix(6), 588_845 | 588_848 | 588_850 | 588_982 | 589_005 | 589_206 | 604_906 | 605_141)
                || matches!(prefix(6), 585_265 | 636_120 | 968_201..=968_211)
                || is_long_brand(prefix(2), prefix(3), prefix(4))
        }
        17 | 18 => is_long_brand(prefix(2), prefix(3), prefix(4)),
        19 => prefix(1) == 4 || is_long_brand(prefix(2), prefix(3), prefix(4)),
        _ => false,
    }
}

/// Discover, JCB and UnionPay: 16 to 19 digits.
fn is_long_brand(two: u32, three: u32, four: u32) -> bool {
    matches!(two, 62 | 65) || matches!(three, 644..=649) || matches!(four, 6011 | 3528..=3589)
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit < 5 => digit * 2,
            (_, digit) => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The ASCII digit for a decimal digit of the scripts that people type: ASCII, Arabic, Persian, Indic, full width.
fn digit_of(c: char) -> Option<char> {
    const ZEROS: [u32; 14] =
        [0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xE50, 0xFF10];
    let code = u32::from(c);
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn card_numbers_are_found_however_they_are_written() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111.1111.1111.1111",
            "pay with 5555555555554444 please",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
            "2223003122003222",
            "٤١١١١١١١١١١١١١١١",
            "۴۱۱۱ ۱۱۱۱ ۱۱۱۱ ۱۱۱۱",
            "４１１１１１１１１１１１１１１１",
            "ref 12 4111 1111 1111 1111 34",
            "card:4111\u{a0}1111\u{a0}1111\u{a0}1111",
        ] {
            assert!(found_in(text), "{text}");
        }
    }

    #[test]
    fn other_long_numbers_are_not() {
        for text in [
            "4111111111111112",                           // checksum
            "42fdf880ba16b47b59251dd489d4441a",           // hexadecimal
            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", // address
            "0x4111111111111111",                         // inside hexadecimal
            "+49 170 1234567 89",                         // telephone
            "DE89370400440532013000",                     // IBAN
            "01890a5d-ac96-774b-bcce-b302099a8057",       // UUID
            "62568690-6437-5427-b901-ebfe82a35b24",       // UUID whose first three groups pass as a card
            "1000000000000000000",                        // wei
            "order 2026-11-21 0001",
        ] {
            assert!(!found_in(text), "{text}");
        }
    }

    proptest! {
        /// The cheap look never overlooks what the long one finds.
        #[test]
        fn the_cheap_look_is_safe(parts in prop::collection::vec(prop::sample::select(vec!["4111", "1111", "41111111", "1", "-", " ", ".", "x", ":", "_", "+", "3782", "822463", "10005"]), 1..14)) {
            let text = parts.concat();
            prop_assert_eq!(found_in(&text), has_card(&text));
        }

        /// Any Visa number is found in every script and with every separator.
        #[test]
        fn generated_cards_are_found(body in prop::collection::vec(0_u8..10, 14), zero in prop::sample::select(vec!['0', '٠', '۰', '０']), gap in prop::sample::select(vec!["", " ", "-", ".", "\u{a0}"])) {
            let mut digits = vec![4];
            digits.extend(&body);
            let check = (0..10).find(|check| { let mut all = digits.clone(); all.push(*check); passes_luhn(&all) }).unwrap();
            digits.push(check);
            let shown: Vec<String> = digits.chunks(4).map(|group| group.iter().map(|d| char::from_u32(u32::from(zero) + u32::from(*d)).unwrap()).collect()).collect();
            prop_assert!(found_in(&shown.join(gap)));
        }
    }
}
