//! From writes to statements: what a commit becomes on either database. Pure.

mod attempts;
mod attempts_sql;
mod graph;
mod graph_sql;

pub(super) use graph_sql::METRIC_KINDS;

use super::{
    batch::{Batch, batches},
    verb::{Arg, Step, Verb},
};
use tombola_core::record::Write;
use tombola_spec::Digest;

/// Most rows in one statement; longer lists are cut.
const MOST_ROWS: usize = 4096;

/// The statements of a commit, in order.
pub(super) fn steps<'a>(now: &'a str, writes: &'a [Write]) -> Vec<Step<'a>> {
    let mut steps = Steps { now, list: Vec::new() };
    for batch in batches(writes) {
        match batch {
            Batch::Hot(kind, writes) => attempts::add(&mut steps, kind, &writes),
            Batch::Cold(write) => graph::add(&mut steps, write),
        }
    }
    steps.list
}

/// The statements that pin uploads until `expires`, and forget pins that have expired by `now`.
pub(super) fn pin<'a>(digests: &[Digest], now: &str, expires: &str) -> Vec<Step<'a>> {
    let rows = digests.iter().map(|digest| vec![(*digest).into(), expires.to_owned().into()]).collect();
    let expired = Step { verb: &attempts_sql::EXPIRE, rows: vec![vec![now.to_owned().into()]] };
    vec![expired, Step { verb: &attempts_sql::PIN, rows }]
}

/// Statements in the making.
struct Steps<'a> {
    /// The commit's timestamp.
    now: &'a str,
    list: Vec<Step<'a>>,
}

impl<'a> Steps<'a> {
    /// Adds a statement over these rows; none for no rows.
    fn push(&mut self, verb: &'static Verb, mut rows: Vec<Vec<Arg<'a>>>) {
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(MOST_ROWS));
            self.list.push(Step { verb, rows: std::mem::replace(&mut rows, rest) });
        }
    }
}
