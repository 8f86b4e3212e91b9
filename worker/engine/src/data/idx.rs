//! IDX files: a magic number, sizes, bytes; packed with gzip or not. Four of them are a set; how a family of sets names
//! them is one line in [`conventions`].
//!
//! Whatever is in a file, reading it ends with its contents or with a message that says what to do. No more memory is
//! used than the file's header asks for and the file has.

use super::{
    Pixels,
    files::{FETCH_AGAIN, Format, Part, PartFiles, SetFiles},
};
use crate::error::{EngineError, Result};
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};
use tombola_spec::data::known;

/// This format.
pub(super) const FORMAT: Format = Format { what: "four IDX files", owns, find, usual };

/// No data set read whole into memory is larger; a larger claim is a damaged header.
const LARGEST: u64 = 16 << 30;

/// How a family of sets names and lays out its files.
struct Convention {
    /// Before the part's name in a file's name.
    prefix: String,
    /// What test files are called.
    test: &'static str,
    /// Whether rows and columns of the images are exchanged in the files.
    transposed: bool,
    /// What the first class is called.
    first_label: u8,
}

/// The conventions a set may follow; the first whose files are there is taken.
fn conventions(set: &str) -> Vec<Convention> {
    // MNIST's, which Fashion-MNIST and KMNIST follow.
    let mut conventions =
        vec![Convention { prefix: String::new(), test: "t10k", transposed: false, first_label: 0 }];
    if let Some(split) = set.strip_prefix("emnist_") {
        // EMNIST's (arXiv 1702.05373): images column by column; letters count from 1 (a) to 26 (z).
        let first_label = u8::from(split == "letters");
        conventions.push(Convention {
            prefix: format!("emnist-{split}-"),
            test: "test",
            transposed: true,
            first_label,
        });
    }
    conventions
}

fn owns(name: &str) -> bool {
    name.contains("-idx") && name.trim_end_matches(".gz").ends_with("-ubyte")
}

fn find(folder: &Path, set: &str) -> std::result::Result<SetFiles, String> {
    let mut missing = Vec::new();
    for convention in conventions(set) {
        match files(folder, &convention) {
            Ok(files) => return Ok(files),
            Err(name) => missing.push(format!("`{name}[.gz]`")),
        }
    }
    Err(missing.join(" or "))
}

/// The four files, or the name of one that is missing.
fn files(folder: &Path, convention: &Convention) -> std::result::Result<SetFiles, String> {
    let part = |part: &str| -> std::result::Result<Box<dyn PartFiles>, String> {
        let file = |what: &str| {
            let name = format!("{}{part}-{what}-ubyte", convention.prefix);
            let candidates = [folder.join(format!("{name}.gz")), folder.join(&name)];
            candidates.into_iter().find(|file| file.is_file()).ok_or(name)
        };
        let (images, labels) = (file("images-idx3")?, file("labels-idx1")?);
        let &Convention { transposed, first_label, .. } = convention;
        Ok(Box::new(Files { images, labels, transposed, first_label }))
    };
    Ok(SetFiles { train: part("train")?, test: part(convention.test)?, format: "IDX" })
}

fn usual(set: &str) -> Option<Vec<String>> {
    known(set).filter(|shape| shape.image[0] == 1)?;
    // EMNIST's own names are its second convention.
    let convention = conventions(set).pop()?;
    let part = |part: &str| {
        ["images-idx3", "labels-idx1"].map(|what| format!("{}{part}-{what}-ubyte", convention.prefix))
    };
    Some([part("train"), part(convention.test)].concat())
}

/// The files of the training or the test part.
struct Files {
    images: PathBuf,
    labels: PathBuf,
    /// Whether images are stored column by column.
    transposed: bool,
    /// What the first class is called in the file.
    first_label: u8,
}

impl PartFiles for Files {
    fn paths(&self) -> Vec<&Path> {
        vec![&self.images, &self.labels]
    }

    fn read(&self, set: &str) -> Result<Part> {
        read_part(set, self)
    }
}

/// Reads one part of a set.
///
/// # Errors
/// When a file is damaged or the two do not fit together.
fn read_part(set: &str, files: &Files) -> Result<Part> {
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
    let labels = labels.into_iter().map(u32::from).collect();
    Ok(Part { image, images: Pixels::Bytes(images), labels, labels_file: files.labels.clone() })
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
