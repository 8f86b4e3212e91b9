//! Sweeps, those that are not in memory any more included.

use super::{all, quoted};
use crate::store::{Result, Store, read::known};
use std::collections::HashMap;
use tombola_core::{record::SweepState, schedule::Progress};
use tombola_spec::SweepId;

/// A sweep in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Identity.
    pub id: SweepId,
    /// Name.
    pub name: String,
    /// What people asked of it.
    pub state: SweepState,
    /// Number of its trials.
    pub trials: u32,
}

/// Sweeps by id; `only` one, or all.
pub async fn sweeps(store: &dyn Store, only: Option<SweepId>) -> Result<Vec<Listed>> {
    let only = only.map_or_else(String::new, |id| format!("where id = {} ", id.0));
    let sql = format!("select id, sweep, state, trials from sweep {only}order by id");
    let listed = |row: &super::Row| {
        let (name, state) = (row.text(1)?.to_owned(), known(row, 2, &SweepState::ALL, SweepState::name)?);
        Ok(Listed { id: SweepId(row.unsigned(0)?), name, state, trials: row.small(3)? })
    };
    all(store, &sql).await?.iter().map(listed).collect()
}

/// How far sweeps are that the scheduler has forgotten: nothing of them runs.
pub async fn progress(store: &dyn Store, names: &[&str]) -> Result<HashMap<String, Progress>> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let names = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "select sweep, open, leased, done, failed + quarantined, iterations_done, iterations from sweep_progress \
         where sweep in ({names})"
    );
    let progress = |row: &super::Row| {
        let progress = Progress {
            waiting: row.unsigned(1)?,
            ready: 0,
            running: row.unsigned(2)?,
            done: row.unsigned(3)?,
            failed: row.unsigned(4)?,
            iterations_done: row.unsigned(5)?,
            iterations: row.unsigned(6)?,
            finished: true,
            decides: false,
        };
        Ok((row.text(0)?.to_owned(), progress))
    };
    all(store, &sql).await?.iter().map(progress).collect()
}
