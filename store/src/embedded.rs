//! A private PostgreSQL cluster, so that `mizan serve` needs no database prepared by anybody.
//!
//! The programs are the machine's own; nothing is downloaded. The cluster listens on a unix socket only, inside a
//! directory that nobody but its user (and root) may enter, and lives as long as the process that owns it:
//!
//! ```text
//! <data_dir>/lock           held by the process which owns the cluster; its content is that process's id
//! <data_dir>/postgres       the data directory of PostgreSQL
//! <data_dir>/postgres.log   what PostgreSQL says; held (flock) by every process of a running cluster
//! <data_dir>/run            the socket, or a directory under /tmp when that path is too long for a socket
//! ```
//!
//! Both locks are kernel locks on open files, so they end with the processes that hold them, however those end. This
//! is why a process id in a file is never believed alone: ids are reused, locks are not.
//!
//! The module never upgrades a data directory between versions of PostgreSQL and never deletes one.

mod cluster;
mod doctor;
mod home;
mod postmaster;
mod programs;
#[cfg(test)]
mod tests;
mod user;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

pub use cluster::Cluster;
pub use doctor::{Finding, examine};
pub use programs::{Programs, VERSION_MIN, Version};

/// The superuser of the cluster. Whoever can open the socket may be it: the directory is the door.
pub const SUPERUSER: &str = "mizan";

/// The database that exists in every cluster once [`Cluster::start`] has returned.
pub const DATABASE: &str = "mizan";

/// Where a cluster lives and how much it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The directory that holds everything of the cluster. It is made when absent.
    pub data_dir: PathBuf,
    /// Whether an acknowledged transaction survives a power cut. Only tests say no, which saves them every fsync; what
    /// they commit still survives the end of any process.
    pub durable: bool,
}

/// Why there is no cluster. Each message says what was wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No directory holds a whole PostgreSQL that is new enough.
    #[error("PostgreSQL {VERSION_MIN} or newer was not found ({looked}); {remedy}")]
    ProgramsMissing {
        /// Where was looked, and why each half-usable place was refused.
        looked: String,
        /// The command that installs it.
        remedy: String,
    },
    /// A data directory can be run by the major version that made it and by no other.
    #[error("{} was made by PostgreSQL {needed}, and this machine has {found}; {remedy}", pgdata.display())]
    ProgramsOfAnotherVersion {
        /// The data directory of PostgreSQL.
        pgdata: PathBuf,
        /// The major version that made it.
        needed: u32,
        /// The versions there are.
        found: String,
        /// The command that installs the one which is needed.
        remedy: String,
    },
    /// PostgreSQL refuses to be root, and root found nobody else to run it as.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as; \
         make one: useradd --system postgres"
    )]
    NoUnprivilegedUser,
    /// The user PostgreSQL runs as is locked out by a directory above the data.
    #[error(
        "the user `{user}`, as whom PostgreSQL runs, may not enter {}, which leads to the data directory {}; \
         use a directory it may enter (--data-dir /var/lib/mizan) or open this one (chmod o+x {})",
        directory.display(), data_dir.display(), directory.display()
    )]
    Unreachable {
        /// The user PostgreSQL runs as.
        user: String,
        /// The uppermost directory which that user may not enter.
        directory: PathBuf,
        /// The directory that was asked for.
        data_dir: PathBuf,
    },
    /// The data directory would be made on the disk below a mount point instead of on the mounted disk.
    #[error(
        "the data directory {} is under {}, which does not exist, so its disk is not mounted; \
         mount it, or make the directory if this is meant: mkdir -p {}",
        data_dir.display(), missing.display(), data_dir.display()
    )]
    NotMounted {
        /// The directory that was asked for.
        data_dir: PathBuf,
        /// The first directory on the way which does not exist.
        missing: PathBuf,
    },
    /// Something that should be ours is another user's.
    #[error("{} belongs to the user with id {owner}, not to the one with id {expected}; {remedy}", path.display())]
    BelongsToAnother {
        /// The file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        expected: u32,
        /// What to do.
        remedy: String,
    },
    /// There is something in the place of the data directory, and it is not PostgreSQL's.
    #[error(
        "{} exists, but has no PG_VERSION and so is no data directory of PostgreSQL; move it away: mv {} {}.old",
        pgdata.display(), pgdata.display(), pgdata.display()
    )]
    NotACluster {
        /// The place where the data should be.
        pgdata: PathBuf,
    },
    /// The operating system refused something.
    #[error("could not {doing} {}: {source}; {}", path.display(), remedy_for(source))]
    Io {
        /// What was tried, as a verb: "open", "make the directory".
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// `initdb` gave up. Nothing is left behind; the next start begins anew.
    #[error("initdb could not make a cluster in {}: {output}", data_dir.display())]
    InitdbFailed {
        /// The directory of the cluster.
        data_dir: PathBuf,
        /// What initdb said.
        output: String,
    },
    /// PostgreSQL ended before it accepted a connection.
    #[error("PostgreSQL ended while starting ({status}); the end of {}:\n{tail}", log.display())]
    Died {
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines that it wrote in this start.
        tail: String,
    },
    /// PostgreSQL runs, but accepts no connection.
    #[error(
        "PostgreSQL accepted no connection within {waited_s} s ({last}); if it is still recovering, start again to \
         wait longer; the end of {}:\n{tail}", log.display()
    )]
    NotReady {
        /// How long was waited, in seconds.
        waited_s: u64,
        /// How the last attempt failed.
        last: String,
        /// Its log.
        log: PathBuf,
        /// The last lines that it wrote in this start.
        tail: String,
    },
    /// Processes of a cluster without owner do not go away.
    #[error(
        "another PostgreSQL{} runs on {} and has not ended within {waited_s} s; stop it: {remedy}",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), pgdata.display()
    )]
    StillRunning {
        /// Its postmaster, where one could be found.
        pid: Option<i32>,
        /// The data directory it runs on.
        pgdata: PathBuf,
        /// How long was waited, in seconds.
        waited_s: u64,
        /// The command that stops it.
        remedy: String,
    },
    /// A living process owns the cluster, but the cluster does not answer.
    #[error(
        "the cluster in {} is owned by the running process {owner}, but did not answer within {waited_s} s ({last}); \
         see {}/postgres.log, or end that process", data_dir.display(), data_dir.display()
    )]
    OwnerSilent {
        /// The directory of the cluster.
        data_dir: PathBuf,
        /// The process id of the owner, as it wrote it.
        owner: String,
        /// How long was waited, in seconds.
        waited_s: u64,
        /// How the last attempt failed.
        last: String,
    },
    /// The socket answers for other data than ours.
    #[error(
        "the PostgreSQL that answers in {} keeps its data in {found}, not in {}; stop it: pg_ctl stop -D {found}",
        socket_dir.display(), pgdata.display()
    )]
    AnotherCluster {
        /// The directory of the socket.
        socket_dir: PathBuf,
        /// The data directory that was expected.
        pgdata: PathBuf,
        /// The data directory that answered.
        found: String,
    },
    /// The cluster answered a question of the start itself with an error.
    #[error("the cluster in {} could not {doing}: {source}; see {}/postgres.log", data_dir.display(), data_dir.display())]
    Sql {
        /// What was asked of it, as a verb.
        doing: &'static str,
        /// The directory of the cluster.
        data_dir: PathBuf,
        /// What it answered.
        source: sqlx::Error,
    },
}

impl EmbeddedError {
    /// For `map_err`: the refusal of the operating system with what was being done, and to what.
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// The sentence that follows what the operating system said.
fn remedy_for(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "run mizan as the user to whom it belongs, or choose another place with --data-dir"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on that disk",
        io::ErrorKind::ReadOnlyFilesystem => "choose a place that can be written with --data-dir",
        _ => "look at that path, or choose another place with --data-dir",
    }
}
