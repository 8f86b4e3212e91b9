//! An analysis: networks on the straight line between two solutions, evaluated one by one.

use super::{Link, group::guarded, input, library::Material, values};
use crate::{
    checkpoint::{FileKind, TensorFile},
    error::{EngineError, Result},
    nn::{Layout, Mode, Tensors, forward},
    numerics,
    plan::{Part, Score, evaluate, kind_of, products_of},
};
use std::{cell::Cell, path::PathBuf, time::Instant};
use tch::{Kind, Tensor, no_grad_guard};
use tombola_spec::{
    JobId,
    arch::Architecture,
    flops,
    job::{BatchStatistics, ConnectivityJob, Input, JobSpec, Output},
    outcome::{ConnectivitySummary, CurvePoint, Provenance, Split, Summary},
    slot::{Event, StageJob},
};

/// One such job, with all it reads at hand.
pub(super) struct Line {
    job: JobId,
    spec: ConnectivityJob,
    architecture: Architecture,
    material: Material,
    /// Weights at alpha 0 and 1, files.
    ends: [PathBuf; 2],
    provenance: Provenance,
    /// Batches looked at, to show that it goes on.
    batches: Cell<u64>,
}

impl Line {
    /// A line over `material`.
    ///
    /// # Errors
    /// When the settings cannot work, or an input was not given.
    pub(super) fn open(
        job: &StageJob,
        spec: ConnectivityJob,
        material: Material,
        provenance: Provenance,
    ) -> Result<Self> {
        if spec.alphas < 2 {
            let what = format!("{} values of alpha make no line; hint: at least 2", spec.alphas);
            return Err(EngineError::Settings(what));
        }
        let end = |at: usize| -> Result<PathBuf> {
            Ok(input(job, Input { job: spec.ends[at], output: Output::Weights })?.to_owned())
        };
        let (ends, architecture) = ([end(0)?, end(1)?], spec.recipe.architecture()?);
        Ok(Self { job: job.job, spec, architecture, material, ends, provenance, batches: Cell::new(0) })
    }

    /// Evaluates the line. Ends with an event, unless it was cancelled or the stage halted: an analysis has no
    /// checkpoints and begins anew.
    pub(super) fn run(self, link: &dyn Link) {
        link.emit(Event::Started { job: self.job, iteration: 0 });
        link.progress(self.job, 0);
        let begun = Instant::now();
        let device = self.material.examples.device();
        match guarded(|| numerics::within(device, self.spec.recipe.dtype, || self.curve(link))) {
            Ok(None) => {}
            Ok(Some(curve)) => {
                let device_seconds = begun.elapsed().as_secs_f64();
                let flops = flops::executed(&JobSpec::Connectivity(self.spec), &self.architecture);
                let summary = Summary::Connectivity(ConnectivitySummary { curve, flops, device_seconds });
                let (job, provenance) = (self.job, self.provenance);
                link.emit(Event::Finished { job, outputs: [].into(), summary, provenance });
            }
            Err(failure) => link.emit(Event::Failed { job: self.job, failure }),
        }
    }

    /// Every evaluation; `None` if it was stopped.
    fn curve(&self, link: &dyn Link) -> Result<Option<Vec<CurvePoint>>> {
        let layout = Layout::of(&self.architecture);
        let [from, to] = [self.end(0, &layout)?, self.end(1, &layout)?];
        let mut curve = Vec::new();
        for &bn in &self.spec.bn {
            for alpha in self.spec.grid() {
                let tensors = layout.tensors(&self.between(&from, &to, alpha)?)?;
                let tensors = tensors.with_products(products_of(self.spec.recipe.dtype));
                if bn == BatchStatistics::Recompute {
                    self.recompute(&tensors, link)?;
                }
                for &split in &self.spec.on {
                    let Some(Score { loss, accuracy }) = self.score(&tensors, split, link)? else {
                        return Ok(None);
                    };
                    curve.push(CurvePoint { bn, split, alpha, loss, error: 1.0 - accuracy });
                }
            }
        }
        Ok(Some(curve))
    }

    /// An end's weights, `[P]`, in f64: nothing is lost and interpolation rounds once.
    fn end(&self, at: usize, layout: &Layout) -> Result<Tensor> {
        let file = TensorFile::load(&self.ends[at], FileKind::Weights)?;
        file.expect_network(&self.architecture.name)?;
        values::get(&file, layout.entries(), Kind::Double, None)
    }

    /// Weights at `alpha`, `[P]`, in the format and on the device of training. Each end is met exactly, and so is a
    /// weight that both ends share: libtorch's `lerp` steps from the nearer end.
    fn between(&self, from: &Tensor, to: &Tensor, alpha: f64) -> Result<Tensor> {
        let network = from.f_lerp(to, alpha)?.f_to_kind(kind_of(self.spec.recipe.dtype))?;
        Ok(network.f_to(self.material.examples.device())?)
    }

    /// Replaces the running statistics by the mean of those of the training examples' batches, in a fixed order. A last batch
    /// smaller than the others is left out: its variance would weigh as much as theirs.
    fn recompute(&self, tensors: &Tensors, link: &dyn Link) -> Result<()> {
        let _guard = no_grad_guard();
        let mut size = None;
        for (index, batch) in self.material.examples.rows(&self.material.train_rows).enumerate() {
            let (images, _) = batch?;
            if *size.get_or_insert(images.size()[0]) != images.size()[0] || self.stopped(link) {
                break;
            }
            let mode = Mode::Collect(1.0 / (index + 1) as f64);
            let _ = forward(&self.architecture.layers, tensors, &images, mode)?;
        }
        Ok(())
    }

    /// Whether to stop. Also says that the work goes on: a count that stands still would be taken for an engine that is
    /// stuck.
    fn stopped(&self, link: &dyn Link) -> bool {
        self.batches.set(self.batches.get() + 1);
        link.progress(self.job, self.batches.get());
        link.cancelled(self.job) || link.halt() != super::Halt::No
    }

    /// Loss and accuracy on a split; `None` if it was stopped meanwhile.
    fn score(&self, tensors: &Tensors, split: Split, link: &dyn Link) -> Result<Option<Score>> {
        let (layers, examples) = (&self.architecture.layers, &self.material.examples);
        let stopped = || self.stopped(link);
        let score = match split {
            Split::Train => {
                let batches = examples.rows(&self.material.train_rows);
                evaluate(layers, tensors, batches.take_while(|_| !stopped()))
            }
            Split::Validation => {
                evaluate(layers, tensors, examples.slices(Part::Validation).take_while(|_| !stopped()))
            }
            Split::Test => evaluate(layers, tensors, examples.slices(Part::Test).take_while(|_| !stopped())),
        }?;
        if stopped() {
            return Ok(None);
        }
        let empty = || EngineError::Settings(format!("the {} split has no examples", split.name()));
        score.ok_or_else(empty).map(Some)
    }
}
