//! Everything that the database says of the seal, held against the history itself and against what was kept outside.
//!
//! It reads the whole log once and lends every event to its caller too, who may have more to check. Nothing is written.

use super::checkpoint::{Checkpoint, claimed};
use super::keys::Keys;
use super::leaf::Leaf;
use super::note::VerifierKey;
use super::recount::{Claim, Findings, Recount};
use super::scan::SCAN_EVENTS;
use super::sealer::{SealError, keys};
use super::tables;
use super::tree::{Hash, TILE_WIDTH, Tile, TileId};
use crate::log::{Log, LogError, Position};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Checkpoints that are read at a time.
const CHECKPOINTS_MAX: i64 = 10_000;

/// A checkpoint that was kept outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where, for people.
    pub place: String,
    /// The signed note.
    pub note: String,
}

/// What an examination is held against.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// A key that was kept outside; without one the keys are only as trustworthy as the database.
    pub key: Option<VerifierKey>,
    /// Checkpoints that were kept outside.
    pub kept: Vec<Kept>,
}

/// What an examination came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// Events read, that is the position of the last one.
    pub events: u64,
    /// Streams seen.
    pub streams: usize,
    /// The root over all of them.
    pub root: Hash,
    /// The last event that a checkpoint covers.
    pub sealed: Option<u64>,
    /// Checkpoints in the database.
    pub checkpoints: usize,
    /// Checkpoints, kept outside or stored, that are true of this history.
    pub checkpoints_true: usize,
    /// Tiles whose every hash was compared.
    pub tiles: usize,
    /// What is wrong.
    #[serde(skip)]
    pub findings: Findings,
}

/// Reads the whole log and compares. `each` sees every event in order, and may add findings of its own; `progress` is
/// told the position and the end from time to time.
///
/// # Errors
/// The database does not answer. What is wrong with the history is no error but a finding.
pub async fn examine(
    log: &Log,
    tx: &mut PgConnection,
    evidence: &Evidence,
    mut each: impl FnMut(&Leaf<'_>, &mut Findings),
    mut progress: impl FnMut(Position, Position),
) -> Result<Examined, LogError> {
    let mut recount = Recount::new();
    let keys = trusted(tx, evidence, &mut recount.findings).await?;
    for kept in &evidence.kept {
        if let Some(it) = outside(kept, keys.as_ref(), &mut recount.findings) {
            let by = format!("the checkpoint of {} events in {}", it.size, kept.place);
            recount.expect(Claim { size: it.size, root: it.root, by });
        }
    }
    for it in keys.iter().flat_map(Keys::witnessed) {
        let by = format!("the record of the change of keys after {} events", it.size);
        recount.expect(Claim { size: it.size, root: it.root, by });
    }
    // Before the end of the log: what is sealed from now on is not missed by anybody.
    let sealed = tables::last_checkpoint(tx).await?.map(|it| it.size);
    let (head, end) = log.ends(tx).await?;
    if head != end {
        let detail = format!("the head of the log is at {head}, its last event at {end}");
        recount.findings.add("head", Some(end.number()), detail);
    }
    let mut it = Examination { recount, sealed: sealed.unwrap_or_default(), checkpoints: 0, tiles: 0, last_claim: -1 };
    let mut after = Position::START;
    while after < end {
        let up_to = Position::new(after.number().saturating_add(SCAN_EVENTS).min(end.number()));
        it.claims(tx, up_to, keys.as_ref()).await?;
        if it.page((log, tx), (after, up_to), &mut each).await?.is_break() {
            break;
        }
        after = up_to;
        progress(after, end);
    }
    // Beyond the end, where the end is missing.
    it.claims(tx, it.sealed, keys.as_ref()).await?;
    it.recount.finish();
    Ok(Examined {
        events: it.recount.size(),
        streams: it.recount.streams(),
        root: it.recount.root(),
        sealed: sealed.map(|it| it.number().unsigned_abs()),
        checkpoints: it.checkpoints,
        checkpoints_true: it.recount.claims_held(),
        tiles: it.tiles,
        findings: it.recount.findings,
    })
}

/// The keys of the database, if they are those that the auditor knows.
async fn trusted(
    tx: &mut PgConnection,
    evidence: &Evidence,
    findings: &mut Findings,
) -> Result<Option<Keys>, LogError> {
    let found = match keys(tx).await {
        Ok(found) => found,
        Err(SealError::Halted(why)) => {
            findings.add("keys", None, format!("the keys in the database do not hold: {why}"));
            None
        }
        Err(SealError::Database(error)) => return Err(error.into()),
        Err(SealError::Log(error)) => return Err(error),
    };
    let Some(known) = &evidence.key else { return Ok(found) };
    match found {
        Some(keys) if keys.contain(known) => Ok(Some(keys)),
        Some(_) | None => {
            findings.add("keys", None, format!("the keys in the database do not lead to {known}"));
            Ok(Some(Keys::of_first(known.clone())))
        }
    }
}

/// What a checkpoint that was kept outside says. Its root counts even where nobody can tell any more who signed it: the
/// auditor has kept it.
fn outside(kept: &Kept, keys: Option<&Keys>, findings: &mut Findings) -> Option<Checkpoint> {
    let Some(keys) = keys else {
        findings.add("keys", None, format!("{}: there is no key that could have signed it", kept.place));
        return claimed(&kept.note).ok();
    };
    match keys.checkpoint(&kept.note) {
        Ok(checkpoint) => Some(checkpoint),
        Err(error) => {
            findings.add("signature", None, format!("{}: {error}", kept.place));
            claimed(&kept.note).ok()
        }
    }
}

struct Examination {
    recount: Recount,
    sealed: Position,
    checkpoints: usize,
    tiles: usize,
    /// The size of the last stored checkpoint that was looked at.
    last_claim: i64,
}

impl Examination {
    /// Takes note of the stored checkpoints up to a position.
    async fn claims(&mut self, tx: &mut PgConnection, up_to: Position, keys: Option<&Keys>) -> sqlx::Result<()> {
        loop {
            let page = tables::checkpoints(tx, (self.last_claim, up_to.number()), CHECKPOINTS_MAX).await?;
            let read = page.len();
            for stored in page {
                self.last_claim = stored.size.number();
                self.checkpoints += 1;
                let by = format!("the stored checkpoint of {} events", stored.size);
                let claim = match keys.map(|keys| keys.checkpoint(&stored.note)) {
                    Some(Ok(it))
                        if it.size == stored.size.number().unsigned_abs() && it.root.bytes()[..] == stored.root =>
                    {
                        it
                    }
                    Some(Ok(_)) => {
                        self.recount.findings.add("signature", None, format!("{by} is not what its note says"));
                        continue;
                    }
                    Some(Err(error)) => {
                        self.recount.findings.add("signature", None, format!("{by}: {error}"));
                        continue;
                    }
                    None => continue,
                };
                self.recount.expect(Claim { size: claim.size, root: claim.root, by });
            }
            if i64::try_from(read) != Ok(CHECKPOINTS_MAX) {
                return Ok(());
            }
        }
    }

    /// Counts one page, and compares its hashes with the stored tiles, as far as they are sealed.
    async fn page(
        &mut self,
        (log, tx): (&Log, &mut PgConnection),
        (after, up_to): (Position, Position),
        each: &mut impl FnMut(&Leaf<'_>, &mut Findings),
    ) -> Result<ControlFlow<()>, LogError> {
        let below = leaf_tiles(after, up_to.min(self.sealed));
        let stored = tables::tiles(tx, &below).await?;
        self.tiles += below.len();
        let sealed = self.sealed.number();
        let (mut full, mut flow) = (Vec::new(), ControlFlow::Continue(()));
        let recount = &mut self.recount;
        let scanned = log.scan(tx, (after, up_to), |leaf| {
            let mut own = None;
            flow = recount.take(&leaf, &mut full, |hash| own = Some(hash));
            let place = place_of(leaf.position);
            let kept = stored.get(place.0).and_then(|tile| tile.get(place.1)).copied();
            if leaf.position <= sealed && flow.is_continue() && kept != own {
                recount.findings.add("leaf", Some(leaf.position), not_as_sealed(&leaf, kept));
            }
            each(&leaf, &mut recount.findings);
            flow
        });
        match scanned.await {
            // The hole that it leaves is told below.
            Err(LogError::Broken { after, reason }) => recount.findings.add("store", Some(after.number()), reason),
            other => other?,
        }
        if after < self.sealed && up_to >= self.sealed {
            full.extend(self.recount.partial_tiles());
        }
        self.upper_tiles(tx, &full).await?;
        if flow.is_continue() && self.recount.size() < up_to.number().unsigned_abs() {
            let (last, next) = (self.recount.size(), up_to);
            let detail = format!("after position {last} there is nothing up to {next}: the history has a hole");
            self.recount.findings.add("hole", i64::try_from(last + 1).ok(), detail);
            return Ok(ControlFlow::Break(()));
        }
        Ok(flow)
    }

    /// Compares the tiles above those of the leaves.
    async fn upper_tiles(&mut self, tx: &mut PgConnection, tiles: &[Tile]) -> sqlx::Result<()> {
        let upper = || tiles.iter().filter(|it| it.id.level > 0);
        let stored = tables::tiles(tx, &upper().map(|it| it.id).collect()).await?;
        for tile in upper() {
            // How many of its hashes are sealed.
            let below = self.sealed.number().unsigned_abs().checked_shr(8 * tile.id.level).unwrap_or(0);
            let first = tile.id.index.saturating_mul(256);
            let sealed = usize::try_from(below.saturating_sub(first)).unwrap_or(TILE_WIDTH).min(tile.hashes.len());
            let is_equal = stored.get(tile.id).and_then(|it| it.get(..sealed)) == tile.hashes.get(..sealed);
            self.tiles += usize::from(sealed > 0);
            if sealed > 0 && !is_equal {
                let detail = format!("tile {} of level {} is not what the history makes", tile.id.index, tile.id.level);
                self.recount.findings.add("tile", None, detail);
            }
        }
        Ok(())
    }
}

fn not_as_sealed(leaf: &Leaf<'_>, kept: Option<Hash>) -> String {
    let what = format!("the {} at position {} of {}/{}", leaf.kind, leaf.position, leaf.category, leaf.name);
    match kept {
        Some(_) => format!("{what} is not the event that was sealed there: it, or the tile, was edited"),
        None => format!("{what} should be sealed, and its tile is missing"),
    }
}

/// The tile of a leaf, and its place in it.
fn place_of(position: i64) -> (TileId, usize) {
    let index = position.unsigned_abs().saturating_sub(1);
    (TileId { level: 0, index: index >> 8 }, usize::from(index.to_le_bytes()[0]))
}

/// The tiles of the leaves of these positions.
fn leaf_tiles(after: Position, up_to: Position) -> BTreeSet<TileId> {
    if up_to <= after {
        return BTreeSet::new();
    }
    let (first, last) = (place_of(after.number() + 1).0.index, place_of(up_to.number()).0.index);
    (first..=last).map(|index| TileId { level: 0, index }).collect()
}
