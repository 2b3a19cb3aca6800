//! What would follow from a command that is only tried: every consequence is decided on the states as the ones before
//! it would leave them. Nothing is written, and nothing that the service keeps at hand changes.

use crate::write::{Context, Done, Happened, NotDone};
use mizan_domain::event::{Aggregate, Command, Event, StreamName};
use mizan_domain::id::MerchantId;
use mizan_domain::metadata::{event_id, reaction_id};
use mizan_domain::{policy, wire};
use mizan_store::{Log, Recorded};
use std::collections::{HashMap, VecDeque};

/// The streams as they would be.
struct Stage<'a> {
    log: &'a Log,
    merchant: MerchantId,
    streams: HashMap<StreamName, (Option<Aggregate>, i64)>,
}

/// What would follow from a command whose own events are known.
///
/// # Errors
/// [`NotDone`] when the log does not answer.
pub async fn consequences(log: &Log, context: &Context, done: &Done) -> Result<Vec<Done>, NotDone> {
    let mut stage = Stage { log, merchant: context.merchant.clone(), streams: HashMap::new() };
    stage.load(&done.stream).await?;
    stage.take_over(&done.stream, done.events.iter().map(|it| &it.event));
    let mut causes: VecDeque<(uuid::Uuid, Event)> =
        done.events.iter().map(|it| (it.event_id, it.event.clone())).collect();
    let mut all = Vec::new();
    while let Some((cause_id, cause)) = causes.pop_front() {
        for (ordinal, command) in policy::react(&cause).into_iter().enumerate() {
            let id = reaction_id(cause_id, ordinal);
            let tried = match stage.decide(&command, id).await {
                Err(NotDone::Refused(_)) => match policy::on_refusal(&cause, &command) {
                    Some(recorded) => stage.decide(&recorded, id).await,
                    None => continue,
                },
                other => other,
            };
            let done = match tried {
                Ok(done) => done,
                Err(NotDone::Refused(_)) => continue,
                Err(not_done) => return Err(not_done),
            };
            causes.extend(done.events.iter().map(|it| (it.event_id, it.event.clone())));
            all.push(done);
        }
    }
    Ok(all)
}

impl Stage<'_> {
    async fn load(&mut self, stream: &StreamName) -> Result<(), NotDone> {
        if self.streams.contains_key(stream) {
            return Ok(());
        }
        let unavailable = |error: mizan_store::LogError| NotDone::Unavailable(error.to_string());
        let stored = self.log.streams(&[(self.merchant.clone(), stream.clone())]).await.map_err(unavailable)?;
        let (mut state, mut revision) = (None, 0);
        for it in stored {
            let recorded = Recorded::try_from(it)?;
            state.get_or_insert_with(|| Aggregate::empty_of(&recorded.event)).evolve(&recorded.event);
            revision = recorded.revision;
        }
        self.streams.insert(stream.clone(), (state, revision));
        Ok(())
    }

    fn take_over<'e>(&mut self, stream: &StreamName, events: impl Iterator<Item = &'e Event>) {
        let (state, revision) = self.streams.entry(stream.clone()).or_default();
        for event in events {
            state.get_or_insert_with(|| Aggregate::empty_of(event)).evolve(event);
            *revision += 1;
        }
    }

    async fn decide(&mut self, command: &Command, command_id: uuid::Uuid) -> Result<Done, NotDone> {
        let stream = command.stream();
        self.load(&stream).await?;
        let (state, before) = self.streams.entry(stream.clone()).or_default();
        let events = match state {
            Some(state) => state.decide(command)?,
            None => Aggregate::empty_for(command).decide(command)?,
        };
        let before = *before;
        self.take_over(&stream, events.iter());
        let numbered = events.into_iter().zip(before + 1..).enumerate();
        let happened = numbered.map(|(ordinal, (event, revision))| {
            let written = wire::write(&event).map_err(|error| NotDone::Unavailable(error.to_string()))?;
            let (kind, payload) = (written.kind, written.payload);
            Ok(Happened { position: None, revision, event_id: event_id(command_id, ordinal), kind, payload, event })
        });
        let events = happened.collect::<Result<Vec<_>, NotDone>>()?;
        let revision = events.last().map_or(before, |it| it.revision);
        Ok(Done { stream, revision, position: None, events, replayed: false })
    }
}
