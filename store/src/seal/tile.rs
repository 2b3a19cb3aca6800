//! The addresses of tiles (C2SP tlog-tiles): `0/x001/234.p/5` is a partial tile of level 0, `entries/000` a full bundle.

use super::tree::{TILE_WIDTH, TileId};

/// Levels beyond hold the roots of more leaves than can be counted.
const LEVEL_MAX: u32 = 7;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// Hashes of the tree, at this level.
    Hashes(u32),
    /// The entries of the leaves themselves.
    Entries,
}

/// The address of a tile or a bundle of entries, behind `/tile/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePath {
    /// Which shelf.
    pub shelf: Shelf,
    /// Its number on the shelf.
    pub index: u64,
    /// How many hashes or entries; [`TILE_WIDTH`] is full.
    pub width: usize,
}

impl TilePath {
    /// Reads an address; none where it is not written as it has to be.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (shelf, rest) = path.split_once('/')?;
        let shelf = match shelf {
            "entries" => Shelf::Entries,
            level => Shelf::Hashes(plain(level)?.try_into().ok().filter(|it| *it <= LEVEL_MAX)?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => {
                (index, usize::try_from(plain(width)?).ok().filter(|it| (1..TILE_WIDTH).contains(it))?)
            }
            None => (rest, TILE_WIDTH),
        };
        let path = Self { shelf, index: number(index)?, width };
        // One address for one thing.
        (path.index_text() == index).then_some(path)
    }

    /// The tile of hashes, where it is one.
    #[must_use]
    pub fn tile(&self) -> Option<TileId> {
        match self.shelf {
            Shelf::Hashes(level) => Some(TileId { level, index: self.index }),
            Shelf::Entries => None,
        }
    }

    /// The number in groups of three digits, all but the last with an `x` before them.
    fn index_text(&self) -> String {
        let (mut rest, mut text) = (self.index / 1_000, format!("{:03}", self.index % 1_000));
        while rest > 0 {
            text = format!("x{:03}/{text}", rest % 1_000);
            rest /= 1_000;
        }
        text
    }
}

fn plain(digits: &str) -> Option<u64> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if is_plain { digits.parse().ok() } else { None }
}

fn number(groups: &str) -> Option<u64> {
    groups.split('/').try_fold(0_u64, |number, group| {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let is_group = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let digits: u64 = if is_group { digits.parse().ok()? } else { return None };
        number.checked_mul(1_000)?.checked_add(digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_one_way_only() {
        let hashes = |level, index, width| Some(TilePath { shelf: Shelf::Hashes(level), index, width });
        assert_eq!(TilePath::parse("0/000"), hashes(0, 0, 256));
        assert_eq!(TilePath::parse("1/067.p/8"), hashes(1, 67, 8));
        assert_eq!(TilePath::parse("0/x001/x234/067"), hashes(0, 1_234_067, 256));
        let entries = TilePath { shelf: Shelf::Entries, index: 5_042, width: 255 };
        assert_eq!(TilePath::parse("entries/x005/042.p/255"), Some(entries));
        for wrong in [
            "",
            "0",
            "0/",
            "0/0",
            "0/0000",
            "0/x000/001",
            "0/001/x002",
            "0/1",
            "8/000",
            "00/000",
            "+1/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/08",
            "0/000.p/",
            "0/000/",
            "entries",
            "other/000",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(TilePath::parse(wrong), None, "{wrong:?}");
        }
    }
}
