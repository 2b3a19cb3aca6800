//! What processes have used, as the kernel tells it in /proc: CPU and memory. Linux only; elsewhere everything is nothing.

use nix::sys::time::TimeVal;
use std::time::Duration;

/// The kernel counts CPU in these, for programs that ask in /proc.
const TICKS_PER_SECOND: u64 = 100;

/// The processes that are measured; their children of PostgreSQL come and go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Processes {
    pub(crate) service: Option<u32>,
    pub(crate) postmaster: u32,
}

/// CPU since the start of the processes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) service: Duration,
    pub(crate) postgres: Duration,
}

/// Memory now, in MiB.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) service: u64,
    /// The most that was ever resident.
    pub(crate) service_peak: u64,
    /// What is shared by several processes counted once.
    pub(crate) postgres: u64,
}

impl Processes {
    pub(crate) fn cpu(self) -> Cpu {
        let service = self.service.and_then(stat).map_or(Duration::ZERO, |it| it.own);
        // Whoever has ended is counted by the postmaster, who has waited for them.
        let postmaster = stat(self.postmaster).map_or(Duration::ZERO, |it| it.own + it.of_ended_children);
        let backends = self.backends().into_iter().filter_map(stat).map(|it| it.own).sum::<Duration>();
        Cpu { service, postgres: postmaster + backends }
    }

    pub(crate) fn memory(self) -> Memory {
        let of = |name| self.service.map_or(0, |pid| line_kib(&format!("/proc/{pid}/status"), name) / 1024);
        let postgres = self.backends().into_iter().chain([self.postmaster]);
        let postgres_kib: u64 = postgres.map(|pid| line_kib(&format!("/proc/{pid}/smaps_rollup"), "Pss:")).sum();
        Memory { service: of("VmRSS:"), service_peak: of("VmHWM:"), postgres: postgres_kib / 1024 }
    }

    fn backends(self) -> Vec<u32> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid| stat(*pid).is_some_and(|it| it.parent == self.postmaster)).collect()
    }
}

impl std::ops::Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            service: self.service.saturating_sub(before.service),
            postgres: self.postgres.saturating_sub(before.postgres),
        }
    }
}

pub(crate) fn duration(it: TimeVal) -> Duration {
    Duration::from_secs(it.tv_sec().unsigned_abs()) + Duration::from_micros(it.tv_usec().unsigned_abs())
}

/// The most memory that this process ever had, in MiB.
pub(crate) fn own_peak_memory_mib() -> u64 {
    line_kib("/proc/self/status", "VmHWM:") / 1024
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: Duration,
    of_ended_children: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// proc_pid_stat(5). The second field is a name that may hold spaces and parentheses.
fn parse(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |nth: usize| fields.get(nth)?.parse::<u64>().ok();
    let ticks = |user: usize, system: usize| {
        Some(Duration::from_millis((number(user)? + number(system)?) * 1000 / TICKS_PER_SECOND))
    };
    Some(Stat { parent: fields.get(1)?.parse().ok()?, own: ticks(11, 12)?, of_ended_children: ticks(13, 14)? })
}

/// The number of a line `Name:   123 kB`; 0 where there is none.
fn line_kib(path: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_passed_over() {
        let line = "42 (a b) c) S 7 42 42 0 -1 4194304 100 0 0 0 250 50 30 20 20 0 1 0 100 0 0";
        let expected = Stat { parent: 7, own: Duration::from_secs(3), of_ended_children: Duration::from_millis(500) };
        assert_eq!(parse(line), Some(expected));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_a_parent_and_memory() {
        assert!(stat(std::process::id()).is_some_and(|it| it.parent > 0));
        assert!(own_peak_memory_mib() > 0);
    }
}
