//! PostgreSQL for the tests: one throw-away cluster for a test binary, a database for every test.

use mizan_store::PgConnectOptions;
use mizan_store::embedded::{self, Settings};
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Runtime;

/// Removes the directory once the process that holds the pipe is gone, however it went, and PostgreSQL with it.
const SWEEPER: &str = r#"
trap '' HUP INT TERM
read -r _line
tries=0
while [ -e "$1/postgres/postmaster.pid" ] && [ "$tries" -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf "$1"
"#;

/// A cluster that forgets everything: nothing in it is ever synced to a disk.
#[derive(Debug)]
pub struct Cluster {
    data_dir: PathBuf,
    cluster: Option<embedded::Cluster>,
    databases: AtomicU32,
    /// The supervision of the cluster lives in it, longer than the runtime of any test.
    runtime: Option<Runtime>,
    _sweeper: ChildStdin,
}

impl Cluster {
    /// The one of this process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One more, for a test that is going to stop it.
    #[must_use]
    pub fn start() -> Self {
        let data_dir = std::env::temp_dir().join(format!("mizan-test-{}", uuid::Uuid::now_v7().simple()));
        let sweeper = sweep_at_the_end(&data_dir);
        let mut it = Self { data_dir, cluster: None, databases: AtomicU32::new(0), runtime: None, _sweeper: sweeper };
        it.start_again();
        it
    }

    /// Starts it once more, with all that was in it.
    pub fn start_again(&mut self) {
        let data_dir = self.data_dir.clone();
        // A runtime cannot be waited for from inside another one.
        let started = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let started = runtime.block_on(embedded::Cluster::start(Settings { data_dir, durable: false }));
            (started.unwrap_or_else(|error| panic!("no PostgreSQL for the tests: {error}")), runtime)
        });
        let (cluster, runtime) = started.join().unwrap();
        (self.cluster, self.runtime) = (Some(cluster), Some(runtime));
    }

    /// Makes a database, and gives back its URL.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed) + 1);
        let mut connection = PgConnection::connect_with(&self.options(embedded::DATABASE)).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("create database {name}"));
        sqlx::query(create).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        self.options(&name).to_url_lossy().to_string()
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        self.cluster.as_ref().unwrap().connect_options_for(database)
    }

    /// Shuts it down, and returns when it is gone.
    pub fn stop(&mut self) {
        let (Some(cluster), Some(runtime)) = (self.cluster.take(), self.runtime.take()) else { return };
        std::thread::spawn(move || runtime.block_on(cluster.stop())).join().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

#[allow(clippy::zombie_processes, reason = "it outlives this process on purpose")]
fn sweep_at_the_end(data_dir: &Path) -> ChildStdin {
    let mut sweeper = Command::new("/bin/sh");
    sweeper.args(["-c", SWEEPER, "mizan-test-sweeper"]).arg(data_dir).process_group(0);
    let mut sweeper = sweeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sweeper.stdin.take().unwrap()
}
