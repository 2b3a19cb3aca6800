//! Keeps the live read models up with the log, for as long as the service runs.

use crate::checkpoint::Guard;
use crate::runner::{BATCH_EVENTS_MAX, Runner, Step, Trouble, is_passing};
use crate::schema::{self, LIVE};
use crate::touched::Touched;
use mizan_store::{Log, Position};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How long events are gathered before a batch, while nobody waits: a payment that comes right after its order then
/// writes the order's row once, and what a batch costs is shared by more events. It is counted from the batch before, so
/// an event after a quiet time is applied at once.
const GATHER_TIME: Duration = Duration::from_millis(80);
/// How often the log is looked at when nobody says that there is something new.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How soon to look again when another process is applying right now.
const BUSY_INTERVAL: Duration = Duration::from_millis(5);
/// The pause after a passing trouble, doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often a halted projector looks whether a newer program, or a rebuild, has put it right.
const HALTED_INTERVAL: Duration = Duration::from_secs(1);

/// The follower of the log. Dropping it ends it after its batch, without waiting for that.
#[derive(Debug)]
pub struct Projector {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    /// Taken by whoever waits for its end.
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    wake: Notify,
    /// Somebody has begun to wait.
    hurry: Notify,
    /// How many wait for a position.
    waiting: AtomicUsize,
    state: watch::Sender<State>,
    touched: Touched,
}

/// How the read models stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Everything up to here is in the read models.
    pub position: Position,
    /// The end of the log when it was last seen.
    pub head: Position,
    /// Set while an event cannot be applied: the read models keep what they have, and fall behind.
    pub halted: Option<Halted>,
    /// Set while the database does not answer, or refuses for now.
    pub trouble: Option<String>,
}

impl State {
    /// How many events are not applied yet.
    #[must_use]
    pub fn lag_events(&self) -> i64 {
        (self.head.number() - self.position.number()).max(0)
    }
}

/// An event that cannot be applied. Nothing is ever skipped, so nothing after it is applied either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the read models stopped before position {position}: {reason}")]
pub struct Halted {
    /// The event.
    pub position: Position,
    /// Why.
    pub reason: String,
}

/// The read models are not as far as was asked; what was asked about is nevertheless recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the read models are at position {position}, the log at {head}")]
pub struct Lagging {
    /// Where the read models are.
    pub position: Position,
    /// Where the log is, as far as is known.
    pub head: Position,
}

/// Why the read models could not be brought up to the log.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    /// An event cannot be applied.
    #[error(transparent)]
    Halted(#[from] Halted),
    /// The database did not answer, or refused.
    #[error("the read models' database did not answer: {0}")]
    Database(#[from] sqlx::Error),
}

impl Projector {
    /// Makes the read models where there are none, and begins to follow.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The database does not answer now. Once the projector runs, it waits for the database as long as it takes.
    pub async fn start(log: Log) -> sqlx::Result<Self> {
        schema::prepare(log.pool()).await?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = watch::channel(false);
        let follower = Follower { log, shared: Arc::clone(&shared), pause: PAUSE_MIN, gathered_at: None, runner: None };
        let task = Mutex::new(Some(tokio::spawn(follower.follow(stopped))));
        Ok(Self { shared, stop, task })
    }

    /// What is told of the streams that it applies.
    #[must_use]
    pub fn touched(&self) -> Touched {
        self.shared.touched.clone()
    }

    /// Says that there is something new in the log. Cheap, and never waits.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Everything up to here is in the read models.
    #[must_use]
    pub fn position(&self) -> Position {
        self.shared.state.borrow().position
    }

    /// How the read models stand, for readiness and metrics.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state.borrow().clone()
    }

    /// Follows the state, for example for metrics.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// Waits until everything up to a position is in the read models, whichever process puts it there.
    ///
    /// # Errors
    /// [`Lagging`] when it is not so after this time.
    pub async fn wait_for(&self, position: Position, wait_max: Duration) -> Result<(), Lagging> {
        let mut state = self.watch();
        if state.borrow().position >= position {
            return Ok(());
        }
        let _waiting = Waiting::begun(&self.shared);
        self.wake();
        let reached = timeout(wait_max, state.wait_for(|it| it.position >= position)).await;
        if matches!(reached, Ok(Ok(_))) {
            return Ok(());
        }
        let seen = self.state();
        Err(Lagging { position: seen.position, head: seen.head.max(seen.position) })
    }

    /// Ends it after the batch that it is in.
    pub async fn stop(&self) {
        // Nobody listens any more where it has ended already.
        let _ = self.stop.send(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(why) = task.await
        {
            tracing::error!(%why, "the projector ended early");
        }
    }
}

impl Shared {
    /// Lets events gather since the batch before, unless somebody waits.
    async fn gather(&self, last: Instant) {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            tokio::select! {
                () = sleep_until(last + GATHER_TIME) => (),
                () = self.hurry.notified() => (),
            }
        }
    }
}

/// Somebody who waits, until it is dropped.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn begun(shared: &'a Shared) -> Self {
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        shared.hurry.notify_one();
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Follower {
    log: Log,
    shared: Arc<Shared>,
    pause: Duration,
    /// When the last batch was begun, unless there was more than it could take.
    gathered_at: Option<Instant>,
    /// None where the read models have to be made, or looked at anew.
    runner: Option<Runner>,
}

/// What to do before the next step.
enum Then {
    GoOn,
    /// This long, or until woken.
    Rest(Duration),
    /// This long, whoever calls.
    Pause(Duration),
}

impl Follower {
    async fn follow(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            // A dropped projector has ended too.
            if *stopped.borrow() || stopped.has_changed().is_err() {
                return;
            }
            let then = self.step().await;
            let (shared, gathered_at) = (Arc::clone(&self.shared), self.gathered_at);
            let rest = async {
                match then {
                    Then::GoOn => (),
                    Then::Pause(time) => return sleep(time).await,
                    Then::Rest(time) => tokio::select! {
                        () = sleep(time) => (),
                        () = shared.wake.notified() => (),
                    },
                }
                if let Some(last) = gathered_at {
                    shared.gather(last).await;
                }
            };
            tokio::select! {
                () = rest => (),
                _ = stopped.changed() => (),
            }
        }
    }

    async fn step(&mut self) -> Then {
        let runner = match &mut self.runner {
            Some(runner) => runner,
            None => match schema::prepare(self.log.pool()).await {
                Ok(()) => {
                    let runner = Runner::new(&self.log, LIVE, Guard::Shared, BATCH_EVENTS_MAX);
                    self.runner.insert(runner.telling(&self.shared.touched))
                }
                Err(error) => return self.trouble(&error),
            },
        };
        let begun = Instant::now();
        match runner.step(None).await {
            Ok(Step::Applied { events, position }) => {
                let is_full = i64::try_from(events).is_ok_and(|it| it >= BATCH_EVENTS_MAX);
                self.gathered_at = Some(begun).filter(|_| !is_full);
                self.reached(position, None, Then::GoOn)
            }
            Ok(Step::CaughtUp(position)) => self.reached(position, Some(position), Then::Rest(POLL_INTERVAL)),
            Ok(Step::Elsewhere(position)) => self.reached(position, None, Then::Pause(BUSY_INTERVAL)),
            Err(Trouble::Passing(error)) => self.trouble(&error),
            Err(Trouble::Poison { position, reason }) => self.halt(position, reason).await,
            Err(Trouble::OtherShape { reason }) => {
                let position = self.shared.state.borrow().position;
                self.halt(position, reason).await
            }
        }
    }

    fn reached(&mut self, position: Position, head: Option<Position>, then: Then) -> Then {
        self.pause = PAUSE_MIN;
        self.shared.state.send_if_modified(|state| {
            let is_past = |it: &Halted| position >= it.position;
            // While a batch is being narrowed down, the checkpoint stands before the event that is looked for.
            let halted = state.halted.take().filter(|it| head.is_none() && !is_past(it));
            let new = State { position, head: head.unwrap_or(state.head.max(position)), halted, trouble: None };
            let is_new = *state != new;
            *state = new;
            is_new
        });
        then
    }

    fn trouble(&mut self, error: &sqlx::Error) -> Then {
        // Where the schema itself is gone, it is made again.
        self.runner = None;
        self.shared.touched.anything();
        tracing::warn!(%error, pause_ms = self.pause.as_millis(), "the read models' database did not take a batch; trying again");
        self.shared.state.send_modify(|state| state.trouble = Some(error.to_string()));
        let pause = self.pause;
        self.pause = PAUSE_MAX.min(self.pause.saturating_mul(2));
        Then::Pause(pause)
    }

    async fn halt(&mut self, position: Position, reason: String) -> Then {
        let runner = self.runner.take();
        self.shared.touched.anything();
        let head = self.log.head().await.ok();
        let halted = Some(Halted { position, reason });
        self.shared.state.send_if_modified(|state| {
            if state.halted != halted {
                tracing::error!(%position, reason = ?halted, "the read models have halted; nothing is skipped");
            }
            let reached = runner.map_or(state.position, |it| it.position().max(state.position));
            let new = State { position: reached, head: head.unwrap_or(state.head), halted, trouble: None };
            let is_new = *state != new;
            *state = new;
            is_new
        });
        Then::Pause(HALTED_INTERVAL)
    }
}

/// Brings the live read models up to the log, once, for programs that do not keep following.
///
/// # Errors
/// [`CatchUpError`]; what could be applied is.
pub async fn catch_up(log: &Log) -> Result<Position, CatchUpError> {
    catch_up_by(log, BATCH_EVENTS_MAX).await
}

/// The same, in batches of another size; the rows are the same for any.
///
/// # Errors
/// [`CatchUpError`]; what could be applied is.
pub async fn catch_up_by(log: &Log, batch_events_max: i64) -> Result<Position, CatchUpError> {
    schema::prepare(log.pool()).await?;
    let mut runner = Runner::new(log, LIVE, Guard::Shared, batch_events_max.max(1));
    let mut pause = PAUSE_MIN;
    loop {
        match runner.step(None).await {
            Ok(Step::Applied { .. }) => pause = PAUSE_MIN,
            Ok(Step::CaughtUp(position)) => return Ok(position),
            Ok(Step::Elsewhere(_)) => sleep(BUSY_INTERVAL).await,
            Err(Trouble::Passing(error)) if is_passing(&error) && pause < PAUSE_MAX => {
                sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
            Err(Trouble::Passing(error)) => return Err(error.into()),
            Err(Trouble::Poison { position, reason }) => return Err(Halted { position, reason }.into()),
            Err(Trouble::OtherShape { reason }) => {
                return Err(Halted { position: runner.position(), reason }.into());
            }
        }
    }
}
