//! Blows in the middle of the work: `kill -9` of the service and of PostgreSQL, a database that is stopped, a queue that is
//! full, connections that are reset. What was acknowledged is there, once, with everything that follows from it; what was
//! not may be there or not, and may be said again.

mod examine;
mod workload;

use examine::{examine, settled};
use mizan_tests::{Cluster, Place, System};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use sqlx::Connection;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use workload::Workload;

const WRITERS: usize = 4;

/// Four times, at other moments, on one growing history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_service_loses_nothing_that_it_acknowledged() {
    let system = System::embedded().await;
    let mut sent = Vec::new();
    for (nth, acknowledged) in [25, 60, 110, 37].into_iter().enumerate() {
        let mut service = system.serve().await;
        let workload = Workload::start(&service, &format!("{nth}"), WRITERS);
        workload.until_acknowledged(acknowledged).await;
        service.kill();
        sent.extend(workload.finish().await);
        drop(service);

        // Nobody has said anything again yet: what the policies had begun, they finish by themselves.
        let service = system.serve().await;
        settled(&service).await;
    }
    let service = system.serve().await;
    examine(&system, &service, &sent).await;
}

/// The service stays, and its database comes back under it, twice; the writers say everything again until they are heard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_loses_nothing_that_was_acknowledged() {
    let system = System::embedded().await;
    let service = system.serve().await;
    let workload = Workload::insist(&service, "w", WRITERS);
    for acknowledged in [40, 90] {
        workload.until_acknowledged(acknowledged).await;
        kill(Pid::from_raw(system.postgres_pid()), Signal::SIGKILL).unwrap();
    }
    workload.until_acknowledged(160).await;
    let sent = workload.finish().await;
    assert!(sent.iter().all(|it| it.answer.is_some()), "somebody was never heard");
    settled(&service).await;
    examine(&system, &service, &sent).await;
}

/// One of its processes dies, and PostgreSQL ends all the others, in the middle of their transactions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_backend_loses_nothing_that_was_acknowledged() {
    let system = System::embedded().await;
    let service = system.serve().await;
    let workload = Workload::insist(&service, "w", WRITERS);
    workload.until_acknowledged(40).await;
    let children = Command::new("pgrep").args(["-P", &system.postgres_pid().to_string(), "-f", "mizan mizan"]).output();
    let children = String::from_utf8(children.unwrap().stdout).unwrap();
    let backend = children.lines().last().expect("a connection").parse().unwrap();
    kill(Pid::from_raw(backend), Signal::SIGKILL).unwrap();
    workload.until_acknowledged(100).await;
    let sent = workload.finish().await;
    settled(&service).await;
    examine(&system, &service, &sent).await;
}

fn order(order_id: &str) -> Value {
    json!({ "order_id": order_id, "currency": "EUR", "lines": [{ "sku": "a", "quantity": 1, "unit_price": "10.00" }] })
}

/// No database: 503 and when to come again, for everything that needs it, and nothing is acknowledged. It comes back, and
/// everything goes on without anybody's help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_database_is_a_503_and_nothing_is_acknowledged() {
    let mut cluster = Cluster::start();
    let system = System::at(Place::Database(cluster.database().await)).await;
    let service = system.serve().await;
    service.done("place-order", order("o-1")).await;
    cluster.stop();

    // For a stream that is at hand, and for one that is not; alone and with others; with a key and without.
    let begun = Instant::now();
    let pay = json!({ "payment_id": "p-1", "order_id": "o-1", "method": "card", "amount": "10.00", "currency": "EUR" });
    let many = json!([{ "command": "place-order", "data": order("o-3") }]);
    let (known, new, keyed, many, view, events) = tokio::join!(
        service.command("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "f-1" })),
        service.command("receive-payment", pay.clone()),
        service.send(service.commanding("place-order", &order("o-2")).header("idempotency-key", "k-1")),
        service.send(service.request(reqwest::Method::POST, "/v1/commands").json(&many)),
        service.get("/v1/queries/orders/o-1"),
        service.get("/v1/events"),
    );
    for answer in [&known, &new, &keyed, &view, &events] {
        answer.problem(503, "unavailable", "");
    }
    assert_eq!(many.ok()[0]["status"], 503);
    println!("503 after {:?}", begun.elapsed());
    assert_eq!(service.get("/readyz").await.status, 503);
    assert_eq!(service.get("/healthz").await.status, 200, "the process lives");

    cluster.start_again();
    let begun = Instant::now();
    while service.get("/readyz").await.status != 200 {
        assert!(begun.elapsed() < mizan_tests::PATIENCE, "it never came back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("ready again after {:?}", begun.elapsed());
    // Whether the unacknowledged ones were done or not, they can be said again.
    service.done("place-order", order("o-2")).await;
    service.done("receive-payment", pay).await;
    service.done("fulfil-order", json!({ "order_id": "o-1", "fulfilment_id": "f-1" })).await;
    settled(&service).await;
    service.has_books("EUR", &[("psp_clearing", "10.00"), ("sales", "-10.00")]).await;
    let verdict = system.mizan(&["replay", "--json"]).exits(0).json();
    assert_eq!((&verdict["events_by_kind"]["payment-received.v1"], &verdict["balanced"]), (&json!(1), &json!(true)));
}

/// More commands than may wait: the rest hears "busy" at once and is not done; those that waited are all done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_a_503_and_what_waits_is_not_forgotten() {
    const REQUESTS: usize = 13;
    let system = System::new().await;
    let service = system.serve().await;
    // Whoever holds this row holds up every append.
    let mut holder = sqlx::PgConnection::connect(system.database_url()).await.unwrap();
    sqlx::raw_sql("begin; select position from log_head for update").execute(&mut holder).await.unwrap();
    let bulk = |request: usize| {
        let client = service.client();
        let order = move |nth: usize| json!({ "command": "place-order", "data": order(&format!("o-{request}-{nth}")) });
        let items: Vec<Value> = (0..1000).map(order).collect();
        tokio::spawn(
            async move { client.send(client.request(reqwest::Method::POST, "/v1/commands").json(&items)).await },
        )
    };
    let requests: Vec<_> = (0..REQUESTS).map(bulk).collect();
    let busy = until_busy(&service).await;
    busy.problem(503, "busy", "");
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();

    let mut acknowledged = 0;
    let mut expected = BTreeSet::new();
    let mut refused = BTreeSet::new();
    for (request, answer) in requests.into_iter().enumerate() {
        for (nth, outcome) in answer.await.unwrap().ok().as_array().unwrap().iter().enumerate() {
            let stream = format!("order/o-{request}-{nth}");
            match (outcome["status"].as_u64(), outcome["problem"]["code"].as_str()) {
                (Some(200), None) => _ = expected.insert(stream),
                (Some(503), Some("busy")) => _ = refused.insert(stream),
                // The lock was held for too long for this one: it may be there.
                (Some(503), Some("unavailable")) => (),
                _other => panic!("{outcome:#}"),
            }
            acknowledged += usize::from(outcome["status"] == 200);
        }
    }
    println!("{acknowledged} done, {} turned away", refused.len());
    assert!(acknowledged > 0 && !refused.is_empty());
    let events = service.events().await;
    let streams: BTreeSet<String> = events.iter().map(|it| it["stream"].as_str().unwrap().to_owned()).collect();
    assert_eq!(streams.len(), events.len(), "an order was placed twice");
    assert!(expected.is_subset(&streams), "an acknowledged order is missing");
    assert!(refused.is_disjoint(&streams), "an order that was turned away is there");
    service.done("place-order", order("o-after")).await;
}

/// Asks until the queue is full. Those that are asked before wait in it themselves, so nobody waits for them.
async fn until_busy(service: &mizan_tests::Service) -> mizan_tests::Answer {
    let begun = Instant::now();
    for nth in 0.. {
        let asked =
            service.commanding("place-order", &order(&format!("busy-{nth}"))).timeout(Duration::from_millis(250));
        if let Ok(answer) = service.try_send(asked).await {
            return answer;
        }
        assert!(begun.elapsed() < mizan_tests::PATIENCE, "the queue never filled");
    }
    unreachable!("the loop has no end")
}

/// A client resets its connection (TCP RST) while its request is on the way, half there, or under way in the database.
/// Nothing that others were told is lost by it, also not later, and the connection to the database is not poisoned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_reset_lose_nothing_of_anybody() {
    const RESETS: usize = 150;
    let system = System::new().await;
    let service = system.serve().await;
    let workload = Workload::start(&service, "w", 2);
    let mut reset = Vec::new();
    for nth in 0..RESETS {
        let order_id = format!("reset-{nth}");
        let body = order(&order_id).to_string();
        let head = format!(
            "POST /v1/commands/place-order HTTP/1.1\r\nhost: mizan\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            mizan_tests::API_KEY,
            body.len()
        );
        let whole = [head.as_bytes(), body.as_bytes()].concat();
        let sent = match nth % 3 {
            0 => &whole[..head.len()],
            1 => &whole[..head.len() + body.len() / 2],
            _whole => &whole[..],
        };
        let mut connection = TcpStream::connect(service.address()).await.unwrap();
        connection.write_all(sent).await.unwrap();
        if nth % 3 == 2 {
            reset.push(order_id);
            // Let the service read it, at least now and then: a reset throws away what was not read yet.
            for _ in 0..nth % 7 {
                tokio::task::yield_now().await;
            }
        }
        connection.set_zero_linger().unwrap();
        drop(connection);
    }
    workload.until_acknowledged(60).await;
    let sent = workload.finish().await;
    assert!(
        sent.iter().filter(|it| it.answer.is_none()).count() <= 2,
        "only what was under way at the end is not answered"
    );

    // Each whole one was done or not; said again, it is done once.
    for order_id in &reset {
        service.done("place-order", order(order_id)).await;
    }
    let events = service.events().await;
    let placed = |order_id: &str| {
        let stream = format!("order/{order_id}");
        events.iter().filter(|it| it["stream"] == stream.as_str() && it["kind"] == "order-placed.v1").count()
    };
    assert!(reset.iter().all(|order_id| placed(order_id) == 1));
    let half: Vec<String> = (0..RESETS).filter(|nth| nth % 3 != 2).map(|nth| format!("reset-{nth}")).collect();
    assert!(half.iter().all(|order_id| placed(order_id) == 0), "half a request was done");
    // A poisoned connection would roll back later what it was trusted with: so look again with everything said again.
    settled(&service).await;
    examine(&system, &service, &sent).await;
}

/// Two services on one database, one history: every fact once, whoever is asked, and everybody sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_share_one_history() {
    let system = System::new().await;
    let (one, other) = (system.serve().await, system.serve().await);
    // The same stories at both, at the same time.
    let (here, there) = (Workload::insist(&one, "w", 2), Workload::insist(&other, "w", 2));
    tokio::join!(here.until_acknowledged(70), there.until_acknowledged(70));
    let (here, there) = (here.finish().await, there.finish().await);
    settled(&one).await;
    let events = one.events().await;
    let placed = events.iter().filter(|it| it["kind"] == "order-placed.v1").map(|it| it["stream"].as_str().unwrap());
    let placed: Vec<&str> = placed.collect();
    let once: BTreeSet<&str> = placed.iter().copied().collect();
    assert_eq!(placed.len(), once.len(), "an order was placed at both");
    examine(&system, &one, &here).await;
    examine(&system, &other, &there).await;
    // What one was told, the other shows.
    let position = one.done("place-order", order("o-last")).await["position"].as_i64().unwrap();
    let seen = other.get(&format!("/v1/queries/orders/o-last?min_position={position}")).await.ok();
    assert_eq!(seen["data"]["order_id"], "o-last");
}
