//! `kill -9` in the middle of the work: what was acknowledged is there, once, and so is all that follows from it.

use mizan_tests::{Client, System};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const WRITERS: usize = 4;
/// Acknowledged commands before the blow.
const BEFORE: usize = 60;

/// A command that was sent, and whether it was acknowledged.
struct Sent {
    name: &'static str,
    data: Value,
    acknowledged: bool,
}

/// Orders and their payments, one after the other, until told to stop or until nobody answers any more.
async fn write(client: Client, writer: usize, is_over: Arc<AtomicBool>, acknowledged: Arc<AtomicUsize>) -> Vec<Sent> {
    let mut sent = Vec::new();
    for nth in 0.. {
        let order_id = format!("o-{writer}-{nth}");
        let order = json!({"order_id": order_id, "customer_id": "c-1", "currency": "EUR",
            "lines": [{"sku": "tea", "quantity": 3, "unit_price": "3.35", "taxes": [{"rate": "0.07"}]}]});
        let payment = json!({"payment_id": format!("p-{writer}-{nth}"), "order_id": order_id, "customer_id": "c-1",
            "method": "card", "amount": "10.75", "currency": "EUR"});
        for (name, data) in [("place-order", order), ("receive-payment", payment)] {
            let answer = client.try_send(client.commanding(name, &data)).await;
            let is_done = answer.as_ref().is_ok_and(|it| it.status == 200);
            // A service that lives says 503 while its database does not answer, and nothing else.
            assert!(is_done || answer.as_ref().map_or(true, |it| it.status == 503), "{answer:?}");
            sent.push(Sent { name, data, acknowledged: is_done });
            acknowledged.fetch_add(usize::from(is_done), Ordering::SeqCst);
            if is_over.load(Ordering::SeqCst) || answer.is_err() {
                return sent;
            }
        }
    }
    sent
}

/// Lets the writers work, strikes, and gives back everything that was sent.
async fn strike(client: &Client, blow: impl FnOnce(), goes_on: bool) -> Vec<Sent> {
    let (is_over, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let work = |writer| tokio::spawn(write(client.clone(), writer, is_over.clone(), acknowledged.clone()));
    let writers: Vec<_> = (0..WRITERS).map(work).collect();
    reach(&acknowledged, BEFORE).await;
    blow();
    if goes_on {
        let so_far = acknowledged.load(Ordering::SeqCst);
        reach(&acknowledged, so_far + BEFORE).await;
    }
    is_over.store(true, Ordering::SeqCst);
    let mut sent = Vec::new();
    for writer in writers {
        sent.extend(writer.await.unwrap());
    }
    sent
}

async fn reach(acknowledged: &AtomicUsize, wanted: usize) {
    let reached = async {
        while acknowledged.load(Ordering::SeqCst) < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached).await.expect("the writers got nowhere");
}

/// Everything is said again: what was acknowledged does nothing, what was not may have happened or not, and in the end
/// every order is paid once and the books balance.
async fn examine(system: &System, client: &Client, sent: Vec<Sent>) {
    let payments = sent.iter().filter(|it| it.name == "receive-payment").count();
    for it in &sent {
        let answer = client.done(it.name, it.data.clone()).await;
        let is_new = answer["events"].as_array().is_some_and(|events| !events.is_empty());
        assert!(!(it.acknowledged && is_new), "{} was acknowledged and lost: {}", it.name, it.data);
    }
    let verdict = system.mizan(&["replay", "--json"]).exits(0).json();
    let of = |kind: &str| verdict["events_by_kind"][kind].as_u64().unwrap_or(0) as usize;
    assert_eq!(of("payment-received.v1"), payments);
    assert_eq!(of("order-payment-allocated.v1"), payments, "each payment is applied to its order, once");
    assert_eq!(verdict["sums"]["EUR"], "0.00 EUR");
    let unpaid = client.query("orders?payment_status[ne]=paid&limit=100").await;
    let unpaid: Vec<_> = unpaid["data"].as_array().unwrap().iter().filter(|it| it["due"] != "10.75").collect();
    assert!(unpaid.is_empty(), "half paid: {unpaid:?}");
}

#[tokio::test]
async fn a_killed_service_loses_nothing_that_it_acknowledged() {
    let system = System::embedded().await;
    let mut service = system.serve().await;
    let client = service.client();
    let sent = strike(&client, || service.kill(), false).await;
    drop(service);
    let service = system.serve().await;
    examine(&system, &service, sent).await;
}

#[tokio::test]
async fn a_killed_database_comes_back_and_loses_nothing_that_was_acknowledged() {
    let system = System::embedded().await;
    let service = system.serve().await;
    let pid_file = system.data_dir().join("postgres/postmaster.pid");
    let pid = std::fs::read_to_string(pid_file).unwrap().lines().next().unwrap().parse().unwrap();
    let blow = || nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    let sent = strike(&service.client(), blow, true).await;
    examine(&system, &service, sent).await;
}
