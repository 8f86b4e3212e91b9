//! What a lane starts from: its inputs read, checked and masked.

use super::{
    input,
    lane::Lane,
    log,
    outputs::{self, ARITHMETIC, ORIGIN, Origin, RECORD, Record},
    search::{FOUND_AT, Searching},
    values,
};
use crate::{
    checkpoint::{FileKind, TensorFile},
    error::{EngineError, Result},
    mask::Mask,
    nn::Layout,
    optim::Rule,
    plan::{LaneStart, Snapshot, kind_of, suits},
    redraw::redraw,
};
use std::path::Path;
use tch::{Kind, Tensor, no_grad_guard};
use tombola_spec::{
    Fingerprint,
    arch::Architecture,
    job::{Input, Output, Scored, Start, Stream, TrainJob},
    outcome::Provenance,
    settings::Model,
    slot::StageJob,
    worker::{CPU_SPARSE, Plan},
};

/// Reads the inputs of `job` into `lane`, which stands at the beginning of its segment and will be computed as
/// `provenance` says, which is told if that is sparsely (`suits`).
///
/// # Errors
/// When the settings cannot work, or an input is missing or unreadable.
pub(super) fn prepare(
    job: &StageJob,
    lane: &mut Lane,
    provenance: &mut Provenance,
    sparse_below: f64,
) -> Result<LaneStart> {
    let architecture = lane.spec.recipe.architecture()?;
    let inputs = Inputs {
        layout: Layout::of(&architecture),
        kind: kind_of(lane.spec.recipe.dtype),
        rule: Rule::of(&lane.spec.recipe.train),
        architecture,
        job,
        provenance,
    };
    if let Start::Found(cut) = lane.spec.start {
        let file = inputs.file(cut, Output::Weights, FileKind::Weights)?;
        lane.begin_at(file.needed_note(FOUND_AT)?);
    }
    check(lane)?;
    let search = lane.spec.search.clone();
    lane.searching = search.map(|search| Searching::new(search, inputs.architecture.clone()));
    let mask = lane.spec.mask.map(|input| inputs.mask(&input, lane)).transpose()?;
    let sparse = inputs.provenance.plan == Plan::CpuLanes.name()
        && suits(&lane.spec.recipe, mask.as_ref(), inputs.provenance.threads, sparse_below)?;
    if sparse {
        CPU_SPARSE.clone_into(&mut inputs.provenance.plan);
        inputs.provenance.threads = 1;
    }
    // Of plain ones the stream is kept instead.
    if lane.spec.draws() && !matches!((&lane.spec.start, &lane.spec.head), (Start::Init(_), None)) {
        lane.drawn = Some(inputs.first(lane, mask.as_ref())?);
    }
    let memory = match inputs.resumed(lane)? {
        Some(memory) => memory,
        None => inputs.start(lane, mask.as_ref())?,
    };
    lane.saved = lane.iteration;
    lane.living = mask.as_ref().map_or_else(Vec::new, |mask| mask.counts().layers);
    let mask = mask.map(|mask| values::mask_of(&mask, &inputs.layout, inputs.kind)).transpose()?;
    if let Some(mask) = &mask {
        apply(mask, &memory, &inputs.layout)?;
    }
    Ok(LaneStart { memory, mask, sparse })
}

fn check(lane: &Lane) -> Result<()> {
    let recipe = &lane.spec.recipe;
    let (batch, examples) = (recipe.train.batch, recipe.data.train_examples());
    if batch == 0 || batch > examples {
        let message = format!("a batch of {batch} cannot be drawn from {examples} training examples");
        return Err(EngineError::Settings(format!("{message}; hint: make `batch` smaller")));
    }
    if matches!(lane.spec.start, Start::Found(_)) && lane.to() <= lane.begin {
        let (begin, to) = (lane.begin, lane.to());
        let message = format!("the ticket was found at iteration {begin}, and training ends at {to}");
        return Err(EngineError::Settings(format!("{message}; hint: train longer than until it is found")));
    }
    if lane.to() < lane.begin {
        let (begin, to) = (lane.begin, lane.to());
        return Err(EngineError::Settings(format!(
            "the segment from iteration {begin} to {to} runs backwards"
        )));
    }
    if lane.spec.head.is_some() && matches!(lane.spec.start, Start::Continue(_)) {
        let message = "a new output layer knows nothing of the optimizer's memory: it cannot be gone on with";
        return Err(EngineError::Settings(message.to_owned()));
    }
    Ok(())
}

struct Inputs<'a> {
    architecture: Architecture,
    layout: Layout,
    kind: Kind,
    rule: Rule,
    job: &'a StageJob,
    provenance: &'a mut Provenance,
}

impl Inputs<'_> {
    fn file(&self, job: Fingerprint, output: Output, kind: FileKind) -> Result<TensorFile> {
        let file = TensorFile::load(input(self.job, Input { job, output })?, kind)?;
        file.expect_network(&self.architecture.name)?;
        Ok(file)
    }

    fn mask(&self, named: &Input, lane: &Lane) -> Result<Mask> {
        let file = input(self.job, *named)?;
        match lane.spec.head {
            Some(_) => Mask::load_body(&self.architecture, file),
            None => Mask::load(&self.architecture, file),
        }
    }

    fn start(&self, lane: &mut Lane, mask: Option<&Mask>) -> Result<Snapshot> {
        match lane.spec.start {
            Start::Init(_) | Start::Rewind(_) | Start::Redraw(_) | Start::Found(_) => {
                self.fresh(match &lane.drawn {
                    Some(drawn) => drawn.f_detach_copy()?,
                    None => self.first(lane, mask)?,
                })
            }
            Start::Continue(job) => {
                let file = self.file(job, Output::State, FileKind::State)?;
                let record: Record = file.needed_note(RECORD)?;
                let state = outputs::get_state(&file, &self.layout, self.kind, &self.rule)?;
                (lane.updates, lane.history) = (record.updates, record.history);
                Ok(Snapshot { weights: self.weights(job, &[])?, state })
            }
        }
    }

    /// The weights a segment that does not continue another starts from, before masking.
    fn first(&self, lane: &Lane, mask: Option<&Mask>) -> Result<Tensor> {
        let TrainJob { start, head, recipe, .. } = &lane.spec;
        let new = head.as_ref().map_or_else(Vec::new, |_| self.architecture.head());
        let weights = match start {
            Start::Init(stream) => self.drawn(&recipe.model, stream)?,
            Start::Rewind(job) | Start::Continue(job) | Start::Found(job) => self.weights(*job, &new)?,
            Start::Redraw(draw) => {
                let after = match &draw.after {
                    Scored::Trained(job) => self.weights(*job, &new)?,
                    // Its weights are an output of the step that cuts it.
                    Scored::Found(_) => {
                        let message = "a ticket is drawn after only once it is cut".to_owned();
                        return Err(EngineError::Settings(message));
                    }
                    Scored::Drawn(drawn) => self.drawn(&drawn.model, &drawn.init)?,
                };
                let after = values::tensors(&after, self.layout.entries())?;
                let tensors = self.architecture.tensors();
                values::flatten(&redraw(&tensors, draw, &recipe.model, &after, mask), self.kind)?
            }
        };
        if let Some(stream) = head {
            let drawn = self.drawn(&recipe.model, stream)?;
            for entry in self.layout.entries().iter().filter(|entry| new.contains(&entry.name)) {
                let part = |tensor: &Tensor| tensor.f_narrow(0, entry.offset as i64, entry.len as i64);
                part(&weights)?.f_copy_(&part(&drawn)?)?;
            }
        }
        Ok(weights)
    }

    fn drawn(&self, model: &Model, stream: &Stream) -> Result<Tensor> {
        outputs::initial(model, &self.architecture, stream, self.kind)
    }

    /// The end of a segment; tensors named in `new` are 0.
    fn weights(&self, job: Fingerprint, new: &[String]) -> Result<Tensor> {
        let file = self.file(job, Output::Weights, FileKind::Weights)?;
        values::get_but(&file, self.layout.entries(), self.kind, new)
    }

    /// Weights with a fresh optimizer.
    fn fresh(&self, weights: Tensor) -> Result<Snapshot> {
        let trained = self.layout.trained_part(&weights)?;
        let state = self.rule.buffers().iter().map(|_| Ok(trained.f_zeros_like()?));
        Ok(Snapshot { state: state.collect::<Result<_>>()?, weights })
    }

    /// What the job's checkpoint holds; `None` without one of use. That costs time, not the job, which starts over.
    fn resumed(&self, lane: &mut Lane) -> Result<Option<Snapshot>> {
        let Some(path) = &self.job.resume else { return Ok(None) };
        match self.resume(path, lane) {
            Ok(memory) => Ok(Some(memory)),
            // The work of an upgraded worker, which can go on from it.
            Err(error @ EngineError::Newer { .. }) => Err(error),
            Err(error) => {
                log(&format!("{} starts over: {error}", self.job.job));
                Ok(None)
            }
        }
    }

    fn resume(&self, path: &Path, lane: &mut Lane) -> Result<Snapshot> {
        let file = TensorFile::load(path, FileKind::Checkpoint)?;
        let origin: Origin = file.needed_note(ORIGIN)?;
        if origin.job != Fingerprint::of(&self.job.spec) {
            return Err(file.wrong("is a checkpoint of another job"));
        }
        if origin.arithmetic != ARITHMETIC {
            return Err(file.wrong("was computed by a build that adds up in another order"));
        }
        if bits_of(&origin.provenance) != bits_of(self.provenance) {
            return Err(
                file.wrong(format!("was computed as {:?}, not {:?}", origin.provenance, self.provenance))
            );
        }
        let record: Record = file.needed_note(RECORD)?;
        let weights = values::get(&file, self.layout.entries(), self.kind, None)?;
        let state = outputs::get_state(&file, &self.layout, self.kind, &self.rule)?;
        (lane.iteration, lane.updates) = (record.iteration, record.updates);
        (lane.history, lane.seconds) = (record.history, record.seconds);
        if let Some(searching) = &mut lane.searching {
            searching.resume(&file, self.kind)?;
        }
        Ok(Snapshot { weights, state })
    }
}

/// What decides the bits of a lane. A job that is computed in one way up to a checkpoint and in another from there on
/// could never be computed again, and its recorded provenance would be untrue.
fn bits_of(provenance: &Provenance) -> Provenance {
    let mut decisive = provenance.clone();
    // One device is as good as another of its model.
    if let Some((_, model)) = provenance.device.split_once(' ') {
        decisive.device = model.to_owned();
    }
    // A lane on a thread of its own does not feel its neighbours.
    if [Plan::CpuLanes.name(), CPU_SPARSE].contains(&&*provenance.plan) {
        decisive.width = 0;
    }
    // Its kernels add up in the same order on every processor; libtorch loads and varies the examples.
    if provenance.plan == CPU_SPARSE {
        (decisive.device, decisive.capability) = (String::new(), String::new());
    }
    decisive.worker.clear();
    decisive
}

/// Makes masked entries exactly 0.0: from there on the optimizer keeps them so.
fn apply(mask: &Tensor, memory: &Snapshot, layout: &Layout) -> Result<()> {
    let _guard = no_grad_guard();
    // Adding zero turns the -0.0 of a negative weight times zero into 0.0.
    let mut parts = vec![layout.trained_part(&memory.weights)?];
    parts.extend(memory.state.iter().map(Tensor::shallow_clone));
    for mut part in parts {
        let _ = part.f_mul_(mask)?.f_add_scalar_(0.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provenance(plan: &str, device: &str) -> Provenance {
        Provenance {
            plan: plan.to_owned(),
            device: device.to_owned(),
            threads: 1,
            width: 2,
            libtorch: "2.11.0".to_owned(),
            capability: if device.ends_with("old") { "AVX2" } else { "AVX512" }.to_owned(),
            worker: "0.1.0".to_owned(),
            data: None,
        }
    }

    #[test]
    fn what_other_processors_compute_is_gone_on_with_only_where_it_has_the_same_bits() {
        let same = |plan, a, b| bits_of(&provenance(plan, a)) == bits_of(&provenance(plan, b));
        assert!(same("cpu-sparse", "cpu old", "cpu new") && !same("cpu-lanes", "cpu old", "cpu new"));
        assert!(same("fused", "cuda:0 H200", "cuda:1 H200") && !same("fused", "cuda:0 H200", "cuda:0 H100"));
        let (sparse, dense) = (provenance("cpu-sparse", "cpu new"), provenance("cpu-lanes", "cpu new"));
        assert!(bits_of(&sparse) != bits_of(&dense));
        let newer = Provenance { libtorch: "2.12.0".to_owned(), ..sparse.clone() };
        assert!(bits_of(&newer) != bits_of(&sparse), "libtorch loads and varies the examples");
    }
}
