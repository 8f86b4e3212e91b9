//! Rows in files of JSON lines, written and read back.

use super::{
    At,
    folder::private,
    manifest::{Lines, Manifest, Table},
};
use crate::{
    progress::Progress,
    store::{
        Result as StoreResult, StoreError,
        archive::{Batch, Head, Piece},
    },
};
use anyhow::ensure;
use serde::Serialize;
use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Lines as Reading, Read, Write},
    path::{Path, PathBuf},
};
use tombola_spec::{Digest, outcome::Artifact};

/// No table has a name with a dash in it.
const ARTIFACTS: &str = "named-artifacts";
/// A batch of rows to load is at most about so many bytes.
const BATCH: usize = 4 << 20;

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.jsonl"))
}

/// A file that counts and digests what goes into it.
struct Out {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    line: Vec<u8>,
    count: u64,
}

impl Out {
    fn new(path: PathBuf) -> anyhow::Result<Self> {
        let file = BufWriter::new(private().truncate(true).open(&path).at(&path)?);
        Ok(Self { path, file, hasher: blake3::Hasher::new(), line: Vec::new(), count: 0 })
    }

    fn push(&mut self, row: &impl Serialize) -> anyhow::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, row)?;
        self.line.push(b'\n');
        self.hasher.update(&self.line);
        self.count += 1;
        self.file.write_all(&self.line).at(&self.path)
    }

    /// On the disk.
    fn finish(mut self) -> anyhow::Result<Lines> {
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).at(&self.path)?;
        Ok(Lines { count: self.count, digest: Digest(*self.hasher.finalize().as_bytes()) })
    }
}

/// Writes a dump into a folder.
pub(super) struct Writer<'a> {
    folder: &'a Path,
    progress: &'a mut Progress,
    table: Option<(Head, Out)>,
    tables: Vec<Table>,
    list: Out,
    named: Vec<Artifact>,
    rows: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(folder: &'a Path, progress: &'a mut Progress) -> anyhow::Result<Self> {
        let list = Out::new(file(folder, ARTIFACTS))?;
        Ok(Self { folder, progress, table: None, tables: Vec::new(), list, named: Vec::new(), rows: 0 })
    }

    /// For the store: its errors are the store's.
    pub(super) fn take(&mut self, piece: Piece) -> StoreResult<()> {
        self.write(piece).map_err(|error| StoreError::Archive { why: format!("{error:#}") })
    }

    fn write(&mut self, piece: Piece) -> anyhow::Result<()> {
        match piece {
            Piece::Table(head) => {
                self.end_table()?;
                let out = Out::new(file(self.folder, &head.name))?;
                self.table = Some((head, out));
            }
            Piece::Row(row) => {
                if let Some((head, out)) = &mut self.table {
                    out.push(&row)?;
                    self.rows += 1;
                    let (rows, name) = (self.rows, &head.name);
                    self.progress.tell(|| format!("{rows} rows so far, now of `{name}`"));
                }
            }
            Piece::Artifact(artifact) => {
                self.list.push(&(artifact.digest, artifact.bytes))?;
                self.named.push(artifact);
            }
        }
        Ok(())
    }

    fn end_table(&mut self) -> anyhow::Result<()> {
        if let Some((head, out)) = self.table.take() {
            self.tables.push(Table { head, rows: out.finish()? });
        }
        Ok(())
    }

    /// All tables, the list of artifacts, and what is in it; everything is on the disk.
    pub(super) fn finish(mut self) -> anyhow::Result<(Vec<Table>, Lines, Vec<Artifact>)> {
        self.end_table()?;
        let list = self.list.finish()?;
        File::open(self.folder).and_then(|folder| folder.sync_all()).at(self.folder)?;
        Ok((self.tables, list, self.named))
    }
}

/// Checks the files of rows against what the manifest says of them; the artifacts that they name.
pub(super) fn verified(
    folder: &Path,
    manifest: &Manifest,
    progress: &mut Progress,
) -> anyhow::Result<Vec<Artifact>> {
    for Table { head, rows } in &manifest.tables {
        let plain = head.name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        ensure!(plain, "the backup names a table `{}`, which cannot be one", head.name);
        progress.tell(|| format!("checking the rows of `{}`", head.name));
        verify(&file(folder, &head.name), rows)?;
    }
    let list = file(folder, ARTIFACTS);
    verify(&list, &manifest.artifacts)?;
    let mut named = Vec::new();
    for line in BufReader::new(File::open(&list).at(&list)?).lines() {
        let (digest, bytes) = serde_json::from_str(&line.at(&list)?).at(&list)?;
        named.push(Artifact { digest, bytes });
    }
    Ok(named)
}

fn verify(path: &Path, expected: &Lines) -> anyhow::Result<()> {
    let mut file = File::open(path).at(path)?;
    let (mut hasher, mut count, mut buffer) = (blake3::Hasher::new(), 0, vec![0; 1 << 20]);
    loop {
        let length = file.read(&mut buffer).at(path)?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        count += buffer[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    ensure!(
        (count, hasher.finalize().as_bytes()) == (expected.count, &expected.digest.0),
        "`{}` is damaged: its bytes are not those that were backed up\nhint: use another backup",
        path.display()
    );
    Ok(())
}

/// The rows of a backup, a few megabytes at a time.
pub(super) struct Batches<'a> {
    folder: PathBuf,
    left: std::slice::Iter<'a, Table>,
    table: Option<(&'a Head, Reading<BufReader<File>>)>,
    progress: &'a mut Progress,
    rows: u64,
}

impl<'a> Batches<'a> {
    pub(super) fn new(folder: PathBuf, manifest: &'a Manifest, progress: &'a mut Progress) -> Self {
        Self { folder, left: manifest.tables.iter(), table: None, progress, rows: 0 }
    }

    fn read(&mut self) -> anyhow::Result<Option<Batch>> {
        loop {
            if let Some((head, lines)) = &mut self.table
                && let Some(batch) = batch(head, lines)?
            {
                self.rows += batch.rows;
                self.progress.tell(|| format!("{} rows so far, now of `{}`", self.rows, batch.table.name));
                return Ok(Some(batch));
            }
            let Some(Table { head, .. }) = self.left.next() else { return Ok(None) };
            let path = file(&self.folder, &head.name);
            self.table = Some((head, BufReader::new(File::open(&path).at(&path)?).lines()));
        }
    }
}

/// The next rows of a table; `None` at its end.
fn batch(head: &Head, lines: &mut Reading<BufReader<File>>) -> std::io::Result<Option<Batch>> {
    let (mut json, mut rows) = (String::from("["), 0);
    while json.len() < BATCH
        && let Some(line) = lines.next()
    {
        if rows > 0 {
            json.push(',');
        }
        json.push_str(&line?);
        rows += 1;
    }
    json.push(']');
    Ok((rows > 0).then(|| Batch { table: head.clone(), rows, json }))
}

impl Iterator for Batches<'_> {
    type Item = StoreResult<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().map_err(|error| StoreError::Archive { why: format!("{error:#}") }).transpose()
    }
}
