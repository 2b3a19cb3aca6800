//! The API key: made on the first start, kept as a hash, compared in constant time.
//!
//! There is one local merchant until accounts come, with one key, and further ones that have names. A key looks like `mzn_test_` and 38 characters, the
//! last six of them a checksum, so that scanners can tell a leaked key from noise.

mod named;

pub use named::{Keys, actors, add, remove};

use rand::RngExt;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;
use subtle::ConstantTimeEq;

/// How keys begin that are for real money; with them, time is the world's.
pub const LIVE_PREFIX: &str = "mzn_live_";
const PREFIX: &str = "mzn_test_";
const SECRET_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The hash of an API key.
#[derive(Clone)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Reads a hash as it is written.
    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        for (nth, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(nth * 2..nth * 2 + 2)?, 16).ok()?;
        }
        (text.len() == 64).then_some(Self(bytes))
    }

    /// Whether a presented key is this one; takes the same time whatever it is.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        self.is(&Self::of(presented))
    }

    /// Whether two hashes are the same; takes the same time whatever they are.
    fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Display for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key of a data directory, made if there is none. `MIZAN_API_KEY` goes first.
///
/// # Errors
/// The file cannot be read or written.
pub fn load_or_make(data_dir: &Path) -> std::io::Result<String> {
    if let Ok(key) = std::env::var("MIZAN_API_KEY") {
        return Ok(key);
    }
    let path = data_dir.join("api-key");
    match std::fs::read_to_string(&path) {
        Ok(key) => return Ok(key.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (),
        Err(error) => return Err(error),
    }
    std::fs::create_dir_all(data_dir)?;
    let key = generate(false);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(mut file) => {
            writeln!(file, "{key}")?;
            file.sync_all()?;
            Ok(key)
        }
        // Another process made it first.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Ok(std::fs::read_to_string(&path)?.trim().to_owned())
        }
        Err(error) => Err(error),
    }
}

/// Whether a key is for real money.
#[must_use]
pub fn is_live(key: &str) -> bool {
    key.starts_with(LIVE_PREFIX)
}

fn generate(is_live: bool) -> String {
    let prefix = if is_live { LIVE_PREFIX } else { PREFIX };
    let mut rng = rand::rng();
    let secret: String = (0..SECRET_LENGTH).map(|_| base62(rng.random_range(0..62))).collect();
    let body = format!("{prefix}{secret}");
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut checksum = String::new();
    for _ in 0..CHECKSUM_LENGTH {
        checksum.push(base62(rest % 62));
        rest /= 62;
    }
    body + &checksum
}

fn base62(digit: u32) -> char {
    usize::try_from(digit).ok().and_then(|digit| ALPHABET.get(digit)).map_or('0', |byte| char::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_checked_and_never_the_same() {
        let (one, other) = (generate(false), generate(false));
        assert_ne!(one, other);
        assert_eq!(one.len(), PREFIX.len() + SECRET_LENGTH + CHECKSUM_LENGTH);
        assert!(KeyHash::of(&one).matches(&one) && !KeyHash::of(&one).matches(&other));
    }
}
