//! The keys that a history has been sealed with, one after the other, each endorsed by the one before it.
//!
//! A new key comes with a record that both keys have signed. So whoever holds any of the keys can follow the records to
//! the others, forwards and backwards, and an old checkpoint that was kept outside still leads to the key of today.

use super::checkpoint::{Checkpoint, claimed};
use super::note::{NoteError, SigningKey, VerifierKey, sign, verified};
use serde::{Deserialize, Serialize};

/// The first line of a record; no log is called so, so that a record is never taken for a checkpoint.
const RECORD: &str = "mizan key rotation v1";

/// The keys of a history as they are handed on: the first one, and the record of each rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysText {
    /// The verifier key that the history began with.
    pub first: String,
    /// A note that the old and the new key have signed, for each rotation, in order.
    pub rotations: Vec<String>,
}

/// The keys of a history, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    first: VerifierKey,
    rotations: Vec<Rotation>,
}

/// A change of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rotation {
    /// The key that signs what is larger.
    to: VerifierKey,
    /// The last tree of the old key.
    at: Checkpoint,
}

impl Keys {
    /// A history that has had one key only.
    #[must_use]
    pub fn of_first(first: VerifierKey) -> Self {
        Self { first, rotations: Vec::new() }
    }

    /// Checks every signature of every record.
    ///
    /// # Errors
    /// [`NoteError`]: a record is not signed by both, or does not follow from the one before it.
    pub fn read(text: &KeysText) -> Result<Self, NoteError> {
        let mut keys = Self::of_first(text.first.parse()?);
        for note in &text.rotations {
            keys.rotations.push(Rotation::read(note, &keys)?);
        }
        Ok(keys)
    }

    /// The key that signs now.
    #[must_use]
    pub fn current(&self) -> &VerifierKey {
        self.rotations.last().map_or(&self.first, |it| &it.to)
    }

    /// Every key, in order.
    pub fn all(&self) -> impl Iterator<Item = &VerifierKey> {
        std::iter::once(&self.first).chain(self.rotations.iter().map(|it| &it.to))
    }

    /// The key that has signed, or will sign, the tree of this size.
    #[must_use]
    pub fn of_size(&self, size: u64) -> &VerifierKey {
        self.rotations.iter().rev().find(|it| it.at.size < size).map_or(&self.first, |it| &it.to)
    }

    /// Whether this was ever one of them.
    #[must_use]
    pub fn contain(&self, key: &VerifierKey) -> bool {
        self.first == *key || self.rotations.iter().any(|it| it.to == *key)
    }

    /// The trees that the records of the rotations speak of.
    pub fn witnessed(&self) -> impl Iterator<Item = &Checkpoint> {
        self.rotations.iter().map(|it| &it.at)
    }

    /// The text of something else that one of the keys has signed.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`].
    pub fn statement<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let mut keys = std::iter::once(&self.first).chain(self.rotations.iter().map(|it| &it.to));
        let signed = keys.find_map(|key| verified(note, &[key]).ok());
        signed.ok_or_else(|| NoteError::NotSigned(self.current().clone()))
    }

    /// The checkpoint in a note, if the key that was in charge has signed it.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn checkpoint(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let key = self.of_size(claimed(note)?.size);
        let checkpoint: Checkpoint = verified(note, &[key])?.parse()?;
        if checkpoint.origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(NoteError::OtherText("the checkpoint is of another log"))
        }
    }
}

impl Rotation {
    fn read(note: &str, before: &Keys) -> Result<Self, NoteError> {
        let other = || NoteError::OtherText("a rotation names the old key, the new one and the last tree of the old");
        let mut lines = note.splitn(4, '\n');
        let (Some(RECORD), Some(from), Some(to), Some(rest)) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(other());
        };
        let (from, to): (VerifierKey, VerifierKey) = (from.parse()?, to.parse()?);
        let at = claimed(rest)?;
        verified(note, &[&from, &to])?;
        let is_next = from == *before.current() && to.name() == from.name() && at.origin == from.name();
        let is_later = before.rotations.last().is_none_or(|last| last.at.size <= at.size);
        if is_next && is_later && !before.contain(&to) { Ok(Self { to, at }) } else { Err(other()) }
    }
}

/// The record of a rotation: which key follows which, and after which tree; signed by both.
#[must_use]
pub fn rotation(from: &SigningKey, to: &SigningKey, at: &Checkpoint) -> String {
    sign(&format!("{RECORD}\n{}\n{}\n{at}", from.verifier(), to.verifier()), &[from, to])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::tree::Hash;

    fn key() -> SigningKey {
        SigningKey::generate("mizan/a").unwrap()
    }

    fn tree(size: u64) -> Checkpoint {
        Checkpoint { origin: "mizan/a".to_owned(), size, root: Hash::leaf(&size.to_be_bytes()) }
    }

    fn keys(first: &SigningKey, rotations: &[&str]) -> Result<Keys, NoteError> {
        let rotations = rotations.iter().map(|it| (*it).to_owned()).collect();
        Keys::read(&KeysText { first: first.verifier().to_string(), rotations })
    }

    #[test]
    fn an_old_checkpoint_leads_to_the_key_of_today_and_back() {
        let (one, two, three) = (key(), key(), key());
        let records = [rotation(&one, &two, &tree(10)), rotation(&two, &three, &tree(20))];
        let keys = keys(&one, &[&records[0], &records[1]]).unwrap();
        assert_eq!(keys.current(), three.verifier());
        assert!([&one, &two, &three].iter().all(|it| keys.contain(it.verifier())));
        for (size, signer) in [(0, &one), (10, &one), (11, &two), (20, &two), (21, &three)] {
            let note = sign(&tree(size).to_string(), &[signer]);
            assert_eq!(keys.checkpoint(&note), Ok(tree(size)));
            // And no other of them may have signed it.
            for other in [&one, &two, &three].into_iter().filter(|it| it.verifier() != signer.verifier()) {
                assert!(keys.checkpoint(&sign(&tree(size).to_string(), &[other])).is_err(), "{size}");
            }
        }
        assert_eq!(keys.witnessed().collect::<Vec<_>>(), [&tree(10), &tree(20)]);
    }

    #[test]
    fn nobody_endorses_a_key_but_the_one_before_it() {
        let (one, two, thief) = (key(), key(), key());
        let own = rotation(&thief, &two, &tree(10));
        assert!(keys(&one, &[&own]).is_err(), "not by the key of the history");
        let half = sign(own.split_once("\n\n").unwrap().0, &[&one]);
        assert!(keys(&one, &[&half]).is_err());
        let alone = rotation(&one, &two, &tree(10));
        let alone = alone.rsplit_once("\u{2014}").unwrap().0;
        assert!(keys(&one, &[alone]).is_err(), "not signed by the new key");
        let moved = rotation(&one, &two, &tree(10)).replace("\n10\n", "\n11\n");
        assert!(keys(&one, &[&moved]).is_err(), "about another tree");
        let (first, second) = (rotation(&one, &two, &tree(10)), rotation(&two, &thief, &tree(9)));
        assert!(keys(&one, &[&first, &second]).is_err(), "backwards");
        assert!(keys(&one, &[&first, &rotation(&two, &one, &tree(20))]).is_err(), "back to an old key");
        let elsewhere = SigningKey::generate("mizan/b").unwrap();
        assert!(keys(&one, &[&rotation(&one, &elsewhere, &tree(10))]).is_err(), "another log's key");
    }

    #[test]
    fn a_rotation_is_no_checkpoint() {
        let (one, two) = (key(), key());
        let record = rotation(&one, &two, &tree(10));
        assert!(Keys::of_first(one.verifier().clone()).checkpoint(&record).is_err());
    }
}
