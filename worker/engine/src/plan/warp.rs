//! Flips and crops of a batch, on its device: every pixel is fetched from where the example's view has it.

use crate::{
    data::{sources, views},
    error::Result,
};
use tch::{Device, Kind, Tensor};
use tombola_spec::settings::Data;

/// The views of the images of a data set.
pub(crate) struct Warp {
    /// Where pixels come from, `[views, H * W]`; `H * W` stands for padding.
    sources: Tensor,
    /// Padding by channel, `[1, C, 1]`: black, as images are padded before they are normalized.
    padding: Tensor,
}

impl Warp {
    /// The views of `data`; `None` where examples are seen as they are.
    pub(crate) fn new(data: &Data, kind: Kind, device: Device) -> Result<Option<Self>> {
        if data.augment.is_none() {
            return Ok(None);
        }
        let [channels, height, width] = data.shape.image;
        let sources = Tensor::f_from_slice(&sources(data.augment, height, width))?;
        let black = |channel: u32| {
            let channel = channel as usize;
            -data.shape.mean.of(channel) / data.shape.std.of(channel)
        };
        let padding: Vec<f64> = (0..channels).map(black).collect();
        Ok(Some(Self {
            sources: sources.f_view([i64::from(views(data.augment)), -1])?.f_to(device)?,
            padding: Tensor::f_from_slice(&padding)?.f_view([1, -1, 1])?.f_to_kind(kind)?.f_to(device)?,
        }))
    }

    /// `images` `[n, C, H, W]` as seen in `views` `[n]`.
    pub(crate) fn apply(&self, images: &Tensor, views: &Tensor) -> Result<Tensor> {
        let size = images.size();
        let (count, channels) = (size[0], size[1]);
        let padding = self.padding.f_expand([count, channels, 1], false)?;
        let pixels = Tensor::f_cat(&[images.f_flatten(2, -1)?, padding], 2)?;
        let sources = self.sources.f_index_select(0, views)?.f_unsqueeze(1)?;
        let seen = pixels.f_gather(2, &sources.f_expand([count, channels, -1], false)?, false)?;
        Ok(seen.f_view(size.as_slice())?)
    }

    /// The same views, of shared memory.
    pub(crate) fn share(&self) -> Self {
        Self { sources: self.sources.shallow_clone(), padding: self.padding.shallow_clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::{data::PerChannel, settings::Augment};

    /// Padded with black and cropped first, normalized then: as torchvision's transforms do it.
    fn by_hand(pixels: &[f64], data: &Data, view: u32) -> Vec<f64> {
        let [channels, height, width] = data.shape.image.map(|size| size as usize);
        let (down, right, mirrored) = (view / 2 / 9, view / 2 % 9, view % 2 == 1);
        let mut seen = Vec::new();
        for channel in 0..channels {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (y, x) = (y + down as usize, x + right as usize);
                let inside = (4..4 + height).contains(&y) && (4..4 + width).contains(&x);
                let pixel = if inside {
                    let x = if mirrored { width - 1 - (x - 4) } else { x - 4 };
                    pixels[(channel * height + y - 4) * width + x]
                } else {
                    0.0
                };
                seen.push((pixel - data.shape.mean.of(channel)) / data.shape.std.of(channel));
            }
        }
        seen
    }

    #[test]
    fn padding_is_black_before_normalization() {
        let mut shape = tombola_spec::data::known("cifar10").unwrap();
        (shape.image, shape.mean) = ([3, 2, 3], PerChannel::Each([0.5, 0.25, 0.0]));
        let data = Data { augment: Augment::FlipCrop4, ..Data::whole("tiny", shape, 0) };
        let pixels: Vec<f64> = (0..18).map(|n| f64::from(n) / 17.0).collect();
        for kind in [Kind::Float, Kind::Double] {
            let normalized: Vec<f64> =
                (0..18).map(|n| (pixels[n] - data.shape.mean.of(n / 6)) / data.shape.std.of(n / 6)).collect();
            let image = Tensor::from_slice(&normalized).view([1, 3, 2, 3]).to_kind(kind);
            let warp = Warp::new(&data, kind, Device::Cpu).unwrap().unwrap();
            let all: Vec<i64> = (0..162).collect();
            let images = image.expand([162, -1, -1, -1], false).contiguous();
            let seen = warp.apply(&images, &Tensor::from_slice(&all)).unwrap();
            assert_eq!((seen.kind(), seen.size()), (kind, vec![162, 3, 2, 3]));
            let seen = Vec::<f64>::try_from(seen.to_kind(Kind::Double).view([-1])).unwrap();
            for (view, seen) in seen.chunks(18).enumerate() {
                let wanted = by_hand(&pixels, &data, view as u32);
                assert!(seen.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{view}: {seen:?}");
            }
        }
    }
}
