//! A look at the disk before and after a measurement: how often it makes 8 KiB durable in a second. Disks of virtual
//! machines have moods, and a figure from a bad one says nothing about Mizan.

use crate::Failure;
use crate::report::{grouped, median};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const FILE_BYTES: u64 = 16 << 20;
const BLOCK_BYTES: usize = 8 << 10;
/// Below this a run is labelled.
const SLOW_BELOW_PER_SECOND: u64 = 2_000;

/// The median of some looks, for a table; says how many were slow.
pub(crate) fn shown(syncs_per_second: impl IntoIterator<Item = u64>) -> String {
    let all: Vec<u64> = syncs_per_second.into_iter().collect();
    let slow = all.iter().filter(|it| **it < SLOW_BELOW_PER_SECOND).count();
    let shown = grouped(median(all.iter().map(|it| *it as f64)));
    if slow == 0 { shown } else { format!("{shown}, slow disk in {slow} of {}", all.len()) }
}

/// A file that is written over and over, whole on the disk before the first look.
pub(crate) struct Disk {
    file: File,
    look: Duration,
    next_block: u64,
}

impl Disk {
    pub(crate) fn prepare(dir: &Path, look: Duration) -> Result<Self, Failure> {
        let path = dir.join("disk-probe");
        let file = File::options().create(true).truncate(true).write(true).open(path)?;
        for block in 0..FILE_BYTES / BLOCK_BYTES as u64 {
            file.write_all_at(&[1; BLOCK_BYTES], block * BLOCK_BYTES as u64)?;
        }
        file.sync_all()?;
        Ok(Self { file, look, next_block: 0 })
    }

    /// Writes of 8 KiB, each followed by fdatasync, in a second.
    pub(crate) fn syncs_per_second(&mut self) -> Result<u64, Failure> {
        let (begun, mut count) = (Instant::now(), 0_u64);
        while begun.elapsed() < self.look {
            let at = self.next_block * BLOCK_BYTES as u64 % FILE_BYTES;
            self.file.write_all_at(&[count as u8; BLOCK_BYTES], at)?;
            self.file.sync_data()?;
            self.next_block += 1;
            count += 1;
        }
        Ok((count as f64 / begun.elapsed().as_secs_f64()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_disk_is_labelled() {
        assert_eq!(shown([8_000, 2_000, 6_000]), "6,000");
        assert_eq!(shown([8_000, 1_999, 700]), "1,999, slow disk in 2 of 3");
    }
}
