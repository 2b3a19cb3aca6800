//! Who signs: only a tree that begins with the last one that was signed.
//!
//! The signer believes nobody. It remembers its last checkpoint itself, and a new one has to come with the proof that
//! the tree has only grown. A smaller tree or another history is refused, whatever the database says.

use super::checkpoint::Checkpoint;
use super::note::{SigningKey, sign};
use super::proof;
use super::tree::Hash;

/// Why a checkpoint is not signed. Somebody has edited the history or the tree, or this is another database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is less than was signed before.
    #[error(
        "a tree of {signed} events has been signed, and here are only {offered}: the end of the history is missing"
    )]
    Smaller {
        /// The size of the last checkpoint.
        signed: u64,
        /// What was to be signed.
        offered: u64,
    },
    /// As much as was signed before, and something else.
    #[error("a tree of {size} events has been signed, and this one of the same size is another")]
    Fork {
        /// The size of both.
        size: u64,
    },
    /// More than was signed before, but not from it.
    #[error("a tree of {signed} events has been signed, and the one of {offered} does not begin with it")]
    NotFromTheLast {
        /// The size of the last checkpoint.
        signed: u64,
        /// What was to be signed.
        offered: u64,
    },
    /// The log has another name.
    #[error("the last checkpoint is of the log {signed}, the key is of {own}")]
    OtherLog {
        /// The origin of the last checkpoint.
        signed: String,
        /// The name of the key.
        own: String,
    },
}

/// Signs a tree, if the proof shows that it begins with the last one signed.
///
/// # Errors
/// [`Refusal`].
pub fn sign_next(
    key: &SigningKey,
    last: Option<&Checkpoint>,
    (size, root): (u64, Hash),
    proof: &[Hash],
) -> Result<String, Refusal> {
    let origin = key.verifier().name().to_owned();
    if let Some(last) = last {
        let (signed, offered) = (last.size, size);
        if last.origin != origin {
            return Err(Refusal::OtherLog { signed: last.origin.clone(), own: origin });
        }
        if offered < signed {
            return Err(Refusal::Smaller { signed, offered });
        }
        if offered == signed && root != last.root {
            return Err(Refusal::Fork { size });
        }
        if !proof::extends((signed, last.root), (offered, root), proof) {
            return Err(Refusal::NotFromTheLast { signed, offered });
        }
    }
    Ok(sign(&Checkpoint { origin, size, root }.to_string(), &[key]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::proof::{Tiles, consistency};
    use crate::seal::tree::Frontier;

    fn tree(leaves: impl Iterator<Item = u64>) -> (Hash, Tiles) {
        let (mut frontier, mut tiles) = (Frontier::default(), Vec::new());
        leaves.for_each(|it| frontier.push(Hash::leaf(&it.to_be_bytes()), &mut tiles));
        tiles.extend(frontier.partial_tiles());
        (frontier.root(), tiles.into_iter().collect())
    }

    #[test]
    fn a_tree_that_has_only_grown_is_signed_and_no_other() {
        let key = SigningKey::generate("mizan/a").unwrap();
        let (root, _) = tree(0..300);
        let last = Checkpoint { origin: "mizan/a".to_owned(), size: 300, root };
        let (grown, tiles) = tree(0..1_000);
        let proof = tiles.roots(&consistency(300, 1_000).unwrap()).unwrap();
        assert!(sign_next(&key, Some(&last), (1_000, grown), &proof).is_ok());
        assert!(sign_next(&key, Some(&last), (300, root), &[]).is_ok(), "the same again says nothing new");
        assert!(sign_next(&key, None, (1_000, grown), &[]).is_ok(), "the first one");

        let (fork, _) = tree(1..301);
        let (signed, offered) = (300, 1_000);
        assert_eq!(sign_next(&key, Some(&last), (300, fork), &[]), Err(Refusal::Fork { size: 300 }));
        let (less, _) = tree(0..299);
        let smaller = Refusal::Smaller { signed, offered: 299 };
        assert_eq!(sign_next(&key, Some(&last), (299, less), &[]), Err(smaller));
        // One event of the sealed part is another, and the tree is complete in itself.
        let (edited, tiles) = tree((0..1_000).map(|it| if it == 7 { 7_000 } else { it }));
        let own_proof = tiles.roots(&consistency(300, 1_000).unwrap()).unwrap();
        for proof in [own_proof, proof, Vec::new()] {
            let refused = Refusal::NotFromTheLast { signed, offered };
            assert_eq!(sign_next(&key, Some(&last), (1_000, edited), &proof), Err(refused));
        }
        let other = SigningKey::generate("mizan/b").unwrap();
        assert!(matches!(sign_next(&other, Some(&last), (300, root), &[]), Err(Refusal::OtherLog { .. })));
    }
}
