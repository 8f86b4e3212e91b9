//! Masks: which weights live.
//!
//! One byte per weight, 1 = living, in the order of `Architecture::weights`. A living weight may be 0, so a mask is
//! never derived from weights. A mask of channels also has the other parameters that die with a channel.

use crate::{
    checkpoint::{FileKind, Saved, TensorFile},
    error::{EngineError, Result},
};
use std::path::Path;
use tombola_spec::{
    arch::{Architecture, Parameter, Role},
    outcome::{LayerCount, MaskSummary},
};

/// Key under which a mask file notes the tensors its prune rule may cut.
const PRUNABLE: &str = "prunable";

/// A mask over all convolution and linear weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// One entry per weight tensor, in the order of the architecture.
    pub layers: Vec<MaskLayer>,
    /// Biases, scales and shifts of channels, where channels are pruned whole; empty otherwise. Not counted in any density.
    pub rest: Vec<MaskLayer>,
}

/// The mask of one weight tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskLayer {
    /// Parameter name.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// 1 = living, 0 = pruned, row-major; nothing else.
    pub bits: Vec<u8>,
    /// Whether the prune rule that made the mask may cut this tensor; a dense mask's tensors all are.
    pub prunable: bool,
}

impl MaskLayer {
    /// Living weights.
    pub fn living(&self) -> u64 {
        self.bits.iter().map(|&bit| u64::from(bit)).sum()
    }
}

impl Mask {
    /// The mask with which every weight lives.
    pub fn dense(architecture: &Architecture) -> Self {
        let layers = architecture.weights().into_iter().map(|weight| MaskLayer {
            bits: vec![1; weight.len()],
            shape: weight.shape.iter().map(|&n| n as usize).collect(),
            name: weight.name,
            prunable: true,
        });
        Self { layers: layers.collect(), rest: Vec::new() }
    }

    /// Living weights of each tensor.
    pub fn counts(&self) -> MaskSummary {
        let count = |layer: &MaskLayer| LayerCount {
            name: layer.name.clone(),
            living: layer.living(),
            total: layer.bits.len() as u64,
            prunable: layer.prunable,
        };
        MaskSummary { layers: self.layers.iter().map(count).collect(), ..MaskSummary::default() }
    }

    /// The bits of a parameter; `None` for one that is not masked, such as a bias where single weights are pruned.
    pub fn bits(&self, parameter: &str) -> Option<&[u8]> {
        self.all().find(|layer| layer.name == parameter).map(|layer| layer.bits.as_slice())
    }

    /// Whether channels are pruned whole.
    pub fn is_of_channels(&self) -> bool {
        !self.rest.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &MaskLayer> {
        self.layers.iter().chain(&self.rest)
    }

    /// Checks that the mask has this architecture's tensors, in order, and no values but 0 and 1.
    ///
    /// # Errors
    /// When it has not.
    pub fn check(&self, architecture: &Architecture) -> Result<()> {
        let weights = architecture.weights();
        let shapes_fit = weights.len() == self.layers.len()
            && weights.iter().zip(&self.layers).all(|(weight, layer)| {
                let shape = weight.shape.iter().map(|&n| n as usize);
                weight.name == layer.name
                    && shape.eq(layer.shape.iter().copied())
                    && weight.len() == layer.bits.len()
            });
        let parameters = architecture.parameters();
        let rest_fits = self.rest.iter().all(|layer| {
            let fits =
                |p: &Parameter| p.name == layer.name && p.role != Role::Weight && p.len() == layer.bits.len();
            parameters.iter().any(fits)
        });
        if !shapes_fit || !rest_fits {
            return Err(EngineError::Settings(format!("the mask is not one of `{}`", architecture.name)));
        }
        match self.all().find_map(|layer| Some((&layer.name, layer.bits.iter().find(|&&bit| bit > 1)?))) {
            Some((name, value)) => {
                Err(EngineError::Settings(format!("mask `{name}` holds {value}, not only 0 and 1")))
            }
            None => Ok(()),
        }
    }

    /// Writes the mask: one `u8` tensor per weight tensor and other masked parameter, under PyTorch's names.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, architecture: &Architecture, path: &Path) -> Result<Saved> {
        self.check(architecture)?;
        let mut file = TensorFile::new(FileKind::Mask, &architecture.name);
        for layer in self.all() {
            file.put(&layer.name, &layer.shape, layer.bits.as_slice())?;
        }
        let prunable = self.layers.iter().filter(|layer| layer.prunable).map(|layer| layer.name.as_str());
        file.put_note(PRUNABLE, &prunable.collect::<Vec<_>>())?;
        file.save(path)
    }

    /// Reads a mask of this architecture.
    ///
    /// # Errors
    /// When the file cannot be read, is about another network, or holds values other than 0 and 1.
    pub fn load(architecture: &Architecture, path: &Path) -> Result<Self> {
        Self::load_but(architecture, path, &[])
    }

    /// Reads a mask of this architecture or of one with another output layer, which is left whole.
    ///
    /// # Errors
    /// As [`Mask::load`].
    pub fn load_body(architecture: &Architecture, path: &Path) -> Result<Self> {
        Self::load_but(architecture, path, &architecture.head())
    }

    fn load_but(architecture: &Architecture, path: &Path, whole: &[String]) -> Result<Self> {
        let file = TensorFile::load(path, FileKind::Mask)?;
        file.expect_network(&architecture.name)?;
        let prunable: Vec<String> = file.needed_note(PRUNABLE)?;
        let mut mask = Self::dense(architecture);
        for layer in mask.layers.iter_mut().filter(|layer| !whole.contains(&layer.name)) {
            layer.shape = file.shape(&layer.name)?.to_vec();
            layer.bits = file.u8s(&layer.name)?.to_vec();
            layer.prunable = prunable.contains(&layer.name);
        }
        for parameter in architecture.parameters().into_iter().filter(|p| p.role != Role::Weight) {
            if file.tensors().any(|(name, _, _)| name == parameter.name) {
                let (name, shape) = (parameter.name, vec![parameter.shape[0] as usize]);
                let bits = file.u8s(&name)?.to_vec();
                mask.rest.push(MaskLayer { name, shape, bits, prunable: true });
            }
        }
        mask.check(architecture).map_err(|error| file.wrong(format!("cannot be used: {error}")))?;
        Ok(mask)
    }
}
