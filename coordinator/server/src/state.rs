//! The file in the state folder that tells local clients where this coordinator listens.

use anyhow::Context;
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

/// The file, while the coordinator serves.
#[derive(Debug)]
pub(crate) struct AddressFile {
    path: PathBuf,
    content: String,
}

impl AddressFile {
    /// Writes it, in one step: a reader sees all of it or nothing.
    pub(crate) fn write(path: PathBuf, address: SocketAddr, tls: bool) -> anyhow::Result<Self> {
        let scheme = if tls { "https://" } else { "" };
        let content = format!("{scheme}{}\n", reachable(address));
        let draft = path.with_extension("new");
        let written = fs::write(&draft, &content).and_then(|()| fs::rename(&draft, &path));
        written.with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path, content })
    }

    /// Removes it, unless another coordinator wrote its own meanwhile.
    pub(crate) fn remove(self) {
        if fs::read_to_string(&self.path).is_ok_and(|content| content == self.content)
            && let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "coordinator.address: the file stays");
        }
    }
}

/// An address this machine can connect to: one that listens on all is reached over loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
