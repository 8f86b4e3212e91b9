//! The pixels of a set: bytes, or floats that are taken as they are.

use super::files::Part;

/// Images of one part of a set, `[N, C, H, W]`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Pixels {
    /// 0..=255, which stand for 0..=1.
    Bytes(Vec<u8>),
    /// Any finite numbers, of the scale they have.
    Floats(Vec<f32>),
}

impl Pixels {
    /// Number of pixels, of all channels.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Floats(floats) => floats.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are two different ones.
    pub fn vary(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.iter().any(|pixel| *pixel != bytes[0]),
            Self::Floats(floats) => floats.iter().any(|pixel| *pixel != floats[0]),
        }
    }

    /// What a stored number is divided by before mean and deviation are those of a sweep file.
    pub fn scale(&self) -> f64 {
        match self {
            Self::Bytes(_) => 255.0,
            Self::Floats(_) => 1.0,
        }
    }

    /// The pixels as bytes; `None` of floats.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Floats(_) => None,
        }
    }

    /// A pixel, scaled.
    pub fn at(&self, place: usize) -> f64 {
        match self {
            Self::Bytes(bytes) => f64::from(bytes[place]) / 255.0,
            Self::Floats(floats) => f64::from(floats[place]),
        }
    }

    /// Mean and standard deviation of the scaled pixels of one channel of images `[C, H, W]`, or of all channels.
    pub fn moments(&self, image: [u32; 3], channel: Option<u32>) -> (f64, f64) {
        let [channels, height, width] = image.map(|size| size as usize);
        let plane = (height * width).max(1);
        let starts = (0..self.len() / plane)
            .filter(|number| channel.is_none_or(|channel| number % channels == channel as usize))
            .map(|number| number * plane);
        match self {
            // Of bytes each value is counted, which is exact and fast.
            Self::Bytes(bytes) => {
                let mut counts = [0u64; 256];
                for start in starts {
                    bytes[start..start + plane].iter().for_each(|&pixel| counts[usize::from(pixel)] += 1);
                }
                let values = || counts.iter().enumerate().map(|(pixel, &n)| (pixel as f64 / 255.0, n as f64));
                deviation(values)
            }
            Self::Floats(floats) => {
                let planes = || starts.clone().flat_map(|start| &floats[start..start + plane]);
                deviation(|| planes().map(|&pixel| (f64::from(pixel), 1.0)))
            }
        }
    }

    /// Feeds the stored numbers, little-endian, to a digest.
    pub(super) fn digest_into(&self, hasher: &mut blake3::Hasher) {
        match self {
            Self::Bytes(bytes) => {
                hasher.update(bytes);
            }
            Self::Floats(floats) => floats.iter().for_each(|pixel| {
                hasher.update(&pixel.to_le_bytes());
            }),
        }
    }
}

impl Part {
    /// Feeds pixels and labels to a digest. Labels are bytes unless one is too large: so a set has one digest in whatever format.
    pub(super) fn digest_into(&self, hasher: &mut blake3::Hasher) {
        self.images.digest_into(hasher);
        let bytes: Option<Vec<u8>> = self.labels.iter().map(|&label| u8::try_from(label).ok()).collect();
        match bytes {
            Some(bytes) => hasher.update(&bytes),
            None => {
                hasher.update(&self.labels.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<_>>())
            }
        };
    }
}

/// Mean and deviation of values and how often they are there; twice through them, so that no large mean swallows the rest.
fn deviation<I: Iterator<Item = (f64, f64)>>(values: impl Fn() -> I) -> (f64, f64) {
    let count: f64 = values().map(|(_, n)| n).sum();
    let mean = values().map(|(value, n)| n * value).sum::<f64>() / count;
    let variance = values().map(|(value, n)| n * (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, variance.sqrt())
}
