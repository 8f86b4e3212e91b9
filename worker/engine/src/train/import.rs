//! Takes in files of people's own: each tensor by PyTorch's name, checked against the network, none too many.

use super::{outputs, stage::Engine};
use crate::{
    checkpoint::{FileKind, Saved, TensorFile, Values},
    error::{EngineError, Result},
    mask::{Mask, MaskLayer},
};
use std::{path::Path, time::Instant};
use tombola_spec::{
    arch::{Architecture, Parameter},
    job::{ImportJob, Output},
    outcome::{ImportSummary, MaskSummary, Summary},
    slot::{Event, OutputFile, StageJob},
};

/// What PyTorch keeps beside a batch normalization's statistics, and nothing here reads.
const IGNORED: &str = "num_batches_tracked";

/// How far a mask's density may be from the sweep's, as a share of it.
const TOLERANCE: f64 = 0.01;

impl Engine {
    /// Takes a file in, as the event that ends the job.
    pub(super) fn import(&self, job: &StageJob, spec: &ImportJob, folder: &Path) -> Result<Event> {
        // A file that does not fit will not fit elsewhere, either.
        self.take(job, spec, folder).map_err(|error| match error {
            EngineError::Format { reason, .. } => {
                EngineError::Settings(format!("the file given ({}) {reason}", spec.file.digest))
            }
            other => other,
        })
    }

    fn take(&self, job: &StageJob, spec: &ImportJob, folder: &Path) -> Result<Event> {
        let begun = Instant::now();
        let network = spec.network.architecture()?;
        let path = super::input(job, spec.input())?;
        let out = outputs::output_path(folder, job.job, spec.holds);
        let (saved, tensors, mask) = match spec.holds {
            Output::Mask => {
                let mask = mask(path, &network, spec.density)?;
                (mask.save(&network, &out)?, mask.layers.len(), Some(mask.counts()))
            }
            Output::Scores => numbers(path, (FileKind::Scores, &network), &network.weights(), &out)?,
            _ => numbers(path, (FileKind::Weights, &network), &network.tensors(), &out)?,
        };
        let device_seconds = begun.elapsed().as_secs_f64();
        let summary = match mask {
            Some(counts) => Summary::Mask(MaskSummary { device_seconds, ..counts }),
            None => Summary::Import(ImportSummary { tensors: tensors as u32, device_seconds }),
        };
        let file = OutputFile { file: out, digest: saved.digest, bytes: saved.bytes };
        let (outputs, provenance) = ([(spec.holds, file)].into(), self.provenance("rust", 1, None));
        Ok(Event::Finished { job: job.job, outputs, summary, provenance })
    }
}

/// Weights, or scores: a float for each element of these tensors.
fn numbers(
    path: &Path,
    (kind, network): (FileKind, &Architecture),
    wanted: &[Parameter],
    out: &Path,
) -> Result<(Saved, usize, Option<MaskSummary>)> {
    let given = TensorFile::load_foreign(path, kind, &network.name)?;
    let mut taken = TensorFile::new(kind, &network.name);
    for tensor in wanted {
        let values = one(&given, tensor)?;
        let is_finite = match values {
            Values::F32(values) => values.iter().all(|value| value.is_finite()),
            Values::F64(values) => values.iter().all(|value| value.is_finite()),
            other => {
                let what = format!("has `{}` of type {}", tensor.name, other.dtype());
                return Err(given.wrong(format!("{what}; hint: write floats, F32 or F64")));
            }
        };
        if !is_finite {
            return Err(given.wrong(format!("has NaN or infinity in `{}`", tensor.name)));
        }
        taken.put(&tensor.name, &shape(tensor), values.clone())?;
    }
    nothing_more(&given, wanted)?;
    Ok((taken.save(out)?, wanted.len(), None))
}

/// A mask: 0 or 1 for each weight, in numbers of any format.
fn mask(path: &Path, network: &Architecture, density: Option<f64>) -> Result<Mask> {
    let given = TensorFile::load_foreign(path, FileKind::Mask, &network.name)?;
    let layer = |tensor: &Parameter| -> Result<MaskLayer> {
        let bits: Option<Vec<u8>> = match one(&given, tensor)? {
            Values::U8(values) => values.iter().map(|&bit| (bit <= 1).then_some(bit)).collect(),
            Values::I64(values) => values.iter().map(|&bit| bits(bit as f64)).collect(),
            Values::F32(values) => values.iter().map(|&bit| bits(f64::from(bit))).collect(),
            Values::F64(values) => values.iter().map(|&bit| bits(bit)).collect(),
        };
        let wrong = || {
            given.wrong(format!("has more than 0 and 1 in `{}`; hint: is it a file of scores?", tensor.name))
        };
        let (name, shape) = (tensor.name.clone(), shape(tensor));
        Ok(MaskLayer { name, shape, bits: bits.ok_or_else(wrong)?, prunable: true })
    };
    let weights = network.weights();
    let layers: Vec<MaskLayer> = weights.iter().map(layer).collect::<Result<_>>()?;
    nothing_more(&given, &weights)?;
    let living: u64 = layers.iter().map(MaskLayer::living).sum();
    let found = living as f64 / network.weight_count().max(1) as f64;
    match density.filter(|density| (found - density).abs() > TOLERANCE * density) {
        Some(density) => {
            let what = format!("leaves {found:.4} of the weights, and the sweep says {density:.4}");
            Err(given.wrong(format!("{what}; hint: write `density = {found:.4}`, or the rate that makes it")))
        }
        None => Ok(Mask { layers, rest: Vec::new() }),
    }
}

fn bits(value: f64) -> Option<u8> {
    (value == 0.0 || value == 1.0).then_some(value as u8)
}

fn shape(tensor: &Parameter) -> Vec<usize> {
    tensor.shape.iter().map(|&n| n as usize).collect()
}

/// The values of a tensor that has to be there.
fn one<'a>(given: &'a TensorFile, tensor: &Parameter) -> Result<&'a Values> {
    let (name, shape) = (&tensor.name, shape(tensor));
    let found = given.tensors().find(|(known, ..)| known == name);
    let Some((_, is, values)) = found else {
        let there: Vec<&str> = given.tensors().map(|(name, ..)| name).take(8).collect();
        let there = format!("there are {}", there.join(", "));
        return Err(given.wrong(format!("has no tensor `{name}`; hint: names are PyTorch's; {there}")));
    };
    if is == shape {
        Ok(values)
    } else {
        Err(given.wrong(format!("has `{name}` of shape {is:?}, not {shape:?}")))
    }
}

/// Whether the file has nothing beside these: what is left over was meant for another network.
fn nothing_more(given: &TensorFile, wanted: &[Parameter]) -> Result<()> {
    let is_known = |name: &str| name.ends_with(IGNORED) || wanted.iter().any(|tensor| tensor.name == name);
    match given.tensors().find(|(name, ..)| !is_known(name)) {
        Some((name, ..)) => Err(given.wrong(format!(
            "has a tensor `{name}`, which the network has no use for; hint: leave it out, or is it another network's?"
        ))),
        None => Ok(()),
    }
}
