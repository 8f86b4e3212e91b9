//! What decisions about how far trials go are made of, and those that were made.

use super::{
    Result,
    cell::Row,
    read::{Db, each, known},
    read_sql::read,
    verb::{Kind::Int, Verb},
};
use tombola_core::verdict::{Moment, Rule, Seen, Verdict, Verdicts, Yardstick};
use tombola_spec::SweepId;

const VERDICTS: Verb = read(
    "verdicts",
    &[("sweep", Int)],
    "select t.key, d.rule, d.round, d.goes_on, d.metric, d.at, d.value, d.bar
     from {v} join trials t on t.sweep = v.sweep join verdicts d on d.trial = t.id order by t.number, d.rule, d.round",
);

/// Never those of the test split: decisions are made of this.
const VALIDATION: Verb = read(
    "validation measures of rounds",
    &[("sweep", Int)],
    "select t.key, r.round, m.name, m.at, m.value
     from {v} join trials t on t.sweep = v.sweep
       join rounds r on r.trial = t.id and r.branch = ''
       join jobs j on j.id = r.result and j.state = 'done'
       join measures m on m.job = r.result and m.split = 'validation'
     order by t.number, r.round, m.name, m.at",
);

const DIVERGED: Verb = read(
    "rounds whose training diverged",
    &[("sweep", Int)],
    "select distinct t.key, x.round
     from {v} join trials t on t.sweep = v.sweep
       join round_jobs x on x.trial = t.id and x.branch = ''
       join jobs j on j.id = x.job and j.state = 'failed'
       join attempts a on a.job = j.id and a.attempt = j.attempt and a.failure_class = 'not_finite'",
);

pub(super) async fn verdicts(db: Db<'_>, sweep: SweepId) -> Result<Verdicts> {
    let mut verdicts = Verdicts::new();
    for row in each(db, &VERDICTS, &[sweep]).await? {
        let verdict = Verdict {
            rule: known(&row, 1, &Rule::ALL, Rule::name)?,
            round: row.small(2)?,
            goes_on: row.flag(3)?,
            by: yardstick(&row, 4)?,
            value: row.opt_float(6)?,
            bar: row.float(7)?,
        };
        verdicts.entry(row.text(0)?.to_owned()).or_default().push(verdict);
    }
    Ok(verdicts)
}

/// A metric and a moment, in two columns.
fn yardstick(row: &Row, column: usize) -> Result<Yardstick> {
    let at = known(row, column + 1, &Moment::ALL, Moment::name)?;
    Ok(Yardstick { metric: row.text(column)?.into(), at })
}

pub(super) async fn seen(db: Db<'_>, sweep: SweepId) -> Result<Seen> {
    let mut seen = Seen::default();
    for row in each(db, &VALIDATION, &[sweep]).await? {
        let place = (row.text(0)?.to_owned(), row.small(1)?);
        let value = row.opt_float(4)?.unwrap_or(f64::NAN);
        seen.measured.entry(place).or_default().insert(yardstick(&row, 2)?, value);
    }
    for row in each(db, &DIVERGED, &[sweep]).await? {
        seen.diverged.insert((row.text(0)?.to_owned(), row.small(1)?));
    }
    Ok(seen)
}
