//! The lines of an exported history, looked at by several threads and told in order.
//!
//! One thread cuts the file into chunks of whole lines. Others read the events, each in full, and find out the hashes of
//! their leaves: nothing of that depends on what came before. Chunks go round, so that their order is that of the file.

use super::Failure;
use super::books::Understood;
use mizan_store::seal::history::{Last, Line, Lines};
use mizan_store::seal::recount::{Counted, Counter};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

const BUFFER_BYTES: usize = 1 << 20;
/// A line is an event, and events are far smaller.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// A chunk ends with the line that makes it so long.
const CHUNK_BYTES: usize = 1 << 18;
/// Chunks that wait for each thread.
const CHUNKS_WAITING_MAX: usize = 4;
const THREADS_MAX: usize = 8;
/// How the last line begins, behind which nothing is read.
const LAST: &[u8] = b"{\"end_after\":";

/// Reads a file line by line.
pub(super) struct Reader {
    lines: BufReader<Box<dyn Read + Send>>,
    read: u64,
    is_over: bool,
}

impl Reader {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Self { lines: BufReader::with_capacity(BUFFER_BYTES, input), read: 0, is_over: false }
    }

    /// The first line, which is no event.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn first_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.line(&mut line)?;
        Ok(line)
    }

    /// Puts the next line behind what is there; nothing at the end.
    fn line(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let read = self.lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', bytes)?;
        self.read = self.read.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }

    /// The next lines; none when all was read. The end of the file is a line of nothing.
    fn chunk(&mut self) -> io::Result<Option<Chunk>> {
        if self.is_over {
            return Ok(None);
        }
        let mut chunk = Chunk { bytes: Vec::with_capacity(CHUNK_BYTES * 2), ..Chunk::default() };
        while chunk.bytes.len() < CHUNK_BYTES && !self.is_over {
            let start = chunk.bytes.len();
            let read = self.line(&mut chunk.bytes)?;
            chunk.ends.push(chunk.bytes.len());
            self.is_over = read == 0 || chunk.bytes.get(start..).is_some_and(|line| line.starts_with(LAST));
        }
        chunk.read = self.read;
        Ok(Some(chunk))
    }
}

/// What a line says.
pub(super) enum Said {
    /// An event: what it counts, and what it means for the books.
    Event { position: i64, counted: Counted, read: Result<Understood, String> },
    /// It says that it is the last one.
    End { after: u64 },
    /// It is something else.
    NoEvent(String),
    /// An event with no payload or metadata, or with two.
    NoPayload,
    /// It is empty, or the file has ended.
    Nothing,
}

/// Some lines of the file, in a row.
#[derive(Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
    /// How much of the file was read with it.
    pub(super) read: u64,
    /// What each line says.
    pub(super) said: Vec<Said>,
}

impl Chunk {
    fn line(&self, nth: usize) -> &[u8] {
        let start = nth.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let end = self.ends.get(nth).copied().unwrap_or_default();
        self.bytes.get(start..end).unwrap_or_default().trim_ascii_end()
    }

    fn look(&mut self, lines: &mut Lines, counter: &mut Counter) {
        self.said = (0..self.ends.len()).map(|nth| said(self.line(nth), lines, counter)).collect();
    }

    /// The stream of the event in a line, for people.
    pub(super) fn stream(&self, nth: usize) -> String {
        let named = Lines::default().read(self.line(nth), |leaf| format!("{}/{}", leaf.category, leaf.name));
        named.ok().flatten().unwrap_or_default()
    }

    /// Why a line is no event, for people.
    pub(super) fn why_no_event(&self, nth: usize) -> String {
        serde_json::from_slice::<Line<'_>>(self.line(nth)).err().map(|error| error.to_string()).unwrap_or_default()
    }
}

fn said(line: &[u8], lines: &mut Lines, counter: &mut Counter) -> Said {
    if line.is_empty() {
        return Said::Nothing;
    }
    let event = lines.read(line, |leaf| Said::Event {
        position: leaf.position,
        counted: counter.count(leaf),
        read: Understood::of(leaf),
    });
    match event {
        Ok(event) => event.unwrap_or(Said::NoPayload),
        Err(error) => match serde_json::from_slice::<Last>(line) {
            Ok(last) => Said::End { after: last.end_after },
            Err(_) => Said::NoEvent(error.to_string()),
        },
    }
}

/// Lends every chunk in order, its lines looked at, until there are no more or `take` breaks.
///
/// # Errors
/// The file cannot be read.
pub(super) fn each(
    mut reader: Reader,
    counter: &Counter,
    mut take: impl FnMut(&mut Chunk) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let threads = thread::available_parallelism().map_or(1, |it| it.get().min(THREADS_MAX));
    thread::scope(|scope| {
        let (mut cut, mut looked) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (to_thread, chunks) = sync_channel(CHUNKS_WAITING_MAX);
            let (to_us, done) = sync_channel(CHUNKS_WAITING_MAX);
            let counter = counter.clone();
            scope.spawn(move || look(&chunks, &to_us, counter));
            cut.push(to_thread);
            looked.push(done);
        }
        scope.spawn(move || {
            for to_thread in cut.iter().cycle() {
                // An error is told in its place. Whoever does not listen any more has found the end.
                let Some(chunk) = reader.chunk().transpose() else { return };
                let is_error = chunk.is_err();
                if to_thread.send(chunk).is_err() || is_error {
                    return;
                }
            }
        });
        for done in looked.iter().cycle() {
            let Ok(chunk) = done.recv() else { break };
            if take(&mut chunk?).is_break() {
                break;
            }
        }
        Ok(())
    })
}

fn look(chunks: &Receiver<io::Result<Chunk>>, done: &SyncSender<io::Result<Chunk>>, mut counter: Counter) {
    let mut lines = Lines::default();
    for mut chunk in chunks {
        if let Ok(chunk) = &mut chunk {
            chunk.look(&mut lines, &mut counter);
        }
        if done.send(chunk).is_err() {
            return;
        }
    }
}
