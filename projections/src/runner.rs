//! Follows the log into one schema, a batch at a time.
//!
//! The runner never skips. What it cannot read or fold, and what the database refuses for good, it reports with the
//! exact position: everything before that is applied, nothing after it is.

use crate::apply::NotApplied;
use crate::checkpoint::{self, Applied, Desk, Guard, Mark};
use crate::schema;
use crate::touched::Touched;
use mizan_store::{Log, LogError, Position, Recorded};
use sqlx::error::DatabaseError;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The most events of a batch while following.
pub(crate) const BATCH_EVENTS_MAX: i64 = 4_000;

/// How many events are read as facts before other tasks have their turn.
const YIELD_EVENTS: usize = 500;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A batch was applied, up to this position.
    Applied { events: usize, position: Position },
    /// There is nothing after this position.
    CaughtUp(Position),
    /// Another runner is applying; this is where the checkpoint was when last seen.
    Elsewhere(Position),
}

/// Why a step was not made.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It may go better next time.
    Passing(sqlx::Error),
    /// It will not: this event cannot be applied.
    Poison { position: Position, reason: String },
    /// The rows were made by another program, or there are none.
    OtherShape { reason: String },
}

pub(crate) struct Runner {
    log: Log,
    schema: &'static str,
    source: Source,
    desk: Desk,
    batch_max: i64,
    /// Smaller than `batch_max` while an event is looked for that the database refuses.
    limit: i64,
    mark: Option<Mark>,
    touched: Touched,
    /// Read ahead, while the batch before is applied.
    ahead: Option<Ahead>,
}

/// Where a runner reads.
#[derive(Clone)]
struct Source {
    log: Log,
    /// Whether what this process has appended lately may be taken from its memory. A rebuild reads what is kept.
    is_live: bool,
}

/// Events that are being read by a task of their own.
struct Ahead {
    after: Position,
    reading: JoinHandle<Result<Read, Trouble>>,
}

/// Events that follow a position, as far as they could be read.
struct Read {
    events: Vec<Arc<Recorded>>,
    /// The event after them, where it could not be read.
    stopped: Option<(Position, String)>,
}

impl Runner {
    pub(crate) fn new(log: &Log, schema: &'static str, guard: Guard, batch_max: i64) -> Self {
        let source = Source { log: log.clone(), is_live: guard == Guard::Shared };
        let (desk, touched) = (Desk::new(log.pool(), schema, guard), Touched::default());
        Self { log: log.clone(), schema, source, desk, batch_max, limit: batch_max, mark: None, touched, ahead: None }
    }

    /// The same, telling which streams it has touched.
    pub(crate) fn telling(self, touched: &Touched) -> Self {
        Self { touched: touched.clone(), ..self }
    }

    /// Where the checkpoint was when last seen.
    pub(crate) fn position(&self) -> Position {
        self.mark.as_ref().map_or(Position::START, |it| it.position)
    }

    /// Applies the next batch, which ends at `until` where one is given.
    pub(crate) async fn step(&mut self, until: Option<Position>) -> Result<Step, Trouble> {
        let mark = match self.mark.take() {
            Some(mark) => mark,
            None => {
                let seen = self.look().await?;
                self.touched.anything();
                seen
            }
        };
        self.mark = Some(mark.clone());
        let mut read = self.read(mark.position).await?;
        if let Some(until) = until {
            read.events.retain(|it| it.position <= until);
        }
        read.events.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        let Some(last) = read.events.last().map(|it| it.position) else {
            return match read.stopped.filter(|(position, _)| until.is_none_or(|until| *position <= until)) {
                Some((position, reason)) => Err(Trouble::Poison { position, reason }),
                None => Ok(Step::CaughtUp(mark.position)),
            };
        };
        self.apply(mark, &read.events, last).await
    }

    /// The events after a position, read ahead or now.
    async fn read(&mut self, after: Position) -> Result<Read, Trouble> {
        if let Some(ahead) = self.ahead.take().filter(|it| it.after == after)
            && let Ok(read) = ahead.reading.await
        {
            return read;
        }
        self.source.clone().read(after, self.limit).await
    }

    async fn apply(&mut self, mark: Mark, batch: &[Arc<Recorded>], last: Position) -> Result<Step, Trouble> {
        if i64::try_from(batch.len()).is_ok_and(|it| it >= self.limit) {
            let reading = tokio::spawn(self.source.clone().read(last, self.limit));
            self.ahead = Some(Ahead { after: last, reading });
        }
        match self.desk.apply(&mark, batch).await {
            Ok(Applied::Yes) => {
                self.touched.applied(batch);
                self.mark = Some(Mark { position: last, ..mark });
                self.limit = self.batch_max.min(self.limit.saturating_mul(2));
                Ok(Step::Applied { events: batch.len(), position: last })
            }
            Ok(Applied::Busy | Applied::Moved) => {
                self.mark = None;
                let seen = self.look().await?;
                self.touched.anything();
                let position = seen.position;
                self.mark = Some(seen);
                Ok(Step::Elsewhere(position))
            }
            Err(NotApplied::Misfit { position, reason }) => {
                // What comes before it is good.
                let before = batch.iter().take_while(|it| it.position < position).count();
                self.narrow(before, position, reason)
            }
            Err(NotApplied::Database(error)) if is_passing(&error) => {
                self.mark = None;
                Err(Trouble::Passing(error))
            }
            Err(NotApplied::Database(error)) => {
                let first = batch.first().map_or(last, |it| it.position);
                self.narrow(batch.len() / 2, first, error.to_string())
            }
        }
    }

    /// Tries fewer events next, or says that the first one is the one.
    fn narrow(&mut self, events: usize, position: Position, reason: String) -> Result<Step, Trouble> {
        self.limit = i64::try_from(events).unwrap_or(i64::MAX).max(1);
        if events == 0 {
            return Err(Trouble::Poison { position, reason });
        }
        Ok(Step::Elsewhere(self.position()))
    }

    async fn look(&self) -> Result<Mark, Trouble> {
        let mark = checkpoint::mark(self.log.pool(), self.schema).await.map_err(|error| {
            if is_passing(&error) { Trouble::Passing(error) } else { Trouble::OtherShape { reason: error.to_string() } }
        })?;
        match mark {
            Some(mark) if mark.shape == schema::shape() => Ok(mark),
            Some(mark) => {
                let made = mark.shape;
                let reason =
                    format!("the read models were made by another version ({made}); `mizan rebuild` makes them anew");
                Err(Trouble::OtherShape { reason })
            }
            None => Err(Trouble::OtherShape { reason: format!("there are no read models in {}", self.schema) }),
        }
    }
}

impl Source {
    async fn read(self, after: Position, limit: i64) -> Result<Read, Trouble> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some(facts) = self.log.feed().after(after, wanted).filter(|_| self.is_live) {
            let events = facts.into_iter().map(|it| it.recorded).collect();
            return Ok(Read { events, stopped: None });
        }
        let (stored, stopped) = match self.log.read(after, limit).await {
            // What comes before it is good.
            Err(LogError::Broken { after: good, reason }) => {
                let before = self.log.read(after, good.number() - after.number()).await;
                (before.map_err(passing)?, Some((good.of_nth_after(1), reason)))
            }
            other => (other.map_err(passing)?, None),
        };
        let mut read = Read { events: Vec::with_capacity(stored.len()), stopped };
        for (nth, it) in stored.into_iter().enumerate() {
            match Recorded::try_from(it) {
                Ok(recorded) => read.events.push(Arc::new(recorded)),
                Err(unreadable) => {
                    read.stopped = Some((unreadable.position, unreadable.reason));
                    break;
                }
            }
            // Others have work on this thread.
            if nth % YIELD_EVENTS == YIELD_EVENTS - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(read)
    }
}

fn passing(error: LogError) -> Trouble {
    Trouble::Passing(match error {
        LogError::Database(error) => error,
        other => sqlx::Error::Protocol(other.to_string()),
    })
}

/// Whether the same statement may succeed later, without anybody changing program or data.
pub(crate) fn is_passing(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().and_then(DatabaseError::code) else {
        // Everything about the connection; what cannot be encoded or decoded will not be later either.
        return !matches!(
            error,
            sqlx::Error::Encode(_)
                | sqlx::Error::Decode(_)
                | sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::TypeNotFound { .. }
                | sqlx::Error::RowNotFound
        );
    };
    // Connections, rolled back transactions, resources (a full disk), locks and timeouts, operators, the system itself.
    let classes = ["08", "25", "40", "53", "55", "57", "58"];
    classes.iter().any(|class| code.starts_with(class))
}
