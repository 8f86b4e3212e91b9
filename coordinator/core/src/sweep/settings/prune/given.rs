//! `criterion = { file = "scores-{seed}-{round}.safetensors", holds = "scores" }`: scores, or masks, that people made.

use crate::{
    plan::Given,
    sweep::{
        section::Section,
        tree::{Node, Val},
        value::{Reading, file_name, word},
    },
};
use tombola_spec::job::Output;

pub(in crate::sweep) const HOLDS: &[(&str, Output)] = &[("scores", Output::Scores), ("mask", Output::Mask)];

/// `None` inside where the criterion is another.
pub(super) fn read(table: &mut Section<'_, '_>) -> Option<Option<Given>> {
    let Some(entry) = table.get("criterion") else { return Some(None) };
    let Val::Table(tree) = &entry.node.value else { return Some(None) };
    if tree.get("file").is_none() {
        return Some(None);
    }
    let path = table.path("criterion");
    let mut own = Section::new(table.notes, &path, entry.at, tree);
    let file = own.required("file", "\"scores-{seed}-{round}.safetensors\"", file);
    let holds = own.or("holds", Output::Scores, word(HOLDS));
    own.finish();
    let given = Given { file: file?, holds: holds? };
    if given.holds == Output::Mask {
        let what = "says how weights are ranked, and the mask is there";
        table.refuse(&["scope", "invert", "counting", "protect", "unit"], what, "leave it out");
    }
    Some(Some(given))
}

fn file(node: &Node) -> Reading<crate::plan::FileName> {
    file_name(node, &["{seed}", "{repeat}", "{round}"])
}
