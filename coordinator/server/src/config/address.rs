//! An address to listen on.

use serde::{Deserialize, Deserializer};
use std::net::{Ipv4Addr, SocketAddr};

/// An address to listen on, such as `127.0.0.1:7654`, `[::1]:7654` or `localhost:7654`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl Default for Listen {
    fn default() -> Self {
        Self(SocketAddr::from((Ipv4Addr::LOCALHOST, 7654)))
    }
}

impl Listen {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The one name everybody types; other names are looked up by no one here.
        let numeric = text.replacen("localhost:", "127.0.0.1:", 1);
        numeric.parse().map(Self).map_err(|_| {
            format!(
                "`{text}` is not an address\nhint: write an IP address and a port, such as `127.0.0.1:7654`"
            )
        })
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
