//! A history that moves from one store to the other, and back.

use super::written;
use crate::database::Database;
use crate::given::{append, append_one, first, history, is_appended};
use crate::seal::{Dir, root};
use eventstoredb_in_process::Server;
use mizan_store::seal::Sealer;
use mizan_store::{Log, LogError, Position};

const CHUNK: i64 = 7;

/// Everything of one history, put into another that is empty or has the beginning of it.
async fn moved(from: &Log, to: &Log) {
    loop {
        let after = to.head().await.unwrap();
        let chunk = from.read(after, CHUNK).await.unwrap();
        if chunk.is_empty() {
            return;
        }
        to.import(after, &chunk).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_ids_times_bytes_and_hashes_stay_both_ways() {
    let (postgres, eventstoredb, back) =
        (Database::new().await, Database::on_eventstoredb().await, Database::new().await);
    let (one, other, third) = (postgres.log().await, eventstoredb.log().await, back.log().await);
    written(&one).await;
    let all = history(&one).await;
    moved(&one, &other).await;
    assert_eq!(history(&other).await, all);
    moved(&other, &third).await;
    assert_eq!(history(&third).await, all);
    // The same key signs the same tree, wherever the history is.
    let dir = Dir::new();
    for log in [&one, &other, &third] {
        assert_eq!(Sealer::new(log.clone(), &dir).seal().await.unwrap(), Position::new(80));
        assert_eq!(root(&history(log).await), root(&all));
        // And it goes on.
        assert_eq!(first(&append_one(log, append("o-1", 10, 2)).await.unwrap()), 81);
        assert_eq!(history(log).await.len(), 82);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_brought_is_counted_again_with_its_times() {
    let postgres = Database::new().await;
    let eventstoredb = Database::on(Server::start()).await;
    let (one, other) = (postgres.log().await, eventstoredb.log().await);
    written(&one).await;
    moved(&one, &other).await;
    append_one(&other, append("o-new", 0, 1)).await.unwrap();
    let again = Log::connect_eventstoredb(Database::new().await.options(), 4, &eventstoredb.address()).await.unwrap();
    assert_eq!(history(&again).await, history(&other).await);
    assert_eq!(history(&again).await[..80], history(&one).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_only_where_they_belong() {
    for target in [Database::new().await, Database::on_eventstoredb().await] {
        let (from, to) = (Database::new().await.log().await, target.log().await);
        written(&from).await;
        let all = from.read(Position::START, 20).await.unwrap();
        let misplaced = async |after: i64, from: usize| {
            let refused = to.import(Position::new(after), &all[from..]).await;
            assert!(matches!(refused, Err(LogError::Misplaced(_))), "{refused:?}");
        };
        misplaced(5, 5).await;
        to.import(Position::START, &all[..10]).await.unwrap();
        misplaced(0, 0).await;
        misplaced(20, 20.min(all.len() - 1)).await;
        to.import(Position::new(10), &all[10..]).await.unwrap();
        assert_eq!(history(&to).await, all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_broke_off_goes_on() {
    let (postgres, mut eventstoredb) = (Database::new().await, Database::on(Server::start()).await);
    let (one, other) = (postgres.log().await, eventstoredb.log().await);
    written(&one).await;
    let all = history(&one).await;
    // The server goes away in the middle of a chunk.
    let chunk = one.read(Position::START, 60).await.unwrap();
    let importing = tokio::spawn({
        let other = other.clone();
        async move { other.import(Position::START, &chunk).await }
    });
    while eventstoredb.server().records().len() < 10 {
        tokio::task::yield_now().await;
    }
    importing.abort();
    let _ = importing.await;
    let again = eventstoredb.log().await;
    assert!(again.head().await.unwrap() > Position::START);
    moved(&one, &again).await;
    assert_eq!(history(&again).await, all);
    assert!(is_appended(&append_one(&again, append("o-1", 10, 1)).await.unwrap()));
}
