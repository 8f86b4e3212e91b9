//! Accuracy against density, the runs behind it, and what is told of one round.

use super::{Place, Row, all, quoted};
use crate::store::{Result, Store};
use tombola_spec::outcome::{LayerCount, Measure};

/// One point of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveRow {
    /// Axis values, seeds and repeats left out.
    pub group: String,
    /// Branch name, empty on the own line.
    pub branch: String,
    /// `ticket`, `reinit`, `random_mask`.
    pub kind: String,
    /// Prunings done.
    pub round: u32,
    /// Living / all weights.
    pub density: f64,
    /// Seeds, and runs behind them.
    pub seeds: u32,
    /// See `seeds`.
    pub runs: u32,
    /// Test accuracy at the end of training over seeds, fractions.
    pub mean: f64,
    /// Sample standard deviation between seeds; none for one seed.
    pub sd: Option<f64>,
    /// Smallest of the seeds.
    pub min: f64,
    /// Largest of the seeds.
    pub max: f64,
    /// Mean over seeds of the early-stopping iteration; none without a validation split.
    pub early_stop: Option<f64>,
    /// Branch whose settings it is trained by, empty for the trial's own.
    pub course: String,
    /// Mean difference to the dense network of its course.
    pub over_dense: Option<f64>,
}

/// The statement that yields a sweep's curve, in the order of [`CurveRow`]'s fields.
pub fn curve_sql(sweep: &str) -> String {
    let sweep = quoted(sweep);
    format!(
        "\
select settings_key, branch, kind, round, density, n_seeds, n_runs, mean, sd, min, max, early_stop_iteration,
       course, paired_dense
from ticket_curve
where sweep = {sweep} and metric = 'accuracy' and split = 'test' and at = 'last'
order by settings_key, round, kind, branch"
    )
}

/// A sweep's curve.
pub async fn curve(store: &dyn Store, sweep: &str) -> Result<Vec<CurveRow>> {
    let point = |row: &Row| {
        Ok(CurveRow {
            group: row.text(0)?.to_owned(),
            branch: row.text(1)?.to_owned(),
            kind: row.text(2)?.to_owned(),
            round: row.small(3)?,
            density: row.float(4)?,
            seeds: row.small(5)?,
            runs: row.small(6)?,
            mean: row.float(7)?,
            sd: row.maybe_float(8),
            min: row.float(9)?,
            max: row.float(10)?,
            early_stop: row.maybe_float(11),
            course: row.text(12)?.to_owned(),
            over_dense: row.maybe_float(13),
        })
    };
    all(store, &curve_sql(sweep)).await?.iter().map(point).collect()
}

/// One finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Axis values, seeds and repeats left out.
    pub group: String,
    /// Branch name, empty on the own line.
    pub branch: String,
    /// `ticket`, `reinit`, `random_mask`.
    pub kind: String,
    /// Prunings done.
    pub round: u32,
    /// Living / all weights.
    pub density: f64,
    /// The seed.
    pub seed: u64,
    /// Copy of the branch.
    pub copy: u32,
    /// Test accuracy at the end of training, a fraction.
    pub accuracy: f64,
}

/// A sweep's finished runs.
pub async fn runs(store: &dyn Store, sweep: &str) -> Result<Vec<RunRow>> {
    let sql = format!(
        "select settings_key, branch, kind, round, density, seed, copy, accuracy_test from round_result \
         where sweep = {} and accuracy_test is not null \
         order by settings_key, round, kind, branch, seed, repeat, copy",
        quoted(sweep)
    );
    let run = |row: &Row| {
        Ok(RunRow {
            group: row.text(0)?.to_owned(),
            branch: row.text(1)?.to_owned(),
            kind: row.text(2)?.to_owned(),
            round: row.small(3)?,
            density: row.float(4)?,
            seed: row.unsigned(5)?,
            copy: row.small(6)?,
            accuracy: row.float(7)?,
        })
    };
    all(store, &sql).await?.iter().map(run).collect()
}

fn at(sweep: &str, place: &Place) -> String {
    let Place { trial, branch, copy, round, analysis: _ } = place;
    let (sweep, branch) = (quoted(sweep), quoted(branch));
    format!(
        "where sweep = {sweep} and trial = {trial} and branch = {branch} and copy = {copy} and round = {round}"
    )
}

/// The counts of a round's mask, layer by layer; none for a dense round.
pub async fn layers(store: &dyn Store, sweep: &str, place: &Place) -> Result<Vec<LayerCount>> {
    let sql = format!(
        "select name, living, total, case when prunable then 1 else 0 end from layer_density {} order by layer",
        at(sweep, place)
    );
    let layer = |row: &Row| {
        let (living, total) = (row.unsigned(1)?, row.unsigned(2)?);
        Ok(LayerCount { name: row.text(0)?.to_owned(), living, total, prunable: row.int(3)? == 1 })
    };
    all(store, &sql).await?.iter().map(layer).collect()
}

/// What was measured at the end of a round.
pub async fn measures(store: &dyn Store, sweep: &str, place: &Place) -> Result<Vec<Measure>> {
    let sql = format!(
        "select metric, split, value from round_measure {} and at = 'last' and value is not null \
         order by metric, split",
        at(sweep, place)
    );
    let measure =
        |row: &Row| Ok(Measure { name: row.text(0)?.to_owned(), split: row.word(1)?, value: row.float(2)? });
    all(store, &sql).await?.iter().map(measure).collect()
}
