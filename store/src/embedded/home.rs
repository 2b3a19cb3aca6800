//! The directories of a cluster, the two locks in them, and who may enter.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use sha2::{Digest, Sha256};

use super::user::RunAs;
use super::{EmbeddedError, postmaster};

/// What a socket address holds on macOS, the closing zero not counted; Linux has four bytes more.
pub(super) const SOCKET_PATH_BYTES_MAX: usize = 103;

/// The port is a part of the socket's name and of nothing else.
pub(super) const PORT: u16 = 5432;

const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// Beyond this the log is put aside once as `postgres.log.1` before the next start.
const LOG_BYTES_MAX: u64 = 64 << 20;

/// How much of the log an error shows.
const TAIL_LINES_MAX: usize = 20;
const TAIL_BYTES_MAX: u64 = 8 << 10;

/// Where disks are mounted: a directory missing right below one of these is a disk that is not there.
const MOUNT_PARENTS: [&str; 4] = ["/mnt", "/media", "/run/media", "/Volumes"];

/// A data directory which exists, which PostgreSQL's user can reach, and whose socket directory is private.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) data_dir: PathBuf,
    pub(super) pgdata: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) run_as: RunAs,
}

impl Home {
    /// Makes what is absent and refuses what would fail later with a worse message.
    pub(super) fn prepare(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let data_dir = std::path::absolute(data_dir).map_err(EmbeddedError::io("resolve", data_dir))?;
        if let Some(missing) = missing_mount(&data_dir) {
            return Err(EmbeddedError::NotMounted { data_dir, missing });
        }
        let run_as = RunAs::for_cluster(&data_dir.join("postgres"))?;
        // Before anything is made, and again for what was made: a strict umask closes new directories too.
        refuse_closed(&nearest_existing(&data_dir), &data_dir, &run_as)?;
        make_data_dir(&data_dir)?;
        let data_dir = data_dir.canonicalize().map_err(EmbeddedError::io("resolve", &data_dir))?;
        refuse_closed(&data_dir, &data_dir, &run_as)?;
        let pgdata = data_dir.join("postgres");
        let socket_dir = socket_dir(&data_dir);
        make_private_dir(&socket_dir, &run_as)?;
        Ok(Self { data_dir, pgdata, socket_dir, run_as })
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.data_dir.join("lock")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    /// Becomes the owner of the cluster, for as long as the returned file is open; or nothing, when somebody is.
    pub(super) fn try_own(&self) -> Result<Option<File>, EmbeddedError> {
        let path = self.lock_file();
        let mut file = self.open(&path)?;
        if !try_lock(&file, &path)? {
            return Ok(None);
        }
        // For people and messages only: nothing is decided by this number.
        let told = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        told.map_err(EmbeddedError::io("write", &path))?;
        Ok(Some(file))
    }

    /// The process that owns the cluster, as it introduced itself.
    pub(super) fn owner(&self) -> String {
        let told = std::fs::read_to_string(self.lock_file()).unwrap_or_default();
        if told.trim().is_empty() { "(unknown)".to_owned() } else { told.trim().to_owned() }
    }

    /// The log with its lock, which the processes of the cluster inherit; or nothing, when processes of an earlier
    /// cluster still hold it.
    pub(super) fn try_log(&self) -> Result<Option<File>, EmbeddedError> {
        let path = self.log_file();
        let file = self.open(&path)?;
        if !try_lock(&file, &path)? {
            return Ok(None);
        }
        if log_bytes(&file) < LOG_BYTES_MAX {
            return Ok(Some(file));
        }
        let old = self.data_dir.join("postgres.log.1");
        std::fs::rename(&path, &old).map_err(EmbeddedError::io("rename", &path))?;
        self.try_log()
    }

    /// The last lines of the log after its first `mark` bytes.
    pub(super) fn log_tail(&self, mark: u64) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(self.log_file())?;
            let from = mark.max(log_bytes(&file).saturating_sub(TAIL_BYTES_MAX));
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_else(|why| format!("(the log cannot be read: {why})"));
        let mut lines: Vec<&str> = text.lines().rev().take(TAIL_LINES_MAX).collect();
        lines.reverse();
        if lines.is_empty() { "(it wrote nothing)".to_owned() } else { lines.join("\n") }
    }

    /// Removes the process id files that would keep PostgreSQL from starting although their process is not it.
    ///
    /// PostgreSQL itself sees through an id that is gone or is another user's. It cannot see through one that was
    /// given to another process of the same user, as happens after a restart of the machine. Only that file is
    /// removed here: with the others its check for left-over shared memory stays in force.
    ///
    /// The caller owns the cluster and has seen the log's lock free.
    pub(super) fn clear_stale_pids(&self) -> Result<(), EmbeddedError> {
        let in_use = postmaster::recorded_pid(&self.pgdata);
        if let Some(pid) = in_use.filter(|pid| postmaster::is_running(*pid)) {
            tracing::warn!(pid, pgdata = %self.pgdata.display(), "removing a postmaster.pid whose number another process has");
            remove_if_there(&self.pgdata.join("postmaster.pid"))?;
        }
        for name in [SOCKET_NAME.to_owned(), format!("{SOCKET_NAME}.lock")] {
            remove_if_there(&self.socket_dir.join(name))?;
        }
        Ok(())
    }

    /// Opens a file of ours, and gives it to the owner of the directory when we are root in somebody's directory.
    /// A link is not followed, so that nobody leads root elsewhere.
    fn open(&self, path: &Path) -> Result<File, EmbeddedError> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(path)
            .map_err(EmbeddedError::io("open", path))?;
        let owner = file.metadata().map_err(EmbeddedError::io("examine", path))?.uid();
        if geteuid().is_root() && owner == 0 {
            let directory = self.data_dir.metadata().map_err(EmbeddedError::io("examine", &self.data_dir))?;
            fchown(&file, Some(directory.uid()), Some(directory.gid()))
                .map_err(EmbeddedError::io("give away", path))?;
        }
        Ok(file)
    }
}

/// Where the socket goes: beside the data, or under /tmp when the path would not fit into a socket address (or is
/// not UTF-8, which the database driver cannot express).
pub(super) fn socket_dir(data_dir: &Path) -> PathBuf {
    let near = data_dir.join("run");
    let bytes = near.as_os_str().len() + 1 + SOCKET_NAME.len();
    if bytes <= SOCKET_PATH_BYTES_MAX && near.to_str().is_some() {
        return near;
    }
    let digest = Sha256::digest(data_dir.as_os_str().as_bytes());
    let name = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    Path::new("/tmp").join(format!("mizan-{name}"))
}

/// The first missing directory on the way, when it is where a disk should be mounted.
pub(super) fn missing_mount(data_dir: &Path) -> Option<PathBuf> {
    let missing = data_dir.ancestors().take_while(|it| !it.exists()).last()?;
    let parent = missing.parent()?;
    // Below /media and /run/media there is a directory for each user first.
    let places = MOUNT_PARENTS.map(Path::new);
    let is_place = |it: &Path| places.contains(&it);
    (missing != data_dir
        && (is_place(parent) || parent.parent().is_some_and(|it| is_place(it) && it.ends_with("media"))))
    .then(|| missing.to_owned())
}

/// A directory that only `user` (and root) may enter, whoever made it first.
pub(super) fn make_private_dir(path: &Path, user: &RunAs) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            return Err(EmbeddedError::io("make the directory", path)(source));
        }
        Ok(()) | Err(_) => (),
    }
    let found = path.symlink_metadata().map_err(EmbeddedError::io("examine", path))?;
    let owner = found.uid();
    // What root made but has not given away yet is still ours: an earlier start was interrupted in between.
    let ours = owner == user.uid || (user.lent && owner == 0);
    if !ours || !found.is_dir() {
        return Err(EmbeddedError::BelongsToAnother {
            path: path.to_owned(),
            owner,
            expected: user.uid,
            remedy: format!("see what it is, and remove it: rm -r {}", path.display()),
        });
    }
    if owner == user.uid && found.mode() & 0o777 == 0o700 {
        return Ok(());
    }
    // Through a handle, so that what is changed is what is at this path and no link that replaced it meanwhile.
    let directory = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY).bits())
        .open(path)
        .map_err(EmbeddedError::io("open", path))?;
    directory.set_permissions(Permissions::from_mode(0o700)).map_err(EmbeddedError::io("change the mode of", path))?;
    if owner == user.uid {
        return Ok(());
    }
    fchown(&directory, Some(user.uid), Some(user.gid)).map_err(EmbeddedError::io("give away", path))
}

/// Root may enter everywhere, but the user it lends to PostgreSQL may not.
fn refuse_closed(directory: &Path, data_dir: &Path, run_as: &RunAs) -> Result<(), EmbeddedError> {
    if !run_as.lent {
        return Ok(());
    }
    let directory = directory.canonicalize().map_err(EmbeddedError::io("resolve", directory))?;
    match run_as.first_closed(&directory)? {
        None => Ok(()),
        Some(directory) => {
            let (user, data_dir) = (run_as.name.clone(), data_dir.to_owned());
            Err(EmbeddedError::Unreachable { user, directory, data_dir })
        }
    }
}

/// The directory itself, or the one in which the first missing part of the way would be made.
pub(super) fn nearest_existing(path: &Path) -> PathBuf {
    path.ancestors().find(|it| it.exists()).unwrap_or(Path::new("/")).to_owned()
}

/// Root's directory is one that others may pass through, since PostgreSQL's user lives inside.
fn make_data_dir(path: &Path) -> Result<(), EmbeddedError> {
    if path.is_dir() {
        return Ok(());
    }
    let doing = EmbeddedError::io("make the directory", path);
    std::fs::create_dir_all(path).map_err(doing)?;
    let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(EmbeddedError::io("change the mode of", path))
}

/// Whether the lock could be had at once.
fn try_lock(file: &File, path: &Path) -> Result<bool, EmbeddedError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(EmbeddedError::io("lock", path)(source)),
    }
}

/// The length of an open log, in bytes; 0 when it will not say.
pub(super) fn log_bytes(file: &File) -> u64 {
    file.metadata().map_or(0, |it| it.len())
}

fn remove_if_there(path: &Path) -> Result<(), EmbeddedError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(EmbeddedError::io("remove", path)(source)),
        Ok(()) | Err(_) => Ok(()),
    }
}
