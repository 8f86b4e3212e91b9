//! The file in the state folder that makes whoever can read it the operator.

use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tombola_access::{Token, write_secret};

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
        write_secret(&path, &content).with_context(|| format!("cannot write `{}`", path.display()))?;
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

/// Removes what a coordinator that was killed left behind, where nobody needs a token any more.
pub(crate) fn forget(path: &Path) {
    let _ = fs::remove_file(path);
}
