//! What would follow from a command that is only tried: every consequence is decided on the states as the ones before
//! it would leave them. Nothing is written, and nothing that the service keeps at hand changes.

use crate::policies::{self, Ask};
use crate::write::{Context, Done, Happened, NotDone};
use mizan_domain::event::{Aggregate, Command, Event, StreamName};
use mizan_domain::id::MerchantId;
use mizan_store::{Log, Recorded};
use std::collections::HashMap;

/// The streams as they would be.
struct Stage<'a> {
    log: &'a Log,
    streams: HashMap<StreamName, Stream>,
}

/// A stream as it would be.
#[derive(Default)]
struct Stream {
    /// None before its first event.
    state: Option<Aggregate>,
    revision: i64,
}

/// What would follow from a command whose own events are known.
///
/// # Errors
/// [`NotDone`] when the log does not answer.
pub async fn consequences(log: &Log, context: &Context, done: &Done) -> Result<Vec<Done>, NotDone> {
    let mut stage = Stage { log, streams: HashMap::new() };
    let stream = stage.stream(&context.merchant, &done.stream).await?;
    done.events.iter().for_each(|it| stream.take_over(&it.event));
    policies::settle(&mut stage, context, done).await
}

impl Ask for Stage<'_> {
    async fn ask(&mut self, command: Command, context: Context) -> Result<Done, NotDone> {
        let name = command.stream();
        let stream = self.stream(&context.merchant, &name).await?;
        let events = match &stream.state {
            Some(state) => state.decide(&command)?,
            None => Aggregate::empty_for(&command).decide(&command)?,
        };
        let events = Happened::all(events, stream.revision, context.command_id)?;
        events.iter().for_each(|it| stream.take_over(&it.event));
        Ok(Done { stream: name, revision: stream.revision, position: None, events, replayed: false, is_settled: false })
    }
}

impl Stage<'_> {
    async fn stream(&mut self, merchant: &MerchantId, name: &StreamName) -> Result<&mut Stream, NotDone> {
        if !self.streams.contains_key(name) {
            let unavailable = |error: mizan_store::LogError| NotDone::Unavailable(error.to_string());
            let key = (merchant.clone(), name.clone());
            let mut read = Stream::default();
            for stored in self.log.streams(&[key]).await.map_err(unavailable)? {
                read.take_over(&Recorded::try_from(stored)?.event);
            }
            self.streams.insert(name.clone(), read);
        }
        Ok(self.streams.entry(name.clone()).or_default())
    }
}

impl Stream {
    fn take_over(&mut self, event: &Event) {
        self.state.get_or_insert_with(|| Aggregate::empty_of(event)).evolve(event);
        self.revision += 1;
    }
}
