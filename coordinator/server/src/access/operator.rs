//! The file in the state folder that makes whoever can read it the operator.

use anyhow::Context;
use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use tombola_access::Token;

/// The file, while the coordinator serves.
#[derive(Debug)]
pub(crate) struct OperatorFile {
    path: PathBuf,
    content: String,
}

impl OperatorFile {
    /// Writes it. Another start makes another token.
    pub(crate) fn write(path: PathBuf, token: &Token) -> anyhow::Result<Self> {
        let content = format!("{}\n", token.reveal());
        secret_file(&path, &content)?;
        Ok(Self { path, content })
    }

    /// Removes it, unless another coordinator wrote its own meanwhile.
    pub(crate) fn remove(self) {
        if fs::read_to_string(&self.path).is_ok_and(|content| content == self.content)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "coordinator.operator: the file of a token that is void stays");
        }
    }
}

/// Writes a file that nobody else may read, not for a moment; a reader sees all of it or nothing.
pub(crate) fn secret_file(path: &Path, content: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let written = || {
        // One that was left behind may have other rights.
        let _ = fs::remove_file(&draft);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    written().with_context(|| format!("cannot write `{}`", path.display()))
}
