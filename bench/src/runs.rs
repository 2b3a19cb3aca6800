//! Runs of several things that are measured in turn, round after round.

use crate::measure::{COLUMNS, Run, cells, tell};
use crate::report::{Table, median};
use std::collections::BTreeMap;

/// Runs by what and with how many connections, in the order of the first round.
#[derive(Default)]
pub(crate) struct Runs {
    names: Vec<(String, usize, u64)>,
    runs: BTreeMap<(String, usize), Vec<Run>>,
}

impl Runs {
    /// Keeps and tells a run: what, with how many connections, how many events each command makes.
    pub(crate) fn add(&mut self, what: &str, connections: usize, events: u64, run: Run) {
        let runs = self.runs.entry((what.to_owned(), connections)).or_default();
        if runs.is_empty() {
            self.names.push((what.to_owned(), connections, events));
        }
        tell(what, connections, events, runs.len() + 1, &run);
        runs.push(run);
    }

    pub(crate) fn of(&self, what: &str, connections: usize) -> &[Run] {
        self.runs.get(&(what.to_owned(), connections)).map_or(&[], Vec::as_slice)
    }

    /// The median over the rounds of how many times faster one was than another in the same round.
    pub(crate) fn ratio(&self, (one, other): (&str, &str), connections: usize) -> f64 {
        let pairs = self.of(one, connections).iter().zip(self.of(other, connections));
        median(pairs.map(|(one, other)| one.per_second() / other.per_second()))
    }

    pub(crate) fn table(&self, name: &'static str) -> Table {
        let mut table = Table::new(name, &COLUMNS);
        for (what, connections, events) in &self.names {
            table.row(cells(what, *connections, *events, self.of(what, *connections)));
        }
        table
    }
}
