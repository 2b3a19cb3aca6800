//! A client of EventStoreDB that outlives lost connections, elections and its own death.
//!
//! `eventstore` 4.0.0 never comes back after a connection that failed, panics in its background task where certificates
//! cannot be read, and spins without yielding where a server ends a subscription. So every question is a task with a
//! deadline on a thread that does nothing else, nothing is ever subscribed to, and a client that has died is replaced. What
//! is asked here may be asked again: reads, and appends whose event ids and revision say exactly what they are.

use super::nodelay;
use crate::log::LogError;
use eventstore::{
    AppendToStreamOptions, Client, ClientSettings, Error, EventData, ExpectedRevision, Position, ReadAllOptions,
    ReadStreamOptions, RecordedEvent, StreamPosition,
};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// How long one attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);
/// How long the same is asked again: long enough for an election, short enough for a client that waits.
const ASK_MAX: Duration = Duration::from_secs(8);
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// After so many failures in a row another client looks for the leader anew.
const FAILURES_MAX: u32 = 4;
/// A page is not longer than this many bytes and one event, whatever its number of events.
const PAGE_BYTES: usize = 16 << 20;

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is durable; or was already, with these ids.
    Yes,
    /// The stream is at another revision.
    Conflict,
}

/// Records, as they come.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) events: Vec<RecordedEvent>,
    /// Whether there was nothing after them.
    pub(super) is_last: bool,
}

/// The way to a cluster.
pub(super) struct Node {
    settings: ClientSettings,
    /// Hosts, for people; never the credentials.
    place: String,
    current: Mutex<Current>,
    /// Whether there may be a connection that has not been told what [`nodelay`] tells it.
    is_untold: AtomicBool,
    /// Taken when this ends.
    thread: Option<Runtime>,
}

struct Current {
    client: Client,
    /// Which one it is: two callers that saw the same one die replace it once.
    nth: u64,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Node {
    /// The way to where a connection string leads. Nothing is connected yet.
    pub(super) fn new(address: &str) -> Result<Self, LogError> {
        // The parser's own message may repeat the address, and the password with it.
        let settings: ClientSettings = address.parse().map_err(|_| {
            LogError::Misplaced(
                "the address of the store cannot be read; write esdb://user:password@host:2113?tls=true, or \
                 esdb+discover://... for a cluster that is found by its DNS name"
                    .to_owned(),
            )
        })?;
        let place: Vec<String> = settings.hosts().iter().map(|it| format!("{}:{}", it.host, it.port)).collect();
        let mut thread = Builder::new_multi_thread();
        let thread = thread.worker_threads(1).thread_name("eventstoredb").enable_all().build();
        let thread = thread.map_err(|error| LogError::Store(error.to_string()))?;
        let client = Client::with_runtime_handle(thread.handle().clone(), settings.clone());
        let client = client.map_err(|error| LogError::Store(error.to_string()))?;
        let current = Mutex::new(Current { client, nth: 0 });
        let (place, is_untold) = (place.join(", "), AtomicBool::new(true));
        Ok(Self { settings, place, current, is_untold, thread: Some(thread) })
    }

    /// Appends to a stream at exactly a revision of EventStoreDB's; none for a stream that does not exist.
    pub(super) async fn append(
        &self,
        stream: &str,
        expected: Option<u64>,
        events: Vec<EventData>,
    ) -> Result<Written, LogError> {
        let expected = expected.map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
        let appended = self.ask(|client| {
            let (stream, events) = (stream.to_owned(), events.clone());
            let options = AppendToStreamOptions::default().expected_revision(expected);
            let options = options.requires_leader(true).deadline(ATTEMPT_MAX);
            async move { client.append_to_stream(stream, &options, events).await }
        });
        match appended.await {
            Ok(_) => Ok(Written::Yes),
            Err(Error::WrongExpectedVersion { .. }) => Ok(Written::Conflict),
            Err(error) => Err(self.unanswered(&error)),
        }
    }

    /// The next records of all streams from a place on, that one included; from the beginning, for none.
    pub(super) async fn read_all(&self, from: Option<Position>, count: usize) -> Result<Page, LogError> {
        let from = from.map_or(StreamPosition::Start, StreamPosition::Position);
        let read = self.ask(|client| {
            let options = ReadAllOptions::default().position(from).max_count(count);
            let options = options.requires_leader(true).deadline(ATTEMPT_MAX);
            async move { page(client.read_all(&options).await?, count).await }
        });
        read.await.map_err(|error| self.unanswered(&error))
    }

    /// The next events of a stream from a revision on, that one included. A stream that does not exist has none.
    pub(super) async fn read_stream(&self, stream: &str, from: u64, count: usize) -> Result<Page, LogError> {
        let read = self.ask(|client| {
            let stream = stream.to_owned();
            let options = ReadStreamOptions::default().position(StreamPosition::Position(from)).max_count(count);
            let options = options.requires_leader(true).deadline(ATTEMPT_MAX);
            async move { page(client.read_stream(stream, &options).await?, count).await }
        });
        match read.await {
            Err(Error::ResourceNotFound) => Ok(Page { events: Vec::new(), is_last: true }),
            other => other.map_err(|error| self.unanswered(&error)),
        }
    }

    /// Asks until there is an answer that would not change, or time is up.
    async fn ask<T, F>(&self, question: impl Fn(Client) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (begun, mut pause, mut failures) = (Instant::now(), PAUSE_MIN, 0);
        loop {
            let (client, nth) = self.client();
            // The client panics on answers that it does not know.
            let Some(thread) = &self.thread else { return Err(Error::ConnectionClosed) };
            let asked = thread.spawn(tokio::time::timeout(ATTEMPT_MAX, question(client)));
            // And should its thread spin, whoever asks does not wait for it.
            let asked = tokio::time::timeout(ATTEMPT_MAX.saturating_mul(2), asked).await;
            let error = match asked.unwrap_or(Ok(Ok(Err(Error::DeadlineExceeded)))) {
                Ok(Ok(Ok(answer))) => {
                    self.hasten();
                    return Ok(answer);
                }
                Ok(Ok(Err(error))) => error,
                Ok(Err(_elapsed)) => Error::DeadlineExceeded,
                Err(panic) => Error::InternalParsingError(panic.to_string()),
            };
            let health = health_after(&error);
            failures += 1;
            if health != Health::Answered && !self.is_untold.fetch_or(true, Ordering::Relaxed) {
                tracing::warn!(%error, place = self.place, "EventStoreDB does not answer; it is asked again");
            }
            if health == Health::Answered || begun.elapsed() >= ASK_MAX {
                return Err(error);
            }
            if health == Health::Dead || failures % FAILURES_MAX == 0 {
                self.replace(nth);
            }
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(pause.saturating_mul(2));
        }
    }

    /// After the first answer, and the first one after a trouble, there may be a new connection.
    fn hasten(&self) {
        if self.is_untold.swap(false, Ordering::Relaxed) {
            let ports: Vec<u16> = self.settings.hosts().iter().filter_map(|it| u16::try_from(it.port).ok()).collect();
            let told = nodelay::tell(&ports);
            tracing::info!(place = self.place, "EventStoreDB answers");
            tracing::debug!(told, "connections that do not wait for acknowledgements any more");
        }
    }

    fn client(&self) -> (Client, u64) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (current.client.clone(), current.nth)
    }

    fn replace(&self, dead: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.nth != dead {
            return;
        }
        let Some(thread) = &self.thread else { return };
        match Client::with_runtime_handle(thread.handle().clone(), self.settings.clone()) {
            Ok(client) => *current = Current { client, nth: dead + 1 },
            Err(error) => tracing::error!(%error, "there is no new client of EventStoreDB"),
        }
    }

    fn unanswered(&self, error: &Error) -> LogError {
        let hint = match error {
            Error::AccessDenied => ": the user of the address must be allowed to read $all and to append",
            Error::ConnectionClosed | Error::GrpcConnectionError(_) => {
                ": is it running, is the address right, and can the certificates be read (tlsCaFile)?"
            }
            _other => "",
        };
        LogError::Store(format!("{}: {}{hint}", self.place, error.to_string().trim_end_matches('.')))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Nothing that matters runs there when nobody asks any more; and a runtime must not be waited for in another.
            thread.shutdown_background();
        }
    }
}

/// What an error says about the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It is well, and asking again would give the same answer.
    Answered,
    /// It is well, and asking again may help.
    Well,
    /// It will never answer any more.
    Dead,
}

fn health_after(error: &Error) -> Health {
    /// Of gRPC: cancelled, deadline exceeded, resource exhausted, aborted, unavailable.
    const PASSING: [i32; 5] = [1, 4, 8, 10, 14];
    match error {
        Error::ConnectionClosed | Error::GrpcConnectionError(_) | Error::InternalClientError => Health::Dead,
        Error::IllegalStateError(_) => Health::Dead,
        // Of a leader that is no more: the client turns to the new one by itself.
        Error::NotLeaderException(_) | Error::ServerError(_) | Error::DeadlineExceeded => Health::Well,
        Error::Grpc { code, .. } if PASSING.contains(&i32::from(*code)) => Health::Well,
        Error::Grpc { .. } | Error::InternalParsingError(_) | Error::InitializationError(_) => Health::Answered,
        Error::AccessDenied | Error::UnsupportedFeature | Error::WrongExpectedVersion { .. } => Health::Answered,
        Error::ResourceAlreadyExists | Error::ResourceNotFound | Error::ResourceDeleted => Health::Answered,
    }
}

async fn page(mut stream: eventstore::ReadStream, count: usize) -> Result<Page, Error> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    while let Some(resolved) = stream.next().await? {
        let Some(event) = resolved.event else { continue };
        bytes += event.data.len() + event.custom_metadata.len();
        events.push(event);
        if bytes >= PAGE_BYTES {
            return Ok(Page { events, is_last: false });
        }
    }
    let is_last = events.len() < count;
    Ok(Page { events, is_last })
}
