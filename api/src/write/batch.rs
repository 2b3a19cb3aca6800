//! Deciding and appending what waits, as one batch.

#[cfg(test)]
mod tests;

use super::{CACHE_STREAMS_MAX, Context, Done, Happened, Job, NotDone};
use lru::LruCache;
use mizan_domain::event::{Aggregate, Command, StreamName};
use mizan_domain::id::MerchantId;
use mizan_domain::metadata::Metadata;
use mizan_domain::wire;
use mizan_store::{Batch, Keyed, KnownKey, Log, LogError, NewEvent, Outcome, Position, Recorded, StreamAppend};
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How often a batch that lost to another process is decided anew.
const ATTEMPTS_MAX: usize = 8;
/// How long the log is asked again while the database does not answer: long enough for a restart of PostgreSQL, short
/// enough for a client that waits.
const RETRY_MAX: Duration = Duration::from_secs(3);
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(20);

/// What the events of several commands on one stream may have together; EventStoreDB takes no more in one append. What is
/// beyond it waits for the next one, a single command excepted.
const STREAM_BYTES_MAX: usize = 1_000_000;

type StreamKey = (MerchantId, StreamName);
type Answer = Result<Done, NotDone>;

/// A stream's state, and where it stands.
struct State {
    aggregate: Aggregate,
    revision: i64,
    position: Option<Position>,
}

/// A stream while a batch is decided.
struct Touched {
    state: State,
    /// The revision in the log.
    expected: i64,
    events: Vec<NewEvent>,
    /// Of all events.
    bytes: usize,
    /// Whether commands already wait for the next append.
    is_full: bool,
    keys: Vec<Keyed>,
    jobs: Vec<(Job, Answer)>,
}

pub(super) struct Batching {
    log: Log,
    appended: Arc<dyn Fn() + Send + Sync>,
    states: LruCache<StreamKey, State>,
}

impl Batching {
    pub(super) fn new(log: Log, appended: Arc<dyn Fn() + Send + Sync>) -> Self {
        let capacity = NonZeroUsize::new(CACHE_STREAMS_MAX).unwrap_or(NonZeroUsize::MIN);
        Self { log, appended, states: LruCache::new(capacity) }
    }

    /// Answers every job, by the last attempt at the latest.
    pub(super) async fn work(&mut self, mut jobs: Vec<Job>) {
        for attempt in 1..=ATTEMPTS_MAX {
            jobs = match self.attempt(jobs).await {
                Ok(lost) => lost,
                Err((jobs, error)) => {
                    tracing::error!(%error, commands = jobs.len(), "a batch could not be appended");
                    return answer_all(jobs, &NotDone::Unavailable(error.to_string()));
                }
            };
            if jobs.is_empty() {
                return;
            }
            tracing::debug!(attempt, commands = jobs.len(), "decided again: another process was first");
        }
        answer_all(jobs, &NotDone::Contended);
    }

    /// Decides and appends; gives back the jobs that lost to another process.
    async fn attempt(&mut self, jobs: Vec<Job>) -> Result<Vec<Job>, (Vec<Job>, LogError)> {
        let jobs = match self.answer_known_keys(jobs).await {
            Ok(jobs) => jobs,
            Err(failed) => return Err(failed),
        };
        let mut touched = match self.load(&jobs).await {
            Ok(touched) => touched,
            Err(error) => return Err((jobs, error)),
        };
        // The same key twice in one batch: the second waits for the first one's answer.
        let mut seen = HashSet::new();
        let mut lost = Vec::new();
        for job in jobs {
            let key = job.context.key.as_ref().map(|key| (job.context.merchant.clone(), key.hash.clone()));
            if key.is_some_and(|key| !seen.insert(key)) {
                lost.push(Job { look_up_key: true, ..job });
            } else {
                lost.extend(decide(&mut touched, job));
            }
        }
        let (keys, streams): (Vec<StreamKey>, Vec<Result<Touched, NotDone>>) = touched.into_iter().unzip();
        let streams = keys.into_iter().zip(streams).filter_map(|(key, it)| it.ok().map(|it| (key, it)));
        let (to_append, unchanged): (Vec<_>, Vec<_>) =
            streams.partition(|(_, it)| !it.events.is_empty() || !it.keys.is_empty());
        for (key, it) in unchanged {
            self.finish(key, it, None);
        }
        match self.append(to_append).await {
            Ok(conflicting) => Ok(lost.into_iter().chain(conflicting).collect()),
            Err((jobs, error)) => Err((lost.into_iter().chain(jobs).collect(), error)),
        }
    }

    async fn append(&mut self, mut streams: Vec<(StreamKey, Touched)>) -> Result<Vec<Job>, (Vec<Job>, LogError)> {
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        let appends = streams.iter_mut().map(|((merchant, stream), it)| StreamAppend {
            merchant: merchant.clone(),
            stream: stream.clone(),
            expected: it.expected,
            events: std::mem::take(&mut it.events),
            keys: std::mem::take(&mut it.keys),
        });
        let batch = Batch { streams: appends.collect() };
        // The same batch is taken once, however often it arrives.
        let outcomes = match patiently(|| self.log.append(&batch)).await {
            Ok(outcomes) => outcomes,
            // The states were changed in vain and are dropped with the batch.
            Err(error) => return Err((streams.into_iter().flat_map(|(_, it)| it.into_jobs()).collect(), error)),
        };
        let mut lost = Vec::new();
        let mut has_events = false;
        for ((key, it), outcome) in streams.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Appended { first, .. } => {
                    has_events |= first.is_some();
                    self.finish(key, it, first);
                }
                Outcome::Conflict => lost.extend(it.into_jobs()),
                Outcome::KeyUsed => lost.extend(it.into_jobs().map(|job| Job { look_up_key: true, ..job })),
                Outcome::TooLarge { bytes, bytes_max } => {
                    answer_all(it.into_jobs(), &NotDone::TooLarge { bytes, bytes_max });
                }
            }
        }
        if has_events {
            (self.appended)();
        }
        Ok(lost)
    }

    /// Answers the jobs of a stream and keeps its state at hand.
    fn finish(&mut self, key: StreamKey, mut it: Touched, first: Option<Position>) {
        let position_of = |revision: i64| first.map(|first| first.of_nth_after(revision - it.expected - 1));
        if it.state.revision > it.expected {
            it.state.position = position_of(it.state.revision);
        }
        for (job, mut answer) in it.jobs {
            if let Ok(done) = &mut answer {
                for event in &mut done.events {
                    event.position = position_of(event.revision);
                }
                if done.revision > it.expected {
                    done.position = position_of(done.revision);
                }
            }
            send(job.reply, answer);
        }
        self.states.put(key, it.state);
    }

    /// Takes the states of all streams that the jobs speak to, from hand or from the log.
    async fn load(&mut self, jobs: &[Job]) -> Result<HashMap<StreamKey, Result<Touched, NotDone>>, LogError> {
        let mut touched = HashMap::new();
        let mut missing = Vec::new();
        for job in jobs {
            let key = stream_key(job);
            if touched.contains_key(&key) {
                continue;
            }
            let state = self.states.pop(&key).unwrap_or_else(|| {
                missing.push(key.clone());
                State { aggregate: Aggregate::empty_for(&job.command), revision: 0, position: None }
            });
            touched.insert(key, Ok(Touched::new(state)));
        }
        if missing.is_empty() {
            return Ok(touched);
        }
        for stored in patiently(|| self.log.streams(&missing)).await? {
            let recorded = match Recorded::try_from(stored.clone()) {
                Ok(recorded) => recorded,
                Err(unreadable) => {
                    let unreadable_stream = touched.iter_mut().find(|((merchant, stream), _)| {
                        merchant.as_str() == stored.merchant_id
                            && stream.category == stored.category
                            && *stream.id == *stored.name
                    });
                    if let Some((_, slot)) = unreadable_stream {
                        *slot = Err(unreadable.into());
                    }
                    continue;
                }
            };
            let key = (recorded.metadata.merchant_id.clone(), recorded.stream.clone());
            if let Some(Ok(it)) = touched.get_mut(&key) {
                it.state.aggregate.evolve(&recorded.event);
                it.state.revision = recorded.revision;
                it.state.position = Some(recorded.position);
                it.expected = recorded.revision;
            }
        }
        Ok(touched)
    }

    /// Answers the jobs whose idempotency key is known; gives back the others.
    async fn answer_known_keys(&self, jobs: Vec<Job>) -> Result<Vec<Job>, (Vec<Job>, LogError)> {
        let mut left = Vec::with_capacity(jobs.len());
        let mut queue = jobs.into_iter();
        while let Some(job) = queue.next() {
            let looked_up = match (&job.context.key, job.look_up_key) {
                (Some(key), true) => {
                    patiently(|| self.log.keys(&job.context.merchant, std::slice::from_ref(&key.hash))).await
                }
                (Some(_) | None, _) => Ok(Vec::new()),
            };
            let known = match looked_up {
                Ok(known) => known.into_iter().next(),
                Err(error) => return Err((left.into_iter().chain([job]).chain(queue).collect(), error)),
            };
            let Some(known) = known else {
                left.push(job);
                continue;
            };
            let answer = match &job.context.key {
                Some(key) if key.fingerprint == known.fingerprint => self.first_answer(&job, &known).await,
                Some(_) | None => Err(NotDone::KeyReused),
            };
            send(job.reply, answer);
        }
        Ok(left)
    }

    /// The answer that a command got when its key was new.
    async fn first_answer(&self, job: &Job, known: &KnownKey) -> Answer {
        let key = stream_key(job);
        let unavailable = |error: LogError| NotDone::Unavailable(error.to_string());
        let stored = patiently(|| self.log.streams(std::slice::from_ref(&key))).await.map_err(unavailable)?;
        let mut position = None;
        let mut events = Vec::new();
        for stored in stored.into_iter().filter(|it| it.revision <= known.last_revision) {
            position = Some(stored.position);
            if stored.revision < known.first_revision {
                continue;
            }
            let payload = stored.payload.clone();
            let recorded = Recorded::try_from(stored)?;
            events.push(Happened {
                position: Some(recorded.position),
                revision: recorded.revision,
                event_id: recorded.event_id,
                kind: wire::kind_of(&recorded.event),
                payload,
                event: recorded.event,
            });
        }
        Ok(Done { stream: key.1, revision: known.last_revision, position, events, replayed: true })
    }
}

impl Touched {
    fn new(state: State) -> Self {
        let (events, keys, jobs) = (Vec::new(), Vec::new(), Vec::new());
        Self { expected: state.revision, state, events, bytes: 0, is_full: false, keys, jobs }
    }

    fn into_jobs(self) -> impl Iterator<Item = Job> {
        self.jobs.into_iter().map(|(job, _)| job)
    }

    /// What the command means now, without doing it.
    fn happens(&self, command: &Command, context: &Context) -> Result<Vec<Happened>, NotDone> {
        if let Some(expected) = context.expected.filter(|expected| *expected != self.state.revision) {
            return Err(NotDone::Stale { expected, actual: self.state.revision });
        }
        Happened::all(self.state.aggregate.decide(command)?, self.state.revision, context.command_id)
    }
}

/// Decides one job on the states as the jobs before it have left them. Gives it back when its key has to be looked up
/// first: a no must not hide that the same command was done before.
fn decide(touched: &mut HashMap<StreamKey, Result<Touched, NotDone>>, job: Job) -> Option<Job> {
    let key = stream_key(&job);
    let it = match touched.get_mut(&key) {
        Some(Ok(it)) => it,
        Some(Err(not_done)) => {
            let answer = Err(not_done.clone());
            send(job.reply, answer);
            return None;
        }
        None => {
            send(job.reply, Err(NotDone::Contended));
            return None;
        }
    };
    let answer = it.happens(&job.command, &job.context).and_then(|events| {
        let revision = it.state.revision + i64::try_from(events.len()).unwrap_or(0);
        let metadata = to_metadata(&job.context)?;
        Ok((Done { stream: key.1, revision, position: it.state.position, events, replayed: false }, metadata))
    });
    let answer = match answer {
        _ if it.is_full => return Some(job),
        Err(_) if job.context.key.is_some() && !job.look_up_key => return Some(Job { look_up_key: true, ..job }),
        Ok((done, _)) if job.context.dry_run => {
            send(job.reply, Ok(Done { position: None, ..done }));
            return None;
        }
        Ok((done, metadata)) => {
            let bytes: usize = done.events.iter().map(|it| it.payload.len() + metadata.len()).sum();
            it.is_full = !it.events.is_empty() && it.bytes + bytes > STREAM_BYTES_MAX;
            if it.is_full {
                return Some(job);
            }
            it.bytes += bytes;
            if let Some(key) = &job.context.key {
                it.keys.push(Keyed {
                    key: key.hash.clone(),
                    fingerprint: key.fingerprint.clone(),
                    first_revision: it.state.revision + 1,
                    last_revision: done.revision,
                });
            }
            for happened in &done.events {
                it.state.aggregate.evolve(&happened.event);
                it.events.push(NewEvent {
                    event_id: happened.event_id,
                    kind: happened.kind,
                    payload: happened.payload.clone(),
                    metadata: metadata.clone(),
                });
            }
            it.state.revision = done.revision;
            Ok(done)
        }
        Err(not_done) => Err(not_done),
    };
    it.jobs.push((job, answer));
    None
}

/// Asks the log until it answers, for a while.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, LogError>
where
    F: Future<Output = Result<T, LogError>>,
{
    let started = Instant::now();
    let mut pause = RETRY_PAUSE_MIN;
    loop {
        match ask().await {
            Err(error) if started.elapsed() < RETRY_MAX => {
                tracing::warn!(%error, "the event log did not answer; it is asked again");
            }
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

fn to_metadata(context: &Context) -> Result<Vec<u8>, NotDone> {
    let metadata = Metadata {
        merchant_id: context.merchant.clone(),
        actor: context.actor.clone(),
        command_id: context.command_id,
        correlation_id: context.correlation_id,
        causation_id: context.causation_id,
        trace: context.trace.clone(),
    };
    serde_json::to_vec(&metadata).map_err(|error| NotDone::Unavailable(error.to_string()))
}

fn stream_key(job: &Job) -> StreamKey {
    (job.context.merchant.clone(), job.command.stream())
}

fn send(reply: oneshot::Sender<Answer>, answer: Answer) {
    // A caller that went away has lost only the answer.
    let _gone = reply.send(answer);
}

fn answer_all(jobs: impl IntoIterator<Item = Job>, not_done: &NotDone) {
    for job in jobs {
        send(job.reply, Err(not_done.clone()));
    }
}
