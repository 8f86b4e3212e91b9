//! Hosts that can be cut from each other without anybody being told: network namespaces on one bridge, for which a test has
//! to be allowed to make them. Nobody asks who has which address: what is cut is silent, and never "no route".

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio, id},
    sync::atomic::{AtomicU32, Ordering},
};

/// Who is on a network; the test itself has the bridge's address.
pub(crate) const HOSTS: [&str; 5] = ["coordinator-0", "coordinator-1", "ada", "bob", "postgres"];

/// What all names begin with; the process that made them follows.
const MARK: &str = "tomb";
/// Nobody's: what is sent there is lost.
const NOBODY: &str = "02:00:00:00:ff:ff";

/// A bridge and its hosts.
pub(crate) struct Network {
    name: String,
    /// Its first 26 bits: the network.
    subnet: u32,
}

impl Network {
    /// Makes one, where that is allowed and the tools are there.
    pub(crate) fn make() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::SeqCst);
        // What a killed run left behind.
        clear(|name| owner(name).is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()));
        let name = format!("{MARK}{:x}.{number}", id());
        // Of 198.18.0.0/15, which is there for tests.
        let subnet = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + (id() + 1024 * number) % 2048 * 64;
        let network = Self { name, subnet };
        (network.build() && network.can_reset() && network.can_cut()).then_some(network)
    }

    fn build(&self) -> bool {
        let bridge = &self.name;
        let mut lines = format!(
            "link add {bridge} address {} type bridge\naddr add {}/26 dev {bridge}\nlink set {bridge} up\n",
            mac(0),
            self.number(0)
        );
        for number in 1..=HOSTS.len() {
            let host = format!("{bridge}.{number}");
            lines += &format!(
                "netns add {host}\nlink add {host} type veth peer name eth0 address {} netns {host}\n\
                 link set {host} master {bridge} up\nneigh replace {} lladdr {} nud permanent dev {bridge}\n",
                mac(number),
                self.number(number),
                mac(number)
            );
        }
        let inside = |number: usize| {
            let up = format!(
                "link set lo up\naddr add {}/26 dev eth0\nlink set eth0 up\n{}",
                self.number(number),
                self.neighbours(number)
            );
            ip(&["-n", &format!("{bridge}.{number}")], &up)
        };
        ip(&[], &lines) && (1..=HOSTS.len()).all(inside)
    }

    /// Where every host finds the others.
    fn neighbours(&self, number: usize) -> String {
        let others = (0..=HOSTS.len()).filter(|other| *other != number);
        let line = |other: usize| {
            format!("neigh replace {} lladdr {} nud permanent dev eth0\n", self.number(other), mac(other))
        };
        others.map(line).collect()
    }

    /// Not every kernel lets others end a connection.
    fn can_reset(&self) -> bool {
        let tried = || {
            let listener = TcpListener::bind((self.number(0), 0)).ok()?;
            let address = listener.local_addr().ok()?;
            let _connection = TcpStream::connect(address).ok()?;
            let ended = Command::new("ss").args(["-K", "-H", "-t", "dst", &address.to_string()]).output();
            (!ended.ok()?.stdout.is_empty()).then_some(())
        };
        tried().is_some()
    }

    /// Nor can every kernel make a line slow.
    fn can_cut(&self) -> bool {
        let host = HOSTS[0];
        let enters = self.command(host, "true").status().is_ok_and(|status| status.success());
        let can = enters && self.limit(host) && self.state(host, "0");
        if can {
            self.heal();
        }
        can
    }

    fn number(&self, host: usize) -> Ipv4Addr {
        Ipv4Addr::from(self.subnet + 1 + host as u32)
    }

    pub(crate) fn address(&self, host: &str) -> Ipv4Addr {
        self.number(number(host))
    }

    /// A program on a host, whose process it is itself.
    pub(crate) fn command(&self, host: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.inside(host))).arg("--").arg(program);
        command
    }

    fn inside(&self, host: &str) -> String {
        format!("{}.{}", self.name, number(host))
    }

    /// Nothing passes to or from a host any more.
    pub(crate) fn cut(&self, host: &str) {
        assert!(self.state(host, "0"));
    }

    fn state(&self, host: &str, state: &str) -> bool {
        run("bridge", &["link", "set", "dev", &self.inside(host), "state", state])
    }

    /// What one host sends to another is lost; the other way is as it was.
    pub(crate) fn cut_way(&self, from: &str, to: &str) {
        let line = format!("neigh replace {} lladdr {NOBODY} nud permanent dev eth0\n", self.address(to));
        assert!(ip(&["-n", &self.inside(from)], &line));
    }

    /// Little passes to or from a host; what waits for longer than half a second is lost.
    pub(crate) fn slow(&self, host: &str) {
        assert!(self.limit(host));
    }

    fn limit(&self, host: &str) -> bool {
        let limit = ["rate", "200kbit", "burst", "8k", "latency", "500ms"];
        let host = self.inside(host);
        [(vec![], host.as_str()), (vec!["-n", host.as_str()], "eth0")].into_iter().all(|(space, device)| {
            let words = [&space[..], &["qdisc", "replace", "dev", device, "root", "tbf"], &limit].concat();
            run("tc", &words)
        })
    }

    /// Ends every connection of a host to another in the middle of whatever it was.
    pub(crate) fn reset(&self, from: &str, to: &str) {
        let mut ss = self.command(from, "ss");
        ss.args(["-K", "-H", "-t", "dst", &self.address(to).to_string()]);
        assert!(ss.stdout(Stdio::null()).status().unwrap().success());
    }

    /// Everything passes again.
    pub(crate) fn heal(&self) {
        for (number, host) in (1..).zip(HOSTS) {
            assert!(self.state(host, "3"));
            let host = self.inside(host);
            assert!(ip(&["-n", &host], &self.neighbours(number)));
            // Fails where there is no limit.
            run("tc", &["qdisc", "del", "dev", &host, "root"]);
            run("tc", &["-n", &host, "qdisc", "del", "dev", "eth0", "root"]);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        clear(|name| {
            name.strip_prefix(&self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
    }
}

/// From 1; the bridge is 0.
fn number(host: &str) -> usize {
    1 + HOSTS.iter().position(|name| *name == host).unwrap()
}

fn mac(number: usize) -> String {
    format!("02:00:00:00:00:{:02x}", number + 1)
}

/// The process that made something of this name.
fn owner(name: &str) -> Option<u32> {
    let (process, _) = name.strip_prefix(MARK)?.split_once('.')?;
    u32::from_str_radix(process, 16).ok()
}

/// Removes lines, bridges and namespaces. Some go with others.
fn clear(which: impl Fn(&str) -> bool) {
    for (folder, what) in [("/sys/class/net", "link"), ("/run/netns", "netns")] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names: BTreeSet<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.iter().filter(|name| which(name)).for_each(|name| {
            run("ip", &[what, "del", name]);
        });
    }
}

/// Several commands of `ip`, all of which have to work.
fn ip(options: &[&str], lines: &str) -> bool {
    let mut ip = Command::new("ip");
    ip.args(options).args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = ip.spawn() else { return false };
    // Dropped, so that it ends.
    let told = child.stdin.take().unwrap().write_all(lines.as_bytes()).is_ok();
    child.wait().is_ok_and(|status| status.success()) && told
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
