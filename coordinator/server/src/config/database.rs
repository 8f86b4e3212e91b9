//! Which database holds the records.

use serde::{Deserialize, Deserializer};
use std::fmt;

/// Which database holds the records.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file in the state folder.
    Sqlite,
    /// A server. The URL holds a password, so it is printed by no one.
    Postgres(String),
}

impl std::str::FromStr for Database {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "sqlite" {
            return Ok(Self::Sqlite);
        }
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if matches!(scheme, "postgres" | "postgresql") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        // The text may hold a password, so it is not repeated.
        Err("it names no database this version knows\nhint: write `sqlite`, or a URL like \
             `postgres://user:password@host/tombola`"
            .to_owned())
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Database {
    /// Kind and host, never user or password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str("sqlite"),
            Self::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
                write!(f, "postgres at {}", if host.is_empty() { "its socket" } else { host })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_never_printed() {
        for url in [
            "postgres://me:secret@db.lab:5432/tombola",
            "postgres://me:se@cret@db.lab/tombola?password=secret",
            "postgresql://db.lab?user=me&password=secret",
        ] {
            let database: Database = url.parse().unwrap();
            let printed = format!("{database:?} {database}");
            assert!(
                !printed.contains("secret") && !printed.contains("cret") && printed.contains("db.lab"),
                "{printed}"
            );
        }
        let error = "mysql://me:secret@host".parse::<Database>().unwrap_err();
        assert!(!error.contains("secret") && error.contains("hint:"));
    }
}
