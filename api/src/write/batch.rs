//! The careful way: deciding and appending what waits stream by stream, so that one that loses to another process does not
//! hold up the others. What follows from the commands is left to whoever asked.

#[cfg(test)]
mod tests;

use super::keys::answer_known;
use super::patience::patiently;
use super::states::{Place, State, States, StreamKey, Wanted};
use super::{Answer, Context, Done, Happened, Job, NotDone, answer_all, send, stream_key, to_bytes, to_metadata};
use mizan_domain::event::{Aggregate, Command};
use mizan_store::{Batch, Keyed, Log, LogError, NewEvent, Outcome, Position, StreamAppend};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How often a batch that lost to another process is decided anew.
const ATTEMPTS_MAX: usize = 8;

/// What the events of several commands on one stream may have together; EventStoreDB takes no more in one append. What is
/// beyond it waits for the next one, a single command excepted.
const STREAM_BYTES_MAX: usize = 1_000_000;

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
    pub(super) log: Log,
    pub(super) appended: Arc<dyn Fn() + Send + Sync>,
    pub(super) states: States,
}

impl Batching {
    pub(super) fn new(log: Log, appended: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { states: States::new(log.clone()), log, appended }
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
        let jobs = answer_known(&self.log, jobs).await?;
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
                lost.push(Job { look_up: true, ..job });
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
                Outcome::KeyUsed => lost.extend(it.into_jobs().map(|job| Job { look_up: true, ..job })),
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
        if let Some(position) = position_of(it.state.revision).filter(|_| it.state.revision > it.expected) {
            it.state.place = Place::At(position);
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

    /// Takes the states of all streams that the jobs speak to.
    async fn load(&mut self, jobs: &[Job]) -> Result<HashMap<StreamKey, Result<Touched, NotDone>>, LogError> {
        let wanted = |job: &Job| Wanted { empty: Aggregate::empty_for(&job.command), may_guess: false };
        let wanted: HashMap<StreamKey, Wanted> = jobs.iter().map(|job| (stream_key(job), wanted(job))).collect();
        let taken = self.states.take(wanted).await?;
        Ok(taken.into_iter().map(|(key, state)| (key, state.map(Touched::new))).collect())
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
        let metadata = to_bytes(&to_metadata(&job.context))?;
        let position = it.state.place.position();
        Ok((Done { stream: key.1, revision, position, events, replayed: false, is_settled: false }, metadata))
    });
    let answer = match answer {
        _ if it.is_full => return Some(job),
        Err(_) if job.context.key.is_some() && !job.look_up => return Some(Job { look_up: true, ..job }),
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
                    payload: happened.payload.to_vec(),
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
