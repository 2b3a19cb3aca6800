//! The load generator: one thread, connections that are kept, and as little work for a request as it can do, because it
//! shares the machine with what it measures.
//!
//! Closed loop: each connection asks again as soon as it is answered. Open loop: requests are due at a rate whatever the
//! service does, and a latency counts from when the request was due, so that waiting for a free connection counts too.

mod connection;
mod histogram;
mod response;

pub(crate) use histogram::Histogram;

use crate::Failure;
use connection::Connection;
use memchr::memmem;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// An answer to a hundred commands fits.
const READ_BYTES: usize = 256 * 1024;
/// How long the last answers are waited for.
const LAST_ANSWERS_MAX: Duration = Duration::from_secs(20);
const REFUSAL_BYTES_SHOWN: usize = 300;

/// What is asked next.
pub(crate) trait Work {
    /// Writes the next request into an empty buffer and says what it is; nothing when there is no more to ask.
    fn next(&mut self, request: &mut Vec<u8>) -> Option<Asked>;
}

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Command,
    /// So many commands in one request; each has a status of its own in the answer.
    Commands(u32),
    Query,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Closed,
    Open { per_second: u64 },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    pub(crate) duration: Duration,
}

/// What a run of the generator saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Of requests with commands.
    pub(crate) commands_latency: Histogram,
    /// Of queries.
    pub(crate) queries_latency: Histogram,
    /// Commands that were done, those of requests with many counted one by one.
    pub(crate) commands: u64,
    pub(crate) queries: u64,
    /// Requests, or commands of requests with many, that had another status than 200.
    pub(crate) refused: u64,
    /// The beginning of the first answer that was a refusal.
    pub(crate) refusal: Option<String>,
    /// Requests of an open loop that were due and not sent when the time was over.
    pub(crate) unsent: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// CPU of the generator's thread.
    pub(crate) cpu: Duration,
}

impl Load {
    /// Runs on this thread until the time is over or the work is, and all answers are there.
    pub(crate) fn run(&self, work: &mut impl Work) -> Result<Seen, Failure> {
        let mut run = Run::open(self)?;
        let before = thread_cpu();
        run.begun = Instant::now();
        match self.pace {
            Pace::Closed => run.closed(self, work)?,
            Pace::Open { per_second } => run.open_loop(self, work, per_second)?,
        }
        run.seen.cpu = thread_cpu().saturating_sub(before);
        match &run.seen.refusal {
            Some(refusal) if run.seen.commands + run.seen.queries == 0 => {
                Err(format!("nothing was done; the first answer: {refusal}").into())
            }
            Some(_) | None => Ok(run.seen),
        }
    }
}

struct Run {
    poll: Poll,
    connections: Vec<Connection>,
    begun: Instant,
    seen: Seen,
    request: Vec<u8>,
    buffer: Vec<u8>,
    under_way: usize,
    last_answer: Instant,
}

impl Run {
    fn open(load: &Load) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(load.connections);
        for nth in 0..load.connections {
            let mut connection = Connection::open(load.address)?;
            poll.registry().register(&mut connection.stream, Token(nth), Interest::READABLE | Interest::WRITABLE)?;
            connections.push(connection);
        }
        let now = Instant::now();
        Ok(Self {
            poll,
            connections,
            begun: now,
            seen: Seen::default(),
            request: Vec::with_capacity(128 * 1024),
            buffer: vec![0; READ_BYTES],
            under_way: 0,
            last_answer: now,
        })
    }

    fn closed(&mut self, load: &Load, work: &mut impl Work) -> Result<(), Failure> {
        let mut is_over = false;
        for nth in 0..self.connections.len() {
            is_over |= !self.ask(nth, work, self.elapsed_us())?;
        }
        let mut events = Events::with_capacity(1024);
        while self.under_way > 0 {
            self.wait(&mut events, Duration::from_secs(1), load)?;
            for event in &events {
                let nth = event.token().0;
                if !self.answered(nth, event.is_readable())? {
                    continue;
                }
                is_over = is_over || self.last_answer.duration_since(self.begun) >= load.duration;
                if !is_over {
                    let now_us = micros(self.last_answer.duration_since(self.begun));
                    is_over = !self.ask(nth, work, now_us)?;
                }
            }
        }
        self.seen.elapsed = self.last_answer.duration_since(self.begun);
        Ok(())
    }

    fn open_loop(&mut self, load: &Load, work: &mut impl Work, per_second: u64) -> Result<(), Failure> {
        let in_all = per_second * micros(load.duration) / 1_000_000;
        let due_us = |nth: u64| nth * 1_000_000 / per_second;
        // In turn, because the service closes what is silent for some seconds.
        let mut free: VecDeque<usize> = (0..self.connections.len()).collect();
        let mut events = Events::with_capacity(1024);
        let mut next = 0;
        loop {
            let now_us = self.elapsed_us();
            while next < in_all && due_us(next) <= now_us {
                let Some(nth) = free.pop_front() else { break };
                if !self.ask(nth, work, due_us(next))? {
                    return Err("there was not enough work for the rate".into());
                }
                next += 1;
            }
            let is_late = now_us > micros(load.duration) + micros(load.duration / 4);
            if (next == in_all || is_late) && self.under_way == 0 {
                break;
            }
            if is_late {
                (self.seen.unsent, next) = (self.seen.unsent + in_all - next, in_all);
            }
            let until_due = Duration::from_micros(due_us(next).saturating_sub(now_us));
            let patience = if free.is_empty() || next == in_all { Duration::from_secs(1) } else { until_due };
            self.wait(&mut events, patience, load)?;
            for event in &events {
                let nth = event.token().0;
                if self.answered(nth, event.is_readable())? {
                    free.push_back(nth);
                }
            }
        }
        self.seen.elapsed = self.last_answer.duration_since(self.begun);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, patience: Duration, load: &Load) -> Result<(), Failure> {
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            Ok(()) | Err(_) => (),
        }
        let is_silent = events.is_empty() && self.begun.elapsed() > load.duration + LAST_ANSWERS_MAX;
        if is_silent { Err(format!("{} answers did not come", self.under_way).into()) } else { Ok(()) }
    }

    /// False when there is nothing more to ask.
    fn ask(&mut self, nth: usize, work: &mut impl Work, since_us: u64) -> Result<bool, Failure> {
        self.request.clear();
        let Some(asked) = work.next(&mut self.request) else { return Ok(false) };
        self.connections[nth].ask(&self.request, asked, since_us)?;
        self.under_way += 1;
        Ok(true)
    }

    /// Whether the connection has its answer now.
    fn answered(&mut self, nth: usize, is_readable: bool) -> Result<bool, Failure> {
        let connection = &mut self.connections[nth];
        connection.go_on()?;
        if !is_readable {
            return Ok(false);
        }
        let Some((asked, since_us)) = connection.under_way else { return Ok(false) };
        let seen = &mut self.seen;
        let whole = connection.receive(&mut self.buffer, |response, bytes| {
            seen.note(asked, response.status, &bytes[response.body]);
        })?;
        if whole.is_none() {
            return Ok(false);
        }
        connection.under_way = None;
        self.under_way -= 1;
        self.last_answer = Instant::now();
        let latency_us = micros(self.last_answer.duration_since(self.begun)).saturating_sub(since_us);
        match asked {
            Asked::Command | Asked::Commands(_) => self.seen.commands_latency.record(latency_us),
            Asked::Query => self.seen.queries_latency.record(latency_us),
        }
        Ok(true)
    }

    fn elapsed_us(&self) -> u64 {
        micros(self.begun.elapsed())
    }
}

impl Seen {
    fn note(&mut self, asked: Asked, status: u16, body: &[u8]) {
        let done = match asked {
            Asked::Command | Asked::Query if status != 200 => 0,
            Asked::Command | Asked::Query => 1,
            Asked::Commands(_) => memmem::find_iter(body, br#""status":200"#).count() as u64,
        };
        let wanted = match asked {
            Asked::Command | Asked::Query => 1,
            Asked::Commands(count) => u64::from(count),
        };
        match asked {
            Asked::Command | Asked::Commands(_) => self.commands += done,
            Asked::Query => self.queries += done,
        }
        if done < wanted {
            self.refused += wanted - done;
            self.refusal.get_or_insert_with(|| {
                let from = memmem::find(body, br#""problem""#).unwrap_or(0);
                let shown = &body[from..body.len().min(from + REFUSAL_BYTES_SHOWN)];
                format!("{status} {}", String::from_utf8_lossy(shown))
            });
        }
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

/// CPU that this thread has had, to the nanosecond; nothing where there is no /proc.
fn thread_cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
