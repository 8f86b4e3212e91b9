//! The data set in memory, as tensors on the device. One at a time: jobs of one sweep mostly read the same.

use crate::{
    data::{DataSet, Pixels, add_noise, of_classes, renumbered, split, subset},
    error::Result,
    plan::{Examples, Warp, kind_of},
    prune::draw,
};
use std::{path::PathBuf, sync::Arc};
use tch::{Device, Tensor};
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
    train: Whole,
    test: Whole,
    /// What was last taken of it; the jobs of a sweep mostly share it.
    taken: Option<Taken>,
}

/// A part of a data set as its files have it.
struct Whole {
    /// Normalized, `[N, C, H, W]`.
    images: Tensor,
    labels: Vec<u32>,
}

/// What a recipe takes of a data set.
struct Taken {
    data: Data,
    train_rows: Arc<Vec<u32>>,
    examples: Examples,
}

/// A data set as a recipe takes it.
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

    /// A data set and its split, in the numbers that `dtype` keeps.
    ///
    /// # Errors
    /// When the set is missing, damaged or not what `data` says, or memory runs out.
    pub(super) fn material(&mut self, data: &Data, dtype: Dtype) -> Result<Material> {
        let dtype = dtype.kept();
        let fits = |loaded: &Loaded| {
            loaded.data.set == data.set && loaded.data.shape == data.shape && loaded.dtype == dtype
        };
        // The old set is dropped before another is loaded: two at once may not fit.
        let loaded = match self.loaded.take().filter(fits) {
            Some(loaded) => loaded,
            None => self.load(data, dtype)?,
        };
        let loaded = self.loaded.insert(loaded);
        let taken = match loaded.taken.take().filter(|taken| taken.data == *data) {
            Some(taken) => taken,
            None => Taken::of(data, loaded)?,
        };
        let taken = loaded.taken.insert(taken);
        let (examples, train_rows) = (taken.examples.share(), Arc::clone(&taken.train_rows));
        Ok(Material { examples, train_rows, digest: loaded.digest })
    }

    /// The examples a criterion looks at: images `[N, C, H, W]` and labels `[N]`, and the digest of their set.
    pub(super) fn score_examples(&mut self, score: &ScoreData) -> Result<((Tensor, Tensor), Digest)> {
        let material = self.material(&score.data, score.dtype)?;
        let labels = material.examples.labels_on_host()?;
        let rows = Tensor::f_from_slice(&draw(score, &material.train_rows, &labels)?)?.f_to(self.device)?;
        Ok((material.examples.batch(&rows, None)?, material.digest))
    }

    fn load(&self, data: &Data, dtype: Dtype) -> Result<Loaded> {
        let set = DataSet::open(&self.folder, &data.set)?;
        set.check(data)?;
        let part = |pixels: &Pixels, labels: &[u32]| -> Result<Whole> {
            Ok(Whole { images: self.images(pixels, &data.shape, dtype)?, labels: labels.to_vec() })
        };
        Ok(Loaded {
            data: data.clone(),
            dtype,
            digest: set.digest,
            train: part(&set.train_images, &set.train_labels)?,
            test: part(&set.test_images, &set.test_labels)?,
            taken: None,
        })
    }

    /// Normalized images `[N, C, H, W]` on the device.
    fn images(&self, pixels: &Pixels, shape: &DataShape, dtype: Dtype) -> Result<Tensor> {
        let [channels, height, width] = shape.image.map(i64::from);
        let flat = match pixels {
            Pixels::Bytes(bytes) => Tensor::f_from_slice(bytes)?,
            Pixels::Floats(floats) => Tensor::f_from_slice(floats)?,
        };
        let images =
            flat.f_view((-1, channels, height, width))?.f_to(self.device)?.f_to_kind(kind_of(dtype))?;
        normalize(&images, shape, pixels.scale())?;
        Ok(images)
    }
}

/// From pixels 0..`scale` to numbers of about mean 0 and deviation 1, in place. `images` `[N, C, H, W]`.
fn normalize(images: &Tensor, shape: &DataShape, scale: f64) -> Result<()> {
    for channel in 0..shape.image[0] {
        let (mean, std) = (shape.mean.of(channel as usize), shape.std.of(channel as usize));
        let mut plane = images.f_narrow(1, channel.into(), 1)?;
        let _ = plane.f_mul_scalar_(1.0 / (scale * std))?.f_add_scalar_(-mean / std)?;
    }
    Ok(())
}

impl Taken {
    /// What `data` takes of `loaded`.
    fn of(data: &Data, loaded: &Loaded) -> Result<Self> {
        let Loaded { train, test, .. } = loaded;
        let (device, kind) = (train.images.device(), train.images.kind());
        let rows = subset(data, &train.labels)?;
        let split = split(rows.len() as u32, data.validation, data.split_seed)?;
        let rows_at = |places: &[u32]| places.iter().map(|&place| rows[place as usize]).collect::<Vec<_>>();
        let (trained, held_out) = (rows_at(&split.train), rows_at(&split.validation));
        let mut labels = renumbered(data.subset.as_ref(), &train.labels);
        let validation = (select(&train.images, &held_out)?, labels_at(&labels, &held_out, device)?);
        if let Some(noise) = data.noise {
            add_noise(noise, data.classes(), &trained, &mut labels);
        }
        let labels = Tensor::f_from_slice(&labels)?.f_to(device)?;
        let examples = Examples::new((train.images.shallow_clone(), labels), validation, tested(data, test)?);
        let examples = examples.varied(Warp::new(data, kind, device)?);
        Ok(Self { data: data.clone(), train_rows: Arc::new(trained), examples })
    }
}

/// The test examples of `data`.
fn tested(data: &Data, test: &Whole) -> Result<(Tensor, Tensor)> {
    let rows = of_classes(data.subset.as_ref(), &test.labels);
    let labels = renumbered(data.subset.as_ref(), &test.labels);
    let images = match rows.len() == test.labels.len() {
        true => test.images.shallow_clone(),
        false => select(&test.images, &rows)?,
    };
    Ok((images, labels_at(&labels, &rows, test.images.device())?))
}

fn select(images: &Tensor, rows: &[u32]) -> Result<Tensor> {
    let rows: Vec<i64> = rows.iter().map(|&row| i64::from(row)).collect();
    Ok(images.f_index_select(0, &Tensor::f_from_slice(&rows)?.f_to(images.device())?)?)
}

fn labels_at(labels: &[i64], rows: &[u32], device: Device) -> Result<Tensor> {
    let labels: Vec<i64> = rows.iter().map(|&row| labels[row as usize]).collect();
    Ok(Tensor::f_from_slice(&labels)?.f_to(device)?)
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
        normalize(&images, &shape, 255.0).unwrap();
        let found = Vec::<f64>::try_from(images.view([-1])).unwrap();
        let wanted = [-1.0, 1.0, 0.0, 0.5, 0.0, 2.0];
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?}");
    }
}
