//! Settings of a branch's own, put over the trial's.

use crate::sweep::tree::{Entry, Tree, Val};
use tombola_spec::settings::Recipe;

/// Tables a branch may have of its own; what they do not say is as in the trial.
pub(super) const TABLES: [&str; 2] = ["data", "train"];

/// Settings that belong to the value of another, and go with it.
const WITH: [(&str, &str, &[&str]); 3] = [
    ("data", "set", &["examples", "test", "classes", "image", "mean", "std"]),
    ("train", "optimizer", &["momentum", "nesterov", "betas", "alpha", "eps"]),
    ("train", "schedule", &["milestones", "gamma", "final_lr"]),
];

/// The own settings of one branch.
pub(in crate::sweep) struct Overlay {
    pub(in crate::sweep) name: String,
    /// The branch it grows from, whose settings are under these.
    pub(in crate::sweep) of: Option<String>,
    /// Its tables; none for a branch without settings of its own.
    tables: Vec<Entry>,
}

impl Overlay {
    /// Whether the branch has settings of its own.
    pub(in crate::sweep) fn is_some(&self) -> bool {
        !self.tables.is_empty()
    }

    /// How many values its settings have.
    pub(in crate::sweep) fn size(&self) -> usize {
        self.tables.iter().map(|entry| entry.node.size()).sum()
    }

    /// Its settings put over those of `tree`.
    pub(in crate::sweep) fn over(&self, tree: &Tree) -> Tree {
        let mut tree = tree.clone();
        for table in &self.tables {
            let Val::Table(own) = &table.node.value else { continue };
            for (_, _, keys) in
                WITH.iter().filter(|(name, key, _)| *name == table.key && own.get(key).is_some())
            {
                if let Some(Val::Table(under)) = tree.get_mut(&table.key).map(|entry| &mut entry.node.value) {
                    under.0.retain(|entry| !keys.contains(&entry.key.as_str()));
                }
            }
            for entry in &own.0 {
                tree.set(&format!("{}.{}", table.key, entry.key), entry.at, &entry.node);
            }
        }
        tree
    }
}

/// The own settings of all branches, in order; nothing is judged.
pub(in crate::sweep) fn overlays(branches: Option<&Entry>) -> Vec<Overlay> {
    let Some(Val::Table(tree)) = branches.map(|entry| &entry.node.value) else { return Vec::new() };
    let one = |entry: &Entry| {
        let Val::Table(own) = &entry.node.value else { return None };
        let of = own.get("of").and_then(|of| match &of.node.value {
            Val::Text(name) => Some(name.clone()),
            _ => None,
        });
        let is_own = |entry: &&Entry| TABLES.contains(&entry.key.as_str());
        let tables = own.0.iter().filter(is_own).cloned().collect();
        Some(Overlay { name: entry.key.clone(), of, tables })
    };
    tree.0.iter().filter_map(one).collect()
}

/// The own settings of a branch as written, by dotted name.
pub(super) fn written(branch: &Tree) -> Vec<(String, String)> {
    let tables = TABLES.iter().filter_map(|table| branch.get(table));
    let settings = tables.flat_map(|table| {
        let Val::Table(own) = &table.node.value else { return Vec::new() };
        own.0.iter().map(|entry| (format!("{}.{}", table.key, entry.key), plain(entry))).collect()
    });
    settings.collect()
}

fn plain(entry: &Entry) -> String {
    match &entry.node.value {
        Val::Text(text) => text.clone(),
        _ => entry.node.json().to_string(),
    }
}

/// Why masks of networks trained by `own` do not fit those trained by `other`.
pub(in crate::sweep) fn misfit(own: &Recipe, other: &Recipe) -> Option<String> {
    let (from, to) = (own.architecture().ok()?, other.architecture().ok()?);
    let head = from.head();
    let (from, to) = (from.weights(), to.weights());
    let differs = from.iter().zip(&to).find(|(a, b)| a.shape != b.shape && !head.contains(&a.name));
    // Of the output layer only the number of outputs may differ.
    let differs = differs.or_else(|| {
        from.iter().zip(&to).find(|(a, b)| head.contains(&a.name) && a.shape[1..] != b.shape[1..])
    })?;
    let (a, b) = differs;
    Some(format!(
        "`{}` has shape {:?} on `{}` and {:?} on `{}`",
        a.name, a.shape, own.data.set, b.shape, other.data.set
    ))
}
