//! What results look like: a table for the terminal, a page with a plot for people. Pure: answers in, text out.

mod answer;
pub(crate) mod barrier;
mod canvas;
mod chart;
pub(crate) mod compare;
mod cost;
pub(crate) mod early_bird;
pub(crate) mod html;
mod map;
mod plot;
mod scale;
pub(crate) mod searches;
pub(crate) mod slim;
mod stops;
pub(crate) mod table;
mod transfer;
pub(crate) mod verdicts;

use std::cmp::Ordering;
use tombola_wire::v1::{CurvePoint, ResultsResponse, RunPoint};

/// A curve of the plot and a column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Axis values, empty without axes.
    group: String,
    /// Branch, empty for tickets.
    branch: String,
    /// Its kind.
    kind: String,
}

impl Line {
    fn of(point: &CurvePoint) -> Self {
        Self { group: point.group.clone(), branch: point.branch.clone(), kind: point.kind.clone() }
    }

    /// Whether this run is one behind it.
    fn has(&self, run: &RunPoint) -> bool {
        (&self.group, &self.branch, &self.kind) == (&run.group, &run.branch, &run.kind)
    }

    /// Its name for people, among the lines of its group.
    fn title(&self) -> String {
        let kind = match self.kind.as_str() {
            "ticket" => "ticket",
            "random_mask" => "random mask",
            "pretrain" => "before, on another task",
            other => other,
        };
        // A branch called like its kind needs no second name.
        let own = self.branch.is_empty() || self.branch == self.kind || kind.starts_with(&self.branch);
        if own { kind.to_owned() } else { format!("{} ({kind})", self.branch) }
    }
}

/// The lines of a result by axis values; tickets first, then the controls in the order of how much they keep.
fn lines(results: &ResultsResponse) -> Vec<Line> {
    let mut lines: Vec<_> = results.curve.iter().map(Line::of).collect();
    let rank = |line: &Line| ["ticket", "reinit", "random_mask"].iter().position(|kind| *kind == line.kind);
    let groups = groups(results);
    let group = |line: &Line| groups.iter().position(|group| *group == line.group);
    let order = |line: &Line| (group(line), rank(line).unwrap_or(usize::MAX), line.branch.clone());
    lines.sort_by_key(order);
    lines.dedup();
    lines
}

/// The lines that one chart can show beside each other: of several settings their tickets alone.
fn few_lines(results: &ResultsResponse) -> Vec<Line> {
    let one = groups(results).len() < 2;
    lines(results).into_iter().filter(|line| one || line.branch.is_empty()).collect()
}

/// The name of such a line among those of its chart.
fn short_title(line: &Line) -> String {
    if line.group.is_empty() || !line.branch.is_empty() { line.title() } else { heading(&line.group) }
}

/// The axis values there are, counting as people count; one empty text without axes.
fn groups(results: &ResultsResponse) -> Vec<&str> {
    let mut groups: Vec<&str> = results.curve.iter().map(|point| point.group.as_str()).collect();
    groups.sort_by(|a, b| in_order(a, b));
    groups.dedup();
    groups
}

/// Numbers in texts by their value: `100it` before `2000it`.
fn in_order(a: &str, b: &str) -> Ordering {
    let digit = |c: u8| c.is_ascii_digit() || c == b'.';
    // Only digits and points are parsed, so that nothing is infinite or no number.
    let number = |part: &[u8]| str::from_utf8(part).ok().filter(|_| digit(part[0]))?.parse::<f64>().ok();
    let parts = |text: &str| -> Vec<(Option<f64>, Vec<u8>)> {
        let parts = text.as_bytes().chunk_by(|a, b| digit(*a) == digit(*b));
        parts.map(|part| (number(part), part.to_owned())).collect()
    };
    parts(a).partial_cmp(&parts(b)).unwrap_or(Ordering::Equal)
}

/// `prune.rate=0.2 prune.rewind=100it` as `prune.rate = 0.2, prune.rewind = 100it`.
fn heading(group: &str) -> String {
    let mut settings: Vec<String> = Vec::new();
    for word in group.split(' ') {
        match (word.split_once('='), settings.last_mut()) {
            (Some((name, value)), _) => settings.push(format!("{name} = {value}")),
            // A value with a space in it.
            (None, Some(setting)) => *setting += &format!(" {word}"),
            (None, None) => settings.push(word.to_owned()),
        }
    }
    settings.join(", ")
}

/// Only what belongs to one group.
fn of_group(results: &ResultsResponse, group: &str) -> ResultsResponse {
    let curve = results.curve.iter().filter(|point| point.group == group).cloned().collect();
    let runs = results.runs.iter().filter(|run| run.group == group).cloned().collect();
    ResultsResponse { curve, runs, ..Default::default() }
}

/// The trials' own lines of all groups: what a plot can show beside each other.
fn tickets(results: &ResultsResponse) -> ResultsResponse {
    let curve = results.curve.iter().filter(|point| point.branch.is_empty()).cloned().collect();
    let runs = results.runs.iter().filter(|run| run.branch.is_empty()).cloned().collect();
    ResultsResponse { curve, runs, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_people_write_them_and_numbers_by_their_value() {
        assert_eq!(heading("prune.rate=0.2 train.lr=[1e-3,2]"), "prune.rate = 0.2, train.lr = [1e-3,2]");
        let mut values = ["k=2000it", "k=100it", "k=0it", "k=0.5", "k=0.05"];
        values.sort_by(|a, b| in_order(a, b));
        assert_eq!(values, ["k=0it", "k=0.05", "k=0.5", "k=100it", "k=2000it"]);
    }
}
