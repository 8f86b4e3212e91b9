//! Sweep files before anything is stored: what they ask for, and how two of them differ.

use super::{Sweeps, speed};
use crate::{Error, driver::expansion};
use std::collections::BTreeSet;
use tombola_core::{
    plan::{JobPlan, Plan},
    schedule::{self, Scheduler},
    sweep::{self, SweepFile},
};
use tombola_wire::v1;

/// Most differences of one answer.
const MOST_CHANGES: usize = 10_000;

impl Sweeps {
    pub(super) async fn plan_file(&self, text: String) -> Result<v1::PlanResponse, Error> {
        let file = parse(text).await?;
        let plan = expansion::most(self.store.as_ref(), file.clone()).await?;
        let fingerprints: Vec<_> = plan.jobs.iter().map(|job| job.fingerprint).collect();
        let stored = self.store.find_jobs(&fingerprints).await?;
        let sum_up = move || {
            let known = schedule::at_hand(&plan, &stored);
            let new: Vec<&JobPlan> =
                plan.jobs.iter().filter(|job| !known.contains(&job.fingerprint)).collect();
            Ok((speed::wanted(&plan, &new), sets(&new), answer(&file, &plan, &new)))
        };
        let (wanted, sets, answer) = expansion::aside(sum_up).await?;
        let device_seconds = speed::device_seconds(self.store.as_ref(), &wanted).await?;
        let warnings = match answer.jobs_new {
            0 => Vec::new(),
            _ => {
                let look =
                    move |scheduler: &Scheduler, _| scheduler.warnings(sets.iter().map(String::as_str));
                self.driver.read(look).await?
            }
        };
        Ok(v1::PlanResponse { device_seconds, warnings, ..answer })
    }

    pub(super) async fn diff_files(&self, request: v1::DiffRequest) -> Result<v1::DiffResponse, Error> {
        let old = parse(self.file(request.old).await?).await?;
        let new = parse(self.file(request.new).await?).await?;
        let wire = |change: sweep::Change| {
            let sweep::Change { trial, setting, old, new } = change;
            v1::Change { trial, setting, old: old.unwrap_or_default(), new: new.unwrap_or_default() }
        };
        let compare = move || Ok(sweep::diff(&sweep::expand(&old)?, &sweep::expand(&new)?));
        let mut changes = expansion::aside(compare).await?;
        let more = changes.len().saturating_sub(MOST_CHANGES);
        changes.truncate(MOST_CHANGES);
        let mut changes: Vec<_> = changes.into_iter().map(wire).collect();
        if more > 0 {
            changes.push(v1::Change { setting: format!("and {more} more"), ..v1::Change::default() });
        }
        Ok(v1::DiffResponse { changes })
    }

    /// A sweep file as it is, or that of a stored sweep.
    async fn file(&self, text: String) -> Result<String, Error> {
        // No name holds one, no file does without.
        if text.contains('=') { Ok(text) } else { Ok(self.find(text.trim()).await?.source) }
    }
}

/// Reads a sweep file.
pub(super) async fn parse(text: String) -> Result<SweepFile, Error> {
    expansion::aside(move || sweep::parse(&text)).await
}

/// Data sets that jobs read.
fn sets(jobs: &[&JobPlan]) -> BTreeSet<String> {
    jobs.iter().filter_map(|job| job.spec.data_set()).map(str::to_owned).collect()
}

/// All but how long it will take, and what is in its way.
fn answer(file: &SweepFile, plan: &Plan, new: &[&JobPlan]) -> v1::PlanResponse {
    let summary = sweep::summary(plan);
    let cost = sweep::cost(plan, new.iter().copied());
    let setting = |setting: sweep::Setting| v1::Setting {
        name: setting.name,
        value: setting.value,
        is_default: setting.is_default,
    };
    v1::PlanResponse {
        name: plan.name.clone(),
        trials: u32::try_from(summary.trials).unwrap_or(u32::MAX),
        rounds: u32::try_from(summary.rounds).unwrap_or(u32::MAX),
        jobs: summary.cost.jobs,
        jobs_new: cost.jobs,
        jobs_shared: summary.shared,
        jobs_known: summary.cost.jobs - cost.jobs,
        iterations_new: cost.iterations,
        iterations_asked: summary.iterations_asked,
        flops_new: cost.flops,
        bytes_kept: cost.bytes,
        settings: sweep::resolved(file).into_iter().map(setting).collect(),
        ladder: summary.ladder.into_iter().map(|(round, density)| v1::Density { round, density }).collect(),
        device_seconds: 0.0,
        warnings: Vec::new(),
        at_most: plan.decides,
    }
}
