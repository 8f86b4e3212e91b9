//! What the entries of `[branch]` and `[analysis]` have in common: a name of their own, and a kind from a registry.

use super::{
    diagnostic::{Notes, quoted, suggest},
    section::Section,
    tree::{Entry, Node, Val},
    value::{name, text},
};

/// A kind's name in a sweep file, and what it is.
pub(super) type Kind<T> = (&'static str, T);

/// The kind an entry says it is, by default the one it is named after. `what`: "branch", "analysis".
pub(super) fn kind<T>(
    table: &mut Section<'_, '_>,
    entry: &Entry,
    kinds: &'static [Kind<T>],
    what: &str,
) -> Option<&'static Kind<T>> {
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let by_name = |name: &str| kinds.iter().find(|(known, _)| *known == name);
    match table.get("kind") {
        Some(written) => {
            let kind = table.read("kind", &written.node, text)?;
            if by_name(&kind).is_none() {
                let wrong = format!("`{kind}` is not a kind of {what}");
                table.complain("kind", wrong, suggest(&kind, &names, "kinds:"));
            }
            by_name(&kind)
        }
        None => {
            let found = by_name(&entry.key);
            match found {
                Some(_) => table.defaulted("kind"),
                None => {
                    let wrong = format!("{what} `{}` does not say what kind it is", entry.key);
                    let hint = format!("add `kind = …`, one of {}", quoted(&names));
                    table.notes.problem(entry.at, wrong, hint);
                }
            }
            found
        }
    }
}

/// Whether an entry's key can be a name; if not, that is noted.
pub(super) fn is_name(entry: &Entry, notes: &mut Notes) -> bool {
    let key = Node { at: entry.at, value: Val::Text(entry.key.clone()) };
    match name(&key) {
        Ok(_) => true,
        Err(problems) => {
            notes.problems.extend(problems);
            false
        }
    }
}
