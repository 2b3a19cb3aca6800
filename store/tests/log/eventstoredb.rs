//! What is true of the history on EventStoreDB alone: where positions come from, what is refused, and what a server that
//! has its troubles, or somebody who edits it, does to a history.

mod moving;
mod speed;
mod troubles;

use crate::database::Database;
use crate::given::{append, append_one, batch, event, first, history, is_appended, merchant, stream};
use crate::seal::{Dir, root};
use eventstoredb_in_process::Server;
use mizan_domain::event::StreamName;
use mizan_store::esdb::APPEND_BYTES_MAX;
use mizan_store::seal::examine::{Evidence, Examined, examine};
use mizan_store::seal::{Halted, SealError, Sealer};
use mizan_store::{Log, LogError, NewEvent, Outcome, Position, StreamAppend, pool};
use std::sync::atomic::Ordering;

/// A history of several streams, appended in several batches.
async fn written(log: &Log) {
    for revision in 0..5 {
        let streams: Vec<StreamAppend> = (0..8).map(|nth| append(&format!("o-{nth}"), 2 * revision, 2)).collect();
        assert!(log.append(&batch(streams)).await.unwrap().iter().all(is_appended));
    }
}

async fn audited(log: &Log) -> Examined {
    let mut tx = pool::transaction(log.pool()).await.unwrap();
    examine(log, &mut tx, &Evidence::default(), |_, _| (), |_, _| ()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_follow_from_the_order_of_eventstoredb_and_come_out_the_same_again() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    written(&log).await;
    let all = history(&log).await;
    let records = database.server().records();
    let ours: Vec<_> = records.iter().filter(|it| it.stream.starts_with("mizan.order-m-1/")).map(|it| it.id).collect();
    assert!(records.len() > ours.len(), "the server has written about itself, too");
    assert_eq!(all.iter().map(|it| it.event_id).collect::<Vec<_>>(), ours);
    assert_eq!(records.iter().find(|it| it.id == ours[0]).unwrap().metadata["content-type"], "application/json");

    // Everything in PostgreSQL is lost.
    let address = database.address();
    let other = Database::new().await;
    let again = Log::connect_eventstoredb(other.options(), 4, &address).await.unwrap();
    assert_eq!(again.head().await.unwrap(), log.head().await.unwrap(), "whoever connects finds everything counted");
    assert_eq!(history(&again).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_never_goes_back_whatever_the_clocks_of_the_cluster_do() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    written(&log).await;
    let records = database.server().records().len();
    for nth in (0..records).step_by(3) {
        // 2001, on every third record.
        let created = "9783072000000000".to_owned();
        database.server().tamper(nth, |it| drop(it.metadata.insert("created".to_owned(), created)));
    }
    let again = Log::connect_eventstoredb(Database::new().await.options(), 4, &database.address()).await.unwrap();
    assert_eq!(history(&again).await.len(), 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_writer_died_before_it_was_counted_is_counted_by_whoever_reads() {
    let mut database = Database::on(Server::start()).await;
    let (writer, reader) = (database.log().await, database.log().await);
    // Somebody stops the database before positions can be given, and the writer goes away.
    let mut locked = database.connection().await;
    sqlx::raw_sql("begin; lock table esdb.places in access exclusive mode").execute(&mut locked).await.unwrap();
    let writing = tokio::spawn({
        let writer = writer.clone();
        async move { append_one(&writer, append("o-1", 0, 2)).await }
    });
    while database.server().records().is_empty() {
        tokio::task::yield_now().await;
    }
    writing.abort();
    writer.pool().close().await;
    sqlx::raw_sql("rollback").execute(&mut locked).await.unwrap();
    assert_eq!(reader.read(Position::START, 10).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_histories_live_in_one_cluster_and_see_nothing_of_each_other() {
    let database = Database::on(Server::start()).await;
    let address = |history: &str| format!("{}&history={history}", database.address());
    let (one, other) = (Database::new().await, Database::new().await);
    let one = Log::connect_eventstoredb(one.options(), 4, &address("one")).await.unwrap();
    let other = Log::connect_eventstoredb(other.options(), 4, &address("other")).await.unwrap();
    assert_eq!(first(&append_one(&one, append("o-1", 0, 2)).await.unwrap()), 1);
    assert_eq!(first(&append_one(&other, append("o-1", 0, 3)).await.unwrap()), 1);
    assert_eq!((history(&one).await.len(), history(&other).await.len()), (2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_keeps_one_history() {
    let mut on_eventstoredb = Database::on(Server::start()).await;
    let log = on_eventstoredb.log().await;
    append_one(&log, append("o-1", 0, 1)).await.unwrap();
    let misplaced = |refused: Result<Log, LogError>| {
        let text = refused.unwrap_err();
        assert!(matches!(text, LogError::Misplaced(_)), "{text}");
    };
    // The positions of a history elsewhere, without the address; or with that of another one.
    misplaced(Log::connect(on_eventstoredb.options(), 2).await);
    let other = Server::start();
    misplaced(Log::connect_eventstoredb(on_eventstoredb.options(), 2, &other.address()).await);
    // And a history in PostgreSQL, with an address.
    let on_postgres = Database::new().await;
    append_one(&on_postgres.log().await, append("o-1", 0, 1)).await.unwrap();
    misplaced(Log::connect_eventstoredb(on_postgres.options(), 2, &on_eventstoredb.address()).await);
    on_eventstoredb.server().stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eventstoredb_that_has_lost_its_end_is_not_written_to() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    append_one(&log, append("o-1", 0, 3)).await.unwrap();
    database.server().lose(2);
    let refused = Log::connect_eventstoredb(database.options(), 2, &database.address()).await.unwrap_err();
    assert!(matches!(&refused, LogError::Misplaced(text) if text.contains("position 3")), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_beyond_the_limit_is_refused_and_nobody_elses() {
    let database = Database::on_eventstoredb().await;
    let log = database.log().await;
    let of = |bytes: usize| NewEvent { payload: vec![b'x'; bytes], ..event() };
    let overhead = event().metadata.len() + 2 * event().kind.len();
    let mut fits = append("o-1", 0, 0);
    fits.events = vec![of(APPEND_BYTES_MAX - overhead)];
    let mut exceeds = append("o-2", 0, 0);
    exceeds.events = vec![of(APPEND_BYTES_MAX / 2), of(APPEND_BYTES_MAX / 2)];
    let outcomes = log.append(&batch([exceeds, fits, append("o-3", 0, 1)])).await.unwrap();
    assert!(matches!(outcomes[0], Outcome::TooLarge { bytes, bytes_max } if bytes > bytes_max), "{outcomes:?}");
    assert!(is_appended(&outcomes[1]) && is_appended(&outcomes[2]), "{outcomes:?}");
    assert_eq!(history(&log).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_addresses_would_change_come_back() {
    let database = Database::on_eventstoredb().await;
    let log = database.log().await;
    for name in ["$o", "o/1", "o%2F1", "o 1", "ق-1", "o-1", "O-1", "a\nb"] {
        let stream = StreamName { category: "order", id: name.into() };
        let asked = StreamAppend { stream: stream.clone(), ..append("", 0, 1) };
        assert!(is_appended(&append_one(&log, asked).await.unwrap()), "{name}");
        assert_eq!(log.streams(&[(merchant("m-1"), stream)]).await.unwrap()[0].name, name);
    }
    assert_eq!(history(&log).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seal_covers_every_byte_that_eventstoredb_has() {
    let database = Database::on_eventstoredb().await;
    let (log, dir) = (database.log().await, Dir::new());
    written(&log).await;
    let mut sealer = Sealer::new(log.clone(), &dir);
    assert_eq!(sealer.seal().await.unwrap(), Position::new(80));
    written_more(&log).await;
    assert_eq!(sealer.seal().await.unwrap(), Position::new(83));
    let examined = audited(&log).await;
    assert!(examined.findings.are_none(), "{:?}", examined.findings);
    assert_eq!((examined.events, examined.sealed, examined.streams), (83, Some(83), 9));
    assert_eq!(examined.root, root(&history(&log).await));
}

async fn written_more(log: &Log) {
    assert!(is_appended(&append_one(log, append("o-more", 0, 3)).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_edited_in_eventstoredb_is_not_read_and_is_found() {
    let mut database = Database::on(Server::start()).await;
    let (log, dir) = (database.log().await, Dir::new());
    written(&log).await;
    Sealer::new(log.clone(), &dir).seal().await.unwrap();
    let all = history(&log).await;
    let at = |records: &[eventstoredb_in_process::Record], nth: usize| {
        records.iter().position(|it| it.id == all[nth].event_id).unwrap()
    };
    let nth = at(&database.server().records(), 40);
    database.server().tamper(nth, |it| it.data = br#"{"total":"99.99"}"#.as_slice().into());
    let read = log.read(Position::new(35), 10).await;
    assert!(matches!(read, Err(LogError::Broken { after, .. }) if after.number() == 40), "{read:?}");
    assert_eq!(log.read(Position::START, 40).await.unwrap(), all[..40], "what comes before it is good");
    let findings = audited(&log).await.findings;
    let codes: Vec<_> = findings.first.iter().map(|it| (it.code, it.position)).collect();
    assert!(codes.contains(&("leaf", Some(41))) && codes.iter().any(|it| it.0 == "other_history"), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_gone_from_eventstoredb_is_found() {
    let mut database = Database::on(Server::start()).await;
    let (log, dir) = (database.log().await, Dir::new());
    written(&log).await;
    Sealer::new(log.clone(), &dir).seal().await.unwrap();
    let gone = history(&log).await[40].event_id;
    let nth = database.server().records().iter().position(|it| it.id == gone).unwrap();
    database.server().lose(nth);
    assert!(matches!(log.read(Position::new(35), 10).await, Err(LogError::Broken { .. })));
    let findings = audited(&log).await.findings;
    assert!(findings.first.iter().any(|it| it.code == "store"), "{findings:?}");
    // The seal of what comes after does not cover it up.
    written_more(&log).await;
    let refused = Sealer::new(log.clone(), &Dir::new()).seal().await;
    assert!(matches!(refused, Err(SealError::Halted(Halted::OtherKey { .. }))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_only_looks_like_ours_halts_the_counting_and_says_so() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    append_one(&log, append("o-1", 0, 1)).await.unwrap();
    database.server().tamper(0, |it| it.stream = "mizan.order-m-1".to_owned());
    let again = Log::connect_eventstoredb(Database::new().await.options(), 4, &database.address()).await;
    let text = again.unwrap_err().to_string();
    assert!(text.contains("mizan.order-m-1") && text.contains("position 0"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_in_the_cluster_is_passed_over() {
    let mut database = Database::on(Server::start()).await;
    let log = database.log().await;
    append_one(&log, append("o-1", 0, 3)).await.unwrap();
    database.server().tamper(1, |it| it.stream = "somebody-elses".to_owned());
    let again = Log::connect_eventstoredb(Database::new().await.options(), 4, &database.address()).await;
    // The second of three events is not ours any more, and the third does not follow the first.
    assert!(again.unwrap_err().to_string().contains("hole"));
    database.server().tamper(2, |it| it.stream = "somebody-elses".to_owned());
    let again = Log::connect_eventstoredb(Database::new().await.options(), 4, &database.address()).await.unwrap();
    assert_eq!(history(&again).await.len(), 1);
    assert_eq!(database.server().troubles().hanging.load(Ordering::Relaxed), 0);
    let _ = stream("");
}
