//! Who runs PostgreSQL. It refuses to be root, so root lends it another user; everybody else runs it as themselves.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User, geteuid};

use super::EmbeddedError;

/// The users that root tries, in this order.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Prints the first of its arguments which is a directory that may not be entered.
const FIRST_CLOSED: &str = r#"for d do [ -x "$d" ] || { printf %s "$d"; exit 1; }; done"#;

/// The user that the programs of PostgreSQL run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunAs {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Whether this is another user than ours, which only root can lend.
    pub(super) lent: bool,
}

impl RunAs {
    /// The user for a new cluster.
    pub(super) fn for_new() -> Result<Self, EmbeddedError> {
        let own = geteuid();
        if !own.is_root() {
            return Ok(Self::named(own.as_raw(), nix::unistd::getegid().as_raw(), false));
        }
        UNPRIVILEGED
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .filter(|user| !user.uid.is_root())
            .map(|user| Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), lent: true })
            .ok_or(EmbeddedError::NoUnprivilegedUser)
    }

    /// The user for the cluster in `pgdata`: once there is data, whoever owns it, because PostgreSQL insists on that.
    /// So `sudo mizan serve` on an ordinary user's directory leaves it usable for that user.
    pub(super) fn for_cluster(pgdata: &Path) -> Result<Self, EmbeddedError> {
        let Ok(found) = std::fs::symlink_metadata(pgdata) else { return Self::for_new() };
        let own = geteuid();
        if own.is_root() && found.uid() != 0 {
            return Ok(Self::named(found.uid(), found.gid(), true));
        }
        let expected = Self::for_new()?;
        if found.uid() == expected.uid {
            return Ok(expected);
        }
        let remedy = if own.is_root() {
            format!("give it to that user: chown -R {} {}", expected.name, pgdata.display())
        } else {
            "run mizan as the owner or as root, or choose another place with --data-dir".to_owned()
        };
        Err(EmbeddedError::BelongsToAnother {
            path: pgdata.to_owned(),
            owner: found.uid(),
            expected: expected.uid,
            remedy,
        })
    }

    fn named(uid: u32, gid: u32, lent: bool) -> Self {
        let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        Self { name: known.map_or_else(|| uid.to_string(), |user| user.name), uid, gid, lent }
    }

    /// A command that will run as this user, from a directory everybody may enter, and deaf to the `PG*` variables
    /// of the caller's shell, which are meant for other clusters.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.as_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if self.lent {
            // The standard library also drops the groups of root when it is asked for another user.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// The uppermost directory on the way to `directory`, itself included, which this user may not enter. The user
    /// itself is asked, by `test -x`, because mode bits do not tell about access lists and read-only mounts.
    pub(super) fn first_closed(&self, directory: &Path) -> Result<Option<PathBuf>, EmbeddedError> {
        let mut way: Vec<&Path> = directory.ancestors().collect();
        way.reverse();
        let shell = Path::new("/bin/sh");
        let answer = self
            .command(shell)
            .args(["-c", FIRST_CLOSED, "sh"])
            .args(way)
            .output()
            .map_err(EmbeddedError::io("run", shell))?;
        let closed = OsStr::from_bytes(&answer.stdout);
        Ok((!closed.is_empty()).then(|| PathBuf::from(closed)))
    }
}
