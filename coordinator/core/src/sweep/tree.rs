//! A sweep file as a tree of values that know where they were written. Nothing is judged here.

use super::diagnostic::Notes;
use serde_json::{Map, Value, json};
use toml::{Spanned, de::DeTable, de::DeValue};

/// A value and the byte offset it was written at.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) value: Val,
}

/// A TOML value. Tables keep the order of the file.
#[derive(Debug, Clone)]
pub(super) enum Val {
    Text(String),
    Whole(i64),
    Number(f64),
    Flag(bool),
    Date,
    List(Vec<Node>),
    Table(Tree),
    /// Something was written here, but it is wrong and has been reported; nothing more is said about it.
    Broken,
}

/// One `key = value`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) at: usize,
    pub(super) key: String,
    pub(super) node: Node,
}

/// A table.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree(pub(super) Vec<Entry>);

impl Tree {
    /// Parses a file. What is not TOML is noted; the tree then holds what could be made out.
    pub(super) fn parse(text: &str, notes: &mut Notes) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            notes.problem(at, format!("not TOML: {}", error.message()), "");
        }
        tree(table.get_ref(), notes)
    }

    /// What is written under these keys.
    pub(super) fn only(&self, keys: &[&str]) -> Self {
        Self(self.0.iter().filter(|entry| keys.contains(&entry.key.as_str())).cloned().collect())
    }

    /// How many values there are, those inside of others too; a long text counts as several.
    pub(super) fn size(&self) -> usize {
        self.0.iter().map(|entry| entry.node.size()).sum()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.0.iter_mut().find(|entry| entry.key == key)
    }

    /// Whether anything is written at these keys, one inside the other.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        let Some((key, inner)) = path.split_first() else { return true };
        match self.get(key).map(|entry| &entry.node.value) {
            Some(Val::Table(tree)) => tree.has(inner),
            Some(_) => inner.is_empty(),
            None => false,
        }
    }

    /// Where a dotted setting is written: its value, else the innermost table around it, else the start.
    pub(super) fn place(&self, setting: &str) -> usize {
        let (mut tree, mut at) = (self, 0);
        for part in parts(setting) {
            let Some(entry) = tree.get(part) else { return at };
            at = if matches!(entry.node.value, Val::Table(_)) { entry.at } else { entry.node.at };
            match &entry.node.value {
                Val::Table(inner) => tree = inner,
                _ => return at,
            }
        }
        at
    }

    /// Puts `value` at a dotted setting, making tables on the way; `at` is where the setting's name is written.
    pub(super) fn set(&mut self, setting: &str, at: usize, value: &Node) {
        let path = parts(setting);
        let Some((last, tables)) = path.split_last() else { return };
        let mut tree = self;
        for part in tables {
            let entry = tree.entry(part, at);
            match &mut entry.node.value {
                Val::Table(inner) => tree = inner,
                // A section that is not a table is reported by whoever reads it.
                _ => return,
            }
        }
        let entry = tree.entry(last, at);
        entry.at = at;
        entry.node = value.clone();
    }

    fn entry(&mut self, key: &str, at: usize) -> &mut Entry {
        let index = self.0.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
            let node = Node { at, value: Val::Table(Self::default()) };
            self.0.push(Entry { at, key: key.to_owned(), node });
            self.0.len() - 1
        });
        &mut self.0[index]
    }
}

/// The keys of a dotted setting. Parameter names have dots of their own: what follows `prune.rates.` is one key.
fn parts(setting: &str) -> Vec<&str> {
    match setting.strip_prefix("prune.rates.") {
        Some(parameter) => vec!["prune", "rates", parameter],
        None => setting.split('.').collect(),
    }
}

impl Node {
    pub(super) fn size(&self) -> usize {
        match &self.value {
            Val::List(nodes) => 1 + nodes.iter().map(Self::size).sum::<usize>(),
            Val::Table(tree) => 1 + tree.size(),
            Val::Text(text) => 1 + text.len() / 16,
            _ => 1,
        }
    }

    /// The value as it stands in a message.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Val::Text(text) => format!("`\"{text}\"`"),
            Val::Whole(number) => format!("`{number}`"),
            Val::Number(number) => format!("`{number}`"),
            Val::Flag(flag) => format!("`{flag}`"),
            Val::Date => "a date".to_owned(),
            Val::List(_) => "a list".to_owned(),
            Val::Table(_) => "a table".to_owned(),
            Val::Broken => "this".to_owned(),
        }
    }

    /// The value as JSON; one number has one form, however it was written.
    pub(super) fn json(&self) -> Value {
        match &self.value {
            Val::Text(text) => json!(text),
            Val::Whole(number) => json!(number),
            Val::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => json!(*number as i64),
            Val::Number(number) => json!(number),
            Val::Flag(flag) => json!(flag),
            Val::Date | Val::Broken => Value::Null,
            Val::List(nodes) => nodes.iter().map(Self::json).collect(),
            Val::Table(tree) => {
                Value::Object(tree.0.iter().map(|e| (e.key.clone(), e.node.json())).collect::<Map<_, _>>())
            }
        }
    }
}

fn tree(table: &DeTable<'_>, notes: &mut Notes) -> Tree {
    let entry = |(key, value): (&Spanned<_>, &Spanned<_>), notes: &mut Notes| {
        let (at, key) = (key.span().start, AsRef::<std::borrow::Cow<'_, str>>::as_ref(key).to_string());
        if key.contains('\0') {
            notes.problem(at, "a name holds a NUL character", "leave it out");
        }
        Entry { at, key, node: node(value, notes) }
    };
    let mut entries: Vec<_> = table.iter().map(|pair| entry(pair, notes)).collect();
    entries.sort_by_key(|entry| entry.at);
    Tree(entries)
}

fn node(value: &Spanned<DeValue<'_>>, notes: &mut Notes) -> Node {
    let at = value.span().start;
    let value = match value.get_ref() {
        // One database stores none.
        DeValue::String(text) if text.contains('\0') => {
            notes.problem(at, "a text holds a NUL character", "leave it out");
            Val::Broken
        }
        DeValue::String(text) => Val::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Val::Whole(number),
            Err(_) => {
                notes.problem(at, format!("`{number}` is too large a number"), "");
                Val::Broken
            }
        },
        DeValue::Float(number) => Val::Number(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Val::Flag(*flag),
        DeValue::Datetime(_) => Val::Date,
        DeValue::Array(values) => Val::List(values.iter().map(|value| node(value, notes)).collect()),
        DeValue::Table(table) => Val::Table(tree(table, notes)),
    };
    Node { at, value }
}
