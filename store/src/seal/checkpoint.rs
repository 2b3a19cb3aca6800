//! What is signed: how many leaves the tree has, and its root (C2SP tlog-checkpoint).

use super::note::NoteError;
use super::tree::Hash;
use std::fmt;
use std::str::FromStr;

/// A tree at a size: three lines, the origin, the size and the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log it is; the name of the key that signs.
    pub origin: String,
    /// How many leaves; the position of the last event that it covers.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    /// Lines after the third are extensions, which we have none of and leave alone.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let other = || NoteError::OtherText("a checkpoint is the log's name, a size and a root");
        let text = text.strip_suffix('\n').ok_or_else(other)?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(other());
        };
        let is_plain = size == "0" || !size.starts_with(['0', '+']);
        let size = size.parse().ok().filter(|_| is_plain && !origin.is_empty()).ok_or_else(other)?;
        let root = Hash::of_base64(root).ok_or_else(other)?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// The size that a note claims, whoever has signed it; to know which key to ask.
///
/// # Errors
/// [`NoteError::OtherText`]: it is no checkpoint.
pub fn claimed(note: &str) -> Result<Checkpoint, NoteError> {
    let text = note.split_once("\n\n").map_or(note, |(text, _)| text);
    format!("{text}\n").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_three_lines() {
        let text = "mizan/a\n17\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        let checkpoint: Checkpoint = text.parse().unwrap();
        assert_eq!((checkpoint.size, checkpoint.root), (17, Hash::of_nothing()));
        assert_eq!(checkpoint.to_string(), text);
        // What others may add is no reason not to read it.
        assert_eq!(format!("{text}more\n").parse(), Ok(checkpoint));
        for wrong in
            ["", "mizan/a\n17\n", "\n17\n47DE\n", "mizan/a\n-1\nAA==\n", &text.replace("17", "017"), text.trim()]
        {
            assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong:?}");
        }
    }
}
