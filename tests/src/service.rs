//! A running service: the real binary as a child process, ended with its value.

use crate::PATIENCE;
use crate::client::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How much of a service's log a failed test shows.
const LOG_LINES_SHOWN: usize = 40;

/// A service that takes requests. It is a [`Client`] of itself.
#[derive(Debug)]
pub struct Service {
    child: Child,
    client: Client,
    log: PathBuf,
    /// The data directory of its private cluster, where it has one.
    cluster: Option<PathBuf>,
}

impl Service {
    pub(crate) async fn start(mut command: Command, log: PathBuf, cluster: Option<PathBuf>) -> Self {
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let address = tokio::task::spawn_blocking(move || first_address(BufReader::new(stdout)));
        let Ok(Ok(Some(address))) = tokio::time::timeout(PATIENCE, address).await else {
            let _ = child.kill();
            panic!("the service did not start: {:?}\n{}", child.wait(), tail(&log));
        };
        Self { client: Client::new(&address), child, log, cluster }
    }

    /// A client that can be taken elsewhere.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Ends the process as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, as `kill` does, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Deref for Service {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
        if let Some(data_dir) = &self.cluster {
            wait_until_silent(data_dir);
        }
        if std::thread::panicking() {
            eprintln!("{}", tail(&self.log));
        }
    }
}

/// The first address that a service prints; it takes requests then.
fn first_address(stdout: impl BufRead) -> Option<String> {
    let lines = stdout.lines().map_while(Result::ok);
    let mut addresses = lines.filter_map(|line| Some(line.split_once("http://")?.1.to_owned()));
    addresses.next()?.split_whitespace().next().map(str::to_owned)
}

/// PostgreSQL follows its owner, but takes a moment; its directory must not be removed under it.
fn wait_until_silent(data_dir: &Path) {
    let begun = Instant::now();
    while data_dir.join("postgres/postmaster.pid").exists() && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
    format!("--- the end of the service's log\n{}", shown.join("\n"))
}
