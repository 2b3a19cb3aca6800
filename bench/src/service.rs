//! The real service as a process of its own, on a private PostgreSQL that is as durable as in earnest.

use crate::history::{History, Story};
use crate::processes::Processes;
use crate::{AS_MIZAN, Failure};
use mizan_domain::id::MerchantId;
use mizan_store::{Log, PgConnectOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::PgPool;
use sqlx::postgres::{PgPoolOptions, PgSslMode};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The one that a service has.
const MERCHANT: &str = "local";
/// More than a load generator can ask.
const REQUESTS_PER_SECOND: &str = "1000000";
const END_MAX: Duration = Duration::from_secs(60);
/// Read models that do not follow for so long are taken as halted.
const CATCH_UP_MAX: Duration = Duration::from_secs(3600);
const LOOK_PAUSE: Duration = Duration::from_millis(5);
const CONNECTIONS_MAX: u32 = 4;

/// A running service. It ends with its value, and its PostgreSQL with it.
pub(crate) struct Service {
    child: Child,
    data_dir: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    /// The same database, for filling and for looking on.
    pub(crate) pool: PgPool,
    pub(crate) processes: Processes,
}

impl Service {
    /// Starts one on an empty directory, or on the data of one that was stopped.
    pub(crate) async fn start(program: &Path, data_dir: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(data_dir)?;
        let log = File::options().create(true).append(true).open(data_dir.join("service.log"))?;
        let mut child = Command::new(program)
            .env(AS_MIZAN, "1")
            .env_remove("DATABASE_URL")
            .env_remove("MIZAN_STORE")
            .env_remove("MIZAN_API_KEY")
            .env_remove("MIZAN_NODES")
            .arg("--data-dir")
            .arg(data_dir)
            .args(["serve", "--listen", "127.0.0.1:0", "--requests-per-second", REQUESTS_PER_SECOND])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the service has no output")?;
        let Some(address) = first_address(BufReader::new(stdout)) else {
            let said = std::fs::read_to_string(data_dir.join("service.log")).unwrap_or_default();
            return Err(format!("the service did not start: {:?}\n{said}", child.wait()).into());
        };
        let key = std::fs::read_to_string(data_dir.join("api-key"))?.trim().to_owned();
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(database(data_dir)).await?;
        let processes = Processes { service: Some(child.id()), postmaster: postmaster(data_dir)? };
        Ok(Self { child, data_dir: data_dir.to_owned(), address: address.parse()?, key, pool, processes })
    }

    /// How to reach another database of the same PostgreSQL.
    pub(crate) fn socket_dir(&self) -> PathBuf {
        socket_dir(&self.data_dir)
    }

    /// A history to be appended past HTTP, of the service's merchant.
    pub(crate) async fn history(&self, story: Story, customers: u64) -> Result<History, Failure> {
        let log = Log::connect(database(&self.data_dir), CONNECTIONS_MAX).await?;
        Ok(History { log, merchant: MerchantId::parse(MERCHANT)?, story, customers })
    }

    /// Events that the read models do not show yet.
    pub(crate) async fn behind(&self) -> Result<u64, Failure> {
        let sql = "select (select position from log_head) - (select position from read.checkpoint)";
        let behind: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        Ok(behind.max(0).unsigned_abs())
    }

    /// Waits until the read models show everything; says how long that took.
    pub(crate) async fn catch_up(&self) -> Result<Duration, Failure> {
        let begun = Instant::now();
        while self.behind().await? > 0 {
            if begun.elapsed() > CATCH_UP_MAX {
                return Err("the read models do not follow".into());
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Ok(begun.elapsed())
    }

    /// After much was written past HTTP: waits until everything that follows the history has come to its end, and brings
    /// the tables to rest, so that none of it is measured with what comes next.
    pub(crate) async fn settle(&self) -> Result<(), Failure> {
        self.catch_up().await?;
        let begun = Instant::now();
        let sql = "select (select position from log_head) - coalesce((select max(size) from seal.checkpoints), 0)";
        while sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.pool).await? > 0 {
            if begun.elapsed() > CATCH_UP_MAX {
                return Err("the seal does not follow".into());
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        sqlx::raw_sql("vacuum analyze").execute(&self.pool).await?;
        sqlx::raw_sql("checkpoint").execute(&self.pool).await?;
        Ok(())
    }

    /// Ends it as users do, so that the next one begins with nothing to recover.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.pool.close().await;
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let ended = self.child.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("the service ended with {ended}").into()) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended = self.child.wait();
        // PostgreSQL follows its owner, but takes a moment; its directory must not be removed under it.
        let begun = Instant::now();
        while postmaster(&self.data_dir).is_ok() && begun.elapsed() < END_MAX {
            std::thread::sleep(LOOK_PAUSE);
        }
    }
}

fn database(data_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir(data_dir))
        .port(5432)
        .username("mizan")
        .database("mizan")
        .ssl_mode(PgSslMode::Disable)
}

fn socket_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("run")
}

fn postmaster(data_dir: &Path) -> Result<u32, Failure> {
    let file = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid"))?;
    Ok(file.lines().next().ok_or("postmaster.pid is empty")?.trim().parse()?)
}

/// The first address that a service prints; it takes requests then.
fn first_address(stdout: impl BufRead) -> Option<String> {
    let mut lines = stdout.lines().map_while(Result::ok);
    let address = lines.find_map(|line| Some(line.split_once("http://")?.1.to_owned()))?;
    address.split_whitespace().next().map(str::to_owned)
}
