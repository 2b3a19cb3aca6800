//! One run of PostgreSQL: making its data, starting it, knowing when it answers, and its end.
//!
//! No PostgreSQL outlives its owner. Between the two stands a shell, whose standard input is a pipe that only the
//! owner holds: the kernel closes it however the owner ends, and the shell then shuts PostgreSQL down.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use super::home::{Home, PORT, log_bytes, make_private_dir};
use super::programs::{Programs, made_by};
use super::{DATABASE, EmbeddedError, SUPERUSER};

/// How long a cluster whose owner is gone may take to shut down before a start gives up on it.
pub(super) const SILENCE_WAIT_MAX_S: u64 = 30;

/// After this long such a cluster is told to shut down, in case nothing else told it.
const SILENCE_WAIT_POLITE_S: u64 = 2;

/// Recovery after a crash replays about `max_wal_size` at most, for which a slow disk takes minutes. To give up too
/// early would make it begin again and never end.
pub(super) const READY_WAIT_MAX_S: u64 = 1_800;

/// How often a long start tells that it goes on.
const READY_TOLD_EVERY_S: u64 = 10;

/// A connection over a unix socket that takes longer than this is none.
const CONNECT_WAIT_MAX_S: u64 = 5;

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How often a running PostgreSQL is asked whether it is about to stop.
const STOPPING_INTERVAL: Duration = Duration::from_secs(1);

/// The guard between the owner and PostgreSQL: it ends with PostgreSQL, and PostgreSQL with the pipe.
///
/// The fast shutdown is asked for again every second, since a signal can come too early to be heard. After a minute
/// PostgreSQL is told to give up at once, which loses nothing and costs a recovery. The watcher holds neither the log
/// (whose lock says that the cluster lives) nor, being killed at the end, anything else.
const GUARD: &str = r#"
trap '' HUP INT TERM
exec 3<&0 </dev/null
"$@" 3<&- &
postgres=$!
(
    read -r _line <&3
    seconds=0
    while [ "$seconds" -lt 60 ] && kill -INT "$postgres"; do sleep 1; seconds=$((seconds + 1)); done
    kill -QUIT "$postgres"
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$postgres"
status=$?
kill -KILL "$watcher"
exit "$status"
"#;

/// A PostgreSQL which this process started and which ends with this value.
#[derive(Debug)]
pub(super) struct Postmaster {
    guard: Box<Child>,
    /// Closing it shuts PostgreSQL down.
    pipe: ChildStdin,
}

impl Postmaster {
    /// Makes the cluster if there is none, starts it and waits until it answers and has its database.
    ///
    /// The caller holds the lock of the owner. Dropped in the middle, this leaves nothing running.
    pub(super) async fn launch(home: &Home, durable: bool) -> Result<Self, EmbeddedError> {
        let log = wait_for_silence(home).await?;
        clear_unfinished(home)?;
        let programs = initialise(home, durable).await?;
        home.clear_stale_pids()?;

        let mark = log_bytes(&log);
        let mut postmaster = spawn(home, &programs, durable, log)?;
        let mut connection = postmaster.answers(home, mark).await?;
        make_database(&mut connection, home).await?;
        let _ = connection.close().await;
        Ok(postmaster)
    }

    /// Waits until PostgreSQL has ended, by itself or by another's hand.
    pub(super) async fn ended(&mut self, home: &Home) -> std::io::Result<ExitStatus> {
        loop {
            match timeout(STOPPING_INTERVAL, self.guard.wait()).await {
                Ok(ended) => return ended,
                Err(_) => hurry(&home.pgdata),
            }
        }
    }

    /// Shuts PostgreSQL down and waits until it is gone.
    pub(super) async fn shut_down(self) -> std::io::Result<ExitStatus> {
        let Self { mut guard, pipe } = self;
        drop(pipe);
        guard.wait().await
    }

    async fn answers(&mut self, home: &Home, mark: u64) -> Result<PgConnection, EmbeddedError> {
        let begun = Instant::now();
        let mut told_s = 0;
        loop {
            let ended = self.guard.try_wait().map_err(EmbeddedError::io("watch PostgreSQL in", &home.pgdata))?;
            if let Some(status) = ended {
                return Err(EmbeddedError::Died { status, log: home.log_file(), tail: home.log_tail(mark) });
            }
            let last = match connect(home).await {
                Ok(connection) => return Ok(connection),
                Err(EmbeddedError::Sql { source, .. }) => source.to_string(),
                Err(other) => return Err(other),
            };
            let waited_s = begun.elapsed().as_secs();
            if waited_s >= READY_WAIT_MAX_S {
                let (log, tail) = (home.log_file(), home.log_tail(mark));
                return Err(EmbeddedError::NotReady { waited_s, last, log, tail });
            }
            if waited_s >= told_s + READY_TOLD_EVERY_S {
                told_s = waited_s;
                tracing::info!(waited_s, last, log = %home.log_file().display(), "PostgreSQL is still starting");
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

/// How to connect to a database of the cluster. Whatever names a place or a person is set, so that the `PG*` variables
/// of a shell lead nowhere else; `PGOPTIONS`, which the driver offers no way to unset, still has its say.
pub(super) fn connect_options(home: &Home, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(&home.socket_dir)
        .port(PORT)
        .username(SUPERUSER)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
        .application_name("mizan")
}

/// A connection to whatever answers in the socket directory, once it has said that it keeps our data.
pub(super) async fn connect(home: &Home) -> Result<PgConnection, EmbeddedError> {
    let sql = |source| EmbeddedError::Sql { doing: "be reached", data_dir: home.data_dir.clone(), source };
    let options = connect_options(home, "postgres");
    let attempt = async {
        let mut connection = options.connect().await?;
        let found: String = sqlx::query_scalar("show data_directory").fetch_one(&mut connection).await?;
        Ok::<_, sqlx::Error>((connection, found))
    };
    let (connection, found) = match timeout(Duration::from_secs(CONNECT_WAIT_MAX_S), attempt).await {
        Ok(answer) => answer.map_err(sql)?,
        Err(_) => return Err(sql(sqlx::Error::Io(ErrorKind::TimedOut.into()))),
    };
    // A path that is not UTF-8 cannot be told apart here; its socket directory bears the hash of its name.
    match home.pgdata.to_str() {
        Some(expected) if expected != found => Err(EmbeddedError::AnotherCluster {
            socket_dir: home.socket_dir.clone(),
            pgdata: home.pgdata.clone(),
            found,
        }),
        Some(_) | None => Ok(connection),
    }
}

/// Makes the database unless it is there. Two who try at once are both content.
pub(super) async fn make_database(connection: &mut PgConnection, home: &Home) -> Result<(), EmbeddedError> {
    const DUPLICATE_DATABASE: &str = "42P04";
    const UNIQUE_VIOLATION: &str = "23505";
    let sql = |source| EmbeddedError::Sql { doing: "make its database", data_dir: home.data_dir.clone(), source };
    let known: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(DATABASE)
        .fetch_one(&mut *connection)
        .await
        .map_err(sql)?;
    if known {
        return Ok(());
    }
    let make = sqlx::AssertSqlSafe(format!("create database {DATABASE}"));
    match sqlx::query(make).execute(connection).await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(refused))
            if refused.code().is_some_and(|code| code == DUPLICATE_DATABASE || code == UNIQUE_VIOLATION) =>
        {
            Ok(())
        }
        Err(source) => Err(sql(source)),
    }
}

/// Waits until no process of an earlier run is left, and returns the log whose lock says so.
pub(super) async fn wait_for_silence(home: &Home) -> Result<File, EmbeddedError> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let running = live_postmaster(&home.pgdata);
        // Both must be quiet: the lock knows every process that we started, the file also who was started by hand.
        if running.is_none()
            && let Some(log) = home.try_log()?
        {
            return Ok(log);
        }
        let waited_s = begun.elapsed().as_secs();
        if waited_s >= SILENCE_WAIT_MAX_S {
            let stop = || format!("pg_ctl stop -m fast -D {}", home.pgdata.display());
            let remedy = running.map_or_else(stop, |pid| format!("kill -INT {pid}"));
            return Err(EmbeddedError::StillRunning { pid: running, pgdata: home.pgdata.clone(), waited_s, remedy });
        }
        if let Some(pid) = running.filter(|_| !told && waited_s >= SILENCE_WAIT_POLITE_S) {
            tracing::warn!(pid, pgdata = %home.pgdata.display(), "a PostgreSQL without owner runs on our data; shutting it down");
            told = kill(Pid::from_raw(pid), Signal::SIGINT).is_ok();
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Makes the data of the cluster unless they are there, and returns the programs which can run them.
///
/// They are made beside their place and renamed into it, so that they are there wholly or not at all.
async fn initialise(home: &Home, durable: bool) -> Result<Programs, EmbeddedError> {
    let (pgdata, run_as) = (home.pgdata.clone(), home.run_as.clone());
    let find = tokio::task::spawn_blocking(move || Programs::find_for(&pgdata, &run_as));
    let programs =
        find.await.map_err(std::io::Error::from).map_err(EmbeddedError::io("search", Path::new("PATH")))??;
    if made_by(&home.pgdata)?.is_some() {
        return Ok(programs);
    }
    let begun = Instant::now();
    let unfinished = home.data_dir.join(format!("{UNFINISHED}{}", uuid::Uuid::now_v7().simple()));
    make_private_dir(&unfinished, &home.run_as)?;
    let mut initdb = Command::from(home.run_as.command(programs.initdb()));
    initdb.arg("-D").arg(&unfinished).args(["-U", SUPERUSER, "-E", "UTF8", "--locale=C"]);
    initdb.args(["--auth-local=trust", "--auth-host=reject", "--data-checksums", "--no-instructions"]);
    if !durable {
        initdb.arg("--no-sync");
    }
    let output = initdb.kill_on_drop(true).output().await.map_err(EmbeddedError::io("run", &programs.initdb()))?;
    if !output.status.success() {
        clear_unfinished(home)?;
        let said = [output.stderr, output.stdout].concat();
        let output = String::from_utf8_lossy(&said).trim().to_owned();
        return Err(EmbeddedError::InitdbFailed { data_dir: home.data_dir.clone(), output });
    }
    match std::fs::rename(&unfinished, &home.pgdata) {
        Err(source) if source.kind() == ErrorKind::DirectoryNotEmpty => {
            clear_unfinished(home)?;
            return Err(EmbeddedError::NotACluster { pgdata: home.pgdata.clone() });
        }
        renamed => renamed.map_err(EmbeddedError::io("rename the new cluster to", &home.pgdata))?,
    }
    if durable {
        let synced = File::open(&home.data_dir).and_then(|directory| directory.sync_all());
        synced.map_err(EmbeddedError::io("sync", &home.data_dir))?;
    }
    let took_ms = begun.elapsed().as_millis();
    tracing::info!(pgdata = %home.pgdata.display(), version = %programs.version(), took_ms, "made a new cluster");
    Ok(programs)
}

/// How the directory is called in which initdb works.
const UNFINISHED: &str = "postgres.new-";

/// Removes what an interrupted initdb left.
fn clear_unfinished(home: &Home) -> Result<(), EmbeddedError> {
    let failed = || EmbeddedError::io("list", &home.data_dir);
    for entry in std::fs::read_dir(&home.data_dir).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let path = entry.path();
            // An initdb whose owner was killed may still be writing there; the next start removes the rest.
            if let Err(why) = std::fs::remove_dir_all(&path) {
                tracing::warn!(path = %path.display(), %why, "could not remove what an interrupted initdb left");
            }
        }
    }
    Ok(())
}

fn spawn(home: &Home, programs: &Programs, durable: bool, log: File) -> Result<Postmaster, EmbeddedError> {
    let log_path = home.log_file();
    let errors = log.try_clone().map_err(EmbeddedError::io("share", &log_path))?;
    let mut command = Command::from(home.run_as.command("/bin/sh"));
    command.args(["-c", GUARD, "mizan-postgres"]).arg(programs.postgres()).arg("-D").arg(&home.pgdata);
    for setting in settings(home, durable) {
        command.arg("-c").arg(setting);
    }
    // A group of its own: Ctrl-C is for the service, which shuts PostgreSQL down when it has finished its work.
    command.process_group(0).stdin(Stdio::piped()).stdout(log).stderr(errors);
    let mut guard = command.spawn().map_err(EmbeddedError::io("start", &programs.postgres()))?;
    let pipe = guard.stdin.take().ok_or_else(|| ErrorKind::BrokenPipe.into());
    Ok(Postmaster { pipe: pipe.map_err(EmbeddedError::io("start", &programs.postgres()))?, guard: Box::new(guard) })
}

/// The settings of the server. They are given on its command line, which wins over every file: what the service
/// relies on is here and cannot drift. Who wants to tune PostgreSQL runs one of their own and names it in
/// `DATABASE_URL`.
fn settings(home: &Home, durable: bool) -> Vec<String> {
    // A name in a list of directories is quoted as SQL quotes identifiers.
    let socket_dir = home.socket_dir.to_string_lossy().replace('"', "\"\"");
    let mut settings = vec![
        "listen_addresses=".to_owned(),
        format!("port={PORT}"),
        format!("unix_socket_directories=\"{socket_dir}\""),
        "unix_socket_permissions=0700".to_owned(),
    ];
    let common = [
        "cluster_name=mizan",
        "max_connections=200",
        "shared_buffers=256MB",
        "max_wal_size=4GB",
        "min_wal_size=1GB",
        "wal_init_zero=off",
        "jit=off",
        "timezone=UTC",
        "log_timezone=UTC",
        "log_destination=stderr",
        "logging_collector=off",
        "log_line_prefix=%m [%p] ",
    ];
    // All three are said in any case, so that nothing in postgresql.conf can weaken a durable cluster. The other kind
    // only goes without fsync: what the kernel has been given survives every end of a process, and tests kill those. It
    // would not with asynchronous commits, which wait in the memory of PostgreSQL, nor would half a page that was
    // being written, without full pages in the log to mend it from.
    let fsync = if durable { "fsync=on" } else { "fsync=off" };
    let safety = [fsync, "full_page_writes=on", "synchronous_commit=on"];
    settings.extend(common.into_iter().chain(safety).map(str::to_owned));
    settings
}

/// The process id in `postmaster.pid`, whosever it is by now.
pub(super) fn recorded_pid(pgdata: &Path) -> Option<i32> {
    let path = pgdata.join("postmaster.pid");
    let content = std::fs::read_to_string(path).ok()?;
    // A backend in single-user mode writes its number negated.
    content.lines().next()?.trim().trim_start_matches('-').parse().ok()
}

/// Hastens a shutdown that somebody else asked for, as `kill` does: it would wait for the service's own idle connections
/// to close, and take no new ones meanwhile.
fn hurry(pgdata: &Path) {
    const STATUS_LINE: usize = 7;
    let content = std::fs::read_to_string(pgdata.join("postmaster.pid")).unwrap_or_default();
    let stopping = content.lines().nth(STATUS_LINE).is_some_and(|status| status.trim() == "stopping");
    if let Some(pid) = live_postmaster(pgdata).filter(|_| stopping) {
        tracing::warn!(pid, pgdata = %pgdata.display(), "PostgreSQL was told to stop by somebody else; hastening that");
        // Where this fails it has ended meanwhile.
        let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
    }
}

/// The server that runs on `pgdata` now, if one does.
pub(super) fn live_postmaster(pgdata: &Path) -> Option<i32> {
    recorded_pid(pgdata).filter(|pid| is_running(*pid) && is_postmaster(*pid, pgdata))
}

/// Whether a process has this id, of whatever user.
pub(super) fn is_running(pid: i32) -> bool {
    matches!(kill(Pid::from_raw(pid), None), Ok(()) | Err(Errno::EPERM))
}

/// Whether the process is a server on `pgdata`, by its command line, or by where it stands when that can be seen. A
/// process that has ended and is not yet buried has neither.
fn is_postmaster(pid: i32, pgdata: &Path) -> bool {
    let is_server = |program: &Path| program.ends_with("postgres") || program.ends_with("postmaster");
    let proc = PathBuf::from(format!("/proc/{pid}"));
    if let Ok(line) = std::fs::read(proc.join("cmdline")) {
        let mut words = line.split(|byte| *byte == 0).map(|word| Path::new(OsStr::from_bytes(word)));
        return words.next().is_some_and(is_server)
            && (words.any(|word| word == pgdata) || proc.join("cwd").read_link().is_ok_and(|cwd| cwd == pgdata));
    }
    // macOS has no /proc.
    let asked = std::process::Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    let line = asked.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default();
    let before_options = line.split(" -").next().unwrap_or_default();
    is_server(Path::new(before_options.trim())) && line.contains(&format!("{} ", pgdata.display()))
}
