//! Which PostgreSQL of the machine to use.
//!
//! Distributions keep the server's programs in a directory for each version and off the PATH, where they put only
//! wrappers for clients; so `psql` on the PATH says nothing, and a directory counts only with both `initdb` and
//! `postgres` in it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::EmbeddedError;
use super::user::RunAs;

/// The oldest major version that is used: the oldest one with every feature that the schema needs.
pub const VERSION_MIN: u32 = 14;

/// Names the one directory to use, and nothing else is looked at.
pub(super) const BIN_VARIABLE: &str = "MIZAN_POSTGRES_BIN";

/// Where versions live side by side: a parent, the beginning of the name of each child, and the rest of the way.
const VERSIONED: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                  // Red Hat and its kin, from PostgreSQL's own packages
    ("/usr/lib", "postgresql", "bin"),          // SUSE
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),    // Homebrew on Intel
];

/// Where one version lives, besides the PATH.
const PLAIN: [&str; 1] = ["/opt/homebrew/bin"];

/// A version of PostgreSQL. Data directories are exchangeable between minor versions, never between major ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number that counts, such as 15.
    pub major: u32,
    /// The number of the bug-fix release; 0 for a beta.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// Reads what `postgres --version` prints: `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, `... 18beta1`.
    fn parse(printed: &str) -> Option<Self> {
        let number = printed.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
        let mut parts = number.split(|c: char| !c.is_ascii_digit());
        let major = parts.next()?.parse().ok()?;
        // A beta has a letter there, and what follows it is no minor version.
        let is_release = number.chars().all(|c| c.is_ascii_digit() || c == '.');
        let minor = parts.next().filter(|_| is_release).and_then(|minor| minor.parse().ok()).unwrap_or(0);
        Some(Self { major, minor })
    }
}

/// The programs of one installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Programs {
    version: Version,
    bin: PathBuf,
}

impl Programs {
    /// The newest usable PostgreSQL of this machine; or the one in `MIZAN_POSTGRES_BIN` when that is set, because who
    /// names one means it.
    ///
    /// # Errors
    /// [`EmbeddedError::ProgramsMissing`] with the places that were refused, and the command that installs it.
    pub fn find() -> Result<Self, EmbeddedError> {
        Self::newest(&candidates(), &RunAs::for_new()?)
    }

    /// The newest PostgreSQL that can run `pgdata`: the very major version that made it, or any for a new cluster.
    pub(super) fn find_for(pgdata: &Path, run_as: &RunAs) -> Result<Self, EmbeddedError> {
        match made_by(pgdata)? {
            None => Self::newest(&candidates(), run_as),
            Some(major) => Self::of_major(&candidates(), run_as, major, pgdata),
        }
    }

    fn newest(candidates: &[PathBuf], run_as: &RunAs) -> Result<Self, EmbeddedError> {
        let (found, refused) = examine_all(candidates, run_as);
        found.into_iter().max().ok_or_else(|| missing(&refused))
    }

    fn of_major(candidates: &[PathBuf], run_as: &RunAs, major: u32, pgdata: &Path) -> Result<Self, EmbeddedError> {
        let (found, refused) = examine_all(candidates, run_as);
        if found.is_empty() {
            return Err(missing(&refused));
        }
        let versions: BTreeSet<String> = found.iter().map(|it| it.version.to_string()).collect();
        found.into_iter().filter(|it| it.version.major == major).max().ok_or_else(|| {
            EmbeddedError::ProgramsOfAnotherVersion {
                pgdata: pgdata.to_owned(),
                needed: major,
                found: Vec::from_iter(versions).join(", "),
                remedy: how_to_install(Some(major)),
            }
        })
    }

    /// Looks whether `directory` holds a whole and usable PostgreSQL; otherwise says why not, or nothing when there
    /// is no trace of one.
    fn examine(directory: &Path, run_as: &RunAs) -> Result<Self, Option<String>> {
        let no = |why: &str| Some(format!("{} {why}", directory.display()));
        let (postgres, initdb) = (directory.join("postgres"), directory.join("initdb"));
        match (postgres.is_file(), initdb.is_file()) {
            (true, true) => (),
            (true, false) => return Err(no("has postgres but no initdb")),
            (false, true) => return Err(no("has initdb but no postgres")),
            (false, false) => return Err(None),
        }
        // Asked as the user who will run it: a PostgreSQL in somebody's home may be out of its reach.
        let answer = run_as
            .command(&postgres)
            .arg("--version")
            .output()
            .map_err(|source| no(&format!("cannot be run by the user `{}`: {source}", run_as.name)))?;
        let printed = String::from_utf8_lossy(&answer.stdout);
        let version = Version::parse(&printed)
            .ok_or_else(|| no(&format!("printed {:?} when asked for its version", printed.trim())))?;
        if version.major < VERSION_MIN {
            return Err(no(&format!("is version {version}")));
        }
        Ok(Self { version, bin: directory.to_owned() })
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The directory of its programs.
    #[must_use]
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The program that makes a cluster.
    #[must_use]
    pub fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }

    /// The server.
    #[must_use]
    pub fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }
}

/// The major version that made `pgdata`, or none when there is no cluster yet.
pub(super) fn made_by(pgdata: &Path) -> Result<Option<u32>, EmbeddedError> {
    let file = pgdata.join("PG_VERSION");
    match std::fs::read_to_string(&file) {
        Ok(content) => {
            content.trim().parse().map(Some).map_err(|_| EmbeddedError::NotACluster { pgdata: pgdata.to_owned() })
        }
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EmbeddedError::io("read", &file)(source)),
    }
}

fn examine_all(candidates: &[PathBuf], run_as: &RunAs) -> (Vec<Programs>, Vec<String>) {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for directory in candidates {
        match Programs::examine(directory, run_as) {
            Ok(programs) => found.push(programs),
            Err(why) => refused.extend(why),
        }
    }
    (found, refused)
}

fn missing(refused: &[String]) -> EmbeddedError {
    if let Some(named) = std::env::var_os(BIN_VARIABLE) {
        let why = if refused.is_empty() { "has neither postgres nor initdb".to_owned() } else { refused.join("; ") };
        return EmbeddedError::ProgramsMissing {
            looked: format!("{BIN_VARIABLE}={}: {why}", Path::new(&named).display()),
            remedy: format!("name a directory with initdb and postgres in it, or unset {BIN_VARIABLE}"),
        };
    }
    let looked = if refused.is_empty() {
        "looked in the PATH and where distributions and Homebrew install it".to_owned()
    } else {
        refused.join("; ")
    };
    EmbeddedError::ProgramsMissing { looked, remedy: how_to_install(None) }
}

/// Every directory that may hold the programs, without repetition.
fn candidates() -> Vec<PathBuf> {
    match std::env::var_os(BIN_VARIABLE) {
        Some(named) => vec![PathBuf::from(named)],
        None => gather(std::env::var_os("PATH").as_deref(), &VERSIONED),
    }
}

fn gather(path: Option<&OsStr>, versioned: &[(&str, &str, &str)]) -> Vec<PathBuf> {
    let mut all = BTreeSet::new();
    for directory in path.into_iter().flat_map(std::env::split_paths).filter(|it| it.is_absolute()) {
        // A link on the PATH often stands for one program only; its target has the others beside it.
        let target = directory.join("initdb").canonicalize().ok();
        all.extend(target.as_deref().and_then(Path::parent).map(Path::to_owned));
    }
    for (parent, beginning, rest) in versioned {
        let children = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let of_postgres = children.filter(|it| it.file_name().to_string_lossy().starts_with(beginning));
        all.extend(of_postgres.filter_map(|it| it.path().join(rest).canonicalize().ok()));
    }
    all.extend(
        PLAIN
            .iter()
            .filter_map(|plain| Path::new(plain).join("initdb").canonicalize().ok()?.parent().map(Path::to_owned)),
    );
    all.into_iter().collect()
}

/// One sentence with the command that installs PostgreSQL here: a given major version, or the usual one.
pub(super) fn how_to_install(major: Option<u32>) -> String {
    let exists = |path: &str| Path::new(path).exists();
    let suffix = |separator: &str| major.map(|major| format!("{separator}{major}")).unwrap_or_default();
    if cfg!(target_os = "macos") {
        format!("install it: brew install postgresql@{}", major.unwrap_or(16))
    } else if exists("/etc/debian_version") {
        format!("install it: apt-get install postgresql{}", suffix("-"))
    } else if exists("/etc/alpine-release") {
        format!("install it: apk add postgresql{}", major.unwrap_or(16))
    } else if exists("/etc/arch-release") {
        "install it: pacman -S postgresql".to_owned()
    } else if exists("/etc/redhat-release") || exists("/etc/fedora-release") {
        format!(
            "install it: dnf install {}",
            major.map_or("postgresql-server".to_owned(), |major| format!("postgresql{major}-server"))
        )
    } else if exists("/etc/SUSE-brand") || exists("/etc/zypp") {
        format!("install it: zypper install postgresql{}-server", suffix(""))
    } else {
        format!("install the server of PostgreSQL with the package manager of this system, or set {BIN_VARIABLE}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_print_them() {
        let read = |printed| Version::parse(printed).map(|it| (it.major, it.minor));
        assert_eq!(read("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some((15, 14)));
        assert_eq!(read("postgres (PostgreSQL) 16.4 (Homebrew)\n"), Some((16, 4)));
        assert_eq!(read("postgres (PostgreSQL) 18beta1\n"), Some((18, 0)));
        assert_eq!(read("postgres (PostgreSQL) 9.6.24\n"), Some((9, 6)));
        assert_eq!(read("bash: postgres: command not found"), None);
    }

    #[test]
    fn the_newest_version_wins_and_ten_is_more_than_nine() {
        let fake = FakeMachine::new("newest");
        fake.install("9/bin", "9.6.24")
            .install("15/bin", "15.9")
            .install("15b/bin", "15.10")
            .install("9x/bin", "14.20");
        let found = Programs::newest(&fake.candidates(), &RunAs::for_new().unwrap()).unwrap();
        assert_eq!(found.version(), Version { major: 15, minor: 10 });
        assert_eq!(found.initdb(), fake.root.join("15b/bin/initdb"));
    }

    #[test]
    fn old_data_keeps_its_old_version_when_a_newer_one_is_installed_beside_it() {
        let fake = FakeMachine::new("beside");
        fake.install("15/bin", "15.9").install("17/bin", "17.1");
        let run_as = RunAs::for_new().unwrap();
        let found = Programs::of_major(&fake.candidates(), &run_as, 15, Path::new("/data")).unwrap();
        assert_eq!(found.version().major, 15);
        let refused = Programs::of_major(&fake.candidates(), &run_as, 16, Path::new("/data")).unwrap_err();
        assert!(refused.to_string().contains("made by PostgreSQL 16, and this machine has 15.9, 17.1"), "{refused}");
    }

    #[test]
    fn what_is_half_installed_or_too_old_is_named_in_the_refusal() {
        let fake = FakeMachine::new("half");
        fake.install("13/bin", "13.2").install("14/bin", "14.2");
        std::fs::remove_file(fake.root.join("14/bin/initdb")).unwrap();
        let refused = Programs::newest(&fake.candidates(), &RunAs::for_new().unwrap()).unwrap_err().to_string();
        assert!(refused.contains("13/bin is version 13.2"), "{refused}");
        assert!(refused.contains("14/bin has postgres but no initdb"), "{refused}");
        assert!(refused.contains("install"), "{refused}");
    }

    #[test]
    fn a_link_on_the_path_leads_to_the_programs_beside_its_target() {
        let fake = FakeMachine::new("link");
        fake.install("16/bin", "16.1");
        let path = fake.root.join("path");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink(fake.root.join("16/bin/initdb"), path.join("initdb")).unwrap();
        std::fs::write(path.join("psql"), "a wrapper").unwrap();
        assert!(gather(Some(path.as_os_str()), &[]).contains(&fake.root.join("16/bin")));
        assert!(gather(Some(OsStr::new("relative:")), &[]).iter().all(|it| it.is_absolute()));
    }

    #[test]
    fn this_machine_has_a_usable_postgres() {
        let found = Programs::find().unwrap();
        assert!(found.version().major >= VERSION_MIN);
        assert!(found.postgres().is_file() && found.initdb().is_file());
    }

    /// Directories with scripts that print a version, as a machine with several versions has them.
    struct FakeMachine {
        root: PathBuf,
    }

    impl FakeMachine {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("mizan-programs-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir_all(&root).unwrap();
            Self { root: root.canonicalize().unwrap() }
        }

        /// A shell writes the scripts, because a file that this process writes may be open in a child which another
        /// test is just starting, and such a file cannot be run ("text file busy").
        fn install(&self, directory: &str, version: &str) -> &Self {
            const WRITE: &str = r#"mkdir -p "$1"; for it in postgres initdb; do
                printf '#!/bin/sh\necho "%s (PostgreSQL) %s"\n' $it "$2" >"$1/$it"; chmod 755 "$1/$it"; done"#;
            let directory = self.root.join(directory);
            let wrote =
                std::process::Command::new("/bin/sh").args(["-c", WRITE, "sh"]).arg(directory).arg(version).status();
            assert!(wrote.unwrap().success());
            self
        }

        fn candidates(&self) -> Vec<PathBuf> {
            gather(None, &[(self.root.to_str().unwrap(), "", "bin")])
        }
    }

    impl Drop for FakeMachine {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.root);
        }
    }
}
