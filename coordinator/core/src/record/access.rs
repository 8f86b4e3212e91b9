//! Who may come in, and who did what.

use super::Millis;
use tombola_spec::Digest;

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Look at everything, change nothing.
    Reader,
    /// Look, submit and steer.
    Client,
    /// Take work and hand it in.
    Worker,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Client, Self::Worker];

    /// Its name in SQL and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Client => "client",
            Self::Worker => "worker",
        }
    }
}

/// A token as stored: never its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Identity.
    pub id: u64,
    /// Name for people, of one token that was not revoked.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The hash of its secret.
    pub hash: Digest,
    /// When it was made.
    pub created: Millis,
    /// When it ends; `None` = never.
    pub expires: Option<Millis>,
    /// When it was taken back.
    pub revoked: Option<Millis>,
}

/// Something people did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// By whose token: its name, `operator`, or empty where none is needed.
    pub actor: String,
    /// What that token allows; `open` where none is needed.
    pub role: String,
    /// From which address.
    pub peer: String,
    /// What, in a word: `submit`, `cancel`, …
    pub action: &'static str,
    /// To what.
    pub subject: String,
}
