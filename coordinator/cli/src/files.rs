//! Files of people's own that a sweep file names: found beside it, listed in its table `[files]`, sent before it is.

use crate::{client::Client, error::Failure};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
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

/// The text of a sweep with the files it names listed at its end, and those that lie beside it. What is listed already stays
/// as it is: a stored sweep may be submitted where its files no longer are.
pub(crate) fn listed(path: &Path, mut text: String) -> anyhow::Result<(String, Vec<Local>)> {
    let known = sweep::listed_files(&text);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for name in sweep::named_files(&text) {
        let file = Local::read(folder.join(&name));
        match (known.get(&name), file) {
            (Some(known), Ok(file)) if known.digest == file.digest => files.push(file),
            (Some(_), _) => {}
            (None, file) => {
                let file = file?;
                text.push_str(&entry(&name, &file));
                files.push(file);
            }
        }
    }
    Ok((text, files))
}

impl Local {
    fn read(path: PathBuf) -> anyhow::Result<Self> {
        let data = std::fs::read(&path).map_err(|e| {
            let what = format!("cannot read the file `{}`, which the sweep names: {e}", path.display());
            Failure::Input(format!("{what}\nhint: files lie beside the sweep file"))
        })?;
        Ok(Self { digest: Digest::of(&data), bytes: data.len() as u64, path })
    }
}

/// A table of its own, which may stand at the end of any file.
fn entry(name: &str, file: &Local) -> String {
    let name = serde_json::Value::from(name);
    format!(
        "\n# Written by `tombola`: the file as it was.\n[files.{name}]\ndigest = \"{}\"\nbytes = {}\n",
        file.digest, file.bytes
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: &str = r#"name = "own"
seeds = [1, 2]
model = { name = "mnist_lenet_20", weights = "w-{seed}.st" }
data = { set = "mnist" }
train = { steps = "100it", batch = 50, optimizer = "sgd", lr = 0.1 }
"#;

    #[test]
    fn files_are_listed_once_and_others_are_added_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.toml");
        let missed = listed(&path, SWEEP.to_owned()).unwrap_err().to_string();
        assert!(missed.contains("w-1.st") && missed.contains("lie beside"), "{missed}");
        for name in ["w-1.st", "w-2.st", "w-3.st"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let (text, files) = listed(&path, SWEEP.to_owned()).unwrap();
        assert_eq!(files.len(), 2);
        sweep::load(&text).unwrap();
        let (again, files) = listed(&path, text.clone()).unwrap();
        assert_eq!((again == text, files.len()), (true, 2), "they are sent again where they are not");
        // Another seed in the stored text; one file has changed since, which is the stored sweep's no longer.
        std::fs::write(folder.path().join("w-1.st"), "changed").unwrap();
        let (more, files) = listed(&path, text.replace("[1, 2]", "[1, 2, 3]")).unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!(sweep::listed_files(&more)["w-1.st"].digest, Digest::of(b"w-1.st"));
        sweep::load(&more).unwrap();
    }

    #[test]
    fn a_sweep_without_files_stays_as_it_is() {
        let plain = SWEEP.replace(", weights = \"w-{seed}.st\"", "");
        assert_eq!(listed(Path::new("own.toml"), plain.clone()).unwrap().0, plain);
    }
}
