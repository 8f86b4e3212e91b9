//! What results look like: a table for the terminal, a page with a plot for people. Pure: answers in, text out.

pub(crate) mod html;
mod plot;
mod scale;
pub(crate) mod table;

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

    /// Its name for people.
    fn title(&self) -> String {
        let kind = match self.kind.as_str() {
            "ticket" => "ticket",
            "random_mask" => "random mask",
            other => other,
        };
        // A branch called like its kind needs no second name.
        let own = self.branch.is_empty() || self.branch == self.kind || kind.starts_with(&self.branch);
        let name = if own { kind.to_owned() } else { format!("{} ({kind})", self.branch) };
        if self.group.is_empty() { name } else { format!("{name}, {}", self.group) }
    }
}

/// The lines of a result by axis values; tickets first, then the controls in the order of how much they keep.
fn lines(results: &ResultsResponse) -> Vec<Line> {
    let mut lines: Vec<_> = results.curve.iter().map(Line::of).collect();
    let rank = |line: &Line| ["ticket", "reinit", "random_mask"].iter().position(|kind| *kind == line.kind);
    let order = |line: &Line| (line.group.clone(), rank(line).unwrap_or(usize::MAX), line.branch.clone());
    lines.sort_by_key(order);
    lines.dedup();
    lines
}
