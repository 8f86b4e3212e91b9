//! What a network is trained on.

use crate::data::DataShape;
use serde::{Deserialize, Serialize};

/// A data set, its shape, what is taken of it, and how it is split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Name of the set: a folder under the worker's data folder.
    pub set: String,
    /// Shape, from the registry or declared in the sweep file.
    pub shape: DataShape,
    /// Training examples held out for validation.
    pub validation: u32,
    /// Seed of the train / validation split, and of a subset.
    pub split_seed: u64,
    /// What is taken of the training examples, before the split; `None` = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<Subset>,
    /// Wrong labels among the examples trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// How examples trained on are varied from epoch to epoch.
    #[serde(default, skip_serializing_if = "Augment::is_none")]
    pub augment: Augment,
}

/// A part of the training examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subset {
    /// This share of them, at random; 0..1.
    Fraction(f64),
    /// Those of some classes, which are numbered anew in this order. Of the test examples, too, only these are left.
    Classes {
        /// The classes by their number in the set.
        classes: Vec<u32>,
        /// Training examples they have.
        examples: u32,
    },
    /// One of two halves between which every class is split evenly (arXiv 1906.02773's CIFAR-10a and b).
    Half(Half),
}

/// One of the two halves of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// The first one; of an odd number of examples it has one more.
    A,
    /// The second one.
    B,
}

/// Labels drawn at random, uniformly over all classes, the right one among them (arXiv 1611.03530).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Share of the examples trained on that get one, 0..1.
    pub share: f64,
    /// Which examples, and which labels.
    pub seed: u64,
}

impl Noise {
    /// Number of examples that get a random label, of `examples` trained on.
    pub fn count(&self, examples: u32) -> u32 {
        part(self.share, examples)
    }
}

/// Variations of an example trained on, drawn anew in each epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Augment {
    /// None.
    #[default]
    #[serde(rename = "none")]
    None,
    /// Mirrored left to right, one time in two.
    #[serde(rename = "flip")]
    Flip,
    /// Padded with four black pixels at each side and cropped to its size at a random place.
    #[serde(rename = "crop4")]
    Crop4,
    /// Perhaps mirrored, then padded and cropped.
    #[serde(rename = "flip+crop4")]
    FlipCrop4,
}

impl Augment {
    /// Whether examples are seen as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether examples may be mirrored.
    pub const fn flips(self) -> bool {
        matches!(self, Self::Flip | Self::FlipCrop4)
    }

    /// Pixels of padding at each side.
    pub const fn padding(self) -> u32 {
        if matches!(self, Self::Crop4 | Self::FlipCrop4) { 4 } else { 0 }
    }
}

impl Data {
    /// A whole set as it is, with `validation` examples held out.
    pub fn whole(set: &str, shape: DataShape, validation: u32) -> Self {
        let (subset, noise, augment) = (None, None, Augment::None);
        Self { set: set.to_owned(), shape, validation, split_seed: 0, subset, noise, augment }
    }

    /// Examples that are split into training and validation.
    pub fn examples(&self) -> u32 {
        let all = self.shape.train;
        match &self.subset {
            None => all,
            Some(Subset::Fraction(share)) => part(*share, all),
            Some(Subset::Classes { examples, .. }) => *examples,
            Some(Subset::Half(Half::A)) => all.div_ceil(2),
            Some(Subset::Half(Half::B)) => all / 2,
        }
    }

    /// Examples trained on.
    pub fn train_examples(&self) -> u32 {
        self.examples().saturating_sub(self.validation)
    }

    /// Classes told apart.
    pub fn classes(&self) -> u32 {
        match &self.subset {
            Some(Subset::Classes { classes, .. }) => classes.len() as u32,
            _ => self.shape.classes,
        }
    }
}

/// The nearest number of examples to a share of `all`.
fn part(share: f64, all: u32) -> u32 {
    (share * f64::from(all)).round() as u32
}
