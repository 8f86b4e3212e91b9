//! A Postgres of this test alone, to be killed. Programs and account come from `cargo xtask test`.

use crate::rig::Process;
use std::{
    env, fs,
    io::Write,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Few, so that they can be used up.
const CONNECTIONS: usize = 24;

/// The server and its files.
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    account: Option<(u32, u32)>,
    port: u16,
    process: Option<Process>,
}

impl Server {
    /// Nothing where `cargo xtask test` has not said where its programs are.
    pub(crate) fn start() -> Option<Self> {
        let programs = PathBuf::from(env::var_os("TOMBOLA_TEST_POSTGRES_PROGRAMS")?);
        let account = env::var("TOMBOLA_TEST_POSTGRES_ACCOUNT").ok().map(|ids| {
            let (user, group) = ids.split_once(':').unwrap();
            (user.parse().unwrap(), group.parse().unwrap())
        });
        let folder = TempDir::new().unwrap();
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut server = Self { folder, programs, account, port, process: None };
        let data = server.folder.path().join("data");
        let mut initdb = server.command("initdb");
        initdb
            .args(["--auth=trust", "--encoding=UTF8", "--no-locale", "--username=tombola", "--pgdata"])
            .arg(data);
        assert!(initdb.output().unwrap().status.success());
        server.revive();
        Some(server)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).env("LC_ALL", "C").stdin(Stdio::null());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://tombola@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again if it is gone.
    pub(crate) fn revive(&mut self) {
        if self.process.as_mut().is_some_and(Process::runs) {
            return;
        }
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string()]);
        postgres
            .args(["-N", &CONNECTIONS.to_string(), "-c", "listen_addresses=127.0.0.1", "-k"])
            .arg(self.folder.path());
        postgres.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        self.process = Some(Process::spawn(&mut postgres));
    }

    /// Sends a signal to the server, or with `all` to every backend too.
    pub(crate) fn signal(&self, signal: &str, all: bool) {
        let Some(process) = &self.process else { return };
        let backends = if all { process.children() } else { Vec::new() };
        for target in backends.into_iter().chain([process.id()]) {
            // It may have ended meanwhile.
            let _ = Command::new("kill").args([signal, &target.to_string()]).stderr(Stdio::null()).status();
        }
    }

    /// Takes every connection there is, until what is returned is dropped.
    pub(crate) fn take_connections(&self) -> Vec<std::net::TcpStream> {
        let hello = b"user\0tombola\0database\0postgres\0\0";
        let mut message = (u32::try_from(hello.len()).unwrap() + 8).to_be_bytes().to_vec();
        message.extend(196_608_u32.to_be_bytes());
        message.extend(hello);
        let connect = || {
            let address = ([127, 0, 0, 1], self.port).into();
            let mut stream = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
            stream.write_all(&message).ok()?;
            Some(stream)
        };
        (0..CONNECTIONS).filter_map(|_| connect()).collect()
    }

    pub(crate) fn log(&self) -> PathBuf {
        Path::new(self.folder.path()).join("log")
    }
}
