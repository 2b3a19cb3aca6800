//! The tree by the words of others: the vectors of Certificate Transparency, and another implementation.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test, these are a failed test")]

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use mizan_store::seal::proof::{self, Span, Tiles};
use mizan_store::seal::tree::edge_of;
use mizan_store::seal::{Frontier, Hash, Tile};
use proptest::prelude::*;
use sha2::Sha256;

/// The eight leaves that every implementation of RFC 6962 is tested with.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Index of the leaf, size of the tree, the published proof.
const INCLUSIONS: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// The two sizes, the published proof.
const CONSISTENCIES: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hash(hex: &str) -> Hash {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Hash::of_bytes(&(0..64).step_by(2).map(digit).collect::<Vec<_>>()).unwrap()
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|it| hash(it)).collect()
}

/// A tree over some leaves: its roots at every size, and its tiles.
struct Grown {
    roots: Vec<Hash>,
    tiles: Tiles,
    frontier: Frontier,
}

fn grown(leaves: impl IntoIterator<Item = Hash>) -> Grown {
    let (mut frontier, mut tiles) = (Frontier::default(), Vec::new());
    let mut roots = vec![frontier.root()];
    for leaf in leaves {
        frontier.push(leaf, &mut tiles);
        roots.push(frontier.root());
    }
    tiles.extend(frontier.partial_tiles());
    Grown { roots, tiles: tiles.into_iter().collect(), frontier }
}

fn numbered(count: u64) -> Vec<Hash> {
    (0..count).map(|nth| Hash::leaf(&nth.to_be_bytes())).collect()
}

/// The same tree, by somebody else.
fn oracle(count: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..count).for_each(|nth| tree.push(nth.to_be_bytes().to_vec()));
    tree
}

fn concatenated(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|it| *it.bytes()).collect()
}

#[test]
fn the_roots_are_those_of_certificate_transparency() {
    let tree = grown(LEAVES.map(Hash::leaf));
    assert_eq!(tree.roots, hashes(&ROOTS));
}

#[test]
fn the_proofs_are_those_of_certificate_transparency() {
    let tree = grown(LEAVES.map(Hash::leaf));
    for (index, size, published) in INCLUSIONS {
        let proof = tree.tiles.roots(&proof::inclusion(index, size).unwrap()).unwrap();
        assert_eq!(proof, hashes(published), "leaf {index} of {size}");
        let (leaf, root) =
            (Hash::leaf(LEAVES[usize::try_from(index).unwrap()]), tree.roots[usize::try_from(size).unwrap()]);
        assert!(proof::includes(leaf, index, size, &proof, root));
    }
    for (from, to, published) in CONSISTENCIES {
        let proof = tree.tiles.roots(&proof::consistency(from, to).unwrap()).unwrap();
        assert_eq!(proof, hashes(published), "from {from} to {to}");
        let [old, new] = [from, to].map(|size| (size, tree.roots[usize::try_from(size).unwrap()]));
        assert!(proof::extends(old, new, &proof));
    }
}

/// Every pair of sizes and every leaf, and nothing else than the true one is believed.
#[test]
fn a_proof_holds_for_what_it_says_and_for_nothing_else() {
    const COUNT: u64 = 40;
    let (leaves, tree) = (numbered(COUNT), grown(numbered(COUNT)));
    let root = |size: u64| tree.roots[usize::try_from(size).unwrap()];
    for size in 1..=COUNT {
        for index in 0..size {
            let path = tree.tiles.roots(&proof::inclusion(index, size).unwrap()).unwrap();
            let leaf = |index: u64| leaves[usize::try_from(index).unwrap()];
            assert!(proof::includes(leaf(index), index, size, &path, root(size)));
            for other in (0..size).filter(|other| *other != index) {
                assert!(!proof::includes(leaf(other), index, size, &path, root(size)), "another leaf");
                assert!(!proof::includes(leaf(index), other, size, &path, root(size)), "another place");
            }
            assert!(!proof::includes(leaf(index), index, size, &path, root(size - 1)), "another root");
            assert!(!proof::includes(leaf(index), index, size, &[path.clone(), vec![leaf(0)]].concat(), root(size)));
            assert!(path.is_empty() || !proof::includes(leaf(index), index, size, &path[1..], root(size)));
        }
        assert!(proof::inclusion(size, size).is_none() && !proof::includes(leaves[0], size, size, &[], root(size)));
        for from in 0..=size {
            let path = tree.tiles.roots(&proof::consistency(from, size).unwrap()).unwrap();
            assert!(proof::extends((from, root(from)), (size, root(size)), &path), "{from} to {size}");
            if from < size {
                assert!(!proof::extends((size, root(size)), (from, root(from)), &path), "backwards");
                assert!(!proof::extends((from, leaves[1]), (size, root(size)), &path), "another beginning");
                assert!(!proof::extends(
                    (from, root(from)),
                    (size, root(size)),
                    &[path.clone(), vec![root(1)]].concat()
                ));
            }
            if from > 0 && from < size {
                assert!(!proof::extends((from, root(from)), (size, leaves[1]), &path), "another end");
                assert!(!proof::extends((from, root(from)), (size, root(size)), &path[1..]), "less");
            }
        }
        assert!(proof::consistency(size, size - 1).is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Over several levels of tiles, roots and proofs are byte for byte what another implementation makes.
    #[test]
    fn the_tree_is_the_oracle_s(count in 1_u64..2_000, one in any::<u64>(), other in any::<u64>()) {
        let (tree, oracle) = (grown(numbered(count)), oracle(count));
        let theirs = Hash::of_bytes(oracle.root().as_bytes()).unwrap();
        prop_assert_eq!(tree.frontier.root(), theirs);
        let index = one % count;
        let path = tree.tiles.roots(&proof::inclusion(index, count).unwrap()).unwrap();
        let theirs = oracle.prove_inclusion(usize::try_from(index).unwrap());
        prop_assert_eq!(concatenated(&path), theirs.as_bytes());
        let from = 1 + other % count;
        if from < count {
            let path = tree.tiles.roots(&proof::consistency(from, count).unwrap()).unwrap();
            let theirs = oracle.prove_consistency(usize::try_from(count - from).unwrap());
            prop_assert_eq!(concatenated(&path), theirs.as_bytes());
        }
    }
}

/// A tree that is taken up again from its tiles grows into the same tree.
#[test]
fn the_edge_of_a_tree_is_all_that_it_needs_to_grow() {
    let leaves = numbered(1_100);
    let whole = grown(leaves.clone());
    for size in [0_u64, 1, 255, 256, 257, 511, 512, 513, 1_023, 1_024, 1_099] {
        let begun = grown(leaves[..usize::try_from(size).unwrap()].to_vec());
        let tile = |id| begun.tiles.get(id).map(<[Hash]>::to_vec);
        let mut taken_up = Frontier::of_tiles(size, tile).unwrap();
        assert_eq!(taken_up, begun.frontier, "{size}");
        // Tiles that have grown on since will do as well.
        let later = |id| whole.tiles.get(id).map(<[Hash]>::to_vec);
        assert_eq!(Frontier::of_tiles(size, later).unwrap(), begun.frontier, "{size}");
        let mut full: Vec<Tile> = Vec::new();
        leaves[usize::try_from(size).unwrap()..].iter().for_each(|leaf| taken_up.push(*leaf, &mut full));
        assert_eq!(taken_up.root(), whole.frontier.root());
        assert!(full.iter().all(|it| it.hashes.len() == 256 && whole.tiles.get(it.id) == Some(&it.hashes)));
        assert_eq!(whole.tiles.root(Span::whole(size)), Some(begun.frontier.root()));
    }
    let too_short = |id| whole.tiles.get(id).map(|it| it[..it.len().min(10)].to_vec());
    assert!(Frontier::of_tiles(1_100, too_short).is_none() && Frontier::of_tiles(1, |_| None).is_none());
    // 2 full tiles below, 2 hashes of them above, and the third tile begun.
    assert_eq!(
        edge_of(513).into_iter().map(|(id, width)| (id.level, id.index, width)).collect::<Vec<_>>(),
        [(0, 2, 1), (1, 0, 2)]
    );
}
