//! The parts of a running service, put together: cluster, log, appender, policies, read models.

use crate::asking::Asking;
use crate::chains::{ChainState, Chains, Held, Keeper, Teller};
use crate::clocks::Clocks;
use crate::policies;
use crate::preview;
use crate::rates::Rates;
use crate::timers::Timers;
use crate::watch::Rpc;
use crate::write::{Context, Done, NotDone, Writer};
use chrono::{DateTime, Utc};
use mizan_domain::event::Command;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::Chain;
use mizan_projections::{Projector, Reads};
use mizan_store::embedded::{Cluster, EmbeddedError, Settings};
use mizan_store::seal::SealFollower;
use mizan_store::vault::Vault;
use mizan_store::{Log, LogError, PgConnectOptions};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

/// Connections to the database, of one process.
pub const CONNECTIONS_MAX: u32 = 24;

/// Where the facts are kept.
#[derive(Debug, Clone)]
pub struct Place {
    /// A PostgreSQL server of your own; without it a private cluster runs in the data directory.
    pub database_url: Option<String>,
    /// An EventStoreDB that keeps the history, as `esdb://...`; without it PostgreSQL keeps that too.
    pub store: Option<String>,
    /// The private cluster, and the API key.
    pub data_dir: PathBuf,
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The private cluster did not start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// `DATABASE_URL` is not one.
    #[error("DATABASE_URL cannot be read: {0}; write postgres://user:password@host/database")]
    DatabaseUrl(sqlx::Error),
    /// The log could not be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The read models could not be opened.
    #[error("the read models could not be opened: {0}")]
    Reads(#[from] sqlx::Error),
}

/// A running service without its HTTP side.
pub struct Engine {
    /// The event log.
    pub log: Log,
    /// The way in.
    pub writer: Writer,
    /// What keeps the read models up.
    pub projector: Arc<Projector>,
    /// The read models.
    pub reads: Reads,
    /// What signs the history.
    pub seal: SealFollower,
    /// What time it is.
    pub clocks: Arc<Clocks>,
    /// What personal values are sealed with.
    pub vault: Vault,
    /// What assets cost, where somebody says so.
    pub rates: Option<Arc<Rates>>,
    /// The chains that are watched.
    pub chains: Chains,
    /// Where the keys are.
    pub(crate) data_dir: PathBuf,
    timers: Timers,
    followers: [JoinHandle<()>; 2],
    cluster: Option<Cluster>,
}

/// A command and everything that followed from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The command's own answer.
    pub done: Done,
    /// What the policies did about it.
    pub consequences: Vec<Done>,
}

/// Opens the event log alone, for programs that only read or rebuild.
///
/// # Errors
/// [`StartError`]. The cluster must be kept as long as the log is used.
pub async fn open_log(place: &Place) -> Result<(Log, Option<Cluster>), StartError> {
    let (options, cluster) = match &place.database_url {
        Some(url) => (PgConnectOptions::from_str(url).map_err(StartError::DatabaseUrl)?, None),
        None => {
            let cluster = Cluster::start(Settings { data_dir: place.data_dir.clone(), durable: true }).await?;
            (cluster.connect_options(), Some(cluster))
        }
    };
    let log = match &place.store {
        Some(address) => Log::connect_eventstoredb(options, CONNECTIONS_MAX, address).await,
        None => Log::connect(options, CONNECTIONS_MAX).await,
    };
    Ok((log?, cluster))
}

impl Engine {
    /// Starts everything.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(place: &Place) -> Result<Self, StartError> {
        let (log, cluster) = open_log(place).await?;
        let projector = Arc::new(Projector::start(log.clone()).await?);
        let reads = Reads::new(log.clone()).keeping(projector.touched());
        let wake = projector.clone();
        let writer = Writer::start(log.clone(), Arc::new(move || wake.wake()));
        let clocks = Arc::new(Clocks::new(log.clone()));
        let timers = Timers {
            log: log.clone(),
            writer: writer.clone(),
            projector: Arc::clone(&projector),
            reads: reads.clone(),
            clocks: Arc::clone(&clocks),
        };
        let vault = Vault::new(log.pool().clone(), &place.data_dir);
        let policies = tokio::spawn(policies::follow(log.clone(), writer.clone(), vault.clone()));
        let data_dir = place.data_dir.clone();
        let seal = SealFollower::start(log.clone(), &place.data_dir);
        let followers = [policies, tokio::spawn(timers.clone().follow())];
        Ok(Self {
            log,
            writer,
            projector,
            reads,
            seal,
            clocks,
            vault,
            rates: None,
            chains: Chains::default(),
            data_dir,
            timers,
            followers,
            cluster,
        })
    }

    /// Watches a chain from now on, through a node. Rates come first: what is not known to cost anything is not confirmed.
    pub fn watch(&mut self, chain: Chain, node: Rpc) {
        let state = ChainState::starting(chain);
        let (sender, state) = watch::channel(state);
        self.chains.watch(chain, node, self.keeper(sender), state);
    }

    /// Who keeps what is seen of a chain, and tells it.
    #[must_use]
    pub fn keeper(&self, state: watch::Sender<ChainState>) -> Keeper {
        let (reads, clocks, rates) = (self.reads.clone(), Arc::clone(&self.clocks), self.rates.clone());
        let teller = Teller { writer: self.writer.clone(), reads: reads.clone(), clocks: Arc::clone(&clocks), rates };
        let (log, projector) = (self.log.clone(), Arc::clone(&self.projector));
        Keeper { log, reads, projector, clocks, teller, state, held: Mutex::new(Held::default()) }
    }

    /// Does a command and everything that follows from it, whether the caller waits or goes away.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn command(&self, asking: impl Into<Asking>, mut context: Context) -> Result<Settled, NotDone> {
        // What is rare is large, and has a box of its own: a future is as large as the largest of its ways, and is moved
        // and cleared as a whole with every command.
        let command = match asking.into() {
            Asking::Command(command) => command,
            other => Box::pin(other.complete(self, &mut context)).await?,
        };
        if context.dry_run {
            return Box::pin(self.try_out(command, context)).await;
        }
        if matches!(command, Command::Clock(_) | Command::Customer(_)) {
            return Box::pin(self.command_with_more_to_do(command, context)).await;
        }
        // One message to the appender: a caller that goes away has lost only the answer, and what is left to do where
        // another process was first is done by the follower then.
        let done = self.writer.ask(command, context.clone()).await?;
        if done.is_settled {
            return Ok(Settled { done, consequences: Vec::new() });
        }
        let mut writer = self.writer.clone();
        let rest = async move { Ok(settled(&mut writer, &context, done).await) };
        Box::pin(in_any_case(rest)).await
    }

    async fn try_out(&self, command: Command, context: Context) -> Result<Settled, NotDone> {
        let done = self.writer.ask(command, context.clone()).await?;
        let is_new = !done.replayed;
        let consequences = if is_new { preview::consequences(&self.log, &context, &done).await? } else { Vec::new() };
        Ok(Settled { done, consequences })
    }

    /// What has to be done besides appending: time that passes, keys that are destroyed.
    async fn command_with_more_to_do(&self, command: Command, context: Context) -> Result<Settled, NotDone> {
        let (mut writer, timers, vault) = (self.writer.clone(), self.timers.clone(), self.vault.clone());
        in_any_case(async move {
            let is_clock = matches!(command, Command::Clock(_));
            let done = writer.ask(command, context.clone()).await?;
            policies::forget(&vault, &context.merchant, done.events.iter().map(|it| &*it.event)).await;
            if is_clock {
                timers.pass_own(&context.merchant).await?;
            }
            Ok(settled(&mut writer, &context, done).await)
        })
        .await
    }

    /// What time it is for a merchant.
    ///
    /// # Errors
    /// [`NotDone::Unavailable`].
    pub async fn now(&self, merchant: &MerchantId) -> Result<DateTime<Utc>, NotDone> {
        self.clocks.now(merchant).await.map_err(|error| NotDone::Unavailable(error.to_string()))
    }

    /// Stops what runs, and the private cluster last.
    pub async fn stop(self) {
        self.chains.stop().await;
        self.followers.iter().for_each(JoinHandle::abort);
        self.seal.stop();
        self.projector.stop().await;
        self.log.pool().close().await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

/// Does something to its end, whether the caller waits or goes away.
async fn in_any_case(
    work: impl Future<Output = Result<Settled, NotDone>> + Send + 'static,
) -> Result<Settled, NotDone> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(NotDone::Unavailable(error.to_string())))
}

/// A command that is recorded, with what follows from it.
async fn settled(writer: &mut Writer, context: &Context, done: Done) -> Settled {
    let consequences = match policies::settle(writer, context, &done).await {
        Ok(consequences) => consequences,
        Err(not_done) => {
            // The command itself is recorded: the follower does the rest.
            tracing::warn!(%not_done, "what follows from a command is left to the follower");
            Vec::new()
        }
    };
    Settled { done, consequences }
}
