//! What is wrong with a sweep file, for people: every mistake with its place and what to do about it.

use std::{collections::BTreeSet, fmt};

/// Most mistakes that are shown; nobody mends more at once.
const MOST: usize = 100;
/// Most that are kept. What is shown are the first of them in the order of the lines.
const KEPT: usize = 1000;
/// Longest word that is looked up among what might have been meant.
const LONGEST_WORD: usize = 64;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in that line, in characters, from 1.
    pub column: u32,
    /// What is wrong, with names and values in backticks.
    pub what: String,
    /// What to do about it; empty where `what` already says so.
    pub hint: String,
}

impl Diagnostic {
    /// The diagnostic as it is shown for a file of this name: `lenet.toml:7:12: …`, the hint on a line of its own.
    pub fn show(&self, file: &str) -> String {
        let hint = if self.hint.is_empty() { String::new() } else { format!("\n  hint: {}", self.hint) };
        format!("{file}:{}:{}: {}{hint}", self.line, self.column, self.what)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show("sweep.toml"))
    }
}

/// All mistakes of a file, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.show("sweep.toml"))]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// All mistakes as shown for a file of this name.
    pub fn show(&self, file: &str) -> String {
        self.0.iter().map(|one| one.show(file)).collect::<Vec<_>>().join("\n")
    }
}

/// A mistake by byte offset, before lines are counted. Ordered by place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) what: String,
    pub(super) hint: String,
}

impl Problem {
    pub(super) fn new(at: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { at, what: what.into(), hint: hint.into() }
    }
}

/// What is noticed while a file is read: mistakes, each once however many trials it spoils, and the settings that were
/// left to their defaults.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) problems: BTreeSet<Problem>,
    /// Settings that must be written and are not, by dotted name.
    missing: BTreeSet<(Problem, String)>,
    /// Settings that an unknown key was most likely meant to be. That they are missing is then not said again.
    meant: BTreeSet<String>,
    pub(super) defaults: BTreeSet<String>,
    /// Files that are named.
    pub(super) files: BTreeSet<String>,
}

impl Notes {
    pub(super) fn problem(&mut self, at: usize, what: impl Into<String>, hint: impl Into<String>) {
        if !self.are_full() {
            self.problems.insert(Problem::new(at, what, hint));
        }
    }

    /// Whether there are so many mistakes that more of them are not kept.
    pub(super) fn are_full(&self) -> bool {
        self.problems.len() >= KEPT
    }

    /// Takes over the mistakes of others, saying whose they are.
    pub(super) fn adopt(&mut self, others: Self, whose: &str) {
        let missing = others.missing.into_iter().map(|(problem, _)| problem);
        for Problem { at, what, hint } in others.problems.into_iter().chain(missing) {
            self.problem(at, format!("{whose}: {what}"), hint);
        }
    }

    /// Notes that a setting must be written and is not.
    pub(super) fn missing(&mut self, setting: &str, problem: Problem) {
        self.missing.insert((problem, setting.to_owned()));
    }

    /// Notes that an unknown key was most likely meant to be this setting.
    pub(super) fn meant(&mut self, setting: String) {
        self.meant.insert(setting);
    }

    /// The mistakes with lines and columns; `None` if there are none.
    pub(super) fn diagnostics(&self, text: &str) -> Option<Diagnostics> {
        let located = |problem: &Problem| {
            let (line, column) = position(text, problem.at);
            Diagnostic { line, column, what: problem.what.clone(), hint: problem.hint.clone() }
        };
        let missing = self.missing.iter().filter(|(_, setting)| !self.meant.contains(setting));
        let all: BTreeSet<&Problem> =
            self.problems.iter().chain(missing.map(|(problem, _)| problem)).collect();
        let all: Vec<_> = all.into_iter().take(MOST).map(located).collect();
        (!all.is_empty()).then_some(Diagnostics(all))
    }
}

/// Line and column of a byte offset, both from 1, columns in characters.
pub(super) fn position(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1;
    (line, column)
}

/// The candidate a misspelt word was most likely meant to be.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST_WORD {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    let ranked = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    ranked.filter(|(edits, _)| *edits <= allowed).min().map(|(_, candidate)| candidate)
}

/// "did you mean …" if a candidate is near, else what there is.
pub(super) fn suggest<'a>(word: &str, candidates: &[&'a str], otherwise: &str) -> String {
    let nearest: Option<&'a str> = nearest(word, candidates.iter().copied());
    match nearest {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("{otherwise} {}", quoted(candidates)),
    }
}

/// `` `a`, `b`, `c` ``.
pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(table[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words_find_what_was_meant() {
        let keys = ["optimizer", "momentum", "milestones", "lr"];
        assert_eq!(nearest("optimiser", keys), Some("optimizer"));
        assert_eq!(nearest("momentmu", keys), Some("momentum"));
        assert_eq!(nearest("rl", keys), Some("lr"));
        assert_eq!(nearest("dropout", keys), None);
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(position("a\nβγ = 1", "a\nβγ".len()), (2, 3));
        assert_eq!(position("", 7), (1, 1));
    }
}
