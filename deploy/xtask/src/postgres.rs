//! A throw-away Postgres for tests and benchmarks: a fresh cluster in a temporary folder, gone afterwards.
//!
//! It never runs as root (Postgres refuses) and never outlives this process: a watchdog shell holds the server and
//! waits on a pipe that closes when this process ends in whatever way, a kill included.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::apt;
use crate::shell::{self, Failure, Result, at, report};

/// The superuser of the cluster.
const USER: &str = "tombola";
const START_LIMIT: Duration = Duration::from_secs(60);

/// Stops the server at once and removes the folder ($1) when standard input closes; the server is the rest of the
/// words. A shell's background jobs ignore SIGINT, and the server sets its own handlers.
const WATCHDOG: &str = r#"folder=$1; shift
"$@" >"$folder/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
rm -rf "$folder"
"#;

/// A running server; dropping it stops the server and removes its files.
pub(crate) struct Postgres {
    port: u16,
    watchdog: Child,
    pipe: Option<ChildStdin>,
}

impl Postgres {
    pub(crate) fn start() -> Result<Self> {
        let programs = server_folder_or_install()?;
        let account = Account::of_the_server()?;
        let folder = env::temp_dir().join(format!("tombola-postgres-{}", std::process::id()));
        at(&folder, fs::create_dir(&folder))?;
        let started = Self::start_in(&folder, &programs, &account);
        if started.is_err() {
            let _ = fs::remove_dir_all(&folder);
        }
        started
    }

    fn start_in(folder: &Path, programs: &Path, account: &Account) -> Result<Self> {
        at(folder, fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))?;
        account.own(folder)?;
        let mut initdb = account.command(&programs.join("initdb"), folder);
        initdb.args([
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--username",
            USER,
            "--pgdata",
        ]);
        shell::output(initdb.arg(folder.join("data")))?;

        let port = free_port()?;
        let mut watchdog = account.command(Path::new("/bin/sh"), folder);
        watchdog.args(["-c", WATCHDOG, "watchdog"]).arg(folder).arg(programs.join("postgres"));
        watchdog.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string(), "-N", "200"]);
        watchdog.args(["-c", "listen_addresses=127.0.0.1", "-k"]).arg(folder);
        // A group of its own: Ctrl-C must reach the watchdog as the end of this process, not as a signal.
        watchdog.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut watchdog = watchdog.spawn()?;
        let server = Self { port, pipe: watchdog.stdin.take(), watchdog };
        wait_until_ready(folder)?;
        report("Postgres", &format!("{} from {}", server.url(), programs.display()));
        Ok(server)
    }

    /// For tests that start a server of their own: where its programs are, and, as `user:group`, whom it runs as.
    pub(crate) fn told() -> Result<Vec<(&'static str, OsString)>> {
        let programs = server_folder_or_install()?;
        let account = Account::of_the_server()?.ids.map(|(user, group)| format!("{user}:{group}").into());
        let account = account.map(|account| ("TOMBOLA_TEST_POSTGRES_ACCOUNT", account));
        Ok(account.into_iter().chain([("TOMBOLA_TEST_POSTGRES_PROGRAMS", programs.into())]).collect())
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.watchdog.wait();
    }
}

/// Whom the server runs as: this process's own user, or for root another.
struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    fn of_the_server() -> Result<Self> {
        if !apt::is_root() {
            return Ok(Self { ids: None });
        }
        let users = at(Path::new("/etc/passwd"), fs::read_to_string("/etc/passwd"))?;
        let ids = ["postgres", "nobody"].iter().find_map(|user| ids_in(&users, user));
        let hint = "Postgres does not run as root, and this machine has neither user `postgres` nor `nobody`\n\
                    hint: run as an ordinary user";
        ids.map(|ids| Self { ids: Some(ids) }).ok_or_else(|| Failure::Failed(hint.into()))
    }

    fn own(&self, folder: &Path) -> Result<()> {
        self.ids.map_or(Ok(()), |(user, group)| at(folder, chown(folder, Some(user), Some(group))))
    }

    /// The program under this account, in a folder it may read; root's groups are dropped with root's user.
    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env("LC_ALL", "C");
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }
}

fn ids_in(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2);
    Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
}

/// The kernel's choice; another process could take it in the instant before the server does.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The server writes `ready` into the eighth line of its pid file.
fn wait_until_ready(folder: &Path) -> Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let state = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
        if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            return Ok(());
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        if log.contains("FATAL:") || Instant::now() > deadline {
            return shell::fail(format!(
                "the throw-away Postgres did not start; its log:\n{}",
                log.trim_end()
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn server_folder_or_install() -> Result<PathBuf> {
    if server_folder().is_none() && apt::can_install() {
        shell::say("Postgres is not on this machine: installing Debian's package `postgresql`");
        apt::install("postgresql")?;
    }
    server_folder().ok_or_else(|| {
        Failure::Failed("no PostgreSQL server was found\nhint: `apt-get install postgresql`".into())
    })
}

/// The folder with `initdb` and `postgres`: of the search path, else the newest of Debian's.
pub(crate) fn server_folder() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path =
        env::split_paths(&path).filter_map(|folder| real_folder(&folder)).find(|folder| is_server(folder));
    on_path.or_else(|| {
        let debian = fs::read_dir("/usr/lib/postgresql").ok()?;
        let folders =
            debian.flatten().map(|entry| entry.path().join("bin")).filter(|folder| is_server(folder));
        folders.max_by_key(|folder| major_version(folder))
    })
}

/// Where the `initdb` of a folder on the search path really lies; Debian links single programs.
fn real_folder(folder: &Path) -> Option<PathBuf> {
    fs::canonicalize(folder.join("initdb")).ok()?.parent().map(Path::to_path_buf)
}

fn is_server(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

/// 15 of `/usr/lib/postgresql/15/bin`.
fn major_version(folder: &Path) -> u32 {
    let version = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    version.and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_user_is_read_from_the_user_table() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:admin,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(ids_in(users, "postgres"), Some((101, 104)));
        assert_eq!(ids_in(users, "post"), None);
    }

    #[test]
    fn the_newest_of_debians_servers_is_the_one_with_the_highest_number() {
        let folders = ["/usr/lib/postgresql/9/bin", "/usr/lib/postgresql/15/bin"].map(Path::new);
        assert_eq!(folders.into_iter().max_by_key(|folder| major_version(folder)), Some(folders[1]));
    }
}
