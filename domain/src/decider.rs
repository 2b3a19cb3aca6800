//! The shape of every aggregate: decide and evolve, and nothing else.

/// A pure state machine: commands in, events out. No clock, no randomness, no I/O.
///
/// `Default` is the state of a stream that has no events yet.
pub trait Decider: Default {
    /// The first half of the stream's name, for example `order`.
    const CATEGORY: &'static str;
    /// What can be asked.
    type Command;
    /// What can have happened.
    type Event;
    /// Why not.
    type Refusal: Refused;

    /// Decides what a command means in this state.
    ///
    /// The same sentence said twice is one fact: an equal repetition gives no events.
    ///
    /// # Errors
    /// The first refusal of the aggregate's list that applies; nothing has happened then.
    fn decide(&self, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Takes over a fact. Never refuses: a fact has already happened.
    fn evolve(&mut self, event: &Self::Event);
}

/// What every refusal can say of itself.
pub trait Refused: std::error::Error {
    /// A stable, snake_case code for machines; never renamed.
    fn code(&self) -> &'static str;

    /// The field of the command that is at fault, as a JSON pointer (RFC 6901), where there is one.
    fn pointer(&self) -> Option<String> {
        None
    }
}
