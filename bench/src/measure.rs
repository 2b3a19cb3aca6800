//! One measurement: the disk looked at before and after, the load, the read models until they have caught up, and what all
//! of that took of the CPU.

use crate::Failure;
use crate::disk::{self, Disk};
use crate::load::{Histogram, Load, Seen, Work};
use crate::processes::Cpu;
use crate::report::{Table, grouped, median, millis};
use crate::service::Service;
use std::time::Duration;

/// What one run of a load gave.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) seen: Seen,
    /// From the first request until the read models had caught up.
    pub(crate) cpu: Cpu,
    /// Events that the read models had not shown when the last answer came.
    pub(crate) behind: u64,
    /// How long they took for those.
    pub(crate) caught_up: Duration,
    /// The lower of what the disk did before and after.
    pub(crate) syncs_per_second: u64,
}

/// Runs a load against the service, from nothing left to do until nothing is left to do.
pub(crate) async fn run(
    service: &Service,
    disk: &mut Disk,
    load: Load,
    work: &mut (impl Work + Send),
) -> Result<Run, Failure> {
    service.catch_up().await?;
    let before = disk.syncs_per_second()?;
    let cpu = service.processes.cpu();
    let seen = tokio::task::block_in_place(|| load.run(work))?;
    let behind = service.behind().await?;
    let caught_up = service.catch_up().await?;
    let cpu = service.processes.cpu() - cpu;
    let after = disk.syncs_per_second()?;
    if let Some(refusal) = &seen.refusal {
        eprintln!("mizan-bench: {} refused; the first: {refusal}", seen.refused);
    }
    Ok(Run { seen, cpu, behind, caught_up, syncs_per_second: before.min(after) })
}

impl Run {
    /// Commands and queries that were done.
    pub(crate) fn done(&self) -> u64 {
        self.seen.commands + self.seen.queries
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.done() as f64 / self.seen.elapsed.as_secs_f64()
    }

    pub(crate) fn commands_per_second(&self) -> f64 {
        self.seen.commands as f64 / self.seen.elapsed.as_secs_f64()
    }

    /// CPU of service, PostgreSQL and load generator for each command or query, in microseconds.
    pub(crate) fn cpu_us_each(&self) -> [f64; 3] {
        let each = |it: Duration| it.as_secs_f64() * 1e6 / self.done().max(1) as f64;
        [each(self.cpu.service), each(self.cpu.postgres), each(self.seen.cpu)]
    }
}

/// The columns that rows of [`cells`] have.
pub(crate) const COLUMNS: [&str; 12] = [
    "what",
    "connections",
    "done/s",
    "events/s",
    "p50 ms",
    "p99 ms",
    "max ms",
    "CPU µs each: service",
    "PostgreSQL",
    "generator",
    "behind at the end",
    "disk syncs/s",
];

/// The medians of several runs of the same: what, with how many connections, how many events each makes.
pub(crate) fn cells(what: &str, connections: usize, events: u64, runs: &[Run]) -> Vec<String> {
    let of = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure));
    let rate = of(&Run::per_second);
    let latency = |figure: &dyn Fn(&Histogram) -> u64| {
        of(&|run| {
            let seen = &run.seen;
            let is_commands = seen.commands_latency.total() > 0;
            figure(if is_commands { &seen.commands_latency } else { &seen.queries_latency }) as f64
        })
    };
    let events_rate = of(&Run::commands_per_second) * events as f64;
    let behind = format!("{} ({:.2} s)", grouped(of(&|run| run.behind as f64)), of(&|run| run.caught_up.as_secs_f64()));
    vec![
        what.to_owned(),
        connections.to_string(),
        grouped(rate),
        if events == 0 { String::new() } else { grouped(events_rate) },
        millis(latency(&|it| it.quantile_us(500))),
        millis(latency(&|it| it.quantile_us(990))),
        millis(latency(&Histogram::max_us)),
        format!("{:.1}", of(&|run| run.cpu_us_each()[0])),
        format!("{:.1}", of(&|run| run.cpu_us_each()[1])),
        format!("{:.1}", of(&|run| run.cpu_us_each()[2])),
        if events == 0 { String::new() } else { behind },
        disk::shown(runs.iter().map(|run| run.syncs_per_second)),
    ]
}

/// Tells one run as it ends, so that nobody has to wait for the medians.
pub(crate) fn tell(what: &str, connections: usize, events: u64, round: usize, run: &Run) {
    let cells = cells(what, connections, events, std::slice::from_ref(run));
    let named: Vec<String> = COLUMNS
        .iter()
        .zip(cells)
        .skip(1)
        .filter(|(_, it)| !it.is_empty())
        .map(|(name, it)| format!("{name} {it}"))
        .collect();
    eprintln!("round {round}: {what}: {}", named.join(", "));
    if run.seen.refused > 0 {
        eprintln!("  {} were refused", run.seen.refused);
    }
}

/// What the service and its PostgreSQL have in memory now, as a note.
pub(crate) fn memory_note(table: &mut Table, service: &Service) {
    let memory = service.processes.memory();
    table.note(format!(
        "Memory at the end: service {} MiB resident, {} MiB at its peak; PostgreSQL {} MiB, its shared buffers among them.",
        memory.service, memory.service_peak, memory.postgres
    ));
}
