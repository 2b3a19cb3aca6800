//! Other event-sourcing libraries on the same PostgreSQL, in the same run: what they do without HTTP against what Mizan
//! does with it, two events a command each. They are a program of their own (bench/peers), because they need what a
//! machine may not have; where it was not built they are left out, and the table says so.

use crate::disk::{self, Disk};
use crate::effort::Effort;
use crate::report::{Table, grouped, median, millis};
use crate::requests::{Customers, What};
use crate::runs::Runs;
use crate::service::Service;
use crate::till::{CUSTOMERS, Till, Way};
use crate::{Failure, Setting};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const PROGRAM: &str = "mizan-bench-peers";
/// How each is called on the command line, and in the table.
const PEERS: [(&str, &str); 2] =
    [("cqrs-es", "cqrs-es 0.5 with postgres-es 0.5, no HTTP"), ("esrs", "esrs 0.18, no HTTP")];
/// Commands at a time, each with a connection to PostgreSQL.
const TASKS: [usize; 2] = [32, 64];
const OURS: &str = "receive-payment";

/// A run of a peer.
struct Peer {
    name: &'static str,
    tasks: usize,
    round: usize,
    per_second: f64,
    told: Value,
    postgres_us_each: f64,
    syncs_per_second: u64,
}

pub(crate) async fn run(setting: &Setting, effort: &Effort) -> Result<Vec<Table>, Failure> {
    let (service, mut disk) = setting.service("peers").await?;
    let customers = Customers::Spread(CUSTOMERS);
    let mut till = Till { service: &service, disk: &mut disk, next: 0 };
    till.warm_up(Way::One, &customers).await?;
    let program = std::env::current_exe()?.with_file_name(PROGRAM);
    let program = program.exists().then_some(program);
    let (mut ours, mut peers) = (Runs::default(), Vec::new());
    for round in 0..effort.rounds() {
        for connections in effort.connections() {
            let [_placed, paid] = till.place_and_pay(Way::One, &customers, connections, effort.duration()).await?;
            ours.add(OURS, connections, What::ReceivePayment.events(), paid);
        }
        for ((name, _), tasks) in PEERS.iter().flat_map(|peer| TASKS.map(|tasks| (peer, tasks))) {
            let Some(program) = &program else { continue };
            let asked = Asked { program, name, tasks, round, seconds: effort.duration() };
            let peer = asked.run(&service, till.disk).await?;
            eprintln!("round {}: {name}, {tasks} tasks: {}/s", round + 1, grouped(peer.per_second));
            peers.push(peer);
        }
    }
    let mut table = table(&ours, &peers, &effort.connections());
    if program.is_none() {
        table.note("The peers were SKIPPED: their program was not built. It needs the headers of OpenSSL.");
    }
    service.stop().await?;
    Ok(vec![table])
}

struct Asked<'a> {
    program: &'a PathBuf,
    name: &'static str,
    tasks: usize,
    round: usize,
    seconds: Duration,
}

impl Asked<'_> {
    /// In a database of its own, which is new each time.
    async fn run(&self, service: &Service, disk: &mut Disk) -> Result<Peer, Failure> {
        sqlx::raw_sql("create database peers").execute(&service.pool).await?;
        let before = disk.syncs_per_second()?;
        let cpu = service.processes.cpu();
        let output = Command::new(self.program)
            .args(["--peer", self.name, "--database", "peers", "--tasks", &self.tasks.to_string()])
            .args(["--seconds", &self.seconds.as_secs().to_string(), "--socket"])
            .arg(service.socket_dir())
            .output()?;
        let cpu = service.processes.cpu() - cpu;
        let after = disk.syncs_per_second()?;
        sqlx::raw_sql("drop database peers with (force)").execute(&service.pool).await?;
        if !output.status.success() {
            return Err(format!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr)).into());
        }
        let told: Value = serde_json::from_slice(&output.stdout)?;
        let number = |name: &str| told[name].as_f64().unwrap_or(0.0);
        Ok(Peer {
            name: self.name,
            tasks: self.tasks,
            round: self.round,
            per_second: number("commands") / number("elapsed_us") * 1e6,
            postgres_us_each: cpu.postgres.as_secs_f64() * 1e6 / number("commands").max(1.0),
            syncs_per_second: before.min(after),
            told,
        })
    }
}

fn table(ours: &Runs, peers: &[Peer], connections: &[usize]) -> Table {
    let mut head = vec![
        "what",
        "at a time",
        "commands/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "CPU µs each: its own",
        "PostgreSQL",
        "disk syncs/s",
    ];
    let ratios: Vec<String> = connections.iter().map(|it| format!("Mizan with {it} connections against it")).collect();
    head.extend(ratios.iter().map(String::as_str));
    let mut table = Table::new("peers", &head);
    for connections in connections {
        let runs = ours.of(OURS, *connections);
        let of = |figure: &dyn Fn(&crate::measure::Run) -> f64| median(runs.iter().map(figure));
        let latency = |of_thousand| of(&|run| run.seen.commands_latency.quantile_us(of_thousand) as f64);
        let cells = [
            format!("Mizan, {OURS} over HTTP"),
            connections.to_string(),
            grouped(of(&|run| run.per_second())),
            millis(latency(500)),
            millis(latency(990)),
            millis(of(&|run| run.seen.commands_latency.max_us() as f64)),
            format!("{:.1}", of(&|run| run.cpu_us_each()[0])),
            format!("{:.1}", of(&|run| run.cpu_us_each()[1])),
            disk::shown(runs.iter().map(|run| run.syncs_per_second)),
        ];
        table.row(cells.into_iter().chain(ratios.iter().map(|_| String::new())));
    }
    for ((name, shown), tasks) in PEERS.iter().flat_map(|peer| TASKS.map(|tasks| (peer, tasks))) {
        let runs: Vec<&Peer> = peers.iter().filter(|it| it.name == *name && it.tasks == tasks).collect();
        if runs.is_empty() {
            continue;
        }
        let of = |figure: &dyn Fn(&Peer) -> f64| median(runs.iter().map(|it| figure(it)));
        let told = |name: &str| of(&|it| it.told[name].as_f64().unwrap_or(0.0));
        let own = of(&|it| it.told["cpu_us"].as_f64().unwrap_or(0.0) / it.told["commands"].as_f64().unwrap_or(1.0));
        let cells = [
            (*shown).to_owned(),
            tasks.to_string(),
            grouped(of(&|it| it.per_second)),
            millis(told("p50_us")),
            millis(told("p99_us")),
            millis(told("max_us")),
            format!("{own:.1}"),
            format!("{:.1}", of(&|it| it.postgres_us_each)),
            disk::shown(runs.iter().map(|it| it.syncs_per_second)),
        ];
        // Each round against the same round.
        let against = |connections: &usize| {
            let ours = ours.of(OURS, *connections);
            let ratio = of(&|it| ours.get(it.round).map_or(0.0, |our| our.per_second()) / it.per_second);
            format!("{ratio:.2}")
        };
        table.row(cells.into_iter().chain(connections.iter().map(against)));
    }
    table.note(
        "Two events a command each. Mizan has idempotency keys, read models, books and HTTP in it, and the load generator \
         beside it; the peers append to a new stream and nothing else. CPU of its own: the service, or the peer's process.",
    );
    table
}
