//! One throw-away cluster for the test binary, a database for every test.

use eventstoredb_in_process::Server;
use mizan_store::embedded::{self, Cluster, Settings};
use mizan_store::{Log, PgConnectOptions};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Runtime;

/// The connections of one process of the tests.
const CONNECTIONS_MAX: u32 = 4;

/// The database with the log's tables that every other one is copied from.
const MIGRATED: &str = "migrated";
/// The empty one that is copied for a test of the migrations.
const EMPTY: &str = "template0";

/// Databases whose default collation is that of English dictionaries, where `a` < `B` < `c` and `-` counts for little:
/// what the log promises must not hang on the collation of the machine it runs on.
const COLLATION: &str = "locale_provider icu icu_locale 'en-US' locale 'C' encoding 'UTF8'";

/// Removes the directory once the process that holds the pipe is gone, however it went, and PostgreSQL with it.
const SWEEPER: &str = r#"
trap '' HUP INT TERM
read -r _line
tries=0
while [ -e "$1/postgres/postmaster.pid" ] && [ "$tries" -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf "$1"
"#;

/// A cluster, and what has to live as long as it.
pub(crate) struct Running {
    cluster: Cluster,
    /// The supervision of the cluster lives in it, longer than the runtime of any test.
    _runtime: Runtime,
    /// It waits for the end of the pipe that is held here.
    _sweeper: Child,
}

impl Running {
    /// One of its own for a test that measures; the others share one.
    pub(crate) fn start(durable: bool) -> Self {
        let data_dir = std::env::temp_dir().join(format!("mizan-log-{}", uuid::Uuid::now_v7().simple()));
        let sweeper = sweep_at_the_end(&data_dir);
        // A runtime cannot be waited for from inside another one.
        let started = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let cluster = runtime.block_on(Cluster::start(Settings { data_dir, durable }));
            let cluster = cluster.unwrap_or_else(|why| panic!("no PostgreSQL for the tests: {why}"));
            runtime.block_on(make_template(&cluster));
            (cluster, runtime)
        });
        let (cluster, _runtime) = started.join().unwrap();
        Self { cluster, _runtime, _sweeper: sweeper }
    }

    /// A copy of the database with the log's tables.
    pub(crate) async fn database(&'static self) -> Database {
        self.copy_of(MIGRATED).await
    }

    async fn copy_of(&'static self, template: &str) -> Database {
        static MADE: AtomicU32 = AtomicU32::new(1);
        let name = format!("log_{}", MADE.fetch_add(1, Ordering::Relaxed));
        let mut connection = connect(&self.cluster, embedded::DATABASE).await;
        let create = AssertSqlSafe(format!("create database {name} template {template}"));
        connection.execute(create).await.unwrap();
        Database { cluster: &self.cluster, name, keeper: Keeper::Postgres }
    }
}

async fn make_template(cluster: &Cluster) {
    let mut connection = connect(cluster, embedded::DATABASE).await;
    let has_icu = "select current_setting('server_version_num')::int >= 150000 and \
                   exists (select from pg_collation where collprovider = 'i')";
    let has_icu: bool = sqlx::query_scalar(has_icu).fetch_one(&mut connection).await.unwrap();
    let collation = if has_icu { COLLATION } else { "" };
    let create = AssertSqlSafe(format!("create database {MIGRATED} template template0 {collation}"));
    connection.execute(create).await.unwrap();
    let log = Log::connect(cluster.connect_options_for(MIGRATED), 1).await.unwrap();
    // A database is copied only while nobody is connected to it.
    log.pool().close().await;
}

async fn connect(cluster: &Cluster, database: &str) -> PgConnection {
    PgConnection::connect_with(&cluster.connect_options_for(database)).await.unwrap()
}

fn sweep_at_the_end(data_dir: &Path) -> Child {
    let mut sweeper = Command::new("/bin/sh");
    sweeper.args(["-c", SWEEPER, "mizan-log-sweeper"]).arg(data_dir).process_group(0);
    sweeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn shared() -> &'static Running {
    static SHARED: OnceLock<Running> = OnceLock::new();
    SHARED.get_or_init(|| Running::start(false))
}

/// A database of the shared cluster, for one test; and an EventStoreDB, where that keeps the history.
pub(crate) struct Database {
    cluster: &'static Cluster,
    pub(crate) name: String,
    pub(crate) keeper: Keeper,
}

/// Who keeps the history.
pub(crate) enum Keeper {
    Postgres,
    /// A server in this process.
    InProcess(Server),
    /// A history of its own on the server that `MIZAN_TEST_ESDB` names.
    Real(String),
}

impl Database {
    /// One with the log's tables and nothing in them.
    pub(crate) async fn new() -> Self {
        shared().database().await
    }

    /// The same, beside an EventStoreDB that keeps the history: a real one, where `MIZAN_TEST_ESDB` says where.
    pub(crate) async fn on_eventstoredb() -> Self {
        let keeper = match std::env::var("MIZAN_TEST_ESDB") {
            Ok(address) => {
                let (id, sign) =
                    (uuid::Uuid::now_v7().simple().to_string(), if address.contains('?') { '&' } else { '?' });
                Keeper::Real(format!("{address}{sign}history=t{}", &id[..31]))
            }
            Err(_) => Keeper::InProcess(Server::start()),
        };
        Self { keeper, ..Self::new().await }
    }

    /// The same, beside a server in this process, whatever the environment says.
    pub(crate) async fn on(server: Server) -> Self {
        Self { keeper: Keeper::InProcess(server), ..Self::new().await }
    }

    /// Where EventStoreDB is.
    pub(crate) fn address(&self) -> String {
        match &self.keeper {
            Keeper::Postgres => panic!("PostgreSQL keeps this history"),
            Keeper::InProcess(server) => server.address(),
            Keeper::Real(address) => address.clone(),
        }
    }

    /// The server in this process.
    pub(crate) fn server(&mut self) -> &mut Server {
        match &mut self.keeper {
            Keeper::InProcess(server) => server,
            Keeper::Postgres | Keeper::Real(_) => panic!("there is no server in this process"),
        }
    }

    /// One without any table.
    pub(crate) async fn empty() -> Self {
        shared().copy_of(EMPTY).await
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        self.cluster.connect_options_for(&self.name)
    }

    /// A process.
    pub(crate) async fn log(&self) -> Log {
        self.log_with(CONNECTIONS_MAX).await
    }

    /// A process with so many connections.
    pub(crate) async fn log_with(&self, connections_max: u32) -> Log {
        match &self.keeper {
            Keeper::Postgres => Log::connect(self.options(), connections_max).await.unwrap(),
            Keeper::InProcess(_) | Keeper::Real(_) => {
                Log::connect_eventstoredb(self.options(), connections_max, &self.address()).await.unwrap()
            }
        }
    }

    /// Several processes.
    pub(crate) async fn logs(&self, count: usize) -> Vec<Log> {
        let mut logs = Vec::new();
        for _ in 0..count {
            logs.push(self.log().await);
        }
        logs
    }

    /// A connection of somebody who is no process of Mizan, with every right.
    pub(crate) async fn connection(&self) -> PgConnection {
        connect(self.cluster, &self.name).await
    }

    /// Returns when so many statements that contain these words wait for a lock.
    pub(crate) async fn until_waiting(&self, count: i64, words: &str) {
        let mut connection = self.connection().await;
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() \
                       and wait_event_type = 'Lock' and position($1 in query) > 0 and pid <> pg_backend_pid()";
        loop {
            let found: i64 = sqlx::query_scalar(waiting).bind(words).fetch_one(&mut connection).await.unwrap();
            if found >= count {
                return;
            }
        }
    }
}

/// Tests of the contract: each is run once for each store that has to keep it, on a history of its own.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::database::Database::new().await).await;
            })+
        }

        mod on_eventstoredb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::database::Database::on_eventstoredb().await).await;
            })+
        }
    };
}

pub(crate) use contract;
