//! A merchant who takes payments on a chain: the service, what it is told to watch, and what it is asked.

use mizan_tests::{PATIENCE, Service, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What bitcoin costs, until a test says something else.
pub(crate) const RATES: &str = "BTC/USD=50000, ETH/USD=2500, USDC/USD=0.9998";
/// Between two questions whether something is so by now.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// The service and its surroundings.
pub(crate) struct Shop {
    pub(crate) system: System,
    pub(crate) service: Service,
    nodes: String,
}

impl Shop {
    /// Opens, watching through these nodes.
    pub(crate) async fn open(nodes: String) -> Self {
        Self::open_with(nodes, RATES).await
    }

    /// The same, with other rates, or none.
    pub(crate) async fn open_with(nodes: String, rates: &str) -> Self {
        let system = System::new().await;
        let service = system.serve_in(&[("MIZAN_NODES", &nodes), ("MIZAN_RATES", rates)]).await;
        Self { system, service, nodes }
    }

    /// Ends the process as `kill -9` does.
    pub(crate) fn crash(&mut self) {
        self.service.kill();
    }

    /// One more process on the same data.
    pub(crate) async fn another(&self) -> Service {
        self.system.serve_in(&[("MIZAN_NODES", &self.nodes), ("MIZAN_RATES", RATES)]).await
    }

    /// Starts again, with rates.
    pub(crate) async fn start_again(&mut self) {
        self.service = self.another().await;
    }

    /// Waits until the chain is watched and everything that the node has is recorded and told.
    pub(crate) async fn is_watching(&self) {
        let caught_up = |it: &Value| {
            let chain = &it["chains"][0];
            chain["standing"] == "watching" && chain["height"].is_u64() && chain["behind_blocks"] == 0
        };
        self.until("/readyz", caught_up).await;
    }

    /// Waits until the service has seen the node's newest block and told all of it.
    pub(crate) async fn has_seen(&self, height: u64) {
        self.until("/readyz", |it| it["chains"][0]["height"] == height && it["chains"][0]["untold"] == 0).await;
    }

    /// Asks until the answer is so.
    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let asked_until = Instant::now() + PATIENCE;
        loop {
            let answer = self.service.get(path).await.json();
            if is_so(&answer) {
                return answer;
            }
            assert!(Instant::now() < asked_until, "{path} stays as it is: {answer:#}");
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Asks about an order, invoice or deposit until these fields are so.
    pub(crate) async fn shows(&self, path: &str, expected: Value) -> Value {
        let expected = expected.as_object().unwrap().clone();
        let is_so = |it: &Value| expected.iter().all(|(name, value)| it["data"][name] == *value);
        self.until(&format!("/v1/queries/{path}"), is_so).await["data"].take()
    }

    /// Places an order of one line.
    pub(crate) async fn order(&self, order_id: &str, price: &str) {
        let lines = json!([{ "line_id": "a", "sku": "sku-a", "quantity": 1, "unit_price": price }]);
        let order = json!({ "order_id": order_id, "customer_id": "c-1", "currency": "USD", "lines": lines });
        self.service.done("place-order", order).await;
    }

    /// Makes an invoice for an order; gives back how it stands.
    pub(crate) async fn invoice(&self, invoice_id: &str, order_id: &str, price: &str, asset: &str) -> Value {
        let said = json!({
            "wallet_id": "w-1", "invoice_id": invoice_id, "order_id": order_id, "customer_id": "c-1",
            "price": price, "currency": "USD", "asset": asset,
        });
        self.service.done("create-invoice", said).await;
        self.service.one(&format!("invoices/{invoice_id}")).await
    }

    /// What the accounts have in money, when nothing waits to be told.
    pub(crate) async fn books(&self) -> BTreeMap<String, String> {
        self.service.books("USD").await
    }

    /// What every story ends with: everything that the history says holds.
    pub(crate) async fn audit(&self) {
        self.until("/readyz", |it| it["seal"]["lag_events"] == 0 && it["lag_events"] == 0).await;
        let run = self.system.mizan(&["audit", "--json"]).exits(0);
        assert_eq!(run.json()["holds"], true, "{run:#?}");
    }
}
