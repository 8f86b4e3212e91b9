//! Rows of writes about attempts.

use super::{Steps, attempts_sql as sql};
use crate::store::verb::{Arg, row, stored};
use std::collections::BTreeSet;
use tombola_core::record::Write;
use tombola_spec::{
    JobId,
    outcome::{
        CollapseSummary, ConnectivitySummary, EpochPair, FoundTicket, MaskDistanceSummary, MaskSummary,
        Measure, Outcome, SlimSummary, Summary, TrainSummary,
    },
};

pub(super) fn lease<'a>(steps: &mut Steps<'a>, writes: &[&'a Write]) {
    let (mut packs, mut lanes, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
    for write in writes {
        let Write::Lease(pack) = write else { continue };
        let (device, plan) = (pack.device.name(), pack.plan.name());
        packs.push(row![pack.lease, pack.worker, pack.slot, device, plan, pack.width, steps.now]);
        for (stage, stage_lanes) in (0u32..).zip(&pack.stages) {
            for (lane, (job, attempt)) in (0u32..).zip(stage_lanes) {
                lanes.push(row![pack.lease, stage, lane, *job, *attempt]);
                jobs.push(row![*job, *attempt, pack.lease]);
            }
        }
    }
    steps.push(&sql::LEASE, jobs);
    steps.push(&sql::PACKS, packs);
    steps.push(&sql::LANES, lanes);
}

pub(super) fn start<'a>(steps: &mut Steps<'a>, writes: &[&'a Write]) {
    let mut rows = Vec::new();
    for write in writes {
        if let Write::Start { job, attempt, worker: _, lease, iteration } = write {
            rows.push(row![*job, *attempt, *lease, *iteration, steps.now]);
        }
    }
    steps.push(&sql::START, rows);
}

pub(super) fn checkpoint<'a>(steps: &mut Steps<'a>, writes: &[&'a Write]) {
    let (mut rows, mut pins) = (Vec::new(), Vec::new());
    for write in writes {
        if let Write::Checkpoint { job, attempt, checkpoint } = write {
            let artifact = checkpoint.artifact;
            rows.push(row![*job, *attempt, checkpoint.iteration, artifact.digest, artifact.bytes, steps.now]);
            pins.push(row![artifact.digest]);
        }
    }
    steps.push(&sql::CHECKPOINT, rows);
    steps.push(&sql::UNPIN, pins);
}

pub(super) fn metrics<'a>(steps: &mut Steps<'a>, writes: &[&'a Write]) {
    let (mut attempts, mut rows) = (BTreeSet::new(), Vec::new());
    for write in writes {
        let Write::Metrics { job, attempt, batch, series } = write else { continue };
        attempts.insert((*job, *attempt));
        for (ordinal, series) in (0u32..).zip(series) {
            let (Some(first), Some(last)) = (series.iterations.first(), series.iterations.last()) else {
                continue;
            };
            rows.push(vec![
                (*job).into(),
                (*attempt).into(),
                (*batch).into(),
                ordinal.into(),
                series.name.as_str().into(),
                series.split.name().into(),
                (*first).into(),
                (*last).into(),
                Arg::Ints(&series.iterations),
                Arg::Floats(&series.values),
            ]);
        }
    }
    let attempts = attempts.into_iter().map(|(job, attempt)| row![job, attempt]).collect();
    steps.push(&sql::METRICS_ALLOWED, attempts);
    steps.push(&sql::METRICS, rows);
}

pub(super) fn end<'a>(steps: &mut Steps<'a>, writes: &[&'a Write]) {
    let (mut attempts, mut jobs) = (Vec::new(), Vec::new());
    for write in writes {
        let Write::End { job, attempt, failure, how, next, tries, losses } = write else { continue };
        let (class, message) = (
            failure.as_ref().map(|failure| failure.class.name()),
            failure.as_ref().map(|failure| failure.message.as_str()),
        );
        attempts.push(row![*job, *attempt, steps.now, how.name(), class, message]);
        jobs.push(row![*job, *attempt, next.name(), *tries, *losses]);
    }
    steps.push(&sql::END_ATTEMPT, attempts);
    steps.push(&sql::END, jobs);
}

/// The many rows of finished jobs, by statement.
#[derive(Default)]
struct Finished<'a> {
    attempts: Vec<Vec<Arg<'a>>>,
    jobs: Vec<Vec<Arg<'a>>>,
    results: Vec<Vec<Arg<'a>>>,
    outputs: Vec<Vec<Arg<'a>>>,
    measures: Vec<Vec<Arg<'a>>>,
    layers: Vec<Vec<Arg<'a>>>,
    points: Vec<Vec<Arg<'a>>>,
    compressions: Vec<Vec<Arg<'a>>>,
    distances: Vec<Vec<Arg<'a>>>,
    sizes: Vec<Vec<Arg<'a>>>,
    tickets: Vec<Vec<Arg<'a>>>,
    epochs: Vec<Vec<Arg<'a>>>,
    pins: Vec<Vec<Arg<'a>>>,
    checkpoints: Vec<Vec<Arg<'a>>>,
}

pub(super) fn finish<'a>(steps: &mut Steps<'a>, writes: &[&'a Write]) {
    let mut all = Finished::default();
    for write in writes {
        let Write::Finish { job, attempt, outcome } = write else { continue };
        all.attempts.push(row![*job, *attempt, steps.now, "done", Arg::Null, Arg::Null]);
        all.jobs.push(row![*job, *attempt]);
        all.checkpoints.push(row![*job]);
        for (output, artifact) in &outcome.outputs {
            all.outputs.push(row![*job, output.name(), artifact.digest, artifact.bytes]);
            all.pins.push(row![artifact.digest]);
        }
        all.result(*job, outcome);
    }
    steps.push(&sql::END_ATTEMPT, all.attempts);
    steps.push(&sql::FINISH, all.jobs);
    steps.push(&sql::RESULTS, all.results);
    steps.push(&sql::OUTPUTS, all.outputs);
    steps.push(&sql::MEASURES, all.measures);
    steps.push(&sql::LAYERS, all.layers);
    steps.push(&sql::CURVE_POINTS, all.points);
    steps.push(&sql::COLLAPSE_POINTS, all.compressions);
    steps.push(&sql::MASK_DISTANCES, all.distances);
    steps.push(&sql::SIZES, all.sizes);
    steps.push(&sql::FOUND_TICKETS, all.tickets);
    steps.push(&sql::EPOCH_DISTANCES, all.epochs);
    steps.push(&sql::UNPIN, all.pins);
    steps.push(&sql::DROP_CHECKPOINTS, all.checkpoints);
}

impl<'a> Finished<'a> {
    fn result(&mut self, job: JobId, outcome: &'a Outcome) {
        let mut result = row![job];
        match &outcome.summary {
            Summary::Train(train) => self.train(job, train, &mut result),
            Summary::Mask(mask) => self.mask(job, mask, &mut result),
            Summary::Connectivity(line) => self.connectivity(job, line, &mut result),
            Summary::Collapse(search) => self.collapse(job, search, &mut result),
            Summary::MaskDistance(compared) => self.distances(job, compared, &mut result),
            Summary::Slim(slim) => self.slim(job, slim, &mut result),
            Summary::Import(import) => analysis(0, import.device_seconds, &mut result),
        }
        let how = &outcome.provenance;
        result.extend(row![how.plan.as_str(), how.device.as_str(), how.threads, how.width]);
        result.extend(row![how.libtorch.as_str(), how.capability.as_str(), how.worker.as_str(), how.data]);
        result.extend(row![theoretical_flops(&outcome.summary)]);
        self.results.push(result);
    }

    fn train(&mut self, job: JobId, train: &'a TrainSummary, result: &mut Vec<Arg<'a>>) {
        let early_stop = train.early_stop.as_ref();
        result.extend(row![train.iterations, train.flops as f64, train.device_seconds]);
        result.extend(row![early_stop.map(|stop| stop.iteration), Arg::Null, Arg::Null, Arg::Null]);
        let mut measures = |at: &'static str, measures: &'a [Measure]| {
            // Of one that a worker says twice, the first counts. A database would look for each among all it has; no other
            // result of the job is there, or its row of `results` is refused.
            let mut said = BTreeSet::new();
            for measure in measures {
                let (name, split) = (stored(measure.name.as_str().into()), measure.split.name());
                if said.insert((name.clone(), split)) {
                    self.measures.push(row![job, at, name, split, measure.value]);
                }
            }
        };
        measures("last", &train.last);
        measures("early_stop", early_stop.map_or(&[], |stop| &stop.measures));
    }

    fn connectivity(&mut self, job: JobId, line: &'a ConnectivitySummary, result: &mut Vec<Arg<'a>>) {
        analysis(line.flops, line.device_seconds, result);
        for point in &line.curve {
            let (bn, split) = (point.bn.name(), point.split.name());
            self.points.push(row![job, bn, split, point.alpha, point.loss, point.error]);
        }
    }

    fn collapse(&mut self, job: JobId, search: &'a CollapseSummary, result: &mut Vec<Arg<'a>>) {
        analysis(search.flops, search.device_seconds, result);
        for point in &search.points {
            let (emptied, first) = (point.emptied.len() as u64, point.emptied.first().map(String::as_str));
            let (exponent, living) = (point.exponent, point.living);
            let criterion = search.criterion.as_str();
            self.compressions.push(row![job, criterion, exponent, living, emptied, first, search.greatest]);
        }
    }

    /// A row for each layer of each pair, and one without a name for all layers together.
    fn distances(&mut self, job: JobId, compared: &'a MaskDistanceSummary, result: &mut Vec<Arg<'a>>) {
        analysis(0, compared.device_seconds, result);
        for pair in &compared.pairs {
            let [first, second] = pair.masks;
            let (mut living, mut both, mut total) = ([0u64; 2], 0u64, 0u64);
            for (number, layer) in (0u32..).zip(&pair.layers) {
                let ([a, b], name) = (layer.living, layer.name.as_str());
                self.distances.push(row![job, first, second, number, name, a, b, layer.both, layer.total]);
                // What a worker says is not to be added up into an overflow.
                living = [living[0].saturating_add(a), living[1].saturating_add(b)];
                (both, total) = (both.saturating_add(layer.both), total.saturating_add(layer.total));
            }
            let (last, all) = (pair.layers.len() as u64, Arg::Null);
            self.distances.push(row![job, first, second, last, all, living[0], living[1], both, total]);
        }
    }

    fn slim(&mut self, job: JobId, slim: &'a SlimSummary, result: &mut Vec<Arg<'a>>) {
        analysis(0, slim.device_seconds, result);
        for (network, size) in [("masked", &slim.masked), ("slim", &slim.slim)] {
            let mut row = row![job, network, slim.name.as_str(), size.parameters, size.weights];
            row.extend(row![size.flops, size.bytes, size.latency, slim.batch, slim.difference]);
            self.sizes.push(row);
        }
    }

    fn mask(&mut self, job: JobId, mask: &'a MaskSummary, result: &mut Vec<Arg<'a>>) {
        let living: u64 = mask.layers.iter().map(|layer| layer.living).sum();
        let total: u64 = mask.layers.iter().map(|layer| layer.total).sum();
        let prunable: u64 = mask.layers.iter().filter(|layer| layer.prunable).map(|layer| layer.total).sum();
        result.extend(row![
            Arg::Null,
            mask.flops as f64,
            mask.device_seconds,
            Arg::Null,
            living,
            total,
            prunable
        ]);
        for (ordinal, layer) in (0u32..).zip(&mask.layers) {
            let name = layer.name.as_str();
            self.layers.push(row![job, ordinal, name, layer.living, layer.total, layer.prunable]);
        }
        if let Some(FoundTicket { epoch, iteration, pairs }) = &mask.found {
            self.tickets.push(row![job, *epoch, *iteration]);
            let pair = |pair: &EpochPair| row![job, pair.epochs[0], pair.epochs[1], pair.distance];
            self.epochs.extend(pairs.iter().map(pair));
        }
    }
}

/// The figures of an analysis in its row: what it took.
fn analysis<'a>(flops: u64, device_seconds: f64, result: &mut Vec<Arg<'a>>) {
    result.extend(row![Arg::Null, flops as f64, device_seconds, Arg::Null]);
    result.extend(row![Arg::Null, Arg::Null, Arg::Null]);
}

/// Only training can leave out what does not live.
fn theoretical_flops(summary: &Summary) -> f64 {
    let flops = match summary {
        Summary::Train(train) => train.theoretical_flops,
        Summary::Mask(mask) => mask.flops,
        Summary::Connectivity(line) => line.flops,
        Summary::Collapse(search) => search.flops,
        Summary::MaskDistance(_) | Summary::Slim(_) | Summary::Import(_) => 0,
    };
    flops as f64
}
