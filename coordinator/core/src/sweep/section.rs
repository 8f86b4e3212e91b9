//! Walks one table of a sweep file: typed getters that note every mistake and go on, and unknown keys at the end.

use super::{
    diagnostic::{Notes, Problem, nearest, suggest},
    tree::{Entry, Node, Tree, Val},
    value::Reading,
};
use std::fmt::Display;

/// Keys of the file itself. To TOML, one that is written below `[train]` is a key of `train`.
const TOP: [&str; 3] = ["name", "seeds", "repeat"];

/// One table being read. Getters return `None` where something is wrong, which has then been noted; so read all
/// settings first and put them together with `?` afterwards.
pub(super) struct Section<'n, 't> {
    pub(super) notes: &'n mut Notes,
    /// Dotted name, empty for the file itself.
    name: String,
    at: usize,
    tree: &'t Tree,
    known: Vec<&'static str>,
}

impl<'n, 't> Section<'n, 't> {
    pub(super) fn new(notes: &'n mut Notes, name: &str, at: usize, tree: &'t Tree) -> Self {
        Self { notes, name: name.to_owned(), at, tree, known: Vec::new() }
    }

    /// The table at a top-level key of `tree`; missing or not a table is noted.
    pub(super) fn open(notes: &'n mut Notes, tree: &'t Tree, key: &str, example: &str) -> Option<Self> {
        let Some(entry) = tree.get(key) else {
            let hint = format!("write `{key} = {{ {example} }}`");
            notes.missing(key, Problem::new(0, format!("`{key}` is missing"), hint));
            return None;
        };
        Self::of(notes, key, entry, example)
    }

    /// The table that is the value of `entry`; anything else is noted.
    pub(super) fn of(notes: &'n mut Notes, name: &str, entry: &'t Entry, example: &str) -> Option<Self> {
        match &entry.node.value {
            Val::Table(tree) => Some(Self::new(notes, name, entry.at, tree)),
            Val::Broken => None,
            _ => {
                let what = format!("`{name}`: {} is not a table", entry.node.describe());
                notes.problem(entry.node.at, what, format!("write `{} = {{ {example} }}`", entry.key));
                None
            }
        }
    }

    /// The dotted name of a setting of this table.
    pub(super) fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Declares keys that are read elsewhere or only in some cases.
    pub(super) fn know(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// What is written at a key, if anything; the key becomes a known one.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'t Entry> {
        self.known.push(key);
        self.tree.get(key)
    }

    /// A setting that must be written.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl Fn(&Node) -> Reading<T>,
    ) -> Option<T> {
        match self.get(key) {
            Some(entry) => self.read(key, &entry.node, read),
            None => {
                let path = self.path(key);
                let hint = format!("write `{key} = {example}`");
                self.notes.missing(&path, Problem::new(self.at, format!("`{path}` is missing"), hint));
                None
            }
        }
    }

    /// A setting with a default.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl Fn(&Node) -> Reading<T>,
    ) -> Option<T> {
        match self.get(key) {
            Some(entry) => self.read(key, &entry.node, read),
            None => {
                self.defaulted(key);
                Some(default)
            }
        }
    }

    /// Notes that a setting was left to its default.
    pub(super) fn defaulted(&mut self, key: &str) {
        let path = self.path(key);
        self.notes.defaults.insert(path);
    }

    /// Reads a value; complaints get the setting's name in front.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        node: &Node,
        read: impl Fn(&Node) -> Reading<T>,
    ) -> Option<T> {
        if matches!(node.value, Val::Broken) {
            return None;
        }
        match read(node) {
            Ok(value) => Some(value),
            Err(problems) => {
                let path = self.path(key);
                for problem in problems {
                    self.notes.problem(problem.at, format!("`{path}`: {}", problem.what), problem.hint);
                }
                None
            }
        }
    }

    /// Notes a mistake at a key, if it is written, else at the table.
    pub(super) fn complain(&mut self, key: &str, what: impl Display, hint: impl Into<String>) {
        let at = self.tree.get(key).map_or(self.at, |entry| entry.node.at);
        let path = self.path(key);
        self.notes.problem(at, format!("`{path}`: {what}"), hint);
    }

    /// Keys that make no sense in this case: each one written is a mistake.
    pub(super) fn refuse(&mut self, keys: &[&'static str], what: &str, hint: &str) {
        self.know(keys);
        for key in keys {
            if let Some(entry) = self.tree.get(key) {
                let path = self.path(key);
                self.notes.problem(entry.at, format!("`{path}` {what}"), hint);
            }
        }
    }

    /// Notes every key nobody asked for. Last call.
    pub(super) fn finish(self) {
        let mut known: Vec<&str> = Vec::new();
        for key in &self.known {
            if !known.contains(key) {
                known.push(key);
            }
        }
        for entry in self.tree.0.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let place = if self.name.is_empty() { String::new() } else { format!(" in `{}`", self.name) };
            let hint = match entry.key.as_str() {
                key if TOP.contains(&key) => format!("`{key}` belongs to the top, above the first `[…]`"),
                key => {
                    if let Some(meant) = nearest(key, known.iter().copied()) {
                        self.notes.meant(self.path(meant));
                    }
                    suggest(key, &known, "known here:")
                }
            };
            self.notes.problem(entry.at, format!("unknown key `{}`{place}", entry.key), hint);
        }
    }
}
