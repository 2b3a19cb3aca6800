//! Answers by key: kept until they change, read together, and never older than they say.

use super::support::{Ledger, PATIENCE, fresh_log, fulfil, id, line, place};
use super::town;
use crate::by_key::{Source, Thing, Written};
use crate::kept::{ANSWER_BYTES_MAX, ANSWERS_MAX, BYTES_MAX, Kept};
use crate::projector::catch_up;
use crate::{Moment, Projector, Reads, orders, payments, rebuild};
use mizan_domain::id::MerchantId;
use mizan_store::{Position, Recorded};
use sqlx::{Connection, PgConnection};
use std::future::Future;
use std::sync::Arc;
use tokio::time::timeout;

const M: &str = "m-1";

fn merchant() -> MerchantId {
    id(M)
}

fn written(data: &str, position: i64) -> Written {
    Written { data: data.as_bytes().into(), revision: 1, position: Position::new(position) }
}

/// The events of a log, as the projector has them.
async fn batch(ledger: &Ledger) -> Vec<Arc<Recorded>> {
    let stored = ledger.log.read(Position::START, 1_000).await.unwrap();
    stored.into_iter().map(|it| Arc::new(Recorded::try_from(it).unwrap())).collect()
}

async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    let asked_again = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asked_again).await.expect("it was never so");
}

/// A service with read models, as far as questions by key are concerned.
struct Service {
    projector: Projector,
    reads: Reads,
}

impl Service {
    async fn on(ledger: &Ledger) -> Self {
        let projector = Projector::start(ledger.log.clone()).await.unwrap();
        let reads = Reads::new(ledger.log.clone()).keeping(projector.touched());
        projector.wait_for(ledger.log.head().await.unwrap(), PATIENCE).await.unwrap();
        Self { projector, reads }
    }

    async fn ask(&self, order: &str) -> Option<(Written, Source)> {
        self.reads.written(Thing::Order, &merchant(), order).await.unwrap()
    }

    /// Asks until the answer is one that is kept.
    async fn keeps(&self, order: &str) -> Written {
        until(|| async { matches!(self.ask(order).await, Some((_, Source::Memory))) }).await;
        self.ask(order).await.unwrap().0
    }
}

async fn with_orders(orders: &[&str]) -> Ledger {
    let mut ledger = Ledger::new().await;
    for order in orders {
        let at = ledger.now();
        ledger.does(M, place(order, "c-1", vec![line("l-1", 100, "10.00 EUR")], at)).await;
    }
    ledger
}

async fn fulfils(ledger: &mut Ledger, order: &str, nth: u32) -> Position {
    let at = ledger.now();
    ledger.does(M, fulfil(order, &format!("f-{nth}"), &[("l-1", 1)], at)).await;
    ledger.log.head().await.unwrap()
}

#[tokio::test]
async fn what_was_read_before_a_batch_is_not_taken_after_it() {
    let ledger = with_orders(&["o-1"]).await;
    let (kept, batch, merchant) = (Kept::default(), batch(&ledger).await, merchant());
    let key = (Thing::Order, &merchant, "o-1");
    // Read, and kept when the batch comes: gone.
    kept.put(kept.note(key.0, key.1, key.2), key, &written("old", 0));
    assert!(kept.get(key.0, key.1, key.2).is_some());
    kept.applied(&batch);
    assert_eq!(kept.get(key.0, key.1, key.2), None);
    // Read before the batch, handed in after it: not taken.
    let noted = kept.note(key.0, key.1, key.2);
    kept.applied(&batch);
    kept.put(noted, key, &written("old", 0));
    assert_eq!(kept.get(key.0, key.1, key.2), None);
    // The same where all is forgotten.
    let noted = kept.note(key.0, key.1, key.2);
    kept.anything();
    kept.put(noted, key, &written("old", 0));
    assert_eq!((kept.get(key.0, key.1, key.2), kept.size()), (None, (0, 0)));
    // Read after it: taken.
    kept.put(kept.note(key.0, key.1, key.2), key, &written("new", 1));
    assert_eq!(kept.get(key.0, key.1, key.2), Some(written("new", 1)));
    // Nobody else's, and nothing else of that name.
    assert_eq!(kept.get(Thing::Payment, key.1, key.2), None);
    assert_eq!(kept.get(key.0, &id("m-2"), key.2), None);
}

#[tokio::test]
async fn an_answer_that_nothing_has_changed_is_as_new_as_what_was_applied() {
    let ledger = with_orders(&["o-1", "o-2"]).await;
    let (kept, batch, merchant) = (Kept::default(), batch(&ledger).await, merchant());
    let key = (Thing::Order, &merchant, "o-1");
    kept.applied(&batch[..1]);
    kept.put(kept.note(key.0, key.1, key.2), key, &written("it", 1));
    kept.applied(&batch[1..]);
    assert_eq!(kept.get(key.0, key.1, key.2), Some(written("it", 2)));
    // After everything was forgotten, nothing is said of a position that may not be reached yet.
    kept.anything();
    kept.put(kept.note(key.0, key.1, key.2), key, &written("it", 1));
    assert_eq!(kept.get(key.0, key.1, key.2), Some(written("it", 1)));
}

#[test]
fn memory_has_an_end() {
    let (kept, merchant) = (Kept::default(), merchant());
    let put = |order: &str, bytes: usize| {
        let key = (Thing::Order, &merchant, order);
        kept.put(kept.note(key.0, key.1, key.2), key, &written(&"x".repeat(bytes), 1));
    };
    for nth in 0..ANSWERS_MAX + 10_000 {
        put(&format!("small-{nth}"), 20);
    }
    let (answers, bytes) = kept.size();
    assert!(answers > ANSWERS_MAX / 2 && answers <= ANSWERS_MAX && bytes <= BYTES_MAX, "{answers} with {bytes}");
    for nth in 0..20_000 {
        put(&format!("large-{nth}"), 5_000);
    }
    let (answers, bytes) = kept.size();
    assert!(bytes > BYTES_MAX / 2 && bytes <= BYTES_MAX, "{answers} with {bytes}");
    put("giant", ANSWER_BYTES_MAX);
    assert_eq!(kept.get(Thing::Order, &merchant, "giant"), None);
    // Said again, an answer takes its own place.
    let before = kept.size();
    (0..100).for_each(|_| put("large-19999", 5_000));
    assert_eq!(kept.size(), before);
    kept.anything();
    assert_eq!(kept.size(), (0, 0));
}

#[tokio::test]
async fn an_answer_is_kept_until_an_event_of_its_own_stream_is_applied() {
    let mut ledger = with_orders(&["o-1", "o-2"]).await;
    let service = Service::on(&ledger).await;
    let first = service.keeps("o-1").await;
    assert_eq!(first.revision, 1);
    let typed = orders::get(&service.reads, &merchant(), "o-1").await.unwrap().unwrap();
    assert_eq!(first.body(), serde_json::to_vec(&typed).unwrap());
    // Another order changes: this one is still here, and says how far it is known to be the same. Only a look at the
    // tables, the first one, may have come between.
    let mut nth = 0;
    loop {
        nth += 1;
        let position = fulfils(&mut ledger, "o-2", nth).await;
        service.projector.wait_for(position, PATIENCE).await.unwrap();
        let (again, source) = service.ask("o-1").await.unwrap();
        assert!(again.revision == 1 && again.position >= position, "{again:?}");
        if source == Source::Memory {
            break;
        }
        assert!(nth < 10, "it is never kept");
    }
    // It changes itself.
    let position = fulfils(&mut ledger, "o-1", nth).await;
    service.projector.wait_for(position, PATIENCE).await.unwrap();
    let (changed, source) = service.ask("o-1").await.unwrap();
    assert_eq!((changed.revision, source), (2, Source::Database));
    assert!(changed.position >= position);
    assert_eq!(service.keeps("o-1").await.revision, 2);
    assert_eq!(service.ask("nothing").await, None);
    // The past is folded, whatever is kept.
    let then = service.reads.at(Moment { as_of: Some(Position::new(1)), effective_at: None });
    let (past, source) = then.written(Thing::Order, &merchant(), "o-1").await.unwrap().unwrap();
    assert_eq!((past.revision, past.position, source), (1, Position::new(1), Source::Database));
    assert_eq!(then.remembered(Thing::Order, &merchant(), "o-1"), None);
    service.projector.stop().await;
}

/// Somebody else applies, and says nothing to this process.
#[tokio::test]
async fn what_another_process_applies_is_not_answered_from_memory() {
    let mut ledger = with_orders(&["o-1"]).await;
    let service = Service::on(&ledger).await;
    let mut elsewhere = 0;
    for nth in 1..=20 {
        let kept = service.keeps("o-1").await;
        assert_eq!(kept.revision, i64::from(nth));
        let position = fulfils(&mut ledger, "o-1", nth).await;
        catch_up(&ledger.log).await.unwrap();
        elsewhere += u32::from(service.projector.position() < position);
        // What is answered meanwhile is what it says that it is.
        let (meanwhile, _) = service.ask("o-1").await.unwrap();
        assert!(meanwhile.revision > i64::from(nth) || meanwhile.position < position);
        if nth % 2 == 0 {
            service.projector.wait_for(position, PATIENCE).await.unwrap();
            let (new, _) = service.ask("o-1").await.unwrap();
            assert!(new.revision == i64::from(nth) + 1 && new.position >= position, "{new:?}");
        } else {
            // Nobody waits or wakes anybody: it is as new as its own look at the log.
            until(|| async { service.ask("o-1").await.unwrap().0.revision == i64::from(nth) + 1 }).await;
        }
    }
    assert!(elsewhere > 0, "the other process never came first");
    service.projector.stop().await;
}

#[tokio::test]
async fn of_two_services_on_one_database_both_have_new_answers() {
    let mut ledger = with_orders(&["o-1"]).await;
    let (one, other) = (Service::on(&ledger).await, Service::on(&ledger).await);
    for nth in 1..=20 {
        one.keeps("o-1").await;
        other.keeps("o-1").await;
        let position = fulfils(&mut ledger, "o-1", nth).await;
        one.projector.wake();
        for service in [&one, &other] {
            service.projector.wait_for(position, PATIENCE).await.unwrap();
            let (new, _) = service.ask("o-1").await.unwrap();
            assert!(new.revision == i64::from(nth) + 1 && new.position >= position, "{new:?}");
        }
    }
    one.projector.stop().await;
    other.projector.stop().await;
}

/// No event comes, and yet the rows are others: what was kept of the old ones goes.
#[tokio::test]
async fn what_a_rebuild_puts_right_is_right_in_memory_too() {
    let ledger = with_orders(&["o-1"]).await;
    let service = Service::on(&ledger).await;
    let right = service.keeps("o-1").await;
    sqlx::raw_sql("update read.orders set reference = 'forged'").execute(ledger.log.pool()).await.unwrap();
    service.projector.touched().anything();
    let forged = service.keeps("o-1").await;
    assert!(String::from_utf8_lossy(&forged.data).contains("forged"));
    rebuild(&ledger.log, |_| ()).await.unwrap();
    until(|| async { service.ask("o-1").await.unwrap().0.data == right.data }).await;
    assert_eq!(service.keeps("o-1").await.data, right.data);
    service.projector.stop().await;
}

/// Whatever comes between reading, keeping and applying, no answer says a position that it has not reached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_never_older_than_they_say_while_everything_changes() {
    const ORDERS: [&str; 3] = ["o-1", "o-2", "o-3"];
    let mut ledger = with_orders(&ORDERS).await;
    let service = Arc::new(Service::on(&ledger).await);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let readers: Vec<_> = (0..3)
        .map(|reader| {
            let (service, stopped) = (Arc::clone(&service), stopped.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut from_memory = 0;
                while !*stopped.borrow() {
                    let order = ORDERS[reader % ORDERS.len()];
                    // What is published is applied: an answer that is asked for afterwards is at least there.
                    let published = service.projector.position();
                    let (answer, source) = service.ask(order).await.unwrap();
                    assert!(answer.position >= published, "{answer:?} after {published}");
                    from_memory += usize::from(source == Source::Memory);
                    seen.push((order, answer.revision, answer.position));
                    tokio::task::yield_now().await;
                }
                (seen, from_memory)
            })
        })
        .collect();
    for nth in 1..=30_u32 {
        let order = ORDERS[usize::try_from(nth).unwrap() % ORDERS.len()];
        let position = fulfils(&mut ledger, order, nth).await;
        service.projector.wake();
        service.projector.wait_for(position, PATIENCE).await.unwrap();
        let (answer, _) = service.ask(order).await.unwrap();
        assert!(answer.position >= position);
    }
    stop.send(true).unwrap();
    let all = batch(&ledger).await;
    let mut from_memory = 0;
    for reader in readers {
        let (seen, its) = reader.await.unwrap();
        from_memory += its;
        for (order, revision, position) in seen {
            let recorded = all.iter().filter(|it| &*it.stream.id == order && it.position <= position).count();
            assert!(usize::try_from(revision).unwrap() >= recorded, "{order}: {revision} at {position}");
        }
    }
    assert!(from_memory > 100, "only {from_memory} answers were kept ones");
    service.projector.stop().await;
}

#[tokio::test]
async fn questions_that_come_together_are_each_answered_whoever_goes_away() {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, 31, 120).await;
    let service = Service::on(&ledger).await;
    let rows: Vec<(String, String, i64)> = sqlx::query_as("select merchant_id, order_id, revision from read.orders")
        .fetch_all(ledger.log.pool())
        .await
        .unwrap();
    assert!(rows.len() > 100);
    let asked = rows.iter().enumerate().map(|(nth, (merchant, order, revision))| {
        let reads = service.reads.clone();
        let question = async move {
            let (answer, _) = reads.written(Thing::Order, &id(merchant), order).await.unwrap().unwrap();
            assert_eq!(answer.revision, *revision, "{order}");
            let row: orders::OrderRow = serde_json::from_slice(&answer.data).unwrap();
            assert_eq!(row.order_id, *order);
            assert_eq!(String::from_utf8_lossy(&answer.data), serde_json::to_string(&row).unwrap());
        };
        async move {
            // Every third one asks and is gone.
            if nth % 3 == 0 {
                let mut question = Box::pin(question);
                let polled =
                    std::future::poll_fn(|context| std::task::Poll::Ready(question.as_mut().poll(context))).await;
                return usize::from(polled.is_ready());
            }
            question.await;
            1
        }
    });
    let answered: usize = futures_of(asked).await.into_iter().sum();
    assert!(answered >= rows.len() * 2 / 3);
    let payments: Vec<(String, String)> = sqlx::query_as("select merchant_id, payment_id from read.payments limit 200")
        .fetch_all(ledger.log.pool())
        .await
        .unwrap();
    for (merchant, payment) in payments {
        let (merchant, typed) = (id::<MerchantId>(&merchant), Reads::new(ledger.log.clone()));
        let typed = payments::get(&typed, &merchant, &payment).await.unwrap().unwrap();
        let (answer, _) = service.reads.written(Thing::Payment, &merchant, &payment).await.unwrap().unwrap();
        assert_eq!(answer.body(), serde_json::to_vec(&typed).unwrap());
    }
    service.projector.stop().await;
}

/// Runs futures side by side on this task, the next poll of each after all others'.
async fn futures_of<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(|it| Some(Box::pin(it))).collect();
    let mut done = Vec::new();
    std::future::poll_fn(move |context| {
        for it in &mut waiting {
            let Some(future) = it else { continue };
            if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
                done.push(output);
                *it = None;
            }
        }
        let is_done = done.len() == waiting.len();
        if is_done { std::task::Poll::Ready(std::mem::take(&mut done)) } else { std::task::Poll::Pending }
    })
    .await
}

#[tokio::test]
async fn one_statement_finds_those_that_are_there() {
    let ledger = with_orders(&["o-1", "o-2", "o-3"]).await;
    catch_up(&ledger.log).await.unwrap();
    let mut connection = ledger.log.pool().acquire().await.unwrap();
    let rows =
        Thing::Order.rows(&mut connection, (&[M, M, "m-2", M], &["o-3", "nothing", "o-1", "o-1"])).await.unwrap();
    let mut found: Vec<(usize, i64)> = rows.into_iter().map(|(nth, it)| (nth, it.unwrap().position.number())).collect();
    found.sort_unstable();
    assert_eq!(found, [(0, 3), (3, 3)]);
    for thing in [Thing::Payment, Thing::Plan, Thing::Invoice] {
        assert_eq!(thing.rows(&mut connection, (&[M], &["o-1"])).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn questions_outlive_the_connections_that_they_were_asked_on() {
    let ledger = with_orders(&["o-1"]).await;
    let service = Service::on(&ledger).await;
    let mut admin = PgConnection::connect_with(&ledger.log.pool().connect_options()).await.unwrap();
    for _ in 0..5 {
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .execute(&mut admin)
        .await
        .unwrap();
        service.projector.touched().anything();
        // A connection may be cut off once more while it is asked; the next one answers.
        until(|| async { service.reads.written(Thing::Order, &merchant(), "o-1").await.is_ok() }).await;
    }
    service.projector.stop().await;
}

#[tokio::test]
async fn a_log_without_events_keeps_nothing() {
    let log = fresh_log().await;
    let projector = Projector::start(log.clone()).await.unwrap();
    let reads = Reads::new(log).keeping(projector.touched());
    assert_eq!(reads.written(Thing::Order, &merchant(), "o-1").await.unwrap(), None);
    projector.stop().await;
}
