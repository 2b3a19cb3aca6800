//! Where an export goes: standard output, or a file that has its name only once it is whole.

use super::Failure;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 1 << 20;

/// An open file or pipe.
pub(super) struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    /// The name that is written under, and the name to give it at the end.
    names: Option<(PathBuf, PathBuf)>,
}

impl Output {
    /// Opens a file, or standard output for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let cannot = |error| format!("{} cannot be written: {error}", path.display());
        let (writer, names): (Box<dyn Write + Send>, _) = if path.as_os_str() == "-" {
            (Box::new(std::io::stdout()), None)
        } else if path.exists() && !path.is_file() {
            // A pipe or a device: whatever reads there has no use for another name.
            (Box::new(File::options().write(true).open(path).map_err(cannot)?), None)
        } else {
            let mut part = path.as_os_str().to_owned();
            part.push(".part");
            let part = PathBuf::from(part);
            (Box::new(File::create(&part).map_err(cannot)?), Some((part, path.to_owned())))
        };
        Ok(Self { writer: BufWriter::with_capacity(BUFFER_BYTES, writer), names })
    }

    /// Writes what is left, and names the file.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.writer.flush()?;
        match self.names.take() {
            Some((part, path)) => Ok(std::fs::rename(part, path)?),
            None => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((part, _)) = &self.names {
            let _gone = std::fs::remove_file(part);
        }
    }
}
