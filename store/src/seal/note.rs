//! Signed notes (C2SP signed-note): a text, a blank line, and signatures by name.
//!
//! Keys are Ed25519. A key's name says whose log it is; its id is a hash over the name and the key, so that a signature
//! tells which key made it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The type of key and signature that C2SP gives to Ed25519.
const ED25519_TYPE: u8 = 1;
const PRIVATE: &str = "PRIVATE+KEY+";
/// What every line of a signature begins with: an em dash.
const SIGNATURE_MARK: &str = "\u{2014} ";
/// The most signatures that are looked at in one note.
const SIGNATURES_MAX: usize = 16;

/// A text that is no key, or no note, or not signed by whom it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not `name+hash+key`.
    #[error("{0:?} is no verifier key; it looks like name+01234567+base64")]
    BadKey(String),
    /// Not `PRIVATE+KEY+name+hash+key`.
    #[error("the file holds no private key of a seal (PRIVATE+KEY+name+hash+base64)")]
    BadPrivateKey,
    /// Not a text, a blank line and signatures.
    #[error("this is no signed note: a text, a blank line, and lines that begin with an em dash")]
    Malformed,
    /// No signature of that key, or a wrong one.
    #[error("the note is not signed by {0}")]
    NotSigned(VerifierKey),
    /// Signed, but not the text that is expected.
    #[error("the note is signed, but says something else: {0}")]
    OtherText(&'static str),
    /// The machine gives no randomness.
    #[error("the machine gives no randomness for a key")]
    NoRandomness,
}

/// A public key and whose it is; as text `name+hash+key`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// Whose key it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over the name, a new line, the type and the key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519_TYPE]).chain_update(self.public);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        [a, b, c, d]
    }

    fn holds(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.name, encoded(self.id(), &self.public))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let bad = || NoteError::BadKey(text.chars().take(120).collect());
        let (name, id, public) = decoded(text).ok_or_else(bad)?;
        let key = Self { name: name.to_owned(), public };
        if key.id() == id { Ok(key) } else { Err(bad()) }
    }
}

/// `hash+key`, as in both kinds of keys.
fn encoded(id: [u8; 4], key: &[u8; 32]) -> String {
    let typed: Vec<u8> = [ED25519_TYPE].into_iter().chain(*key).collect();
    format!("{:08x}+{}", u32::from_be_bytes(id), STANDARD.encode(typed))
}

fn decoded(text: &str) -> Option<(&str, [u8; 4], [u8; 32])> {
    // The base64 may have plus signs of its own; the name and the hash have none.
    let (name, rest) = text.split_once('+')?;
    let (hash, key) = rest.split_once('+')?;
    if name.is_empty() || name.contains(char::is_whitespace) || hash.len() != 8 {
        return None;
    }
    let id = u32::from_str_radix(hash, 16).ok()?.to_be_bytes();
    let typed = STANDARD.decode(key).ok()?;
    let (kind, key) = typed.split_first()?;
    if *kind == ED25519_TYPE { Some((name, id, key.try_into().ok()?)) } else { None }
}

/// A private key. It is never shown: only [`to_secret`](Self::to_secret) gives it away, for its file.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SigningKey {
    /// A new key with this name.
    ///
    /// # Errors
    /// [`NoteError::NoRandomness`].
    pub fn generate(name: &str) -> Result<Self, NoteError> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| NoteError::NoRandomness)?;
        Self::of_seed(name, seed)
    }

    fn of_seed(name: &str, seed: [u8; 32]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NoteError::BadPrivateKey)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NoteError::BadPrivateKey)?;
        Ok(Self { seed, pair, verifier: VerifierKey { name: name.to_owned(), public } })
    }

    /// Reads what [`to_secret`](Self::to_secret) has written.
    ///
    /// # Errors
    /// [`NoteError::BadPrivateKey`].
    pub fn of_secret(text: &str) -> Result<Self, NoteError> {
        let (name, id, seed) = text.strip_prefix(PRIVATE).and_then(decoded).ok_or(NoteError::BadPrivateKey)?;
        let key = Self::of_seed(name, seed)?;
        if key.verifier.id() == id { Ok(key) } else { Err(NoteError::BadPrivateKey) }
    }

    /// The key in the form that the tools of others read too; secret.
    #[must_use]
    pub fn to_secret(&self) -> String {
        format!("{PRIVATE}{}+{}", self.verifier.name, encoded(self.verifier.id(), &self.seed))
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The line of a signature under a text.
    fn line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let bytes: Vec<u8> = self.verifier.id().into_iter().chain(signature.as_ref().iter().copied()).collect();
        format!("{SIGNATURE_MARK}{} {}\n", self.verifier.name, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier)
    }
}

/// Signs a text, which ends with a new line, with each of the keys.
#[must_use]
pub fn sign(text: &str, keys: &[&SigningKey]) -> String {
    let lines: String = keys.iter().map(|key| key.line(text)).collect();
    format!("{text}\n{lines}")
}

/// The text of a note, if each of the keys has signed it. Signatures of others are left alone.
///
/// # Errors
/// [`NoteError::Malformed`] and [`NoteError::NotSigned`].
pub fn verified<'a>(note: &'a str, keys: &[&VerifierKey]) -> Result<&'a str, NoteError> {
    let blank = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, rest) = note.split_at_checked(blank + 1).ok_or(NoteError::Malformed)?;
    let lines = rest.strip_prefix('\n').and_then(|it| it.strip_suffix('\n')).ok_or(NoteError::Malformed)?;
    let signatures: Vec<_> =
        lines.split('\n').take(SIGNATURES_MAX).map(signature).collect::<Option<_>>().ok_or(NoteError::Malformed)?;
    for key in keys {
        let mut own = signatures.iter().filter(|it| it.name == key.name && it.id == key.id());
        if !own.any(|it| key.holds(text, &it.bytes)) {
            return Err(NoteError::NotSigned(VerifierKey::clone(key)));
        }
    }
    Ok(text)
}

struct Signature<'a> {
    name: &'a str,
    id: [u8; 4],
    bytes: Vec<u8>,
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, base64) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
    let bytes = STANDARD.decode(base64).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    Some(Signature { name, id: *id, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of golang.org/x/mod/sumdb/note, from which C2SP took the form.
    #[test]
    fn a_note_of_somebody_else_is_read_and_a_key_written_as_they_write_it() {
        let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = SigningKey::of_secret(secret).unwrap();
        assert_eq!((key.to_secret().as_str(), key.verifier().to_string().as_str()), (secret, verifier));
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let note = format!(
            "{text}\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
        assert_eq!(sign(text, &[&key]), note);
        assert_eq!(verified(&note, &[&verifier.parse().unwrap()]), Ok(text));
    }

    #[test]
    fn one_other_letter_or_another_key_and_nothing_holds() {
        let (one, other) = (SigningKey::generate("a.log").unwrap(), SigningKey::generate("a.log").unwrap());
        let note = sign("said\n", &[&one]);
        assert_eq!(verified(&note, &[one.verifier()]), Ok("said\n"));
        assert_eq!(verified(&note, &[other.verifier()]), Err(NoteError::NotSigned(other.verifier().clone())));
        let forged = note.replace("said", "sold");
        assert_eq!(verified(&forged, &[one.verifier()]), Err(NoteError::NotSigned(one.verifier().clone())));
        // Under a name that the key does not have, the key says nothing.
        let named = note.replace("a.log", "b.log");
        assert!(verified(&named, &[one.verifier()]).is_err());
        for broken in ["", "said\n", "said\n\n", "said\n\nmore\n", &note[..note.len() - 1]] {
            assert_eq!(verified(broken, &[one.verifier()]), Err(NoteError::Malformed), "{broken:?}");
        }
        let both = sign("said\n", &[&one, &other]);
        assert!(verified(&both, &[one.verifier(), other.verifier()]).is_ok());
    }

    #[test]
    fn a_key_with_a_slip_in_it_is_no_key() {
        let key = SigningKey::generate("a.log").unwrap();
        let (public, secret) = (key.verifier().to_string(), key.to_secret());
        assert_eq!(public.parse::<VerifierKey>().unwrap(), *key.verifier());
        assert_eq!(SigningKey::of_secret(&secret).unwrap().verifier(), key.verifier());
        for slip in
            [public.replace("a.log", "a.lag"), public.replace('+', " "), public[1..].replace("log", ""), secret.clone()]
        {
            assert!(slip.parse::<VerifierKey>().is_err(), "{slip}");
        }
        assert!(SigningKey::of_secret(&public).is_err() && SigningKey::of_secret(&secret[..60]).is_err());
        assert!(!format!("{key:?}").contains(secret.rsplit('+').next().unwrap()));
    }
}
