//! A small HTTP client that knows the API's manners.

use crate::PATIENCE;
use crate::system::API_KEY;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Speaks to one service with a key. Queries show at least what this client was told has happened.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Arc<str>,
    key: Arc<str>,
    /// The latest position that a command was answered with.
    position: Arc<AtomicI64>,
}

/// What a service answered, whole.
#[derive(Clone)]
pub struct Answer {
    /// What was asked, for messages.
    asked: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        // Nothing between us and the service, whatever the tester's shell says of proxies.
        // The service closes idle connections after five seconds; a test that was busy meanwhile would not notice.
        let idle = Duration::from_secs(4);
        // The service speaks TLS to others with a provider that it names itself; here none is ever spoken, and the
        // library wants one all the same. It is there already when another test has installed it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).pool_idle_timeout(idle).build().unwrap();
        Self { http, address: address.into(), key: API_KEY.into(), position: Arc::default() }
    }

    /// The same service, asked with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    /// `host:port`
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A request with the key, to be completed and [sent](Self::send).
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(&self.key)
    }

    /// A request without a key.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// The same, where the service may be gone.
    ///
    /// # Errors
    /// There was no whole answer.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let (http, request) = request.build_split();
        let request = request?;
        let asked = format!("{} {}", request.method(), request.url());
        let response = http.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { asked, status, headers, body: response.bytes().await?.to_vec() };
        self.remember(&answer);
        Ok(answer)
    }

    fn remember(&self, answer: &Answer) {
        if answer.status == 200 && answer.asked.contains("/v1/commands") {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let answers =
                body.as_array().map_or_else(|| vec![&body], |all| all.iter().map(|it| &it["answer"]).collect());
            for position in answers.into_iter().filter_map(|it| it["position"].as_i64()) {
                self.position.fetch_max(position, Ordering::Relaxed);
            }
        }
    }

    /// `POST /v1/commands/{name}`, to be completed with headers and sent.
    pub fn commanding(&self, name: &str, data: &Value) -> RequestBuilder {
        self.request(Method::POST, &format!("/v1/commands/{name}")).json(data)
    }

    /// `POST /v1/commands/{name}`
    pub async fn command(&self, name: &str, data: Value) -> Answer {
        self.send(self.commanding(name, &data)).await
    }

    /// A command that is done; gives back its answer.
    pub async fn done(&self, name: &str, data: Value) -> Value {
        self.command(name, data).await.ok()
    }

    /// A command that is refused with 422, this code, and a pointer to the field at fault; `""` where none is.
    pub async fn refused(&self, name: &str, data: Value, code: &str, pointer: &str) {
        self.command(name, data).await.problem(422, code, pointer);
    }

    /// `GET`, with the key.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `GET /v1/queries/{path}` as of everything that this client was told has happened.
    pub async fn query(&self, path: &str) -> Value {
        let separator = if path.contains('?') { '&' } else { '?' };
        let position = self.position.load(Ordering::Relaxed);
        self.get(&format!("/v1/queries/{path}{separator}min_position={position}")).await.ok()
    }

    /// One order or payment, for example `orders/o-1`.
    pub async fn one(&self, path: &str) -> Value {
        self.query(path).await["data"].take()
    }

    /// The position of the last event.
    pub async fn head(&self) -> i64 {
        self.get("/v1/events?limit=1").await.ok()["head"].as_i64().unwrap()
    }

    /// The whole history, in order.
    pub async fn events(&self) -> Vec<Value> {
        let request = self.request(Method::GET, "/v1/events").header("Accept", "application/x-ndjson");
        let answer = self.send(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.lines()
    }

    /// What the accounts have in a currency: positive in debit, negative in credit, without those that have nothing.
    /// Insists that they balance, by the service's own word and by adding them up here.
    pub async fn books(&self, currency: &str) -> BTreeMap<String, String> {
        let balance = self.one("trial-balance").await;
        assert_eq!(balance["is_balanced"], true, "{balance:#}");
        let all = self.query("accounts?limit=100").await;
        assert_eq!(all["next_cursor"], Value::Null, "more accounts than a page has");
        let mut sums: BTreeMap<String, i128> = BTreeMap::new();
        let mut books = BTreeMap::new();
        for row in all["data"].as_array().unwrap() {
            let (code, amount) = (row["currency"].as_str().unwrap(), row["balance"].as_str().unwrap());
            *sums.entry(code.to_owned()).or_default() += minor(amount);
            if code == currency && minor(amount) != 0 {
                books.insert(row["account"].as_str().unwrap().to_owned(), amount.to_owned());
            }
        }
        assert!(sums.values().all(|sum| *sum == 0), "the books do not balance: {sums:?}");
        books
    }

    /// Insists on the [books](Self::books), every account of them.
    #[track_caller]
    pub fn has_books<'a>(
        &'a self,
        currency: &'a str,
        expected: &'a [(&'a str, &'a str)],
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let books = self.books(currency).await;
            let books: Vec<(&str, &str)> = books.iter().map(|(account, it)| (account.as_str(), it.as_str())).collect();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(books, expected, "the books at {caller}");
        }
    }
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON: {error}: {self:?}"))
    }

    /// The body as JSON, a value a line.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
    }

    /// A header, where it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|it| it.to_str().ok())
    }

    /// Insists on 200; gives back the body.
    #[must_use]
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Insists on a problem document with this status and code, and a pointer to the field at fault; `""` where none is.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str, pointer: &str) {
        assert_eq!(self.status, status, "{code} was expected: {self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        let said = (problem["code"].as_str(), problem["status"].as_u64(), problem["type"].as_str());
        let kind = format!("urn:mizan:problem:{code}");
        assert_eq!(said, (Some(code), Some(u64::from(status)), Some(kind.as_str())), "{self:?}");
        let is_text = |name: &str| problem[name].as_str().is_some_and(|it| !it.is_empty());
        assert!(is_text("title") && is_text("detail"), "a problem without words: {self:?}");
        assert_eq!(problem["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer, "{self:?}");
        let is_retryable = problem["retryable"].as_bool().unwrap();
        assert_eq!(self.header("retry-after").is_some(), is_retryable, "{self:?}");
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_BYTES_MAX: usize = 2_000;
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(SHOWN_BYTES_MAX)]).into_owned();
        write!(f, "{} answered {} {shown}", self.asked, self.status)
    }
}

/// The minor units of an amount: -1230 of `-12.30`.
#[must_use]
#[track_caller]
pub fn minor(amount: &str) -> i128 {
    let digits = amount.replacen('.', "", 1);
    digits.parse().unwrap_or_else(|_| panic!("{amount:?} is not an amount"))
}
