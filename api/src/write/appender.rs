//! The task that appends: one batch is on its way to the disk while the next one is decided.
//!
//! Commands are gathered for a moment before they are decided: what a batch costs is shared by all of it. Half of those
//! that are under way are enough, so that one half is decided while the other is on its way; who comes alone never waits.
//!
//! What is decided on a batch in flight rests on hope, and is not answered before that batch is durable. Where the batch
//! does not land, everything is taken back and decided again the careful way.

use super::batch::Batching;
use super::patience::patiently;
use super::settled::Settled;
use super::stage::{Decided, Ready, Stage, Staged};
use super::states::{Place, nth_after};
use super::{BATCH_COMMANDS_MAX, Job, NotDone, answer_all, send};
use crate::policies::FORGOTTEN;
use chrono::{DateTime, Utc};
use mizan_store::{Fact, Log, LogError, Position, Recorded, Taken};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep_until};

/// How long commands are gathered at most, where fewer come than are enough.
const GATHER_TIME: Duration = Duration::from_millis(2);

pub(super) struct Appender {
    careful: Batching,
    stage: Stage,
    flight: Option<Flight>,
    /// The number of the batch that landed last, and where.
    last: (u64, Option<Position>),
    settled: Arc<Settled>,
    /// What came and is not decided yet.
    gathered: Vec<Job>,
    /// Until when more is waited for.
    gather_until: Instant,
    /// How many commands need not wait for more.
    enough: usize,
}

/// A batch on its way.
struct Flight {
    landing: JoinHandle<Result<Taken, LogError>>,
    ready: Ready,
}

/// Where a batch is in the history, and since when.
#[derive(Clone, Copy)]
struct Landed {
    first: Option<Position>,
    recorded_at: Option<DateTime<Utc>>,
}

impl Appender {
    pub(super) fn new(log: Log, appended: Arc<dyn Fn() + Send + Sync>, settled: Arc<Settled>) -> Self {
        let careful = Batching::new(log, appended);
        let (gathered, gather_until, enough) = (Vec::new(), Instant::now(), 1);
        Self { careful, stage: Stage::new(1), flight: None, last: (0, None), settled, gathered, gather_until, enough }
    }

    /// Works until nobody can ask any more, and what was asked is answered.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        let takes_whole = self.careful.log.takes_whole();
        let mut is_open = true;
        while is_open || self.flight.is_some() || !self.gathered.is_empty() {
            let had = self.gathered.len();
            let room = self.stage.room(BATCH_COMMANDS_MAX).saturating_sub(had);
            tokio::select! {
                biased;
                outcome = landing(&mut self.flight), if self.flight.is_some() => self.land(outcome).await,
                count = waiting.recv_many(&mut self.gathered, room), if is_open && room > 0 => {
                    is_open = count > 0;
                    if had == 0 {
                        self.gather_until = Instant::now() + GATHER_TIME;
                    }
                }
                () = sleep_until(self.gather_until), if had > 0 => (),
            }
            let room = self.stage.room(BATCH_COMMANDS_MAX);
            let is_enough = self.gathered.len() >= self.enough.min(room) || !is_open;
            if !self.gathered.is_empty() && (is_enough || Instant::now() >= self.gather_until) {
                let jobs = std::mem::take(&mut self.gathered);
                if takes_whole { self.decide(jobs).await } else { self.careful.work(jobs).await }
            }
            self.take_off();
        }
    }

    async fn decide(&mut self, jobs: Vec<Job>) {
        let taken = self.stage.take(&self.careful.log, &mut self.careful.states, jobs).await;
        if let Err((jobs, error)) = taken {
            tracing::error!(%error, commands = jobs.len(), "commands could not be decided");
            answer_all(jobs, &NotDone::Unavailable(error.to_string()));
        }
    }

    /// Sends what is decided on its way, where nothing is before it.
    fn take_off(&mut self) {
        if self.flight.is_some() || self.stage.is_empty() {
            return;
        }
        let (batch, ready) = self.stage.ready(&mut self.careful.states);
        let log = self.careful.log.clone();
        let landing = tokio::spawn(async move {
            if batch.events.is_empty() && batch.keys.is_empty() {
                return Ok(Taken::Whole { first: None, recorded_at: None });
            }
            // The same batch is taken once, however often it arrives.
            patiently(|| log.append_whole(&batch)).await
        });
        self.flight = Some(Flight { landing, ready });
    }

    async fn land(&mut self, outcome: Result<Taken, LogError>) {
        let Some(Flight { ready, .. }) = self.flight.take() else { return };
        // Those that are answered now are likely to come back.
        self.enough = (ready.jobs.len() + self.stage.commands() + self.gathered.len()).div_ceil(2);
        match outcome {
            Ok(Taken::Whole { first, recorded_at }) => {
                let late = self.finish(ready, Landed { first, recorded_at });
                if !late.is_empty() {
                    // Nothing may be decided on states that the careful way changes meanwhile.
                    let jobs = late.into_iter().chain(self.stage.give_up(Vec::new())).collect();
                    self.careful.work(jobs).await;
                }
            }
            Ok(Taken::Not) => {
                self.careful.states.doubt();
                tracing::debug!(
                    commands = ready.jobs.len(),
                    "decided again: another process was first, or a key was used"
                );
                let jobs = self.take_back(ready);
                self.careful.work(jobs).await;
            }
            Err(error) => {
                tracing::error!(%error, commands = ready.jobs.len(), "a batch could not be appended");
                let jobs = self.take_back(ready);
                answer_all(jobs, &NotDone::Unavailable(error.to_string()));
            }
        }
    }

    /// The commands of a batch that did not land and of the one that was decided on it. Their states are forgotten.
    fn take_back(&mut self, ready: Ready) -> Vec<Job> {
        ready.streams.iter().for_each(|key| self.careful.states.forget(key));
        let jobs = ready.jobs.into_iter().map(|it| it.job).chain(ready.late).collect::<Vec<_>>();
        let on_top = self.stage.give_up(Vec::new());
        jobs.into_iter().chain(on_top).collect()
    }

    /// Answers a batch that is durable, and shows its events to whoever follows. Gives back what waited for its end.
    fn finish(&mut self, ready: Ready, landed: Landed) -> Vec<Job> {
        let Ready { number, streams, events, jobs, late } = ready;
        for key in &streams {
            self.stage.landed(key, number, landed.first);
            if let Some(state) = self.careful.states.peek_mut(key) {
                state.place = state.place.landed(number, landed.first);
            }
        }
        let is_settled =
            jobs.iter().all(|it| it.answer.as_ref().is_ok_and(|done| done.is_settled) || it.answer.is_err())
                && events.iter().all(|it| it.kind != FORGOTTEN);
        if let (Some(first), Some(recorded_at)) = (landed.first, landed.recorded_at) {
            if is_settled {
                self.settled.extend(first, nth_after(first, events.len().saturating_sub(1)));
            }
            let facts = events.into_iter().enumerate();
            let facts = facts.filter_map(|(nth, it)| fact(it, &streams, nth_after(first, nth), recorded_at));
            self.careful.log.feed().push(facts);
            (self.careful.appended)();
        }
        let before = self.last;
        self.last = (number, landed.first);
        for it in jobs {
            answer(it, (number, landed.first), before);
        }
        late
    }
}

/// Waits for the batch in flight; for ever, where there is none.
async fn landing(flight: &mut Option<Flight>) -> Result<Taken, LogError> {
    match flight {
        Some(flight) => (&mut flight.landing).await.unwrap_or_else(|error| Err(LogError::Store(error.to_string()))),
        None => std::future::pending().await,
    }
}

fn fact(it: Staged, streams: &[super::StreamKey], position: Position, recorded_at: DateTime<Utc>) -> Option<Fact> {
    let (_, stream) = streams.get(it.stream)?;
    let recorded = Recorded {
        position,
        stream: stream.clone(),
        revision: it.revision,
        event_id: it.event_id,
        kind: it.kind.into(),
        recorded_at,
        metadata: it.metadata,
        event: it.event,
    };
    Some(Fact { recorded: Arc::new(recorded), payload: it.payload, metadata: it.metadata_bytes })
}

/// Answers a command; what it was decided on is in this batch, in the one before, or was in the history already.
fn answer(it: Decided, own: (u64, Option<Position>), before: (u64, Option<Position>)) {
    let Decided { job, mut answer, first, place } = it;
    if let Ok(done) = &mut answer {
        for (nth, event) in done.events.iter_mut().enumerate() {
            event.position = own.1.map(|batch| nth_after(batch, first + nth));
        }
        let place: Place = place.landed(own.0, own.1).landed(before.0, before.1);
        done.position = place.position();
    }
    send(job.reply, answer);
}
