//! What a lane leaves on disk: checkpoints on the way, outputs and summary at the end.

use super::{history::History, lane::Lane, values};
use crate::{
    checkpoint::{FileKind, TensorFile},
    error::{EngineError, Result},
    init::initial_weights,
    nn::Layout,
    optim::Rule,
    plan::{Snapshot, kind_of},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use tch::{Kind, Tensor};
use tombola_spec::{
    Fingerprint, JobId,
    arch::Architecture,
    flops,
    job::{JobSpec, Output, Start, Stream},
    outcome::{Provenance, Summary, TrainSummary},
    settings::Model,
    slot::{Event, OutputFile},
};

/// Key of the [`Record`] in a file's notes.
pub(super) const RECORD: &str = "record";

/// Where a lane is, beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Iterations done, from the start of the schedule.
    pub(super) iteration: u64,
    /// Updates since the optimizer was fresh.
    pub(super) updates: u64,
    /// Evaluations.
    pub(super) history: History,
    /// Seconds on the device so far. Zero at a cut: equal results are equal bytes.
    pub(super) seconds: f64,
}

/// Key of the [`Origin`] in a checkpoint's notes.
pub(super) const ORIGIN: &str = "origin";

/// Whose a checkpoint is and how it was computed: only the same goes on from it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The job. Its number would not do: another state folder counts from 1 too.
    pub(super) job: Fingerprint,
    /// How the job has been computed so far.
    pub(super) provenance: Provenance,
    /// [`ARITHMETIC`] of the build that wrote it.
    #[serde(default = "first")]
    pub(super) arithmetic: u32,
}

/// The order in which this build adds things up. Raise it with whatever moves the last bits of a training: a checkpoint of
/// another order is not gone on from. 2: convolutions of one f32 network on a CPU take images channels innermost. 3: those of
/// bf16, too; and what a GPU computes in f32 is no longer rounded to TF32. `version::TRAINING` did not have to be raised for that: no result
/// had come of a GPU before.
pub(super) const ARITHMETIC: u32 = 3;

/// Of checkpoints from before it was noted.
fn first() -> u32 {
    1
}

/// Writes a checkpoint.
pub(super) fn checkpoint(
    lane: &Lane,
    snapshot: &Snapshot,
    rule: &Rule,
    provenance: &Provenance,
) -> Result<Event> {
    let architecture = lane.spec.recipe.architecture()?;
    let layout = Layout::of(&architecture);
    let mut file = TensorFile::new(FileKind::Checkpoint, &architecture.name);
    values::put(&mut file, layout.entries(), &snapshot.weights, None)?;
    put_state(&mut file, &layout, snapshot, rule)?;
    lane.searching.as_ref().map_or(Ok(()), |searching| searching.put(&mut file))?;
    let history = lane.history.clone();
    let record = Record { iteration: lane.iteration, updates: lane.updates, history, seconds: lane.seconds };
    file.put_note(RECORD, &record)?;
    let job = Fingerprint::of(&JobSpec::Train(lane.spec.clone()));
    file.put_note(ORIGIN, &Origin { job, provenance: provenance.clone(), arithmetic: ARITHMETIC })?;
    let path = lane.folder.join(format!("{}.checkpoint.safetensors", lane.job));
    file.save(&path)?;
    Ok(Event::Checkpoint { job: lane.job, iteration: lane.iteration, file: path })
}

/// Writes the outputs of a lane that is trained to its end.
pub(super) fn finish(
    lane: &Lane,
    snapshot: &Snapshot,
    rule: &Rule,
    provenance: &Provenance,
) -> Result<Event> {
    let architecture = lane.spec.recipe.architecture()?;
    if snapshot.weights.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
        let what = format!("a weight at iteration {}", lane.iteration);
        return Err(EngineError::NotFinite { what });
    }
    let mut outputs = BTreeMap::new();
    for output in JobSpec::Train(lane.spec.clone()).outputs() {
        if let Some(file) = output_file(output, lane, &architecture, snapshot, rule)? {
            outputs.insert(output, save(&file, &output_path(&lane.folder, lane.job, output))?);
        }
    }
    let summary = Summary::Train(summary(lane, &architecture));
    Ok(Event::Finished { job: lane.job, outputs, summary, provenance: provenance.clone() })
}

/// What is written of an output; `None` of one that a training job does not make.
fn output_file(
    output: Output,
    lane: &Lane,
    architecture: &Architecture,
    snapshot: &Snapshot,
    rule: &Rule,
) -> Result<Option<TensorFile>> {
    let layout = Layout::of(architecture);
    let weights = |kind, weights: &Tensor| weights_file(kind, architecture, &layout, weights);
    Ok(Some(match (output, &lane.spec.start, &lane.drawn) {
        (Output::Initial, _, Some(drawn)) => weights(FileKind::Initial, drawn)?,
        (Output::Initial, Start::Init(stream), None) => {
            let recipe = &lane.spec.recipe;
            let drawn = initial(&recipe.model, architecture, stream, kind_of(recipe.dtype))?;
            weights(FileKind::Initial, &drawn)?
        }
        (Output::Weights, ..) => weights(FileKind::Weights, &snapshot.weights)?,
        (Output::State, ..) => state_file(lane, architecture, &layout, snapshot, rule)?,
        (Output::Tickets, ..) => match &lane.searching {
            Some(searching) => searching.tickets()?,
            None => return Ok(None),
        },
        (Output::Initial | Output::Mask | Output::Scores, ..) => return Ok(None),
    }))
}

fn summary(lane: &Lane, architecture: &Architecture) -> TrainSummary {
    let span = [lane.begin, lane.iteration];
    let flops = flops::trained(&lane.spec.recipe, architecture, span);
    TrainSummary {
        last: lane.history.points.last().map(|last| last.measures.clone()).unwrap_or_default(),
        early_stop: lane.history.early_stop(),
        iterations: span[1].saturating_sub(span[0]),
        flops,
        theoretical_flops: flops::theoretical(flops, architecture, &lane.living),
        device_seconds: lane.seconds,
    }
}

/// Where an output of a job goes.
pub(super) fn output_path(folder: &Path, job: JobId, output: Output) -> PathBuf {
    folder.join(format!("{job}.{output}.safetensors"))
}

/// Weights of `model` drawn from `stream`, before masking, and fresh running statistics, `[P]`.
pub(crate) fn initial(
    model: &Model,
    architecture: &Architecture,
    stream: &Stream,
    kind: Kind,
) -> Result<Tensor> {
    values::flatten(&initial_weights(&architecture.tensors(), model, stream), kind)
}

/// The optimizer state in a file of [`FileKind::State`] or [`FileKind::Checkpoint`].
pub(super) fn get_state(file: &TensorFile, layout: &Layout, kind: Kind, rule: &Rule) -> Result<Vec<Tensor>> {
    rule.buffers().iter().map(|buffer| values::get(file, layout.trained(), kind, Some(buffer))).collect()
}

fn put_state(file: &mut TensorFile, layout: &Layout, snapshot: &Snapshot, rule: &Rule) -> Result<()> {
    let mut buffers = rule.buffers().iter().zip(&snapshot.state);
    buffers.try_for_each(|(buffer, state)| values::put(file, layout.trained(), state, Some(buffer)))
}

pub(super) fn weights_file(
    kind: FileKind,
    network: &Architecture,
    layout: &Layout,
    weights: &Tensor,
) -> Result<TensorFile> {
    let mut file = TensorFile::new(kind, &network.name);
    values::put(&mut file, layout.entries(), weights, None)?;
    Ok(file)
}

fn state_file(
    lane: &Lane,
    network: &Architecture,
    layout: &Layout,
    snapshot: &Snapshot,
    rule: &Rule,
) -> Result<TensorFile> {
    let mut file = TensorFile::new(FileKind::State, &network.name);
    put_state(&mut file, layout, snapshot, rule)?;
    let history = lane.history.carried();
    file.put_note(
        RECORD,
        &Record { iteration: lane.iteration, updates: lane.updates, history, seconds: 0.0 },
    )?;
    Ok(file)
}

pub(super) fn save(file: &TensorFile, path: &Path) -> Result<OutputFile> {
    let saved = file.save(path)?;
    Ok(OutputFile { file: path.to_owned(), digest: saved.digest, bytes: saved.bytes })
}
