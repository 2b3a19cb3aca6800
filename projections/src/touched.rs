//! Who has to know which streams a batch was about, before anybody is told that it is applied.
//!
//! The projector calls it after the commit of a batch and before its position moves on, so that whoever waits for that
//! position finds nothing older. What other processes apply is not told one by one: then everything may have changed.

use mizan_store::Recorded;
use std::sync::Arc;

/// Told of every stream whose rows may have changed. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {}

impl Touched {
    /// These events are in the rows now.
    pub(crate) fn applied(&self, _batch: &[Arc<Recorded>]) {
        let _ = &self.inner;
    }

    /// Any row may have changed: somebody else applied, the tables were replaced, or nobody knows.
    pub(crate) fn anything(&self) {
        let _ = &self.inner;
    }
}
