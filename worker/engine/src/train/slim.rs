//! An analysis: what a network costs as its mask leaves it, and without its dead units.

use super::{Halt, Link, group::guarded, input, outputs, values};
use crate::{
    checkpoint::{FileKind, TensorFile},
    error::Result,
    mask::Mask,
    nn::{Layout, Mode, Tensors, forward},
    plan::kind_of,
    random::{Purpose, Random},
    slim::{Slim, slim},
};
use std::{
    path::{Path, PathBuf},
    time::Instant,
};
use tch::{Device, Kind, Tensor, no_grad_guard};
use tombola_spec::{
    JobId,
    arch::Architecture,
    job::{Input, Output, SlimJob, Stream},
    outcome::{Provenance, Size, SlimSummary, Summary},
    slot::{Event, OutputFile, StageJob},
};

/// Passes before the first that counts: memory is found, kernels are chosen.
const WARM_UP: u32 = 3;

/// One such job, with all it reads at hand.
pub(super) struct Measured {
    job: JobId,
    spec: SlimJob,
    architecture: Architecture,
    weights: PathBuf,
    mask: Option<PathBuf>,
    folder: PathBuf,
    device: Device,
    provenance: Provenance,
}

impl Measured {
    /// A measurement on `device`, whose outputs go to `folder`.
    ///
    /// # Errors
    /// When the settings cannot work, or an input was not given.
    pub(super) fn open(
        job: &StageJob,
        spec: &SlimJob,
        folder: &Path,
        device: Device,
        provenance: Provenance,
    ) -> Result<Self> {
        let weights = input(job, Input { job: spec.weights, output: Output::Weights })?.to_owned();
        let mask = spec.mask.map(|mask| input(job, mask).map(Path::to_owned)).transpose()?;
        let (architecture, folder, spec) = (spec.network.architecture()?, folder.to_owned(), spec.clone());
        Ok(Self { job: job.job, spec, architecture, weights, mask, folder, device, provenance })
    }

    /// Measures. Ends with an event, unless it was cancelled or the stage halted.
    pub(super) fn run(self, link: &dyn Link) {
        link.emit(Event::Started { job: self.job, iteration: 0 });
        link.progress(self.job, 0);
        match guarded(|| self.measure(link)) {
            Ok(None) => {}
            Ok(Some((summary, file))) => link.emit(Event::Finished {
                job: self.job,
                outputs: [(Output::Weights, file)].into(),
                summary: Summary::Slim(Box::new(summary)),
                provenance: self.provenance,
            }),
            Err(failure) => link.emit(Event::Failed { job: self.job, failure }),
        }
    }

    fn measure(&self, link: &dyn Link) -> Result<Option<(SlimSummary, OutputFile)>> {
        let _guard = no_grad_guard();
        let begun = Instant::now();
        let whole = self.whole()?;
        let mask = match &self.mask {
            Some(path) => Mask::load(&self.architecture, path)?,
            None => Mask::dense(&self.architecture),
        };
        let slim = slim(&self.architecture, &mask, &whole.values)?;
        let images = self.images()?;
        let mut passes = 0;
        let mut sized = |network: &Slim| self.size(network, &images, &mut passes, link);
        let Some((masked, wanted)) = sized(&whole)? else { return Ok(None) };
        let Some((smaller, found)) = sized(&slim)? else { return Ok(None) };
        let largest = wanted.f_abs()?.f_max()?.f_double_value(&[])?.max(f64::MIN_POSITIVE);
        let difference = found.f_sub(&wanted)?.f_abs()?.f_max()?.f_double_value(&[])? / largest;
        let file = self.save(&slim)?;
        let (name, batch) = (slim.architecture.name, self.spec.batch);
        let device_seconds = begun.elapsed().as_secs_f64();
        let summary = SlimSummary { name, masked, slim: smaller, difference, batch, device_seconds };
        Ok(Some((summary, file)))
    }

    /// The network as it was trained: masked weights are 0 there.
    fn whole(&self) -> Result<Slim> {
        let file = TensorFile::load(&self.weights, FileKind::Weights)?;
        file.expect_network(&self.architecture.name)?;
        let layout = Layout::of(&self.architecture);
        let flat = values::get(&file, layout.entries(), Kind::Double, None)?;
        let mut all = vec![0.0; layout.len];
        flat.f_copy_data(&mut all, layout.len)?;
        let part = |entry: &crate::nn::Entry| all[entry.offset..entry.offset + entry.len].to_vec();
        let values = layout.entries().iter().map(part).collect();
        Ok(Slim { architecture: self.architecture.clone(), values })
    }

    /// Pixels of a normalized image, or so.
    fn images(&self) -> Result<Tensor> {
        let stream = Stream { seed: 0, branch: String::new(), copy: 0, round: 0, repeat: 0 };
        let mut random = Random::new(Purpose::Probe, &stream, "images", 0);
        let [channels, height, width] = self.architecture.input.map(i64::from);
        let shape = [i64::from(self.spec.batch), channels, height, width];
        let pixels: Vec<f64> = (0..shape.iter().product()).map(|_| random.normal()).collect();
        let pixels = Tensor::f_from_slice(&pixels)?.f_view(shape)?;
        Ok(pixels.f_to_kind(kind_of(self.spec.dtype))?.f_to(self.device)?)
    }

    /// What a network costs, and its outputs; `None` if it was stopped. `done` counts passes.
    fn size(
        &self,
        network: &Slim,
        images: &Tensor,
        done: &mut u64,
        link: &dyn Link,
    ) -> Result<Option<(Size, Tensor)>> {
        let Slim { architecture, values } = network;
        let flat = Tensor::f_from_slice(&values.concat())?.f_to_kind(images.kind())?.f_to(self.device)?;
        let tensors = Layout::of(architecture).tensors(&flat)?;
        let mut seconds = Vec::new();
        for pass in 0..WARM_UP + self.spec.passes {
            let taken = self.pass(architecture, &tensors, images)?;
            if pass >= WARM_UP {
                seconds.push(taken);
            }
            // A count that stands still would be taken for an engine that is stuck.
            *done += 1;
            link.progress(self.job, *done);
            if link.cancelled(self.job) || link.halt() != Halt::No {
                return Ok(None);
            }
        }
        seconds.sort_by(f64::total_cmp);
        let size = Size {
            parameters: architecture.parameter_count(),
            weights: architecture.weight_count(),
            flops: architecture.multiply_adds().saturating_mul(2),
            bytes: architecture.element_count() * images.kind().elt_size_in_bytes() as u64,
            latency: seconds.get(seconds.len() / 2).copied().unwrap_or(0.0),
        };
        Ok(Some((size, forward(&architecture.layers, &tensors, images, Mode::Evaluate)?)))
    }

    /// Seconds of one pass, its end on the device included.
    fn pass(&self, architecture: &Architecture, tensors: &Tensors, images: &Tensor) -> Result<f64> {
        let begun = Instant::now();
        let outputs = forward(&architecture.layers, tensors, images, Mode::Evaluate)?;
        // Reading a number waits for the device.
        let _ = outputs.f_narrow(0, 0, 1)?.f_sum(None::<Kind>)?.f_double_value(&[])?;
        Ok(begun.elapsed().as_secs_f64())
    }

    /// The smaller network, as a file of weights.
    fn save(&self, slim: &Slim) -> Result<OutputFile> {
        let layout = Layout::of(&slim.architecture);
        let flat = Tensor::f_from_slice(&slim.values.concat())?.f_to_kind(kind_of(self.spec.dtype))?;
        let file = outputs::weights_file(FileKind::Weights, &slim.architecture, &layout, &flat)?;
        outputs::save(&file, &outputs::output_path(&self.folder, self.job, Output::Weights))
    }
}
