//! Asking the log until it answers, for a while.

use mizan_store::LogError;
use std::time::{Duration, Instant};

/// How long the log is asked again while the database does not answer: long enough for a restart of PostgreSQL, short
/// enough for a client that waits.
const RETRY_MAX: Duration = Duration::from_secs(3);
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(20);

/// Asks until there is an answer, or time is up.
pub(super) async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, LogError>
where
    F: Future<Output = Result<T, LogError>>,
{
    let started = Instant::now();
    let mut pause = RETRY_PAUSE_MIN;
    loop {
        match ask().await {
            Err(error) if started.elapsed() < RETRY_MAX => {
                tracing::warn!(%error, "the event log did not answer; it is asked again");
            }
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
