//! What the machine could do: the bytes of real events written into a table like that of the log, by nothing but
//! PostgreSQL's two fastest ways, with no rules, no streams, no keys and no read models.

use crate::disk::{self, Disk};
use crate::effort::Effort;
use crate::history::{History, Story};
use crate::processes::Processes;
use crate::report::{Table, grouped, median};
use crate::{Failure, Setting};
use chrono::{DateTime, Utc};
use mizan::engine::{Place, open_log};
use mizan_domain::id::MerchantId;
use mizan_store::{Log, PgPool, Position, Stored};
use sqlx::postgres::PgPoolCopyExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Orders whose events are written over and over.
const ORDERS: u64 = 2_500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Copy,
    Unnest,
}

/// A way, rows in each transaction, and how many write at a time.
const CASES: [(Way, usize, usize); 6] = [
    (Way::Unnest, 100, 2),
    (Way::Unnest, 1_000, 1),
    (Way::Unnest, 1_000, 2),
    (Way::Copy, 1_000, 1),
    (Way::Copy, 1_000, 2),
    (Way::Copy, 10_000, 2),
];

/// What came of a case once.
struct Written {
    rows_per_second: f64,
    bytes_per_second: f64,
    postgres_us_each: f64,
    syncs_per_second: u64,
}

pub(crate) async fn run(setting: &Setting, effort: &Effort) -> Result<Vec<Table>, Failure> {
    let data_dir = setting.dir.join("limit");
    let place = Place { database_url: None, store: None, data_dir: data_dir.clone() };
    let (log, cluster) = open_log(&place).await?;
    let cluster = cluster.ok_or("there is no private cluster")?;
    let postmaster = cluster.postgres_pid().ok_or("PostgreSQL does not run")?.unsigned_abs();
    setting.saw(log.pool()).await?;
    let mut disk = Disk::prepare(&data_dir, effort.disk_look())?;
    let events = Arc::new(real_events(&log).await?);
    sqlx::raw_sql("create schema raw; create table raw.events (like public.events including all)")
        .execute(log.pool())
        .await?;
    let mut runs: Vec<Vec<Written>> = CASES.iter().map(|_| Vec::new()).collect();
    for round in 1..=effort.rounds() {
        for (case, runs) in CASES.iter().zip(&mut runs) {
            let written = measure(log.pool(), postmaster, &mut disk, *case, &events, effort.duration()).await?;
            eprintln!("round {round}: {case:?}: {:.0} rows/s", written.rows_per_second);
            runs.push(written);
        }
    }
    log.pool().close().await;
    cluster.stop().await;
    Ok(vec![table(&runs, &events)])
}

fn table(runs: &[Vec<Written>], events: &[Stored]) -> Table {
    let head = ["way", "rows a transaction", "writers", "events/s", "MB/s", "PostgreSQL µs each", "disk syncs/s"];
    let mut table = Table::new("limit", &head);
    for ((way, rows, writers), runs) in CASES.iter().zip(runs) {
        let of = |figure: &dyn Fn(&Written) -> f64| median(runs.iter().map(figure));
        table.row([
            match way {
                Way::Copy => "COPY, binary".to_owned(),
                Way::Unnest => "insert from unnest".to_owned(),
            },
            grouped(*rows as f64),
            writers.to_string(),
            grouped(of(&|it| it.rows_per_second)),
            format!("{:.0}", of(&|it| it.bytes_per_second) / 1e6),
            format!("{:.1}", of(&|it| it.postgres_us_each)),
            disk::shown(runs.iter().map(|it| it.syncs_per_second)),
        ]);
    }
    let bytes: usize = events.iter().map(|it| it.payload.len() + it.metadata.len()).sum();
    table.note(format!(
        "Events of orders that are placed, paid and delivered: {} bytes of payload and metadata on average.",
        bytes / events.len().max(1)
    ));
    table
}

async fn real_events(log: &Log) -> Result<Vec<Stored>, Failure> {
    let merchant = MerchantId::parse("local")?;
    let history = History { log: log.clone(), merchant, story: Story::Sold, customers: 1_000 };
    history.append(0..ORDERS).await?;
    Ok(log.read(Position::START, (ORDERS * Story::Sold.events()) as i64).await?)
}

async fn measure(
    pool: &PgPool,
    postmaster: u32,
    disk: &mut Disk,
    (way, rows, writers): (Way, usize, usize),
    events: &Arc<Vec<Stored>>,
    duration: Duration,
) -> Result<Written, Failure> {
    sqlx::raw_sql("truncate raw.events; checkpoint").execute(pool).await?;
    let before = disk.syncs_per_second()?;
    let processes = Processes { service: None, postmaster };
    let (cpu, begun, next) = (processes.cpu(), Instant::now(), Arc::new(AtomicI64::new(1)));
    let writing = (0..writers).map(|_| {
        let (pool, events, next) = (pool.clone(), Arc::clone(events), Arc::clone(&next));
        tokio::spawn(async move {
            let (mut count, mut bytes) = (0_u64, 0_u64);
            while begun.elapsed() < duration {
                let first = next.fetch_add(rows as i64, Ordering::Relaxed);
                bytes += match way {
                    Way::Copy => copy(&pool, &events, first, rows).await?,
                    Way::Unnest => unnest(&pool, &events, first, rows).await?,
                };
                count += rows as u64;
            }
            Ok::<_, Failure>((count, bytes))
        })
    });
    let writing: Vec<_> = writing.collect();
    let (mut count, mut bytes) = (0, 0);
    for writer in writing {
        let (rows, written) = writer.await??;
        (count, bytes) = (count + rows, bytes + written);
    }
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), processes.cpu() - cpu);
    let after = disk.syncs_per_second()?;
    Ok(Written {
        rows_per_second: count as f64 / seconds,
        bytes_per_second: bytes as f64 / seconds,
        postgres_us_each: cpu.postgres.as_secs_f64() * 1e6 / count.max(1) as f64,
        syncs_per_second: before.min(after),
    })
}

/// Two events to a stream, as a payment and what its order has of it would be.
fn place(position: i64) -> (i64, i64) {
    ((position + 1) / 2, 2 - position % 2)
}

fn of(events: &[Stored], position: i64) -> &Stored {
    &events[position as usize % events.len()]
}

async fn copy(pool: &PgPool, events: &[Stored], first: i64, rows: usize) -> Result<u64, Failure> {
    let mut bytes = Vec::with_capacity(rows * 1024);
    bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    for position in first..first + rows as i64 {
        let (event, (stream, revision)) = (of(events, position), place(position));
        bytes.extend_from_slice(&8_i16.to_be_bytes());
        let mut field = |value: &[u8]| {
            bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
            bytes.extend_from_slice(value);
        };
        field(&position.to_be_bytes());
        field(&stream.to_be_bytes());
        field(&revision.to_be_bytes());
        field(event_id(position).as_bytes());
        field(event.kind.as_bytes());
        field(&postgres_time(event.recorded_at).to_be_bytes());
        field(&event.payload);
        field(&event.metadata);
    }
    bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    let mut copy = pool.copy_in_raw("copy raw.events from stdin (format binary)").await?;
    copy.send(bytes.as_slice()).await?;
    copy.finish().await?;
    Ok(bytes.len() as u64)
}

async fn unnest(pool: &PgPool, events: &[Stored], first: i64, rows: usize) -> Result<u64, Failure> {
    let positions: Vec<i64> = (first..first + rows as i64).collect();
    let (streams, revisions): (Vec<i64>, Vec<i64>) = positions.iter().map(|it| place(*it)).unzip();
    let each = || positions.iter().map(|it| of(events, *it));
    let payloads: Vec<&[u8]> = each().map(|it| it.payload.as_slice()).collect();
    let metadatas: Vec<&[u8]> = each().map(|it| it.metadata.as_slice()).collect();
    let bytes = payloads.iter().chain(&metadatas).map(|it| it.len()).sum::<usize>() + rows * 80;
    let sql = "insert into raw.events select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], \
               $5::text[], $6::timestamptz[], $7::bytea[], $8::bytea[])";
    let event_ids: Vec<Uuid> = positions.iter().map(|it| event_id(*it)).collect();
    let kinds: Vec<&str> = each().map(|it| it.kind.as_str()).collect();
    let times: Vec<DateTime<Utc>> = each().map(|it| it.recorded_at).collect();
    let query = sqlx::query(sql).bind(positions.clone()).bind(streams).bind(revisions).bind(event_ids);
    query.bind(kinds).bind(times).bind(payloads).bind(metadatas).execute(pool).await?;
    Ok(bytes as u64)
}

fn event_id(position: i64) -> Uuid {
    Uuid::from_u128((position as u128) << 64 | 0x5000_8000_0000_0000_0000)
}

/// Microseconds since the year 2000.
fn postgres_time(at: DateTime<Utc>) -> i64 {
    const UNIX_TO_2000_US: i64 = 946_684_800 * 1_000_000;
    at.timestamp_micros() - UNIX_TO_2000_US
}
