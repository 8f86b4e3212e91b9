//! The data set in memory, as tensors on the device. One at a time: jobs of one sweep mostly read the same.

use crate::{
    data::{DataSet, split},
    error::Result,
    plan::{Examples, kind_of},
    prune::draw,
};
use std::{path::PathBuf, sync::Arc};
use tch::{Device, Kind, Tensor};
use tombola_spec::{
    Digest,
    data::DataShape,
    settings::{Data, Dtype, ScoreData},
};

/// The data set last used.
pub(super) struct Library {
    folder: PathBuf,
    device: Device,
    loaded: Option<Loaded>,
}

struct Loaded {
    data: Data,
    dtype: Dtype,
    digest: Digest,
    train: (Tensor, Tensor),
    test: (Tensor, Tensor),
    /// The split last used; the jobs of a sweep mostly share it.
    split: Option<Split>,
}

/// The training examples in two parts.
struct Split {
    /// Size and seed.
    key: (u32, u64),
    train_rows: Arc<Vec<u32>>,
    validation: (Tensor, Tensor),
}

/// A data set as a recipe splits it.
pub(super) struct Material {
    /// Images and labels.
    pub(super) examples: Examples,
    /// Rows of the training images that are trained on.
    pub(super) train_rows: Arc<Vec<u32>>,
    /// BLAKE3 of the data set.
    pub(super) digest: Digest,
}

impl Library {
    /// An empty library over the data sets in `folder`.
    pub(super) fn new(folder: PathBuf, device: Device) -> Self {
        Self { folder, device, loaded: None }
    }

    /// A data set and its split, as numbers of `dtype`.
    ///
    /// # Errors
    /// When the set is missing, damaged or not what `data` says, or memory runs out.
    pub(super) fn material(&mut self, data: &Data, dtype: Dtype) -> Result<Material> {
        let fits = |loaded: &Loaded| {
            loaded.data.set == data.set && loaded.data.shape == data.shape && loaded.dtype == dtype
        };
        // The old set is dropped before another is loaded: two at once may not fit.
        let loaded = match self.loaded.take().filter(fits) {
            Some(loaded) => loaded,
            None => self.load(data, dtype)?,
        };
        let loaded = self.loaded.insert(loaded);
        let split = match loaded.split.take().filter(|split| split.key == (data.validation, data.split_seed))
        {
            Some(split) => split,
            None => Split::of(data, &loaded.train)?,
        };
        let split = loaded.split.insert(split);
        let share = |(images, labels): &(Tensor, Tensor)| (images.shallow_clone(), labels.shallow_clone());
        let examples = Examples::new(share(&loaded.train), share(&split.validation), share(&loaded.test));
        Ok(Material { examples, train_rows: Arc::clone(&split.train_rows), digest: loaded.digest })
    }

    /// The examples a criterion looks at: images `[N, C, H, W]` and labels `[N]`, and the digest of their set.
    pub(super) fn score_examples(&mut self, score: &ScoreData) -> Result<((Tensor, Tensor), Digest)> {
        let material = self.material(&score.data, score.dtype)?;
        let labels = material.examples.labels_on_host()?;
        let rows = Tensor::f_from_slice(&draw(score, &material.train_rows, &labels))?.f_to(self.device)?;
        Ok((material.examples.batch(&rows)?, material.digest))
    }

    fn load(&self, data: &Data, dtype: Dtype) -> Result<Loaded> {
        let set = DataSet::open(&self.folder, &data.set)?;
        set.check(data)?;
        let part = |pixels: &[u8], labels: &[u8]| self.tensors(pixels, labels, &data.shape, dtype);
        Ok(Loaded {
            data: data.clone(),
            dtype,
            digest: set.digest,
            train: part(&set.train_images, &set.train_labels)?,
            test: part(&set.test_images, &set.test_labels)?,
            split: None,
        })
    }

    /// Normalized images `[N, C, H, W]` and labels `[N]` on the device.
    fn tensors(
        &self,
        pixels: &[u8],
        labels: &[u8],
        shape: &DataShape,
        dtype: Dtype,
    ) -> Result<(Tensor, Tensor)> {
        let [channels, height, width] = shape.image.map(i64::from);
        let pixels = Tensor::f_from_slice(pixels)?.f_view((labels.len() as i64, channels, height, width))?;
        let images = pixels.f_to(self.device)?.f_to_kind(kind_of(dtype))?;
        normalize(&images, shape)?;
        let labels = Tensor::f_from_slice(labels)?.f_to(self.device)?.f_to_kind(Kind::Int64)?;
        Ok((images, labels))
    }
}

/// From pixels 0..255 to numbers of about mean 0 and deviation 1, in place. `images` `[N, C, H, W]`.
fn normalize(images: &Tensor, shape: &DataShape) -> Result<()> {
    for channel in 0..shape.image[0] {
        let (mean, std) = (shape.mean.of(channel as usize), shape.std.of(channel as usize));
        let mut plane = images.f_narrow(1, channel.into(), 1)?;
        let _ = plane.f_mul_scalar_(1.0 / (255.0 * std))?.f_add_scalar_(-mean / std)?;
    }
    Ok(())
}

impl Split {
    /// The split of `data`, whose images and labels are `train`.
    fn of(data: &Data, (images, labels): &(Tensor, Tensor)) -> Result<Self> {
        let split = split(data.shape.train, data.validation, data.split_seed)?;
        let rows: Vec<i64> = split.validation.iter().map(|&row| i64::from(row)).collect();
        let rows = Tensor::f_from_slice(&rows)?.f_to(images.device())?;
        let validation = (images.f_index_select(0, &rows)?, labels.f_index_select(0, &rows)?);
        let key = (data.validation, data.split_seed);
        Ok(Self { key, train_rows: Arc::new(split.train), validation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::data::{PerChannel, known};

    #[test]
    fn each_channel_has_its_own_mean_and_deviation() {
        let images = Tensor::from_slice(&[0.0, 255.0, 0.0, 255.0, 51.0, 102.0]).view([1, 3, 1, 2]);
        let (mean, std) = (PerChannel::Each([0.5, 0.0, 0.2]), PerChannel::Each([0.5, 2.0, 0.1]));
        let shape = DataShape { image: [3, 1, 2], mean, std, ..known("cifar10").unwrap() };
        normalize(&images, &shape).unwrap();
        let found = Vec::<f64>::try_from(images.view([-1])).unwrap();
        let wanted = [-1.0, 1.0, 0.0, 0.5, 0.0, 2.0];
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?}");
    }
}
