//! IDX files: a magic number, sizes, bytes; packed with gzip or not.
//!
//! Whatever is in a file, reading it ends with its contents or with a message that says what to do. No more memory is
//! used than the file's header asks for and the file has.

use crate::error::{EngineError, Result};
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// What to do about a damaged file.
pub(super) const FETCH_AGAIN: &str = "hint: fetch the set's files again";

/// No data set read whole into memory is larger; a larger claim is a damaged header.
const LARGEST: u64 = 16 << 30;

/// The files of the training or the test part.
pub(super) struct PartFiles {
    pub(super) images: PathBuf,
    pub(super) labels: PathBuf,
    /// Whether images are stored column by column.
    pub(super) transposed: bool,
    /// What the first class is called in the file.
    pub(super) first_label: u8,
}

/// Images and labels of one part.
pub(super) struct Part {
    /// Channels, height, width.
    pub(super) image: [u32; 3],
    pub(super) images: Vec<u8>,
    pub(super) labels: Vec<u8>,
    pub(super) labels_file: PathBuf,
}

impl Part {
    /// Number of examples.
    pub(super) fn count(&self) -> u32 {
        self.labels.len() as u32
    }
}

/// Reads one part of a set.
///
/// # Errors
/// When a file is damaged or the two do not fit together.
pub(super) fn read_part(set: &str, files: &PartFiles) -> Result<Part> {
    let ([count, height, width], mut images) = read::<3>(set, &files.images)?;
    let ([labelled], mut labels) = read::<1>(set, &files.labels)?;
    let wrong = |reason: String| Err(EngineError::data(set, format!("{reason}; {FETCH_AGAIN}")));
    let (images_file, labels_file) = (files.images.display(), files.labels.display());
    if count != labelled {
        return wrong(format!("`{images_file}` has {count} images, `{labels_file}` has {labelled} labels"));
    }
    if images.is_empty() {
        return wrong(format!("`{images_file}` has no images"));
    }
    if files.transposed {
        transpose(&mut images, height as usize, width as usize);
    }
    for label in &mut labels {
        match label.checked_sub(files.first_label) {
            Some(shifted) => *label = shifted,
            None => {
                return wrong(format!("`{labels_file}` has label {label}, less than {}", files.first_label));
            }
        }
    }
    let image = if files.transposed { [1, width, height] } else { [1, height, width] };
    Ok(Part { image, images, labels, labels_file: files.labels.clone() })
}

/// Exchanges rows and columns of each image, `[count, height, width]`.
fn transpose(images: &mut [u8], height: usize, width: usize) {
    let mut turned = vec![0; height * width];
    for image in images.chunks_exact_mut(height * width) {
        for (place, pixel) in turned.iter_mut().enumerate() {
            *pixel = image[(place % height) * width + place / height];
        }
        image.copy_from_slice(&turned);
    }
}

/// Sizes and bytes of a file with `RANK` dimensions.
fn read<const RANK: usize>(set: &str, path: &Path) -> Result<([u32; RANK], Vec<u8>)> {
    let file = File::open(path).map_err(EngineError::io(path))?;
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let parsed =
        if packed { parse(MultiGzDecoder::new(BufReader::new(file))) } else { parse(BufReader::new(file)) };
    parsed.map_err(|fault| match fault {
        Fault::Read(source) => unreadable(set, path, source),
        Fault::Content(reason) => {
            EngineError::data(set, format!("`{}` {reason}; {FETCH_AGAIN}", path.display()))
        }
    })
}

/// What is wrong with a file.
enum Fault {
    Read(io::Error),
    Content(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// The decoder's complaints are about the file's content, all others are the disk's.
fn unreadable(set: &str, path: &Path, source: io::Error) -> EngineError {
    let reason = match source.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("is damaged or no gzip file ({source})")
        }
        io::ErrorKind::UnexpectedEof => "is cut short: the gzip data end early".to_owned(),
        _ => return EngineError::io(path)(source),
    };
    EngineError::data(set, format!("`{}` {reason}; {FETCH_AGAIN}", path.display()))
}

fn parse<const RANK: usize>(mut reader: impl Read) -> std::result::Result<([u32; RANK], Vec<u8>), Fault> {
    let mut header = Vec::new();
    let length = 4 + 4 * RANK;
    reader.by_ref().take(length as u64).read_to_end(&mut header)?;
    check_magic(&header, RANK)?;
    if header.len() < length {
        return Err(Fault::Content(format!(
            "is cut short: {} of {length} bytes of its header",
            header.len()
        )));
    }
    let mut sizes = [0; RANK];
    for (size, bytes) in sizes.iter_mut().zip(header[4..].as_chunks::<4>().0) {
        *size = u32::from_be_bytes(*bytes);
    }
    let wanted = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(u64::from(size)));
    let wanted = wanted
        .filter(|&wanted| wanted <= LARGEST)
        .ok_or_else(|| Fault::Content(format!("has impossible sizes {sizes:?} in its header")))?;
    let mut bytes = Vec::new();
    // One byte more than wanted, to see whether there is any.
    reader.take(wanted + 1).read_to_end(&mut bytes)?;
    match (bytes.len() as u64).cmp(&wanted) {
        std::cmp::Ordering::Equal => Ok((sizes, bytes)),
        std::cmp::Ordering::Less => {
            Err(Fault::Content(format!("is cut short: {} of {wanted} bytes for {sizes:?}", bytes.len())))
        }
        std::cmp::Ordering::Greater => Err(Fault::Content(format!(
            "goes on after the {wanted} bytes for {sizes:?} that its header announces"
        ))),
    }
}

/// The magic number: two zeros, 8 for unsigned bytes, the number of dimensions.
fn check_magic(header: &[u8], rank: usize) -> std::result::Result<(), Fault> {
    let wanted = [0, 0, 8, rank as u8];
    let found = &header[..header.len().min(4)];
    if wanted.starts_with(found) {
        return Ok(());
    }
    let packed = if found.starts_with(&[0x1f, 0x8b]) { " (it is a gzip file: name it `….gz`)" } else { "" };
    Err(Fault::Content(format!(
        "is not an IDX file of bytes in {rank} dimensions: it begins with {found:02x?}, not {wanted:02x?}{packed}"
    )))
}
