//! Workers: who they are, and how they stand.

use super::Steps;
use crate::store::verb::{
    Arg,
    Expect::Each,
    Kind::{Int, Json, Text, Time},
    Verb, row,
};
use tombola_core::record::{WorkerState, Write};

pub(super) fn greet<'a>(steps: &mut Steps<'a>, writes: &[&'a Write]) {
    let mut rows = Vec::new();
    for write in writes {
        let Write::Worker { worker, info } = write else { continue };
        let (name, host, version) = (info.name.as_str(), info.host.as_str(), info.version.as_str());
        let (info, state) = (Arg::json(info), WorkerState::Connected.name());
        rows.push(row![*worker, name, host, version, info, state, steps.now]);
    }
    steps.push(&WORKER, rows);
}

pub(super) fn state<'a>(steps: &mut Steps<'a>, writes: &[&'a Write]) {
    let mut rows = Vec::new();
    for write in writes {
        if let Write::WorkerState { worker, state } = write {
            rows.push(row![*worker, state.name(), steps.now]);
        }
    }
    steps.push(&WORKER_STATE, rows);
}

const WORKER: Verb = Verb {
    what: "a worker",
    columns: &[
        ("id", Int),
        ("name", Text),
        ("host", Text),
        ("version", Text),
        ("info", Json),
        ("state", Text),
        ("now", Time),
    ],
    sql: "insert into workers (id, name, host, version, info, state, since)
          select v.id, v.name, v.host, v.version, v.info, v.state, v.now from {v} where true
          on conflict (id) do update set name = excluded.name, host = excluded.host, version = excluded.version,
            info = excluded.info, state = excluded.state, since = excluded.since",
    expect: Each,
};

const WORKER_STATE: Verb = Verb {
    what: "a change of a known worker",
    columns: &[("id", Int), ("state", Text), ("now", Time)],
    sql: "update workers set state = v.state, since = v.now from {v} where workers.id = v.id",
    expect: Each,
};
