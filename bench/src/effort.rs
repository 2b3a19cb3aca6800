//! How long and how often is measured.

use std::time::Duration;

/// Connections, where nothing else is asked for.
const CONNECTIONS: [usize; 2] = [64, 256];

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Effort {
    /// Seconds of each run
    #[arg(long, global = true, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// How often everything is repeated; medians count
    #[arg(long, global = true, value_name = "NUMBER")]
    rounds: Option<usize>,
    /// Connections of the load generator, where one command is asked at a time
    #[arg(long, global = true, value_name = "NUMBERS", value_delimiter = ',')]
    connections: Vec<usize>,
    /// Short runs, one round, small histories: to see that everything works, not to compare
    #[arg(long, global = true)]
    pub(crate) quick: bool,
}

impl Effort {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(if self.quick { 2 } else { 8 }))
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    pub(crate) fn connections(&self) -> Vec<usize> {
        if self.connections.is_empty() { CONNECTIONS.to_vec() } else { self.connections.clone() }
    }

    /// What was asked for; where nothing was, what is usual.
    pub(crate) fn choose(&self, asked: &[u64], usual: &[u64], quick: &[u64]) -> Vec<u64> {
        let otherwise = if self.quick { quick } else { usual };
        if asked.is_empty() { otherwise.to_vec() } else { asked.to_vec() }
    }

    pub(crate) fn most_connections(&self) -> usize {
        self.connections().into_iter().max().unwrap_or(CONNECTIONS[0])
    }

    /// How long the disk is looked at before and after a run.
    pub(crate) fn disk_look(&self) -> Duration {
        Duration::from_millis(if self.quick { 300 } else { 1000 })
    }
}
