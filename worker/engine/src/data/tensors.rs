//! A user's own images as safetensors: `train.safetensors` and `test.safetensors`, each with `images` `[N, C, H, W]` of `U8` or
//! `F32`, and `labels` `[N]` of any type of integers, from 0.
//!
//! Whatever is in a file, reading it ends with its contents or with a message that says what to do.

use super::{
    Pixels,
    files::{Format, Part, PartFiles, SetFiles},
};
use crate::error::{EngineError, Result};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// This format.
pub(super) const FORMAT: Format =
    Format { what: "`train.safetensors` and `test.safetensors`", owns, find, usual: |_| None };

const TRAIN: &str = "train.safetensors";
const TEST: &str = "test.safetensors";

/// More classes than any set has: a larger label is no label.
const MOST_CLASSES: i128 = 1 << 20;

struct TensorsFile(PathBuf);

fn owns(name: &str) -> bool {
    [TRAIN, TEST].contains(&name)
}

fn find(folder: &Path, _set: &str) -> std::result::Result<SetFiles, String> {
    if let Some(name) = [TRAIN, TEST].iter().find(|name| !folder.join(name).is_file()) {
        return Err(format!("`{name}`"));
    }
    let part = |name: &str| -> Box<dyn PartFiles> { Box::new(TensorsFile(folder.join(name))) };
    Ok(SetFiles { train: part(TRAIN), test: part(TEST), format: "safetensors" })
}

impl PartFiles for TensorsFile {
    fn paths(&self) -> Vec<&Path> {
        vec![&self.0]
    }

    fn read(&self, set: &str) -> Result<Part> {
        let bytes = fs::read(&self.0).map_err(EngineError::io(&self.0))?;
        parse(&bytes, &self.0)
            .map_err(|reason| EngineError::data(set, format!("`{}` {reason}", self.0.display())))
    }
}

fn parse(bytes: &[u8], path: &Path) -> std::result::Result<Part, String> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("is not a whole safetensors file ({error}); hint: write it again"))?;
    let tensor = |name: &str, shape: &str| {
        file.tensor(name).map_err(|_| {
            let held: Vec<_> = file.names().into_iter().map(|name| format!("`{name}`")).collect();
            let held = if held.is_empty() { "nothing".to_owned() } else { held.join(", ") };
            format!("holds no `{name}`, but {held}; hint: it needs `images` [N, C, H, W] and `labels` [N], here {shape}")
        })
    };
    let (images, labels) = (tensor("images", "the former")?, tensor("labels", "the latter")?);
    let image = shape(&images)?;
    let count = images.shape()[0];
    if labels.shape() != [count] {
        return Err(format!(
            "has `labels` of shape {:?} for {count} images; hint: one label an image, of shape [{count}]",
            labels.shape()
        ));
    }
    Ok(Part { image, images: pixels(&images)?, labels: numbers(&labels)?, labels_file: path.to_owned() })
}

/// Channels, height and width of `images`.
fn shape(images: &TensorView<'_>) -> std::result::Result<[u32; 3], String> {
    let sizes: Vec<u32> = images.shape().iter().filter_map(|&size| u32::try_from(size).ok()).collect();
    match sizes[..] {
        [count, channels, height, width] if count.min(channels).min(height).min(width) > 0 => {
            Ok([channels, height, width])
        }
        _ => Err(format!(
            "has `images` of shape {:?}; hint: [N, C, H, W], images x channels x height x width, none of them 0",
            images.shape()
        )),
    }
}

fn pixels(images: &TensorView<'_>) -> std::result::Result<Pixels, String> {
    match images.dtype() {
        Dtype::U8 => Ok(Pixels::Bytes(images.data().to_vec())),
        Dtype::F32 => {
            let floats: Vec<f32> =
                images.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            match floats.iter().position(|pixel| !pixel.is_finite()) {
                None => Ok(Pixels::Floats(floats)),
                Some(place) => {
                    let example = place / (floats.len() / images.shape()[0]);
                    Err(format!(
                        "has a pixel of {} in image {example}; hint: finite numbers only",
                        floats[place]
                    ))
                }
            }
        }
        other => Err(format!(
            "has `images` of type {other:?}; hint: U8 (0..=255, taken as 0..=1) or F32 (as they are)"
        )),
    }
}

fn numbers(labels: &TensorView<'_>) -> std::result::Result<Vec<u32>, String> {
    fn each<T: Into<i128>, const N: usize>(data: &[u8], read: fn([u8; N]) -> T) -> Vec<i128> {
        data.as_chunks::<N>().0.iter().map(|&bytes| read(bytes).into()).collect()
    }
    let data = labels.data();
    let numbers = match labels.dtype() {
        Dtype::U8 => each(data, u8::from_le_bytes),
        Dtype::I8 => each(data, i8::from_le_bytes),
        Dtype::U16 => each(data, u16::from_le_bytes),
        Dtype::I16 => each(data, i16::from_le_bytes),
        Dtype::U32 => each(data, u32::from_le_bytes),
        Dtype::I32 => each(data, i32::from_le_bytes),
        Dtype::U64 => each(data, u64::from_le_bytes),
        Dtype::I64 => each(data, i64::from_le_bytes),
        other => return Err(format!("has `labels` of type {other:?}; hint: integers, such as I64")),
    };
    match numbers.iter().position(|label| !(0..MOST_CLASSES).contains(label)) {
        None => Ok(numbers.into_iter().map(|label| label as u32).collect()),
        Some(place) => {
            Err(format!("has label {} of image {place}; hint: classes are numbered from 0", numbers[place]))
        }
    }
}

/// Writes one part of a set image by image, so that no more than one has to be in memory. What is at its place before it is
/// finished is not touched.
pub struct PartWriter {
    file: BufWriter<File>,
    partial: PathBuf,
    path: PathBuf,
    image: usize,
    left: usize,
}

impl PartWriter {
    /// A writer of `train.safetensors` or `test.safetensors` in `folder`: images `[labels.len(), C, H, W]` of bytes.
    /// `classes` are the names of the classes, noted in the file for people.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(
        folder: &Path,
        train: bool,
        image: [u32; 3],
        labels: &[u32],
        classes: &[String],
    ) -> Result<Self> {
        let path = folder.join(if train { TRAIN } else { TEST });
        let partial = path.with_extension("partial");
        let [channels, height, width] = image;
        let (count, image) = (labels.len(), (channels * height * width) as usize);
        let first = 8 * count;
        let header = serde_json::json!({
            "__metadata__": { "classes": serde_json::json!(classes).to_string() },
            "labels": { "dtype": "I64", "shape": [count], "data_offsets": [0, first] },
            "images": {
                "dtype": "U8", "shape": [count, channels, height, width], "data_offsets": [first, first + count * image],
            },
        });
        let mut header = header.to_string();
        // Tensors lie aligned, as safetensors asks.
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let mut file = BufWriter::new(File::create(&partial).map_err(EngineError::io(&partial))?);
        let labels: Vec<u8> = labels.iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect();
        let parts = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &labels];
        parts.into_iter().try_for_each(|part| file.write_all(part)).map_err(EngineError::io(&partial))?;
        Ok(Self { file, partial, path, image, left: count })
    }

    /// Adds the next image, `[C, H, W]`.
    ///
    /// # Errors
    /// When it has another size, there were enough before it, or the disk is full.
    pub fn push(&mut self, pixels: &[u8]) -> Result<()> {
        let left = self.left.checked_sub(1).filter(|_| pixels.len() == self.image);
        let unfit = || EngineError::format(&self.path, "was to hold other images than it is given");
        self.left = left.ok_or_else(unfit)?;
        self.file.write_all(pixels).map_err(EngineError::io(&self.partial))
    }

    /// Puts the file in its place, whole.
    ///
    /// # Errors
    /// When images are missing, or the disk is full.
    pub fn finish(mut self) -> Result<()> {
        if self.left > 0 {
            return Err(EngineError::format(&self.path, format!("lacks {} of its images", self.left)));
        }
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(EngineError::io(&self.partial))?;
        fs::rename(&self.partial, &self.path).map_err(EngineError::io(&self.path))
    }
}
