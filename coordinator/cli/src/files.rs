//! Files of people's own that a sweep file names: found beside it, listed in its table `[files]`, sent before it is.

use crate::{client::Client, error::Failure};
use anyhow::Context as _;
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};
use tombola_core::sweep;
use tombola_spec::Digest;
use tombola_wire::v1::{HaveRequest, PutHeader, PutRequest, put_request::Part};

/// A file that lies beside a sweep file.
#[derive(Debug)]
pub(crate) struct Local {
    path: PathBuf,
    digest: Digest,
    bytes: u64,
}

/// The text of a sweep with the files it names listed at its end, and these. A text that lists its files is left as it is.
pub(crate) fn listed(path: &Path, mut text: String) -> anyhow::Result<(String, Vec<Local>)> {
    let names = sweep::named_files(&text);
    if names.is_empty() || text.lines().any(|line| line.trim() == "[files]") {
        return Ok((text, Vec::new()));
    }
    text.push_str("\n# Written by `tombola`: the files named above, as they were.\n[files]\n");
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for name in names {
        let path = folder.join(&name);
        let read = std::fs::read(&path);
        let data = read.map_err(|e| {
            let what = format!("cannot read the file `{}`, which the sweep names: {e}", path.display());
            Failure::Input(format!("{what}\nhint: files lie beside the sweep file"))
        })?;
        let (digest, bytes) = (Digest::of(&data), data.len() as u64);
        let name = serde_json::Value::from(name);
        let _ = writeln!(text, "{name} = {{ digest = \"{digest}\", bytes = {bytes} }}");
        files.push(Local { path, digest, bytes });
    }
    Ok((text, files))
}

/// Sends those that the coordinator does not have.
pub(crate) async fn send(client: &Client, files: &[Local]) -> anyhow::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let digests = files.iter().map(|file| file.digest.to_string()).collect();
    let have = client.answer(client.artifacts().have(HaveRequest { digests }).await)?.digests;
    for file in files.iter().filter(|file| !have.contains(&file.digest.to_string())) {
        let data = std::fs::read(&file.path)
            .with_context(|| format!("cannot read the file `{}`", file.path.display()))?;
        let header = PutHeader { digest: file.digest.to_string(), bytes: file.bytes };
        let chunks = data.chunks(tombola_wire::CHUNK).map(|chunk| Part::Chunk(chunk.to_vec()));
        let parts: Vec<PutRequest> = [Part::Header(header)]
            .into_iter()
            .chain(chunks)
            .map(|part| PutRequest { part: Some(part) })
            .collect();
        client.answer(client.artifacts().put(tokio_stream::iter(parts)).await)?;
    }
    Ok(())
}
