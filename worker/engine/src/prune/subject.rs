//! What a criterion may look at.

use super::gradients::{Masked, host};
use crate::{
    checkpoint::{FileKind, TensorFile, Values},
    error::{EngineError, Result},
    mask::Mask,
    nn::{Entry, Layout, Mode},
    plan::kind_of,
    train::{outputs, search, values},
};
use std::path::Path;
use tch::{Device, Tensor};
use tombola_spec::{
    arch::{Architecture, Parameter},
    job::{Drawn, PruneJob, Scored, Ticket},
    settings::{Criterion, Dtype, ScoreMode},
};

/// A network to be pruned, on a device.
pub struct Subject {
    /// Its layers.
    pub(super) architecture: Architecture,
    pub(super) layout: Layout,
    /// Everything it computes with, running statistics too, `[P]`.
    pub(super) values: Tensor,
    /// The same as it was before training, if that was asked for.
    initial: Option<Tensor>,
    /// Images `[N, C, H, W]` and labels `[N]`, if some were asked for.
    examples: Option<(Tensor, Tensor)>,
    /// How batch normalization goes while examples are looked at.
    pub(super) mode: Mode,
    /// Scores that people gave, one vector for each weight tensor.
    pub(super) given: Option<Vec<Vec<f64>>>,
}

impl Subject {
    /// The network of a job: its weights from `weights_file` unless they are drawn, and the examples it looks at.
    ///
    /// # Errors
    /// When the file cannot be read or is about another network.
    pub(crate) fn load(
        job: &PruneJob,
        weights_file: Option<&Path>,
        examples: Option<(Tensor, Tensor)>,
        device: Device,
    ) -> Result<Self> {
        let architecture = job.network.architecture()?;
        let (layout, kind) = (Layout::of(&architecture), kind_of(dtype(job)));
        let draw = |drawn: &Drawn| outputs::initial(&drawn.model, &architecture, &drawn.init, kind);
        let values = match (&job.weights, weights_file) {
            (Scored::Drawn(drawn), _) => draw(drawn)?,
            (Scored::Trained(_), Some(path)) => {
                let file = TensorFile::load(path, FileKind::Weights)?;
                file.expect_network(&architecture.name)?;
                values::get(&file, layout.entries(), kind, None)?
            }
            (Scored::Found(ticket), Some(path)) => {
                let (_, file) = search::found(path, ticket, &architecture)?;
                values::get(&file, layout.entries(), kind, None)?
            }
            (Scored::Trained(job) | Scored::Found(Ticket { search: job, .. }), None) => {
                return Err(EngineError::Settings(format!("the weights of job {job} were not given")));
            }
        };
        let initial = job.initial.as_ref().map(draw).transpose()?;
        let initial = initial.map(|initial| initial.f_to(device)).transpose()?;
        let mode = match job.data.as_ref().map(|data| data.mode) {
            Some(ScoreMode::Train) => Mode::Train,
            Some(ScoreMode::Eval) | None => Mode::Evaluate,
        };
        Ok(Self { values: values.f_to(device)?, initial, examples, mode, layout, architecture, given: None })
    }

    /// A network with these values, `[P]`, on their device.
    ///
    /// # Errors
    /// When memory runs out.
    pub(crate) fn of_values(architecture: &Architecture, values: &Tensor) -> Result<Self> {
        let (architecture, layout) = (architecture.clone(), Layout::of(architecture));
        let (initial, examples, mode) = (None, None, Mode::Evaluate);
        // Ranked as a prune step ranks what it reads.
        let values = values.f_to_kind(kind_of(Dtype::F32))?;
        Ok(Self { architecture, layout, values, initial, examples, mode, given: None })
    }

    /// A network with these values, one vector each in the order of `Architecture::tensors`.
    ///
    /// # Errors
    /// When they are not this network's.
    pub fn of(architecture: &Architecture, values: &[Vec<f64>]) -> Result<Self> {
        let layout = Layout::of(architecture);
        if !layout.entries().iter().map(|entry| entry.len).eq(values.iter().map(Vec::len)) {
            let what = format!("the weights are not those of `{}`", architecture.name);
            return Err(EngineError::Settings(what));
        }
        let values = Tensor::f_from_slice(&values.concat())?;
        let (architecture, mode) = (architecture.clone(), Mode::Evaluate);
        Ok(Self { architecture, layout, values, initial: None, examples: None, mode, given: None })
    }

    /// The same with examples to look at: images `[N, C, H, W]` and labels `[N]`.
    #[must_use]
    pub fn with_examples(self, images: Tensor, labels: Tensor) -> Self {
        Self { examples: Some((images, labels)), ..self }
    }

    /// The same with scores from a file.
    ///
    /// # Errors
    /// When the file cannot be read or is about another network.
    pub(crate) fn with_scores(self, path: &Path) -> Result<Self> {
        let file = TensorFile::load(path, FileKind::Scores)?;
        file.expect_network(&self.architecture.name)?;
        let one = |tensor: Parameter| match file.values(&tensor.name)? {
            Values::F64(values) => Ok(values.clone()),
            _ => Ok(file.f32s(&tensor.name)?.iter().map(|&score| f64::from(score)).collect()),
        };
        let given = self.architecture.weights().into_iter().map(one).collect::<Result<_>>()?;
        Ok(Self { given: Some(given), ..self })
    }

    /// The same in another number format.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn in_numbers_of(&self, dtype: Dtype) -> Result<Self> {
        let values = self.values.f_to_kind(kind_of(dtype))?;
        let (architecture, layout) = (self.architecture.clone(), self.layout.clone());
        let given = self.given.clone();
        Ok(Self { architecture, layout, values, initial: None, examples: None, mode: self.mode, given })
    }

    /// The mask with which all its weights live.
    pub fn dense(&self) -> Mask {
        Mask::dense(&self.architecture)
    }

    /// Mean cross-entropy of its examples, nat, logits divided by `temperature`.
    ///
    /// # Errors
    /// When it has no examples.
    pub fn loss(&self, temperature: f64) -> Result<f64> {
        Masked::new(self, &self.dense())?.loss_of(self.examples()?, temperature)
    }

    pub(super) fn examples(&self) -> Result<&(Tensor, Tensor)> {
        let missing =
            || EngineError::Settings("a criterion that looks at examples was given none".to_owned());
        self.examples.as_ref().ok_or_else(missing)
    }

    /// The values of one tensor.
    ///
    /// # Errors
    /// When the network has none of that name.
    pub(super) fn tensor(&self, name: &str) -> Result<Vec<f64>> {
        let entry = self.entry(name)?;
        host(&self.values.f_narrow(0, entry.offset as i64, entry.len as i64)?)
    }

    /// Where one tensor lies.
    ///
    /// # Errors
    /// When the network has none of that name.
    pub(super) fn entry(&self, name: &str) -> Result<&Entry> {
        let missing =
            || EngineError::Settings(format!("`{}` has no tensor `{name}`", self.architecture.name));
        self.layout.entries().iter().find(|entry| entry.name == name).ok_or_else(missing)
    }

    /// The weights of each weight tensor.
    pub(super) fn weights(&self) -> Result<Vec<Vec<f64>>> {
        self.weights_in(&self.values)
    }

    /// Those before training.
    pub(super) fn initial_weights(&self) -> Result<Option<Vec<Vec<f64>>>> {
        self.initial.as_ref().map(|initial| self.weights_in(initial)).transpose()
    }

    fn weights_in(&self, flat: &Tensor) -> Result<Vec<Vec<f64>>> {
        let all = host(flat)?;
        let weights = self.architecture.weights();
        let entry = |name: &str| self.layout.entries().iter().find(|entry| entry.name == name);
        let values =
            |name: &str| entry(name).map(|entry| all[entry.offset..entry.offset + entry.len].to_vec());
        Ok(weights.iter().filter_map(|weight| values(&weight.name)).collect())
    }

    /// A mask over all that is trained, `[T]`, on the device.
    pub(super) fn flat(&self, mask: &Mask) -> Result<Tensor> {
        let mask = values::mask_of(mask, &self.layout, self.values.kind())?;
        Ok(mask.f_to(self.values.device())?)
    }
}

/// The arithmetic a job's scores are computed in. Weights are ranked as f32 whatever they were trained in.
fn dtype(job: &PruneJob) -> Dtype {
    match (job.rule.criterion, &job.data) {
        (Criterion::Synflow { dtype, .. }, _) => dtype,
        (_, Some(data)) => data.dtype,
        (_, None) => Dtype::F32,
    }
}
