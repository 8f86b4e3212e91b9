//! What networks cost with and without their dead units.

use super::{Place, Row, all, quoted};
use crate::store::{Result, Store};
use tombola_spec::JobId;

/// A network of a round, means over copies and seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct SlimRow {
    /// Axis values, seeds and repeats left out.
    pub group: String,
    /// Name of the analysis.
    pub analysis: String,
    /// Branch name, empty on the own line.
    pub branch: String,
    /// `ticket`, `reinit`, `random_mask`.
    pub kind: String,
    /// Prunings done.
    pub round: u32,
    /// `masked`, `slim`.
    pub network: String,
    /// Living / all weights.
    pub density: f64,
    /// Trained elements.
    pub parameters: f64,
    /// Operations of a forward pass of one example.
    pub flops: f64,
    /// Bytes of all tensors.
    pub bytes: f64,
    /// Seconds of a forward pass of one batch.
    pub latency: f64,
    /// Images in a batch.
    pub batch: u32,
}

/// A smaller network that was made of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlimNetwork {
    /// By which job.
    pub job: JobId,
    /// Its name, with its widths.
    pub network: String,
}

/// The smaller network of a round, if one was made; the first, if several were.
pub async fn slim_at(store: &dyn Store, sweep: &str, place: &Place) -> Result<Option<SlimNetwork>> {
    let Place { trial, branch, copy, round, .. } = place;
    let sql = format!(
        "select job, name from slim where sweep = {} and trial = {trial} and branch = {} and copy = {copy} \
         and round = {round} and network = 'slim' order by analysis, job",
        quoted(sweep),
        quoted(branch)
    );
    let network =
        |row: &Row| Ok(SlimNetwork { job: JobId(row.unsigned(0)?), network: row.text(1)?.to_owned() });
    all(store, &sql).await?.first().map(network).transpose()
}

/// A sweep's networks with and without their dead units.
pub async fn slim(store: &dyn Store, sweep: &str) -> Result<Vec<SlimRow>> {
    const WHERE: &str = "settings_key, analysis, branch, kind, round, network";
    let sql = format!(
        "select {WHERE}, avg(density), 1e0 * avg(parameters), 1e0 * avg(flops), 1e0 * avg(bytes), avg(latency_seconds), \
         max(batch) from slim where sweep = {} group by {WHERE} order by {WHERE}",
        quoted(sweep)
    );
    let row = |row: &Row| {
        let word = |column| Ok::<_, crate::store::StoreError>(row.text(column)?.to_owned());
        Ok(SlimRow {
            group: word(0)?,
            analysis: word(1)?,
            branch: word(2)?,
            kind: word(3)?,
            round: row.small(4)?,
            network: word(5)?,
            density: row.float(6)?,
            parameters: row.float(7)?,
            flops: row.float(8)?,
            bytes: row.float(9)?,
            latency: row.float(10)?,
            batch: row.small(11)?,
        })
    };
    all(store, &sql).await?.iter().map(row).collect()
}
