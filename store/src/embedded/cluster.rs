//! The cluster as the service holds it: started, watched, and ended with it.

use std::convert::Infallible;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::home::Home;
use super::postmaster::{self, Postmaster, READY_WAIT_MAX_S, connect_options, live_postmaster};
use super::{DATABASE, EmbeddedError, Settings};

/// How long a start waits for another process that is starting the same cluster: its initdb, its recovery.
const JOIN_WAIT_MAX_S: u64 = READY_WAIT_MAX_S + 60;

/// How often a start looks whether the other process has finished.
const JOIN_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How often a guest looks whether the owner is gone.
const TAKE_OVER_INTERVAL: Duration = Duration::from_millis(250);

/// The pause before a restart: short at first, since PostgreSQL recovers from most ends by itself, then doubled.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// A PostgreSQL that has lived this long has recovered, and the next pause is short again.
const BACKOFF_FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// A running cluster.
///
/// The first process on a data directory owns the cluster and ends it; later ones are guests. When the owner goes, one
/// of the guests takes over. Dropping the value of the owner shuts PostgreSQL down, without waiting for it.
#[derive(Debug)]
pub struct Cluster {
    home: Home,
    owns: Arc<AtomicBool>,
    /// Dropping it is the message; there is no other.
    stop: oneshot::Sender<Infallible>,
    supervisor: JoinHandle<()>,
}

/// What this process is to the cluster.
#[derive(Debug)]
enum Role {
    /// The lock is held for as long as the role lasts; there is no PostgreSQL between its death and its restart.
    Owner {
        lock: File,
        postmaster: Option<Postmaster>,
    },
    Guest,
}

impl Cluster {
    /// Makes the cluster unless it is there, starts it unless it runs, and returns once it answers and has the
    /// database [`DATABASE`]. From then on it is restarted whenever it dies, until [`Cluster::stop`].
    ///
    /// Must be called within a tokio runtime, which the supervision lives in.
    ///
    /// # Errors
    /// Whatever keeps PostgreSQL from running, with what to do about it. After an error nothing is left running.
    pub async fn start(settings: Settings) -> Result<Self, EmbeddedError> {
        let Settings { data_dir, durable } = settings;
        let begun = Instant::now();
        let home = Home::prepare(&data_dir)?;
        let role = join(&home, durable).await?;
        let owner = matches!(role, Role::Owner { .. });
        let took_ms = begun.elapsed().as_millis();
        tracing::info!(data_dir = %home.data_dir.display(), owner, took_ms, "PostgreSQL answers");

        let owns = Arc::new(AtomicBool::new(owner));
        let (stop, stopped) = oneshot::channel();
        let supervisor = tokio::spawn(supervise(home.clone(), durable, role, Arc::clone(&owns), stopped));
        Ok(Self { home, owns, stop, supervisor })
    }

    /// How to connect to the database [`DATABASE`] as the superuser of the cluster.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        self.connect_options_for(DATABASE)
    }

    /// How to connect to another database of the cluster, which the caller has made.
    #[must_use]
    pub fn connect_options_for(&self, database: &str) -> PgConnectOptions {
        connect_options(&self.home, database)
    }

    /// The process id of the running PostgreSQL; none while it is down.
    #[must_use]
    pub fn postgres_pid(&self) -> Option<i32> {
        live_postmaster(&self.home.pgdata)
    }

    /// Whether the cluster ends with this process. A guest becomes the owner when the owner goes.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.owns.load(Ordering::Acquire)
    }

    /// The directory that holds everything of the cluster, as an absolute path without links.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.home.data_dir
    }

    /// Shuts PostgreSQL down, which ends every connection, and waits until it is gone. A guest only leaves.
    pub async fn stop(self) {
        let Self { stop, supervisor, .. } = self;
        drop(stop);
        if let Err(why) = supervisor.await {
            tracing::error!(%why, "the supervision of PostgreSQL ended early");
        }
    }
}

/// Becomes the owner of a cluster that runs from now on, or the guest of one which another living process owns.
async fn join(home: &Home, durable: bool) -> Result<Role, EmbeddedError> {
    let begun = Instant::now();
    loop {
        // Without owner, what still answers is about to shut down: nobody becomes the guest of that.
        if let Some(lock) = home.try_own()? {
            let postmaster = Some(Postmaster::launch(home, durable).await?);
            return Ok(Role::Owner { lock, postmaster });
        }
        let last = match attach(home).await {
            Ok(()) if is_owned(home)? => return Ok(Role::Guest),
            Ok(()) => continue,
            Err(EmbeddedError::Sql { source, .. }) => source.to_string(),
            Err(other) => return Err(other),
        };
        let waited_s = begun.elapsed().as_secs();
        if waited_s >= JOIN_WAIT_MAX_S {
            let (data_dir, owner) = (home.data_dir.clone(), home.owner());
            return Err(EmbeddedError::OwnerSilent { data_dir, owner, waited_s, last });
        }
        sleep(JOIN_POLL_INTERVAL).await;
    }
}

/// Whether the cluster that just answered has an owner still.
fn is_owned(home: &Home) -> Result<bool, EmbeddedError> {
    Ok(home.try_own()?.is_none())
}

async fn attach(home: &Home) -> Result<(), EmbeddedError> {
    let mut connection = postmaster::connect(home).await?;
    // The owner makes it too, but may not have come to it yet.
    postmaster::make_database(&mut connection, home).await?;
    let _ = connection.close().await;
    Ok(())
}

async fn supervise(
    home: Home,
    durable: bool,
    mut role: Role,
    owns: Arc<AtomicBool>,
    stopped: oneshot::Receiver<Infallible>,
) {
    tokio::select! {
        _ = stopped => (),
        never = tend(&home, durable, &mut role, &owns) => match never {},
    }
    match role {
        Role::Guest => (),
        Role::Owner { lock, postmaster } => {
            leave(&home, postmaster).await;
            drop(lock);
        }
    }
}

/// Keeps the cluster running, for ever.
async fn tend(home: &Home, durable: bool, role: &mut Role, owns: &AtomicBool) -> Infallible {
    let data_dir = home.data_dir.display();
    let mut pause = BACKOFF_MIN;
    loop {
        match role {
            Role::Guest => {
                sleep(TAKE_OVER_INTERVAL).await;
                match home.try_own() {
                    Ok(None) => (),
                    Ok(Some(lock)) => {
                        tracing::info!(%data_dir, "the owner of the PostgreSQL cluster is gone; taking over");
                        *role = Role::Owner { lock, postmaster: None };
                        owns.store(true, Ordering::Release);
                    }
                    Err(why) => {
                        tracing::error!(%data_dir, %why, "cannot see whether the PostgreSQL cluster has an owner");
                        sleep(BACKOFF_MAX).await;
                    }
                }
            }
            Role::Owner { postmaster, .. } => {
                if let Some(running) = postmaster {
                    let since = Instant::now();
                    let ended = running.ended(home).await;
                    *postmaster = None;
                    if since.elapsed() >= BACKOFF_FORGOTTEN_AFTER {
                        pause = BACKOFF_MIN;
                    }
                    tracing::warn!(%data_dir, ?ended, ?pause, "PostgreSQL ended unasked; restarting it");
                    sleep(pause).await;
                    pause = BACKOFF_MAX.min(pause * 2);
                }
                match Postmaster::launch(home, durable).await {
                    Ok(launched) => {
                        tracing::info!(%data_dir, "PostgreSQL answers again");
                        *postmaster = Some(launched);
                    }
                    Err(why) => {
                        tracing::error!(%data_dir, %why, ?pause, "PostgreSQL could not be restarted; trying again");
                        sleep(pause).await;
                        pause = BACKOFF_MAX.min(pause * 2);
                    }
                }
            }
        }
    }
}

/// The owner's last duty: nothing of the cluster runs when it returns.
async fn leave(home: &Home, postmaster: Option<Postmaster>) {
    let data_dir = home.data_dir.display();
    if let Some(running) = postmaster {
        match running.shut_down().await {
            Ok(status) if status.success() => tracing::info!(%data_dir, "PostgreSQL has shut down"),
            Ok(status) => tracing::warn!(%data_dir, %status, "PostgreSQL has ended, though not cleanly"),
            Err(why) => tracing::error!(%data_dir, %why, "could not wait for the end of PostgreSQL"),
        }
    }
    // Also what a restart had just begun, and what has lost its guard.
    if let Err(why) = postmaster::wait_for_silence(home).await {
        tracing::error!(%data_dir, %why, "PostgreSQL has not gone");
    }
}
