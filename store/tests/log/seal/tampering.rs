//! What a superuser may do to the history, with every trigger off and every trace of the seal rewritten: whatever it is,
//! the last checkpoint that was kept outside finds it.
//!
//! Every case is a transaction on one sealed history that is rolled back after it was examined.

use super::Sealed;
use crate::dice::Dice;
use crate::given::{append, batch};
use mizan_store::seal::examine::{Evidence, Examined, Kept, examine};
use mizan_store::seal::scan::scan;
use mizan_store::seal::sealer::keys;
use mizan_store::seal::{Checkpoint, Frontier, SigningKey, note, tables};
use mizan_store::{Log, Position};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const EVENTS: usize = 60;
const STREAMS: usize = 6;
/// In every run of the suite; [`ten_thousand_cases`] is the same with more of them.
const CASES: usize = 220;

/// What is done to the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    FlipPayload,
    FlipMetadata,
    Kind,
    Time,
    EventId,
    Revision,
    Position,
    OtherStream,
    RenameStream,
    OtherMerchant,
    OtherCategory,
    SwapPositions,
    SwapPayloads,
    Delete,
    DeleteAndClose,
    Insert,
    Truncate,
    ReplaceTheTail,
    DeleteStream,
}

const DEEDS: [Deed; 19] = [
    Deed::FlipPayload,
    Deed::FlipMetadata,
    Deed::Kind,
    Deed::Time,
    Deed::EventId,
    Deed::Revision,
    Deed::Position,
    Deed::OtherStream,
    Deed::RenameStream,
    Deed::OtherMerchant,
    Deed::OtherCategory,
    Deed::SwapPositions,
    Deed::SwapPayloads,
    Deed::Delete,
    Deed::DeleteAndClose,
    Deed::Insert,
    Deed::Truncate,
    Deed::ReplaceTheTail,
    Deed::DeleteStream,
];

/// How it is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hiding {
    /// Not at all.
    None,
    /// The tiles are made to fit.
    Tiles,
    /// The seal is gone.
    NoSeal,
    /// Everything is sealed again, with a key of the forger's own.
    OwnKey,
}

const HIDINGS: [Hiding; 4] = [Hiding::None, Hiding::Tiles, Hiding::NoSeal, Hiding::OwnKey];

/// The statements of a deed.
fn deed(deed: Deed, dice: &mut Dice) -> String {
    let position = 1 + dice.below(EVENTS);
    let (low, high) = (1 + dice.below(EVENTS / 2), EVENTS / 2 + 1 + dice.below(EVENTS / 2));
    let flip = |column: &str, bit: usize| {
        format!(
            "update events set {column} = set_bit({column}, {bit} % (8 * octet_length({column})), \
             1 - get_bit({column}, {bit} % (8 * octet_length({column})))) where position = {position}"
        )
    };
    let shift = |from: usize, by: i32| {
        format!(
            "update events set position = position + 1000000 where position > {from};
             update events set position = position - 1000000 + {by} where position > 1000000;
             update log_head set position = position + {by};"
        )
    };
    let stream = 1 + dice.below(STREAMS);
    match deed {
        Deed::FlipPayload => flip("payload", dice.below(100_000)),
        Deed::FlipMetadata => flip("metadata", dice.below(100_000)),
        Deed::Kind => format!("update events set kind = 'order-placed.v2' where position = {position}"),
        Deed::Time => {
            let us = 1 + dice.below(1_000_000);
            format!("update events set recorded_at = recorded_at + interval '{us} us' where position = {position}")
        }
        Deed::EventId => format!("update events set event_id = gen_random_uuid() where position = {position}"),
        Deed::Revision => format!("update events set revision = revision + 1000 where position = {position}"),
        Deed::Position => {
            let to = EVENTS + 1 + dice.below(3);
            format!(
                "update events set position = {to} where position = {position}; update log_head set position = {to}"
            )
        }
        Deed::OtherStream => format!(
            "update events e set stream_id = other.stream_id, revision = other.revision + 1 from (select stream_id, \
             max(revision) as revision from events where stream_id <> (select stream_id from events where position = {position}) \
             group by stream_id limit 1) other where position = {position}"
        ),
        Deed::RenameStream => format!("update streams set name = 'renamed' where stream_id = {stream}"),
        Deed::OtherMerchant => format!("update streams set merchant_id = 'm-2' where stream_id = {stream}"),
        Deed::OtherCategory => format!("update streams set category = 'payment' where stream_id = {stream}"),
        Deed::SwapPositions => format!(
            "update events set position = 1000000 where position = {low};
             update events set position = {low} where position = {high};
             update events set position = {high} where position = 1000000"
        ),
        Deed::SwapPayloads => format!(
            "update events e set payload = other.payload from events other \
             where (e.position, other.position) in (({low}, {high}), ({high}, {low}))"
        ),
        Deed::Delete => format!("delete from events where position = {position}"),
        Deed::DeleteAndClose => {
            format!("delete from events where position = {position}; {}", shift(position, -1))
        }
        Deed::Insert => format!(
            "{} insert into events select {position}, stream_id, 1000, gen_random_uuid(), kind, recorded_at, payload, \
             metadata from events where position = {}",
            shift(position - 1, 1),
            position + 1
        ),
        Deed::Truncate => {
            format!("delete from events where position >= {position}; update log_head set position = {position} - 1")
        }
        Deed::ReplaceTheTail => {
            format!("update events set event_id = gen_random_uuid(), payload = 'forged' where position >= {position}")
        }
        Deed::DeleteStream => format!("delete from streams where stream_id = {stream}"),
    }
}

/// Makes the seal fit what the history is now, as far as somebody without the private key can.
async fn hide(connection: &mut PgConnection, hiding: Hiding) {
    if hiding == Hiding::None {
        return;
    }
    let run = async |connection: &mut PgConnection, sql: &'static str| connection.execute(sql).await.unwrap();
    run(connection, "delete from seal.tiles").await;
    if hiding == Hiding::NoSeal || hiding == Hiding::OwnKey {
        run(connection, "delete from seal.checkpoints").await;
        run(connection, "delete from seal.keys").await;
    }
    if hiding == Hiding::NoSeal {
        return;
    }
    let (mut frontier, mut tiles) = (Frontier::default(), Vec::new());
    scan(connection, (Position::START, Position::new(2_000_000)), |leaf| {
        frontier.push(leaf.hash(&mut Vec::new()).unwrap(), &mut tiles);
        ControlFlow::Continue(())
    })
    .await
    .unwrap();
    tiles.extend(frontier.partial_tiles());
    for tile in tiles {
        let hashes: Vec<u8> = tile.hashes.iter().flat_map(|it| *it.bytes()).collect();
        let insert =
            sqlx::query("insert into seal.tiles values ($1, $2, $3)").bind(i16::try_from(tile.id.level).unwrap());
        insert.bind(i64::try_from(tile.id.index).unwrap()).bind(hashes).execute(&mut *connection).await.unwrap();
    }
    if hiding == Hiding::OwnKey {
        let key = SigningKey::generate("mizan/forged").unwrap();
        let (size, root) = (frontier.size(), frontier.root());
        let checkpoint = Checkpoint { origin: "mizan/forged".to_owned(), size, root };
        let insert = sqlx::query("insert into seal.checkpoints (size, root, note) values ($1, $2, $3)");
        let insert = insert.bind(i64::try_from(size).unwrap()).bind(root.bytes().as_slice());
        insert.bind(note::sign(&checkpoint.to_string(), &[&key])).execute(&mut *connection).await.unwrap();
        let insert = sqlx::query("insert into seal.keys (nth, verifier_key) values (1, $1)");
        insert.bind(key.verifier().to_string()).execute(&mut *connection).await.unwrap();
    }
}

async fn examined(log: &Log, connection: &mut PgConnection, evidence: &Evidence) -> Examined {
    examine(log, connection, evidence, |_, _| (), |_, _| ()).await.unwrap()
}

/// A sealed history of several streams, with checkpoints on the way, and what an auditor keeps of it.
async fn sealed_history() -> (Sealed, Evidence) {
    let it = Sealed::with(0).await;
    let mut sealer = it.sealer();
    let rounds = EVENTS / STREAMS;
    for round in 0..rounds {
        let expected = i64::try_from(round).unwrap();
        let streams: Vec<_> = (0..STREAMS).map(|nth| append(&format!("s-{nth}"), expected, 1)).collect();
        it.log.append(&batch(streams)).await.unwrap();
        if round % 4 == 3 || round + 1 == rounds {
            sealer.seal().await.unwrap();
        }
    }
    let mut connection = it.database.connection().await;
    let key = keys(&mut connection).await.unwrap().unwrap().current().clone();
    let last = tables::last_checkpoint(&mut connection).await.unwrap().unwrap();
    assert_eq!(last.size.number(), i64::try_from(EVENTS).unwrap());
    (it, Evidence { key: Some(key), kept: vec![Kept { place: "last.txt".to_owned(), note: last.note }] })
}

/// Tries so many cases; every one is found by the checkpoint that was kept, whatever else is found besides.
async fn every_case_is_found(cases: usize, seed: u64) {
    let (it, evidence) = sealed_history().await;
    let mut connection = it.database.connection().await;
    let before = examined(&it.log, &mut connection, &evidence).await;
    assert!(before.findings.are_none() && before.checkpoints_true == before.checkpoints + 1, "{before:?}");
    let kept_alone = Evidence { key: None, kept: evidence.kept.clone() };
    let (mut dice, mut counts) = (Dice::new(seed), BTreeMap::new());
    for nth in 0..cases {
        let (what, hiding) = (DEEDS[nth % DEEDS.len()], HIDINGS[nth / DEEDS.len() % HIDINGS.len()]);
        let sql = deed(what, &mut dice);
        let tables = ["events", "streams", "log_head", "seal.tiles", "seal.checkpoints", "seal.keys"];
        let open: String = tables.map(|it| format!("alter table {it} disable trigger all;")).concat();
        connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("begin; {open} {sql}")))).await.unwrap();
        hide(&mut connection, hiding).await;
        // Without the key, too: the checkpoint alone is enough.
        for evidence in [&evidence, &kept_alone] {
            let after = examined(&it.log, &mut connection, evidence).await;
            let by_the_kept = after.findings.first.iter().filter(|it| it.detail.contains("last.txt"));
            let mut told = by_the_kept.filter(|it| matches!(it.code, "other_history" | "end_missing"));
            assert!(told.next().is_some(), "{what:?} {hiding:?} {sql}: {after:#?}");
        }
        connection.execute("rollback").await.unwrap();
        *counts.entry((what, hiding)).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), DEEDS.len() * HIDINGS.len(), "every deed was hidden in every way");
    assert_eq!(examined(&it.log, &mut connection, &evidence).await, before, "every case was undone");
}

#[tokio::test]
async fn whatever_a_superuser_does_to_the_history_is_found_by_a_checkpoint_that_was_kept() {
    every_case_is_found(CASES, 7).await;
}

#[tokio::test]
#[ignore = "it takes minutes; the same with fewer cases is in every run"]
async fn ten_thousand_cases() {
    let begun = std::time::Instant::now();
    every_case_is_found(10_000, 42).await;
    println!("10,000 cases of tampering, every one found, in {:.0?}", begun.elapsed());
}

/// What was edited is named, where the tiles still tell.
#[tokio::test]
async fn the_event_that_was_edited_is_named() {
    let (it, evidence) = sealed_history().await;
    it.forge("update events set payload = set_bit(payload, 3, 1 - get_bit(payload, 3)) where position = 31").await;
    let found = examined(&it.log, &mut it.database.connection().await, &evidence).await.findings;
    assert_eq!((found.first[0].code, found.first[0].position), ("leaf", Some(31)));
    assert!(found.first[0].detail.contains("order-placed.v1 at position 31"), "{found:?}");
    // Without the tiles, the checkpoints tell between which two it was: 24 and 48.
    it.forge("delete from seal.tiles").await;
    let found = examined(&it.log, &mut it.database.connection().await, &evidence).await.findings;
    let between =
        "the first 48 events are not those of the stored checkpoint of 48 events: something after position 24";
    assert!(found.first.iter().any(|it| it.detail.starts_with(between)), "{found:#?}");
}

/// The stored seal is checked by itself too: a proof from damaged tiles would not hold.
#[tokio::test]
async fn damage_to_the_seal_alone_is_found() {
    for (damage, code) in [
        ("update seal.tiles set hashes = set_byte(hashes, 700, 1 - get_byte(hashes, 700) % 2)", "leaf"),
        ("delete from seal.tiles", "leaf"),
        (
            "update seal.checkpoints set root = set_byte(root, 1, 1 - get_byte(root, 1) % 2) where size = 24",
            "signature",
        ),
        ("update seal.checkpoints set note = replace(note, E'\\n24\\n', E'\\n25\\n') where size = 24", "signature"),
        ("update seal.keys set verifier_key = replace(verifier_key, '+', '-')", "keys"),
        ("delete from seal.checkpoints; delete from seal.keys", "keys"),
        ("update log_head set position = position + 1", "head"),
    ] {
        let (it, evidence) = sealed_history().await;
        it.forge(damage).await;
        let found = examined(&it.log, &mut it.database.connection().await, &evidence).await.findings;
        assert!(found.first.iter().any(|it| it.code == code), "{damage}: {found:#?}");
    }
}
