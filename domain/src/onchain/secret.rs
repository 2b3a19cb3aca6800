//! The guard against private keys and seed phrases: whoever never stores one cannot lose anybody's coins.
//!
//! Pasting the wrong line of a wallet's export into a form is an ordinary mistake, so every text of every command passes
//! here. What is found is refused and never repeated. Hashes, addresses and public keys are not secrets and pass; a
//! bare 32-byte number is one only where a key is asked for ([`refuse_key`]), because transactions are named by those.

use crate::invalid::Invalid;
use bitcoin::base58;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The shortest secret there is: twelve words of three letters written together.
const LENGTH_MIN: usize = 36;
/// Words in a row that make a seed phrase. Ordinary prose uses words such as "the" and "of", which no list has.
const WORDS_MIN: usize = 12;
/// The shortest key, and the part of an extended one after which nobody can say that it was an accident.
const KEY_LENGTH_MIN: usize = 51;
const EXTENDED_LENGTHS: std::ops::RangeInclusive<usize> = 107..=113;
const WIF_LENGTHS: std::ops::RangeInclusive<usize> = 51..=52;
const BIP38_LENGTH: usize = 58;

/// Refuses a text with a private key in it: an extended private key of any prefix (xprv, yprv, zprv, tprv…), a key in
/// wallet import format, one encrypted by BIP38, or a seed phrase of BIP39's lists, whatever its case and spacing.
///
/// # Errors
/// [`Invalid::PrivateKey`]; the text is not repeated in it.
pub fn refuse(text: &str) -> Result<(), Invalid> {
    // The cheap look first: nearly every text is too short, or has too few letters and digits (an id as a UUID has 32).
    if text.len() < LENGTH_MIN || (text.is_ascii() && in_words(text) < LENGTH_MIN) {
        return Ok(());
    }
    let plain: Cow<'_, str> = if text.is_ascii() { text.into() } else { text.nfkc().collect() };
    // A key that was broken over lines is still the key.
    let is_broken_key = || plain.contains(is_gap) && has_key(&plain.replace(is_gap, ""));
    if has_seed_phrase(text) || has_key_by_its_look(&plain) || has_key(&plain) || is_broken_key() {
        return Err(Invalid::PrivateKey);
    }
    Ok(())
}

fn in_words(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_alphanumeric).count()
}

/// The same for a field that asks for a key, where 32 bytes of hexadecimal are a private one.
///
/// # Errors
/// [`Invalid::PrivateKey`]; the text is not repeated in it.
pub fn refuse_key(text: &str) -> Result<(), Invalid> {
    const RAW_LENGTH: usize = 64;
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(digits);
    if digits.len() == RAW_LENGTH && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Invalid::PrivateKey);
    }
    refuse(text)
}

/// White space, and what takes no space at all.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')
}

/// By the look alone, so that an extended key with a mistyped or missing character is one too.
fn has_key_by_its_look(text: &str) -> bool {
    long_words(text).any(|word| {
        let mut characters = word.chars();
        characters.next().is_some_and(|c| "xyztuvYZUV".contains(c)) && characters.as_str().starts_with("prv")
    })
}

fn has_key(text: &str) -> bool {
    long_words(text).any(|word| base58_runs(word).any(is_base58_secret))
}

fn long_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|it| it.len() >= KEY_LENGTH_MIN)
}

/// Every stretch of a word that may be a secret by its length: keys also stand inside longer words, as in `key=…`
/// written without the sign.
fn base58_runs(word: &str) -> impl Iterator<Item = &str> {
    let lengths = [word.len()].into_iter().chain(WIF_LENGTHS).chain([BIP38_LENGTH]).chain(EXTENDED_LENGTHS);
    let at_the_ends = lengths.flat_map(|length| {
        let from_end = word.len().checked_sub(length).and_then(|at| word.get(at..));
        [word.get(..length), from_end]
    });
    let after_prv = word.match_indices("prv").filter_map(|(at, _)| word.get(at.checked_sub(1)?..)?.get(..111));
    at_the_ends.flatten().chain(after_prv)
}

/// By the checksum, and then by what the bytes mean.
fn is_base58_secret(text: &str) -> bool {
    // Reading Base58 takes time, so what begins otherwise is not read. Extended keys begin in too many ways.
    let possible = (WIF_LENGTHS.contains(&text.len()) && text.starts_with(['5', 'K', 'L', '9', 'c']))
        || (text.len() == BIP38_LENGTH && text.starts_with("6P"))
        || EXTENDED_LENGTHS.contains(&text.len());
    let Some(bytes) = possible.then(|| base58::decode_check(text).ok()).flatten() else {
        return false;
    };
    match (bytes.len(), bytes.first()) {
        // Wallet import format, of the main network and of the test ones; compressed keys have one byte more.
        (33 | 34, Some(0x80 | 0xef)) => true,
        // BIP38: encrypted, but a password away from the coins.
        (39, Some(0x01)) => matches!(bytes.get(1), Some(0x42 | 0x43)),
        // BIP32: a private key is written with a zero where a public one has its sign, whatever the version bytes.
        (78, Some(_)) => bytes.get(45) == Some(&0),
        _ => false,
    }
}

/// Which of BIP39's languages have a word, a bit each.
static LANGUAGES_OF_WORD: LazyLock<HashMap<String, u16>> = LazyLock::new(|| {
    let mut words: HashMap<String, u16> = HashMap::new();
    for (place, language) in bip39::Language::ALL.iter().enumerate() {
        for word in language.word_list() {
            *words.entry(word.nfkd().collect()).or_default() |= 1 << place;
        }
    }
    words
});

/// Whether so many words of one list stand in a row. Numbers between them (1. abandon 2. …) and any signs are passed
/// over. The checksum is not asked for: a phrase with one word mistyped is worth as much, and other wallets than BIP39's
/// use the same words with another checksum.
fn has_seed_phrase(text: &str) -> bool {
    let lower =
        if text.is_ascii() { text.to_ascii_lowercase() } else { text.nfkd().collect::<String>().to_lowercase() };
    let mut in_a_row = [0_usize; 16];
    for word in lower.split(|c: char| !c.is_alphabetic() && !is_combining_mark(c)).filter(|it| !it.is_empty()) {
        let languages = LANGUAGES_OF_WORD.get(word).copied().unwrap_or(0);
        for (place, count) in in_a_row.iter_mut().enumerate() {
            *count = if languages & (1 << place) == 0 { 0 } else { *count + 1 };
        }
        if in_a_row.iter().any(|count| *count >= WORDS_MIN) || is_words_written_together(word) {
            return true;
        }
    }
    false
}

/// English words without any space: as many as make a phrase, and nothing left over.
fn is_words_written_together(word: &str) -> bool {
    if word.len() < LENGTH_MIN || !word.is_ascii() {
        return false;
    }
    // The most words that make up the first n letters, where words do.
    let mut most: Vec<Option<usize>> = vec![Some(0)];
    for end in 1..=word.len() {
        let last_words = (3..=8_usize).filter_map(|length| {
            let start = end.checked_sub(length)?;
            let before = most.get(start).copied().flatten()?;
            bip39::Language::English.find_word(word.get(start..end)?).map(|_| before + 1)
        });
        let best = last_words.max();
        most.push(best);
    }
    most.last().copied().flatten().is_some_and(|words| words >= WORDS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: &str =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    #[test]
    fn secrets_are_found_in_every_dress() {
        let xprv = "xprv9s21ZrQH143K3GJpoapnV8SFfukcVBSfeCficPSGfubmSFDxo1kuHnLisriDvSnRRuL2Qrg5ggqHKNVpxR86QEC8w35uxmGoggxtQTPvfUu";
        let found = [
            xprv.to_owned(),
            // BIP84's and BIP49's root keys.
            "zprvAWgYBBk7JR8Gjrh4UJQ2uJdG1r3WNRRfURiABBE3RvMXYSrRJL62XuezvGdPvG6GFBZduosCc1YP5wixPox7zhZLfiUm8aunE96BBa4Kei5".into(),
            "tprv8ZgxMBicQKsPe5YMU9gHen4Ez3ApihUfykaqUorj9t6FDqy3nP6eoXiAo2ssvpAjoLroQxHqr3R5nE3a5dU3DHTjTgJDd7zrbniJr6nrCzd".into(),
            // The kind without a public twin's spelling: m/49'/0'/0' as yprv and multisig's Zprv carry the same byte.
            format!("key={xprv}"),
            format!("wpkh([73c5da0a/84h/0h/0h]{xprv}/0/*)"),
            format!("my key {xprv} please"),
            format!("mykey{xprv}"),
            xprv.chars().flat_map(|c| [c, ' ']).collect(),
            format!("{}\n{}", &xprv[..60], &xprv[60..]),
            format!("{}x", &xprv[..110]), // mistyped at the end
            xprv[..80].to_owned(),
            "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617".into(),
            "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ".into(),
            "cMzLdeGd5vEqxB8B6VFQoRopQ3sLAAvEzDAoQgvX54xwofSWj1fx".into(),
            "wif:KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617;".into(),
            "6PRVWUbkzzsbcVac2qwfssoUJAN1Xhrg6bNk8J7Nzm5H7kxEbn2Nh2ZoGg".into(),
            PHRASE.to_owned(),
            PHRASE.to_uppercase(),
            PHRASE.replace(' ', "   \n"),
            PHRASE.replace(' ', ","),
            PHRASE.replace(' ', "-"),
            PHRASE.replace(' ', ""),
            PHRASE.replace(' ', "\",\""),
            format!("my words: {PHRASE}; keep them"),
            PHRASE.split(' ').enumerate().map(|(n, word)| format!("{}. {word} ", n + 1)).collect(),
            "legal winner thank year wave sausage worth useful legal winner thank yellow".into(),
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote".into(),
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless".into(),
            // The wrong checksum is still the wrong thing to send.
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo".into(),
            "あいこくしん あいこくしん あいこくしん あいこくしん あいこくしん あいこくしん あいこくしん あいこくしん あいこくしん あいこくしん あいこくしん あおぞら".into(),
            "ábaco ábaco ábaco ábaco ábaco ábaco ábaco ábaco ábaco ábaco ábaco abierto".into(),
            "的 的 的 的 的 的 的 的 的 的 的 在".into(),
            PHRASE.chars().map(|c| if c == ' ' { c } else { char::from_u32(u32::from(c) + 0xFEE0).unwrap() }).collect(), // full width
        ];
        for text in found {
            assert_eq!(refuse(&text), Err(Invalid::PrivateKey), "{text}");
            assert!(!Invalid::PrivateKey.to_string().contains(&text));
        }
    }

    #[test]
    fn what_is_public_or_prose_passes() {
        let hash = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
        for text in [
            "",
            hash,
            "0x88df016429689c079f3b2f6ad39fa052532c56795b733da78a91ebe6a713944b",
            "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj",
            "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs",
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
            "the customer asked us to abandon the order about noon, and to refund what was paid to the same card",
            "an xprv is a private key and must not be sent here; send the xpub of the account instead",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon",
            "他说今天下午会来取货请把东西准备好并且不要忘记给他开发票谢谢你们的帮助我们明天再联系",
            "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
            "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98618", // wrong checksum: an id like another
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtZXJjaGFudCJ9.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl",
        ] {
            assert_eq!(refuse(text), Ok(()), "{text}");
        }
        assert_eq!(refuse_key(hash), Err(Invalid::PrivateKey));
        assert_eq!(refuse_key(&format!(" 0x{hash}\n")), Err(Invalid::PrivateKey));
        assert_eq!(refuse_key(&hash[..40]), Ok(()));
    }
}
