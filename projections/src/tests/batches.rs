//! Batches, checkpoints, runners and poison.

use super::support::{Ledger, PATIENCE, fresh_log, id, line, money, place};
use super::town;
use crate::apply::NotApplied;
use crate::checkpoint::{Applied, Desk, Guard, Mark, mark};
use crate::fingerprint::fingerprints;
use crate::projector::{CatchUpError, catch_up, catch_up_by};
use crate::schema::{self, LIVE};
use crate::{Projector, Reads, accounts, orders};
use mizan_domain::id::MerchantId;
use mizan_store::{Fact, Log, PgPool, Position, Recorded};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;

async fn events(log: &Log) -> Vec<Arc<Recorded>> {
    let stored = log.read(Position::START, 10_000).await.unwrap();
    stored.into_iter().map(|it| Arc::new(Recorded::try_from(it).unwrap())).collect()
}

async fn apply_batch(pool: &PgPool, mark: &Mark, batch: &[Arc<Recorded>]) -> Result<Applied, NotApplied> {
    Desk::new(pool, LIVE, Guard::Shared).apply(mark, batch).await
}

#[tokio::test]
async fn the_rows_do_not_depend_on_how_the_log_is_cut_into_batches() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 7, 90).await;
    let mut all = Vec::new();
    for batch in [1, 7, 1_000] {
        schema::prepare(ledger.log.pool()).await.unwrap();
        let head = catch_up_by(&ledger.log, batch).await.unwrap();
        assert_eq!(head, ledger.log.head().await.unwrap());
        all.push(fingerprints(ledger.log.pool(), LIVE).await.unwrap());
        sqlx::raw_sql("drop schema read cascade").execute(ledger.log.pool()).await.unwrap();
    }
    assert!(all[0].values().all(|it| it.rows > 50) || all[0]["accounts"].rows > 20, "{:?}", all[0]);
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}

#[tokio::test]
async fn a_batch_that_did_not_commit_leaves_nothing_and_can_be_repeated() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 3, 10).await;
    let (log, pool) = (&ledger.log, ledger.log.pool());
    schema::prepare(pool).await.unwrap();
    let empty = fingerprints(pool, LIVE).await.unwrap();
    let all = events(log).await;
    // The last event is one that no order has room for, so all the others are rolled back with it.
    let mut broken = all.clone();
    let mut last = Recorded::clone(all.iter().find(|it| it.kind == "order-lines-fulfilled.v1").unwrap());
    last.stream.id = "o-nobody".into();
    last.position = Position::new(i64::try_from(all.len()).unwrap() + 1);
    broken.push(Arc::new(last));
    let start = mark(pool, LIVE).await.unwrap().unwrap();
    apply_batch(pool, &start, &broken).await.unwrap_err();
    assert_eq!(fingerprints(pool, LIVE).await.unwrap(), empty);
    assert_eq!(mark(pool, LIVE).await.unwrap().unwrap(), start);
    // And the same events, applied once, then once more by somebody who did not notice.
    assert_eq!(apply_batch(pool, &start, &all).await.unwrap(), Applied::Yes);
    let once = fingerprints(pool, LIVE).await.unwrap();
    assert_eq!(apply_batch(pool, &start, &all).await.unwrap(), Applied::Moved);
    assert_eq!(fingerprints(pool, LIVE).await.unwrap(), once);
}

#[tokio::test]
async fn a_runner_that_counts_on_replaced_tables_writes_nothing() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 4, 10).await;
    let (log, pool) = (&ledger.log, ledger.log.pool());
    schema::prepare(pool).await.unwrap();
    let stale = mark(pool, LIVE).await.unwrap().unwrap();
    schema::make_next(pool).await.unwrap();
    schema::flip(pool).await.unwrap();
    let all = events(log).await;
    assert_eq!(apply_batch(pool, &stale, &all).await.unwrap(), Applied::Moved);
    let now = mark(pool, LIVE).await.unwrap().unwrap();
    assert_eq!((now.position, now.epoch), (stale.position, stale.epoch + 1));
    assert_eq!(apply_batch(pool, &now, &all).await.unwrap(), Applied::Yes);
}

/// Two runners take turns. Each has written rows that the other one has changed since.
#[tokio::test]
async fn what_a_runner_keeps_of_its_rows_is_forgotten_when_another_one_was_faster() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 14, 12).await;
    let (log, pool) = (&ledger.log, ledger.log.pool());
    schema::prepare(pool).await.unwrap();
    let all = events(log).await;
    let mut desks = [(); 2].map(|()| Desk::new(pool, LIVE, Guard::Shared));
    let mut refused = 0;
    for (nth, batch) in all.chunks(3).enumerate() {
        // Two batches each, so that rows are kept and used too.
        let desk = &mut desks[nth / 2 % 2];
        let now = mark(pool, LIVE).await.unwrap().unwrap();
        if nth % 2 == 0 && nth > 3 {
            let stale = Mark { position: all[3 * (nth - 2) - 1].position, ..now.clone() };
            assert_eq!(desk.apply(&stale, batch).await.unwrap(), Applied::Moved);
            refused += 1;
        }
        assert_eq!(desk.apply(&now, batch).await.unwrap(), Applied::Yes);
    }
    assert!(refused > 10);
    let taken_in_turns = fingerprints(pool, LIVE).await.unwrap();
    sqlx::raw_sql("drop schema read cascade").execute(pool).await.unwrap();
    catch_up(log).await.unwrap();
    assert_eq!(fingerprints(pool, LIVE).await.unwrap(), taken_in_turns);
}

/// What this process has appended is applied as it was handed over; a rebuild believes only what is kept.
#[tokio::test]
async fn facts_from_memory_are_followed_and_never_rebuilt_from() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 15, 30).await;
    let (log, pool) = (&ledger.log, ledger.log.pool());
    let stored = log.read(Position::START, 10_000).await.unwrap();
    let head = log.head().await.unwrap();
    // From the third event on, so that the first two can only come from the log, and the others only from memory.
    log.feed().push(stored.into_iter().skip(2).map(|it| Fact {
        payload: it.payload.clone().into(),
        metadata: it.metadata.clone().into(),
        recorded: Arc::new(Recorded::try_from(it).unwrap()),
    }));
    sqlx::raw_sql("alter table events disable trigger all; update events set payload = '\\x7b7d' where position > 2")
        .execute(pool)
        .await
        .unwrap();
    assert_eq!(catch_up_by(log, 2).await.unwrap(), head);
    let reads = Reads::new(log.clone());
    assert!(accounts::trial_balance(&reads, &id("m-0"), &[]).await.unwrap().data.is_balanced);
    let Err(crate::RebuildError::Halted(halted)) = crate::audit(log, |_| ()).await else { panic!("not read") };
    assert_eq!(halted.position, Position::new(3));
}

#[tokio::test]
async fn while_one_runner_applies_another_leaves_it_alone() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 5, 10).await;
    let (log, pool) = (&ledger.log, ledger.log.pool());
    schema::prepare(pool).await.unwrap();
    let (start, all) = (mark(pool, LIVE).await.unwrap().unwrap(), events(log).await);
    let mut other = mizan_store::pool::transaction(pool).await.unwrap();
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(crate::checkpoint::RUNNER_LOCK)
        .execute(&mut *other)
        .await
        .unwrap();
    assert_eq!(apply_batch(pool, &start, &all).await.unwrap(), Applied::Busy);
    // However the other one ends, nothing of its lock is left.
    drop(other);
    let mut applied = Applied::Busy;
    while applied == Applied::Busy {
        applied = apply_batch(pool, &start, &all).await.unwrap();
    }
    assert_eq!(applied, Applied::Yes);
}

#[tokio::test]
async fn two_projectors_share_the_work_and_every_event_counts_once() {
    let mut ledger = Ledger::new().await;
    let log = ledger.log.clone();
    let one = Projector::start(log.clone()).await.unwrap();
    let other = Projector::start(log.clone()).await.unwrap();
    for seed in 0..6 {
        let mut part = Ledger::on(log.clone());
        let order = format!("extra-{seed}");
        let at = part.now();
        part.ask(&format!("m-{seed}"), place(&order, "c-1", vec![line("l-1", 2, "9.99 EUR")], at)).unwrap();
        part.flush().await;
        one.wake();
        other.wake();
    }
    town::play(&mut ledger, 9, 60).await;
    one.wake();
    other.wake();
    let head = log.head().await.unwrap();
    one.wait_for(head, PATIENCE).await.unwrap();
    other.wait_for(head, PATIENCE).await.unwrap();
    let shared = fingerprints(log.pool(), LIVE).await.unwrap();
    one.stop().await;
    other.stop().await;
    sqlx::raw_sql("drop schema read cascade").execute(log.pool()).await.unwrap();
    catch_up(&log).await.unwrap();
    assert_eq!(fingerprints(log.pool(), LIVE).await.unwrap(), shared);
}

#[tokio::test]
async fn a_reader_waits_for_its_write_and_is_told_when_that_takes_too_long() {
    let mut ledger = Ledger::new().await;
    let projector = Projector::start(ledger.log.clone()).await.unwrap();
    let at = ledger.now();
    ledger.does("m-1", place("o-1", "c-1", vec![line("l-1", 1, "10.00 EUR")], at)).await;
    projector.wait_for(ledger.log.head().await.unwrap(), PATIENCE).await.unwrap();
    let reads = Reads::new(ledger.log.clone());
    let found = orders::get(&reads, &id::<MerchantId>("m-1"), "o-1").await.unwrap().unwrap();
    assert_eq!((found.data.gross, found.position), (money("10.00 EUR").into(), Position::new(1)));
    let lagging = projector.wait_for(Position::new(2), Duration::from_millis(1)).await.unwrap_err();
    assert_eq!((lagging.position, lagging.head), (Position::new(1), Position::new(1)));
    projector.stop().await;
}

#[tokio::test]
async fn an_unreadable_event_halts_the_read_models_and_they_say_so() {
    let mut ledger = Ledger::new().await;
    let projector = Projector::start(ledger.log.clone()).await.unwrap();
    let at = ledger.now();
    ledger.does("m-1", place("o-1", "c-1", vec![line("l-1", 1, "10.00 EUR")], at)).await;
    ledger.append_poison("m-1").await;
    ledger.does("m-1", place("o-2", "c-1", vec![line("l-1", 1, "10.00 EUR")], at)).await;
    projector.wake();
    let mut states = projector.watch();
    let state = states.wait_for(|it| it.halted.is_some() && it.lag_events() == 2).await.unwrap().clone();
    let halted = state.halted.clone().unwrap();
    assert_eq!((state.position, halted.position, state.lag_events()), (Position::new(1), Position::new(2), 2));
    assert!(halted.reason.contains("order-exploded.v1"), "{}", halted.reason);
    // The last good data can be asked for; nothing after the event is there.
    let (reads, merchant) = (Reads::new(ledger.log.clone()), id::<MerchantId>("m-1"));
    assert!(orders::get(&reads, &merchant, "o-1").await.unwrap().is_some());
    assert!(orders::get(&reads, &merchant, "o-2").await.unwrap().is_none());
    projector.wait_for(Position::new(3), Duration::from_millis(1)).await.unwrap_err();
    projector.stop().await;
    let Err(CatchUpError::Halted(again)) = catch_up(&ledger.log).await else { panic!("it was skipped") };
    assert_eq!(again, halted);
}

#[tokio::test]
async fn an_event_that_the_database_refuses_is_found_and_named() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 11, 40).await;
    let pool = ledger.log.pool();
    schema::prepare(pool).await.unwrap();
    let all = events(&ledger.log).await;
    let poison = all.iter().filter(|it| it.kind == "payment-captured.v1").nth(5).unwrap().position;
    let refuse = format!("alter table read.takings add check (position <> {poison})");
    sqlx::raw_sql(sqlx::AssertSqlSafe(refuse)).execute(pool).await.unwrap();
    let Err(CatchUpError::Halted(halted)) = catch_up(&ledger.log).await else { panic!("it was skipped") };
    assert_eq!(halted.position, poison);
    assert!(halted.reason.contains("check constraint"), "{}", halted.reason);
    let position = mark(pool, LIVE).await.unwrap().unwrap().position;
    assert_eq!(position.number(), poison.number() - 1);
    // Once it is put right, everything goes on from there.
    sqlx::raw_sql("alter table read.takings drop constraint takings_position_check").execute(pool).await.unwrap();
    assert_eq!(catch_up(&ledger.log).await.unwrap(), ledger.log.head().await.unwrap());
}

#[tokio::test]
async fn read_models_of_another_version_are_left_alone_until_they_are_rebuilt() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 12, 10).await;
    let pool = ledger.log.pool();
    catch_up(&ledger.log).await.unwrap();
    sqlx::raw_sql("update read.checkpoint set shape = 'older'").execute(pool).await.unwrap();
    let Err(CatchUpError::Halted(halted)) = catch_up(&ledger.log).await else { panic!("rows were mixed") };
    assert!(halted.reason.contains("mizan rebuild"), "{}", halted.reason);
    let report = crate::rebuild(&ledger.log, |_| ()).await.unwrap();
    assert_eq!((report.compared_at, report.is_live), (None, true));
    assert_eq!(catch_up(&ledger.log).await.unwrap(), ledger.log.head().await.unwrap());
}

#[tokio::test]
async fn the_books_of_a_whole_town_balance() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 1, 200).await;
    catch_up(&ledger.log).await.unwrap();
    let reads = Reads::new(ledger.log.clone());
    for merchant in ["m-0", "m-1", "m-2"] {
        let balance = accounts::trial_balance(&reads, &id(merchant), &[]).await.unwrap().data;
        assert!(balance.is_balanced && balance.totals.len() == 3 && balance.lines.len() > 20, "{balance:?}");
    }
}

#[tokio::test]
async fn connections_that_break_in_the_middle_lose_nothing_and_repeat_nothing() {
    let mut ledger = Ledger::new().await;
    let log = ledger.log.clone();
    town::play(&mut ledger, 13, 300).await;
    let head = log.head().await.unwrap();
    let mut admin = PgConnection::connect_with(&log.pool().connect_options()).await.unwrap();
    let projector = Projector::start(log.clone()).await.unwrap();
    let mut states = projector.watch();
    // The first batches are cut off, the later ones are left alone.
    for _ in 0..8 {
        let seen = states.borrow_and_update().clone();
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .execute(&mut admin)
        .await
        .unwrap();
        if seen.position < head {
            // Into the next attempt, wherever that is by then; at the head nothing would change any more.
            let _ = tokio::time::timeout(Duration::from_millis(100), states.changed()).await;
        }
    }
    projector.wait_for(head, PATIENCE).await.unwrap();
    assert_eq!((projector.state().halted, projector.state().trouble), (None, None));
    projector.stop().await;
    let report = crate::audit(&log, |_| ()).await.unwrap();
    assert_eq!((report.differences, report.compared_at), (Vec::new(), Some(head)));
}

#[tokio::test]
async fn a_log_without_events_is_caught_up_with() {
    let log = fresh_log().await;
    assert_eq!(catch_up(&log).await.unwrap(), Position::START);
}
