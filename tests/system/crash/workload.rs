//! Writers that tell stories, each command after the other, and remember what they were told.

use mizan_tests::{Client, PATIENCE};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A command that was sent.
pub(super) struct Sent {
    pub(super) name: &'static str,
    pub(super) data: Value,
    pub(super) key: Option<String>,
    /// What it was answered with 200; none where nobody knows what became of it.
    pub(super) answer: Option<Value>,
}

/// Some writers at work.
pub(super) struct Workload {
    writers: Vec<JoinHandle<Vec<Sent>>>,
    is_over: Arc<AtomicBool>,
    acknowledged: watch::Receiver<usize>,
}

/// What a writer does when it is not answered.
#[derive(Clone, Copy, PartialEq)]
enum Unanswered {
    /// It stops: its service is gone.
    Stop,
    /// It says the same again, as 503 and `Retry-After` ask for.
    Insist,
}

#[derive(Clone)]
struct Writer {
    client: Client,
    name: String,
    unanswered: Unanswered,
    is_over: Arc<AtomicBool>,
    acknowledged: Arc<watch::Sender<usize>>,
}

impl Workload {
    /// Writers that stop when they are not answered.
    pub(super) fn start(client: &Client, name: &str, writers: usize) -> Self {
        Self::with(client, name, writers, Unanswered::Stop)
    }

    /// Writers that say the same again until they are answered.
    pub(super) fn insist(client: &Client, name: &str, writers: usize) -> Self {
        Self::with(client, name, writers, Unanswered::Insist)
    }

    fn with(client: &Client, name: &str, writers: usize, unanswered: Unanswered) -> Self {
        let (sender, acknowledged) = watch::channel(0);
        let (sender, is_over) = (Arc::new(sender), Arc::new(AtomicBool::new(false)));
        let write = |nth: usize| {
            let (client, name) = (client.clone(), format!("{name}-{nth}"));
            let (is_over, acknowledged) = (is_over.clone(), sender.clone());
            tokio::spawn(Writer { client, name, unanswered, is_over, acknowledged }.write())
        };
        Self { writers: (0..writers).map(write).collect(), is_over, acknowledged }
    }

    /// Waits until so many commands were acknowledged, all writers together.
    pub(super) async fn until_acknowledged(&self, count: usize) {
        let mut acknowledged = self.acknowledged.clone();
        let reached = tokio::time::timeout(PATIENCE, acknowledged.wait_for(|it| *it >= count)).await;
        assert!(matches!(reached, Ok(Ok(_))), "the writers came to {} of {count}", *self.acknowledged.borrow());
    }

    /// Lets every writer end its command, and gives back everything that was sent.
    pub(super) async fn finish(self) -> Vec<Sent> {
        self.is_over.store(true, Ordering::SeqCst);
        let mut sent = Vec::new();
        for writer in self.writers {
            sent.extend(writer.await.unwrap());
        }
        sent
    }
}

impl Writer {
    async fn write(self) -> Vec<Sent> {
        let mut sent = Vec::new();
        for nth in 0.. {
            for (name, data, key) in story(&format!("{}-{nth}", self.name)) {
                if self.is_over.load(Ordering::SeqCst) {
                    return sent;
                }
                let answer = self.say(name, &data, key.as_deref()).await;
                let is_answered = answer.is_some();
                sent.push(Sent { name, data, key, answer });
                if !is_answered {
                    return sent;
                }
                self.acknowledged.send_modify(|count| *count += 1);
            }
        }
        sent
    }

    async fn say(&self, name: &str, data: &Value, key: Option<&str>) -> Option<Value> {
        let begun = Instant::now();
        loop {
            let mut request = self.client.commanding(name, data);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            match self.client.try_send(request).await {
                Ok(answer) if answer.status == 200 => return Some(answer.json()),
                // A service that lives says this while its database does not answer, and nothing else.
                Ok(answer) => answer.problem(503, "unavailable", ""),
                Err(error) => {
                    assert!(self.unanswered == Unanswered::Stop, "no answer from a living service: {error:?}")
                }
            }
            if self.unanswered == Unanswered::Stop {
                return None;
            }
            assert!(begun.elapsed() < PATIENCE, "{name} was never answered");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// An order with all that can follow: split tender, a capture, a shipment, a return and a cancellation with their refunds.
fn story(id: &str) -> Vec<(&'static str, Value, Option<String>)> {
    let order_id = format!("o-{id}");
    let pay = |which: &str, method: &str, amount: &str| {
        json!({
            "payment_id": format!("p-{id}-{which}"), "order_id": order_id, "customer_id": "c-1",
            "method": method, "amount": amount, "currency": "EUR",
        })
    };
    let lines =
        json!([{ "line_id": "a", "sku": "tea", "quantity": 4, "unit_price": "9.35", "taxes": [{ "rate": "0.07" }] }]);
    let some = |quantity: u32| json!([{ "line_id": "a", "quantity": quantity }]);
    let order = json!({ "order_id": order_id, "customer_id": "c-1", "currency": "EUR", "lines": lines });
    let capture =
        json!({ "payment_id": format!("p-{id}-card"), "capture_id": "1", "amount": "25.02", "currency": "EUR" });
    let key = |step: &str| Some(format!("{id}-{step}"));
    vec![
        ("place-order", order, key("place")),
        ("receive-payment", pay("voucher", "voucher", "15.00"), None),
        ("authorise-payment", pay("card", "card", "25.02"), key("authorise")),
        ("capture-payment", capture, key("capture")),
        ("fulfil-order", json!({ "order_id": order_id, "fulfilment_id": "1", "lines": some(3) }), None),
        ("return-order", json!({ "order_id": order_id, "return_id": "1", "lines": some(1) }), key("return")),
        ("cancel-order", json!({ "order_id": order_id, "cancellation_id": "1", "lines": some(1) }), None),
    ]
}
