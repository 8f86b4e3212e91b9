//! The folder of backups: who may write there, and what counts.

use super::{
    At,
    manifest::{FORMAT, Manifest},
};
use anyhow::{Context, bail, ensure};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

const MANIFEST: &str = "backup.json";
const LOCK: &str = "backup.lock";
const ARTIFACTS: &str = "artifacts";
const ROWS: &str = "rows-";

/// A folder of backups. The kernel gives its lock up with this process.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// To write into: made if missing, for nobody's eyes but its owner's, since a backup holds all that the database holds.
    pub(super) fn claim(path: &Path) -> anyhow::Result<Self> {
        let private_folder =
            |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path).at(path);
        private_folder(path)?;
        let known = [MANIFEST, LOCK].iter().any(|name| path.join(name).exists());
        let foreign = !known && fs::read_dir(path).at(path)?.next().is_some();
        let shown = path.display();
        ensure!(
            !foreign,
            "`{shown}` holds something, but no backup\nhint: name an empty folder, a new one, or that of an earlier backup"
        );
        let lock = private().truncate(false).open(path.join(LOCK)).at(&path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {
                private_folder(&path.join(ARTIFACTS))?;
                Ok(Self { path: path.to_owned(), _lock: lock })
            }
            Err(TryLockError::WouldBlock) => bail!(
                "another process works in `{shown}`\nhint: wait until it is done, or name another folder"
            ),
            Err(TryLockError::Error(error)) => Err(error).at(path),
        }
    }

    /// To read from, while nobody writes into it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let lock = match File::open(path.join(LOCK)) {
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "there is no backup in `{shown}`\nhint: name the folder that `tombola backup` was given"
            ),
            opened => opened.at(&path.join(LOCK))?,
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("a backup into `{shown}` is under way\nhint: wait until it is done")
            }
            Err(TryLockError::Error(error)) => Err(error).at(path),
        }
    }

    /// The last whole backup, if there is one.
    pub(super) fn manifest(&self) -> anyhow::Result<Option<Manifest>> {
        let file = self.path.join(MANIFEST);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.at(&file)?,
        };
        // The form is looked at first: what else a later one says may mean nothing here.
        let form: serde_json::Value = serde_json::from_str(&text).at(&file)?;
        let format = form.get("format").and_then(serde_json::Value::as_u64);
        let shown = file.display();
        ensure!(
            format == Some(u64::from(FORMAT)),
            "`{shown}` has format {}, this build reads {FORMAT}\nhint: use the build that wrote it, or a later one",
            format.map_or_else(|| "none".to_owned(), |format| format.to_string())
        );
        Ok(Some(serde_json::from_value(form).at(&file)?))
    }

    /// Makes this the backup that counts, in one step.
    pub(super) fn commit(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let (file, draft) = (self.path.join(MANIFEST), self.path.join("backup.json.new"));
        let text = serde_json::to_string_pretty(manifest)?;
        let mut out = private().truncate(true).open(&draft).at(&draft)?;
        out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).at(&draft)?;
        fs::rename(&draft, &file).at(&file)?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).at(&self.path)
    }

    /// A new folder for rows.
    pub(super) fn fresh_rows(&self) -> anyhow::Result<(String, PathBuf)> {
        let numbers =
            self.all_rows()?.into_iter().filter_map(|name| name.strip_prefix(ROWS)?.parse::<u64>().ok());
        let name = format!("{ROWS}{}", numbers.max().unwrap_or(0) + 1);
        let path = self.path.join(&name);
        DirBuilder::new().mode(0o700).create(&path).at(&path)?;
        Ok((name, path))
    }

    /// Removes rows that the backup that counts does not name: of earlier ones, and of those that were interrupted.
    pub(super) fn forget_other_rows(&self, manifest: &Manifest) -> anyhow::Result<()> {
        for name in self.all_rows()?.into_iter().filter(|name| *name != manifest.rows) {
            let path = self.path.join(name);
            fs::remove_dir_all(&path).at(&path)?;
        }
        Ok(())
    }

    fn all_rows(&self) -> anyhow::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path).at(&self.path)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names: Vec<String> = names.collect::<std::io::Result<_>>().at(&self.path)?;
        Ok(names.into_iter().filter(|name| name.starts_with(ROWS)).collect())
    }

    /// Where the rows of a backup are.
    pub(super) fn rows(&self, manifest: &Manifest) -> anyhow::Result<PathBuf> {
        let plain = manifest.rows.starts_with(ROWS) && !manifest.rows.contains(['/', '\\']);
        ensure!(plain, "`{MANIFEST}` names `{}`, which is no folder of rows", manifest.rows);
        Ok(self.path.join(&manifest.rows))
    }

    /// Where artifacts are.
    pub(super) fn artifacts(&self) -> PathBuf {
        self.path.join(ARTIFACTS)
    }
}

/// A file for nobody's eyes but its owner's.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

/// The backup that counts.
pub(super) fn whole(folder: &Folder) -> anyhow::Result<Manifest> {
    let shown = folder.path.display();
    folder.manifest()?.with_context(|| {
        format!("there is no whole backup in `{shown}`: the only one was interrupted\nhint: take it again")
    })
}
