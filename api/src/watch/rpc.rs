//! JSON-RPC over HTTP, as Bitcoin's and Ethereum's nodes speak it.
//!
//! The address of a node is a secret: its user name, its password and often its path are the keys to it. Errors and logs
//! show its host and nothing else.

use crate::outbound::{NoAnswer, Outbound, Reach};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a node may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer: a full block of Bitcoin in hexadecimal has 8 MB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
const MESSAGE_LENGTH_MAX: usize = 200;

/// The parameters of a method without any.
pub(super) const NOTHING: [u8; 0] = [];

/// A node that answers JSON-RPC.
pub struct Rpc {
    http: Outbound,
    url: Url,
    next_id: AtomicU64,
}

/// What went wrong with a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Not an address of a node.
    #[error("this is not the address of a node; write for example http://user:password@127.0.0.1:8332")]
    BadAddress,
    /// It does not answer.
    #[error("the node does not answer: {0}")]
    NoAnswer(#[from] NoAnswer),
    /// It does not know us.
    #[error("the node refuses the user name or password")]
    Unauthorised,
    /// It answers something else than JSON-RPC.
    #[error("the node does not answer as expected (HTTP status {status}): {detail}")]
    NotUnderstood {
        /// The HTTP status.
        status: u16,
        /// What was expected and is not there.
        detail: String,
    },
    /// It refuses what it was asked.
    #[error("the node refuses {method}: {message} ({code})")]
    Refused {
        /// What it was asked.
        method: &'static str,
        /// Its code.
        code: i64,
        /// Its reason.
        message: String,
    },
    /// A value of its answer is not what it should be.
    #[error("the node's answer to {method} has no readable {field}")]
    Unreadable {
        /// What it was asked.
        method: &'static str,
        /// What cannot be read.
        field: &'static str,
    },
    /// The chain has moved on while it was read; the next round sees it as it is then.
    #[error("the chain has moved while it was read")]
    Moved,
}

#[derive(Serialize)]
struct Call<'a, P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: P,
}

#[derive(Deserialize)]
struct Answered<T> {
    id: Option<u64>,
    // Not a default: `null` is an answer too, for a block that is not there.
    result: Option<T>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    code: i64,
    #[serde(default)]
    message: String,
}

impl Rpc {
    /// A node by its address, with user name and password in it where the node asks for them.
    ///
    /// # Errors
    /// [`NodeError::BadAddress`], which does not repeat it.
    pub fn new(address: &str) -> Result<Self, NodeError> {
        let url = Url::parse(address).map_err(|_| NodeError::BadAddress)?;
        let http = Outbound::new(Reach::Operators, ANSWER_TIMEOUT, ANSWER_BYTES_MAX)?;
        drop(http.get(url.clone()).map_err(|_| NodeError::BadAddress)?);
        Ok(Self { http, url, next_id: AtomicU64::new(1) })
    }

    /// Calls a method whose answer is always something.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<T, NodeError> {
        self.ask(method, params).await?.ok_or(NodeError::Unreadable { method, field: "result" })
    }

    /// Calls a method that answers nothing for what is not there.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<Option<T>, NodeError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let call = Call { jsonrpc: "2.0", id, method, params };
        let answer = self.http.send(self.http.post(self.url.clone())?.json(&call)).await?;
        if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(NodeError::Unauthorised);
        }
        let not_understood =
            |detail: &str| NodeError::NotUnderstood { status: answer.status.as_u16(), detail: shortened(detail) };
        // Bitcoin's nodes answer a refusal with status 500 and say in the body why.
        let read: Answered<T> =
            serde_json::from_slice(&answer.body).map_err(|error| not_understood(&format!("{method}: {error}")))?;
        match read.error {
            Some(error) => Err(NodeError::Refused { method, code: error.code, message: shortened(&error.message) }),
            None if read.id != Some(id) => Err(not_understood("it answers another request")),
            None => Ok(read.result),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MESSAGE_LENGTH_MAX).collect()
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rpc({})", self.url.host_str().unwrap_or_default())
    }
}

#[cfg(test)]
pub(super) mod fake {
    //! A node that answers what a test wants it to.

    use super::Rpc;
    use actix_web::dev::ServerHandle;
    use actix_web::http::StatusCode;
    use actix_web::{App, HttpResponse, HttpServer, web};
    use serde_json::Value;

    /// What the node answers to a call: a status and a body.
    pub(in crate::watch) type Answers = fn(call: &Value) -> (u16, String);

    /// Starts the node, which ends with the test's runtime.
    pub(in crate::watch) fn node(answers: Answers) -> (Rpc, ServerHandle) {
        let answer = move |call: web::Json<Value>| async move {
            let (status, body) = answers(&call);
            HttpResponse::build(StatusCode::from_u16(status).unwrap()).body(body)
        };
        let server = HttpServer::new(move || App::new().default_service(web::post().to(answer)));
        let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
        let rpc = Rpc::new(&format!("http://{}", server.addrs()[0])).unwrap();
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        (rpc, handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answers(call: &serde_json::Value) -> (u16, String) {
        let id = &call["id"];
        match call["method"].as_str().unwrap() {
            "number" => (200, json!({ "jsonrpc": "2.0", "id": id, "result": 7 }).to_string()),
            "nothing" => (200, json!({ "id": id, "result": null, "error": null }).to_string()),
            "refused" => (500, json!({ "id": id, "error": { "code": -8, "message": "out of range\n" } }).to_string()),
            "of_another" => (200, json!({ "id": 0, "result": 7 }).to_string()),
            "page" => (502, "<html>Bad Gateway</html>".to_owned()),
            "unknown_user" => (401, String::new()),
            "endless" => (200, " ".repeat(ANSWER_BYTES_MAX + 1)),
            other => panic!("{other} is not answered"),
        }
    }

    #[actix_web::test]
    async fn every_answer_is_a_value_or_an_error() {
        let (rpc, node) = fake::node(answers);
        assert_eq!(rpc.call::<u64>("number", NOTHING).await, Ok(7));
        assert_eq!(rpc.ask::<u64>("nothing", NOTHING).await, Ok(None));
        assert_eq!(
            rpc.call::<u64>("nothing", NOTHING).await,
            Err(NodeError::Unreadable { method: "nothing", field: "result" })
        );
        let refused = NodeError::Refused { method: "refused", code: -8, message: "out of range".to_owned() };
        assert_eq!(rpc.call::<u64>("refused", NOTHING).await, Err(refused));
        assert!(matches!(rpc.call::<u64>("of_another", NOTHING).await, Err(NodeError::NotUnderstood { .. })));
        assert!(matches!(rpc.call::<u64>("page", NOTHING).await, Err(NodeError::NotUnderstood { status: 502, .. })));
        assert!(matches!(rpc.call::<String>("number", NOTHING).await, Err(NodeError::NotUnderstood { .. })));
        assert_eq!(rpc.call::<u64>("unknown_user", NOTHING).await, Err(NodeError::Unauthorised));
        let too_large = NodeError::NoAnswer(NoAnswer::TooLarge(ANSWER_BYTES_MAX));
        assert_eq!(rpc.call::<u64>("endless", NOTHING).await, Err(too_large));
        node.stop(false).await;
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let nobody = Rpc::new(&format!("http://{free}")).unwrap();
        let answer = nobody.call::<u64>("number", NOTHING).await;
        assert!(matches!(answer, Err(NodeError::NoAnswer(NoAnswer::Unreachable(_)))), "{answer:?}");
    }
}
