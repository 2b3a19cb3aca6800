//! The cluster against the machine's real PostgreSQL: its ends above all, the gentle and the other ones.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection};

use super::postmaster::is_running;
use super::programs::made_by;
use super::user::RunAs;
use super::*;

/// More than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data directory which is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    fn below(parent: &Path) -> Self {
        let path = parent.join(format!("mizan-embedded-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&path).unwrap();
        open_to_all(&path);
        Self(path)
    }

    fn settings(&self) -> Settings {
        Settings { data_dir: self.0.clone(), durable: false }
    }

    async fn start(&self) -> Cluster {
        Cluster::start(self.settings()).await.unwrap_or_else(|why| panic!("{why}"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn connect(cluster: &Cluster) -> PgConnection {
    let begun = Instant::now();
    loop {
        match cluster.connect_options().connect().await {
            Ok(connection) => return connection,
            Err(why) if begun.elapsed() > PATIENCE => panic!("{why}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn remember(cluster: &Cluster, text: &str) {
    let mut connection = connect(cluster).await;
    // Two processes may be here at once, and PostgreSQL lets `if not exists` of two collide.
    let table = "select pg_advisory_lock(1); create table if not exists memory (text text)";
    sqlx::raw_sql(table).execute(&mut connection).await.unwrap();
    sqlx::query("insert into memory values ($1)").bind(text).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn memories(cluster: &Cluster) -> Vec<String> {
    let mut connection = connect(cluster).await;
    let found = sqlx::query_scalar("select text from memory order by text").fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    found
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Every process that was started on this data directory, the guard included.
fn processes_of(scratch: &Scratch) -> Vec<String> {
    let place = scratch.0.canonicalize().unwrap();
    let listed = Command::new("ps").args(["-eww", "-o", "stat=,pid=,args="]).output().unwrap().stdout;
    let all = String::from_utf8_lossy(&listed).into_owned();
    let ours = |line: &&str| line.contains(place.to_str().unwrap()) && !line.trim_start().starts_with('Z');
    all.lines().filter(ours).map(str::to_owned).collect()
}

/// Not a test by itself: the process that the other tests start, and kill, runs it with the variable set.
#[tokio::test]
async fn an_owner_in_a_process_of_its_own() {
    let Some(data_dir) = std::env::var_os("MIZAN_TEST_OWNER_OF") else { return };
    let cluster = Cluster::start(Settings { data_dir: data_dir.into(), durable: false }).await.unwrap();
    remember(&cluster, &format!("process {}", std::process::id())).await;
    println!("\nready owner={}", cluster.is_owner());
    std::future::pending::<()>().await;
}

struct OtherProcess(Child);

impl OtherProcess {
    fn begin(scratch: &Scratch) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "embedded::tests::an_owner_in_a_process_of_its_own", "--nocapture"])
            .env("MIZAN_TEST_OWNER_OF", &scratch.0)
            .stdout(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Waits for the cluster of the other process, and says whether it owns it.
    fn is_owner(&mut self) -> bool {
        let said = BufReader::new(self.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let ready = said.into_iter().find(|line| line.starts_with("ready")).expect("the other process gave up");
        ready.ends_with("true")
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn an_empty_directory_becomes_a_cluster_that_answers() {
    let scratch = Scratch::new();
    let begun = Instant::now();
    let cluster = scratch.start().await;
    println!("from an empty directory to an answer: {:?}", begun.elapsed());

    let mut connection = connect(&cluster).await;
    let one: i32 = sqlx::query_scalar("select 1").fetch_one(&mut connection).await.unwrap();
    assert_eq!(one, 1);
    for (setting, expected) in [
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
        ("data_checksums", "on"),
        ("max_connections", "200"),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "4GB"),
        ("fsync", "off"),
    ] {
        let found: Option<String> = sqlx::query_scalar("select current_setting($1, true)")
            .bind(setting)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        // PostgreSQL 16 made lc_collate a property of each database.
        assert!(found.as_deref().is_none_or(|found| found == expected), "{setting} is {found:?}");
    }
    let who: (String, String) =
        sqlx::query_as("select current_user::text, current_database()::text").fetch_one(&mut connection).await.unwrap();
    assert_eq!(who, (SUPERUSER.to_owned(), DATABASE.to_owned()));
    assert!(cluster.is_owner());

    let pid = cluster.postgres_pid().unwrap();
    cluster.stop().await;
    assert!(!is_running(pid), "stop returned before PostgreSQL was gone");
    assert_eq!(processes_of(&scratch), Vec::<String>::new());
}

#[tokio::test]
async fn a_durable_cluster_syncs_and_keeps_its_data_from_one_start_to_the_next() {
    let scratch = Scratch::new();
    let settings = Settings { data_dir: scratch.0.clone(), durable: true };
    let begun = Instant::now();
    let cluster = Cluster::start(settings.clone()).await.unwrap();
    println!("durable, from an empty directory to an answer: {:?}", begun.elapsed());
    remember(&cluster, "first").await;
    let mut connection = connect(&cluster).await;
    let synced: String = sqlx::query_scalar("select current_setting('fsync') || current_setting('full_page_writes')")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(synced, "onon");

    // The connection is still open: stopping ends it, and does not wait for it.
    cluster.stop().await;
    let begun = Instant::now();
    let cluster = Cluster::start(settings).await.unwrap();
    println!("started again in {:?}", begun.elapsed());
    remember(&cluster, "second").await;
    assert_eq!(memories(&cluster).await, ["first", "second"]);
    cluster.stop().await;
}

#[tokio::test]
async fn a_killed_postgres_is_started_again_with_everything_that_was_committed() {
    let scratch = Scratch::new();
    let cluster = scratch.start().await;
    for round in ["one", "two"] {
        remember(&cluster, round).await;
        let pid = cluster.postgres_pid().unwrap();
        let begun = Instant::now();
        send(pid, Signal::SIGKILL);
        until("another PostgreSQL", || cluster.postgres_pid().is_some_and(|now| now != pid)).await;
        assert!(memories(&cluster).await.contains(&round.to_owned()));
        println!("answers {:?} after the kill", begun.elapsed());
    }
    cluster.stop().await;
    assert_eq!(processes_of(&scratch), Vec::<String>::new());
}

#[tokio::test]
async fn a_postgres_that_is_asked_to_stop_does_not_wait_for_idle_connections_and_comes_back() {
    let scratch = Scratch::new();
    let cluster = scratch.start().await;
    let idle = connect(&cluster).await;
    let pid = cluster.postgres_pid().unwrap();
    send(pid, Signal::SIGTERM);
    until("another PostgreSQL", || cluster.postgres_pid().is_some_and(|now| now != pid)).await;
    drop(idle);
    cluster.stop().await;
}

#[tokio::test]
async fn a_signal_to_the_group_of_the_service_is_not_for_postgres() {
    let scratch = Scratch::new();
    let cluster = scratch.start().await;
    let group = |pid: u32| Command::new("ps").args(["-o", "pgid=", "-p", &pid.to_string()]).output().unwrap().stdout;
    let postgres = cluster.postgres_pid().unwrap();
    assert_ne!(group(postgres.try_into().unwrap()), group(std::process::id()));
    cluster.stop().await;
}

#[test]
fn a_socket_directory_of_a_stranger_or_behind_a_link_is_refused() {
    let scratch = Scratch::new();
    let own = RunAs { name: "me".to_owned(), uid: nix::unistd::geteuid().as_raw(), gid: 0, lent: false };
    let stranger = RunAs { uid: own.uid + 1, ..own.clone() };
    let (directory, link) = (scratch.0.join("directory"), scratch.0.join("link"));
    home::make_private_dir(&directory, &own).unwrap();
    home::make_private_dir(&directory, &own).unwrap();
    std::os::unix::fs::symlink(&directory, &link).unwrap();
    for (path, user) in [(&directory, &stranger), (&link, &own)] {
        let refused = home::make_private_dir(path, user).unwrap_err();
        assert!(matches!(refused, EmbeddedError::BelongsToAnother { .. }), "{refused}");
    }
}

#[test]
fn a_long_log_is_put_aside_once() {
    let scratch = Scratch::new();
    let home = home::Home::prepare(&scratch.0).unwrap();
    let log = std::fs::File::create(home.log_file()).unwrap();
    log.set_len(65 << 20).unwrap();
    let first = home.try_log().unwrap().expect("nobody holds it");
    assert_eq!(first.metadata().unwrap().len(), 0);
    assert!(scratch.0.join("postgres.log.1").exists());
    assert!(home.try_log().unwrap().is_none(), "the lock is on the new log");
}

#[tokio::test]
async fn a_killed_guard_leaves_no_postgres_without_owner() {
    let scratch = Scratch::new();
    let cluster = scratch.start().await;
    remember(&cluster, "kept").await;
    let pid = cluster.postgres_pid().unwrap();
    for line in processes_of(&scratch).iter().filter(|line| line.contains("mizan-postgres")) {
        send(line.split_whitespace().nth(1).unwrap().parse().unwrap(), Signal::SIGKILL);
    }
    until("another PostgreSQL", || cluster.postgres_pid().is_some_and(|now| now != pid)).await;
    assert_eq!(memories(&cluster).await, ["kept"]);
    cluster.stop().await;
    assert_eq!(processes_of(&scratch), Vec::<String>::new());
}

#[tokio::test]
async fn dropping_the_owner_ends_postgres() {
    let scratch = Scratch::new();
    let cluster = scratch.start().await;
    let pid = cluster.postgres_pid().unwrap();
    drop(cluster);
    until("the end of PostgreSQL", || !is_running(pid)).await;
    until("the end of its guard", || processes_of(&scratch).is_empty()).await;
}

#[tokio::test]
async fn a_killed_owner_takes_postgres_along_and_the_next_start_waits_for_that() {
    let scratch = Scratch::new();
    let mut other = OtherProcess::begin(&scratch);
    assert!(other.is_owner());
    other.kill();
    // At this moment PostgreSQL still answers; a guest of it would soon be without.
    let cluster = scratch.start().await;
    assert!(cluster.is_owner());
    assert_eq!(memories(&cluster).await.len(), 1);
    cluster.stop().await;
    until("the end of every process", || processes_of(&scratch).is_empty()).await;
}

#[tokio::test]
async fn a_killed_owner_leaves_nothing_running() {
    let scratch = Scratch::new();
    let mut other = OtherProcess::begin(&scratch);
    assert!(other.is_owner());
    assert!(!processes_of(&scratch).is_empty());
    other.kill();
    until("the end of every process", || processes_of(&scratch).is_empty()).await;
}

#[tokio::test]
async fn the_second_start_is_a_guest_and_takes_over_when_the_owner_leaves() {
    let scratch = Scratch::new();
    let owner = scratch.start().await;
    let guest = scratch.start().await;
    assert!(owner.is_owner() && !guest.is_owner());
    assert_eq!(owner.postgres_pid(), guest.postgres_pid());
    remember(&guest, "said by the guest").await;
    assert_eq!(memories(&owner).await, ["said by the guest"]);

    let second_guest = scratch.start().await;
    second_guest.stop().await;
    assert_eq!(memories(&owner).await.len(), 1, "a guest that leaves takes nothing along");

    owner.stop().await;
    until("the guest to take over", || guest.is_owner()).await;
    assert_eq!(memories(&guest).await, ["said by the guest"]);
    guest.stop().await;
    assert_eq!(processes_of(&scratch), Vec::<String>::new());
}

#[tokio::test]
async fn two_starts_at_once_on_an_empty_directory_make_one_cluster() {
    let scratch = Scratch::new();
    let (one, other) = tokio::join!(scratch.start(), scratch.start());
    assert!(one.is_owner() != other.is_owner());
    assert_eq!(one.postgres_pid(), other.postgres_pid());
    remember(&other, "shared").await;
    assert_eq!(memories(&one).await, ["shared"]);
    let (guest, owner) = if one.is_owner() { (other, one) } else { (one, other) };
    guest.stop().await;
    owner.stop().await;
}

#[tokio::test]
async fn two_processes_at_once_on_an_empty_directory_make_one_cluster() {
    let scratch = Scratch::new();
    let mut processes = [OtherProcess::begin(&scratch), OtherProcess::begin(&scratch)];
    let owners = processes.iter_mut().map(OtherProcess::is_owner).filter(|owns| *owns).count();
    assert_eq!(owners, 1);
    let guest = scratch.start().await;
    assert_eq!(memories(&guest).await.len(), 2);
    guest.stop().await;
    processes.iter_mut().for_each(OtherProcess::kill);
    until("the end of every process", || processes_of(&scratch).is_empty()).await;
}

#[tokio::test]
async fn a_process_id_that_was_given_to_another_process_keeps_nothing_from_starting() {
    let scratch = Scratch::new();
    let cluster = scratch.start().await;
    remember(&cluster, "kept").await;
    let pid_file = scratch.0.join("postgres/postmaster.pid");
    let content = std::fs::read_to_string(&pid_file).unwrap();
    let owner = made_by(&scratch.0.join("postgres")).unwrap();
    assert!(owner.is_some());
    cluster.stop().await;

    // A process of the very user that PostgreSQL runs as: the one case which PostgreSQL does not see through.
    let run_as = RunAs::for_cluster(&scratch.0.join("postgres")).unwrap();
    let mut stranger = run_as.command("/bin/sh").args(["-c", "read line"]).stdin(Stdio::piped()).spawn().unwrap();
    let rest = content.split_once('\n').unwrap().1;
    std::fs::write(&pid_file, format!("{}\n{rest}", stranger.id())).unwrap();
    let lock_of_socket = scratch.0.join("run/.s.PGSQL.5432.lock");
    std::fs::write(lock_of_socket, format!("{}\n{rest}", stranger.id())).unwrap();

    let cluster = scratch.start().await;
    assert_eq!(memories(&cluster).await, ["kept"]);
    assert!(stranger.try_wait().unwrap().is_none(), "the other process was not touched");
    cluster.stop().await;
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn what_an_interrupted_initdb_left_is_removed() {
    let scratch = Scratch::new();
    let left = scratch.0.join("postgres.new-left");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("PG_VERSION"), "15").unwrap();
    let cluster = scratch.start().await;
    assert!(!left.exists());
    cluster.stop().await;
}

#[tokio::test]
async fn a_start_that_is_given_up_half_way_leaves_nothing_behind() {
    let scratch = Scratch::new();
    for patience_ms in [20, 100, 300, 500, 700] {
        let given_up = tokio::time::timeout(Duration::from_millis(patience_ms), scratch.start()).await;
        drop(given_up);
    }
    let cluster = scratch.start().await;
    remember(&cluster, "well").await;
    cluster.stop().await;
    until("the end of every process", || processes_of(&scratch).is_empty()).await;
}

#[tokio::test]
async fn a_process_killed_at_any_moment_of_its_first_start_leaves_a_directory_that_starts() {
    let scratch = Scratch::new();
    for delay_ms in [30, 150, 300, 600, 1_200, 2_000] {
        let mut other = OtherProcess::begin(&scratch);
        // Not to wait for something: the moment of the kill is what varies.
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        other.kill();
    }
    let cluster = scratch.start().await;
    remember(&cluster, "well").await;
    cluster.stop().await;
    until("the end of every process", || processes_of(&scratch).is_empty()).await;
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_no_obstacle() {
    let parent = Scratch::new();
    let long = parent.0.join("a-long-name-of-a-directory".repeat(4));
    std::fs::create_dir(&long).unwrap();
    open_to_all(&long);
    let scratch = Scratch::below(&long);
    let cluster = scratch.start().await;
    remember(&cluster, "well").await;
    let socket_dir = home::socket_dir(cluster.data_dir());
    assert!(socket_dir.starts_with("/tmp") && socket_dir.as_os_str().len() < 40, "{socket_dir:?}");
    use std::os::unix::fs::MetadataExt;
    assert_eq!(socket_dir.metadata().unwrap().mode() & 0o777, 0o700);
    cluster.stop().await;
    std::fs::remove_dir_all(socket_dir).unwrap();
}

#[tokio::test]
async fn what_postgres_says_against_starting_is_in_the_error() {
    let scratch = Scratch::new();
    scratch.start().await.stop().await;
    std::fs::remove_file(scratch.0.join("postgres/global/pg_control")).unwrap();
    let refused = Cluster::start(scratch.settings()).await.unwrap_err();
    assert!(matches!(refused, EmbeddedError::Died { .. }));
    let message = refused.to_string();
    assert!(message.contains("postgres.log") && message.contains("pg_control"), "{message}");
}

#[tokio::test]
async fn data_that_are_not_postgres_are_not_touched() {
    let scratch = Scratch::new();
    let pgdata = scratch.0.join("postgres");
    home::make_private_dir(&pgdata, &RunAs::for_new().unwrap()).unwrap();
    std::fs::write(pgdata.join("diary.txt"), "dear diary").unwrap();
    let refused = Cluster::start(scratch.settings()).await.unwrap_err();
    assert!(matches!(refused, EmbeddedError::NotACluster { .. }), "{refused}");
    assert!(pgdata.join("diary.txt").exists());
    let names: Vec<_> = scratch.0.read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with("postgres.new")), "{names:?}");
}

#[tokio::test]
async fn the_doctor_tells_the_states_of_a_cluster_apart() {
    let state = |scratch: &Scratch| {
        let findings = examine(&scratch.0);
        for finding in &findings {
            assert!(finding.ok != finding.remedy.is_some(), "{finding:?}");
        }
        findings.into_iter().find(|it| it.check == "cluster").unwrap().found
    };
    let scratch = Scratch::new();
    assert!(state(&scratch).contains("none yet"));
    let cluster = scratch.start().await;
    let pid = cluster.postgres_pid().unwrap();
    assert!(state(&scratch).contains(&format!("process {pid}")), "{}", state(&scratch));
    assert!(examine(&scratch.0).iter().all(|it| it.ok), "{:?}", examine(&scratch.0));
    cluster.stop().await;
    assert!(state(&scratch).starts_with("stopped"), "{}", state(&scratch));
    std::fs::write(scratch.0.join("postgres/postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
    assert!(state(&scratch).starts_with("crashed"), "{}", state(&scratch));
}

#[test]
fn the_doctor_has_a_remedy_for_a_directory_which_is_none_and_for_a_disk_that_is_not_there() {
    let scratch = Scratch::new();
    let file = scratch.0.join("file");
    std::fs::write(&file, "").unwrap();
    let place = |path: &Path| examine(path).into_iter().find(|it| it.check == "data directory").unwrap();
    assert!(!place(&file).ok && !place(&file.join("below")).ok);
    assert!(place(&scratch.0.join("new/and/deep")).found.ends_with("will be made"));
    let unmounted = place(Path::new("/mnt/no-such-disk/mizan"));
    assert!(unmounted.found.contains("/mnt/no-such-disk") && unmounted.remedy.unwrap().contains("mkdir"));
}

#[tokio::test]
async fn root_is_told_which_directory_is_closed_to_the_user_of_postgres() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let closed = scratch.0.join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    let data_dir = closed.join("data");
    let outcome = Cluster::start(Settings { data_dir: data_dir.clone(), durable: false }).await;
    if !RunAs::for_new().unwrap().lent {
        // An ordinary user runs PostgreSQL as themselves, and so may enter what is closed to others.
        outcome.unwrap().stop().await;
        return;
    }
    let message = outcome.unwrap_err().to_string();
    assert!(message.contains(&format!("may not enter {}", closed.display())), "{message}");
    let finding = examine(&data_dir).into_iter().find(|it| it.check == "data directory").unwrap();
    assert!(finding.remedy.unwrap().contains("chmod o+x"));
}
