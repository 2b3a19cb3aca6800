//! Rebuilding beside the live read models, comparing, and taking their place.

use super::support::{Ledger, PATIENCE, id, line, pairs, place};
use super::town;
use crate::fingerprint::fingerprints;
use crate::projector::catch_up;
use crate::schema::{LIVE, NEXT};
use crate::{Projector, Reads, RebuildError, accounts, audit, journal, orders, rebuild, statements, takings};
use mizan_domain::id::MerchantId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[tokio::test]
async fn a_rebuild_makes_the_same_bytes() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 21, 80).await;
    catch_up(&ledger.log).await.unwrap();
    let (pool, head) = (ledger.log.pool(), ledger.log.head().await.unwrap());
    let live = fingerprints(pool, LIVE).await.unwrap();
    let mut last = None;
    let report = rebuild(&ledger.log, |it| last = Some(it)).await.unwrap();
    assert_eq!(report.differences, []);
    assert_eq!((report.position, report.compared_at, report.is_live), (head, Some(head), true));
    assert_eq!((report.events, last.unwrap().position), (head.number(), head));
    assert_eq!(report.tables, live);
    assert_eq!(fingerprints(pool, LIVE).await.unwrap(), live);
    assert!(fingerprints(pool, NEXT).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_audit_names_the_first_row_that_is_not_what_the_log_says() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 22, 30).await;
    catch_up(&ledger.log).await.unwrap();
    let pool = ledger.log.pool();
    let forge = "update read.payments set captured = captured + 0.01 where payment_id in ('p-9', 'p-10'); \
                 delete from read.journal where position = 4";
    sqlx::raw_sql(forge).execute(pool).await.unwrap();
    let forged = fingerprints(pool, LIVE).await.unwrap();
    let report = audit(&ledger.log, |_| ()).await.unwrap();
    let tables: Vec<_> = report.differences.iter().map(|it| (it.table, it.key.as_str())).collect();
    assert_eq!(tables[0], ("payments", "m-0/p-9"));
    assert_eq!((tables[1].0, tables.len()), ("journal", 2));
    assert!(report.differences[1].live.is_none() && report.differences[1].rebuilt.is_some());
    assert!(!report.is_live);
    assert_eq!(fingerprints(pool, LIVE).await.unwrap(), forged);
    // A rebuild says the same and puts it right.
    assert_eq!(rebuild(&ledger.log, |_| ()).await.unwrap().differences, report.differences);
    assert_eq!(audit(&ledger.log, |_| ()).await.unwrap().differences, []);
}

#[tokio::test]
async fn two_rebuilds_do_not_meet() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 23, 10).await;
    let (log, second) = (ledger.log.clone(), ledger.log.clone());
    let (begun, is_begun) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let mut begun = Some(begun);
    let first = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A pool belongs to the runtime that drives it.
        runtime.block_on(async {
            let log = mizan_store::Log::connect((*log.pool().connect_options()).clone(), 4).await.unwrap();
            rebuild(&log, |_| {
                begun.take().map(|it| it.send(()));
                let _ = may_go_on.recv();
            })
            .await
        })
    });
    is_begun.await.unwrap();
    assert!(matches!(rebuild(&second, |_| ()).await, Err(RebuildError::AlreadyRunning)));
    drop(go_on);
    assert!(first.join().unwrap().unwrap().is_live);
    assert!(rebuild(&second, |_| ()).await.unwrap().is_live);
}

/// Queries of every kind run all the time while the read models are replaced again and again and the projector goes on:
/// none fails, none is without a row that was there, none sees books that do not balance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_asks_during_a_flip_notices() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 24, 60).await;
    let log = ledger.log.clone();
    let projector = Projector::start(log.clone()).await.unwrap();
    projector.wait_for(log.head().await.unwrap(), PATIENCE).await.unwrap();
    let reads = Reads::new(log.clone());
    let before = log.head().await.unwrap();
    let (is_over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let askers: Vec<_> = (0..3)
        .map(|nth| {
            let (reads, is_over, asked) = (reads.clone(), Arc::clone(&is_over), Arc::clone(&asked));
            tokio::spawn(async move {
                let merchant: MerchantId = id(&format!("m-{nth}"));
                let count = orders::search(&reads, &merchant, &pairs(&[("limit", "100")])).await.unwrap().data.len();
                let mut last = before;
                while !is_over.load(Ordering::Relaxed) {
                    let page = orders::search(&reads, &merchant, &pairs(&[("limit", "100")])).await.unwrap();
                    assert!(page.data.len() >= count && page.position >= last);
                    last = page.position;
                    assert!(accounts::trial_balance(&reads, &merchant, &[]).await.unwrap().data.is_balanced);
                    let page = journal::search(&reads, &merchant, &pairs(&[("limit", "100")])).await.unwrap();
                    assert_eq!(page.data.len(), 100);
                    let found = statements::get(&reads, &merchant, "c-3", &[]).await.unwrap();
                    assert!(!found.data.currencies.is_empty());
                    assert!(!takings::daily(&reads, &merchant, &[]).await.unwrap().data.is_empty());
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 0..6 {
        let at = ledger.now();
        let order = format!("o-new-{round}");
        ledger.does("m-1", place(&order, "c-3", vec![line("l-1", 1, "10.00 EUR")], at)).await;
        projector.wake();
        let report = rebuild(&log, |_| ()).await.unwrap();
        assert_eq!(report.differences, []);
        let seen = asked.load(Ordering::Relaxed);
        // Some questions between two flips, however slow the machine is.
        while asked.load(Ordering::Relaxed) < seen + 3 && askers.iter().all(|it| !it.is_finished()) {
            tokio::task::yield_now().await;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.await.unwrap();
    }
    projector.wait_for(log.head().await.unwrap(), PATIENCE).await.unwrap();
    projector.stop().await;
    assert_eq!(audit(&log, |_| ()).await.unwrap().differences, []);
}
