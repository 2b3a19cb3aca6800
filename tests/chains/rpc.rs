//! How a test speaks to a node: JSON-RPC without any of the service's own code.

use reqwest::{Client, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A node.
pub(crate) struct Rpc {
    http: Client,
    address: Url,
}

/// What the node said instead of an answer.
#[derive(Debug)]
pub(crate) struct Refused(#[allow(dead_code, reason = "shown by a test that fails")] Value);

impl Rpc {
    pub(crate) fn new(address: &str) -> Result<Self, Refused> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = Client::builder().no_proxy().timeout(mizan_tests::PATIENCE).build().unwrap();
        Ok(Self { http, address: address.parse().unwrap() })
    }

    /// Calls a method that answers something.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<T, Refused> {
        Ok(self.ask(method, params).await?.unwrap_or_else(|| panic!("{method} answers nothing")))
    }

    /// Calls a method that may answer nothing.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<Option<T>, Refused> {
        let asked = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut url = self.address.clone();
        url.set_username("").unwrap();
        url.set_password(None).unwrap();
        let mut request = self.http.post(url).json(&asked);
        if let Some(password) = self.address.password() {
            request = request.basic_auth(self.address.username(), Some(password));
        }
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        match answer["error"].take() {
            Value::Null => Ok(serde_json::from_value(answer["result"].take()).unwrap()),
            error => Err(Refused(error)),
        }
    }
}
