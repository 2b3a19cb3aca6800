//! What is kept of the seal in PostgreSQL: tiles, checkpoints, keys. Nothing is ever taken away.

use super::proof::Tiles;
use super::tree::{HASH_BYTES, Hash, Tile, TileId};
use crate::log::Position;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeSet;

/// Held by whoever seals, until the end of its transaction.
const SEAL_LOCK: i64 = 0x4d49_5a41_4e04;

/// A checkpoint as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SignedCheckpoint {
    /// The position of the last event that it covers.
    pub size: Position,
    /// The bytes of the root.
    pub root: Vec<u8>,
    /// The signed note.
    pub note: String,
    /// When it was signed, by the clock of the database.
    pub signed_at: DateTime<Utc>,
}

/// Waits for nobody: whether the seal is ours until the end of the transaction.
pub(crate) async fn try_lock(tx: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("select pg_try_advisory_xact_lock($1)").bind(SEAL_LOCK).fetch_one(tx).await
}

/// Waits until the seal is ours, until the end of the transaction.
pub(crate) async fn lock(tx: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("select pg_advisory_xact_lock($1)").bind(SEAL_LOCK).execute(tx).await?;
    Ok(())
}

/// The last checkpoint.
///
/// # Errors
/// The database does not answer.
pub async fn last_checkpoint(connection: &mut PgConnection) -> sqlx::Result<Option<SignedCheckpoint>> {
    let sql = "select size, root, note, signed_at from seal.checkpoints order by size desc limit 1";
    sqlx::query_as(sql).fetch_optional(connection).await
}

/// The checkpoint of exactly this size.
///
/// # Errors
/// The database does not answer.
pub async fn checkpoint(connection: &mut PgConnection, size: Position) -> sqlx::Result<Option<SignedCheckpoint>> {
    let sql = "select size, root, note, signed_at from seal.checkpoints where size = $1";
    sqlx::query_as(sql).bind(size).fetch_optional(connection).await
}

/// The next checkpoints that are larger than a size and not larger than another one, in order.
///
/// # Errors
/// The database does not answer.
pub async fn checkpoints(
    connection: &mut PgConnection,
    (after, up_to): (i64, i64),
    limit: i64,
) -> sqlx::Result<Vec<SignedCheckpoint>> {
    let sql = "select size, root, note, signed_at from seal.checkpoints where size > $1 and size <= $2 \
               order by size limit $3";
    sqlx::query_as(sql).bind(after).bind(up_to).bind(limit).fetch_all(connection).await
}

pub(crate) async fn add_checkpoint(tx: &mut PgConnection, size: u64, root: Hash, note: &str) -> sqlx::Result<()> {
    let insert = sqlx::query("insert into seal.checkpoints (size, root, note) values ($1, $2, $3)");
    insert.bind(number(size)).bind(root.bytes().as_slice()).bind(note).execute(tx).await?;
    Ok(())
}

/// Some tiles; those that are not there are left out.
///
/// # Errors
/// The database does not answer.
pub async fn tiles(connection: &mut PgConnection, ids: &BTreeSet<TileId>) -> sqlx::Result<Tiles> {
    let levels: Vec<i16> = ids.iter().map(|it| i16::try_from(it.level).unwrap_or(i16::MAX)).collect();
    let indexes: Vec<i64> = ids.iter().map(|it| number(it.index)).collect();
    let rows: Vec<(i16, i64, Vec<u8>)> = sqlx::query_as(
        "select level, index, hashes from unnest($1::smallint[], $2::bigint[]) as asked(level, index) \
         join seal.tiles using (level, index)",
    )
    .bind(levels)
    .bind(indexes)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(|(level, index, bytes)| tile(level, index, &bytes)).collect())
}

fn tile(level: i16, index: i64, bytes: &[u8]) -> Option<Tile> {
    let id = TileId { level: u32::try_from(level).ok()?, index: u64::try_from(index).ok()? };
    Some(Tile { id, hashes: bytes.chunks_exact(HASH_BYTES).map(Hash::of_bytes).collect::<Option<_>>()? })
}

/// Puts tiles, each as far as it has grown; the database refuses to change what one had before.
pub(crate) async fn put_tiles(tx: &mut PgConnection, tiles: &[Tile]) -> sqlx::Result<()> {
    let levels: Vec<i16> = tiles.iter().map(|it| i16::try_from(it.id.level).unwrap_or(i16::MAX)).collect();
    let indexes: Vec<i64> = tiles.iter().map(|it| number(it.id.index)).collect();
    let hashes: Vec<Vec<u8>> =
        tiles.iter().map(|it| it.hashes.iter().flat_map(|hash| *hash.bytes()).collect()).collect();
    sqlx::query(
        "insert into seal.tiles (level, index, hashes) \
         select * from unnest($1::smallint[], $2::bigint[], $3::bytea[]) \
         on conflict (level, index) do update set hashes = excluded.hashes",
    )
    .bind(levels)
    .bind(indexes)
    .bind(hashes)
    .execute(tx)
    .await?;
    Ok(())
}

/// The keys, in order, each with the record of its endorsement; the first has none.
pub(crate) async fn keys(connection: &mut PgConnection) -> sqlx::Result<Vec<(String, Option<String>)>> {
    sqlx::query_as("select verifier_key, record from seal.keys order by nth").fetch_all(connection).await
}

pub(crate) async fn add_key(tx: &mut PgConnection, verifier_key: &str, record: Option<&str>) -> sqlx::Result<()> {
    let sql = "insert into seal.keys (nth, verifier_key, record) \
               select coalesce(max(nth), 0) + 1, $1, $2 from seal.keys";
    sqlx::query(sql).bind(verifier_key).bind(record).execute(tx).await?;
    Ok(())
}

/// Sizes and indexes follow from positions, which fit.
fn number(it: u64) -> i64 {
    i64::try_from(it).unwrap_or(i64::MAX)
}
