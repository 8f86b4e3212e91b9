//! From writes to statements: what a commit becomes on either database. Pure.

mod access;
mod attempts;
mod attempts_sql;
mod graph;
mod graph_sql;
mod workers;

pub(super) use graph_sql::METRIC_KINDS;

use super::{
    batch::{Batch, Hot, batches},
    verb::{Arg, Step, Stride, Verb},
};
use std::collections::BTreeSet;
use tombola_core::record::Write;
use tombola_spec::Digest;

/// Most rows in one statement; longer lists are cut.
const MOST_ROWS: usize = 4096;

/// The statements of a commit, in order. Those of one hot batch touch different tables and may be run as one.
pub(super) fn steps<'a>(now: &'a str, writes: &'a [Write]) -> Vec<Stride<'a>> {
    let mut steps = Steps { now, list: Vec::new(), together: false };
    for batch in batches(writes) {
        match batch {
            Batch::Hot(kind, writes) => {
                steps.list.push(Vec::new());
                steps.together = true;
                add(&mut steps, kind, &writes);
            }
            Batch::Cold(write) => {
                steps.together = false;
                graph::add(&mut steps, write);
            }
        }
    }
    steps.list
}

/// Adds the statements of one hot batch.
fn add<'a>(steps: &mut Steps<'a>, kind: Hot, writes: &[&'a Write]) {
    match kind {
        Hot::Worker => workers::greet(steps, writes),
        Hot::WorkerState => workers::state(steps, writes),
        Hot::Lease => attempts::lease(steps, writes),
        Hot::Start => attempts::start(steps, writes),
        Hot::Checkpoint => attempts::checkpoint(steps, writes),
        Hot::Metrics => attempts::metrics(steps, writes),
        Hot::Finish => attempts::finish(steps, writes),
        Hot::End => attempts::end(steps, writes),
    }
}

/// The statements that pin uploads until `expires`, and forget pins that have expired by `now`. Equal content may be uploaded
/// twice at once; Postgres refuses to pin it twice in one statement.
pub(super) fn pin<'a>(digests: &[Digest], now: &str, expires: &str) -> Vec<Stride<'a>> {
    let digests: BTreeSet<_> = digests.iter().collect();
    let rows = digests.into_iter().map(|digest| vec![(*digest).into(), expires.to_owned().into()]).collect();
    let expired = Step { verb: &attempts_sql::EXPIRE, rows: vec![vec![now.to_owned().into()]] };
    vec![vec![expired], vec![Step { verb: &attempts_sql::PIN, rows }]]
}

/// Statements in the making.
struct Steps<'a> {
    /// The commit's timestamp.
    now: &'a str,
    list: Vec<Stride<'a>>,
    /// Whether what is added joins the last stride.
    together: bool,
}

impl<'a> Steps<'a> {
    /// Adds a statement over these rows; none for no rows.
    fn push(&mut self, verb: &'static Verb, mut rows: Vec<Vec<Arg<'a>>>) {
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(MOST_ROWS));
            self.add(Step { verb, rows: std::mem::replace(&mut rows, rest) });
        }
    }

    /// A table is touched by one statement of a stride only: statements run as one do not see each other's rows.
    fn add(&mut self, step: Step<'a>) {
        let other = |there: &Step<'_>| !std::ptr::eq(there.verb, step.verb);
        match self.list.last_mut().filter(|last| self.together && last.iter().all(other)) {
            Some(last) => last.push(step),
            None => self.list.push(vec![step]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::{
        Attempt, JobId,
        outcome::{Series, Split},
    };

    #[test]
    fn a_table_is_touched_once_in_a_stride() {
        let series = |name: usize| Series {
            name: format!("loss-{name}"),
            split: Split::Train,
            iterations: vec![1],
            values: vec![0.5],
        };
        let metrics = |job, count| Write::Metrics {
            job: JobId(job),
            attempt: Attempt(1),
            batch: 1,
            series: (0..count).map(series).collect(),
        };
        let writes = [metrics(1, MOST_ROWS), metrics(2, 10)];
        let shape: Vec<Vec<(&str, usize)>> = steps("now", &writes)
            .iter()
            .map(|stride| stride.iter().map(|step| (step.verb.what, step.rows.len())).collect())
            .collect();
        let allowed = ("metrics of a current attempt", 2);
        assert_eq!(shape, [vec![allowed, ("metrics", MOST_ROWS)], vec![("metrics", 10)]]);
    }
}
