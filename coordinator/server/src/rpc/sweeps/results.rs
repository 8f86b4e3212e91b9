//! Accuracy against density, and what failed.

use super::Sweeps;
use crate::{
    Error,
    store::views::{self, BarrierRow, CurveRow, Failed, LineRow, RunRow, SlimRow, Work},
};
use tombola_core::sweep;
use tombola_wire::v1;

/// Most failed jobs of one answer, the newest first.
const MOST_FAILURES: usize = 1000;

impl Sweeps {
    pub(super) async fn results_of(&self, what: &str) -> Result<v1::ResultsResponse, Error> {
        let name = self.find(what).await?.name;
        let store = self.store.as_ref();
        let costs = views::costs(store, &name).await?;
        let priced = |row: CurveRow| {
            let cost = costs.get(&(row.group.clone(), row.branch.clone(), row.round));
            v1::CurvePoint { cost: cost.copied().map(work), ..point(row) }
        };
        let curve = views::curve(store, &name).await?.into_iter().map(priced).collect();
        let (asked, run_for) = views::sweep_cost(store, &name).await?;
        let cost = Some(v1::SweepCost { asked: Some(work(asked)), run: Some(work(run_for)) });
        let runs = views::runs(store, &name).await?.into_iter().map(run).collect();
        let lines = views::line_points(store, &name).await?.into_iter().map(line_point).collect();
        let barriers = views::barriers(store, &name).await?.into_iter().map(barrier).collect();
        let slim = views::slim(store, &name).await?.into_iter().map(slim).collect();
        Ok(v1::ResultsResponse { curve, runs, sql: views::curve_sql(&name), lines, barriers, cost, slim })
    }

    pub(super) async fn failures_of(&self, what: &str) -> Result<v1::FailuresResponse, Error> {
        let row = self.find(what).await?;
        let failures = views::failures(self.store.as_ref(), &row.name, MOST_FAILURES).await?;
        let named = |job: v1::FailedJob| v1::FailedJob { message: in_names(job.message, &row.source), ..job };
        Ok(v1::FailuresResponse { jobs: failures.into_iter().map(failed).map(named).collect() })
    }
}

/// A message in which files of people's own have the names that the sweep gives them: workers know only their digests.
fn in_names(message: String, source: &str) -> String {
    let files = sweep::listed_files(source).into_iter();
    files.fold(message, |message, (name, file)| {
        message.replace(&file.digest.to_string(), &format!("`{name}`"))
    })
}

fn point(row: CurveRow) -> v1::CurvePoint {
    let CurveRow { group, branch, kind, round, density, seeds, runs, mean, sd, min, max, .. } = row;
    let CurveRow { early_stop: early_stop_iteration, course, over_dense, .. } = row;
    v1::CurvePoint {
        group,
        branch,
        kind,
        round,
        density,
        seeds,
        runs,
        mean,
        sd,
        min,
        max,
        early_stop_iteration,
        course,
        over_dense,
        cost: None,
    }
}

fn work(work: Work) -> v1::Cost {
    let Work { iterations, flops, theoretical_flops, device_seconds } = work;
    v1::Cost { iterations: iterations.round() as u64, flops, theoretical_flops, device_seconds }
}

fn run(row: RunRow) -> v1::RunPoint {
    let RunRow { group, branch, kind, round, density, seed, copy, accuracy } = row;
    v1::RunPoint { group, branch, kind, round, density, seed, copy, accuracy }
}

fn line(row: LineRow) -> v1::LineName {
    let LineRow { group, analysis, ends, branch, kind, round, bn, split, density } = row;
    v1::LineName { group, analysis, ends, branch, kind, round, density, bn, split }
}

fn line_point((row, alpha, error): (LineRow, f64, f64)) -> v1::LinePoint {
    v1::LinePoint { line: Some(line(row)), alpha, error }
}

fn barrier(row: BarrierRow) -> v1::Barrier {
    let BarrierRow { line: row, mean, min, max, seeds, pairs } = row;
    v1::Barrier { line: Some(line(row)), mean, min, max, seeds, pairs }
}

fn slim(row: SlimRow) -> v1::SlimSize {
    let SlimRow { group, analysis, branch, kind, round, network, density, .. } = row;
    let SlimRow { parameters, flops, bytes, latency, batch, .. } = row;
    v1::SlimSize {
        group,
        analysis,
        branch,
        kind,
        round,
        network,
        density,
        parameters,
        flops,
        bytes,
        latency,
        batch,
    }
}

fn failed(failed: Failed) -> v1::FailedJob {
    let Failed { job, place, state, class, message, tries, worker } = failed;
    let (job, label) = (job.to_string(), place.to_string());
    v1::FailedJob { job, label, state, class, message, tries, worker }
}
