//! Backups as they are read: checked, restored whole as another state, or refused and nothing restored.

use super::{Target, scratch, state};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::LazyLock};
use tokio::runtime::Runtime;
use tombola_server::{backup, progress::Progress, store::SqlStore};
use tombola_spec::Digest;

pub(crate) const TARGET: Target = Target {
    name: "backup",
    run,
    seeds,
    words: &[
        "\"format\":1",
        "\"rows\":\"rows-1\"",
        "\"count\":",
        "\"digest\":",
        "\"columns\":",
        "null",
        "1e999",
        "[[]]",
    ],
    longest: 32 << 10,
};

/// Between the parts of an input; no text has it.
const MARK: u8 = 0xff;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(state::runtime);

fn run(bytes: &[u8]) {
    let folder = scratch();
    let path = folder.path().join("backup");
    lay_out(bytes, &path);
    let mut progress = Progress::of("fuzz");
    let checked = RUNTIME.block_on(backup::check(&path, &mut progress));
    if let Err(error) = &checked {
        assert!(!format!("{error:#}").is_empty());
        // What is not whole is not restored: only what is whole costs a database.
        return;
    }
    let config = state::config(&folder.path().join("state"));
    match RUNTIME.block_on(backup::restore(&config, &path, &mut progress)) {
        Ok(restored) => {
            assert!(restored.state.is_some_and(|state| state != restored.backup_of), "of the same identity");
        }
        Err(error) => {
            assert!(!format!("{error:#}").is_empty());
            let store = SqlStore::sqlite(&config.state).expect("it was opened before");
            assert!(RUNTIME.block_on(store.vacant()).expect("it answers"), "half restored: {error:#}");
        }
    }
}

/// The manifest, the rows of each table that it names, and the list of artifacts. Lengths and digests are set right, which
/// nobody guesses, unless the input begins with `!`.
fn lay_out(bytes: &[u8], path: &Path) {
    let rows = path.join("rows-1");
    fs::create_dir_all(&rows)
        .and_then(|()| fs::create_dir_all(path.join("artifacts")))
        .expect("a folder of its own");
    fs::write(path.join("backup.lock"), "").expect("a folder of its own");
    let (as_it_is, bytes) = bytes.strip_prefix(b"!").map_or((false, bytes), |rest| (true, rest));
    let mut parts = bytes.split(|byte| *byte == MARK);
    let manifest = parts.next().unwrap_or_default();
    let Ok(mut form) = serde_json::from_slice::<Value>(manifest) else {
        return fs::write(path.join("backup.json"), manifest).expect("a folder of its own");
    };
    let names: Vec<String> = named(&form);
    for (place, name) in names.iter().enumerate() {
        let lines = parts.next().unwrap_or_default();
        if !as_it_is {
            right(&mut form["tables"][place], lines);
        }
        if name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            fs::write(rows.join(format!("{name:.100}.jsonl")), lines).expect("a folder of its own");
        }
    }
    let list = parts.next().unwrap_or_default();
    fs::write(rows.join("named-artifacts.jsonl"), list).expect("a folder of its own");
    if !as_it_is && form["artifacts"].is_object() {
        right(&mut form["artifacts"], list);
    }
    fs::write(path.join("backup.json"), form.to_string()).expect("a folder of its own");
}

fn named(form: &Value) -> Vec<String> {
    let tables = form.get("tables").and_then(Value::as_array).into_iter().flatten();
    tables.map(|table| table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
}

fn right(said: &mut Value, lines: &[u8]) {
    if let Some(said) = said.as_object_mut() {
        said.insert("count".into(), json!(lines.iter().filter(|byte| **byte == b'\n').count()));
        said.insert("digest".into(), json!(Digest::of(lines).to_string()));
    }
}

/// A backup of a small state, in one piece.
fn seeds() -> Vec<Vec<u8>> {
    let folder = RUNTIME.block_on(async {
        let (folder, store) = state::make().await;
        drop(store);
        let config = state::config(folder.path());
        fs::create_dir_all(&config.artifacts).expect("a folder of its own");
        let to = folder.path().join("backup");
        backup::take(&config, &to, &mut Progress::of("fuzz")).await.expect("a good state");
        folder
    });
    let path = folder.path().join("backup");
    let manifest = fs::read(path.join("backup.json")).expect("a whole backup");
    let form: Value = serde_json::from_slice(&manifest).expect("a whole backup");
    let rows = path.join(form["rows"].as_str().unwrap_or_default());
    let names = named(&form).into_iter().chain(["named-artifacts".to_owned()]);
    let tables = names.map(|name| fs::read(rows.join(format!("{name}.jsonl"))).expect("a whole backup"));
    let parts: Vec<Vec<u8>> = [form.to_string().into_bytes()].into_iter().chain(tables).collect();
    let whole = parts.join(&MARK);
    vec![[b"!".as_slice(), &whole].concat(), whole, manifest]
}
