//! The seal: a Merkle tree over the history, and signed checkpoints of it that can be kept outside.
//!
//! It follows the log and never writes to it; no command waits for it. A checkpoint says how many events there are and
//! the root of the tree over all their bytes, so whoever has kept one can tell whether the history that it speaks of is
//! still there, unchanged, whoever has had the database since. docs/audit.md has every format, to the byte.

pub mod checkpoint;
pub mod examine;
mod follower;
pub mod history;
pub mod home;
pub mod keys;
pub mod leaf;
pub mod note;
pub mod proof;
pub mod recount;
pub mod scan;
pub mod sealer;
pub mod signer;
pub mod tables;
pub mod tile;
pub mod tree;

pub use checkpoint::Checkpoint;
pub use follower::{SealFollower, SealState};
pub use keys::{Keys, KeysText};
pub use leaf::Leaf;
pub use note::{NoteError, SigningKey, VerifierKey};
pub use sealer::{Halted, SealError, Sealer};
pub use tree::{Frontier, Hash, Tile, TileId};
