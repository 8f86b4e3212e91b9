//! Where a data set's files are, whatever their format.

use super::{Pixels, cifar, idx, tensors};
use crate::error::{EngineError, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What to do about a damaged file.
pub(super) const FETCH_AGAIN: &str = "hint: fetch the set's files again";

/// The formats a set's files may have; the first that finds all of its files is taken.
const FORMATS: [Format; 3] = [idx::FORMAT, cifar::FORMAT, tensors::FORMAT];

/// How files of a set are named, and read.
pub(super) struct Format {
    /// What a set consists of, for people.
    pub(super) what: &'static str,
    /// Whether a file of this name is one of this format's.
    pub(super) owns: fn(&str) -> bool,
    /// The files of a set in its folder, or what is missing.
    pub(super) find: fn(&Path, &str) -> std::result::Result<SetFiles, String>,
    /// The names of the files that a known set is given out in, if this is its format.
    pub(super) usual: fn(&str) -> Option<Vec<String>>,
}

/// The files of a set.
pub(super) struct SetFiles {
    pub(super) train: Box<dyn PartFiles>,
    pub(super) test: Box<dyn PartFiles>,
    /// The format's name, for people.
    pub(super) format: &'static str,
}

impl SetFiles {
    /// All of them.
    pub(super) fn all(&self) -> Vec<&Path> {
        [self.train.paths(), self.test.paths()].concat()
    }
}

/// The files of the training or the test part.
pub(super) trait PartFiles {
    /// All of them.
    fn paths(&self) -> Vec<&Path>;

    /// Reads them.
    ///
    /// # Errors
    /// When a file is damaged, or they do not fit together.
    fn read(&self, set: &str) -> Result<Part>;
}

/// Images and labels of one part.
pub(super) struct Part {
    /// Channels, height, width.
    pub(super) image: [u32; 3],
    /// Pixels, `[count, channels, height, width]`.
    pub(super) images: Pixels,
    /// Labels from 0, `[count]`.
    pub(super) labels: Vec<u32>,
    /// Where they come from, for messages.
    pub(super) labels_file: PathBuf,
}

impl Part {
    /// Number of examples.
    pub(super) fn count(&self) -> u32 {
        self.labels.len() as u32
    }
}

/// The name of the set that a folder holds: the registry writes `_` where folders may have `-`.
pub(super) fn set_of_folder(folder: &str) -> String {
    let registered = folder.replace('-', "_");
    if tombola_spec::data::known(&registered).is_some() { registered } else { folder.to_owned() }
}

/// Whether a folder holds files of any format.
pub(super) fn holds_some(folder: &Path) -> bool {
    FORMATS.iter().any(|format| format.holds_some(folder))
}

impl Format {
    fn holds_some(&self, folder: &Path) -> bool {
        let mut names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_str().is_some_and(self.owns))
    }
}

/// Finds the files of `set`.
///
/// # Errors
/// When the folder or one of the files is missing.
pub(super) fn find(data_folder: &Path, set: &str) -> Result<SetFiles> {
    let folder = folder(data_folder, set)?;
    let mut missing = Vec::new();
    for format in &FORMATS {
        match (format.find)(&folder, set) {
            Ok(files) => return Ok(files),
            Err(what) => missing.push((format, what)),
        }
    }
    // Whoever has begun with one format does not want to hear of the others.
    let begun = missing.iter().find(|(format, _)| format.holds_some(&folder));
    let place = folder.display();
    let reason = match begun {
        Some((Format { what, .. }, missing)) => {
            format!("{missing} is not in `{place}`; hint: put the set's {what} there")
        }
        None => {
            let formats = FORMATS.map(|format| format.what).join(" or ");
            format!("`{place}` holds no data; hint: put the set's {formats} there")
        }
    };
    Err(EngineError::data(set, reason))
}

/// The names of the files that a known set is given out in, each with or without `.gz` where they are IDX files; `None` of
/// another set.
pub fn usual_files(set: &str) -> Option<Vec<String>> {
    FORMATS.iter().find_map(|format| (format.usual)(set))
}

/// Whether a name can be a data set's: a folder's, that does not lead out of the data folder.
pub fn is_set_name(set: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !set.is_empty() && !set.starts_with('.') && set.chars().all(plain)
}

fn folder(data_folder: &Path, set: &str) -> Result<PathBuf> {
    if !is_set_name(set) {
        let message =
            format!("data set `{set}` is not a folder's name; hint: use letters, digits, `_`, `-` and `.`");
        return Err(EngineError::Settings(message));
    }
    let folders = [data_folder.join(set), data_folder.join(set.replace('_', "-"))];
    folders.into_iter().find(|folder| folder.is_dir()).ok_or_else(|| {
        let folder = data_folder.join(set);
        let reason = format!("this worker does not have it; hint: put its files into `{}`", folder.display());
        EngineError::data(set, reason)
    })
}
