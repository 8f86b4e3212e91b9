//! Error on the lines between solutions, and the barriers that rise from them.

use super::{Row, all, quoted};
use crate::store::{Result, Store};

/// An analysis of a round, on one split, by one convention.
#[derive(Debug, Clone, PartialEq)]
pub struct LineRow {
    /// Axis values, seeds and repeats left out.
    pub group: String,
    /// Name of the analysis.
    pub analysis: String,
    /// `copies`, `rounds`.
    pub ends: String,
    /// Branch name, empty on the own line.
    pub branch: String,
    /// `ticket`, `reinit`, `random_mask`.
    pub kind: String,
    /// Prunings done.
    pub round: u32,
    /// Convention of the BatchNorm statistics.
    pub bn: String,
    /// What was evaluated on.
    pub split: String,
    /// Living / all weights.
    pub density: f64,
}

const LINE: &str = "settings_key, analysis, ends, branch, kind, round, bn, split";

fn line(row: &Row) -> Result<LineRow> {
    let word = |column| Ok::<_, crate::store::StoreError>(row.text(column)?.to_owned());
    Ok(LineRow {
        group: word(0)?,
        analysis: word(1)?,
        ends: word(2)?,
        branch: word(3)?,
        kind: word(4)?,
        round: row.small(5)?,
        bn: word(6)?,
        split: word(7)?,
        density: row.float(8)?,
    })
}

/// The points of a sweep's lines, means over pairs and seeds: alpha and the fraction of wrong answers.
pub async fn line_points(store: &dyn Store, sweep: &str) -> Result<Vec<(LineRow, f64, f64)>> {
    let sql = format!(
        "select {LINE}, avg(density), alpha, avg(error) from connectivity where sweep = {} \
         group by {LINE}, alpha order by {LINE}, alpha",
        quoted(sweep)
    );
    let point = |row: &Row| Ok((line(row)?, row.float(9)?, row.float(10)?));
    all(store, &sql).await?.iter().map(point).collect()
}

/// How far the error rises, percentage points, over pairs and seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct BarrierRow {
    /// Where.
    pub line: LineRow,
    /// Mean of all pairs.
    pub mean: f64,
    /// Least of them.
    pub min: f64,
    /// Highest of them.
    pub max: f64,
    /// Seeds.
    pub seeds: u32,
    /// Pairs of all seeds.
    pub pairs: u32,
}

/// A sweep's barriers.
pub async fn barriers(store: &dyn Store, sweep: &str) -> Result<Vec<BarrierRow>> {
    let sql = format!(
        "select {LINE}, avg(density), avg(barrier), min(barrier), max(barrier), count(distinct seed), count(*) \
         from error_barrier where sweep = {} group by {LINE} order by {LINE}",
        quoted(sweep)
    );
    let barrier = |row: &Row| {
        let (mean, min, max) = (row.float(9)?, row.float(10)?, row.float(11)?);
        Ok(BarrierRow { line: line(row)?, mean, min, max, seeds: row.small(12)?, pairs: row.small(13)? })
    };
    all(store, &sql).await?.iter().map(barrier).collect()
}
