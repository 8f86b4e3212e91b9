//! `[files]`: which bytes stand behind the names of files in a sweep file. `tombola` writes it when it submits one, from what
//! lies beside it, so that a stored sweep says all there is to know.

use super::{
    diagnostic::Notes,
    expand::MOST_JOBS,
    section::Section,
    tree::{Entry, Tree, Val},
    value::{Reading, not, text, whole},
};
use crate::plan::TrialSettings;
use std::collections::BTreeMap;
use tombola_spec::{Digest, outcome::Artifact};

/// Files by name.
pub(super) type Files = BTreeMap<String, Artifact>;

/// Reads the table.
pub(super) fn read(entry: Option<&Entry>, notes: &mut Notes) -> Files {
    let Some(entry) = entry else { return Files::new() };
    let example = "\"scores-1.safetensors\" = { digest = \"…\", bytes = 1064 }";
    if Section::of(notes, "files", entry, example).is_none() {
        return Files::new();
    }
    let Val::Table(tree) = &entry.node.value else { return Files::new() };
    tree.0.iter().filter_map(|entry| Some((entry.key.clone(), one(entry, notes)?))).collect()
}

fn one(entry: &Entry, notes: &mut Notes) -> Option<Artifact> {
    let path = format!("files.{}", entry.key);
    let mut table = Section::of(notes, &path, entry, "digest = \"…\", bytes = 1064")?;
    let digest = table.required("digest", "\"…\"", digest);
    let bytes = table.required("bytes", "1064", whole);
    table.finish();
    Some(Artifact { digest: digest?, bytes: bytes? })
}

fn digest(node: &super::tree::Node) -> Reading<Digest> {
    text(node)?.parse().or_else(|_| not(node, "a digest", "BLAKE3, 64 digits from 0 to f"))
}

/// Notes the files that a trial's settings name, and those among them that are not there. Of more than a sweep can have
/// none is looked for: it is refused for its size.
pub(super) fn check(
    (settings, files): (&TrialSettings, &Files),
    (seeds, repeats): (&[u64], u32),
    tree: &Tree,
    notes: &mut Notes,
) {
    let given = settings.prune.as_ref().and_then(|line| Some((line.given.as_ref()?, line.rounds)));
    let each = u64::from(given.map_or(1, |(_, rounds)| rounds));
    if (seeds.len() as u64).saturating_mul(repeats.into()).saturating_mul(each) > MOST_JOBS {
        return;
    }
    for (seed, repeat) in seeds.iter().flat_map(|&seed| (0..repeats).map(move |repeat| (seed, repeat))) {
        let own = settings.weights.iter().map(|name| ("model.weights", name.of(seed, repeat, 0)));
        let rounds = given.into_iter().flat_map(|(given, rounds)| {
            (1..=rounds).map(move |round| ("prune.criterion", given.file.of(seed, repeat, round)))
        });
        for (setting, name) in own.chain(rounds) {
            if !files.contains_key(&name) {
                let what = format!("`{setting}`: the file `{name}` is not in `[files]`");
                let hint = "`tombola submit` puts it there, if it lies beside the sweep file";
                notes.problem(tree.place(setting), what, hint);
            }
            notes.files.insert(name);
        }
    }
}
