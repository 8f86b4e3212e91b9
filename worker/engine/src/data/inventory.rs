//! Which data sets a worker holds. Reading them takes seconds, so digests are kept in a cache file.

use super::{DataSet, files};
use crate::checkpoint::write_atomically;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};
use tombola_spec::worker::DataInfo;

/// What a cache file knows of a set: valid while its files are these.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Cached {
    stamps: Vec<Stamp>,
    info: DataInfo,
}

/// A file and what changes when it is written.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Stamp {
    file: PathBuf,
    bytes: u64,
    modified: u128,
}

/// The data sets in `data_folder`, and those that are there but cannot be used (name and reason), both by name.
///
/// `cache` is a file for digests between runs; it may be missing, damaged or read-only, which costs time only.
pub fn inventory(data_folder: &Path, cache: &Path) -> (Vec<DataInfo>, Vec<(String, String)>) {
    let known = read_cache(cache);
    let (mut fresh, mut unusable) = (BTreeMap::new(), Vec::new());
    for set in sets(data_folder) {
        let stamps = stamps(data_folder, &set);
        match known.get(&set) {
            Some(cached) if stamps.as_ref() == Some(&cached.stamps) => {
                let (stamps, info) = (stamps.unwrap_or_default(), cached.info.clone());
                fresh.insert(set, Cached { stamps, info });
            }
            _ => match DataSet::open(data_folder, &set) {
                Ok(opened) => {
                    fresh.insert(set, Cached { stamps: stamps.unwrap_or_default(), info: opened.info() });
                }
                Err(error) => unusable.push((set, error.to_string())),
            },
        }
    }
    if fresh != known {
        write_cache(cache, &fresh);
    }
    (fresh.into_values().map(|cached| cached.info).collect(), unusable)
}

/// Names of the folders that hold data.
fn sets(data_folder: &Path) -> BTreeSet<String> {
    let folders = fs::read_dir(data_folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| files::holds_some(&entry.path()));
    folders.filter_map(|entry| Some(files::set_of_folder(entry.file_name().to_str()?))).collect()
}

/// `None` when the files are incomplete or vanish meanwhile.
fn stamps(data_folder: &Path, set: &str) -> Option<Vec<Stamp>> {
    let stamp = |file: &Path| {
        let metadata = fs::metadata(file).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        Some(Stamp { file: file.to_owned(), bytes: metadata.len(), modified })
    };
    files::find(data_folder, set).ok()?.all().into_iter().map(stamp).collect()
}

fn read_cache(cache: &Path) -> BTreeMap<String, Cached> {
    let text = fs::read(cache).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write_cache(cache: &Path, sets: &BTreeMap<String, Cached>) {
    if let Ok(text) = serde_json::to_vec_pretty(sets) {
        // Without a cache the next start reads the files again, which is all that a failure here costs.
        let _ = write_atomically(cache, &text);
    }
}
