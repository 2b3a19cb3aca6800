//! A sealer that runs beside everything else, and what it has to say.

use super::sealer::{SealError, Sealer};
use crate::log::{Log, Position};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often it looks whether there is something to seal.
const SEAL_EVERY: Duration = Duration::from_millis(500);
/// How often it tries again where it stands still.
const HALTED_EVERY: Duration = Duration::from_secs(30);

/// How the sealing goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SealState {
    /// The last event that a signed checkpoint covers, as far as this process knows; none before the first one.
    pub position: Option<Position>,
    /// Why nothing is sealed any more, where that is so.
    pub halted: Option<String>,
}

/// A sealer at work.
#[derive(Debug)]
pub struct SealFollower {
    state: watch::Receiver<SealState>,
    task: JoinHandle<()>,
}

impl SealFollower {
    /// Starts one with the key of a directory, which gets one if it has none. It needs no other success to start.
    #[must_use]
    pub fn start(log: Log, data_dir: &Path) -> Self {
        let (sender, state) = watch::channel(SealState::default());
        let sealer = Sealer::new(log, data_dir);
        Self { state, task: tokio::spawn(follow(sealer, sender)) }
    }

    /// How it goes.
    #[must_use]
    pub fn state(&self) -> SealState {
        self.state.borrow().clone()
    }

    /// Stops it; a checkpoint that is not committed was never made.
    pub fn stop(&self) {
        self.task.abort();
    }
}

async fn follow(mut sealer: Sealer, sender: watch::Sender<SealState>) {
    loop {
        let pause = match sealer.seal().await {
            Ok(position) => {
                sender.send_replace(SealState { position: Some(position), halted: None });
                SEAL_EVERY
            }
            Err(SealError::Database(error)) => {
                tracing::warn!(%error, "the history could not be sealed; it is tried again");
                SEAL_EVERY
            }
            Err(SealError::Log(error)) => {
                tracing::warn!(%error, "the history could not be sealed; it is tried again");
                SEAL_EVERY
            }
            Err(SealError::Halted(why)) => {
                let halted = Some(why.to_string());
                sender.send_if_modified(|state| {
                    let is_news = state.halted != halted;
                    if is_news {
                        tracing::error!(%why, "THE HISTORY IS NOT SEALED ANY MORE; commands and queries go on");
                        state.halted.clone_from(&halted);
                    }
                    is_news
                });
                HALTED_EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }
}
