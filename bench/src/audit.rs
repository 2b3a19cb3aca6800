//! What an auditor waits for: sealing, the audit of the database and of an exported file, and a rebuild of every read
//! model; beside the time that PostgreSQL takes to give the same events away unread.

use crate::effort::Effort;
use crate::history::{History, Story};
use crate::report::{Table, grouped};
use crate::{Failure, Setting, processes};
use futures_util::TryStreamExt;
use mizan::engine::{Place, open_log};
use mizan_domain::id::MerchantId;
use mizan_store::seal::sealer::Sealer;
use mizan_store::{Log, PgPool};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use serde_json::Value;
use sqlx::postgres::PgPoolCopyExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const ORDERS: u64 = 250_000;
const ORDERS_QUICK: u64 = 12_500;
const CUSTOMERS: u64 = 50_000;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// How many orders, of four events each, 250000 if left out; each number after the first is a longer history
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    audit_orders: Vec<u64>,
}

/// What a program took: time on the clock, time of all its threads, and the most memory that any program had so far.
#[derive(Clone, Copy)]
struct Took {
    clock: Duration,
    threads: Duration,
    memory_mib: i64,
}

/// What is the same for all measurements of a length.
struct Audited<'a> {
    setting: &'a Setting,
    dir: &'a Path,
    log: &'a Log,
    rounds: usize,
}

pub(crate) async fn run(setting: &Setting, effort: &Effort, args: &Args) -> Result<Vec<Table>, Failure> {
    let dir = setting.dir.join("audit");
    let place = Place { database_url: None, store: None, data_dir: dir.clone() };
    let (log, cluster) = open_log(&place).await?;
    setting.saw(log.pool()).await?;
    let merchant = MerchantId::parse("local")?;
    let history = History { log: log.clone(), merchant, story: Story::Sold, customers: CUSTOMERS };
    let head = ["events", "what", "events/s", "of one core", "against the raw read", "peak memory MiB"];
    let mut table = Table::new("audit", &head);
    let mut sold = 0;
    let lengths = effort.choose(&args.audit_orders, &[ORDERS], &[ORDERS_QUICK]);
    for orders in lengths {
        history.append(sold..sold.max(orders)).await?;
        sold = sold.max(orders);
        let audited = Audited { setting, dir: &dir, log: &log, rounds: effort.rounds() };
        audited.measure(&mut table).await?;
    }
    table.note("Of one core: events for each second of CPU of all threads of the program, PostgreSQL not among them.");
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    Ok(vec![table])
}

impl Audited<'_> {
    async fn measure(&self, table: &mut Table) -> Result<(), Failure> {
        sqlx::raw_sql("vacuum analyze").execute(self.log.pool()).await?;
        let events = self.log.head().await?.number();
        let begun = Instant::now();
        Sealer::new(self.log.clone(), self.dir).seal().await?;
        let sealing = begun.elapsed();
        let file = self.dir.join("history.ndjson");
        let path = file.display().to_string();
        self.mizan(&["export", &path])?;
        let key = String::from_utf8(self.command(&["key", "show"]).output()?.stdout)?;
        let (mut raw, mut audit, mut verify, mut rebuild) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // Side by side, so that a slow moment of the machine is everybody's.
        for _ in 0..self.rounds {
            raw.push(raw_read(self.log.pool()).await?);
            verify.push(self.mizan(&["audit", "verify", "--json", "--history", &path, "--key", key.trim()])?);
            audit.push(self.mizan(&["audit", "--json"])?);
            rebuild.push(self.mizan(&["rebuild", "--json"])?);
        }
        std::fs::remove_file(file)?;
        raw.sort_unstable();
        let raw = raw[raw.len() / 2];
        let mut row = |what: &str, clock: Duration, took: Option<Took>| {
            let per_second = |it: Duration| grouped(events as f64 / it.as_secs_f64());
            table.row([
                grouped(events as f64),
                what.to_owned(),
                per_second(clock),
                took.map_or_else(String::new, |it| per_second(it.threads)),
                format!("{:.2}", raw.as_secs_f64() / clock.as_secs_f64()),
                took.map_or_else(String::new, |it| it.memory_mib.to_string()),
            ]);
        };
        row("raw read by COPY", raw, None);
        row("sealing", sealing, None);
        for (what, took) in [
            ("audit verify, of a file", verify),
            ("audit, with a rebuild beside", audit),
            ("rebuild, without comparing", rebuild),
        ] {
            let it = median(took);
            row(what, it.clock, Some(it));
        }
        Ok(())
    }

    /// Runs `mizan` in a process of its own.
    fn mizan(&self, arguments: &[&str]) -> Result<Took, Failure> {
        let (before, begun) = (getrusage(UsageWho::RUSAGE_CHILDREN)?, Instant::now());
        let run = self.command(arguments).output()?;
        let (clock, after) = (begun.elapsed(), getrusage(UsageWho::RUSAGE_CHILDREN)?);
        if !run.status.success() {
            return Err(format!("mizan {arguments:?}: {}", String::from_utf8_lossy(&run.stderr)).into());
        }
        let told: Value = serde_json::from_slice(&run.stdout).unwrap_or_default();
        assert!(told["holds"] != Value::Bool(false), "the history does not hold: {told}");
        // A rebuild says itself what building took, without the comparison with the live read models.
        let building = told["elapsed_ms"].as_u64().map(Duration::from_millis);
        let (threads, memory_mib) = (threads(&after) - threads(&before), after.max_rss() / 1024);
        Ok(Took { clock: building.unwrap_or(clock), threads, memory_mib })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.setting.mizan);
        command.args(arguments).arg("--data-dir").arg(self.dir).env(crate::AS_MIZAN, "1").env_remove("DATABASE_URL");
        command
    }
}

fn median(mut of: Vec<Took>) -> Took {
    of.sort_unstable_by_key(|it| it.clock);
    of[of.len() / 2]
}

/// The time that the database takes to hand out every event, to a reader that drops it.
async fn raw_read(pool: &PgPool) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let mut rows = pool.copy_out_raw("copy (select * from events order by position) to stdout (format binary)").await?;
    let mut bytes = 0;
    while let Some(some) = rows.try_next().await? {
        bytes += some.len();
    }
    assert!(bytes > 0, "there is nothing to read");
    Ok(begun.elapsed())
}

fn threads(usage: &Usage) -> Duration {
    processes::duration(usage.user_time()) + processes::duration(usage.system_time())
}
