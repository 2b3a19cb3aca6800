//! A new process has no stream at hand, and guesses that what begins one is new. Nobody may ever notice.

use futures_util::future::join_all;
use mizan_tests::{Answer, Client, System};
use serde_json::{Value, json};

fn order(order_id: &str, price: &str) -> Value {
    json!({ "order_id": order_id, "currency": "EUR", "lines": [{ "sku": "a", "quantity": 1, "unit_price": price }] })
}

fn payment(payment_id: &str, order_id: &str, amount: &str) -> Value {
    json!({ "payment_id": payment_id, "order_id": order_id, "method": "card", "amount": amount, "currency": "EUR" })
}

/// What is said again, each of a stream that nothing else of it names.
fn said_again() -> Vec<(&'static str, Value)> {
    vec![
        ("place-order", order("o-1", "10.00")),
        ("place-order", order("o-2", "11.00")),
        ("place-order?dry_run=true", order("o-3", "10.00")),
        ("place-order?dry_run=true", order("o-4", "11.00")),
        ("receive-payment", payment("p-1", "o-11", "10.00")),
        ("receive-payment", payment("p-2", "o-12", "11.00")),
        ("receive-payment?dry_run=true", payment("p-3", "o-13", "10.00")),
        ("authorise-payment", payment("p-4", "o-14", "10.00")),
    ]
}

/// What an answer says that is the same each time.
fn told(answer: &Answer) -> (u16, Value, Value, Value) {
    let it = answer.json();
    (answer.status, it["code"].clone(), it["events"].clone(), it["revision"].clone())
}

/// How it is said again.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Of the revision that is there, which a new stream would not have.
    OfItsRevision,
    AsItWas,
    /// With a key that is new.
    Keyed,
}

async fn ask_again(api: &Client, way: Way, keys: &str) -> Vec<(u16, Value, Value, Value)> {
    let mut answers = Vec::new();
    for (nth, (name, data)) in said_again().into_iter().enumerate() {
        let asked = api.commanding(name, &data);
        let asked = match way {
            Way::OfItsRevision => asked.header("if-match", "\"1\""),
            Way::AsItWas => asked,
            Way::Keyed => asked.header("idempotency-key", format!("{keys}-{nth}")),
        };
        answers.push(told(&api.send(asked).await));
    }
    answers
}

#[tokio::test]
async fn a_no_and_what_was_said_already_do_not_rest_on_a_guess() {
    let system = System::new().await;
    let mut first = Vec::new();
    {
        let api = system.serve().await;
        for nth in 1..=4 {
            api.done("place-order", order(&format!("o-{nth}"), "10.00")).await;
            api.done("receive-payment", payment(&format!("p-{nth}"), &format!("o-1{nth}"), "10.00")).await;
        }
        for way in [Way::OfItsRevision, Way::AsItWas, Way::Keyed] {
            first.push((way, ask_again(&api, way, "first").await));
        }
    }
    for (way, first) in first {
        assert!(first.iter().any(|it| it.0 == 200) && first.iter().any(|it| it.0 != 200), "{first:?}");
        // A process for each: what was looked up once is at hand.
        let api = system.serve().await;
        let head = api.head().await;
        assert_eq!(ask_again(&api, way, "second").await, first, "{way:?}");
        assert_eq!(api.head().await, head, "nothing was new");
    }
}

/// Payments that came before their orders have begun the orders' streams: whoever guesses that they are new is wrong, and
/// everybody who shares a batch with that is decided again.
#[tokio::test]
async fn a_wrong_guess_costs_nobody_anything() {
    const LATE: usize = 5;
    const NEW: usize = 30;
    let system = System::new().await;
    {
        let api = system.serve().await;
        for nth in 0..LATE {
            api.done("receive-payment", payment(&format!("p-{nth}"), &format!("late-{nth}"), "10.00")).await;
        }
    }
    let api = system.serve().await;
    let late = join_all((0..LATE).map(|nth| api.done("place-order", order(&format!("late-{nth}"), "10.00"))));
    let new = join_all((0..NEW).map(|nth| api.done("place-order", order(&format!("new-{nth}"), "10.00"))));
    let (late, new) = tokio::join!(late, new);
    // Placed, and the waiting money used.
    assert!(late.iter().all(|it| it["revision"] == 3), "{late:?}");
    assert!(new.iter().all(|it| it["revision"] == 1), "{new:?}");
    for nth in 0..LATE {
        let it = api.one(&format!("orders/late-{nth}")).await;
        assert_eq!((&it["payment_status"], &it["due"]), (&json!("paid"), &json!("0.00")), "{it}");
    }
    let events = api.events().await;
    let placed = events.iter().filter(|it| it["kind"] == "order-placed.v1").count();
    assert_eq!((placed, events.len()), (LATE + NEW, 4 * LATE + NEW), "each once, and nothing else");
    // And it goes on.
    api.done("place-order", order("after", "10.00")).await;
}
