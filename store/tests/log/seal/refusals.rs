//! What is not signed: anything but the history that was signed before, and more of it.

use super::{Sealed, root};
use crate::given::{append, append_one, history, is_appended};
use mizan_store::seal::signer::Refusal;
use mizan_store::seal::{Halted, SealError};
use sqlx::Executor;

/// Insists that nothing is signed any more, that the reason is this one, and that commands go on.
async fn stands_still(it: &Sealed, why: fn(&Halted) -> bool) {
    let before = it.last().await;
    for _ in 0..2 {
        match it.sealer().seal().await {
            Err(SealError::Halted(halted)) => assert!(why(&halted), "{halted:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(it.last().await, before);
}

#[tokio::test]
async fn a_history_without_its_end_is_not_signed() {
    let it = Sealed::with(20).await;
    it.sealer().seal().await.unwrap();
    it.forge("delete from events where position > 15; update log_head set position = 15").await;
    stands_still(&it, |why| matches!(why, Halted::Refused(Refusal::Smaller { signed: 20, offered: 15 }))).await;
    // And not one whose seal was cut to fit.
    it.forge("delete from seal.checkpoints; delete from seal.tiles").await;
    let refused = it.sealer().seal().await.unwrap_err();
    assert!(refused.to_string().contains("the end of the history is missing"), "{refused}");
    assert!(is_appended(&append_one(&it.log, append("first", 15, 1)).await.unwrap()), "the write path goes on");
}

/// The whole database is made anew, and everything in it fits together; only the signer remembers.
#[tokio::test]
async fn another_history_is_not_signed_however_well_it_was_made() {
    for (edit, name) in [
        ("update events set payload = 'forged' where position = 3", "other bytes"),
        ("update events set recorded_at = recorded_at - interval '1 us' where position = 20", "another time"),
        ("update streams set name = 'renamed' where name = 'first'", "another stream"),
    ] {
        let it = Sealed::with(20).await;
        it.sealer().seal().await.unwrap();
        it.append("more", 5).await;
        it.forge(&format!("{edit}; delete from seal.checkpoints; delete from seal.tiles")).await;
        match it.sealer().seal().await {
            Err(SealError::Halted(Halted::Refused(Refusal::NotFromTheLast { signed: 20, offered: 25 }))) => (),
            other => panic!("{name}: {other:?}"),
        }
    }
    let it = Sealed::with(20).await;
    it.sealer().seal().await.unwrap();
    it.forge("update events set kind = 'order-closed.v1' where position = 3; delete from seal.checkpoints; delete from seal.tiles")
        .await;
    let refused = it.sealer().seal().await.unwrap_err();
    assert!(matches!(refused, SealError::Halted(Halted::Refused(Refusal::Fork { size: 20 }))), "{refused}");
}

#[tokio::test]
async fn a_hole_is_not_signed() {
    let it = Sealed::with(10).await;
    it.sealer().seal().await.unwrap();
    it.append("more", 5).await;
    it.forge("delete from events where position = 13").await;
    stands_still(&it, |why| why.to_string().contains("after position 12 comes 14")).await;
    it.forge("delete from events where position > 12").await;
    stands_still(&it, |why| why.to_string().contains("after position 12 comes nothing")).await;
}

#[tokio::test]
async fn a_damaged_tree_is_not_grown() {
    let it = Sealed::with(300).await;
    it.sealer().seal().await.unwrap();
    it.append("more", 5).await;
    it.forge(
        "update seal.tiles set hashes = overlay(hashes placing '\\x00' from 5 for 1) where level = 0 and index = 1",
    )
    .await;
    stands_still(&it, |why| matches!(why, Halted::TreeDamaged { size: 300 })).await;
    it.forge("delete from seal.tiles").await;
    stands_still(&it, |why| matches!(why, Halted::TreeDamaged { size: 300 })).await;
    // A checkpoint that was not signed with the key.
    it.forge("update seal.checkpoints set note = replace(note, E'\\n300\\n', E'\\n299\\n')").await;
    let refused = it.sealer().seal().await.unwrap_err();
    assert!(refused.to_string().contains("not signed by"), "{refused}");
}

/// Tiles follow from the history, and what was signed is remembered: both tables can be made again.
#[tokio::test]
async fn a_seal_that_was_lost_is_made_again_and_is_the_same() {
    let it = Sealed::with(700).await;
    it.sealer().seal().await.unwrap();
    let before = it.last().await;
    it.forge("delete from seal.checkpoints; delete from seal.tiles").await;
    it.sealer().seal().await.unwrap();
    assert_eq!(it.last().await, before);
    it.append("more", 100).await;
    it.forge("delete from seal.checkpoints; delete from seal.tiles").await;
    it.sealer().seal().await.unwrap();
    assert_eq!(it.last().await.root, root(&history(&it.log).await));
}

/// As the tables of the log: nobody takes anything away, not even a superuser while ordinary triggers sleep.
#[tokio::test]
async fn the_seal_s_tables_only_grow() {
    let it = Sealed::with(300).await;
    it.sealer().seal().await.unwrap();
    let mut connection = it.database.connection().await;
    connection.execute("set session_replication_role = replica").await.unwrap();
    for sql in [
        "delete from seal.checkpoints",
        "update seal.checkpoints set note = ''",
        "truncate seal.checkpoints",
        "delete from seal.keys",
        "update seal.keys set verifier_key = 'forged'",
        "truncate seal.keys",
        "delete from seal.tiles",
        "truncate seal.tiles",
        "update seal.tiles set index = index + 1000",
        "update seal.tiles set level = 7",
        "update seal.tiles set hashes = substr(hashes, 33) where octet_length(hashes) > 32",
        "update seal.tiles set hashes = substr(hashes, 1, octet_length(hashes) - 32) where octet_length(hashes) > 32",
        "update seal.tiles set hashes = overlay(hashes placing '\\x00112233' from 1 for 4)",
    ] {
        let refused = connection.execute(sql).await.map_err(|error| error.into_database_error().unwrap());
        let code = refused.as_ref().map(|_| ()).map_err(|error| error.code().unwrap_or_default().into_owned());
        assert_eq!(code, Err("23001".to_owned()), "{sql}: {refused:?}");
    }
    // A tile may grow.
    connection.execute("update seal.tiles set hashes = hashes || hashes where level = 0 and index = 1").await.unwrap();
}
