//! The seal against a real PostgreSQL: what it signs, what it refuses to sign, and who may hold the key.

mod keys;
mod refusals;
mod speed;
mod tampering;

use crate::database::Database;
use crate::given::{append, append_one, batch, history, is_appended};
use mizan_store::seal::proof::{self, consistency, inclusion, tiles_of};
use mizan_store::seal::sealer::{CHECKPOINT_EVENTS_MAX, keys, prove};
use mizan_store::seal::{Checkpoint, Frontier, Hash, Leaf, Sealer, tables};
use mizan_store::{Log, Position, Stored};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};
use std::path::{Path, PathBuf};

/// A directory for a private key, gone with its value.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("mizan-seal-{}", uuid::Uuid::now_v7().simple())))
    }
}

impl std::ops::Deref for Dir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A sealed history: its database, its log, and the directory of its key.
struct Sealed {
    database: Database,
    log: Log,
    dir: Dir,
}

impl Sealed {
    /// With so many events, of which nothing is sealed yet.
    async fn with(events: usize) -> Self {
        let database = Database::new().await;
        let log = database.log().await;
        let it = Self { database, log, dir: Dir::new() };
        it.append("first", events).await;
        it
    }

    /// So many more events, for a new stream.
    async fn append(&self, stream: &str, events: usize) {
        if events > 0 {
            assert!(is_appended(&append_one(&self.log, append(stream, 0, events)).await.unwrap()));
        }
    }

    fn sealer(&self) -> Sealer {
        Sealer::new(self.log.clone(), &self.dir)
    }

    /// The checkpoints, in order, each with a signature that holds.
    async fn checkpoints(&self) -> Vec<Checkpoint> {
        let mut connection = self.database.connection().await;
        let keys = keys(&mut connection).await.unwrap().unwrap();
        let all = tables::checkpoints(&mut connection, (-1, i64::MAX), 1_000).await.unwrap();
        all.iter().map(|it| keys.checkpoint(&it.note).unwrap()).collect()
    }

    async fn last(&self) -> Checkpoint {
        self.checkpoints().await.pop().unwrap()
    }

    /// Does what only somebody with all the rights over the database can do.
    async fn forge(&self, statements: &str) {
        let tables = ["events", "streams", "log_head", "seal.tiles", "seal.checkpoints", "seal.keys"];
        let switch = |to: &str| tables.map(|it| format!("alter table {it} {to} trigger all;")).concat();
        let (off, on) = (switch("disable"), switch("enable"));
        let sql = AssertSqlSafe(format!("{off} {statements}; {on}"));
        self.database.connection().await.execute(sqlx::raw_sql(sql)).await.unwrap();
    }
}

/// The root over a history, without anything that the seal has stored.
pub(crate) fn root(history: &[Stored]) -> Hash {
    let mut frontier = Frontier::default();
    for stored in history {
        frontier.push(Leaf::from(stored).hash(&mut Vec::new()).unwrap(), &mut Vec::new());
    }
    frontier.root()
}

/// A quick way to a long history: so many events of one stream.
async fn fill(connection: &mut PgConnection, events: u64) {
    let sql = format!(
        "insert into streams (merchant_id, category, name) values ('m-1', 'order', 'long');
         insert into events select it, (select stream_id from streams where name = 'long'), it, gen_random_uuid(),
             'order-placed.v1', to_timestamp(1700000000 + it), convert_to('payload ' || it, 'UTF8'), 'metadata'
             from generate_series(1, {events}) it;
         update log_head set position = {events}, recorded_at = to_timestamp(1700000000 + {events})"
    );
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_covers_every_byte_of_the_history() {
    let it = Sealed::with(0).await;
    let mut sealer = it.sealer();
    assert_eq!(sealer.seal().await.unwrap(), Position::START);
    for round in 0..4 {
        it.append(&format!("s-{round}"), 100 * round + 1).await;
        sealer.seal().await.unwrap();
        // Nothing new, nothing signed.
        sealer.seal().await.unwrap();
    }
    let (history, checkpoints) = (history(&it.log).await, it.checkpoints().await);
    let sizes: Vec<u64> = checkpoints.iter().map(|it| it.size).collect();
    assert_eq!(sizes, [0, 1, 102, 303, 604]);
    for checkpoint in &checkpoints {
        let size = usize::try_from(checkpoint.size).unwrap();
        assert_eq!(checkpoint.root, root(&history[..size]), "{size}");
    }
    let mut other = history.clone();
    other[7].metadata.push(b' ');
    assert_ne!(root(&other), root(&history), "and no other history");
}

#[tokio::test]
async fn proofs_come_from_the_stored_tiles() {
    let it = Sealed::with(700).await;
    it.sealer().seal().await.unwrap();
    let last = it.last().await;
    let history = history(&it.log).await;
    let mut connection = it.database.connection().await;
    for index in [0, 1, 255, 256, 511, 698, 699] {
        let spans = inclusion(index, last.size).unwrap();
        let proof = tables::tiles(&mut connection, &tiles_of(&spans)).await.unwrap().roots(&spans).unwrap();
        let leaf = Leaf::from(&history[usize::try_from(index).unwrap()]).hash(&mut Vec::new()).unwrap();
        assert!(proof::includes(leaf, index, last.size, &proof, last.root));
    }
    for from in [0, 1, 256, 300, 512, 700] {
        let old = (from, root(&history[..usize::try_from(from).unwrap()]));
        let proof = prove(&mut connection, from, last.size).await.unwrap().unwrap();
        assert!(proof::extends(old, (last.size, last.root), &proof), "{from}");
        assert_eq!(consistency(from, last.size).unwrap().len(), proof.len());
    }
}

/// A history that was written before anybody sealed is caught up with in bites, from whichever bite is the last.
#[tokio::test]
async fn a_long_history_is_sealed_bite_by_bite() {
    let it = Sealed::with(0).await;
    let events = CHECKPOINT_EVENTS_MAX * 2 + 10;
    fill(&mut it.database.connection().await, events).await;
    assert_eq!(it.sealer().seal().await.unwrap().number().unsigned_abs(), events);
    let sizes: Vec<u64> = it.checkpoints().await.iter().map(|it| it.size).collect();
    assert_eq!(sizes, [CHECKPOINT_EVENTS_MAX, CHECKPOINT_EVENTS_MAX * 2, events]);
    // Another process goes on from the stored edge.
    it.append("more", 300).await;
    it.sealer().seal().await.unwrap();
    assert_eq!(it.last().await.root, root(&history(&it.log).await));
}

#[tokio::test]
async fn many_sealers_make_one_line_of_checkpoints() {
    let it = Sealed::with(0).await;
    let seal = async || {
        let mut sealer = it.sealer();
        for _ in 0..20 {
            sealer.seal().await.unwrap();
        }
    };
    let write = async || {
        for nth in 0..40 {
            let streams = (0..10).map(|it| append(&format!("s-{nth}-{it}"), 0, 1)).collect::<Vec<_>>();
            it.log.append(&batch(streams)).await.unwrap();
        }
    };
    tokio::join!(seal(), write(), seal(), seal());
    it.sealer().seal().await.unwrap();
    let (history, checkpoints) = (history(&it.log).await, it.checkpoints().await);
    assert_eq!(checkpoints.last().unwrap().size, 400);
    for checkpoint in checkpoints {
        assert_eq!(checkpoint.root, root(&history[..usize::try_from(checkpoint.size).unwrap()]));
    }
}
