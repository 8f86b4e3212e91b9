//! A Postgres of this test alone, to be killed. Programs and account come from `cargo xtask test`.

use crate::{network::Network, rig::Process};
use std::{
    env,
    ffi::OsStr,
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
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
    address: SocketAddr,
    command: Command,
    process: Option<Process>,
}

impl Server {
    /// On a host of its own where there is a network. Nothing where `cargo xtask test` has not said where its programs are.
    pub(crate) fn start(network: Option<&Network>) -> Option<Self> {
        let programs = PathBuf::from(env::var_os("TOMBOLA_TEST_POSTGRES_PROGRAMS")?);
        let account = env::var("TOMBOLA_TEST_POSTGRES_ACCOUNT").ok();
        let folder = TempDir::new().unwrap();
        if let Some((user, group)) = account.as_ref().and_then(|ids| ids.split_once(':')) {
            chown(folder.path(), Some(user.parse().unwrap()), Some(group.parse().unwrap())).unwrap();
        }
        let host = network.map_or(Ipv4Addr::LOCALHOST, |network| network.address("postgres"));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut initdb = command(&folder, network, &programs.join("initdb"), account.as_deref());
        initdb.args([
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--username=tombola",
            "--pgdata=data",
        ]);
        assert!(initdb.output().unwrap().status.success());
        let rules = fs::File::options().append(true).open(folder.path().join("data/pg_hba.conf"));
        rules.unwrap().write_all(b"host all all all trust\n").unwrap();
        let mut command = command(&folder, network, &programs.join("postgres"), account.as_deref());
        let log = fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
        command.args(["-D", "data", "-p", &port.to_string(), "-N", &CONNECTIONS.to_string(), "-c"]);
        command.arg(format!("listen_addresses={host}")).arg("-k").arg(folder.path());
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        let mut server = Self { folder, address: (host, port).into(), command, process: None };
        server.revive();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://tombola@{}/postgres", self.address)
    }

    /// Starts it again if it is gone.
    pub(crate) fn revive(&mut self) {
        if !self.process.as_mut().is_some_and(Process::runs) {
            self.process = Some(Process::spawn(&mut self.command));
        }
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
            let mut stream =
                std::net::TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).ok()?;
            stream.write_all(&message).ok()?;
            Some(stream)
        };
        (0..CONNECTIONS).filter_map(|_| connect()).collect()
    }

    pub(crate) fn log(&self) -> PathBuf {
        Path::new(self.folder.path()).join("log")
    }
}

/// A program of the server, by an account that may run it.
fn command(folder: &TempDir, network: Option<&Network>, program: &Path, account: Option<&str>) -> Command {
    let begin = |program: &OsStr| match network {
        Some(network) => network.command("postgres", program),
        None => Command::new(program),
    };
    let mut command = match account.and_then(|ids| ids.split_once(':')) {
        // Only once it is on its host: nobody else may go there.
        Some((user, group)) => {
            let mut setpriv = begin(OsStr::new("setpriv"));
            setpriv.args(["--reuid", user, "--regid", group, "--clear-groups"]).arg(program);
            setpriv
        }
        None => begin(program.as_os_str()),
    };
    command.current_dir(folder.path()).env("LC_ALL", "C").stdin(Stdio::null());
    command
}
