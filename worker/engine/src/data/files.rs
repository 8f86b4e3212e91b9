//! Where a data set's files are and how they are named. One line per convention in [`conventions`].

use super::idx::PartFiles;
use crate::error::{EngineError, Result};
use std::path::{Path, PathBuf};

/// The files of a set.
pub(super) struct SetFiles {
    pub(super) train: PartFiles,
    pub(super) test: PartFiles,
}

impl SetFiles {
    /// All four.
    pub(super) fn all(&self) -> [&Path; 4] {
        [&self.train.images, &self.train.labels, &self.test.images, &self.test.labels]
    }
}

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

/// The name of the set that a folder holds: the registry writes `_` where folders may have `-`.
pub(super) fn set_of_folder(folder: &str) -> String {
    let registered = folder.replace('-', "_");
    if tombola_spec::data::known(&registered).is_some() { registered } else { folder.to_owned() }
}

/// Finds the files of `set`.
///
/// # Errors
/// When the folder or one of the files is missing.
pub(super) fn find(data_folder: &Path, set: &str) -> Result<SetFiles> {
    let folder = folder(data_folder, set)?;
    let mut missing = Vec::new();
    for convention in conventions(set) {
        match files(&folder, &convention) {
            Ok(files) => return Ok(files),
            Err(name) => missing.push(format!("`{name}[.gz]`")),
        }
    }
    let (missing, folder) = (missing.join(" or "), folder.display());
    Err(EngineError::data(
        set,
        format!("{missing} is not in `{folder}`; hint: put the set's four IDX files there"),
    ))
}

fn folder(data_folder: &Path, set: &str) -> Result<PathBuf> {
    // The name comes from a sweep file and must not lead out of the data folder.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if set.is_empty() || set.starts_with('.') || !set.chars().all(plain) {
        let message =
            format!("data set `{set}` is not a folder's name; hint: use letters, digits, `_`, `-` and `.`");
        return Err(EngineError::Settings(message));
    }
    let folders = [data_folder.join(set), data_folder.join(set.replace('_', "-"))];
    folders.into_iter().find(|folder| folder.is_dir()).ok_or_else(|| {
        let folder = data_folder.join(set);
        let reason =
            format!("this worker does not have it; hint: put its four IDX files into `{}`", folder.display());
        EngineError::data(set, reason)
    })
}

/// The four files, or the name of one that is missing.
fn files(folder: &Path, convention: &Convention) -> std::result::Result<SetFiles, String> {
    let part = |part: &str| -> std::result::Result<PartFiles, String> {
        let file = |what: &str| {
            let name = format!("{}{part}-{what}-ubyte", convention.prefix);
            let candidates = [folder.join(format!("{name}.gz")), folder.join(&name)];
            candidates.into_iter().find(|file| file.is_file()).ok_or(name)
        };
        let (images, labels) = (file("images-idx3")?, file("labels-idx1")?);
        Ok(PartFiles {
            images,
            labels,
            transposed: convention.transposed,
            first_label: convention.first_label,
        })
    };
    Ok(SetFiles { train: part("train")?, test: part(convention.test)? })
}
