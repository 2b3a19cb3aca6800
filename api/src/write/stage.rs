//! A batch while it is decided: commands in their order, and behind them what follows from them, on the states as the
//! batch before leaves them. Nothing is answered here but what needs no commit.

use super::keys::answer_known;
use super::states::{Place, State, States, StreamKey, Wanted};
use super::{Answer, Context, Done, Happened, Job, NotDone, send, stream_key, to_bytes, to_metadata};
use crate::policies::{ON_REFUSAL, reaction};
use mizan_domain::event::{Aggregate, Command, Event};
use mizan_domain::id::MerchantId;
use mizan_domain::metadata::Metadata;
use mizan_domain::policy;
use mizan_store::{Keyed, Log, LogError, Position, WholeBatch, WholeEvent, WholeStream};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Events of one batch beyond which no more commands are taken.
const EVENTS_MAX: usize = 10_000;
/// Bytes of one batch beyond which no more commands are taken.
const BYTES_MAX: usize = 16 << 20;

/// A batch that is being decided.
pub(super) struct Stage {
    /// Tells it from the batch that is in flight.
    number: u64,
    touched: HashMap<StreamKey, Result<Touched, NotDone>>,
    /// The streams that get something, in the order of their first event or key.
    streams: Vec<StreamKey>,
    events: Vec<Staged>,
    bytes: usize,
    jobs: Vec<Decided>,
    /// What carries a key that another job of the batch carries too, and waits for its end.
    late: Vec<Job>,
    keys: HashSet<(MerchantId, Vec<u8>)>,
}

/// A stream while the batch is decided.
struct Touched {
    state: State,
    /// The revision in the log.
    expected: i64,
    /// Its number in the batch, once it gets something.
    number: Option<usize>,
    keys: Vec<Keyed>,
}

/// An event on its way.
pub(super) struct Staged {
    pub(super) stream: usize,
    pub(super) revision: i64,
    pub(super) event_id: uuid::Uuid,
    pub(super) kind: &'static str,
    pub(super) payload: Arc<[u8]>,
    pub(super) metadata: Arc<Metadata>,
    pub(super) metadata_bytes: Arc<[u8]>,
    pub(super) event: Arc<Event>,
}

/// A command that was decided, and what it will be told when the batch is durable.
pub(super) struct Decided {
    pub(super) job: Job,
    pub(super) answer: Answer,
    /// The number of its first event in the batch.
    pub(super) first: usize,
    /// Where its stream's last event is then.
    pub(super) place: Place,
}

/// A command of a policy, and what it answers.
struct Follows {
    command: Command,
    context: Context,
    /// The event that it answers; none for what is recorded because such a command was refused.
    cause: Option<Arc<Event>>,
    ordinal: usize,
    /// The number of the job behind all of it.
    job: usize,
}

/// A batch that is decided: what is appended, and who waits for it.
pub(super) struct Ready {
    pub(super) number: u64,
    pub(super) streams: Vec<StreamKey>,
    pub(super) events: Vec<Staged>,
    pub(super) jobs: Vec<Decided>,
    pub(super) late: Vec<Job>,
}

impl Stage {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            touched: HashMap::new(),
            streams: Vec::new(),
            events: Vec::new(),
            bytes: 0,
            jobs: Vec::new(),
            late: Vec::new(),
            keys: HashSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands() == 0
    }

    /// How many commands are taken.
    pub(super) fn commands(&self) -> usize {
        self.jobs.len() + self.late.len()
    }

    /// How many more may be taken, of so many in all.
    pub(super) fn room(&self, commands_max: usize) -> usize {
        if self.events.len() >= EVENTS_MAX || self.bytes >= BYTES_MAX {
            return 0;
        }
        commands_max.saturating_sub(self.commands())
    }

    /// Decides commands and everything that follows from them.
    ///
    /// # Errors
    /// The log does not answer; all commands of the batch are back then, and nothing else is left of it.
    pub(super) async fn take(
        &mut self,
        log: &Log,
        states: &mut States,
        jobs: Vec<Job>,
    ) -> Result<(), (Vec<Job>, LogError)> {
        let mut jobs = jobs;
        while !jobs.is_empty() {
            let wanted = jobs.iter().map(|it| {
                // What is answered at once may not rest on a guess.
                let may_guess = it.command.begins() && !it.look_up && !it.context.dry_run;
                (stream_key(it), &it.command, may_guess)
            });
            if let Err(error) = self.load(states, wanted).await {
                return Err((self.give_up(jobs), error));
            }
            let mut unsure = Vec::new();
            let mut follows = Vec::new();
            for job in jobs {
                unsure.extend(self.decide(job, &mut follows));
            }
            if let Err(error) = self.settle(states, follows).await {
                return Err((self.give_up(unsure), error));
            }
            jobs = match answer_known(log, unsure).await {
                Ok(jobs) => jobs,
                Err((jobs, error)) => return Err((self.give_up(jobs), error)),
            };
        }
        Ok(())
    }

    async fn load<'a>(
        &mut self,
        states: &mut States,
        wanted: impl Iterator<Item = (StreamKey, &'a Command, bool)>,
    ) -> Result<(), LogError> {
        let mut missing: HashMap<StreamKey, Wanted> = HashMap::new();
        for (key, command, may_guess) in wanted {
            if !self.touched.contains_key(&key) {
                let it = missing.entry(key);
                let it = it.or_insert_with(|| Wanted { empty: Aggregate::empty_for(command), may_guess });
                it.may_guess &= may_guess;
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let taken = states.take(missing).await?;
        self.touched.extend(taken.into_iter().map(|(key, state)| (key, state.map(Touched::new))));
        Ok(())
    }

    /// Decides one command. Gives it back when its key or its stream has to be looked up first: neither a no nor a "that
    /// was said already" may hide that the same command was done before, or rest on a guess.
    fn decide(&mut self, job: Job, follows: &mut Vec<Follows>) -> Option<Job> {
        let key = stream_key(&job);
        let own_key = job.context.key.as_ref().map(|it| (job.context.merchant.clone(), it.hash.clone()));
        if own_key.as_ref().is_some_and(|it| self.keys.contains(it)) {
            self.late.push(Job { look_up: true, ..job });
            return None;
        }
        let it = match self.touched.get_mut(&key) {
            Some(Ok(it)) => it,
            Some(Err(not_done)) => {
                send(job.reply, Err(not_done.clone()));
                return None;
            }
            None => {
                send(job.reply, Err(NotDone::Contended));
                return None;
            }
        };
        let decided = it.happens(&job.command, &job.context);
        let is_news = decided.as_ref().is_ok_and(|events| !events.is_empty());
        let is_guess = it.state.is_guess;
        if !is_news && !job.look_up && (is_guess || job.context.key.is_some()) {
            if is_guess {
                self.touched.remove(&key);
            }
            return Some(Job { look_up: true, ..job });
        }
        let events = match decided {
            Ok(events) => events,
            Err(not_done) => {
                let (first, place) = (self.events.len(), it.state.place);
                self.jobs.push(Decided { job, answer: Err(not_done), first, place });
                return None;
            }
        };
        let revision = it.state.revision + i64::try_from(events.len()).unwrap_or(0);
        let done = Done { stream: key.1.clone(), revision, position: None, events, replayed: false, is_settled: true };
        if job.context.dry_run {
            let position = None;
            send(job.reply, Ok(Done { position, is_settled: false, ..done }));
            return None;
        }
        if let Some(own_key) = own_key {
            self.keys.insert(own_key);
        }
        let (first, number) = (self.events.len(), self.jobs.len());
        let answer = match self.record(&key, &job.context, &done.events) {
            Ok(()) => Ok(done),
            Err(not_done) => Err(not_done),
        };
        if let Ok(done) = &answer {
            done.events.iter().for_each(|it| follows.extend(following(&it.event, it.event_id, &job.context, number)));
        }
        let place = self.place(&key);
        self.jobs.push(Decided { job, answer, first, place });
        None
    }

    /// Takes over what happens to a stream that is at hand.
    fn record(&mut self, key: &StreamKey, context: &Context, events: &[Happened]) -> Result<(), NotDone> {
        let Some(Ok(it)) = self.touched.get_mut(key) else { return Ok(()) };
        if events.is_empty() && context.key.is_none() {
            return Ok(());
        }
        let metadata = to_metadata(context);
        let metadata_bytes: Arc<[u8]> = to_bytes(&metadata)?.into();
        let metadata = Arc::new(metadata);
        let stream = *it.number.get_or_insert_with(|| {
            self.streams.push(key.clone());
            self.streams.len() - 1
        });
        if let Some(key) = &context.key {
            it.keys.push(Keyed {
                key: key.hash.clone(),
                fingerprint: key.fingerprint.clone(),
                first_revision: it.state.revision + 1,
                last_revision: it.state.revision + i64::try_from(events.len()).unwrap_or(0),
            });
        }
        // What rests on it is answered with the append that says whether it was right.
        it.state.is_guess = false;
        for happened in events {
            it.state.aggregate.evolve(&happened.event);
            it.state.revision = happened.revision;
            it.state.place = Place::Ahead { batch: self.number, nth: self.events.len() };
            self.bytes += happened.payload.len() + metadata_bytes.len();
            self.events.push(Staged {
                stream,
                revision: happened.revision,
                event_id: happened.event_id,
                kind: happened.kind,
                payload: Arc::clone(&happened.payload),
                metadata: Arc::clone(&metadata),
                metadata_bytes: Arc::clone(&metadata_bytes),
                event: Arc::clone(&happened.event),
            });
        }
        Ok(())
    }

    fn place(&self, key: &StreamKey) -> Place {
        match self.touched.get(key) {
            Some(Ok(it)) => it.state.place,
            Some(Err(_)) | None => Place::Nowhere,
        }
    }

    /// Does everything that follows, round by round: the commands that answer the events so far, then those that answer
    /// theirs.
    async fn settle(&mut self, states: &mut States, mut follows: Vec<Follows>) -> Result<(), LogError> {
        while !follows.is_empty() {
            let key = |it: &Follows| (it.context.merchant.clone(), it.command.stream());
            let keys = follows.iter().map(|it| (key(it), &it.command, false));
            self.load(states, keys).await?;
            let mut next = Vec::new();
            for it in follows {
                self.follow(it, &mut next);
            }
            follows = next;
        }
        Ok(())
    }

    fn follow(&mut self, asked: Follows, next: &mut Vec<Follows>) {
        let key = (asked.context.merchant.clone(), asked.command.stream());
        let decided = match self.touched.get(&key) {
            Some(Ok(it)) => it.happens(&asked.command, &asked.context),
            Some(Err(not_done)) => Err(not_done.clone()),
            None => Err(NotDone::Contended),
        };
        let recorded = decided.and_then(|events| self.record(&key, &asked.context, &events).map(|()| events));
        match recorded {
            Ok(events) => {
                let each = events.iter();
                each.for_each(|it| next.extend(following(&it.event, it.event_id, &asked.context, asked.job)));
            }
            Err(NotDone::Refused(refusal)) => {
                tracing::info!(%refusal, stream = %key.1, "a policy's command was refused");
                next.extend(asked.on_refusal());
            }
            Err(not_done) => {
                tracing::warn!(%not_done, stream = %key.1, "what follows from a command is left to the follower");
                self.unsettle(asked.job);
            }
        }
    }

    /// Somebody else has to see to what follows from a command.
    fn unsettle(&mut self, job: usize) {
        if let Some(Ok(done)) = self.jobs.get_mut(job).map(|it| &mut it.answer) {
            done.is_settled = false;
        }
    }

    /// A batch before this one is in the history.
    pub(super) fn landed(&mut self, key: &StreamKey, number: u64, first: Option<Position>) {
        if let Some(Ok(it)) = self.touched.get_mut(key) {
            it.state.place = it.state.place.landed(number, first);
        }
    }

    /// Every command of the batch, with these, and none of its states.
    pub(super) fn give_up(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        let given = std::mem::replace(self, Self::new(self.number));
        let decided = given.jobs.into_iter().map(|it| it.job);
        decided.chain(given.late).chain(jobs).collect()
    }

    /// What is to be appended. The states go back to hand, as they will be.
    pub(super) fn ready(&mut self, states: &mut States) -> (WholeBatch, Ready) {
        let stage = std::mem::replace(self, Self::new(self.number + 1));
        let Self { number, mut touched, streams, events, jobs, late, .. } = stage;
        let mut batch = WholeBatch::default();
        for (nth, key) in streams.iter().enumerate() {
            let Some(Ok(it)) = touched.get_mut(key) else { continue };
            let count = i32::try_from(it.state.revision - it.expected).unwrap_or(i32::MAX);
            let (merchant, stream) = key.clone();
            batch.streams.push(WholeStream { merchant, stream, expected: it.expected, count });
            batch.keys.extend(std::mem::take(&mut it.keys).into_iter().map(|key| (nth, key)));
        }
        batch.events.extend(events.iter().map(|it| WholeEvent {
            stream: it.stream,
            revision: it.revision,
            event_id: it.event_id,
            kind: it.kind,
            payload: Arc::clone(&it.payload),
            metadata: Arc::clone(&it.metadata_bytes),
        }));
        for (key, it) in touched {
            it.into_iter().for_each(|it| states.put(key.clone(), it.state));
        }
        (batch, Ready { number, streams, events, jobs, late })
    }
}

impl Touched {
    fn new(state: State) -> Self {
        Self { expected: state.revision, state, number: None, keys: Vec::new() }
    }

    /// What a command means now, without doing it.
    fn happens(&self, command: &Command, context: &Context) -> Result<Vec<Happened>, NotDone> {
        if let Some(expected) = context.expected.filter(|expected| *expected != self.state.revision) {
            return Err(NotDone::Stale { expected, actual: self.state.revision });
        }
        Happened::all(self.state.aggregate.decide(command)?, self.state.revision, context.command_id)
    }
}

impl Follows {
    /// What is recorded instead, where the policies say so.
    fn on_refusal(self) -> Option<Self> {
        let recorded = policy::on_refusal(self.cause.as_deref()?, &self.command)?;
        let command_id = self.context.causation_id?;
        let context = reaction(&self.context, command_id, ON_REFUSAL + self.ordinal).ok()?;
        Some(Self { command: recorded, context, cause: None, ..self })
    }
}

/// The commands that follow from an event.
fn following(event: &Arc<Event>, event_id: uuid::Uuid, context: &Context, job: usize) -> Vec<Follows> {
    let commands = policy::react(event);
    if commands.is_empty() {
        return Vec::new();
    }
    let each = commands.into_iter().enumerate().filter_map(|(ordinal, command)| {
        let context = reaction(context, event_id, ordinal).ok()?;
        Some(Follows { command, context, cause: Some(Arc::clone(event)), ordinal, job })
    });
    each.collect()
}
