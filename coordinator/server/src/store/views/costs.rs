//! What rounds and sweeps cost.

use super::{Row, all, quoted};
use crate::store::{Result, Store};
use std::collections::HashMap;

/// Work done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// Training iterations.
    pub iterations: f64,
    /// Floating-point operations executed.
    pub flops: f64,
    /// Those of them that living weights need.
    pub theoretical_flops: f64,
    /// Seconds on devices.
    pub device_seconds: f64,
}

impl Work {
    fn at(row: &Row, first: usize) -> Result<Self> {
        Ok(Self {
            iterations: row.float(first)?,
            flops: row.float(first + 1)?,
            theoretical_flops: row.float(first + 2)?,
            device_seconds: row.float(first + 3)?,
        })
    }
}

/// What each round of a branch took with all its ancestors, mean over its finished runs; by axis values, branch and round.
pub async fn costs(store: &dyn Store, sweep: &str) -> Result<HashMap<(String, String, u32), Work>> {
    let sweep = quoted(sweep);
    let sql = format!(
        "select t.settings_key, c.branch, c.round, avg(cast(c.standalone_iterations as double precision)),
           avg(c.standalone_flops), avg(c.standalone_theoretical_flops), avg(c.standalone_device_seconds)
         from cost c
         join trial t on t.sweep = c.sweep and t.trial = c.trial
         join round_result r on r.sweep = c.sweep and r.trial = c.trial and r.branch = c.branch
           and r.copy = c.copy and r.round = c.round
         where c.sweep = {sweep} and t.sweep = {sweep} and r.sweep = {sweep} and r.state = 'done'
         group by t.settings_key, c.branch, c.round"
    );
    let cost = |row: &Row| {
        let place = (row.text(0)?.to_owned(), row.text(1)?.to_owned(), row.small(2)?);
        Ok((place, Work::at(row, 3)?))
    };
    all(store, &sql).await?.iter().map(cost).collect()
}

/// What a sweep would have taken without sharing, and what it took.
pub async fn sweep_cost(store: &dyn Store, sweep: &str) -> Result<(Work, Work)> {
    let sql = format!(
        "select cast(asked_iterations as double precision), asked_flops, asked_flops, asked_device_seconds,
           cast(run_iterations as double precision), run_flops, run_theoretical_flops, run_device_seconds
         from sweep_cost where sweep = {}",
        quoted(sweep)
    );
    let rows = all(store, &sql).await?;
    rows.first().map_or_else(|| Ok(Default::default()), |row| Ok((Work::at(row, 0)?, Work::at(row, 4)?)))
}
