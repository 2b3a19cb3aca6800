//! What was measured and on what: the commit and the machine, without a name of either.

use crate::Failure;
use std::process::Command;

/// A line for the document.
pub(crate) fn describe(postgres: &str) -> Result<String, Failure> {
    let cores = std::thread::available_parallelism()?;
    let memory = text("/proc/meminfo").and_then(|it| field(&it, "MemTotal")?.split(' ').next()?.parse::<u64>().ok());
    let memory_gib = memory.unwrap_or(0).div_ceil(1 << 20);
    let processor = text("/proc/cpuinfo").and_then(|it| field(&it, "model name")).unwrap_or_else(|| "unknown".into());
    let kernel = text("/proc/sys/kernel/osrelease").unwrap_or_default();
    Ok(format!(
        "Commit {}, measured on {}; {cores} cores ({processor}), {memory_gib} GiB, kernel {}, PostgreSQL {postgres}. \
         Service, PostgreSQL and load generator share the cores.",
        commit(),
        today(),
        kernel.trim()
    ))
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|it| it.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    // Tables that were just written are no change.
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ":!/docs"]);
    if changed.is_some_and(|it| !it.is_empty()) { format!("{commit} with changes") } else { commit }
}

fn today() -> String {
    chrono::Utc::now().format("%-d %B %Y").to_string()
}

fn text(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
