//! A system under test: where its data are, its services, and its command line.

use crate::cluster::Cluster;
use crate::scratch::Scratch;
use crate::service::Service;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many systems there may be at a time: each has connections and threads of its own.
const SYSTEMS_MAX: usize = 8;
static SYSTEMS: Semaphore = Semaphore::const_new(SYSTEMS_MAX);

/// The key of every service under test.
pub const API_KEY: &str = "mzn_test_0000000000000000000000000000000000000";

/// Where a system keeps its data.
#[derive(Debug, Clone)]
pub enum Place {
    /// A database of a running PostgreSQL.
    Database(String),
    /// The private cluster in the system's own directory.
    DataDir,
}

/// A place for data, and a directory for files.
#[derive(Debug)]
pub struct System {
    place: Place,
    /// Where an EventStoreDB keeps the history.
    store: Option<String>,
    scratch: Scratch,
    _permit: SemaphorePermit<'static>,
}

/// What a run of the command line came to.
#[derive(Debug)]
pub struct Run {
    /// The exit status.
    pub status: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said beside that.
    pub stderr: String,
}

impl System {
    /// One with an empty database in the shared cluster.
    pub async fn new() -> Self {
        Self::at(Place::Database(Cluster::shared().database().await)).await
    }

    /// One with a private cluster of its own, as durable as in earnest.
    pub async fn embedded() -> Self {
        Self::at(Place::DataDir).await
    }

    /// One at a place.
    pub async fn at(place: Place) -> Self {
        let permit = SYSTEMS.acquire().await.unwrap();
        Self { place, store: None, scratch: Scratch::new(), _permit: permit }
    }

    /// One whose history an EventStoreDB keeps; the rest is in an empty database of the shared cluster.
    pub async fn on_eventstoredb(address: String) -> Self {
        Self { store: Some(address), ..Self::new().await }
    }

    /// Starts a service and waits until it takes requests.
    pub async fn serve(&self) -> Service {
        self.serve_with(&[]).await
    }

    /// The same, with more arguments.
    pub async fn serve_with(&self, arguments: &[&str]) -> Service {
        self.start("serve", arguments, &[]).await
    }

    /// Starts a service in an environment: variables and what they are set to.
    pub async fn serve_in(&self, environment: &[(&str, &str)]) -> Service {
        self.start("serve", &[], environment).await
    }

    /// Starts a service with demonstration data.
    pub async fn demo(&self) -> Service {
        self.start("demo", &[], &[]).await
    }

    async fn start(&self, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Service {
        let mut command = self.command(&[name, "--listen", "127.0.0.1:0"]);
        command.args(arguments).env("RUST_LOG", "info").envs(environment.iter().copied());
        let cluster = match &self.place {
            Place::Database(_) => None,
            Place::DataDir => Some(self.data_dir()),
        };
        Service::start(command, self.file("service.log"), cluster).await
    }

    /// Runs the command line to its end.
    #[must_use]
    pub fn mizan(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// The command line on this system's data, not started yet.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = mizan();
        command.arg("--data-dir").arg(self.data_dir()).env("MIZAN_API_KEY", API_KEY);
        if let Place::Database(url) = &self.place {
            command.args(["--database-url", url]);
        }
        if let Some(address) = &self.store {
            command.env("MIZAN_STORE", address);
        }
        command.args(arguments);
        command
    }

    /// The directory that `--data-dir` names.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.file("data")
    }

    /// The process id of the private cluster's PostgreSQL.
    #[must_use]
    pub fn postgres_pid(&self) -> i32 {
        let file = self.data_dir().join("postgres/postmaster.pid");
        std::fs::read_to_string(file).unwrap().lines().next().unwrap().parse().unwrap()
    }

    /// The URL of the database, where there is one.
    #[must_use]
    pub fn database_url(&self) -> &str {
        match &self.place {
            Place::Database(url) => url,
            Place::DataDir => panic!("a private cluster has no URL"),
        }
    }

    /// A file or directory of this system.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

impl Run {
    /// Runs a command to its end.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Insists on an exit status.
    pub fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// What it printed, as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON: {error}\n{self:#?}"))
    }
}

/// The binary, deaf to what the shell of the tester has set.
#[must_use]
pub(crate) fn mizan() -> Command {
    let mut command = Command::new(binary());
    let settings = [
        "DATABASE_URL",
        "MIZAN_DATA_DIR",
        "MIZAN_LISTEN",
        "MIZAN_NODES",
        "MIZAN_RATES",
        "MIZAN_RATES_LOOPBACK",
        "MIZAN_REQUESTS_PER_SECOND",
        "MIZAN_STORE",
        "RUST_LOG",
    ];
    for name in settings {
        command.env_remove(name);
    }
    command
}

/// The binary beside the tests: `target/<profile>/mizan`.
fn binary() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().and_then(Path::parent).unwrap().join("mizan");
    assert!(binary.is_file(), "{} is not built; run `cargo build -p mizan` first (`make test` does)", binary.display());
    if let Some(source) = newer_source(&binary) {
        eprintln!("note: {source} was changed after {} was built; run `cargo build -p mizan`", binary.display());
    }
    binary
}

/// The first source of the binary, by the list that cargo keeps beside it, that is newer than the binary.
fn newer_source(binary: &Path) -> Option<String> {
    let changed = |path: &Path| path.metadata().and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let built = changed(binary);
    let list = std::fs::read_to_string(binary.with_extension("d")).ok()?;
    let sources = list.split_once(": ")?.1.split_whitespace();
    sources.map(str::to_owned).find(|source| changed(Path::new(source)) > built)
}
