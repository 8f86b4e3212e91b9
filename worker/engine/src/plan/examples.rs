//! A data set on a device, whole: normalized images and labels, split once and for all.

use super::{Part, Warp};
use crate::error::Result;
use tch::{Device, Tensor};

/// Examples evaluated at a time. Fixed, because the sums depend on it in the last bit.
const EVALUATED_TOGETHER: i64 = 1000;

/// Images and labels of all parts.
pub(crate) struct Examples {
    /// Images trained on and held out, `[N, C, H, W]`; batches name its rows.
    images: Tensor,
    /// Their labels, `[N]`.
    labels: Tensor,
    validation: (Tensor, Tensor),
    test: (Tensor, Tensor),
    /// How images trained on are varied; `None` = not at all.
    warp: Option<Warp>,
}

impl Examples {
    /// Images and labels of each part, on one device. `train` holds the examples of `validation` too; batches leave them
    /// out by naming rows.
    pub(crate) fn new(train: (Tensor, Tensor), validation: (Tensor, Tensor), test: (Tensor, Tensor)) -> Self {
        let (images, labels) = train;
        Self { images, labels, validation, test, warp: None }
    }

    /// The same examples, those trained on varied.
    pub(crate) fn varied(self, warp: Option<Warp>) -> Self {
        Self { warp, ..self }
    }

    /// The same examples, of shared memory.
    pub(crate) fn share(&self) -> Self {
        let part = |(images, labels): &(Tensor, Tensor)| (images.shallow_clone(), labels.shallow_clone());
        Self {
            images: self.images.shallow_clone(),
            labels: self.labels.shallow_clone(),
            validation: part(&self.validation),
            test: part(&self.test),
            warp: self.warp.as_ref().map(Warp::share),
        }
    }

    /// Where the examples lie.
    pub(crate) fn device(&self) -> Device {
        self.images.device()
    }

    /// Images and labels of `rows`, `[n]`, seen in `views`, `[n]`, if they are varied.
    pub(crate) fn batch(&self, rows: &Tensor, views: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let (images, labels) = (self.images.f_index_select(0, rows)?, self.labels.f_index_select(0, rows)?);
        match self.warp.as_ref().zip(views) {
            Some((warp, views)) => Ok((warp.apply(&images, views)?, labels)),
            None => Ok((images, labels)),
        }
    }

    /// Labels of all images that batches can name.
    pub(crate) fn labels_on_host(&self) -> Result<Vec<i64>> {
        let mut labels = vec![0; self.labels.numel()];
        self.labels.f_to(Device::Cpu)?.f_copy_data(&mut labels, self.labels.numel())?;
        Ok(labels)
    }

    /// All images that batches can name and their labels, as they are.
    pub(crate) fn all(&self) -> (Tensor, Tensor) {
        (self.images.shallow_clone(), self.labels.shallow_clone())
    }

    /// Images and labels of a part.
    pub(crate) fn part(&self, part: Part) -> &(Tensor, Tensor) {
        match part {
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }

    /// Images and labels of a part, a few at a time; nothing if the part is empty.
    pub(crate) fn slices(&self, part: Part) -> impl Iterator<Item = Result<(Tensor, Tensor)>> {
        let (images, labels) = self.part(part);
        let count = labels.size()[0];
        (0..count).step_by(EVALUATED_TOGETHER as usize).map(move |from| {
            let length = EVALUATED_TOGETHER.min(count - from);
            Ok((images.f_narrow(0, from, length)?, labels.f_narrow(0, from, length)?))
        })
    }

    /// Images and labels of these rows of the training images, a few at a time.
    pub(crate) fn rows(&self, rows: &[u32]) -> impl Iterator<Item = Result<(Tensor, Tensor)>> {
        rows.chunks(EVALUATED_TOGETHER as usize).map(|rows| {
            let rows: Vec<i64> = rows.iter().map(|&row| i64::from(row)).collect();
            self.batch(&Tensor::f_from_slice(&rows)?.f_to(self.device())?, None)
        })
    }

    /// Number of examples of a part.
    pub(crate) fn count(&self, part: Part) -> i64 {
        self.part(part).1.size()[0]
    }
}
