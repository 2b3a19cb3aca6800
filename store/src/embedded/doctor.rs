//! What keeps a cluster from running here, said before it is tried. Nothing is made or changed.

use std::fs::File;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::home::{SOCKET_PATH_BYTES_MAX, missing_mount, nearest_existing, socket_dir};
use super::postmaster::{live_postmaster, recorded_pid};
use super::programs::{Programs, made_by};
use super::user::RunAs;
use super::{EmbeddedError, VERSION_MIN};

/// Below this the disk is called nearly full.
const FREE_BYTES_MIN: u128 = 1 << 30;

/// The answer to one question about the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: &'static str,
    /// Whether a cluster can run with what was found.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it: one sentence, with a command to type where there is one.
    pub remedy: Option<String>,
}

impl Finding {
    fn fine(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, ok: true, found: found.into(), remedy: None }
    }

    fn bad(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, ok: false, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// Looks at everything that the cluster in `data_dir` needs.
#[must_use]
pub fn examine(data_dir: &Path) -> Vec<Finding> {
    let absolute = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let data_dir = absolute.canonicalize().unwrap_or(absolute);
    let pgdata = data_dir.join("postgres");
    let run_as = RunAs::for_cluster(&pgdata);

    let mut findings = Vec::from(programs(&pgdata, run_as.as_ref().ok()));
    findings.push(user(&run_as));
    findings.push(place(&data_dir, run_as.as_ref().ok()));
    findings.push(socket(&data_dir, run_as.as_ref().ok()));
    findings.push(disk(&data_dir));
    findings.push(cluster(&data_dir, &pgdata));
    findings
}

fn programs(pgdata: &Path, run_as: Option<&RunAs>) -> [Finding; 2] {
    let (server, initdb) = ("postgresql", "initdb");
    let found = match run_as {
        Some(run_as) => Programs::find_for(pgdata, run_as).or_else(|why| match why {
            // Who may not look into the data can still be told about the programs.
            EmbeddedError::Io { .. } => Programs::find(),
            why => Err(why),
        }),
        None => Programs::find(),
    };
    match found {
        Ok(programs) => [
            Finding::fine(server, format!("{} in {}", programs.version(), programs.bin().display())),
            Finding::fine(initdb, programs.initdb().display().to_string()),
        ],
        Err(EmbeddedError::ProgramsMissing { looked, remedy }) => [
            Finding::bad(server, format!("version {VERSION_MIN} or newer was not found ({looked})"), remedy.clone()),
            Finding::bad(initdb, "was not found; psql alone is only the client", remedy),
        ],
        Err(EmbeddedError::ProgramsOfAnotherVersion { needed, found, remedy, .. }) => [
            Finding::bad(server, format!("the data are of version {needed}, this machine has {found}"), remedy.clone()),
            Finding::bad(initdb, format!("none of version {needed}"), remedy),
        ],
        Err(other) => {
            let remedy = "see the other findings and ask again: mizan doctor";
            [Finding::bad(server, other.to_string(), remedy), Finding::bad(initdb, "was not looked for", remedy)]
        }
    }
}

fn user(run_as: &Result<RunAs, EmbeddedError>) -> Finding {
    let check = "user";
    match run_as {
        Ok(user) if user.lent => {
            Finding::fine(check, format!("PostgreSQL runs as `{}`, since root may not", user.name))
        }
        Ok(user) => Finding::fine(check, format!("PostgreSQL runs as `{}`, who runs mizan", user.name)),
        Err(EmbeddedError::BelongsToAnother { path, owner, remedy, .. }) => {
            Finding::bad(check, format!("{} belongs to the user with id {owner}", path.display()), remedy.clone())
        }
        Err(other) => Finding::bad(check, other.to_string(), "make one: useradd --system postgres"),
    }
}

/// Whether the directory can be made or written, and reached by the one who runs PostgreSQL.
fn place(data_dir: &Path, run_as: Option<&RunAs>) -> Finding {
    let check = "data directory";
    if let Some(missing) = missing_mount(data_dir) {
        return Finding::bad(
            check,
            format!("{} does not exist, so its disk is not mounted", missing.display()),
            format!("mount it, or make the directory if this is meant: mkdir -p {}", data_dir.display()),
        );
    }
    let existing = nearest_existing(data_dir);
    if !existing.is_dir() {
        let remedy = "choose another place: mizan serve --data-dir /var/lib/mizan";
        return Finding::bad(check, format!("{} is not a directory", existing.display()), remedy);
    }
    if let Err(why) = access(&existing, AccessFlags::W_OK | AccessFlags::X_OK) {
        let make = if existing == data_dir { "" } else { "sudo mkdir -p {dir} && " };
        let yours = format!("{make}sudo chown -R \"$(id -un)\" {{dir}}").replace("{dir}", &data_dir.to_string_lossy());
        return Finding::bad(
            check,
            format!("{} cannot be written: {}", existing.display(), why.desc()),
            format!("choose another with --data-dir, run mizan as its owner, or make it yours: {yours}"),
        );
    }
    match run_as.filter(|user| user.lent).map(|user| (user, user.first_closed(&existing))) {
        Some((user, Ok(Some(closed)))) => Finding::bad(
            check,
            format!("the user `{}` may not enter {}", user.name, closed.display()),
            format!("use --data-dir /var/lib/mizan, or open this one: chmod o+x {}", closed.display()),
        ),
        Some((_, Err(why))) => Finding::bad(check, why.to_string(), "make sure that there is a shell: ls -l /bin/sh"),
        Some((_, Ok(None))) | None if existing == data_dir => Finding::fine(check, data_dir.display().to_string()),
        Some((_, Ok(None))) | None => Finding::fine(check, format!("{} will be made", data_dir.display())),
    }
}

fn socket(data_dir: &Path, run_as: Option<&RunAs>) -> Finding {
    use std::os::unix::fs::MetadataExt;
    let check = "socket";
    let place = socket_dir(data_dir);
    match (place.symlink_metadata(), run_as) {
        (Ok(found), Some(user)) if found.uid() != user.uid && !(user.lent && found.uid() == 0) => Finding::bad(
            check,
            format!("{} belongs to the user with id {}, not to `{}`", place.display(), found.uid(), user.name),
            format!("see what it is, and remove it: rm -r {}", place.display()),
        ),
        (Ok(_) | Err(_), _) if place.starts_with(data_dir) => Finding::fine(check, format!("in {}", place.display())),
        (Ok(_) | Err(_), _) => Finding::fine(
            check,
            format!(
                "in {}, since below the data directory its path exceeds {SOCKET_PATH_BYTES_MAX} bytes",
                place.display()
            ),
        ),
    }
}

fn disk(data_dir: &Path) -> Finding {
    let check = "disk space";
    let existing = nearest_existing(data_dir);
    let free_bytes = match statvfs(&existing) {
        Ok(disk) => u128::from(disk.blocks_available()) * u128::from(disk.fragment_size()),
        Err(why) => {
            let remedy = format!("see whether the disk is well: df {}", existing.display());
            return Finding::bad(check, format!("of {} is unknown: {}", existing.display(), why.desc()), remedy);
        }
    };
    let found = format!("{} MiB free on the disk of {}", free_bytes >> 20, existing.display());
    if free_bytes >= FREE_BYTES_MIN {
        return Finding::fine(check, found);
    }
    Finding::bad(
        check,
        found,
        format!("free at least 1 GiB; what takes the space shows: du -xh {} | sort -h", existing.display()),
    )
}

fn cluster(data_dir: &Path, pgdata: &Path) -> Finding {
    let check = "cluster";
    let no_cluster = || {
        let remedy = format!("move it away: mv {0} {0}.old", pgdata.display());
        Finding::bad(check, format!("{} is no data directory of PostgreSQL", pgdata.display()), remedy)
    };
    let major = match made_by(pgdata) {
        Ok(Some(major)) => major,
        Ok(None) if pgdata.read_dir().is_ok_and(|mut entries| entries.next().is_some()) => return no_cluster(),
        Ok(None) => return Finding::fine(check, "none yet; the first start makes it"),
        Err(EmbeddedError::Io { path, source, .. }) => {
            let remedy = format!("ask as its owner or as root: sudo mizan doctor --data-dir {}", data_dir.display());
            return Finding::bad(check, format!("{} cannot be read: {source}", path.display()), remedy);
        }
        Err(_) => return no_cluster(),
    };
    let log = data_dir.join("postgres.log");
    let owner = || std::fs::read_to_string(data_dir.join("lock")).unwrap_or_default();
    match (is_held(&log), is_held(&data_dir.join("lock")), live_postmaster(pgdata)) {
        (true, true, Some(pid)) => {
            Finding::fine(check, format!("runs (version {major}, process {pid}), owned by process {}", owner().trim()))
        }
        (true, false, _) => Finding::fine(check, "is shutting down, its owner being gone; the next start waits for it"),
        (_, true, _) => Finding::bad(
            check,
            format!("is owned by process {}, but does not run (yet)", owner().trim()),
            format!("see why, and ask again: tail -n 20 {}", log.display()),
        ),
        (false, false, Some(pid)) => Finding::bad(
            check,
            format!("was started by somebody else, as process {pid}"),
            format!("stop it: kill -INT {pid}"),
        ),
        (false, false, None) => match recorded_pid(pgdata) {
            Some(pid) => Finding::fine(
                check,
                format!(
                    "crashed (version {major}); process {pid} of its postmaster.pid is not it, the next start recovers"
                ),
            ),
            None => Finding::fine(check, format!("stopped (version {major})")),
        },
    }
}

/// Whether a process holds the lock of this file. Asked with a shared lock, so that two who ask see each other not.
fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock_shared().is_err())
}
