//! The follower that seals: it reads on from the last checkpoint, grows the tree, and signs.
//!
//! Tiles and checkpoint are one transaction, under a lock that only sealers take, so any number of processes may try.
//! What does not fit together (a hole, a damaged tree, a history that is not the one that was signed) stops the sealing
//! and says so; nothing else ever waits for it.

use super::checkpoint::Checkpoint;
use super::home::{Home, HomeError};
use super::keys::{Keys, KeysText, rotation};
use super::leaf::{Leaf, TooLong};
use super::note::{NoteError, SigningKey, VerifierKey, sign};
use super::proof::{consistency, tiles_of};
use super::scan::SCAN_EVENTS;
use super::signer::{Refusal, sign_next};
use super::tables;
use super::tree::{Frontier, Hash, Tile, edge_of};
use crate::log::{Log, LogError, Position};
use crate::pool;
use sqlx::PgConnection;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// The most events between two checkpoints, except for the first after tables were lost.
pub const CHECKPOINT_EVENTS_MAX: u64 = SCAN_EVENTS.unsigned_abs();

/// How many events are taken from memory before other tasks have their turn.
const YIELD_EVENTS: usize = 500;

/// Why the sealing stands still until somebody has looked into it. Commands and queries are not touched by it.
#[derive(Debug, thiserror::Error)]
pub enum Halted {
    /// The history is not the one that was sealed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A position is missing.
    #[error("the history has a hole: after position {after} comes {found}")]
    Hole {
        /// The last good position.
        after: u64,
        /// The next one there is.
        found: String,
    },
    /// What is kept is not what it was.
    #[error("the history after position {after} is not what it was: {reason}")]
    Broken {
        /// The last good position.
        after: Position,
        /// What is wrong.
        reason: String,
    },
    /// The tiles are not those of the checkpoint.
    #[error("the tiles of the tree are not those of the checkpoint of {size} events")]
    TreeDamaged {
        /// Its size.
        size: u64,
    },
    /// An event with names beyond all measure.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A stored note does not hold.
    #[error("what was signed before does not hold: {0}")]
    Note(#[from] NoteError),
    /// The private key is elsewhere.
    #[error("this history is sealed with {current}, whose private key is not in {}; put its seal-key there", dir.display())]
    OtherKey {
        /// The key of the history.
        current: VerifierKey,
        /// Where the private key was looked for.
        dir: PathBuf,
    },
    /// The files of the signer cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It would be the same the next time.
    #[error(transparent)]
    Halted(#[from] Halted),
    /// The database did not answer; it can be tried again.
    #[error("the seal's database did not answer: {0}")]
    Database(#[from] sqlx::Error),
    /// The log did not answer; it can be tried again.
    #[error("the history could not be read: {0}")]
    Log(LogError),
}

impl From<LogError> for SealError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Database(error) => Self::Database(error),
            LogError::Broken { after, reason } => Halted::Broken { after, reason }.into(),
            other @ (LogError::Migration(_)
            | LogError::UnknownOutcome(_)
            | LogError::Store(_)
            | LogError::Misplaced(_)) => Self::Log(other),
        }
    }
}

/// Seals a history with the key of a directory.
#[derive(Debug)]
pub struct Sealer {
    log: Log,
    dir: PathBuf,
    home: Home,
    key: Option<SigningKey>,
    /// The edge of the last checkpoint; none where it has to be read.
    frontier: Option<Frontier>,
}

/// Whether there may be more to seal.
enum Step {
    More,
    Done,
}

impl Sealer {
    /// A sealer that has not done anything yet.
    #[must_use]
    pub fn new(log: Log, dir: &Path) -> Self {
        Self { log, dir: dir.to_owned(), home: Home::new(dir), key: None, frontier: None }
    }

    /// Seals the history as it stands, and gives back how far it is sealed. Where another process is just sealing, that
    /// may be less than all.
    ///
    /// # Errors
    /// [`SealError`].
    pub async fn seal(&mut self) -> Result<Position, SealError> {
        loop {
            let (head, sealed) = self.standing().await?;
            if sealed.is_some_and(|sealed| sealed == head) {
                return Ok(head);
            }
            match self.step().await? {
                Step::More => (),
                Step::Done => return Ok(self.standing().await?.1.unwrap_or_default()),
            }
        }
    }

    /// The end of the log and of the seal.
    async fn standing(&self) -> Result<(Position, Option<Position>), SealError> {
        let sql = "select size from seal.checkpoints order by size desc limit 1";
        let sealed = sqlx::query_scalar(sql).fetch_optional(self.log.pool()).await?;
        Ok((self.log.head().await?, sealed))
    }

    async fn step(&mut self) -> Result<Step, SealError> {
        let mut tx = pool::transaction(self.log.pool()).await?;
        let sealed = self.seal_in(&mut tx).await;
        match &sealed {
            Ok(_) => tx.commit().await?,
            // Now, and not when the connection is handed back some time: the lock goes with it.
            Err(_) => tx.rollback().await?,
        }
        let (step, frontier) = sealed?;
        self.frontier = frontier;
        Ok(step)
    }

    /// Writes tiles and a checkpoint, to be committed; gives back the edge of the tree then.
    async fn seal_in(&mut self, tx: &mut PgConnection) -> Result<(Step, Option<Frontier>), SealError> {
        if !tables::try_lock(tx).await? {
            return Ok((Step::Done, None));
        }
        let keys = self.unlock(tx).await?;
        let sealed = sealed(tx, &keys).await?;
        let signed = self.home.last_signed().map_err(Halted::from)?;
        let signed = signed.map(|note| keys.checkpoint(&note)).transpose().map_err(Halted::from)?;
        let signed = signed.or_else(|| sealed.clone());
        let (from, least) = (sealed.as_ref().map_or(0, |it| it.size), signed.as_ref().map_or(0, |it| it.size));
        // After the lock: whoever had it may have sealed what we had not seen yet.
        let head = self.log.ends(tx).await?.0.number().unsigned_abs();
        if head < least.max(from) {
            return Err(Halted::from(Refusal::Smaller { signed: least.max(from), offered: head }).into());
        }
        if sealed.as_ref().is_some_and(|it| it.size == head) {
            return Ok((Step::Done, None));
        }
        // Never less than what was signed last, so that the signer can compare.
        let up_to = head.min(from.saturating_add(CHECKPOINT_EVENTS_MAX)).max(least);
        let mut frontier = self.edge(tx, from, sealed.as_ref()).await?;
        let tiles = grow((&self.log, tx), &mut frontier, up_to).await?;
        put(tx, &tiles, from).await?;
        let (size, root) = (frontier.size(), frontier.root());
        let proof = prove(tx, least, size).await?.ok_or(Halted::TreeDamaged { size })?;
        let key = self.key.as_ref().ok_or(Halted::Home(HomeError::Key(NoteError::BadPrivateKey)))?;
        let note = sign_next(key, signed.as_ref(), (size, root), &proof).map_err(Halted::from)?;
        // Before the commit: a checkpoint that somebody has seen must never be forgotten here.
        self.remember(note.clone()).await?;
        tables::add_checkpoint(tx, size, root, &note).await?;
        Ok((if size < head { Step::More } else { Step::Done }, Some(frontier)))
    }

    /// Keeps a note on this machine, off the threads that others wait for.
    async fn remember(&self, note: String) -> Result<(), SealError> {
        let home = self.home.clone();
        let kept = tokio::task::spawn_blocking(move || home.remember(&note)).await;
        Ok(kept.map_err(|error| sqlx::Error::Protocol(error.to_string()))?.map_err(Halted::from)?)
    }

    /// Finds the private key that this history is sealed with; the first sealer brings one.
    async fn unlock(&mut self, tx: &mut PgConnection) -> Result<Keys, SealError> {
        let Some(keys) = keys(tx).await? else {
            let key = self.home.load_or_make().map_err(Halted::from)?;
            tables::add_key(tx, &key.verifier().to_string(), None).await?;
            let keys = Keys::of_first(key.verifier().clone());
            self.key = Some(key);
            return Ok(keys);
        };
        if self.key.as_ref().is_none_or(|key| key.verifier() != keys.current()) {
            self.key = self.home.load(keys.current()).map_err(Halted::from)?;
        }
        if self.key.is_none() {
            return Err(Halted::OtherKey { current: keys.current().clone(), dir: self.dir.clone() }.into());
        }
        Ok(keys)
    }

    /// The edge of the tree as it was sealed last: the one that we left, or the stored one.
    async fn edge(
        &mut self,
        tx: &mut PgConnection,
        size: u64,
        sealed: Option<&Checkpoint>,
    ) -> Result<Frontier, SealError> {
        let frontier = match self.frontier.take().filter(|it| it.size() == size) {
            Some(known) => known,
            None => {
                let ids = edge_of(size).into_iter().map(|(id, _)| id).collect();
                let tiles = tables::tiles(tx, &ids).await?;
                let tile = |id| tiles.get(id).map(<[Hash]>::to_vec);
                Frontier::of_tiles(size, tile).ok_or(Halted::TreeDamaged { size })?
            }
        };
        if sealed.is_some_and(|it| it.root != frontier.root()) {
            return Err(Halted::TreeDamaged { size }.into());
        }
        Ok(frontier)
    }

    /// Makes a new key that the old one endorses, and forgets the old one. What is sealed from now on is signed by it.
    ///
    /// # Errors
    /// [`SealError`]; the old key stays then.
    pub async fn rotate(&mut self) -> Result<VerifierKey, SealError> {
        self.seal().await?;
        let mut tx = pool::transaction(self.log.pool()).await?;
        tables::lock(&mut tx).await?;
        let keys = self.unlock(&mut tx).await?;
        let at = sealed(&mut tx, &keys).await?.ok_or(Halted::TreeDamaged { size: 0 })?;
        let old = self.key.as_ref().ok_or(Halted::Home(HomeError::Key(NoteError::BadPrivateKey)))?;
        let new = SigningKey::generate(old.verifier().name()).map_err(Halted::from)?;
        self.home.put_next(&new).map_err(Halted::from)?;
        let record = rotation(old, &new, &at);
        tables::add_key(&mut tx, &new.verifier().to_string(), Some(&record)).await?;
        tx.commit().await?;
        self.home.adopt_next().map_err(Halted::from)?;
        let verifier = new.verifier().clone();
        self.key = Some(new);
        Ok(verifier)
    }
}

/// Signs something else about this history with its key: a text that names the log on its second line, and whose first
/// line is no log's name, so that it is never taken for a checkpoint.
///
/// # Errors
/// [`SealError`].
pub async fn sign_statement(log: &Log, dir: &Path, text: impl Fn(&str) -> String) -> Result<String, SealError> {
    let mut connection = log.pool().acquire().await?;
    let known = keys(&mut connection).await?;
    let current = known.as_ref().map(Keys::current).ok_or_else(|| {
        SealError::Database(sqlx::Error::Protocol("the history is not sealed yet; ask again in a moment".to_owned()))
    })?;
    let key = Home::new(dir).load(current).map_err(Halted::from)?;
    let key = key.ok_or_else(|| Halted::OtherKey { current: current.clone(), dir: dir.to_owned() })?;
    Ok(sign(&text(current.name()), &[&key]))
}

/// Takes over the keys of a history that was sealed elsewhere, so that whoever knows one of them still knows this history.
/// Where the history has keys already, they stay.
///
/// # Errors
/// [`SealError`].
pub async fn adopt_keys(log: &Log, text: &KeysText) -> Result<(), SealError> {
    let brought = Keys::read(text).map_err(Halted::from)?;
    let mut tx = pool::transaction(log.pool()).await?;
    tables::lock(&mut tx).await?;
    if keys_text(&mut tx).await?.is_none() {
        let records = std::iter::once(None).chain(text.rotations.iter().map(|it| Some(it.as_str())));
        for (key, record) in brought.all().zip(records) {
            tables::add_key(&mut tx, &key.to_string(), record).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// The keys of the history, checked; none before the first sealer.
///
/// # Errors
/// [`SealError`].
pub async fn keys(connection: &mut PgConnection) -> Result<Option<Keys>, SealError> {
    match keys_text(connection).await? {
        Some(text) => Ok(Some(Keys::read(&text).map_err(Halted::from)?)),
        None => Ok(None),
    }
}

/// The keys of the history as they are handed on, unchecked; none before the first sealer.
///
/// # Errors
/// The database does not answer.
pub async fn keys_text(connection: &mut PgConnection) -> sqlx::Result<Option<KeysText>> {
    let mut rows = tables::keys(connection).await?.into_iter();
    let Some((first, _)) = rows.next() else { return Ok(None) };
    Ok(Some(KeysText { first, rotations: rows.map(|(_, record)| record.unwrap_or_default()).collect() }))
}

/// The proof that the tree of `to` leaves begins with that of `from`; none where tiles are missing.
///
/// # Errors
/// The database does not answer.
pub async fn prove(connection: &mut PgConnection, from: u64, to: u64) -> sqlx::Result<Option<Vec<Hash>>> {
    let Some(spans) = consistency(from, to) else { return Ok(None) };
    Ok(tables::tiles(connection, &tiles_of(&spans)).await?.roots(&spans))
}

async fn sealed(tx: &mut PgConnection, keys: &Keys) -> Result<Option<Checkpoint>, SealError> {
    let last = tables::last_checkpoint(tx).await?;
    Ok(last.map(|it| keys.checkpoint(&it.note)).transpose().map_err(Halted::from)?)
}

/// Adds the events up to a position to the tree, and gives back every tile that has grown.
async fn grow(
    (log, tx): (&Log, &mut PgConnection),
    frontier: &mut Frontier,
    up_to: u64,
) -> Result<Vec<Tile>, SealError> {
    let (mut tiles, mut scratch, mut halted) = (Vec::new(), Vec::new(), None);
    let (from, to) = (position(frontier.size()), position(up_to));
    let mut add = |leaf: Leaf<'_>| {
        let after = frontier.size();
        let hash = match leaf.hash(&mut scratch) {
            _ if u64::try_from(leaf.position) != Ok(after + 1) => {
                Err(Halted::Hole { after, found: leaf.position.to_string() })
            }
            hash => hash.map_err(Halted::from),
        };
        match hash {
            Ok(hash) => frontier.push(hash, &mut tiles),
            Err(why) => halted = Some(why),
        }
        if halted.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // What this process has appended itself is sealed as it was meant; an audit says whether the log has it so.
    match log.feed().stretch(from, to) {
        Some(facts) => {
            for (nth, fact) in facts.iter().enumerate() {
                if add(Leaf::from(fact)).is_break() {
                    break;
                }
                // Others have work on this thread.
                if nth % YIELD_EVENTS == YIELD_EVENTS - 1 {
                    tokio::task::yield_now().await;
                }
            }
        }
        None => log.scan(tx, (from, to), add).await?,
    }
    if frontier.size() < up_to && halted.is_none() {
        halted = Some(Halted::Hole { after: frontier.size(), found: "nothing".to_owned() });
    }
    match halted {
        Some(why) => Err(why.into()),
        None => {
            tiles.extend(frontier.partial_tiles());
            Ok(tiles)
        }
    }
}

/// The database refuses to change a hash that is there; then the tree is not what it was.
async fn put(tx: &mut PgConnection, tiles: &[Tile], size: u64) -> Result<(), SealError> {
    const RESTRICT_VIOLATION: &str = "23001";
    match tables::put_tiles(tx, tiles).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(RESTRICT_VIOLATION) => {
            Err(Halted::TreeDamaged { size }.into())
        }
        other => Ok(other?),
    }
}

fn position(number: u64) -> Position {
    Position::new(i64::try_from(number).unwrap_or(i64::MAX))
}
