//! Programs of the tests: started on a free port, ended with the test.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longer than a node takes for anything on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running node.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program and waits for the line that says it is ready.
    pub(crate) fn start(command: &mut Command, ready: &str) -> (Self, String) {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| Some(line.ok()?).filter(|it| it.contains(ready)));
        let line = line.unwrap_or_else(|| panic!("{command:?} has ended before it was ready"));
        // What it prints later is read, or it would stop when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), line)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Where the nodes are installed: beside the profile's directory.
pub(crate) fn nodes_dir() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let dir = test.ancestors().nth(3).unwrap().join("nodes");
    assert!(dir.join("node_modules").is_dir(), "the nodes are not installed: scripts/bootstrap.sh for-tests does it");
    dir
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
