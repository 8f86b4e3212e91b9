//! Who asks.

use std::net::SocketAddr;
use tombola_core::record::{AuditRow, Role};

/// Who asks, from where. The guard puts it into every request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    actor: String,
    role: &'static str,
    peer: String,
}

impl Caller {
    /// The holder of a token.
    pub(crate) fn holder(name: &str, role: Role, peer: SocketAddr) -> Self {
        Self { actor: name.to_owned(), role: role.name(), peer: peer.ip().to_string() }
    }

    /// Whoever can read the operator's token in the state folder.
    pub(crate) fn operator(peer: SocketAddr) -> Self {
        Self { actor: "operator".to_owned(), role: "operator", peer: peer.ip().to_string() }
    }

    /// Somebody who needs no token.
    pub(crate) fn anyone(peer: SocketAddr) -> Self {
        Self { actor: String::new(), role: "open", peer: peer.ip().to_string() }
    }

    /// Who sent this request.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Self {
        let nobody = || Self { actor: String::new(), role: "unknown", peer: String::new() };
        request.extensions().get::<Self>().cloned().unwrap_or_else(nobody)
    }

    /// The name of its token; empty where none is asked for.
    pub(crate) fn name(&self) -> &str {
        &self.actor
    }

    /// A row about what it did.
    pub(crate) fn did(&self, action: &'static str, subject: impl Into<String>) -> AuditRow {
        let Self { actor, role, peer } = self.clone();
        AuditRow { actor, role: role.to_owned(), peer, action, subject: subject.into() }
    }
}
