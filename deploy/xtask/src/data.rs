//! Fashion-MNIST, put where workers look for data sets: from a folder given, Debian's package, or its public home.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;
use crate::paths::Paths;
use crate::shell::{self, Failure, Result, at, report};
use crate::view::remove;

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];
const PACKAGE: &str = "dataset-fashion-mnist";
const DOWNLOAD: &str = include_str!("fetch_fashion_mnist.py");

/// Makes `fashion_mnist` in the per-user data folder; says what happened in one line.
pub(crate) fn set_up(paths: &Paths, given: Option<&Path>) -> Result<()> {
    let folder = paths.data.join("fashion_mnist");
    let source = given.map(source_in).transpose()?;
    if is_there(&folder, source.as_deref()) {
        report("Fashion-MNIST", &format!("already there: {}", folder.display()));
        return Ok(());
    }
    match source.or_else(debian_folder) {
        Some(source) => {
            take(&source, &folder)?;
            report("Fashion-MNIST", &format!("linked {} -> {}", folder.display(), source.display()));
        }
        None => {
            download(&folder)?;
            report("Fashion-MNIST", &format!("downloaded to {}", folder.display()));
        }
    }
    Ok(())
}

/// Complete, and from the folder given if one is.
fn is_there(folder: &Path, source: Option<&Path>) -> bool {
    let complete = FILES.iter().all(|file| folder.join(file).exists());
    complete
        && source.is_none_or(|source| {
            fs::read_to_string(folder.join("source")).is_ok_and(|from| from == name(source))
        })
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The folder with the four files: the one given or one below it.
fn source_in(given: &Path) -> Result<PathBuf> {
    let candidates = [given.to_path_buf(), given.join("fashion-mnist"), given.join("fashion_mnist")];
    candidates.into_iter().filter_map(|folder| fs::canonicalize(folder).ok()).find(|folder| FILES.iter().all(|file| packed_or_plain(folder, file).is_some())).ok_or_else(
        || {
            Failure::Failed(format!(
                "`{}` holds no Fashion-MNIST\nhint: it, or `fashion-mnist` in it, must hold {} (or the same without `.gz`)",
                given.display(),
                FILES.join(", ")
            ))
        },
    )
}

fn packed_or_plain(folder: &Path, file: &str) -> Option<PathBuf> {
    [file, file.trim_end_matches(".gz")].map(|name| folder.join(name)).into_iter().find(|path| path.is_file())
}

/// The package's folder; the package is installed first where that needs no question.
fn debian_folder() -> Option<PathBuf> {
    installed_folder()
        .or_else(|| (apt::can_install() && apt::install(PACKAGE).is_ok()).then(installed_folder).flatten())
}

fn installed_folder() -> Option<PathBuf> {
    let files = apt::files(PACKAGE);
    let images = files.iter().find(|file| file.ends_with(FILES[0]) && file.exists())?;
    images.parent().map(Path::to_path_buf)
}

/// Links packed files and packs plain ones.
fn take(source: &Path, folder: &Path) -> Result<()> {
    let partial = fresh_partial(folder)?;
    for file in FILES {
        let from = packed_or_plain(source, file).unwrap_or_else(|| source.join(file));
        if from.extension().is_some_and(|extension| extension == "gz") {
            at(&partial, symlink(&from, partial.join(file)))?;
        } else {
            pack(&from, &partial.join(file))?;
        }
    }
    at(&partial, fs::write(partial.join("source"), name(source)))?;
    finish(&partial, folder)
}

fn pack(from: &Path, to: &Path) -> Result<()> {
    let script = "import gzip, shutil, sys\n\
                  with open(sys.argv[1], 'rb') as plain, gzip.GzipFile(sys.argv[2], 'wb', mtime=0) as packed:\n    \
                  shutil.copyfileobj(plain, packed)";
    shell::output(Command::new("python3").args(["-c", script]).arg(from).arg(to)).map(drop)
}

fn download(folder: &Path) -> Result<()> {
    let partial = fresh_partial(folder)?;
    let hint = format!(
        "install the Debian package `{PACKAGE}` (`apt-get install {PACKAGE}`), or name a folder that holds the files: \
         `cargo xtask setup --data DIR`"
    );
    shell::say("downloading Fashion-MNIST (30 MB) from its public home");
    shell::run(Command::new("python3").args(["-c", DOWNLOAD]).arg(&partial), &hint)?;
    finish(&partial, folder)
}

fn fresh_partial(folder: &Path) -> Result<PathBuf> {
    let partial = folder.with_extension("partial");
    remove(&partial)?;
    at(&partial, fs::create_dir_all(&partial))?;
    Ok(partial)
}

fn finish(partial: &Path, folder: &Path) -> Result<()> {
    remove(folder)?;
    at(folder, fs::rename(partial, folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_given_may_hold_the_files_plain_packed_or_one_folder_down() {
        let given = std::env::temp_dir().join(format!("xtask-data-{}", std::process::id()));
        let below = given.join("fashion-mnist");
        fs::create_dir_all(&below).unwrap();
        assert!(source_in(&given).unwrap_err().to_string().contains("holds no Fashion-MNIST"));
        for (index, file) in FILES.into_iter().enumerate() {
            let file = if index % 2 == 0 { file } else { file.trim_end_matches(".gz") };
            fs::write(below.join(file), "").unwrap();
        }
        let below = fs::canonicalize(below).unwrap();
        assert_eq!(source_in(&given).unwrap(), below);
        assert_eq!(source_in(&below).unwrap(), below);
        fs::remove_dir_all(&given).unwrap();
    }
}
