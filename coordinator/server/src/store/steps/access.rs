//! Statements about tokens and about who did what.

use super::Steps;
use crate::store::verb::{
    Arg,
    Expect::Each,
    Kind::{Int, Text, Time},
    Verb, row,
};
use tombola_core::record::{AuditRow, Millis, TokenRow};

const ADD_TOKEN: Verb = Verb {
    what: "a new token",
    columns: &[
        ("id", Int),
        ("name", Text),
        ("role", Text),
        ("hash", Text),
        ("created", Int),
        ("expires", Int),
    ],
    sql: "insert into access_tokens (id, name, role, hash, created, expires)
          select v.id, v.name, v.role, v.hash, v.created, v.expires from {v}",
    expect: Each,
};

const REVOKE_TOKEN: Verb = Verb {
    what: "the end of a token that was not revoked before",
    columns: &[("id", Int), ("revoked", Int)],
    sql: "update access_tokens set revoked = v.revoked from {v}
          where access_tokens.id = v.id and access_tokens.revoked is null",
    expect: Each,
};

const AUDIT: Verb = Verb {
    what: "a row of the audit",
    columns: &[
        ("now", Time),
        ("actor", Text),
        ("role", Text),
        ("peer", Text),
        ("action", Text),
        ("subject", Text),
    ],
    sql: "insert into audit_log (at, actor, role, peer, action, subject)
          select v.now, v.actor, v.role, v.peer, v.action, v.subject from {v}",
    expect: Each,
};

pub(super) fn add_token<'a>(steps: &mut Steps<'a>, token: &'a TokenRow) {
    let TokenRow { id, name, role, hash, created, expires, revoked: _ } = token;
    let row = row![*id, name.as_str(), role.name(), *hash, Arg::Int(*created), expires.map(Arg::Int)];
    steps.push(&ADD_TOKEN, vec![row]);
}

pub(super) fn revoke_token(steps: &mut Steps<'_>, token: u64, at: Millis) {
    steps.push(&REVOKE_TOKEN, vec![row![token, Arg::Int(at)]]);
}

pub(super) fn audit<'a>(steps: &mut Steps<'a>, row: &'a AuditRow) {
    let AuditRow { actor, role, peer, action, subject } = row;
    let row = row![steps.now, actor.as_str(), role.as_str(), peer.as_str(), *action, subject.as_str()];
    steps.push(&AUDIT, vec![row]);
}
