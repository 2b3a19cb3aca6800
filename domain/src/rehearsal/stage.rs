//! Both aggregates and the policies between them, in memory, as the real system plays them.
//!
//! A command's consequences are done at once, unless the story delays them, changes their order or crashes before them.
//! Behind it a follower reads the whole history again, in order, and does everything a second time: what was left
//! undone happens, the rest was said before and stays quiet.

use crate::event::{Aggregate, Command, Event, Refusal, StreamName};
use crate::{policy, wire};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Stage {
    aggregates: BTreeMap<StreamName, Aggregate>,
    /// Everything that happened, with its stream.
    pub(crate) history: Vec<(StreamName, Event)>,
    /// Every command that was accepted, by whomever it was said.
    pub(crate) accepted: Vec<Command>,
    /// Consequences that nobody has drawn yet.
    undone: Vec<(Event, Command)>,
    followed: usize,
}

impl Stage {
    /// A story told by commands that are all accepted, with everything that follows from them.
    pub(crate) fn told(commands: Vec<Command>) -> Self {
        let mut stage = Self::default();
        for command in commands {
            stage.play(command);
        }
        stage
    }

    /// Says a command that is accepted, does what follows, and gives all events of both.
    pub(crate) fn play(&mut self, command: impl Into<Command>) -> Vec<Event> {
        let command = command.into();
        let before = self.history.len();
        self.say(&command).unwrap_or_else(|it| panic!("{command:?}: {it}"));
        self.settle();
        self.history[before..].iter().map(|(_, event)| event.clone()).collect()
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.history.iter().map(|(_, event)| event)
    }

    pub(crate) fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match self.aggregates.get(&command.stream()) {
            Some(state) => state.decide(command),
            None => Aggregate::empty_for(command).decide(command),
        }
    }

    /// Decides and records; what follows waits.
    pub(crate) fn say(&mut self, command: &Command) -> Result<usize, Refusal> {
        let events = self.decide(command)?;
        let stream = command.stream();
        let state = self.aggregates.entry(stream.clone()).or_insert_with(|| Aggregate::empty_for(command));
        events.iter().for_each(|event| state.evolve(event));
        for event in &events {
            self.undone.extend(policy::react(event).into_iter().map(|command| (event.clone(), command)));
            self.history.push((stream.clone(), event.clone()));
        }
        assert_eq!(self.decide(command), Ok(Vec::new()), "said twice, done once: {command:?}");
        self.accepted.push(command.clone());
        Ok(events.len())
    }

    /// Does one of the waiting consequences, by chance.
    pub(crate) fn do_one(&mut self, chance: usize) {
        if !self.undone.is_empty() {
            let (cause, command) = self.undone.remove(chance % self.undone.len());
            self.answer(&cause, &command);
        }
    }

    /// Does all that waits, in order.
    pub(crate) fn settle(&mut self) {
        while !self.undone.is_empty() {
            self.do_one(0);
        }
    }

    /// A crash: what waits is forgotten; the follower will find it.
    pub(crate) fn crash(&mut self) {
        self.undone.clear();
    }

    /// The follower reads on to the head and does what follows from each event again.
    pub(crate) fn follow(&mut self) {
        while let Some((_, event)) = self.history.get(self.followed).cloned() {
            self.followed += 1;
            for command in policy::react(&event) {
                self.answer(&event, &command);
            }
        }
        self.undone.clear();
    }

    /// A follower that begins again at the first event, as after the loss of its checkpoint.
    pub(crate) fn follow_from_the_start(&mut self) {
        self.followed = 0;
        self.follow();
    }

    fn answer(&mut self, cause: &Event, command: &Command) {
        if self.say(command).is_err() {
            let recorded = policy::on_refusal(cause, command);
            recorded.map(|command| self.say(&command));
        }
    }

    /// The states as the stored bytes of the history give them.
    pub(crate) fn read_again(&self) -> BTreeMap<StreamName, Aggregate> {
        let mut aggregates: BTreeMap<StreamName, Aggregate> = BTreeMap::new();
        for (stream, event) in &self.history {
            let written = wire::write(event).unwrap();
            let read = wire::read(written.kind, &written.payload).unwrap();
            assert_eq!(&read, event, "an event reads as it was written");
            let empty = || Aggregate::empty_of(event);
            aggregates.entry(stream.clone()).or_insert_with(empty).evolve(&read);
        }
        aggregates
    }

    pub(crate) fn aggregates(&self) -> &BTreeMap<StreamName, Aggregate> {
        &self.aggregates
    }

    pub(crate) fn order(&self) -> &crate::order::Order {
        let order = self.aggregates.values().find_map(|it| match it {
            Aggregate::Order(order) => Some(order),
            Aggregate::Payment(_)
            | Aggregate::Credit(_)
            | Aggregate::Plan(_)
            | Aggregate::Clock(_)
            | Aggregate::Period(_)
            | Aggregate::Customer(_)
            | Aggregate::Wallet(_)
            | Aggregate::Invoice(_)
            | Aggregate::Deposit(_)
            | Aggregate::Holding(_)
            | Aggregate::Payout(_) => None,
        });
        order.unwrap()
    }
}
