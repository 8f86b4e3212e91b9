//! What a pretended job leaves behind: the right outputs and counts, and numbers that only look like results.

use std::{collections::BTreeMap, io};
use tombola_agent::SlotSpec;
use tombola_spec::{
    arch::{Architecture, Parameter},
    job::{Input, JobSpec, Output},
    ladder::cut,
    outcome::{
        CollapsePoint, CollapseSummary, ConnectivitySummary, CurvePoint, EarlyStop, ImportSummary,
        LayerCount, MaskDistanceSummary, MaskPair, MaskSummary, Measure, Provenance, Series, Size,
        SlimSummary, Split, Summary, TrainSummary,
    },
    settings::{Amount, Prune},
    slot::{Stage, StageJob},
};

/// Bytes of each output.
type Files = BTreeMap<Output, Vec<u8>>;

/// From which iteration to which a job goes.
pub(super) fn span(spec: &JobSpec) -> (u64, u64) {
    spec.training().map_or((0, 0), |train| train.span().into())
}

/// Points logged at an iteration.
pub(super) fn points(iteration: u64) -> Vec<Series> {
    let point = |name: &str, split, value| Series {
        name: name.to_owned(),
        split,
        iterations: vec![iteration],
        values: vec![value],
    };
    vec![
        point("loss", Split::Validation, loss(iteration)),
        point("accuracy", Split::Test, 1.0 - loss(iteration) / 3.0),
    ]
}

fn loss(iteration: u64) -> f64 {
    2.3 / (1.0 + iteration as f64 / 100.0)
}

/// The outputs of a job and what it learned. Bytes follow from the job alone, as an engine's do.
pub(super) fn outputs(job: &StageJob) -> io::Result<(Files, Summary)> {
    match &job.spec {
        JobSpec::Train(_) => Ok((trained(&job.spec), Summary::Train(train_summary(&job.spec)))),
        JobSpec::Slim(slim) => {
            let size =
                |n| Size { parameters: n, weights: n, flops: n, bytes: 4 * n, latency: n as f64 / 1e3 };
            let (name, masked, slim_size) = (slim.network.name.clone(), size(100), size(25));
            let (difference, batch, device_seconds) = (0.0, slim.batch, 0.1);
            let summary = SlimSummary { name, masked, slim: slim_size, difference, batch, device_seconds };
            Ok((trained(&job.spec), Summary::Slim(Box::new(summary))))
        }
        JobSpec::Connectivity(job) => {
            let point = |(bn, alpha, split)| CurvePoint { bn, split, alpha, loss: loss(0), error: 0.1 };
            let curve = job.points().into_iter().map(point).collect();
            let summary = ConnectivitySummary { curve, flops: 0, device_seconds: 0.1 };
            Ok((Files::new(), Summary::Connectivity(summary)))
        }
        JobSpec::Collapse(job) => {
            let point = |exponent| CollapsePoint { exponent, living: 1, emptied: Vec::new() };
            let points = job.grid().into_iter().map(point).collect();
            let criterion = job.criterion.name().to_owned();
            let summary = CollapseSummary { criterion, points, greatest: 2.0, flops: 0, device_seconds: 0.1 };
            Ok((Files::new(), Summary::Collapse(summary)))
        }
        JobSpec::Import(import) => {
            let files = [(import.holds, text(&job.spec, import.holds))].into();
            Ok((files, Summary::Import(ImportSummary { tensors: 1, device_seconds: 0.1 })))
        }
        JobSpec::MaskDistance(job) => {
            let pairs = job.pairs().map(|masks| MaskPair { masks, layers: Vec::new() }).collect();
            let summary = MaskDistanceSummary { pairs, device_seconds: 0.1 };
            Ok((Files::new(), Summary::MaskDistance(summary)))
        }
        JobSpec::Prune(prune) => {
            let network = prune.network.architecture().map_err(io::Error::other)?;
            let layers = before(&network, job, prune.mask)?;
            mask(&job.spec, layers.into_iter().map(|layer| pruned(layer, &prune.rule)).collect())
        }
        JobSpec::RandomMask(random) => {
            let network = random.network.architecture().map_err(io::Error::other)?;
            mask(&job.spec, before(&network, job, Some(random.mask))?)
        }
        JobSpec::Join(join) => {
            let network = join.network.architecture().map_err(io::Error::other)?;
            mask(&job.spec, before(&network, job, join.masks.first().copied())?)
        }
    }
}

fn trained(spec: &JobSpec) -> Files {
    spec.outputs().into_iter().map(|output| (output, text(spec, output))).collect()
}

fn text(spec: &JobSpec, output: Output) -> Vec<u8> {
    format!("pretended {output} of {}", tombola_spec::Fingerprint::of(spec)).into_bytes()
}

fn train_summary(spec: &JobSpec) -> TrainSummary {
    let (from, to) = span(spec);
    let measure = |name: &str, split, value| Measure { name: name.to_owned(), split, value };
    let measures = vec![
        measure("loss", Split::Train, loss(to)),
        measure("loss", Split::Validation, loss(to)),
        measure("loss", Split::Test, loss(to)),
        measure("accuracy", Split::Validation, 1.0 - loss(to) / 3.0),
        measure("accuracy", Split::Test, 1.0 - loss(to) / 3.0),
    ];
    TrainSummary {
        last: measures.clone(),
        early_stop: Some(EarlyStop { iteration: to, measures }),
        iterations: to.saturating_sub(from),
        flops: 0,
        theoretical_flops: 0,
        device_seconds: 0.0,
    }
}

/// The counts of the mask a job reads; everything lives if it reads none.
fn before(network: &Architecture, job: &StageJob, mask: Option<Input>) -> io::Result<Vec<LayerCount>> {
    let dense = |weight: Parameter| {
        let total = weight.len() as u64;
        LayerCount { name: weight.name, living: total, total, prunable: true }
    };
    let mut layers: Vec<LayerCount> = network.weights().into_iter().map(dense).collect();
    if let Some(input) = mask {
        let file = job.inputs.get(&input.to_string());
        let file = file.ok_or_else(|| io::Error::other(format!("the input `{input}` was not given")))?;
        let text = std::fs::read_to_string(file)?;
        // A pretended mask holds its counts, one a line, after a line that makes it unlike others.
        for (layer, line) in layers.iter_mut().zip(text.lines().skip(1)) {
            let (living, prunable) = line.split_once(' ').unwrap_or((line, "true"));
            layer.living = living.parse().map_err(io::Error::other)?;
            layer.prunable = prunable == "true";
        }
    }
    Ok(layers)
}

/// What is left of a tensor. A global cut takes from all alike, which no real criterion does exactly.
fn pruned(mut layer: LayerCount, rule: &Prune) -> LayerCount {
    let own = rule.rates.get(&layer.name).copied().map(Amount::Rate);
    let left = match own.unwrap_or(rule.amount) {
        Amount::Rate(rate) => layer.living - cut(layer.living, rate),
        Amount::Density(density) => (density * layer.total as f64).ceil() as u64,
    };
    layer.prunable = own != Some(Amount::Rate(0.0));
    layer.living = left;
    layer
}

fn mask(spec: &JobSpec, layers: Vec<LayerCount>) -> io::Result<(Files, Summary)> {
    let mut bytes = text(spec, Output::Mask);
    let lines = layers.iter().map(|layer| format!("\n{} {}", layer.living, layer.prunable));
    lines.for_each(|line| bytes.extend(line.into_bytes()));
    Ok(([(Output::Mask, bytes)].into(), Summary::Mask(MaskSummary { layers, ..MaskSummary::default() })))
}

/// How it was "computed".
pub(super) fn provenance(stage: &Stage, spec: SlotSpec) -> Provenance {
    Provenance {
        plan: stage.plan.name().to_owned(),
        device: format!("pretended {}", spec.device.name()),
        threads: 1,
        width: stage.width,
        libtorch: "none".to_owned(),
        capability: "none".to_owned(),
        worker: env!("CARGO_PKG_VERSION").to_owned(),
        data: None,
    }
}
